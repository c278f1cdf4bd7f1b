"""Finds the columns that a name means in the sources of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..problems import ProblemError
from ..request import Column as ColumnName
from ..request import Place
from ..surface import Column, Function, Relation, Type

#: Stands for all columns of a row, also those that are added later. No column has an empty name.
WHOLE = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A source under its alias in SQL.

    ``name`` is what the request calls it. ``row`` is the whole row in SQL, which computed fields need.
    """

    alias: str
    name: str
    columns: Mapping[str, Column]
    relation: Relation | None = None
    row: str | None = None
    schema: str = ""
    #: The columns that the query uses.
    used: set[str] = field(default_factory=set, compare=False)
    #: The unique keys by which the query is right.
    keys: set[tuple[str, ...]] = field(default_factory=set, compare=False)

    def use_row(self) -> None:
        """Note that the query uses the whole row, which stands for every column."""
        self.used.add(WHOLE)


@dataclass(frozen=True, slots=True)
class Found:
    """What a name means: SQL and its type."""

    sql: str
    type: Type
    column: Column | None = None


@dataclass(slots=True)
class Scope:
    """The sources of a query, and around it those of the query that it is part of."""

    sources: list[Source]
    outer: Scope | None = None
    #: The embeds of the query by name, with the SQL that tells whether they have rows.
    embeds: dict[str, str] = field(default_factory=dict)

    def find(self, wanted: ColumnName) -> Found:
        """Resolve the name of a column or a computed field. Error: ProblemError."""
        scope: Scope | None = self
        while scope is not None:
            found = [match for source in scope.sources if (match := _in(source, wanted)) is not None]
            if len(found) == 1:
                return found[0]
            if found:
                raise ProblemError(
                    "ambiguous column", wanted.place, name=wanted.name, candidates=[s.name for s in scope.sources]
                )
            scope = scope.outer
        first = self.sources[0] if self.sources else None
        raise ProblemError(
            "unknown column",
            wanted.place,
            name=wanted.name,
            relation=wanted.of or (first.name if first else ""),
            schema=first.schema if first else "",
            near=list(first.columns) if first else [],
        )

    def column(self, name: str) -> ColumnName | None:
        """Return the name of a column or a computed field, if a source has it."""
        wanted = ColumnName(name)
        return wanted if any(_in(source, wanted) for source in self.sources) else None

    def source(self, name: str | None, place: Place = ()) -> Source:
        """Return the source with a name, or the first one."""
        matching = [source for source in self.sources if name is None or source.name == name]
        if len(matching) == 1 or (name is None and matching):
            return matching[0]
        raise ProblemError("unknown relation", place, name=name or "", schema="", near=[s.name for s in self.sources])


def _in(source: Source, wanted: ColumnName) -> Found | None:
    if wanted.of is not None and wanted.of != source.name:
        return None
    column = source.columns.get(wanted.name)
    if column is not None:
        source.used.add(wanted.name)
        return Found(f"{source.alias}.{column.sql}", column.type, column)
    computed = source.relation.computed.get(wanted.name) if source.relation is not None else None
    if computed is not None and source.row is not None:
        source.use_row()
        return Found(f"{computed.sql}({source.row})", computed.returns)
    return None


def result_columns(function: Function, relation: Relation | None) -> Mapping[str, Column]:
    """Return the columns of the rows that a function returns; empty for a scalar."""
    return relation.columns if relation is not None else function.columns
