"""Validates the daemon's configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from integratedb_companion.common.configuration import (
    ConfigurationError,
    Kind,
    checked_address,
    checked_dsn,
    checked_log_level,
    checked_network,
)
from integratedb_companion.common.networks import IPNetwork

DEFAULTS: dict[str, Any] = {
    "dsn": "",
    "slot": "integratedb",
    "listen": "127.0.0.1:4400",
    "deny_address": (),
    "accept_gap": False,
    "max_lag": "1GB",
    "log_level": "info",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The daemon's whole configuration from outside; everything else comes from the database."""

    dsn: str = field(repr=False)
    slot: str
    host: str
    port: int
    denied: tuple[IPNetwork, ...]
    accept_gap: bool
    max_lag_bytes: int
    log_level: str


OPTIONS: Final = {
    "dsn": Kind.TEXT,
    "slot": Kind.TEXT,
    "listen": Kind.TEXT,
    "deny_address": Kind.TEXTS,
    "accept_gap": Kind.SWITCH,
    "max_lag": Kind.SIZE,
    "log_level": Kind.TEXT,
}


def build(options: dict[str, Any]) -> Settings:
    """Check options and build the configuration."""
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


def _slot(slot: str) -> str:
    if not (0 < len(slot) < 64 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789_" for c in slot)):
        raise ConfigurationError(f"slot {slot!r}: only lower-case letters, digits and _ may be in the name of a slot")
    return slot


def _size(size: str) -> int:
    units = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
    number, factor = (size[:-2].strip(), units[size[-2:]]) if size[-2:] in units else (size, 1)
    if re.fullmatch("[0-9]{1,18}", number) is None:
        raise ConfigurationError(f"max-lag {size!r}: not a size such as 512MB or 2GB")
    return int(number) * factor
