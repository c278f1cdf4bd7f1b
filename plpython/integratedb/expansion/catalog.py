"""What the expansion asks of a database's catalog, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..specification.model import Path


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation: its exact type (``pg_catalog.int4``) and its limit (``model.UNLIMITED``: none)."""

    name: str
    attnum: int
    type: str
    type_oid: int
    type_modifier: int
    length_limit: int
    is_nullable: bool


class Member(NamedTuple):
    """A table, view, materialised view, foreign table or partitioned table, and about how many columns it has."""

    oid: int
    path: Path
    width: int


class Catalog(Protocol):
    """The catalog of one database, at one moment."""

    def find(self, paths: Iterable[Path]) -> Mapping[Path, Member]:
        """Those of these relations that exist."""

    def members(self, schemas: Iterable[str]) -> Mapping[str, Sequence[Member]]:
        """What ``schema.*`` stands for in those of these schemas that exist: relations, without single partitions."""

    def columns(self, relations: Iterable[int]) -> Mapping[int, tuple[Column, ...]]:
        """All columns of these relations (by identifier), in order; a relation without columns may be left out."""

    def named_columns(self, names: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], Column]:
        """Those of these columns (relation and name) that exist."""

    def exact_types(self, names: Iterable[str]) -> Mapping[str, str]:
        """The exact names of those of these that are aliases of built-in types: ``int`` is ``pg_catalog.int4``."""
