"""Renders the configuration files of etcd and Patroni from the settings of a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import defaults
from .layout import Layout
from .settings import Settings, host_in_url

#: Patroni's keys and the agent's in etcd.
PATRONI_NAMESPACE, NAMESPACE = "/service/", "/integratedb/"
#: Patroni refuses its passwords otherwise.
API_USER = "patroni"


def etcd(settings: Settings, layout: Layout, listen: str) -> dict[str, Any]:
    """Return the configuration of etcd, which listens on addresses only, not on names."""
    peer, client = settings.url(settings.ports.etcd_peer), settings.url(settings.ports.etcd)
    host = host_in_url(listen)
    security = {
        "cert-file": str(layout.certificate),
        "key-file": str(layout.key),
        "trusted-ca-file": str(layout.ca),
        "client-cert-auth": True,
    }
    return {
        "name": settings.name,
        "data-dir": str(layout.etcd),
        "listen-peer-urls": f"https://{host}:{settings.ports.etcd_peer}",
        "initial-advertise-peer-urls": peer,
        "listen-client-urls": f"https://{host}:{settings.ports.etcd}",
        "advertise-client-urls": client,
        "initial-cluster": settings.initial_cluster or f"{settings.name}={peer}",
        "initial-cluster-state": "existing" if settings.initial_cluster else "new",
        "initial-cluster-token": settings.cluster,
        "client-transport-security": security,
        "peer-transport-security": dict(security),
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "enable-v2": False,
        # On by default, and off by default in a file. Patroni and the agent use nothing else.
        "enable-grpc-gateway": True,
        "logger": "zap",
        # Each request through the gateway is a warning, because a certificate has a name.
        "log-level": "error",
        "log-outputs": ["stderr"],
    }


def sizes(settings: Settings, shared: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of Postgres that this node alone has; `shared`: those of all nodes, which take precedence.

    Patroni itself would prefer what its file has.
    """
    own = {size.name: size.value for size in defaults.sizes(settings.memory_bytes)}
    return {name: value for name, value in own.items() if name not in shared}


def patroni(
    settings: Settings, layout: Layout, secrets: Mapping[str, str], etcd_hosts: list[str], shared: Mapping[str, str]
) -> dict[str, Any]:
    """Return the configuration of Patroni; it has passwords in it. `shared`: the parameters that all nodes have."""
    address, ports = host_in_url(settings.address), settings.ports
    tls = {"sslmode": "verify-full", "sslrootcert": str(layout.ca)}
    proof = {"sslcert": str(layout.certificate), "sslkey": str(layout.key)}
    logins = {
        what: {"username": role, "password": secrets[what], **tls, **proof}
        for what, role in (
            ("superuser", defaults.SUPERUSER),
            ("replication", defaults.REPLICATION),
            ("rewind", defaults.REWIND),
        )
    }
    return {
        "scope": settings.cluster,
        "name": settings.name,
        "namespace": PATRONI_NAMESPACE,
        "log": {"level": "INFO", "format": "%(asctime)s %(levelname)s: %(message)s"},
        "restapi": {
            "listen": f"{address}:{ports.patroni}",
            "connect_address": f"{address}:{ports.patroni}",
            "certfile": str(layout.certificate),
            "keyfile": str(layout.key),
            "cafile": str(layout.ca),
            "verify_client": "required",
            "authentication": {"username": API_USER, "password": secrets["patroni"]},
        },
        "ctl": {"certfile": str(layout.certificate), "keyfile": str(layout.key), "cacert": str(layout.ca)},
        "etcd3": {
            "hosts": etcd_hosts,
            "protocol": "https",
            "cacert": str(layout.ca),
            "cert": str(layout.certificate),
            "key": str(layout.key),
        },
        "bootstrap": {
            "dcs": defaults.dynamic(settings),
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
        },
        "postgresql": {
            "listen": f"{address}:{ports.postgres}",
            "connect_address": f"{address}:{ports.postgres}",
            "data_dir": str(layout.data),
            "bin_dir": settings.bindir,
            "pgpass": str(layout.pgpass),
            "use_unix_socket": True,
            "use_unix_socket_repl": True,
            "authentication": logins,
            "basebackup": [{"checkpoint": "fast"}],
            # Another copy is on the primary, and a directory that pg_rewind has damaged would never start.
            "remove_data_directory_on_rewind_failure": True,
            "parameters": {
                **sizes(settings, shared),
                "unix_socket_directories": str(layout.sockets),
                "ssl": "on",
                "ssl_cert_file": str(layout.certificate),
                "ssl_key_file": str(layout.key),
                "ssl_ca_file": str(layout.ca),
            },
        },
        "watchdog": {"mode": "automatic"},
    }
