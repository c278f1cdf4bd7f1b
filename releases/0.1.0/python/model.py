"""What a specification says, as plain data: the result of parsing one and the input of expanding one."""

from __future__ import annotations

from dataclasses import dataclass

#: A column without a length or precision limit; larger than any limit Postgres knows, so limits compare as numbers.
UNLIMITED = 2147483647

KINDS = ("claims", "notifications")


@dataclass(frozen=True)
class Path:
    """A table path as written, unquoted: ``shop.orders``; ``relation`` is None for ``shop.*``."""

    schema: str
    relation: str | None


@dataclass(frozen=True)
class FieldAlternative:
    """One column that may serve a field; a property that is None was left out and follows the catalog."""

    name: str
    type: str | None = None
    min_length: int | None = None
    is_nullable: bool | None = None


@dataclass(frozen=True)
class Field:
    """One required column: met when one of its alternatives is."""

    alternatives: tuple[FieldAlternative, ...]
    optional: bool = False


@dataclass(frozen=True)
class Alternative:
    """One table with its fields; ``wildcard`` stands for ``fields: ["*"]``, and ``fields`` is then empty."""

    path: Path
    fields: tuple[Field, ...] = ()
    wildcard: bool = False


@dataclass(frozen=True)
class Match:
    """One dependency: met when one of its alternatives is. Events and channels are for notifications only."""

    alternatives: tuple[Alternative, ...]
    optional: bool = False
    events: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Specification:
    """A whole document; ``channels`` is None where a notifications document leaves them out (the stored ones stay)."""

    kind: str
    match: tuple[Match, ...]
    channels: tuple[dict[str, object], ...] | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a document is not well formed: a message, and the JSON pointer (``#/match/0/path``) of the place."""

    message: str
    pointer: str
