"""Defines a specification as plain data: the result of parsing, and the input of expanding."""

from __future__ import annotations

from typing import NamedTuple

#: A column without a length or precision limit; larger than Postgres's limits, so that limits compare as numbers.
UNLIMITED = 2147483647

#: What a document that is submitted may be. The third kind, queries, is derived from saved queries.
KINDS = ("claims", "notifications")

EVENTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
#: All events, or all channels.
ALL = ("*",)


class Path(NamedTuple):
    """A table path, unquoted: ``shop.orders``; ``relation`` is None for ``shop.*``."""

    schema: str
    relation: str | None


class FieldAlternative(NamedTuple):
    """One column that may serve a field; a property that is None was omitted and follows the catalog."""

    name: str
    type: str | None = None
    min_length: int | None = None
    is_nullable: bool | None = None


class Field(NamedTuple):
    """One required column: met when one of its alternatives is met."""

    alternatives: tuple[FieldAlternative, ...]
    optional: bool = False


class Reference(NamedTuple):
    """A foreign key to a table; ``to_fields`` is empty where it is the primary key of that table."""

    fields: tuple[str, ...]
    to: Path
    to_fields: tuple[str, ...] = ()


class Alternative(NamedTuple):
    """One table with its fields; ``wildcard`` stands for ``fields: ["*"]``, and ``fields`` is then empty.

    Keys name a field by its first alternative.
    """

    path: Path
    fields: tuple[Field, ...] = ()
    wildcard: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()


class Match(NamedTuple):
    """One dependency: met when one of its alternatives is met. Events and channels are for notifications only.

    ``until`` is the day (YYYY-MM-DD) up to which no deprecation lets anybody remove what is claimed.
    ``query`` is the name of the saved query that the match is derived from.
    """

    alternatives: tuple[Alternative, ...]
    optional: bool = False
    events: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    query: str | None = None
    until: str | None = None


class Specification(NamedTuple):
    """A whole document; ``channels`` is None where a notifications document omits them (the stored ones stay)."""

    kind: str
    match: tuple[Match, ...]
    channels: tuple[dict[str, object], ...] | None = None


class Refusal(NamedTuple):
    """Why a document is refused: a message, and the JSON pointer (``#/match/0/path``) of the place."""

    message: str
    pointer: str
