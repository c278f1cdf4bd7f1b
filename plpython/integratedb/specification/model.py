"""Defines a specification as plain data: the result of parsing, and the input of expanding."""

from __future__ import annotations

from dataclasses import dataclass

#: A column without a length or precision limit; larger than Postgres's limits, so that limits compare as numbers.
UNLIMITED = 2147483647

KINDS = ("claims", "notifications")

EVENTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
#: All events, or all channels.
ALL = ("*",)


@dataclass(frozen=True, slots=True)
class Path:
    """A table path, unquoted: ``shop.orders``; ``relation`` is None for ``shop.*``."""

    schema: str
    relation: str | None


@dataclass(frozen=True, slots=True)
class FieldAlternative:
    """One column that may serve a field; a property that is None was omitted and follows the catalog."""

    name: str
    type: str | None = None
    min_length: int | None = None
    is_nullable: bool | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One required column: met when one of its alternatives is met."""

    alternatives: tuple[FieldAlternative, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key to a table; ``to_fields`` is empty where it is the primary key of that table."""

    fields: tuple[str, ...]
    to: Path
    to_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """One table with its fields; ``wildcard`` stands for ``fields: ["*"]``, and ``fields`` is then empty.

    Keys name a field by its first alternative.
    """

    path: Path
    fields: tuple[Field, ...] = ()
    wildcard: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One dependency: met when one of its alternatives is met. Events and channels are for notifications only."""

    alternatives: tuple[Alternative, ...]
    optional: bool = False
    events: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Specification:
    """A whole document; ``channels`` is None where a notifications document omits them (the stored ones stay)."""

    kind: str
    match: tuple[Match, ...]
    channels: tuple[dict[str, object], ...] | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a document is refused: a message, and the JSON pointer (``#/match/0/path``) of the place."""

    message: str
    pointer: str
