"""What the expansion asks of a database's catalog, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from .model import Path


@dataclass(frozen=True)
class Column:
    """A column of a relation: its exact type (``pg_catalog.int4``) and its limit (``model.UNLIMITED``: none)."""

    name: str
    attnum: int
    type: str
    type_oid: int
    type_modifier: int
    length_limit: int
    is_nullable: bool


@dataclass(frozen=True)
class Relation:
    """A table, view, materialised view, foreign table or partitioned table, with its columns in order."""

    oid: int
    path: Path
    columns: tuple[Column, ...]


class Catalog(Protocol):
    """The catalog of one database, at one moment."""

    def relations(self, paths: Iterable[Path]) -> Mapping[Path, Relation]:
        """Those of these relations that exist."""

    def schemas(self, names: Iterable[str]) -> Mapping[str, tuple[Relation, ...]]:
        """What ``schema.*`` stands for in those of these schemas that exist: relations, without single partitions."""

    def exact_types(self, names: Iterable[str]) -> Mapping[str, str]:
        """The exact names of those of these that are aliases of built-in types: ``int`` is ``pg_catalog.int4``."""
