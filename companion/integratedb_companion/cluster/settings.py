"""Defines the settings of a cluster and of a node, and validates those of a file and of the command line."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from integratedb_companion.common.configuration import ConfigurationError

#: Names become keys in etcd, host names in certificates, slots in Postgres and file names.
NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
DATABASE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
SETTING: Final = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
SIZE: Final = re.compile(r"([1-9][0-9]{0,8}) ?(MB|GB|TB)")
UNITS: Final = {"MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
PROFILES: Final = ("fast", "calm")
LAST_PORT: Final = 65_535


@dataclass(frozen=True)
class Ports:
    """Where the parts of a node listen."""

    agent: int = 8650
    patroni: int = 8008
    etcd: int = 2379
    etcd_peer: int = 2380
    postgres: int = 5432


@dataclass(frozen=True)
class Settings:
    """What one node must know before it starts."""

    #: The name of the cluster.
    cluster: str
    #: The name of this node, and the address by which the others reach it.
    name: str
    address: str
    database: str = "main"
    ports: Ports = field(default_factory=Ports)
    profile: str = "fast"
    synchronous: bool = True
    #: The networks whose clients may log in with a password.
    allow: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    #: Settings of Postgres that replace the defaults, on all nodes.
    parameters: dict[str, str] = field(default_factory=dict)
    #: The memory that the sizes of Postgres are computed from.
    memory_bytes: int = 0
    bindir: str = ""
    etcd_program: str = ""
    #: etcd's members when this node started first: name=URL, separated by commas; empty for the first node.
    initial_cluster: str = ""
    #: The addresses of other nodes' agents, as HOST:PORT.
    peers: tuple[str, ...] = ()
    #: Where etcd's members are asked, this node's first.
    etcd_endpoints: tuple[str, ...] = ()
    #: Whether this node's etcd votes. Until then Patroni is not started.
    votes: bool = True
    #: Whether the node has left the cluster.
    left: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the settings as a JSON document."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Settings:
        """Read what `as_json` has written, of another version too."""
        known = {one.name for one in fields(cls)}
        given = {name: value for name, value in document.items() if name in known}
        given["ports"] = Ports(**{one.name: document["ports"][one.name] for one in fields(Ports)})
        for name in ("allow", "peers", "etcd_endpoints"):
            given[name] = tuple(given.get(name, ()))
        return cls(**given)

    def url(self, port: int) -> str:
        """Return the URL of a part of this node."""
        return f"https://{host_in_url(self.address)}:{port}"

    @property
    def agent(self) -> str:
        """Return the address of this node's agent."""
        return f"{host_in_url(self.address)}:{self.ports.agent}"


def host_in_url(address: str) -> str:
    """Return a host as URLs and HOST:PORT write it."""
    return f"[{address}]" if ":" in address else address


#: The keys of a file, each with what it must be.
_KEYS: Final = {
    "name": "the name of the cluster",
    "node": "a table with name and address",
    "database": "the name of the database",
    "ports": "a table of agent, patroni, etcd, etcd-peer and postgres",
    "profile": f"one of {', '.join(PROFILES)}",
    "synchronous": "true or false",
    "allow": "a list of networks",
    "parameters": "a table of settings of Postgres",
    "memory": 'a size such as "16GB"',
    "bindir": "the directory of initdb and postgres",
}


def from_document(document: object, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Validate a configuration; what `overrides` names replaces it. Error: ConfigurationError.

    The names of overrides are those of the file, with a dot where a table is: node.address, ports.etcd.
    """
    given = _flat(document) | {name: value for name, value in (overrides or {}).items() if value is not None}
    ports = _ports({name[6:]: value for name, value in given.items() if name.startswith("ports.")})
    return Settings(
        cluster=checked_name("name", given.get("name", "integratedb")),
        name=checked_name("node.name", _needed(given, "node.name", "--name")),
        address=checked_address(_needed(given, "node.address", "--address")),
        database=_database(given.get("database", "main")),
        ports=ports,
        profile=_profile(given.get("profile", "fast")),
        synchronous=_switch("synchronous", given.get("synchronous", True)),
        allow=_networks(given.get("allow", ["0.0.0.0/0", "::/0"])),
        parameters=_parameters(given.get("parameters", {})),
        memory_bytes=size(given["memory"]) if "memory" in given else 0,
        bindir=_text("bindir", given.get("bindir", "")),
    )


def _flat(document: object) -> dict[str, Any]:
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ConfigurationError("the configuration must be a table of options")
    flat: dict[str, Any] = {}
    for key, value in document.items():
        name = str(key).replace("_", "-")
        if name not in _KEYS:
            near = difflib.get_close_matches(name, _KEYS, 1, 0.5)
            known = f"the nearest is {near[0]}" if near else f"there are {', '.join(_KEYS)}"
            raise ConfigurationError(f"unknown option {name!a}; {known}")
        if name in ("node", "ports"):
            if not isinstance(value, Mapping):
                raise ConfigurationError(f"{name} must be {_KEYS[name]}")
            flat |= {f"{name}.{str(inner).replace('_', '-')}": one for inner, one in value.items()}
        else:
            flat[name] = value
    if unknown := {name for name in flat if name.startswith("node.")} - {"node.name", "node.address"}:
        raise ConfigurationError(f"unknown option {min(unknown)!a}; node has name and address")
    return flat


def _needed(given: Mapping[str, Any], name: str, flag: str) -> Any:
    if name not in given:
        raise ConfigurationError(f"{name} is missing: the file or {flag} must say it")
    return given[name]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ConfigurationError(f"{name} must be a string")
    return str(value)


def checked_name(option: str, value: Any) -> str:
    """Check the name of a cluster or node. Error: ConfigurationError."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ConfigurationError(
            f"{option} {value!a}: not 1 to 40 lower-case letters, digits and hyphens that begin with a letter"
        )
    return str(value)


def checked_address(value: Any) -> str:
    """Check an address or host name. Error: ConfigurationError."""
    text = _text("node.address", value).strip("[]")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        if re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", text) and not re.fullmatch("[0-9.]+", text):
            return text
        raise ConfigurationError(f"node.address {text!a}: neither an address nor a host name") from None
    if address.is_unspecified or address.is_multicast:
        raise ConfigurationError(
            f"node.address {text}: the other nodes cannot reach it; give the address of one interface"
        )
    return str(address)


def _database(value: Any) -> str:
    if not isinstance(value, str) or not DATABASE.fullmatch(value) or value in ("template0", "template1", "postgres"):
        raise ConfigurationError(f"database {value!a}: not a lower-case name of a database of applications")
    return str(value)


def _ports(given: Mapping[str, Any]) -> Ports:
    names = [one.name for one in fields(Ports)]
    chosen: dict[str, int] = {}
    for key, value in given.items():
        name = key.replace("-", "_")
        if name not in names:
            raise ConfigurationError(f"unknown option {f'ports.{key}'!a}; ports has {_KEYS['ports'][11:]}")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LAST_PORT:
            raise ConfigurationError(f"ports.{key} {value!a}: not a port from 1 to {LAST_PORT}")
        chosen[name] = value
    ports = Ports(**chosen)
    every = asdict(ports)
    for name, port in every.items():
        if twin := next((other for other in every if other != name and every[other] == port), None):
            raise ConfigurationError(f"ports.{name} and ports.{twin} are both {port}")
    return ports


def _profile(value: Any) -> str:
    if value not in PROFILES:
        raise ConfigurationError(f"profile {value!a}: not {_KEYS['profile']}")
    return str(value)


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be true or false")
    return value


def _networks(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ConfigurationError("allow must be a list of networks")
    try:
        return tuple(str(ipaddress.ip_network(one)) for one in value)
    except ValueError as problem:
        raise ConfigurationError(f"allow: {problem}") from None


def _parameters(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"parameters must be {_KEYS['parameters']}")
    checked: dict[str, str] = {}
    for key, one in value.items():
        name = str(key)
        if not SETTING.fullmatch(name):
            raise ConfigurationError(f"parameters: {name!a} is not the name of a setting")
        if not isinstance(one, str | int | float):
            raise ConfigurationError(f"parameters.{name} must be a string, a number, true or false")
        checked[name] = ("on" if one else "off") if isinstance(one, bool) else str(one)
        if set(checked[name]) & set("\n\r\0"):
            raise ConfigurationError(f"parameters.{name} must be one line")
    return checked


def size(value: Any) -> int:
    """Read a size. Error: ConfigurationError."""
    match = SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ConfigurationError(f'memory {value!a}: not a size such as "16GB"')
    return int(match[1]) * UNITS[match[2]]


def difference(kept: Settings, given: Settings) -> list[str]:
    """Return the names of settings that a second `cluster new` gives another value than the first."""
    ours, theirs = kept.as_json(), given.as_json()
    names = ("cluster", "name", "address", "database", "ports", "profile", "synchronous", "allow", "parameters")
    return [name for name in names if ours[name] != theirs[name]]


def moved(settings: Settings, **changes: Any) -> Settings:
    """Return the settings with these changes."""
    return replace(settings, **changes)
