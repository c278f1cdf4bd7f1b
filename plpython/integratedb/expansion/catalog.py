"""Defines what the expansion needs of a database's catalog, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..specification.model import Path


class Column(NamedTuple):
    """A column of a relation: its exact type (``pg_catalog.int4``) and its limit (``model.UNLIMITED``: none)."""

    name: str
    attnum: int
    type: str
    type_oid: int
    type_modifier: int
    length_limit: int
    is_nullable: bool


class Member(NamedTuple):
    """A table, view, materialised view, foreign table or partitioned table, with its approximate number of columns."""

    oid: int
    path: Path
    width: int


class Catalog(Protocol):
    """The catalog of one database, at one moment."""

    def find(self, paths: Iterable[Path]) -> Mapping[Path, Member]:
        """Return those of these relations that exist."""

    def members(self, schemas: Iterable[str]) -> Mapping[str, Sequence[Member]]:
        """Return the relations of ``schema.*`` for those of these schemas that exist, without single partitions."""

    def columns(self, relations: Iterable[int]) -> Mapping[int, tuple[Column, ...]]:
        """Return all columns of these relations (by oid), in order; a relation without columns may be absent."""

    def named_columns(self, names: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], Column]:
        """Return those of these columns (relation and name) that exist."""

    def exact_types(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return the exact names of aliases of built-in types among these: ``int`` is ``pg_catalog.int4``."""
