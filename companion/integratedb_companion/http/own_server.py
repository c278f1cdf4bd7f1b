"""Determines the server that the daemon is connected to, so that clients' passwords go to that server only.

A connection string may be ambiguous: it may use a service, environment variables, or several hosts with one primary.
The open connection knows the actual server.
"""

from __future__ import annotations

from psycopg import pq

#: The parameters of the connection's security. All others are the daemon's own: its password, certificate and options.
_SECURITY_PARAMETERS = {
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
    """Return the parameters that lead to the server of a connection, for any login."""
    asked = {option.keyword.decode(): option.val for option in connection.info if option.val is not None}
    place = {name: value.decode() for name, value in asked.items() if name in _SECURITY_PARAMETERS}
    place |= {
        "host": connection.host.decode(),
        "port": connection.port.decode(),
        "dbname": connection.db.decode(),
        # The values of a service or of the environment are for the daemon only.
        "target_session_attrs": "any",
        "options": "",
        "passfile": "/dev/null",
    }
    # The address is used where it is known, since the host name may resolve to another one the next time.
    if connection.hostaddr:
        place["hostaddr"] = connection.hostaddr.decode()
    return place
