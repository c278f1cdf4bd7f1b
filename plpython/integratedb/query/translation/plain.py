"""Makes the query of one face plain, so that the others can say it: without pages, aliases and casts of that face."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

from ..plan.relationships import find_relationship, hint_of
from ..plan.routines import find_function
from ..problems import ProblemError
from ..request import (
    Answered,
    Case,
    Cast,
    Column,
    Derived,
    Embed,
    Expression,
    Group,
    Item,
    Logic,
    Not,
    Operation,
    Query,
    Routine,
    Select,
    Star,
    Subquery,
    Table,
    Token,
    Value,
)
from ..surface import Relation, Relationship, Surface

#: Numbers that a text and a number of JSON write alike.
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,14}")
_COMPARED: Final = frozenset({"eq", "neq", "gt", "gte", "lt", "lte", "in", "between"})


class UnsayableError(Exception):
    """What a face has no words for; the message names it."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A query that reads, with the relation whose rows it begins with; None: it begins with something else."""

    query: Select
    relation: Relation | None


def plain(query: Query, surface: Surface, schemas: Sequence[str], *, of_graphql: bool = False) -> Plain:
    """Make a query plain. Errors: UnsayableError; ProblemError for names that the surface does not have."""
    if not isinstance(query, Select):
        raise UnsayableError("a query that writes")
    maker = _Maker(surface, schemas, of_graphql)
    query, relation = maker.located(query)
    return Plain(maker.select(query, relation, _names_of(query)), relation)


def rebuilt(part: Any, change: Callable[[Any], Any]) -> Any:
    """Return a part of a query, in which ``change`` was applied to each part, the inner ones first."""
    if isinstance(part, tuple):
        return tuple(rebuilt(each, change) for each in part)
    if isinstance(part, Mapping):
        return {key: rebuilt(each, change) for key, each in part.items()}
    if not is_dataclass(part) or isinstance(part, type | Relationship):
        return part
    if isinstance(part, Value):
        return change(part)
    inner = {each.name: rebuilt(getattr(part, each.name), change) for each in fields(part) if each.name != "place"}
    return change(replace(part, **inner))


def conjuncts(condition: Expression | None) -> tuple[Expression, ...]:
    """Return the conditions that must all be true."""
    if condition is None:
        return ()
    return condition.parts if isinstance(condition, Logic) and condition.operator == "and" else (condition,)


class _Maker:
    def __init__(self, surface: Surface, schemas: Sequence[str], of_graphql: bool) -> None:
        self._surface = surface
        self._schemas = schemas
        self._of_graphql = of_graphql

    def located(self, query: Select) -> tuple[Select, Relation | None]:
        """Return the query with the schema of its only source, and the relation that this is, if it is one."""
        source = query.source[0] if len(query.source) == 1 and not query.with_queries else None
        if isinstance(source, Table):
            for schema in [source.schema] if source.schema is not None else self._schemas:
                relation = self._surface.relations.get((schema, source.name))
                if relation is not None:
                    return replace(query, source=(replace(source, schema=schema),)), relation
        elif isinstance(source, Routine):
            for schema in [source.schema] if source.schema is not None else self._schemas:
                if (schema, source.name) in self._surface.functions:
                    function = find_function(self._surface, schema, source)
                    relation = self._surface.by_oid.get(function.relation or 0)
                    return replace(query, source=(replace(source, schema=schema),)), relation
        return query, None

    def select(self, query: Select, relation: Relation | None, names: frozenset[str]) -> Select:
        """Make one level plain; ``names`` are what its columns may name as their source."""
        if self._of_graphql:
            query = self._unpaged(query)
        items = tuple(self._item(item, relation) for item in query.items)
        query = replace(query, items=())
        rest = (query, *(item for item in items if not isinstance(item, Embed)))
        is_single = (
            len(query.source) < 2
            and not query.joins
            and not any(isinstance(source, Derived) for source in query.source)
        )
        if is_single and not _has(rest, Subquery):

            def change(part: Any) -> Any:
                if isinstance(part, Column) and part.of in names:
                    return replace(part, of=None)
                if isinstance(part, Star) and part.of in names:
                    return replace(part, of=None)
                if isinstance(part, Table):
                    return replace(part, alias=None)
                if isinstance(part, Operation) and relation is not None:
                    return _typed(part, relation)
                return _simple(part)

        else:

            def change(part: Any) -> Any:
                if isinstance(part, Column) and part.of is not None:
                    return replace(part, of=part.of.replace(" ", "_"))
                if isinstance(part, Table) and part.alias is not None:
                    return replace(part, alias=part.alias.replace(" ", "_"))
                return _simple(part)

        made: Select = rebuilt(query, change)
        return replace(made, items=tuple(item if isinstance(item, Embed) else rebuilt(item, change) for item in items))

    def _item(self, item: Star | Item | Embed | Group, relation: Relation | None) -> Star | Item | Embed | Group:
        return self._embed(item, relation) if isinstance(item, Embed) else item

    def _embed(self, embed: Embed, relation: Relation | None) -> Embed:
        if relation is None:
            raise UnsayableError("related rows of what is no table")
        by = find_relationship(self._surface, relation, embed)
        query = self.select(embed.query, self._surface.by_oid.get(by.target), frozenset({embed.name}))
        return replace(self._named(embed, by, relation), query=query)

    def _named(self, embed: Embed, by: Relationship, relation: Relation) -> Embed:
        """Return the embed with a name that means its relationship; a face that has the relationship needs none."""
        if embed.by is None:
            return embed
        target = self._surface.by_oid[by.target].name
        own, other = by.pairs[0] if by.pairs else ("", "")
        names = [by.name] if by.kind == "computed" else [target, by.name, own]
        for name in names:
            for hint in (None, hint_of(self._surface, by), own, other):
                wanted = replace(embed, relation=name, hint=hint or None, by=None, alias=None)
                try:
                    found = find_relationship(self._surface, relation, wanted)
                except ProblemError:
                    continue
                if found is by:
                    return wanted if embed.name == name else replace(wanted, alias=embed.name)
        raise UnsayableError(f"the relationship {by.name}")

    def _unpaged(self, query: Select) -> Select:
        """Return a query of GraphQL without what only its answers have."""
        page = query.page
        if page is None:
            return replace(query, items=tuple(_bare(query.items)))
        if page.seek is not None:
            raise UnsayableError("a cursor")
        if page.backward:
            raise UnsayableError("'last'")
        if any(not isinstance(part, Answered | Value) for _, part in page.parts.parts):
            raise UnsayableError("totalCount, pageInfo and aggregate beside the rows")
        keys = [part.key for _, part in page.parts.parts if isinstance(part, Answered)]
        if len(keys) != 1:
            raise UnsayableError("an answer without rows" if not keys else "the same rows twice")
        group = next(item for item in query.items if isinstance(item, Group) and item.alias == keys[0])
        return replace(query, items=tuple(_bare(group.items)), limit=page.size, page=None)


def _names_of(query: Select) -> frozenset[str]:
    source = query.source[0] if query.source else None
    if not isinstance(source, Table | Routine):
        return frozenset()
    return frozenset({source.alias or source.name, source.name})


def _bare(items: Sequence[Star | Item | Embed | Group]) -> Iterator[Star | Item | Embed | Group]:
    """Yield the columns and related rows that GraphQL selects, without cursors, ids, and the texts of its scalars."""
    for item in items:
        if isinstance(item, Group):
            yield from _bare(item.items)
        elif not isinstance(item, Item):
            yield item
        elif not isinstance(item.expression, Token | Value):
            expression: Expression = item.expression
            if isinstance(expression, Case):
                labelled = expression.branches[0][0]
                assert isinstance(labelled, Operation)
                expression = labelled.operands[0]
            elif isinstance(expression, Cast):
                expression = expression.of
            is_named = isinstance(expression, Column) and expression.name == item.alias
            yield Item(expression, None if is_named else item.alias)


def _simple(part: Any) -> Any:
    """Return a part without holes, double negations, and AND within AND."""
    match part:
        case Value():
            return replace(part, hole=None, name=None)
        case Not(part=Not(part=inner)):
            return inner
        case Logic(parts=(only,)):
            return only
        case Logic(operator="and"):
            return Logic("and", tuple(each for one in part.parts for each in conjuncts(one)))
    return part


def _typed(operation: Operation, relation: Relation) -> Operation:
    """Return a comparison of a column with its values as JSON has them: URLs have texts only."""
    column = operation.operands[0]
    found = relation.columns.get(column.name) if isinstance(column, Column) and column.of is None else None
    if found is None or found.type.kind != "base" or found.type.is_array or operation.operator not in _COMPARED:
        return operation
    category = found.type.category
    values = tuple(
        replace(operand, value=_converted(operand.value, category)) if isinstance(operand, Value) else operand
        for operand in operation.operands
    )
    return replace(operation, operands=values)


def _converted(value: Any, category: str) -> Any:
    if isinstance(value, list):
        return [_converted(each, category) for each in value]
    if isinstance(value, str) and category == "N" and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, str) and category == "B" and value in ("true", "false"):
        return value == "true"
    return value


def _has(part: Any, kind: type) -> bool:
    if isinstance(part, kind):
        return True
    if isinstance(part, tuple):
        return any(_has(each, kind) for each in part)
    if not is_dataclass(part) or isinstance(part, type | Relationship | Value):
        return False
    return any(_has(getattr(part, each.name), kind) for each in fields(part))
