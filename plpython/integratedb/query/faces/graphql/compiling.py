"""Compiles an operation: each field of its root becomes one query, and the answer is put together of theirs."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
)

from ...problems import ProblemError
from ...request import Cast, Column, Item, Query, Routine, Select, Table
from ...statement import Form
from ..data.wording import word
from .conditions import all_of, equal
from .documents import Document, InvalidError
from .introspection import check_number, introspect
from .meanings import ById, ByKey, Called, Connection, Entity, Node, Viewer, Write, meaning_of
from .mutations import CLIENT_ID
from .reading import Reader, named
from .scalars import AS_TEXT
from .schema import Schema
from .selections import Selected, Selections
from .tokens import read_token
from .uses import Uses
from .variables import Held, Variables, is_unknown, plain, value_of, values_of
from .writing import WriteReader

#: The most fields at the root: each is a statement of its own.
MOST_ROOTS: Final = 50
_MARK: Final = re.compile(r"/\* field ([0-9]{1,4}) \*/")
#: The alias of the relation at the root: no name of GraphQL has a space.
_ROWS: Final = "the rows"


@dataclass(frozen=True, slots=True)
class Root:
    """A field at the root that becomes a query."""

    path: tuple[str, ...]
    nodes: tuple[FieldNode, ...]
    query: Query
    form: Form
    unwraps: bool = False
    #: The settings of its function, for the whole transaction.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: How many rows it must touch, so that nothing is undone.
    least: int = 0
    most: int | None = None

    def place(self) -> dict[str, Any]:
        """Return where the field stands in the document and in the answer, as an error has that."""
        places = [node.loc.start_token for node in self.nodes if node.loc is not None]
        locations = [{"line": place.line, "column": place.column} for place in places]
        return {"locations": locations, "path": list(self.path)}


@dataclass(slots=True)
class Wrapped:
    """The answer of a query inside of an object."""

    root: int
    key: str
    others: dict[str, Any]
    order: list[str]


#: What a field answers: a query by its number, an object, or a value that is known.
Shape: TypeAlias = "int | dict[str, Shape] | Constant | Written | Wrapped"


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is known without the database."""

    value: Any


@dataclass(slots=True)
class Written:
    """A value that is known without the database, as JSON in pieces: they are many, and large together.

    The pieces are made when they are first read, and then kept, unless ``Operation.texts()`` has read them.
    """

    made: Iterator[str]
    kept: list[str] | None = None

    def read(self) -> list[str]:
        """Return the pieces."""
        if self.kept is None:
            self.kept = [*self.made]
        return self.kept


@dataclass(slots=True)
class Operation:
    """A compiled operation."""

    is_mutation: bool
    uses: Uses = field(default_factory=Uses)
    roots: list[Root] = field(default_factory=list)
    shape: dict[str, Shape] = field(default_factory=dict)

    def assemble(self, answers: Sequence[bytes]) -> bytes:
        """Return the data of the response, of the answers to its queries."""
        return b"".join([answers[piece] if isinstance(piece, int) else piece.encode() for piece in _pieces(self.shape)])

    def texts(self) -> Iterator[str]:
        """Yield the data of the response of an operation without queries, once."""
        return (piece for piece in _pieces(self.shape, is_last=True) if isinstance(piece, str))

    def pieces(self) -> list[str | int]:
        """Return the data of the response in pieces: texts, and answers to queries by their numbers."""
        pieces: list[str | int] = []
        for is_text, some in itertools.groupby(_pieces(self.shape), lambda piece: isinstance(piece, str)):
            found = [*some]
            pieces += ["".join(map(str, found))] if is_text else found
        return pieces

    def failed(self, sqlstate: str, message: str, context: str | None) -> Root | None:
        """Return the field whose query Postgres has refused; None: it is not known."""
        if len(self.roots) == 1:
            return self.roots[0]
        marks = _MARK.findall(context or "")
        if marks:
            # The last one is the outermost statement.
            return self.roots[int(marks[-1])] if int(marks[-1]) < len(self.roots) else None
        for root in self.roots:
            name = ".".join(root.path)
            if (sqlstate == "P0002" and message.startswith(f"no row of {name} was")) or (
                sqlstate == "21000" and message.startswith(f"{name} touches ")
            ):
                return root
        return None


def is_mutation(operation: OperationDefinitionNode) -> bool:
    """Whether an operation writes."""
    return operation.operation is OperationType.MUTATION


def compile_operation(
    document: Document,
    wanted: OperationDefinitionNode,
    variables: Variables,
    schema: Schema,
    max_rows: int | None,
) -> Operation:
    """Compile an operation of a document. Error: InvalidError."""
    if wanted.operation is OperationType.SUBSCRIPTION:
        raise InvalidError([GraphQLError("A subscription is sent over a WebSocket: graphql-transport-ws.", wanted)])
    selections = Selections(schema.graphql, document.fragments, variables.marked)
    try:
        return _Compiler(document, wanted, schema, selections, max_rows).run()
    except GraphQLError as error:
        raise InvalidError([error]) from None


class _Compiler:
    def __init__(
        self,
        document: Document,
        wanted: OperationDefinitionNode,
        schema: Schema,
        selections: Selections,
        max_rows: int | None,
    ) -> None:
        self._document = document
        self._wanted = wanted
        self._schema = schema
        self._selections = selections
        self._reader = Reader(selections, max_rows)
        self._made = Operation(is_mutation(wanted), self._reader.uses)

    def run(self) -> Operation:
        """Compile the operation."""
        graphql = self._schema.graphql
        of = graphql.mutation_type if self._made.is_mutation else graphql.query_type
        assert of is not None
        self._made.shape = self._fields(of, [self._wanted.selection_set], ())
        return self._made

    def _fields(self, of: GraphQLObjectType, sets: list[SelectionSetNode], path: tuple[str, ...]) -> dict[str, Shape]:
        shape: dict[str, Shape] = {}
        fields = self._selections.collect(of, sets, len(path) + 1)
        check_number(fields)
        for selected in fields:
            if selected.name == "__typename":
                shape[selected.key] = Constant(of.name)
            elif selected.name.startswith("__"):
                fragments = self._document.fragments
                found = introspect(self._schema, selected, fragments, self._selections)
                shape[selected.key] = Written(found)
            else:
                shape[selected.key] = self._field(selected, (*path, selected.key))
        return shape

    def _field(self, selected: Selected, path: tuple[str, ...]) -> Shape:
        means, reader = meaning_of(selected.field), self._reader
        depth = len(path)
        match means:
            case Viewer():
                return self._fields(reader.type_of(selected), selected.sets, path)
            case Connection():
                source = (_table(means.entity),)
                query = reader.connection(means.entity, selected, source, _ROWS, [], depth)
                return self._add(selected, path, query, "object")
            case ByKey():
                self._made.uses.key(means.entity.relation, means.columns.values())
                where = all_of(equal(means.entity, selected.arguments, means.columns, _ROWS, selected))
                return self._row(means.entity, reader.type_of(selected), selected, path, where)
            case ById() | Node():
                return self._by_id(means, selected, path)
            case Called():
                return self._called(means, selected, path)
            case Write():
                return self._write(means, selected, path)
        raise selected.error(f"'{selected.name}' is not built.")

    def _add(self, selected: Selected, path: tuple[str, ...], query: Query, form: Form, **more: Any) -> int:
        means = meaning_of(selected.field)
        if isinstance(means, Called):
            self._made.uses.functions[means.function.schema, means.function.name] = None
            more["settings"] = means.function.settings
        if len(self._made.roots) >= MOST_ROOTS:
            raise selected.error(f"The operation has more than {MOST_ROOTS} fields at its root.")
        self._made.roots.append(Root(path, tuple(selected.nodes), query, form, **more))
        return len(self._made.roots) - 1

    def _row(self, entity: Entity, of: GraphQLObjectType, selected: Selected, path: tuple[str, ...], where: Any) -> int:
        items = self._reader.items(entity, of, selected.sets, _ROWS, len(path) + 1)
        return self._add(selected, path, Select(items=items, source=(_table(entity),), where=where), "object")

    def _by_id(self, means: ById | Node, selected: Selected, path: tuple[str, ...]) -> Shape:
        given = selected.arguments["id"]
        entities = [means.entity] if isinstance(means, ById) else [*means.entities.values()]
        if is_unknown(given):
            return self._by_any_id(entities, selected, path)
        for entity in entities:
            text = given.value if isinstance(given, Held) else given
            found = read_token(text, entity.name, len(entity.key))
            if found is not None and None not in found:
                return self._by_id_of(entity, selected, path)
        plain(given)
        if isinstance(means, Node):
            return Constant(None)
        raise selected.error(f"'id' is no global id of {means.entity.type_name}.")

    def _by_id_of(self, entity: Entity, selected: Selected, path: tuple[str, ...]) -> int:
        values = values_of(selected.arguments["id"], entity.name, len(entity.key)) or ()
        of: Any = self._schema.graphql.type_map[entity.type_name]
        columns = {name: name for name in entity.key}
        where = all_of(equal(entity, dict(zip(entity.key, values, strict=True)), columns, _ROWS, selected))
        self._made.uses.key(entity.relation, entity.key)
        return self._row(entity, of, selected, path, where)

    def _by_any_id(self, entities: Sequence[Entity], selected: Selected, path: tuple[str, ...]) -> Shape:
        """Add what each id would ask for that the field is made for."""
        named = self._selections.types_of(selected.sets)
        shape: dict[str, Shape] = {}
        for entity in entities:
            if len(entities) == 1 or entity.type_name in named:
                shape[entity.type_name] = self._by_id_of(entity, selected, path)
        return shape

    def _called(self, means: Called, selected: Selected, path: tuple[str, ...]) -> Shape:
        function = means.function
        given = selected.arguments
        if self._made.is_mutation:
            given = given.get("input") or {}
        types = {argument.name: argument.type for argument in function.arguments}
        values = {name: value_of(given[key], types[name]) for key, name in means.arguments.items() if key in given}
        routine = Routine(function.name, function.schema, values)
        if not self._made.is_mutation:
            return self._output(means, routine, selected, path)
        outputs, shape = [], {}
        of = self._reader.type_of(selected)
        for each in self._selections.collect(of, selected.sets, 2):
            if each.name == "output":
                outputs.append(each)
            else:
                shape[each.key] = plain(given.get(CLIENT_ID)) if each.name == CLIENT_ID else of.name
        if len(outputs) > 1:
            raise outputs[1].error("'output' may be selected once, because the function is called once.")
        if not outputs:
            root = self._add(selected, path, Select(source=(routine,)), "nothing")
            return Wrapped(root, "", shape, [*shape])
        number = self._output(means, routine, outputs[0], (*path, outputs[0].key))
        assert isinstance(number, int)
        self._made.roots[number] = replace(self._made.roots[number], settings=means.function.settings)
        order = [each.key for each in self._selections.collect(of, selected.sets, 2)]
        return Wrapped(number, outputs[0].key, shape, order)

    def _output(self, means: Called, routine: Routine, selected: Selected, path: tuple[str, ...]) -> Shape:
        function, reader = means.function, self._reader
        if means.has_columns:
            items = reader.columns(reader.type_of(selected), selected.sets, len(path) + 1)
            return self._add(selected, path, Select(items=items, source=(routine,)), "array", unwraps=True)
        if means.entity is None:
            return self._add(selected, path, _scalars(means, routine, selected), "values", unwraps=True)
        if function.returns_set and not self._made.is_mutation:
            query = reader.connection(means.entity, selected, (routine,), function.name, [], len(path))
            return self._add(selected, path, query, "object")
        items = reader.items(means.entity, reader.type_of(selected), selected.sets, function.name, len(path) + 1)
        query = Select(items=items, source=(routine,))
        return self._add(selected, path, query, "array", unwraps=True)

    def _write(self, means: Write, selected: Selected, path: tuple[str, ...]) -> Shape:
        self._made.uses.key(means.entity.relation, [column.name for column in means.key.values()])
        query = WriteReader(self._reader).write(means, selected)
        if not means.bulk:
            return self._add(selected, path, query, "object", least=0 if means.verb == "insert" else 1)
        most = plain(selected.arguments.get("atMost"))
        if most is not None and most < 0:
            raise selected.error("'atMost' is negative.")
        return self._add(selected, path, query, "object", most=most)


def _table(entity: Entity) -> Table:
    return Table(entity.relation.name, entity.relation.schema, _ROWS)


def _scalars(means: Called, routine: Routine, selected: Selected) -> Select:
    assert selected.field is not None
    column = Column(means.function.name)
    if means.labels is not None:
        return Select(items=(Item(named(column, means.labels), "v"),), source=(routine,))
    wide = get_named_type(selected.field.type) in AS_TEXT
    return Select(items=(Item(Cast(column, "text") if wide else column, "v"),), source=(routine,))


def refusal(problem: ProblemError, root: Root | None = None) -> InvalidError:
    """Return the error for what the core refuses, with the field that it is about."""
    worded = word(problem)
    message = f"{worded['message']}. {worded['hint'] or ''}".strip()
    error = GraphQLError(message) if root is None else GraphQLError(message, list(root.nodes), path=list(root.path))
    return InvalidError([error])


def marked(number: int, text: str) -> str:
    """Return the text of a statement with the number of its field, which Postgres repeats in the context of errors."""
    return f"/* field {number} */ {text}"


def _pieces(shape: Shape, *, is_last: bool = False) -> Iterator[str | int]:
    match shape:
        case int():
            yield shape
        case Constant():
            yield json.dumps(shape.value)
        case Written():
            yield from shape.made if is_last and shape.kept is None else shape.read()
        case Wrapped():
            before = "{"
            for key in shape.order:
                yield f"{before}{json.dumps(key)}:"
                yield shape.root if key == shape.key else json.dumps(shape.others[key])
                before = ","
            yield "}" if shape.order else "{}"
        case _:
            before = "{"
            for key, part in shape.items():
                yield f"{before}{json.dumps(key)}:"
                yield from _pieces(part, is_last=is_last)
                before = ","
            yield "}" if shape else "{}"
