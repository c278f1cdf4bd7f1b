"""Configuration, checked once: flags over environment over file over defaults; and that of the daemon."""

from __future__ import annotations

import ipaddress
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .addresses import IPNetwork
from .session import read_conninfo


class ConfigurationError(Exception):
    """The configuration cannot be used; the message is one line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the daemon is told from outside; the rest comes from the database."""

    dsn: str = field(repr=False)
    slot: str
    host: str
    port: int
    denied: tuple[IPNetwork, ...]
    accept_gap: bool
    max_lag_bytes: int
    log_level: str


def read_file(path: str | None) -> dict[str, Any]:
    """Read the options of a TOML file."""
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise ConfigurationError(f"configuration file {path}: {problem}") from None


def build(options: dict[str, Any]) -> Settings:
    """Check options and make them the configuration."""
    unknown = options.keys() - {"dsn", "slot", "listen", "deny_address", "accept_gap", "max_lag", "log_level"}
    if unknown:
        raise ConfigurationError(f"unknown option {', '.join(sorted(unknown))}")
    host, port = checked_address(str(options["listen"]))
    return Settings(
        dsn=checked_dsn(str(options["dsn"])),
        slot=_slot(str(options["slot"])),
        host=host,
        port=port,
        denied=tuple(checked_network(str(network)) for network in options["deny_address"]),
        accept_gap=bool(options["accept_gap"]),
        max_lag_bytes=_size(str(options["max_lag"])),
        log_level=checked_log_level(str(options["log_level"])),
    )


def checked_dsn(dsn: str) -> str:
    """Check a connection string; what is wrong with it is said without repeating a password."""
    try:
        read_conninfo(dsn)
    except ValueError as problem:
        raise ConfigurationError(f"dsn: {problem}") from None
    return dsn


def _slot(slot: str) -> str:
    if not (0 < len(slot) < 64 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789_" for c in slot)):
        raise ConfigurationError(f"slot {slot!r}: only lower-case letters, digits and _ may be in the name of a slot")
    return slot


def checked_address(listen: str) -> tuple[str, int]:
    """Check HOST:PORT, and split it."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or not int(port) < 65_536:
        raise ConfigurationError(f"listen {listen!r}: not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def checked_network(network: str) -> IPNetwork:
    """Check the notation of a network."""
    try:
        return ipaddress.ip_network(network, strict=False)
    except ValueError as problem:
        raise ConfigurationError(f"deny-address {network!r}: {problem}") from None


def _size(size: str) -> int:
    units = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
    number, factor = (size[:-2].strip(), units[size[-2:]]) if size[-2:] in units else (size, 1)
    if not number.isdigit():
        raise ConfigurationError(f"max-lag {size!r}: not a size such as 512MB or 2GB")
    return int(number) * factor


def checked_log_level(level: str) -> str:
    """Check the name of a log level."""
    if level not in ("debug", "info", "warning", "error"):
        raise ConfigurationError(f"log-level {level!r}: not debug, info, warning or error")
    return level
