"""Parses control rows into the state in force: each stakeholder's channels and their routes, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .routing.identities import Identities
from .routing.json_values import ArrayType, CompositeType, DomainType, TextType, TypeStructure

EVENTS: Final = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE"})


class StateError(ValueError):
    """A control row does not have the form that this version of the daemon knows."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as defined; `settings` are those of its type, secrets included, and are therefore never logged."""

    id: int
    stakeholder: str
    #: The stakeholder's role, by oid, since another role may get its name. None: the control row does not contain it.
    role: int | None
    name: str
    type: str
    paused: bool
    max_queue_bytes: int
    max_queue_age_s: float
    settings: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """The changes of one table that go to some channels of one stakeholder, with the requested fields."""

    relid: int
    path: str
    events: frozenset[str]
    fields: frozenset[str]
    channel_ids: tuple[int, ...]
    #: The replica identities of the partitions; None where the table has none, or the control row does not list them.
    leaves: Identities | None = None
    #: Whether the control row lists partitions: rows of earlier versions do not.
    lists_leaves: bool = False


@dataclass(frozen=True, slots=True)
class StakeholderState:
    """Everything that is in force for one stakeholder."""

    id: int
    stakeholder: str
    #: As in Channel.
    role: int | None
    channels: tuple[Channel, ...]
    routes: tuple[Route, ...]
    types: Mapping[int, TypeStructure]
    #: Whether types beyond the bound are not described: values of these are sent as their text.
    leaves_out_types: bool = False


def parse_state(body: Mapping[str, Any]) -> StakeholderState:
    """Parse the body of a control row of kind `state`."""
    try:
        stakeholder = body["stakeholder"]
        role = int(body["role"]) if "role" in body else None
        return StakeholderState(
            id=int(body["id"]),
            stakeholder=stakeholder,
            role=role,
            channels=tuple(_channel(stakeholder, role, channel) for channel in body["channels"]),
            routes=tuple(_route(route) for route in body["routes"]),
            types=_types(body["types"]),
            leaves_out_types=bool(body.get("types_left_out")),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise StateError(f"a control row cannot be read: {problem!r}") from problem


def parse_types(body: Mapping[str, Any]) -> dict[int, TypeStructure]:
    """Parse the body of a control row of kind `types`."""
    try:
        return _types(body["types"])
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise StateError(f"a control row cannot be read: {problem!r}") from problem


def with_types(state: StakeholderState, types: Mapping[int, TypeStructure]) -> StakeholderState:
    """Return the state with changed types; a type that it does not describe is new, or was left out."""
    if state.leaves_out_types:
        types = {oid: structure for oid, structure in types.items() if oid in state.types}
    return replace(state, types={**state.types, **types})


def _types(types: Mapping[str, Any]) -> dict[int, TypeStructure]:
    return {int(oid): _type(structure) for oid, structure in types.items()}


def _channel(stakeholder: str, role: int | None, channel: Mapping[str, Any]) -> Channel:
    return Channel(
        id=int(channel["id"]),
        stakeholder=stakeholder,
        role=role,
        name=channel["name"],
        type=channel["type"],
        paused=bool(channel.get("paused")),
        max_queue_bytes=int(channel["max_queue_bytes"]),
        max_queue_age_s=float(channel["max_queue_age_s"]),
        settings=channel["settings"],
    )


def _route(route: Mapping[str, Any]) -> Route:
    return Route(
        relid=int(route["relid"]),
        path=route["path"],
        events=frozenset(route["events"]),
        fields=frozenset(route["fields"]),
        channel_ids=tuple(int(channel) for channel in route["channels"]),
        leaves=_leaves(route.get("leaves")),
        lists_leaves="leaves" in route,
    )


def _leaves(leaves: Mapping[str, Any] | None) -> Identities | None:
    if leaves is None:
        return None
    common = None if leaves["common"] is None else frozenset(leaves["common"])
    return Identities(bool(leaves["full"]), common, frozenset(leaves["any"]))


def _type(structure: Mapping[str, Any]) -> TypeStructure:
    match structure["kind"]:
        case "array":
            return ArrayType(int(structure["element"]), structure.get("delimiter", ",").encode())
        case "composite":
            return CompositeType(tuple((name, int(oid)) for name, oid in structure["attributes"]))
        case "domain":
            return DomainType(int(structure["base"]))
        case "text":
            return TextType()
        case kind:
            raise StateError(f"unknown kind of type {kind!r}")
