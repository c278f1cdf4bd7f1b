"""Writes what the usual question asks of the types of relations, without making these types.

A relation has about twenty types. Their texts are put together of those of columns, which relations share. What is
unusual, such as names that collide, is written from the types themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from graphql import GraphQLBoolean, GraphQLID, GraphQLInt, GraphQLList, GraphQLNonNull, introspection_types

from ...surface import Column
from .connections import (
    AGGREGATES,
    ARGUMENTS,
    COUNT,
    DESCENDING,
    EDGE_CURSOR,
    KEYED_CURSOR,
    NUMBER,
    PAGE,
    PAGE_INFO,
    PLACE,
    TOTAL,
)
from .entities import TOLD, type_names
from .enums import order_of
from .lazy import EnumType, InputType, ObjectType, reached
from .meanings import Entity, Related
from .mutations import AT_MOST, CLIENT_FIELD, CLIENT_ID, CLIENT_INPUT, DELETED, Verb, new_field
from .names import is_name, read_comment
from .scalars import BIG_INT, CURSOR
from .schema import BY_ID, ID_FIELD, Schema, field_of_function

#: A part of an object: its key in the answer, and its name.
Part: TypeAlias = tuple[str, str]
Write: TypeAlias = Callable[[Any], str]

#: Stands for the name of a type: no name has it.
_NAME: Final = "\1"
#: Stands for the field of a relation.
_FIELD: Final = "\2"
_ROOTS: Final = frozenset({"Query", "Viewer", "Mutation"})


class Template:
    """The text of an object; what varies is filled in."""

    def __init__(self, parts: Iterable[Part], fixed: Mapping[str, str]) -> None:
        """``fixed`` are the texts of parts that are the same in all objects."""
        texts = []
        for key, name in parts:
            value = fixed[name].replace("%", "%%") if name in fixed else f"%({name})s"
            texts.append(f"{key.replace('%', '%%')}:{value}")
        self._text = f"{{{','.join(texts)}}}"

    def fill(self, name: str, **texts: str) -> str:
        """Return the text with a name and other parts."""
        texts["name"] = f'"{name}"'
        return self._text % texts


class Reference:
    """The text of a reference to a type, whatever the type is called."""

    def __init__(self, write: Write, of: Any) -> None:
        """``of``: a type that is called _NAME, perhaps in a list."""
        # Writers know types by their identity, so this one stays.
        self._of = of
        self._parts = write(of).split(_NAME)

    def to(self, name: str) -> str:
        """Return the text for a type."""
        return name.join(self._parts)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of types: templates of what varies with the relation, and writers of the rest, at each place."""

    objects: Template
    inputs: Template
    enums: Template
    field: Template
    argument: Template
    input: Template
    value: Template
    write_type: Write
    #: Write (name, field).
    write_field: Write
    write_argument: Write
    write_input: Write
    #: Write references to types.
    field_type: Write
    argument_type: Write
    input_type: Write
    interface: Write
    shows_deprecated: bool


@dataclass(slots=True)
class _ColumnTexts:
    """What a column has in the types of its relation; None: nothing."""

    field: str | None
    filter: str
    argument: str | None
    order: str | None
    aggregated: tuple[str | None, ...]
    inserted: tuple[str, str] | None
    updated: tuple[str, str] | None
    chosen: str
    needed: str


class Pieces:
    """Writes the types of one schema."""

    def __init__(self, schema: Schema, question: Question) -> None:
        self._schema, self._makers, self._asked = schema, schema.makers, question
        graphql = schema.graphql
        assert graphql.query_type is not None
        self._queries: Mapping[str, Any] = graphql.query_type.fields
        self._mutations: Mapping[str, Any] = {} if graphql.mutation_type is None else graphql.mutation_type.fields
        self._entities = [*self._makers.entities.values()]
        self._owners = {name: entity for entity in self._entities for name in type_names(entity.type_name)}
        self._columns: dict[tuple[Any, ...], _ColumnTexts] = {}
        self._arguments: dict[int, dict[str, str]] = {}
        self._related: dict[int, Mapping[str, Related]] = {}
        self._derived: dict[Hashable, list[str]] = {}
        #: Types that only the types of relations lead to.
        self._others: list[Any] = [PAGE_INFO, CURSOR, GraphQLInt, GraphQLBoolean, GraphQLID]
        self._others += [BIG_INT] if schema.aggregates else []
        one, several, enum = ObjectType(_NAME, {}), InputType(_NAME, {}), EnumType(_NAME, {})
        self._object = Reference(question.field_type, one)
        self._objects = Reference(question.field_type, GraphQLList(one))
        self._order = Reference(question.argument_type, enum)
        self._filter = Reference(question.argument_type, several)
        self._needed_input = Reference(question.argument_type, GraphQLNonNull(several))
        self._inner = Reference(question.input_type, several)
        self._listed = Reference(question.input_type, GraphQLList(GraphQLNonNull(several)))
        self._rows = Reference(question.input_type, GraphQLNonNull(GraphQLList(GraphQLNonNull(several))))
        self._fixed = _Fixed(question, self._queries["node"].type)

    def types(self) -> Iterator[str] | None:
        """Yield the texts of all types; None: names at the root collide, so other types are led to than usually."""
        names = {name for entity in self._entities for name in self._root_names(entity)}
        is_usual = bool(names) and names <= {*self._queries} and names.isdisjoint(("node", "viewer"))
        return self._types() if is_usual else None

    def _root_names(self, entity: Entity) -> Iterator[str]:
        yield f"{entity.name}Nodes"
        if entity.key:
            yield entity.name
        for name, _ in self._makers.keys(entity):
            yield name

    def _types(self) -> Iterator[str]:
        for entity in self._entities:
            self._related[entity.relation.oid] = self._makers.related(entity)
        filtered = {
            related.entity.relation.oid
            for those in self._related.values()
            for related in those.values()
            if related.to_many and related.relationship.pairs
        }
        queries: dict[str, str] = {}
        changes: dict[str, str] = {}
        for entity in self._entities:
            texts = self._of(entity)
            if texts is None:
                yield from self._made(entity, has_many=entity.relation.oid in filtered)
                continue
            yield from self._read(entity, texts, has_many=entity.relation.oid in filtered)
            queries.update(self._found(entity))
            for verb in self._makers.mutations.verbs(entity):
                yield from self._changed(entity, texts, verb, changes)
        yield from self._with_roots(queries, changes)
        # What subscriptions tell is written from its types.
        wanted = {*self._owners, *_ROOTS} - {TOLD.format(entity.type_name) for entity in self._entities}
        directives = (each.type for one in self._schema.graphql.directives for each in one.args.values())
        roots = [introspection_types["__Schema"], *directives, *self._others]
        if self._schema.graphql.subscription_type is not None:
            roots.append(self._schema.graphql.subscription_type)
        yield from map(self._asked.write_type, reached(roots, lambda name: name not in wanted).values())

    def _of(self, entity: Entity) -> list[_ColumnTexts] | None:
        """Return the texts of the columns; None: names collide, so the types are made."""
        computed = [field_of_function(function) for function in entity.relation.computed.values()]
        names = [*entity.fields, *computed, *self._related[entity.relation.oid]]
        if len({*names, "id", "and", "or", "not", CLIENT_ID}) < len(names) + 5 or not all(map(is_name, names)):
            return None
        texts = [self._column(name, column) for name, column in entity.fields.items()]
        orders = [each.order for each in texts if each.order is not None]
        written = [name for each in texts if each.updated is not None for name in (each.updated[0],)]
        is_clear = len({*orders}) == len(orders) and {*written}.isdisjoint(entity.fields) and entity.name != CLIENT_ID
        return texts if is_clear and len({*written}) == len(written) and CLIENT_ID not in written else None

    def _column(self, name: str, column: Column) -> _ColumnTexts:
        of = column.type
        key = (
            name, column.name, of.oid, column.nullable, column.comment, column.default is None, column.identity,
            column.generated, column.can_insert, column.can_update,
        )  # fmt: skip
        known = self._columns.get(key)
        if known is None:
            known = self._columns[key] = self._new_column(name, column)
        return known

    def _new_column(self, name: str, column: Column) -> _ColumnTexts:
        asked, makers, of = self._asked, self._makers, column.type
        own, filtered = makers.column(column), makers.filters.column(column)
        is_argument = name not in ARGUMENTS and not (of.is_json or of.is_array)
        equal = makers.connections.argument(of) if is_argument else None
        totals = [makers.connections.aggregated(function, column) for function in AGGREGATES]
        order = order_of(name, column)
        has_default = column.nullable or column.default is not None or column.identity
        new = makers.mutations.value(of, needed=not has_default)
        changed, chosen = (makers.mutations.value(of, needed=needed) for needed in (False, True))
        inserts = column.can_insert and not column.generated
        updates = column.can_update and not column.generated
        used = (own, filtered, equal, *totals, new if inserts else None, changed if updates else None, chosen)
        self._others += [each.type for each in used if each is not None]
        is_shown = asked.shows_deprecated or own.deprecation_reason is None
        return _ColumnTexts(
            asked.write_field((name, own)) if is_shown else None,
            asked.write_input((name, filtered)),
            None if equal is None else asked.write_argument((name, equal)),
            None if order is None else asked.value.fill(order),
            tuple(None if total is None else asked.write_field((name, total)) for total in totals),
            (name, asked.write_input((name, new))) if inserts else None,
            (new_field(name), asked.write_input((new_field(name), changed))) if updates else None,
            asked.write_input((name, chosen)),
            asked.argument.fill(name, type=asked.argument_type(chosen.type)),
        )

    def _read(self, entity: Entity, columns: list[_ColumnTexts], *, has_many: bool) -> Iterator[str]:
        """Yield the types of what is read."""
        asked, fixed, name = self._asked, self._fixed, entity.type_name
        related = self._related[entity.relation.oid]
        fields = [fixed.id] if entity.key else []
        fields += [each.field for each in columns if each.field is not None]
        for function in entity.relation.computed.values():
            made = self._makers.computed(function)
            self._others.append(made.type)
            if asked.shows_deprecated or made.deprecation_reason is None:
                fields.append(asked.write_field((field_of_function(function), made)))
        fields += [self._relationship(called, each) for called, each in related.items()]
        description = read_comment(entity.relation.comment).description
        yield asked.objects.fill(
            name,
            description="null" if description is None else json.dumps(description),
            fields=_list(fields),
            interfaces=fixed.node if entity.key else "[]",
        )
        if self._schema.aggregates:
            yield from self._aggregates(entity, columns)
        yield self._once("connection", self._connection, name)
        yield self._once(("edge", bool(entity.key)), partial(self._edge, bool(entity.key)), name)
        orders = [each.order for each in columns if each.order is not None]
        if orders:
            yield asked.enums.fill(f"{name}Ordering", description="null", enumValues=_list(orders))
        filters = [self._once("filters", self._filters, name), *(each.filter for each in columns)]
        for called, each in related.items():
            if each.relationship.pairs:
                target = f"{each.entity.type_name}{'ToMany' if each.to_many else ''}Filter"
                filters.append(asked.input.fill(called, type=self._inner.to(target)))
        yield self._input(f"{name}Filter", filters)
        if has_many:
            yield self._once("to many", self._to_many, name)

    def _once(self, key: Hashable, make: Callable[[str], str], name: str) -> str:
        """Return a text in which only the name of the type varies: it is made once."""
        known = self._derived.get(key)
        if known is None:
            known = self._derived[key] = make(_NAME).split(_NAME)
        return name.join(known)

    def _connection(self, name: str) -> str:
        field = self._asked.field
        fields = [
            field.fill("nodes", args="[]", type=self._objects.to(name)),
            field.fill("edges", args="[]", type=self._objects.to(f"{name}Edge")),
            *self._fixed.connection,
        ]
        if self._schema.aggregates:
            fields.append(field.fill("aggregate", args="[]", type=self._object.to(f"{name}Aggregate")))
        return self._type(f"{name}Connection", fields)

    def _edge(self, has_key: bool, name: str) -> str:
        cursor = self._fixed.keyed_cursor if has_key else self._fixed.cursor
        node = self._asked.field.fill("node", args="[]", type=self._object.to(name))
        return self._type(f"{name}Edge", [cursor, node])

    def _filters(self, name: str) -> str:
        both, one = self._listed.to(f"{name}Filter"), self._inner.to(f"{name}Filter")
        types = {"and": both, "or": both, "not": one}
        return ",".join(self._asked.input.fill(word, type=of) for word, of in types.items())

    def _to_many(self, name: str) -> str:
        one = self._inner.to(f"{name}Filter")
        words = (self._asked.input.fill(word, type=one) for word in ("some", "every", "none"))
        return self._input(f"{name}ToManyFilter", words)

    def _aggregates(self, entity: Entity, columns: list[_ColumnTexts]) -> Iterator[str]:
        found = []
        for place, function in enumerate(AGGREGATES):
            texts = [text for each in columns if (text := each.aggregated[place]) is not None]
            if texts:
                yield self._type(f"{entity.type_name}{function.title()}", texts)
                found.append(function)
        yield self._once(("aggregate", *found), partial(self._aggregate, found), entity.type_name)

    def _aggregate(self, functions: Iterable[str], name: str) -> str:
        types = {function: self._object.to(f"{name}{function.title()}") for function in functions}
        fields = (self._asked.field.fill(function, args="[]", type=of) for function, of in types.items())
        return self._type(f"{name}Aggregate", [self._fixed.count, *fields])

    def _relationship(self, name: str, related: Related) -> str:
        target = related.entity
        if not related.to_many:
            return self._asked.field.fill(name, args="[]", type=self._object.to(target.type_name))
        arguments = self._arguments_of(target)
        but = {other for _, other in related.relationship.pairs}
        left_out = {called for called, column in target.fields.items() if column.name in but} - ARGUMENTS
        texts = (text for called, text in arguments.items() if called not in left_out)
        return self._asked.field.fill(name, args=_list(texts), type=self._object.to(f"{target.type_name}Connection"))

    def _arguments_of(self, entity: Entity) -> dict[str, str]:
        """Return the arguments of a connection, by name."""
        oid = entity.relation.oid
        if oid not in self._arguments:
            fixed, columns = self._fixed, [(name, self._column(name, each)) for name, each in entity.fields.items()]
            found = {"first": fixed.first, "offset": fixed.offset}
            if entity.key:
                found |= {"last": fixed.last, "before": fixed.before, "after": fixed.after}
            if any(each.order is not None for _, each in columns):
                order = self._once("order by", self._order_by, entity.type_name)
                found |= {"orderBy": order, "descending": fixed.descending}
            found["filter"] = self._once("filter", self._filter_by, entity.type_name)
            found |= {name: each.argument for name, each in columns if each.argument is not None}
            self._arguments[oid] = found
        return self._arguments[oid]

    def _order_by(self, name: str) -> str:
        return self._asked.argument.fill("orderBy", type=self._order.to(f"{name}Ordering"))

    def _filter_by(self, name: str) -> str:
        return self._asked.argument.fill("filter", type=self._filter.to(f"{name}Filter"))

    def _found(self, entity: Entity) -> Iterator[tuple[str, str]]:
        """Yield the fields of the query, by name."""
        asked, name = self._asked, f"{entity.name}Nodes"
        connection = self._object.to(f"{entity.type_name}Connection")
        yield name, asked.field.fill(name, args=_list(self._arguments_of(entity).values()), type=connection)
        one = self._object.to(entity.type_name)
        if entity.key:
            yield entity.name, asked.field.fill(entity.name, args=self._fixed.by_id, type=one)
        for name, columns in self._makers.keys(entity):
            needed = (self._column(called, column).needed for called, column in columns)
            yield name, asked.field.fill(name, args=_list(needed), type=one)

    def _changed(
        self, entity: Entity, columns: list[_ColumnTexts], verb: Verb, changes: dict[str, str]
    ) -> Iterator[str]:
        """Yield the types of mutations, and add the fields of these."""
        fixed, of = self._fixed, entity.type_name
        texts = [each.inserted if verb == "insert" else each.updated for each in columns]
        written = [] if verb == "delete" else [text[1] for text in texts if text is not None]
        by_name = {column.name: name for name, column in entity.fields.items()}
        name = f"{verb.title()}{of}"
        if f"{verb}{of}" in self._mutations:
            key = () if verb == "insert" else (by_name[each] for each in entity.key if each in by_name)
            chosen = [self._column(each, entity.fields[each]).chosen for each in key]
            yield self._input(f"{name}Input", [*written, *chosen, fixed.client_input])
            has_order = any(each.order is not None for each in columns)
            payload = self._once(("payload", verb, has_order), partial(self._payload, verb, has_order), of)
            yield payload.replace(_FIELD, entity.name)
            changes[f"{verb}{of}"] = self._once(("change", verb), partial(self._change, verb), of)
        if f"{verb}{of}Nodes" not in self._mutations:
            return
        if verb == "insert":
            yield self._input(f"{name}NodesRow", written)
            yield self._once("rows", self._inserted_rows, of)
        elif verb == "update":
            yield self._input(f"{name}NodesInput", [*written, fixed.client_input])
        yield self._once(("payload of several", verb), partial(self._payload_of_several, verb), of)
        changes[f"{verb}{of}Nodes"] = self._once(("changes", verb), partial(self._changes, verb), of)

    def _payload(self, verb: Verb, has_order: bool, of: str) -> str:
        field = self._asked.field
        order = [self._order_by(of)] if has_order else []
        deleted = [self._asked.write_field((f"deleted{of}Id", DELETED))] if verb == "delete" else []
        fields = [
            field.fill(_FIELD, args="[]", type=self._object.to(of)),
            field.fill(f"{_FIELD}Edge", args=_list(order), type=self._object.to(f"{of}Edge")),
            *deleted,
            self._fixed.client_field,
        ]
        return self._type(f"{verb.title()}{of}Payload", fields)

    def _payload_of_several(self, verb: Verb, of: str) -> str:
        rows = self._asked.field.fill("nodes", args="[]", type=self._objects.to(of))
        return self._type(f"{verb.title()}{of}NodesPayload", [rows, self._fixed.client_field])

    def _inserted_rows(self, of: str) -> str:
        nodes = self._asked.input.fill("nodes", type=self._rows.to(f"Insert{of}NodesRow"))
        return self._input(f"Insert{of}NodesInput", [nodes, self._fixed.client_input])

    def _change(self, verb: Verb, of: str) -> str:
        arguments = [self._needed(f"{verb.title()}{of}Input", "input")]
        payload = self._object.to(f"{verb.title()}{of}Payload")
        return self._asked.field.fill(f"{verb}{of}", args=_list(arguments), type=payload)

    def _changes(self, verb: Verb, of: str) -> str:
        arguments = [] if verb == "insert" else [self._needed(f"{of}Filter", "filter"), self._fixed.at_most]
        if verb != "delete":
            arguments.append(self._needed(f"{verb.title()}{of}NodesInput", "input"))
        payload = self._object.to(f"{verb.title()}{of}NodesPayload")
        return self._asked.field.fill(f"{verb}{of}Nodes", args=_list(arguments), type=payload)

    def _needed(self, name: str, argument: str) -> str:
        return self._asked.argument.fill(argument, type=self._needed_input.to(name))

    def _with_roots(self, queries: Mapping[str, str], changes: Mapping[str, str]) -> Iterator[str]:
        """Yield the types at the root; what is no part of a relation is written from its field."""
        fields = [*self._at_root(self._queries, queries)]
        yield self._type("Query", (text for _, text in fields))
        yield self._type("Viewer", (text for name, text in fields if name != "viewer"))
        if self._mutations:
            yield self._type("Mutation", (text for _, text in self._at_root(self._mutations, changes)))

    def _at_root(self, fields: Mapping[str, Any], known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for name in fields:
            text = known.get(name)
            if text is not None:
                yield name, text
                continue
            made = fields[name]
            self._others += [made.type, *(each.type for each in made.args.values())]
            if self._asked.shows_deprecated or made.deprecation_reason is None:
                yield name, self._asked.write_field((name, made))

    def _made(self, entity: Entity, *, has_many: bool) -> Iterator[str]:
        """Yield the types of a relation from the types themselves."""
        makers = self._makers
        names = (name for name in makers.mutations.names_of(entity) if name in self._mutations)
        changes = [self._mutations[name] for name in names]
        used = [of for each in changes for of in (each.type, *(one.type for one in each.args.values()))]
        own = [makers.type_of(entity), makers.connections.type(entity), makers.filters.of(entity), *used]
        own += [makers.filters.many(entity)] if has_many else []
        order = makers.connections.order(entity)
        found = reached(
            [*own, *([order] if order is not None else [])],
            lambda name: name not in _ROOTS and self._owners.get(name, entity) is entity,
        )
        for name, of in found.items():
            if name in self._owners:
                yield self._asked.write_type(of)
            else:
                self._others.append(of)

    def _type(self, name: str, fields: Iterable[str]) -> str:
        return self._asked.objects.fill(name, description="null", fields=_list(fields), interfaces="[]")

    def _input(self, name: str, fields: Iterable[str]) -> str:
        return self._asked.inputs.fill(name, description="null", inputFields=_list(fields))


@dataclass(slots=True)
class _Fixed:
    """The texts that all relations share."""

    question: Question
    node_type: Any
    id: str = field(init=False)
    node: str = field(init=False)
    connection: list[str] = field(init=False)
    cursor: str = field(init=False)
    keyed_cursor: str = field(init=False)
    count: str = field(init=False)
    first: str = field(init=False)
    offset: str = field(init=False)
    last: str = field(init=False)
    before: str = field(init=False)
    after: str = field(init=False)
    descending: str = field(init=False)
    at_most: str = field(init=False)
    by_id: str = field(init=False)
    client_field: str = field(init=False)
    client_input: str = field(init=False)

    def __post_init__(self) -> None:
        """Write them."""
        asked = self.question
        self.id = asked.write_field(("id", ID_FIELD))
        self.node = _list([asked.interface(self.node_type)])
        self.connection = [asked.write_field(("pageInfo", PAGE)), asked.write_field(("totalCount", TOTAL))]
        self.cursor, self.keyed_cursor = (asked.write_field(("cursor", one)) for one in (EDGE_CURSOR, KEYED_CURSOR))
        self.count = asked.write_field(("count", COUNT))
        self.first, self.offset, self.last = (asked.write_argument((w, NUMBER)) for w in ("first", "offset", "last"))
        self.before, self.after = (asked.write_argument((word, PLACE)) for word in ("before", "after"))
        self.descending = asked.write_argument(("descending", DESCENDING))
        self.at_most = asked.write_argument(("atMost", AT_MOST))
        self.by_id = _list([asked.write_argument(("id", BY_ID))])
        self.client_field = asked.write_field((CLIENT_ID, CLIENT_FIELD))
        self.client_input = asked.write_input((CLIENT_ID, CLIENT_INPUT))


def _list(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"
