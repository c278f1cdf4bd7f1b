"""Writes queries that read: rows with related rows nested into them, as JSON that Postgres builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..plan.relationships import find_relationship
from ..plan.routines import find_function
from ..plan.scope import Scope, Source, result_columns
from ..problems import ProblemError
from ..request import Call, Cast, Column, Derived, Embed, Expression, Item, Order, Path, Routine, Select, Star, Table
from ..surface import Column as SurfaceColumn
from ..surface import Function, Relation, Relationship, Surface
from .calls import called
from .expressions import Expressions
from .levels import Level, Objects, Output, objects, positions
from .operators import AGGREGATES
from .writer import Writer, unused_name, whole_row

_NULLS = {"first": " NULLS FIRST", "last": " NULLS LAST"}


class Reads:
    """Writes the levels of one statement."""

    def __init__(
        self,
        writer: Writer,
        surface: Surface,
        schema: str,
        *,
        max_rows: int | None,
        max_depth: int,
        aggregates: bool,
        further_schemas: tuple[str, ...] = (),
    ) -> None:
        self._writer = writer
        self._surface = surface
        self._schema = schema
        self._further_schemas = further_schemas
        self._max_rows = max_rows
        self._max_depth = max_depth
        self.expressions = Expressions(writer, surface, schema, self._subquery, aggregates)
        #: Queries that the statement begins with: names with their text.
        self.with_queries: list[tuple[str, str]] = []

    def relation(self, table: Table) -> Relation:
        """Resolve the name of a relation. Error: ProblemError."""
        schemas = (table.schema,) if table.schema else (self._schema, *self._further_schemas)
        for schema in schemas:
            relation = self._surface.relations.get((schema, table.name))
            if relation is not None:
                return relation
        near = [name for its_schema, name in self._surface.relations if its_schema in schemas]
        raise ProblemError("unknown relation", table.place, name=table.name, schema=schemas[0], near=near)

    def top(self, select: Select, *, capped: bool = True) -> Level:
        """Write a query with its sources; ``capped``: the most rows of an answer apply."""
        sources, text = self._sources(select)
        return self.level(select, Scope(sources), text, [], depth=1, capped=capped)

    def _sources(self, select: Select) -> tuple[list[Source], str]:
        sources, texts = [], []
        for wanted in select.source:
            source, text = self._source(wanted)
            sources.append(source)
            texts.append(text)
        joined = ", ".join(texts)
        for join in select.joins:
            source, text = self._source(join.source)
            sources.append(source)
            word = {
                "inner": "JOIN",
                "left": "LEFT JOIN",
                "right": "RIGHT JOIN",
                "full": "FULL JOIN",
                "cross": "CROSS JOIN",
            }
            joined += f" {word[join.kind]} {text}"
            if join.kind != "cross":
                on = "true" if join.on is None else self.expressions.condition(join.on, Scope(list(sources)))
                joined += f" ON {on}"
        return sources, joined

    def _source(self, wanted: Table | Routine | Derived) -> tuple[Source, str]:
        alias = self._writer.alias("t")
        match wanted:
            case Table():
                relation = self.relation(wanted)
                source = self.source_of(relation, alias, wanted.alias)
                return source, f"{relation.sql} AS {alias}"
            case Routine():
                return self._routine(wanted, alias)
            case Derived():
                level = self.top(wanted.query)
                raise ProblemError(
                    "syntax", (), text="from", expected=f"a table, not a query of {len(level.outputs)} columns"
                )

    @staticmethod
    def source_of(relation: Relation, alias: str, name: str | None = None, row: str | None = None) -> Source:
        """Return a relation as a source under an alias."""
        return Source(
            alias, name or relation.name, relation.columns, relation, row or whole_row(alias), relation.schema
        )

    def _routine(self, wanted: Routine, alias: str) -> tuple[Source, str]:
        function = find_function(self._surface, self._schema, wanted)
        relation = self._surface.by_oid.get(function.relation) if function.relation is not None else None
        columns = result_columns(function, relation)
        name = self._writer.alias("w")
        row_name = unused_name(relation, "r") if relation is not None else None
        self.with_queries.append((name, called(self._writer, wanted, function, columns, row_name)))
        row = f"{alias}.{row_name}" if row_name is not None else None
        return Source(
            alias, function.name, columns or _scalar(function), relation, row, function.schema
        ), f"{name} AS {alias}"

    def level(
        self,
        select: Select,
        scope: Scope,
        source: str,
        conditions: list[str],
        depth: int,
        hoisted: bool = False,
        capped: bool = True,
    ) -> Level:
        """Write one level over sources that are written.

        ``hoisted``: its aggregates belong to the level around it. ``capped``: the most rows of an answer apply.
        """
        if depth > self._max_depth:
            raise ProblemError("too deep", (), limit=self._max_depth)
        level = Level(source, distinct=select.distinct)
        for item in select.items:
            match item:
                case Star():
                    level.outputs += _stars(scope.source(item.of))
                case Item():
                    level.outputs.append(self._item(item, scope, hoisted))
                case Embed():
                    self._embed(level, item, scope, depth, hoisted)
        level.conditions = list(conditions)
        if select.where is not None:
            level.conditions.append(self.expressions.condition(select.where, scope))
        if not hoisted:
            self._group(level, select, scope)
        level.order = [self._order(term, select, scope) for term in select.order]
        self._limit(level, select, capped)
        return level

    def _limit(self, level: Level, select: Select, capped: bool) -> None:
        applies = capped and self._max_rows is not None
        most = self._writer.constant(self._max_rows, "pg_catalog.int8") if applies else None
        limit = None if select.limit is None else self._writer.value(select.limit, "pg_catalog.int8")
        level.limit = f"LEAST({limit}, {most})" if limit and most else limit or most
        level.offset = None if select.offset is None else self._writer.value(select.offset, "pg_catalog.int8")

    def _item(self, item: Item, scope: Scope, hoisted: bool) -> Output:
        key = item.alias or _key(item.expression)
        call, cast = _aggregate(item.expression)
        if call is not None and call.unless_column and (column := scope.column(call.function)) is not None:
            item = replace(item, expression=column if cast is None else replace(cast, of=column))
            call = None
        if call is None:
            found = self.expressions.expression(item.expression, scope)
            if isinstance(item.expression, Column) and found.type.to_json is not None:
                return Output(key, f"{found.type.to_json}({found.sql})", is_json=True)
            return Output(key, found.sql, found.type.is_json)
        if not hoisted:
            return Output(key, self.expressions.expression(item.expression, scope).sql, is_aggregate=True)
        # The level around this one aggregates over its own rows.
        argument = self.expressions.expression(call.arguments[0], scope) if call.arguments else None
        suffix = f"::{self.expressions.castable(cast).sql}" if cast is not None else ""
        self.expressions.aggregate(call, scope)

        def aggregate(sql: str) -> str:
            return self.expressions.aggregated(call, sql, argument.type if argument else None, scope) + suffix

        return Output(key, argument.sql if argument is not None else "1", aggregate=aggregate)

    def _group(self, level: Level, select: Select, scope: Scope) -> None:
        outputs = [
            Output(o.key, o.aggregate(o.sql), is_aggregate=True) if o.aggregate is not None else o
            for o in level.outputs
        ]
        level.outputs = outputs
        if select.group_by is not None:
            level.group_by = [self.expressions.expression(term, scope).sql for term in select.group_by]
        elif any(output.is_aggregate for output in outputs):
            # The type json has no equality.
            level.outputs = [
                replace(o, sql=f"({o.sql})::pg_catalog.jsonb") if o.is_json and not o.is_aggregate else o
                for o in outputs
            ]
            level.group_by = [output.sql for output in level.outputs if not output.is_aggregate]
        if select.having is not None:
            level.having = self.expressions.condition(select.having, scope)

    def _order(self, term: Order, select: Select, scope: Scope) -> str:
        if term.embed is None:
            found = self.expressions.expression(term.expression, scope)
            text = f"({found.sql})::pg_catalog.jsonb" if found.type.oid == 114 else found.sql
        else:
            text = self._order_by_embed(term, term.embed, select, scope)
        nulls = "" if term.nulls is None else _NULLS[term.nulls]
        return f"{text}{' DESC' if term.descending else ''}{nulls}"

    def _order_by_embed(self, term: Order, name: str, select: Select, scope: Scope) -> str:
        embed = next((item for item in select.items if isinstance(item, Embed) and item.name == name), None)
        if embed is None:
            raise ProblemError("unknown embed", (), name=name)
        parent = _parent(scope, embed)
        relationship = find_relationship(self._surface, _relation(parent), embed)
        if not relationship.to_one:
            raise ProblemError("not to one", (), source=parent.name, target=embed.name)
        source, text, conditions = self._related(relationship, parent, embed)
        inner = replace(embed.query, items=(Item(term.expression),), order=(), limit=None, offset=None)
        level = self.level(inner, Scope([source], scope), text, conditions, depth=1)
        return f"({level.select(positions(level))})"

    def _embed(self, level: Level, embed: Embed, scope: Scope, depth: int, hoisted: bool) -> None:
        parent = _parent(scope, embed)
        relationship = find_relationship(self._surface, _relation(parent), embed)
        source, text, conditions = self._related(relationship, parent, embed)
        lifts = embed.spread and relationship.to_one
        # At most one row is related to one, so the limit of rows would only hide the foreign key from the planner.
        capped = not relationship.to_one
        inner = self.level(
            embed.query, Scope([source], scope), text, conditions, depth + 1, hoisted=lifts, capped=capped
        )
        alias = self._writer.alias("e")
        if embed.spread:
            body, outputs = self._spread(inner, alias, relationship.to_one)
            marker = f"{alias}.found"
        elif not inner.outputs:
            body, outputs, marker = inner.select([], ", true AS found"), [], f"{alias}.found"
            if not relationship.to_one:
                body = f"SELECT true AS found FROM ({body}) AS {self._writer.alias('s')} LIMIT 1"
        else:
            rows = objects(inner, self._writer, self._surface, self._writer.alias("s"))
            body, marker = self._nested(rows, relationship.to_one), f"{alias}.j"
            value = f"{alias}.j" if relationship.to_one else f"COALESCE({alias}.j, '[]'::pg_catalog.json)"
            outputs = [Output(embed.name, value, is_json=True)]
        level.source += f" {'INNER' if embed.inner else 'LEFT'} JOIN LATERAL ({body}) AS {alias} ON "
        level.source += f"{marker} IS NOT NULL" if embed.inner else "true"
        level.outputs += outputs
        scope.embeds[embed.name] = f"({marker} IS NOT NULL)"

    def _nested(self, rows: Objects, to_one: bool) -> str:
        made = rows.single() if to_one else rows.array()
        alias = rows.alias
        return f"SELECT {made} AS j FROM ({rows.select}) AS {alias}"

    def _spread(self, inner: Level, alias: str, to_one: bool) -> tuple[str, list[Output]]:
        names = positions(inner)
        if to_one:
            body = inner.select(names, ", true AS found")
            outputs = [
                replace(output, sql=f"{alias}.{name}", is_aggregate=False)
                for output, name in zip(inner.outputs, names, strict=True)
            ]
            return body, outputs
        rows = self._writer.alias("s")
        arrays = "".join(f"pg_catalog.json_agg({rows}.{name}) AS {name}, " for name in names)
        body = (
            f"SELECT {arrays}NULLIF(pg_catalog.count(*), 0) AS found"
            f" FROM ({inner.select(names, '' if names else ', true AS c0')}) AS {rows}"
        )
        empty = "'[]'::pg_catalog.json"
        outputs = [
            Output(output.key, f"COALESCE({alias}.{name}, {empty})", is_json=True)
            for output, name in zip(inner.outputs, names, strict=True)
        ]
        return body, outputs

    def _related(self, relationship: Relationship, parent: Source, embed: Embed) -> tuple[Source, str, list[str]]:
        """Return the related rows: their source, the text of FROM, and the conditions of the relationship."""
        target = self._surface.by_oid[relationship.target]
        alias = self._writer.alias("t")
        source = self.source_of(target, alias, embed.name)
        if relationship.function is not None:
            if parent.row is None:
                raise ProblemError(
                    "no relationship", embed.place, source=parent.name, target=embed.relation, hint=None, near=[]
                )
            return source, f"{relationship.function.sql}({parent.row}) AS {alias}", []
        if relationship.junction is None:
            equal = [
                _equal(parent.alias, parent.columns[own], alias, target.columns[other])
                for own, other in relationship.pairs
            ]
            return source, f"{target.sql} AS {alias}", equal
        junction = self._surface.by_oid[relationship.junction.relation]
        through = self._writer.alias("t")
        equal = [
            _equal(parent.alias, parent.columns[own], through, junction.columns[other])
            for own, other in relationship.junction.source_pairs
        ]
        equal += [
            _equal(through, junction.columns[own], alias, target.columns[other])
            for own, other in relationship.junction.target_pairs
        ]
        return source, f"{target.sql} AS {alias}, {junction.sql} AS {through}", equal

    def _subquery(self, select: Select, scope: Scope) -> str:
        sources, text = self._sources(select)
        level = self.level(select, Scope(sources, scope), text, [], depth=1)
        return level.select(positions(level))


def _stars(source: Source) -> list[Output]:
    outputs = []
    for column in source.columns.values():
        if not column.can_select:
            continue
        text = f"{source.alias}.{column.sql}"
        if column.type.to_json is not None:
            outputs.append(Output(column.name, f"{column.type.to_json}({text})", is_json=True))
        else:
            outputs.append(Output(column.name, text, column.type.is_json))
    return outputs


def _equal(left_alias: str, left: SurfaceColumn, right_alias: str, right: SurfaceColumn) -> str:
    home = left.type.operators if left.type.operators != "pg_catalog" else right.type.operators
    return f"{left_alias}.{left.sql} OPERATOR({home}.=) {right_alias}.{right.sql}"


def _aggregate(expression: Expression) -> tuple[Call | None, Cast | None]:
    """Return the aggregate that an item is, and the cast of its result."""
    cast = expression if isinstance(expression, Cast) else None
    inner = cast.of if cast is not None else expression
    if isinstance(inner, Call) and inner.function in AGGREGATES and inner.schema is None:
        return inner, cast
    return None, None


def _key(expression: Expression) -> str:
    """Return the key of an item without an alias."""
    match expression:
        case Column():
            return expression.name
        case Cast():
            return _key(expression.of)
        case Path():
            named = [step for step in expression.steps if isinstance(step, str)]
            return named[-1] if named else _key(expression.base)
        case Call():
            return expression.function
        case _:
            return "value"


def _parent(scope: Scope, embed: Embed) -> Source:
    parent = scope.source(None)
    if parent.relation is None:
        raise ProblemError(
            "no relationship", embed.place, source=parent.name, target=embed.relation, hint=embed.hint, near=[]
        )
    return parent


def _relation(source: Source) -> Relation:
    assert source.relation is not None
    return source.relation


def _scalar(function: Function) -> Mapping[str, SurfaceColumn]:
    """Return the only column of a function that returns a scalar."""
    return {function.name: SurfaceColumn(function.name, "v", function.returns, function.returns.sql)}
