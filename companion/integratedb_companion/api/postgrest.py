"""Reads PostgREST's own configuration, its file and its PGRST_* variables, as options of this service."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from integratedb_companion.common.configuration import ConfigurationError

from .settings import split, switch

#: What holds where only PostgREST's names configure the service.
DEFAULTS: Final[dict[str, Any]] = {
    "listen": "0.0.0.0:3000",  # PostgREST listens on all addresses
    "admin_listen": "",
    "allow_no_expiry": True,
    "allow_unfiltered_writes": True,
    "max_rows": None,
    "statement_timeout": None,
    "aggregates": False,
    "role_claim": ".role",
}

#: Its log levels; crit is its highest.
_LOG_LEVELS: Final = {"crit": "error", "error": "error", "warn": "warning", "info": "info", "debug": "debug"}
ALL_IPV4: Final = "0.0.0.0"  # noqa: S104  PostgREST listens on all addresses by default
_HOSTS: Final = {"!4": ALL_IPV4, "*4": ALL_IPV4, "*": ALL_IPV4, "!6": "[::]", "*6": "[::]"}
_SECONDS: Final = "{}s".format


def _flag(name: str) -> Callable[[str], bool]:
    return lambda text: switch(name, text)


def _secret(text: str) -> tuple[str, ...]:
    return (text,)


def _log_level(text: str) -> str:
    return _LOG_LEVELS.get(text, text)


#: Each of PostgREST's options: ours, and what makes the value.
OPTIONS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "db-uri": ("dsn", str),
    "db-schemas": ("schemas", split),
    "db-schema": ("schemas", split),
    "db-anon-role": ("anonymous", str),
    "db-pre-request": ("pre_request", str),
    "pre-request": ("pre_request", str),
    "db-tx-end": ("tx_end", str),
    "db-max-rows": ("max_rows", str),
    "max-rows": ("max_rows", str),
    "db-extra-search-path": ("extra_search_path", split),
    "db-aggregates-enabled": ("aggregates", _flag("db-aggregates-enabled")),
    "db-plan-enabled": ("plan", _flag("db-plan-enabled")),
    "db-prepared-statements": ("prepare", _flag("db-prepared-statements")),
    "db-root-spec": ("root", str),
    "root-spec": ("root", str),
    "db-pool": ("connections", str),
    "db-pool-acquisition-timeout": ("connection_timeout", _SECONDS),
    "jwt-secret": ("jwt_secret", _secret),
    "jwt-secret-is-base64": ("jwt_secret_base64", _flag("jwt-secret-is-base64")),
    "secret-is-base64": ("jwt_secret_base64", _flag("secret-is-base64")),
    "jwt-aud": ("audience", str),
    "jwt-role-claim-key": ("role_claim", str),
    "role-claim-key": ("role_claim", str),
    "jwt-cache-max-entries": ("token_cache", str),
    "openapi-mode": ("openapi", str),
    "openapi-server-proxy-uri": ("openapi_server", str),
    "openapi-security-active": ("openapi_security", _flag("openapi-security-active")),
    "server-cors-allowed-origins": ("cors_origins", split),
    "server-timing-enabled": ("server_timing", _flag("server-timing-enabled")),
    "server-trace-header": ("trace_header", str),
    "client-error-verbosity": ("error_verbosity", str),
    "log-level": ("log_level", _log_level),
}
#: These have no counterpart: what they tune works otherwise here, or is not needed.
WITHOUT_EFFECT: Final = frozenset(
    {
        "db-channel", "db-channel-enabled", "db-config", "db-hoisted-tx-settings", "db-pool-automatic-recovery",
        "db-pool-max-idletime", "db-pool-max-lifetime", "db-pool-timeout", "db-pre-config", "jwt-cache-max-lifetime",
        "log-query", "url-use-legacy-target-names", "server-unix-socket-mode",
    }
)  # fmt: skip
#: These become one option of ours, with others of them.
_ADDRESSES: Final = frozenset({"server-host", "server-port", "admin-server-host", "admin-server-port"})
_APP_SETTING: Final = "app.settings."

_LINE: Final = re.compile(r'\s*([A-Za-z][A-Za-z0-9_.-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"#]+))\s*(?:#.*)?')
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


def read(path: str | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return our options that a file, and over it the environment, set by PostgREST's names."""
    given = {} if path is None else _file(path, environment)
    for variable, text in environment.items():
        if variable.startswith("PGRST_APP_SETTINGS_"):
            given[_APP_SETTING + variable.removeprefix("PGRST_APP_SETTINGS_").lower()] = text
        elif variable.startswith("PGRST_"):
            given[variable.removeprefix("PGRST_").lower().replace("_", "-")] = text
    return _translated(given)


def _file(path: str, environment: Mapping[str, str]) -> dict[str, str]:
    try:
        text = Path(path).read_bytes().decode()
    except OSError as problem:
        raise ConfigurationError(f"configuration file {path}: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"configuration file {path}: not UTF-8 (at byte {problem.start})") from None
    given: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ConfigurationError(f"configuration file {path}: line {number} is not NAME = VALUE")
        value = found[3] if found[2] is None else _unescaped(found[2], environment)
        given[found[1]] = value
    return given


def _unescaped(text: str, environment: Mapping[str, str]) -> str:
    """Replace escapes, and $(NAME) by the variable of the environment."""
    text = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)
    return re.sub(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)", lambda found: environment.get(found[1], found[0]), text)


def _translated(given: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    app_settings: list[str] = []
    for name, text in given.items():
        if "\0" in text:
            raise ConfigurationError(f"{name} has a null character in it")
        if name.startswith(_APP_SETTING):
            app_settings.append(f"{name}={text}")
        elif name in OPTIONS:
            ours, convert = OPTIONS[name]
            options[ours] = convert(text)
        elif name not in _ADDRESSES and name not in WITHOUT_EFFECT:
            raise ConfigurationError(f"unknown option {name!a} of PostgREST; Unix sockets are not served")
    if app_settings:
        options["app_settings"] = tuple(app_settings)
    options |= _addresses(given)
    return options


def _addresses(given: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    host = given.get("server-host", "!4")
    if "server-host" in given or "server-port" in given:
        options["listen"] = f"{_HOSTS.get(host, host)}:{given.get('server-port', '3000')}"
    if "admin-server-port" in given:
        admin_host = given.get("admin-server-host", host)
        options["admin_listen"] = f"{_HOSTS.get(admin_host, admin_host)}:{given['admin-server-port']}"
    return options
