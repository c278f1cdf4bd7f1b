"""Writes FROM: relations, functions, sub-queries, queries of WITH, and their joins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..plan.routines import find_function
from ..plan.scope import Scope, Source, result_columns
from ..plan.types import JSON, TEXT
from ..problems import ProblemError
from ..request import (
    Called,
    Combined,
    Delete,
    Derived,
    Group,
    Insert,
    Join,
    Routine,
    Select,
    Table,
    Update,
    With,
)
from ..request import Source as Wanted
from ..surface import Column, Function, Relation, Relationship, Surface
from .calls import called
from .expressions import Expressions
from .levels import Level, comparable, positions
from .writer import MOST_MERGED, Writer, unused_name, whole_row

_JOINS = {
    "inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN", "cross": "CROSS JOIN",
}  # fmt: skip
_COMBINED = {
    "union": "UNION", "union all": "UNION ALL", "intersect": "INTERSECT", "intersect all": "INTERSECT ALL",
    "except": "EXCEPT", "except all": "EXCEPT ALL",
}  # fmt: skip
#: The planner's time grows fast with the tables of a query.
MOST_SOURCES = 100


@dataclass(frozen=True, slots=True)
class _Named:
    """A query of WITH: its name in SQL, and its columns."""

    sql: str
    columns: Mapping[str, Column]
    #: How many columns are behind each name.
    behind: int = 1


class Sources:
    """Writes the sources of one statement; ``query`` writes a query with the scope around it."""

    def __init__(
        self,
        writer: Writer,
        surface: Surface,
        schemas: tuple[str, ...],
        expressions: Expressions,
        query: Callable[[Select, Scope | None], Level],
    ) -> None:
        self._writer = writer
        self._surface = surface
        self._schemas = schemas
        self._expressions = expressions
        self._query = query
        self._named: dict[str, _Named] = {}
        #: Writes what a query of WITH writes, and the query of what it returns.
        self.write_named: Callable[[Insert | Update | Delete], tuple[Level, str]] | None = None
        self.has_writes = False
        self._count = 0
        #: Queries that the statement begins with: names, with lists of columns, and their texts.
        self.with_queries: list[tuple[str, str]] = []
        self.is_recursive = False
        #: The relations that the statement reads, and the relationships by which it goes from one to another.
        self.read: list[Source] = []
        self.related: list[Relationship] = []
        #: Rows that were written, and those of functions.
        self.returned: list[Source] = []

    def relation(self, table: Table) -> Relation:
        """Resolve the name of a relation. Error: ProblemError."""
        schemas = (table.schema,) if table.schema else self._schemas
        for schema in schemas:
            relation = self._surface.relations.get((schema, table.name))
            if relation is not None:
                return relation
        near = [name for its_schema, name in self._surface.relations if its_schema in schemas]
        raise ProblemError("unknown relation", table.place, name=table.name, schema=schemas[0], near=near)

    def of(self, relation: Relation, alias: str, name: str | None = None) -> Source:
        """Return a relation as a source under an alias."""
        row = whole_row(alias)
        source = Source(alias, name or relation.name, relation.columns, relation, row, relation.schema)
        self.read.append(source)
        return source

    def write(self, select: Select | Update, outer: Scope | None) -> tuple[list[Source], str]:
        """Write the sources of a query and their joins. Sources are cross joined before joins apply."""
        sources: list[Source] = []
        joined = ""
        for wanted in select.source:
            source, text = self._source(wanted, sources, outer)
            sources.append(source)
            joined += f"{' CROSS JOIN ' if joined else ''}{text}"
        for join in select.joins:
            joined += self._join(join, sources, outer)
        return sources, joined

    def _join(self, join: Join, sources: list[Source], outer: Scope | None) -> str:
        source, text = self._source(join.source, sources, outer)
        sources.append(source)
        joined = f" {_JOINS[join.kind]} {text}"
        if join.kind != "cross":
            on = "true" if join.on is None else self._expressions.condition(join.on, Scope(list(sources), outer))
            joined += f" ON {on}"
        return joined

    def _source(self, wanted: Wanted, before: list[Source], outer: Scope | None) -> tuple[Source, str]:
        self._count += 1
        if self._count > MOST_SOURCES:
            raise ProblemError("too large", wanted.place, what="the number of tables", limit=MOST_SOURCES)
        alias = self._writer.alias("t")
        match wanted:
            case Table():
                named = self._named.get(wanted.name) if wanted.schema is None else None
                if named is not None:
                    self._behind(alias, named.behind)
                    return Source(alias, wanted.alias or wanted.name, named.columns), f"{named.sql} AS {alias}"
                relation = self.relation(wanted)
                return self.of(relation, alias, wanted.alias), f"{relation.sql} AS {alias}"
            case Routine():
                return self._routine(wanted, alias)
            case Called():
                return self._called(wanted, alias, Scope(list(before), outer))
            case Derived():
                scope = Scope(list(before), outer) if wanted.lateral else outer
                level, text, behind = self._merged(wanted.query, scope)
                self._behind(alias, behind)
                lateral = "LATERAL " if wanted.lateral else ""
                return Source(alias, wanted.alias, _columns(level)), f"{lateral}({text}) AS {alias}"

    def _behind(self, alias: str, columns: int) -> None:
        self._writer.behind[alias] = columns
        # Stars are no names, and pass on what is behind them.
        self._writer.name(alias)

    def _merged(self, query: Select | Combined, outer: Scope | None) -> tuple[Level, str, int]:
        """Write a sub-query; return, too, how many columns are behind a name of it at most."""
        before = self._writer.named
        level, text = self._combined(query, outer)
        behind = self._writer.named - before
        # With OFFSET the planner does not merge it into the query around it.
        return (level, text, max(behind, 1)) if behind <= MOST_MERGED else (level, f"({text}) OFFSET 0", 1)

    def _called(self, wanted: Called, alias: str, scope: Scope) -> tuple[Source, str]:
        function, call = self._expressions.functions.table(wanted.call, scope)
        relation = self._surface.by_oid.get(function.relation) if function.relation is not None else None
        columns = result_columns(function, relation)
        if columns:
            row = whole_row(alias, function.returns.sql) if relation is not None else None
            return Source(alias, wanted.alias, columns, relation, row, function.schema), f"{call} AS {alias}"
        columns = {wanted.alias: Column(wanted.alias, "v", function.returns, function.returns.sql)}
        return Source(alias, wanted.alias, columns, None, None, function.schema), f"{call} AS {alias} (v)"

    def _routine(self, wanted: Routine, alias: str) -> tuple[Source, str]:
        function = find_function(self._surface, self._schemas[0], wanted)
        relation = self._surface.by_oid.get(function.relation) if function.relation is not None else None
        columns = result_columns(function, relation)
        name = self._writer.alias("w")
        row_name = unused_name(relation, "r") if relation is not None else None
        self.with_queries.append((name, called(self._writer, wanted, function, columns, row_name)))
        row = f"{alias}.{row_name}" if row_name is not None else None
        source = Source(alias, function.name, columns or _scalar(function), relation, row, function.schema)
        self.returned.append(source)
        return source, f"{name} AS {alias}"

    @contextmanager
    def named(self, queries: Sequence[With]) -> Iterator[None]:
        """Write queries of WITH; their names hold inside of this context."""
        around = self._named
        self._named = dict(around)
        try:
            for each in queries:
                self._name(each)
            yield
        finally:
            self._named = around

    def _name(self, wanted: With) -> None:
        name, behind = self._writer.alias("q"), 1
        if wanted.recursive:
            self.is_recursive = True
            level, text = self._recursive(wanted, name)
        elif isinstance(wanted.query, Insert | Update | Delete):
            assert self.write_named is not None
            self.has_writes = True
            level, text = self.write_named(wanted.query)
        else:
            level, text, behind = self._merged(wanted.query, None)
        self._named[wanted.name] = _Named(name, _columns(level), behind)
        names = ", ".join(positions(level))
        self.with_queries.append((f"{name} ({names})" if names else name, text))

    def _recursive(self, wanted: With, name: str) -> tuple[Level, str]:
        query = wanted.query
        if not isinstance(query, Combined) or not query.operator.startswith("union") or len(query.queries) != 2:
            raise ProblemError("syntax", wanted.place, text=wanted.name, expected="a union of two queries")
        first, second = query.queries
        compared = not query.operator.endswith("all")
        level, text = self._combined(first, None, compared=compared)
        self._named[wanted.name] = _Named(name, _columns(level))
        _, again = self._combined(second, None, len(level.outputs), compared=compared)
        return level, f"({text}) {_COMBINED[query.operator]} ({again})"

    def _combined(
        self, query: Select | Combined, outer: Scope | None, width: int | None = None, *, compared: bool = False
    ) -> tuple[Level, str]:
        """Write a query, or a union of queries.

        ``width`` is how many columns it must have; ``compared``: rows are compared, and the type json has no equality.
        """
        if isinstance(query, Combined):
            compared = compared or not query.operator.endswith("all")
            level, text = self._combined(query.queries[0], outer, width, compared=compared)
            width = len(level.outputs)
            more = [self._combined(each, outer, width, compared=compared)[1] for each in query.queries[1:]]
            return level, f" {_COMBINED[query.operator]} ".join(f"({each})" for each in (text, *more))
        level = self._query(query, outer)
        if width is not None and len(level.outputs) != width:
            first = query.items[0] if query.items else None
            place = first.place if first is not None and not isinstance(first, Group) else ()
            raise ProblemError("different columns", place, found=len(level.outputs), expected=width)
        if compared:
            level.outputs = [comparable(output) for output in level.outputs]
        return level, level.select(positions(level))


def _columns(level: Level) -> Mapping[str, Column]:
    """Return the columns of a sub-query, by the keys of its items."""
    columns: dict[str, Column] = {}
    for output, name in zip(level.outputs, positions(level), strict=True):
        of = output.type or (JSON if output.is_json else TEXT)
        columns.setdefault(output.key, Column(output.key, name, of, of.sql))
    return columns


def _scalar(function: Function) -> Mapping[str, Column]:
    """Return the only column of a function that returns a scalar."""
    return {function.name: Column(function.name, "v", function.returns, function.returns.sql)}
