"""Writes queries that read: rows with related rows nested into them, as JSON that Postgres builds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from ..plan.functions import is_aggregate
from ..plan.grouping import Groups
from ..plan.relationships import find_relationship
from ..plan.scope import Found, Scope, Source
from ..plan.types import JSON, TEXT
from ..problems import ProblemError
from ..request import Call, Cast, Column, Embed, Expression, Group, Item, Order, Path, Select, Star, Table
from ..surface import Column as SurfaceColumn
from ..surface import Relation, Relationship, Surface, Type
from .expressions import Expressions
from .functions import direction
from .levels import Level, Limited, Objects, Output, build_object, comparable, objects, positions
from .operators import AGGREGATES
from .pages import Pages, has_facts
from .sources import Sources
from .writer import Writer, quoted

#: Postgres has no more columns in a SELECT.
MOST_COLUMNS = 1664


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
        names: Mapping[str, str] | None = None,
    ) -> None:
        """``names``: the keys of JSON that may also be names in SQL; by default those of the surface."""
        self._writer = writer
        self._surface = surface
        self.names = surface.names if names is None else names
        self._max_rows = max_rows
        self._max_depth = max_depth
        self._depth = 0
        schemas = (schema, *further_schemas)
        self.expressions = Expressions(writer, surface, schemas, self._subquery, aggregates)
        self.sources = Sources(writer, surface, schemas, self.expressions, self.query)

    def relation(self, table: Table) -> Relation:
        """Resolve the name of a relation. Error: ProblemError."""
        return self.sources.relation(table)

    def top(self, select: Select, *, capped: bool = True) -> Level:
        """Write a query with its sources; ``capped``: the most rows of an answer apply."""
        return self.query(select, None, outermost=True, capped=capped)

    def query(self, select: Select, outer: Scope | None, *, outermost: bool = False, capped: bool = False) -> Level:
        """Write a query with its sources; the most rows of an answer apply to no sub-query."""
        with self._deeper(), self.sources.named(select.with_queries):
            sources, text = self.sources.write(select, outer)
            return self.level(
                select, Scope(sources, outer), text, [], depth=1, capped=capped, nested=not outermost, limited=True
            )

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > self._max_depth:
            raise ProblemError("too deep", (), limit=self._max_depth)
        try:
            yield
        finally:
            self._depth -= 1

    def level(
        self,
        select: Select,
        scope: Scope,
        source: str,
        conditions: list[str],
        depth: int,
        hoisted: bool = False,
        capped: bool = True,
        nested: bool = False,
        limited: bool = False,
    ) -> Level:
        """Write one level over sources that are written.

        ``hoisted``: its aggregates belong to the level around it. ``capped``: the most rows of an answer apply.
        ``nested``: SQL uses its columns, not an answer, so they keep their types. ``limited``: its rows may be limited
        before related rows are joined.
        """
        if depth > self._max_depth:
            raise ProblemError("too deep", (), limit=self._max_depth)
        level = Level(source, distinct=select.distinct, bare=source)
        if len(scope.sources) == 1:
            level.row = scope.sources[0].row
            level.first = _limited(scope.sources[0]) if limited and not hoisted and select.page is None else None
        for item in select.items:
            match item:
                case Star():
                    level.outputs += _stars(item, scope, nested)
                case Item():
                    level.outputs.append(self._item(item, scope, hoisted, nested))
                case Embed():
                    self._embed(level, item, scope, depth, hoisted)
                case Group():
                    self._object_of(level, item, select, scope, depth)
            if len(level.outputs) > MOST_COLUMNS:
                raise ProblemError("too large", (), what="the number of columns", limit=MOST_COLUMNS)
        level.conditions = list(conditions)
        if select.where is not None:
            level.conditions.append(self.expressions.condition(select.where, scope))
        if select.distinct:
            level.outputs = [comparable(output) for output in level.outputs]
        if not hoisted:
            self._group(level, select, scope)
        level.order = [self._order(level, term, select, scope) for term in select.order]
        if select.page is not None:
            seek = select.page.seek
            level.seek = None if seek is None else self.expressions.condition(seek, scope)
        self._limit(level, select, capped)
        if select.page is not None:
            level.page = Pages(self._writer, self.expressions).write(level, select.page, scope)
        return level

    def _object_of(self, level: Level, group: Group, select: Select, scope: Scope, depth: int) -> None:
        """Write an object within the row; where nothing else is in the row, the row itself is faster."""
        inner = self._outputs_of(level, group, scope, depth)
        page = select.page
        is_row = page is not None and select.items == (group,) and not page.backward and not has_facts(page.parts)
        names = [self.names.get(output.key) for output in inner] if is_row and inner else [None]
        if len(inner) <= MOST_COLUMNS and None not in names:
            level.outputs, level.row_names = inner, [quoted(name) for name in names if name is not None]
        else:
            level.outputs.append(self._object(group, inner))

    def _object(self, group: Group, outputs: list[Output]) -> Output:
        pairs = [f"{self._writer.constant(output.key)}, {output.sql}" for output in outputs]
        return Output(group.alias, build_object(pairs), is_json=True)

    def _outputs_of(self, level: Level, group: Group, scope: Scope, depth: int) -> list[Output]:
        """Write what an object has; what it embeds is joined to the level."""
        around, level.outputs = level.outputs, []
        for item in group.items:
            match item:
                case Item():
                    level.outputs.append(self._item(item, scope, hoisted=False))
                case Embed():
                    self._embed(level, item, scope, depth, hoisted=False)
                case Group():
                    level.outputs.append(self._object(item, self._outputs_of(level, item, scope, depth)))
        outputs, level.outputs = level.outputs, around
        return outputs

    def _limit(self, level: Level, select: Select, capped: bool) -> None:
        applies = capped and self._max_rows is not None
        level.most = f"'{self._max_rows:d}'::pg_catalog.int8" if applies and self._max_rows is not None else None
        wanted = select.limit if select.page is None else select.page.size
        level.limit = None if wanted is None else self._writer.value(wanted, "pg_catalog.int8")
        if select.page is not None and has_facts(select.page.parts):
            # One row more tells whether others follow.
            both = level.limit is not None and level.most is not None
            level.size = f"LEAST({level.limit}, {level.most})" if both else level.limit or level.most
            level.limit = level.limit and f"{level.limit} OPERATOR(pg_catalog.+) 1"
            level.most = level.most and f"{level.most} OPERATOR(pg_catalog.+) 1"
        level.offset = None if select.offset is None else self._writer.value(select.offset, "pg_catalog.int8")

    def _item(self, item: Item, scope: Scope, hoisted: bool, nested: bool = False) -> Output:
        key = item.alias or _key(item.expression)
        call, cast = _aggregate(item.expression)
        if call is not None and call.unless_column and (column := scope.column(call.function)) is not None:
            item = replace(item, expression=column if cast is None else replace(cast, of=column))
            call = None
        if call is None:
            found = self.expressions.expression(item.expression, scope)
            if isinstance(item.expression, Column) and found.type.to_json is not None and not nested:
                return Output(key, f"{found.type.to_json}({found.sql})", is_json=True)
            return Output(key, found.sql, found.type.is_json, type=found.type)
        if not hoisted:
            found = self.expressions.expression(item.expression, scope)
            return Output(key, found.sql, is_aggregate=True, type=found.type)
        # The level around this one aggregates over its own rows.
        argument = self.expressions.expression(call.arguments[0], scope) if call.arguments else None
        suffix = f"::{self.expressions.castable(cast).sql}" if cast is not None else ""
        self.expressions.functions.aggregate(call, scope)

        def aggregate(sql: str) -> str:
            return self.expressions.functions.aggregated(call, sql, argument.type if argument else None, scope) + suffix

        return Output(key, argument.sql if argument is not None else "1", aggregate=aggregate)

    def _group(self, level: Level, select: Select, scope: Scope) -> None:
        outputs = [
            Output(o.key, o.aggregate(o.sql), is_aggregate=True) if o.aggregate is not None else o
            for o in level.outputs
        ]
        level.outputs = outputs
        if select.group_by is not None:
            level.group_by = self._grouped(level, select, scope)
        elif any(output.is_aggregate for output in outputs):
            level.outputs = [comparable(output) for output in outputs]
            level.group_by = [output.sql for output in level.outputs if not output.is_aggregate]
            for text in level.group_by:
                self._writer.count(text)
        if select.having is not None:
            level.having = self.expressions.condition(select.having, scope)

    def _grouped(self, level: Level, select: Select, scope: Scope) -> list[str]:
        """Write the terms of GROUP BY; one that is selected is written as there, with the same parameters."""
        aliased: dict[str, Expression] = {}
        for item in select.items:
            if isinstance(item, Item) and item.alias is not None:
                aliased.setdefault(item.alias, item.expression)
        terms = [_unaliased(term, aliased, scope) for term in select.group_by or ()]
        groups = Groups(terms, scope)
        for item in select.items:
            if isinstance(item, Item):
                groups.check(item.expression, item.place)
            elif isinstance(item, Star):
                for output in _stars(item, scope, nested=True):
                    groups.check_column(output.sql, output.key, item.place)
        if select.having is not None:
            groups.check(select.having)
        for term in select.order:
            groups.check(term)
        return [self._selected(term, level, select, scope).sql for term in terms]

    def _selected(self, wanted: Expression, level: Level, select: Select, scope: Scope) -> Found:
        """Return what an item of the select list is written as, if it is the expression; else write that."""
        if level.selected is None:
            level.selected = {}
            if not any(isinstance(item, Star | Embed) for item in select.items):
                for item, output in zip(select.items, level.outputs, strict=True):
                    if isinstance(item, Item):
                        level.selected.setdefault(repr(item.expression), output)
        found = level.selected.get(repr(wanted)) if level.selected else None
        if found is None:
            return self.expressions.expression(wanted, scope)
        self._writer.count(found.sql)
        return Found(found.sql, found.type or TEXT)

    def _order(self, level: Level, term: Order, select: Select, scope: Scope) -> str:
        if term.embed is None:
            is_selected = select.distinct or select.group_by is not None
            found = (
                self._selected(term.expression, level, select, scope)
                if is_selected
                else self.expressions.expression(term.expression, scope)
            )
            text = f"({found.sql})::pg_catalog.jsonb" if found.type.oid == JSON.oid else found.sql
        else:
            text = self._order_by_embed(term, term.embed, select, scope)
        return text + direction(term)

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
            embed.query, Scope([source], scope), text, conditions, depth + 1, hoisted=lifts, capped=capped, limited=True
        )
        alias = self._writer.alias("e")
        if embed.spread:
            body, outputs = self._spread(inner, alias, relationship.to_one)
            marker = f"{alias}.found"
        elif inner.page is not None:
            body, outputs, marker = inner.page.select(), [], f"{alias}.j"
            outputs = [Output(embed.name, marker, is_json=True)]
        elif not inner.outputs:
            body, outputs, marker = inner.select([], ", true AS found"), [], f"{alias}.found"
            if not relationship.to_one:
                body = f"SELECT true AS found FROM ({body}) AS {self._writer.alias('s')} LIMIT 1"
        else:
            rows = objects(inner, self._writer, self.names, self._writer.alias("s"))
            body, marker = self._nested(rows, relationship.to_one), f"{alias}.j"
            value = f"{alias}.j" if relationship.to_one else f"COALESCE({alias}.j, '[]'::pg_catalog.json)"
            outputs = [Output(embed.name, value, is_json=True)]
        join = f" {'INNER' if embed.inner else 'LEFT'} JOIN LATERAL ({body}) AS {alias} ON "
        join += f"{marker} IS NOT NULL" if embed.inner else "true"
        level.source += join
        if embed.inner:
            level.first = None
        elif level.first is not None:
            level.first.joins.append(join)
            level.first.embeds.append(alias)
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
        source = self.sources.of(target, alias, embed.name)
        self.sources.related.append(relationship)
        if relationship.function is not None:
            if parent.row is None:
                raise ProblemError(
                    "no relationship", embed.place, source=parent.name, target=embed.relation, hint=None, near=[]
                )
            parent.use_row()
            return source, f"{relationship.function.sql}({parent.row}) AS {alias}", []
        if relationship.junction is None:
            parent.used.update(own for own, _ in relationship.pairs)
            source.used.update(other for _, other in relationship.pairs)
            equal = [
                _equal(parent.alias, parent.columns[own], alias, target.columns[other])
                for own, other in relationship.pairs
            ]
            return source, f"{target.sql} AS {alias}", equal
        junction = self._surface.by_oid[relationship.junction.relation]
        through = self._writer.alias("t")
        parent.used.update(own for own, _ in relationship.junction.source_pairs)
        source.used.update(other for _, other in relationship.junction.target_pairs)
        self.sources.of(junction, through).used.update(
            (
                *(other for _, other in relationship.junction.source_pairs),
                *(own for own, _ in relationship.junction.target_pairs),
            )
        )
        equal = [
            _equal(parent.alias, parent.columns[own], through, junction.columns[other])
            for own, other in relationship.junction.source_pairs
        ]
        equal += [
            _equal(through, junction.columns[own], alias, target.columns[other])
            for own, other in relationship.junction.target_pairs
        ]
        return source, f"{target.sql} AS {alias}, {junction.sql} AS {through}", equal

    def _subquery(self, select: Select, scope: Scope) -> tuple[str, Type]:
        level = self.query(select, scope)
        of = level.outputs[0].type if len(level.outputs) == 1 else None
        return level.select(positions(level)), of or TEXT


def _limited(source: Source) -> Limited | None:
    columns = [f"{source.alias}.{column.sql}" for column in source.columns.values() if column.can_select]
    return Limited(source.alias, columns, source.row) if columns else None


def _stars(star: Star, scope: Scope, nested: bool) -> list[Output]:
    outputs: list[Output] = []
    keys: set[str] = set()
    for source in scope.sources if star.every else [scope.source(star.of, star.place)]:
        for column in source.columns.values():
            if not column.can_select:
                continue
            if star.every and column.name in keys:
                raise ProblemError(
                    "ambiguous column", star.place, name=column.name, candidates=[s.name for s in scope.sources]
                )
            keys.add(column.name)
            source.used.add(column.name)
            text = f"{source.alias}.{column.sql}"
            if column.type.to_json is not None and not nested:
                outputs.append(Output(column.name, f"{column.type.to_json}({text})", is_json=True))
            else:
                outputs.append(Output(column.name, text, column.type.is_json, type=column.type))
    return outputs


def _unaliased(term: Expression, aliased: Mapping[str, Expression], scope: Scope) -> Expression:
    """Return what is selected under a name that is no column."""
    if not isinstance(term, Column) or term.of is not None or scope.column(term.name) is not None:
        return term
    return aliased.get(term.name, term)


def _equal(left_alias: str, left: SurfaceColumn, right_alias: str, right: SurfaceColumn) -> str:
    home = left.type.operators if left.type.operators != "pg_catalog" else right.type.operators
    return f"{left_alias}.{left.sql} OPERATOR({home}.=) {right_alias}.{right.sql}"


def _aggregate(expression: Expression) -> tuple[Call | None, Cast | None]:
    """Return the aggregate that an item is, and the cast of its result."""
    cast = expression if isinstance(expression, Cast) else None
    inner = cast.of if cast is not None else expression
    if isinstance(inner, Call) and ((inner.function in AGGREGATES and inner.schema is None) or is_aggregate(inner)):
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
