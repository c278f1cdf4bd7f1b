"""Makes queries of selections: rows with what is related to them, and connections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from graphql import GraphQLObjectType, SelectionSetNode, get_named_type

from ...request import (
    Answered,
    Call,
    Case,
    Cast,
    Column,
    Embed,
    Expression,
    Group,
    Item,
    Operation,
    Order,
    Page,
    Part,
    Parts,
    Select,
    Source,
    Token,
    Value,
    Whole,
)
from .conditions import Conditions, all_of, beyond, equal
from .meanings import ColumnField, Entity, GlobalId, Related, meaning_of
from .scalars import AS_TEXT
from .selections import Selected, Selections
from .uses import Uses
from .variables import is_special as is_negative
from .variables import is_unknown, plain, value_of, values_of

#: The most rows of an operation, if each connection has as many as it may.
MOST_ROWS: Final = 10_000_000
#: The key of the tokens of rows, inside of a statement.
_TOKENS: Final = "tokens"


class Reader:
    """Makes the queries of one operation. ``max_rows``: what each connection has at most."""

    def __init__(self, selections: Selections, max_rows: int | None) -> None:
        self.selections = selections
        #: What the operation relies on beside the columns that its statements name.
        self.uses = Uses()
        self.conditions = Conditions(self.uses)
        self._max_rows = max_rows
        self._rows = 0

    def items(
        self,
        entity: Entity,
        of: GraphQLObjectType,
        sets: Iterable[SelectionSetNode],
        alias: str,
        depth: int,
        rows: int = 1,
    ) -> tuple[Item | Embed | Group, ...]:
        """Return what is selected of a row, whose source has this alias; ``rows``: how many of it there may be."""
        items: list[Item | Embed | Group] = []
        for selected in self.selections.collect(of, sets, depth):
            self.uses.name(selected)
            means = meaning_of(selected.field) if selected.field is not None else None
            match means:
                case ColumnField():
                    items.append(Item(self.value(means, selected.field), selected.key))
                case GlobalId():
                    self.uses.key(entity.relation, entity.key)
                    items.append(Item(global_id(entity), selected.key))
                case Related():
                    items.append(self._related(means, selected, depth, rows))
                case _:
                    items.append(Item(Value(of.name), selected.key))
        return tuple(items)

    def columns(
        self, of: GraphQLObjectType, sets: Iterable[SelectionSetNode], depth: int
    ) -> tuple[Item | Embed | Group, ...]:
        """Return what is selected of a row that is no row of a relation."""
        items: list[Item | Embed | Group] = []
        for selected in self.selections.collect(of, sets, depth):
            means = meaning_of(selected.field) if selected.field is not None else None
            value = self.value(means, selected.field) if isinstance(means, ColumnField) else Value(of.name)
            items.append(Item(value, selected.key))
        return tuple(items)

    @staticmethod
    def value(means: ColumnField, field: Any) -> Expression:
        """Return the value of a field: of an enum its name, of a large number its text."""
        column = Column(means.name)
        if means.labels is not None:
            return named(column, means.labels)
        return Cast(column, "text") if get_named_type(field.type) in AS_TEXT else column

    def _related(self, means: Related, selected: Selected, depth: int, rows: int) -> Embed:
        name, target = means.relationship.name, means.entity
        if means.to_many:
            query = self.connection(target, selected, (), selected.key, [], depth, rows)
        else:
            of = self.type_of(selected)
            query = Select(items=self.items(target, of, selected.sets, selected.key, depth + 1, rows))
        return Embed(name, query, selected.key, by=means.relationship)

    @staticmethod
    def type_of(selected: Selected) -> GraphQLObjectType:
        """Return the type of the object that a field is."""
        assert selected.field is not None
        return cast(GraphQLObjectType, get_named_type(selected.field.type))

    def connection(
        self,
        entity: Entity,
        selected: Selected,
        source: tuple[Source, ...],
        alias: str,
        conditions: Sequence[Expression],
        depth: int,
        rows: int = 1,
    ) -> Select:
        """Make the query of a connection, whose source has this alias. Error: GraphQLError."""
        size, backward = self._size(selected)
        rows *= min(number for number in (size, self._max_rows, MOST_ROWS) if number is not None)
        self._rows += rows
        if self._rows > MOST_ROWS:
            raise selected.error(
                f"The operation may answer more than {MOST_ROWS} rows. Write smaller values for 'first'."
            )
        given = selected.arguments
        self.uses.key(entity.relation, entity.key)
        before = self.conditions.count
        all_conditions = [*conditions, *self.selecting(entity, selected, alias)]
        own = self.conditions.count - before + len(all_conditions)
        order = self._order(entity, given)
        descending = bool(plain(given.get("descending")))
        token = Token((Value(self._order_name(entity, given)), *(Column(name) for name in order)))
        items, parts = self._parts(entity, selected, alias, token, depth, rows, own)
        return Select(
            items=items,
            source=source,
            where=all_of(all_conditions),
            order=tuple(Order(Column(name), descending != backward) for name in order),
            offset=self._offset(selected),
            page=Page(
                parts,
                Value(size) if size is not None else None,
                backward,
                self._seek(entity, selected, order, alias, descending=descending),
                _TOKENS if any(isinstance(item, Item) for item in items) else None,
            ),
        )

    def selecting(self, entity: Entity, selected: Selected, alias: str) -> list[Expression]:
        """Return the conditions of the arguments for columns, and of the filter. Error: GraphQLError."""
        conditions = self._equalities(entity, selected, alias)
        given = selected.arguments.get("filter")
        if given is not None:
            assert selected.field is not None
            of: Any = selected.field.args["filter"].type
            conditions.append(self.conditions.filter(given, of, entity.relation, alias, selected))
        return conditions

    @staticmethod
    def _size(selected: Selected) -> tuple[int | None, bool]:
        first, last = (plain(selected.arguments.get(word)) for word in ("first", "last"))
        are_known = not any(is_unknown(selected.arguments.get(word)) for word in ("first", "last"))
        if first is not None and last is not None and are_known:
            raise selected.error("'first' and 'last' exclude each other.")
        size = last if first is None else first
        if size is not None and size < 0:
            raise selected.error(f"'{'first' if first is not None else 'last'}' is negative.")
        return size, last is not None

    @staticmethod
    def _offset(selected: Selected) -> Value | None:
        offset = selected.arguments.get("offset")
        if offset is not None and is_negative(offset):
            raise selected.error("'offset' is negative.")
        return None if offset is None else value_of(offset)

    @staticmethod
    def _equalities(entity: Entity, selected: Selected, alias: str) -> list[Expression]:
        assert selected.field is not None
        fields = {name: column.name for name, column in entity.fields.items() if name in selected.field.args}
        fields = {name: column for name, column in fields.items() if name not in _OTHERS}
        return equal(entity, selected.arguments, fields, alias, selected)

    @staticmethod
    def _order(entity: Entity, given: dict[str, Any]) -> list[str]:
        """Return the columns of the order: those of the key make it total."""
        chosen = _chosen(given)
        return list(dict.fromkeys([*([chosen] if chosen else []), *entity.key]))

    @staticmethod
    def _order_name(entity: Entity, given: dict[str, Any]) -> str:
        return f"{entity.name}:{_chosen(given) or ''}"

    def _seek(
        self, entity: Entity, selected: Selected, order: list[str], alias: str, *, descending: bool
    ) -> Expression | None:
        parts = []
        columns = [Column(name, alias) for name in order]
        for word in ("after", "before"):
            text = selected.arguments.get(word)
            if text is None:
                continue
            values = values_of(text, self._order_name(entity, selected.arguments), len(order))
            if values is None:
                raise selected.error(f"'{word}' is no cursor of this order of {entity.name}Nodes.")
            parts.append(beyond(columns, values, ahead=(word == "after") != descending))
        return all_of(parts)

    def _parts(
        self,
        entity: Entity,
        connection: Selected,
        alias: str,
        token: Token,
        depth: int,
        rows: int,
        conditions: int,
    ) -> tuple[tuple[Item | Embed | Group, ...], Parts]:
        """Return the items of the rows, and the parts of the answer; some of these repeat all ``conditions``."""
        of = self.type_of(connection)
        collected = self.selections.collect(of, connection.sets, depth + 1)
        has_ends = bool(entity.key) and any(selected.name == "pageInfo" for selected in collected)
        items: list[Item | Embed | Group] = [Item(token, _TOKENS)] if has_ends else []
        parts: list[tuple[str, Part]] = []
        for number, selected in enumerate(collected):
            group, part = str(number), Answered(str(number))
            if selected.name in _REPEATING:
                self.conditions.add(conditions + 1, selected)
            match selected.name:
                case "nodes":
                    inner = self.items(entity, self.type_of(selected), selected.sets, alias, depth + 2, rows)
                    items.append(Group(group, inner))
                case "edges":
                    items.append(Group(group, self._edge(entity, selected, alias, token, depth + 2, rows)))
                case "aggregate":
                    parts.append((selected.key, self._aggregate(selected, depth + 2)))
                    continue
                case "pageInfo":
                    parts.append((selected.key, self._page_info(selected, depth + 2)))
                    continue
                case "totalCount":
                    parts.append((selected.key, "total"))
                    continue
                case _:
                    parts.append((selected.key, Value(of.name)))
                    continue
            parts.append((selected.key, part))
        return tuple(items), Parts(tuple(parts))

    def _edge(
        self, entity: Entity, selected: Selected, alias: str, token: Token, depth: int, rows: int
    ) -> tuple[Item | Embed | Group, ...]:
        of = self.type_of(selected)
        items: list[Item | Embed | Group] = []
        for each in self.selections.collect(of, selected.sets, depth):
            match each.name:
                case "node":
                    inner = self.items(entity, self.type_of(each), each.sets, alias, depth + 1, rows)
                    items.append(Group(each.key, inner))
                case "cursor":
                    items.append(Item(token if entity.key else Value(None), each.key))
                case _:
                    items.append(Item(Value(of.name), each.key))
        return tuple(items)

    def edge(self, entity: Entity, selected: Selected, alias: str, depth: int) -> tuple[Item | Embed | Group, ...]:
        """Return the edge of one row, with its cursor in the order that is asked for."""
        order = self._order(entity, selected.arguments)
        token = Token((Value(self._order_name(entity, selected.arguments)), *(Column(name) for name in order)))
        return self._edge(entity, selected, alias, token, depth, 1)

    def _page_info(self, selected: Selected, depth: int) -> Parts:
        facts: dict[str, Part] = {
            "hasNextPage": "following", "hasPreviousPage": "preceding", "startCursor": "first", "endCursor": "last",
        }  # fmt: skip
        of = self.type_of(selected)
        collected = self.selections.collect(of, selected.sets, depth)
        return Parts(tuple((each.key, facts.get(each.name, Value(of.name))) for each in collected))

    def _aggregate(self, selected: Selected, depth: int) -> Whole:
        of = self.type_of(selected)
        parts: list[tuple[str, Expression | Whole]] = []
        for each in self.selections.collect(of, selected.sets, depth):
            if each.name == "count":
                parts.append((each.key, Cast(Call("count", star=True), "text")))
            elif each.field is None:
                parts.append((each.key, Value(of.name)))
            else:
                parts.append((each.key, self._aggregated(each, depth + 1)))
        return Whole(tuple(parts))

    def _aggregated(self, selected: Selected, depth: int) -> Whole:
        of = self.type_of(selected)
        parts: list[tuple[str, Expression | Whole]] = []
        for each in self.selections.collect(of, selected.sets, depth):
            means = meaning_of(each.field) if each.field is not None else None
            if not isinstance(means, ColumnField) or each.field is None:
                parts.append((each.key, Value(of.name)))
                continue
            call = Call(selected.name, (Column(means.name),))
            parts.append((each.key, Cast(call, "text") if get_named_type(each.field.type) in AS_TEXT else call))
        return Whole(tuple(parts))


#: The parts of a connection that are sub-queries with its conditions.
_REPEATING: Final = ("aggregate", "pageInfo", "totalCount")
_OTHERS: Final = frozenset({"first", "last", "before", "after", "offset", "orderBy", "descending", "filter"})


def _chosen(given: dict[str, Any]) -> str | None:
    """Return the column of the order; None: that of the key, also where the column is not known."""
    order = given.get("orderBy")
    return None if is_unknown(order) else plain(order)


def global_id(entity: Entity) -> Token:
    """Return the global id of a row."""
    return Token((Value(entity.name), *(Column(name) for name in entity.key)))


def named(column: Expression, labels: dict[str, str] | Any) -> Case:
    """Return the name of a label of an enum."""
    branches = tuple((Operation("eq", (column, Value(label))), Value(name)) for label, name in labels.items())
    return Case(branches)
