"""Compares and merges versions of the configuration of a cluster, which Patroni keeps as one JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

#: What of Patroni's can be set by name, with the lowest value; None: a switch. Other names are parameters of Postgres.
OWN_NAMES: Final[dict[str, int | None]] = {
    "ttl": 20,
    "loop_wait": 1,
    "retry_timeout": 3,
    "maximum_lag_on_failover": 0,
    "primary_start_timeout": 0,
    "primary_stop_timeout": 0,
    "synchronous_node_count": 1,
    "synchronous_mode": None,
    "synchronous_mode_strict": None,
    "failsafe_mode": None,
    "check_timeline": None,
}
#: A standby must not have less of these than its primary: it would not start, or stop replaying.
NEVER_LESS_ON_STANDBYS: Final = (
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
)
PARAMETERS: Final = ("postgresql", "parameters")


class ConfigurationRefusedError(ValueError):
    """A change of the configuration is wrong; the message says why."""


@dataclass(frozen=True)
class Change:
    """One member of the document that differs; None: it is absent there."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Version:
    """One version of the configuration, as etcd keeps it."""

    number: int
    at: str
    who: str
    why: str
    #: Whether it was made past the agents.
    foreign: bool
    document: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the document of etcd."""
        return asdict(self)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Version | None:
        """Return the version of a document of etcd; None: it is damaged, which must not end the agent."""
        kinds = {"number": int, "at": str, "who": str, "why": str, "foreign": bool, "document": dict}
        if found.keys() != kinds.keys() or not all(isinstance(found[name], kind) for name, kind in kinds.items()):
            return None
        return cls(**found)


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with a patch in it, in which null removes a member (RFC 7396)."""
    found = dict(document)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping):
            old = found.get(name)
            found[name] = merged(old if isinstance(old, Mapping) else {}, value)
        else:
            found[name] = value
    return found


def patch_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch that makes the new document of the old one."""
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = patch_between(before, value)
            if inner:
                patch[name] = inner
        elif value != before:
            patch[name] = value
    return patch


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return what differs, by the names of the members, joined by dots."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return [
        Change(".".join(path), before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _leaves(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def parameters(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of Postgres in a configuration, as texts."""
    found: Any = document
    for name in PARAMETERS:
        found = found.get(name) if isinstance(found, Mapping) else None
    return {str(name): _text(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def patch_of(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the patch that NAME=VALUE, or NAME= to remove, stand for. Error: ConfigurationRefusedError."""
    patch: dict[str, Any] = {}
    for one in assignments:
        name, equals, value = (part.strip() for part in one.partition("="))
        if not equals or not name:
            raise ConfigurationRefusedError(f"{one[:60]!a} is not NAME=VALUE")
        if name in OWN_NAMES:
            patch[name] = _own_value(name, value) if value else None
        else:
            patch.setdefault("postgresql", {}).setdefault("parameters", {})[name] = value or None
    return patch


def _own_value(name: str, text: str) -> int | bool:
    if OWN_NAMES[name] is None:
        switches = {"on": True, "true": True, "off": False, "false": False}
        if text.lower() not in switches:
            raise ConfigurationRefusedError(f"{name} must be on or off, not {text[:40]!a}")
        return switches[text.lower()]
    if not text.isdecimal():
        raise ConfigurationRefusedError(f"{name} must be a whole number, not {text[:40]!a}")
    return int(text)


def check(document: Mapping[str, Any]) -> None:
    """Check what Patroni takes without a word and then changes by itself. Error: ConfigurationRefusedError."""
    for name, lowest in OWN_NAMES.items():
        if name not in document:
            continue
        value = document[name]
        if lowest is None:
            # Patroni takes on and quorum, too.
            if not isinstance(value, bool) and value not in ("on", "off", "quorum"):
                raise ConfigurationRefusedError(f"{name} must be on or off")
        elif isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            raise ConfigurationRefusedError(f"{name} must be a whole number from {lowest} on")
    if {"ttl", "loop_wait", "retry_timeout"} <= document.keys():
        ttl, longest = int(document["ttl"]), int(document["loop_wait"]) + 2 * int(document["retry_timeout"])
        if longest > ttl:
            raise ConfigurationRefusedError(
                f"loop_wait + 2 * retry_timeout is {longest}, more than ttl ({ttl}):"
                " a primary could lose its key while it waits for etcd"
            )
    found = document.get("postgresql")
    given = found.get("parameters") if isinstance(found, Mapping) else None
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationRefusedError("postgresql.parameters must be an object")
    for name, value in parameters(document).items():
        if "\n" in value or "\0" in value:
            raise ConfigurationRefusedError(f"the value of {name[:60]} has a line break")
        if name == "wal_level" and value != "logical":
            raise ConfigurationRefusedError("wal_level must be logical: notifications are read from the WAL")


def restart_order(changes: Sequence[Change], needs_restart: Sequence[str]) -> str | None:
    """Return the order of restarts that changes of Postgres's parameters need; None: none is needed.

    needs_restart: the parameters that only a restart changes.
    """
    prefix = f"{'.'.join(PARAMETERS)}."
    changed = {one.name.removeprefix(prefix): one for one in changes if one.name.startswith(prefix)}
    restarting = [name for name in changed if name in needs_restart]
    if not restarting:
        return None
    directions = {_direction(changed[name]) for name in restarting if name in NEVER_LESS_ON_STANDBYS} - {0}
    if directions == {1, -1}:
        return "not in one step: raise some of them first, then lower the others"
    return "the primary first, then the standbys" if directions == {-1} else "the standbys first, then the primary"


def _direction(change: Change) -> int:
    try:
        old, new = int(str(change.old)), int(str(change.new))
    except ValueError:
        return 0  # absent: the default is not known here
    return (new > old) - (new < old)


def _text(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
