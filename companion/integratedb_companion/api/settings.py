"""Validates the configuration of `integratedb api`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from integratedb_companion.common.configuration import (
    ConfigurationError,
    Kind,
    checked_address,
    checked_dsn,
    checked_log_level,
    checked_network,
)

from .role_claim import RoleClaim, RoleClaimError

#: The default number of worker processes is that of the processors, up to this.
MOST_DEFAULT_WORKERS: Final = 4
MIB: Final = 1 << 20
_SIZE_UNITS: Final = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
_TIME_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}

DEFAULTS: Final[dict[str, Any]] = {
    "dsn": "",
    "listen": "127.0.0.1:3000",
    "admin_listen": "127.0.0.1:3001",
    "tls_certificate": None,
    "tls_key": None,
    "trusted_proxy": (),
    "workers": None,
    "connections": 10,
    "connection_timeout": "10s",
    "clients": 20_000,
    "schemas": ("public",),
    "extra_search_path": ("public",),
    "anonymous": None,
    "prefix": "",
    "pre_request": None,
    "root": None,
    "prepare": True,
    "tx_end": "commit",
    "max_rows": 1000,
    "max_cost": None,
    "max_body": "10MB",
    "max_answer": "64MB",
    "statement_timeout": "30s",
    "allow_unfiltered_writes": False,
    "aggregates": True,
    "plan": False,
    "openapi": "follow-privileges",
    "openapi_server": None,
    "openapi_security": False,
    "introspection": True,
    "saved_only": False,
    "daemon_url": None,
    "jwt_secret": (),
    "jwt_secret_base64": False,
    "jwks_url": None,
    "issuer": None,
    "audience": None,
    "issuer_claim": None,
    "role_claim": "$.role",
    "allow_no_expiry": False,
    "token_cache": 1000,
    "cors_origins": (),
    "trace_header": None,
    "server_timing": False,
    "error_verbosity": "verbose",
    "app_settings": (),
    "log_level": "info",
}

OPTIONS: Final = {
    "dsn": Kind.TEXT,
    "listen": Kind.TEXT,
    "admin_listen": Kind.TEXT,
    "tls_certificate": Kind.TEXT,
    "tls_key": Kind.TEXT,
    "trusted_proxy": Kind.TEXTS,
    "workers": Kind.NUMBER,
    "connections": Kind.NUMBER,
    "connection_timeout": Kind.TEXT,
    "clients": Kind.NUMBER,
    "schemas": Kind.TEXTS,
    "extra_search_path": Kind.TEXTS,
    "anonymous": Kind.TEXT,
    "prefix": Kind.TEXT,
    "pre_request": Kind.TEXT,
    "root": Kind.TEXT,
    "prepare": Kind.SWITCH,
    "tx_end": Kind.TEXT,
    "max_rows": Kind.NUMBER,
    "max_cost": Kind.NUMBER,
    "max_body": Kind.SIZE,
    "max_answer": Kind.SIZE,
    "statement_timeout": Kind.TEXT,
    "allow_unfiltered_writes": Kind.SWITCH,
    "aggregates": Kind.SWITCH,
    "plan": Kind.SWITCH,
    "openapi": Kind.TEXT,
    "openapi_server": Kind.TEXT,
    "openapi_security": Kind.SWITCH,
    "introspection": Kind.SWITCH,
    "saved_only": Kind.SWITCH,
    "daemon_url": Kind.TEXT,
    "jwt_secret": Kind.TEXTS,
    "jwt_secret_base64": Kind.SWITCH,
    "jwks_url": Kind.TEXT,
    "issuer": Kind.TEXT,
    "audience": Kind.TEXT,
    "issuer_claim": Kind.TEXT,
    "role_claim": Kind.TEXT,
    "allow_no_expiry": Kind.SWITCH,
    "token_cache": Kind.NUMBER,
    "cors_origins": Kind.TEXTS,
    "trace_header": Kind.TEXT,
    "server_timing": Kind.SWITCH,
    "error_verbosity": Kind.TEXT,
    "app_settings": Kind.TEXTS,
    "log_level": Kind.TEXT,
}

#: Options whose environment variable and flag hold several texts, separated by commas.
LISTS: Final = ("schemas", "extra_search_path", "cors_origins", "trusted_proxy")
SWITCHES: Final = tuple(name for name, kind in OPTIONS.items() if kind is Kind.SWITCH)

TxEnd = Literal["commit", "commit-allow-override", "rollback", "rollback-allow-override"]
OpenApi = Literal["follow-privileges", "ignore-privileges", "disabled"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The service's whole configuration; None stands for no limit, or for what is not used."""

    dsn: str
    host: str
    port: int
    admin_host: str | None
    admin_port: int
    tls_certificate: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[str, ...]
    workers: int
    connections: int
    connection_timeout_s: float
    clients: int
    schemas: tuple[str, ...]
    extra_search_path: tuple[str, ...]
    anonymous: str | None
    prefix: str
    pre_request: str | None
    root: str | None
    prepare: bool
    tx_end: TxEnd
    max_rows: int | None
    max_cost: int | None
    max_body_bytes: int
    max_answer_bytes: int
    statement_timeout_s: float | None
    allow_unfiltered_writes: bool
    aggregates: bool
    plan: bool
    openapi: OpenApi
    openapi_server: str | None
    openapi_security: bool
    introspection: bool
    saved_only: bool
    daemon_url: str | None
    #: Each is text, a JWK, a JWK set or a PEM public key; files are already read.
    jwt_secrets: tuple[str, ...]
    jwt_secret_base64: bool
    jwks_url: str | None
    issuer: str | None
    audience: str | None
    issuer_claim: str | None
    role_claim: RoleClaim
    allow_no_expiry: bool
    token_cache: int
    cors_origins: tuple[str, ...]
    trace_header: str | None
    server_timing: bool
    error_verbosity: Literal["verbose", "minimal"]
    app_settings: tuple[tuple[str, str], ...]
    log_level: str

    @property
    def may_override_tx_end(self) -> bool:
        """Whether a request may choose by Prefer: tx= how its transaction ends."""
        return self.tx_end.endswith("-allow-override")


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that INTEGRATEDB_API_* variables set."""
    given: dict[str, Any] = {}
    for name, kind in OPTIONS.items():
        text = environment.get(f"INTEGRATEDB_API_{name.upper()}")
        if text is None:
            continue
        if kind is Kind.SWITCH:
            given[name] = switch(f"INTEGRATEDB_API_{name.upper()}", text)
        elif name in LISTS:
            given[name] = split(text)
        else:
            given[name] = (text,) if kind is Kind.TEXTS else text
    return given


def switch(name: str, text: str) -> bool:
    """Read a switch that is written as text."""
    known = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    try:
        return known[text.strip().lower()]
    except KeyError:
        raise ConfigurationError(f"{name} {text!r}: not true or false") from None


def split(text: str) -> tuple[str, ...]:
    """Split a list that is separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def build(options: Mapping[str, Any]) -> Settings:
    """Check options and build the configuration."""
    host, port = checked_address(str(options["listen"]))
    admin_host, admin_port = checked_address(str(options["admin_listen"])) if options["admin_listen"] else (None, 0)
    certificate, key = _file("tls-certificate", options["tls_certificate"]), _file("tls-key", options["tls_key"])
    if (certificate is None) != (key is None):
        raise ConfigurationError("tls-certificate and tls-key go together")
    schemas = tuple(options["schemas"])
    if not schemas:
        raise ConfigurationError("schemas: at least one is needed")
    try:
        role_claim = RoleClaim.parse(str(options["role_claim"]))
    except RoleClaimError as problem:
        raise ConfigurationError(f"role-claim {options['role_claim']!r}: {problem}") from None
    return Settings(
        dsn=checked_dsn(_from_file("dsn", str(options["dsn"]))),
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        tls_certificate=certificate,
        tls_key=key,
        trusted_proxies=tuple(str(checked_network(str(network))) for network in options["trusted_proxy"]),
        workers=_default_workers() if options["workers"] is None else _number("workers", options["workers"], 1, 256),
        connections=_number("connections", options["connections"], 1, 1000),
        connection_timeout_s=_seconds("connection-timeout", options["connection_timeout"]) or 10.0,
        clients=_number("clients", options["clients"], 1, 100_000),
        schemas=schemas,
        extra_search_path=tuple(options["extra_search_path"]),
        anonymous=_text(options["anonymous"]),
        prefix=_prefix(str(options["prefix"])),
        pre_request=_text(options["pre_request"]),
        root=_text(options["root"]),
        prepare=bool(options["prepare"]),
        tx_end=_one_of(
            "tx-end",
            options["tx_end"],
            ("commit", "commit-allow-override", "rollback", "rollback-allow-override"),
        ),
        max_rows=_optional_number("max-rows", options["max_rows"], 1, 10**9),
        max_cost=_optional_number("max-cost", options["max_cost"], 1, 10**15),
        max_body_bytes=_size("max-body", options["max_body"]),
        # Postgres makes no longer value.
        max_answer_bytes=min(_size("max-answer", options["max_answer"]), 1 << 30),
        statement_timeout_s=_seconds("statement-timeout", options["statement_timeout"]),
        allow_unfiltered_writes=bool(options["allow_unfiltered_writes"]),
        aggregates=bool(options["aggregates"]),
        plan=bool(options["plan"]),
        openapi=_one_of("openapi", options["openapi"], ("follow-privileges", "ignore-privileges", "disabled")),
        openapi_server=_url("openapi-server", options["openapi_server"]),
        openapi_security=bool(options["openapi_security"]),
        introspection=bool(options["introspection"]),
        saved_only=bool(options["saved_only"]),
        daemon_url=_url("daemon-url", options["daemon_url"], ("http", "https", "ws", "wss")),
        jwt_secrets=tuple(_from_file("jwt-secret", str(secret)) for secret in options["jwt_secret"] if secret),
        jwt_secret_base64=bool(options["jwt_secret_base64"]),
        jwks_url=_url("jwks-url", options["jwks_url"]),
        issuer=_url("issuer", options["issuer"]),
        audience=_text(options["audience"]),
        issuer_claim=_text(options["issuer_claim"]) or _text(options["issuer"]),
        role_claim=role_claim,
        allow_no_expiry=bool(options["allow_no_expiry"]),
        token_cache=_number("token-cache", options["token_cache"], 0, 100_000),
        cors_origins=tuple(options["cors_origins"]),
        trace_header=_text(options["trace_header"]),
        server_timing=bool(options["server_timing"]),
        error_verbosity=_one_of("error-verbosity", options["error_verbosity"], ("verbose", "minimal")),
        app_settings=tuple(_app_setting(str(one)) for one in options["app_settings"]),
        log_level=checked_log_level(str(options["log_level"])),
    )


def _default_workers() -> int:
    return max(1, min(MOST_DEFAULT_WORKERS, len(os.sched_getaffinity(0))))


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise ConfigurationError(f"{name} {value!r}: not {', '.join(known[:-1])} or {known[-1]}")
    return value


def _number(name: str, value: Any, least: int, most: int) -> int:
    text = str(value).strip()
    if re.fullmatch("[0-9]{1,15}", text) is None or not least <= int(text) <= most:
        raise ConfigurationError(f"{name} {text!r}: not a number from {least} to {most}")
    return int(text)


def _optional_number(name: str, value: Any, least: int, most: int) -> int | None:
    return None if value in (None, "", "none") else _number(name, value, least, most)


def _size(name: str, value: Any) -> int:
    found = re.fullmatch("([0-9]{1,12}) *([a-zA-Z]*)", str(value).strip())
    unit = _SIZE_UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ConfigurationError(f'{name} {str(value)!r}: not a size such as "10MB"')
    return int(found[1]) * unit


def _seconds(name: str, value: Any) -> float | None:
    """Read a duration; 0 and none stand for no limit."""
    if value in (None, "", "none"):
        return None
    found = re.fullmatch("([0-9]{1,9}) *(ms|s|min|h|)", str(value).strip())
    if found is None:
        raise ConfigurationError(f'{name} {str(value)!r}: not a duration such as "30s"')
    return int(found[1]) * _TIME_UNITS[found[2]] or None


def _prefix(prefix: str) -> str:
    stripped = prefix.rstrip("/")
    if stripped and re.fullmatch("(/[A-Za-z0-9._~-]+)+", stripped) is None:
        raise ConfigurationError(f"prefix {prefix!r}: not a path such as /rest/v1")
    return stripped


def _url(name: str, value: Any, schemes: Sequence[str] = ("http", "https")) -> str | None:
    if value in (None, ""):
        return None
    try:
        parts = urlsplit(str(value))
        is_usable = parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if not is_usable:
        expected = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ConfigurationError(f"{name} {str(value)!r}: not a URL that begins with one of {expected}")
    return str(value)


def _file(name: str, path: Any) -> Path | None:
    if path in (None, ""):
        return None
    try:
        with Path(path).open("rb"):
            return Path(path)
    except OSError as problem:
        raise ConfigurationError(f"{name} {path}: {problem.strerror}") from None


def _from_file(name: str, text: str) -> str:
    """Read what stands in a file, when the text is @ and its name. A line break at its end is removed."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_bytes().decode().rstrip("\r\n")
    except OSError as problem:
        raise ConfigurationError(f"{name} {text}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name} {text}: not UTF-8") from None


def _app_setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or re.fullmatch("[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*", name) is None:
        raise ConfigurationError(f"app-settings {name!r}: not NAME=VALUE")
    return name, value
