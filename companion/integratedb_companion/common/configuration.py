"""Validates configuration. Flags have priority over the environment, which has priority over the file and defaults."""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from integratedb_companion.common.networks import IPNetwork

from .session import read_conninfo


class ConfigurationError(Exception):
    """The configuration cannot be used; the message is one line."""


class Kind(Enum):
    """The type of an option in a file."""

    TEXT = "a string"
    TEXTS = "an array of strings"
    SWITCH = "true or false"
    NUMBER = "a number"
    SIZE = 'a size such as "2GB"'


def read_file(path: str | None, options: Mapping[str, Kind]) -> dict[str, Any]:
    """Read the options of a TOML file, each of its type. Errors do not repeat values."""
    if path is None:
        return {}
    try:
        given = tomllib.loads(Path(path).read_bytes().decode())
        for name, value in given.items():
            _check_kind(name, value, options)
    except OSError as problem:
        raise ConfigurationError(f"configuration file {path}: {problem.strerror or type(problem).__name__}") from None
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"configuration file {path}: not UTF-8 (at byte {problem.start})") from None
    except RecursionError:
        raise ConfigurationError(f"configuration file {path}: too deep") from None
    except (ConfigurationError, ValueError) as problem:
        raise ConfigurationError(f"configuration file {path}: {problem}") from None
    return given


def _check_kind(name: str, value: Any, options: Mapping[str, Kind]) -> None:
    kind = options.get(name)
    if kind is None:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), options, 1, 0.5)
        known = f"the nearest is {near[0]}" if near else f"there are {', '.join(options)}"
        raise ConfigurationError(f"unknown option {name!a}; {known}")
    fits = {
        Kind.TEXT: isinstance(value, str),
        Kind.TEXTS: isinstance(value, list) and all(isinstance(one, str) for one in value),
        Kind.SWITCH: isinstance(value, bool),
        Kind.NUMBER: isinstance(value, int) and not isinstance(value, bool),
        Kind.SIZE: isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)),
    }
    if not fits[kind]:
        raise ConfigurationError(f"{name} must be {kind.value}, and is {_described(value)}")
    if any("\0" in text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)):
        raise ConfigurationError(f"{name} has a null character in it")


def _described(value: Any) -> str:
    names = {
        bool: "true or false",
        str: "a string",
        int: "a number",
        float: "a fraction",
        list: "an array",
        dict: "a table",
    }
    if isinstance(value, list) and value:
        return "an array of other things"
    return names.get(type(value), "a date or time")


def checked_dsn(dsn: str) -> str:
    """Check a connection string. Errors do not repeat the password."""
    try:
        read_conninfo(dsn)
    except ValueError as problem:
        raise ConfigurationError(f"dsn: {problem}") from None
    return dsn


def checked_address(listen: str) -> tuple[str, int]:
    """Check HOST:PORT, and split it."""
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        host.encode("idna")
        is_port = re.fullmatch("[0-9]{1,5}", port) is not None and int(port) < 65_536
    except UnicodeError:
        is_port = False
    if not colon or not is_port:
        raise ConfigurationError(f"listen {listen!r}: not HOST:PORT")
    return host, int(port)


def checked_network(network: str) -> IPNetwork:
    """Check the notation of a network."""
    try:
        return ipaddress.ip_network(network, strict=False)
    except ValueError as problem:
        raise ConfigurationError(f"deny-address {network!r}: {problem}") from None


def checked_log_level(level: str) -> str:
    """Check the name of a log level."""
    if level not in ("debug", "info", "warning", "error"):
        raise ConfigurationError(f"log-level {level!r}: not debug, info, warning or error")
    return level
