"""Tells where the daemon is connected to, so that the passwords of others go to that server and to no other.

A connection string leaves much open: a service, environment variables, several hosts of which one was found to be the
primary. The connection that there is knows what came of it.
"""

from __future__ import annotations

from psycopg import pq

#: How the server is reached and known. All else is the daemon's own: its password, its certificate, its options.
_KEPT = {
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "gssencmode",
    "channel_binding",
    "require_auth",
    "requirepeer",
}

Parameters = dict[str, str]


def parameters_of(connection: pq.abc.PGconn) -> Parameters:
    """The parameters that lead to the very server of a connection, whoever logs in."""
    asked = {option.keyword.decode(): option.val for option in connection.info if option.val is not None}
    place = {name: value.decode() for name, value in asked.items() if name in _KEPT}
    place |= {
        "host": connection.host.decode(),
        "port": connection.port.decode(),
        "dbname": connection.db.decode(),
        # What a service or the environment says of these is for the daemon.
        "target_session_attrs": "any",
        "options": "",
        "passfile": "/dev/null",
    }
    # The address, where there is one: the name of the host may lead elsewhere the next time.
    if connection.hostaddr:
        place["hostaddr"] = connection.hostaddr.decode()
    return place
