"""Makes the queries of mutations: what is written, and what is answered of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from graphql import GraphQLInputObjectType, get_named_type

from ...request import (
    Answered,
    Column,
    Computed,
    Delete,
    Embed,
    Expression,
    Group,
    Insert,
    Item,
    Operation,
    Page,
    Part,
    Parts,
    Query,
    Select,
    Table,
    Update,
    Value,
)
from ...surface import Column as SurfaceColumn
from .conditions import all_of
from .meanings import Write
from .mutations import CLIENT_ID
from .reading import Reader, global_id
from .selections import Selected
from .variables import value_of

#: The alias of the table that is written: no name of GraphQL has a space.
_WRITTEN = "the rows"
#: The most rows of one insert.
MOST_ROWS = 1_000


class WriteReader:
    """Makes the queries of the mutations of one operation."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def write(self, write: Write, selected: Selected) -> Query:
        """Return the query of a mutation of a relation. Error: GraphQLError."""
        relation = write.entity.relation
        table = Table(relation.name, relation.schema, _WRITTEN)
        given = selected.arguments.get("input") or {}
        returning = self._nodes(write, selected, given) if write.bulk else self._row(write, selected, given)
        if write.verb == "insert":
            rows = given["nodes"] if write.bulk else [given]
            inserted = self._rows(write, rows, selected)
            self._reader.uses.written(relation, inserted.keys)
            return Insert(table, inserted, returning=returning)
        where = self._where(write, selected, given)
        if write.verb == "delete":
            return Delete(table, where, returning)
        changed = {field: given[field] for field in write.columns if field in given}
        if not changed:
            raise selected.error("The input changes nothing.")
        self._reader.uses.written(relation, (write.columns[field].name for field in changed))
        values = tuple(_value(value, write.columns[field]) for field, value in changed.items())
        return Update(
            table, Computed(tuple(write.columns[field].name for field in changed), (values,)), where, returning
        )

    @staticmethod
    def _rows(write: Write, rows: list[Mapping[str, Any]], selected: Selected) -> Computed:
        if not rows or len(rows) > MOST_ROWS:
            raise selected.error(f"An insert takes 1 to {MOST_ROWS} rows.")
        fields = [field for field in write.columns if any(field in row for row in rows)]
        if not fields:
            # One column with its default stands for all of them.
            fields = [field for field, column in write.columns.items() if column.can_insert][:1]
        values = tuple(
            tuple(_value(row[field], write.columns[field]) if field in row else None for field in fields)
            for row in rows
        )
        return Computed(tuple(write.columns[field].name for field in fields), values)

    def _where(self, write: Write, selected: Selected, given: Mapping[str, Any]) -> Expression | None:
        if write.bulk:
            assert selected.field is not None
            of = cast(GraphQLInputObjectType, get_named_type(selected.field.args["filter"].type))
            wanted = selected.arguments["filter"]
            if not wanted:
                raise selected.error("The filter is empty, so it would mean all rows.")
            return self._reader.conditions.filter(wanted, of, write.entity.relation, _WRITTEN, selected)
        return all_of(
            Operation("eq", (Column(column.name, _WRITTEN), value_of(given[field], column.type)))
            for field, column in write.key.items()
        )

    def _row(self, write: Write, selected: Selected, given: Mapping[str, Any]) -> Select:
        entity, of = write.entity, self._reader.type_of(selected)
        alias = entity.relation.name
        items: list[Item | Embed | Group] = []
        for each in self._reader.selections.collect(of, selected.sets, 2):
            if each.name == entity.name:
                inner = self._reader.items(entity, self._reader.type_of(each), each.sets, alias, 3)
                items.append(Group(each.key, inner))
            elif each.name == f"{entity.name}Edge":
                items.append(Group(each.key, self._reader.edge(entity, each, alias, 3)))
            elif each.name == CLIENT_ID:
                items.append(Item(value_of(given.get(CLIENT_ID)), each.key))
            elif each.field is not None:
                items.append(Item(global_id(entity), each.key))
            else:
                items.append(Item(Value(of.name), each.key))
        return Select(items=tuple(items))

    def _nodes(self, write: Write, selected: Selected, given: Mapping[str, Any]) -> Select:
        entity, of = write.entity, self._reader.type_of(selected)
        items: list[Item | Embed | Group] = []
        parts: list[tuple[str, Part]] = []
        for number, each in enumerate(self._reader.selections.collect(of, selected.sets, 2)):
            if each.name == "nodes":
                inner = self._reader.items(entity, self._reader.type_of(each), each.sets, entity.relation.name, 3)
                items.append(Group(str(number), inner))
                parts.append((each.key, Answered(str(number))))
            else:
                parts.append((each.key, value_of(given.get(CLIENT_ID)) if each.name == CLIENT_ID else Value(of.name)))
        return Select(items=tuple(items), page=Page(Parts(tuple(parts))))


def _value(value: Any, column: SurfaceColumn) -> Value:
    return Value(None) if value is None else value_of(value, column.type)
