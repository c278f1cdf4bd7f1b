"""Says how clients find the primary and the replicas: connection strings of libpq, HAProxy, PgBouncer."""

from __future__ import annotations

from .nodes import Node, Status

FORMATS = ("json", "haproxy", "pgbouncer")
#: Ports of HAProxy on the machine of its clients.
PROXY_WRITES, PROXY_READS = 5000, 5001


def connection_strings(state: Status, database: str) -> dict[str, str]:
    """Return libpq's connection strings by purpose. All nodes are in each: the roles change, the string does not."""
    # Where the primary is now comes first, which saves a try.
    places = [_split(node.address) for node in _known(state)]
    hosts, ports = ",".join(host for host, _ in places), ",".join(port for _, port in places)
    place = f"host={hosts} port={ports} dbname={database} connect_timeout=3 sslmode=verify-full"
    return {
        "read-write": f"{place} target_session_attrs=read-write",
        "read-only": f"{place} target_session_attrs=standby",
        "prefer-standby": f"{place} target_session_attrs=prefer-standby",
    }


def haproxy(state: Status) -> str:
    """Return a part of HAProxy's configuration, which asks the agents who the primary is."""
    blocks = []
    for name, port, path in (("primary", PROXY_WRITES, "/primary"), ("replicas", PROXY_READS, "/replica?lag=16MB")):
        servers = [
            f"    server {node.name} {node.address} check port {_split(node.agent)[1]}" for node in _known(state)
        ]
        blocks.append(
            "\n".join(
                [
                    f"listen integratedb-{name}",
                    f"    bind 127.0.0.1:{port}",
                    "    mode tcp",
                    "    option httpchk",
                    f'    http-check send meth GET uri {path} hdr Authorization "Bearer ${{INTEGRATEDB_READ_TOKEN}}"',
                    "    http-check expect status 200",
                    "    default-server inter 2s fall 2 rise 1 on-marked-down shutdown-sessions",
                    "    default-server check-ssl verify required ca-file /etc/haproxy/integratedb-ca.crt",
                    *servers,
                ]
            )
        )
    return "\n\n".join(blocks) + "\n"


def pgbouncer(database: str) -> str:
    """Return a part of PgBouncer's configuration, which goes through HAProxy: PgBouncer itself finds no primary."""
    lines = ("[databases]", f"{database} = host=127.0.0.1 port={PROXY_WRITES} dbname={database}")
    return "\n".join((*lines, f"{database}_ro = host=127.0.0.1 port={PROXY_READS} dbname={database}")) + "\n"


def _known(state: Status) -> list[Node]:
    return [node for node in state.nodes if node.address and node.agent]


def _split(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port
