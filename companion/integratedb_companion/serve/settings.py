"""Validates the configuration of `integratedb serve`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from integratedb_companion.common.configuration import (
    ConfigurationError,
    Kind,
    checked_address,
    checked_dsn,
    checked_log_level,
    checked_network,
)

DEFAULTS: dict[str, Any] = {
    "dsn": "",
    "preview_dsn": None,
    "listen": "127.0.0.1:4000",
    "tls_certificate": None,
    "tls_key": None,
    "trusted_proxy": (),
    "connections": 10,
    "log_level": "info",
}


OPTIONS: Final = {
    "dsn": Kind.TEXT,
    "preview_dsn": Kind.TEXT,
    "listen": Kind.TEXT,
    "tls_certificate": Kind.TEXT,
    "tls_key": Kind.TEXT,
    "trusted_proxy": Kind.TEXTS,
    "connections": Kind.NUMBER,
    "log_level": Kind.TEXT,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The service's whole configuration from outside; everything else comes from the database."""

    dsn: str
    preview_dsn: str | None
    host: str
    port: int
    tls_certificate: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[str, ...]
    connections: int
    log_level: str


def build(options: dict[str, Any]) -> Settings:
    """Check options and build the configuration."""
    host, port = checked_address(str(options["listen"]))
    certificate, key = _file("tls-certificate", options["tls_certificate"]), _file("tls-key", options["tls_key"])
    if (certificate is None) != (key is None):
        raise ConfigurationError("tls-certificate and tls-key go together")
    preview = options["preview_dsn"]
    return Settings(
        dsn=checked_dsn(str(options["dsn"])),
        preview_dsn=None if preview is None else checked_dsn(str(preview)),
        host=host,
        port=port,
        tls_certificate=certificate,
        tls_key=key,
        trusted_proxies=tuple(str(checked_network(str(network))) for network in options["trusted_proxy"]),
        connections=_connections(str(options["connections"])),
        log_level=checked_log_level(str(options["log_level"])),
    )


def _file(name: str, path: Any) -> Path | None:
    if path is None:
        return None
    try:
        with Path(path).open("rb"):
            return Path(path)
    except OSError as problem:
        raise ConfigurationError(f"{name} {path}: {problem.strerror}") from None


def _connections(number: str) -> int:
    if re.fullmatch("[0-9]{1,4}", number) is None or not 1 <= int(number) <= 1000:
        raise ConfigurationError(f"connections {number!r}: not a number from 1 to 1000")
    return int(number)
