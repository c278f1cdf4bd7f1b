"""Answers GraphQL over HTTP: /graphql, by POST, and by GET for queries."""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError, OperationDefinitionNode

from integratedb.query.faces import url
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.faces.graphql.compiling import Operation, Root, compile_operation, is_mutation, marked, refusal
from integratedb.query.faces.graphql.documents import Document, Documents, InvalidError
from integratedb.query.faces.graphql.introspection import asks
from integratedb.query.faces.graphql.schema import Schema, build_schema
from integratedb.query.faces.graphql.variables import MOST_COMPILED, Compiled, Signature, Variables, size_of
from integratedb.query.problems import ProblemError
from integratedb.query.saved.compiling import saved_query, seen_by
from integratedb.query.saved.forms import SavedQuery
from integratedb.query.saved.graphql import document_id, typed
from integratedb.query.statement import Options, Statement, Subjects, bind_all, compile_query
from integratedb.query.surface import Surface

from .connection import DatabaseError, Query
from .execution import Executor, Plan, RequestError, Row, Slow, Watch
from .graphql_answers import Answer, Answers
from .graphql_requests import GRAPHQL, HttpError, Wanted, media_type, read_request, refuse, respond
from .messages import Request, Response
from .parameters import Written
from .settings import Settings
from .surfaces import Entry
from .tokens import Caller
from .transaction import request_settings

_RUN: Final = "integratedb.run_queries($1::pg_catalog.jsonb, $2::pg_catalog.float8) AS r"
#: A larger document is read beside other requests.
_LARGE: Final = 2 << 10
#: So many schemas are kept: one of a thousand tables takes much memory.
MOST_SCHEMAS: Final = 50


_NUMBERS: Final = itertools.count()


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """What an operation was compiled to; its statements get the values of variables in their holes."""

    operation: Operation
    statements: tuple[Statement, ...]
    #: The only statement, where it is run as it is: one query needs no function that runs several.
    alone: Written | None
    #: The answer: texts, and the answers of queries by their numbers.
    pieces: list[bytes | int]
    settings: list[tuple[bytes, bytes]]
    #: What opens a session for the only statement, if that is a plain one.
    opening: Query | None

    def respond(self, kind: str, row: Row) -> Response:
        """Return the response of the answers."""
        return respond(kind, b"".join([(row[one] or b"null") if isinstance(one, int) else one for one in self.pieces]))


@dataclass(slots=True)
class _Served:
    """The schema of an entry, or of what a saved document may use, and the documents that were valid for it."""

    surface: Surface
    schema: Schema
    documents: Documents
    saved: SavedQuery | None = None
    compiled: Compiled[_Made] = field(default_factory=Compiled)
    signatures: dict[Hashable, Signature] = field(default_factory=dict)
    number: int = field(default_factory=lambda: next(_NUMBERS))


class GraphQL:
    """GraphQL over HTTP."""

    def __init__(self, settings: Settings, executor: Executor) -> None:
        self._settings = settings
        self._executor = executor
        self._kept: deque[Entry] = deque()
        self._answers = Answers()

    async def answer(self, request: Request, caller: Caller, watch: Watch, wanted: Wanted | None = None) -> Response:
        """Answer a request, or what another path makes of one. Errors: those of the executor.

        What Postgres refuses has a response.
        """
        try:
            response = await self._answer(request, caller, watch, wanted)
        except HttpError as error:
            extensions = None if error.code is None else {"code": error.code}
            response = refuse(GRAPHQL, error.status, [GraphQLError(str(error), extensions=extensions)], error.headers)
        response.route = "/graphql"
        return response

    async def _answer(self, request: Request, caller: Caller, watch: Watch, wanted: Wanted | None) -> Response:
        kind = media_type(request.header(b"accept"))
        if wanted is None:
            wanted = read_request(request)
        if self._settings.saved_only and wanted.document_id is None:
            raise HttpError(403, "This service answers saved documents only. Name one by 'documentId'.")
        asked = wanted
        seen: list[Operation] = []

        def made(entry: Entry) -> Plan | Response:
            try:
                return self._plan(entry, asked, request, caller, kind, seen)
            except (InvalidError, HttpError) as error:
                raise RequestError from error

        def made_of(known: Answer) -> Callable[[], Response]:
            return lambda: known.response(kind, request)

        def make(entry: Entry) -> Plan | Response | Slow[Plan | Response]:
            if asked.document_id is not None:
                return self._of_saved(entry, asked, made, len(request.body))
            served: _Served | None = entry.graphql
            is_question = asks(asked.query)
            if is_question and served is not None:
                known = self._answers.get((served.number, *_identity(asked)))
                if known is not None:
                    return known.response(kind, request) if known.is_ready(request) else Slow(made_of(known))
            size = max(len(request.body), len(asked.query))
            is_large = size > _LARGE and (served is None or served.documents.known(asked.query) is None)
            # A new schema or document, many variables, and questions about the schema take long.
            if served is None or is_large or size > 4 * _LARGE or is_question:
                return Slow(lambda: made(entry))
            return made(entry)

        try:
            return await self._executor.execute(caller.role, make, watch)
        except RequestError as wrapped:
            if isinstance(wrapped.__cause__, HttpError):
                raise wrapped.__cause__ from None
            error = wrapped.__cause__
            assert isinstance(error, InvalidError)
            return refuse(kind, 422 if error.is_parsed else 400, error.errors)
        except DatabaseError as error:
            if watch.is_gone:
                raise
            return self._failed(error, seen[-1] if seen else Operation(False), caller, kind)

    def _of_saved(
        self, entry: Entry, wanted: Wanted, made: Callable[[Entry], Plan | Response], size: int
    ) -> Plan | Response | Slow[Plan | Response]:
        """Return the plan of a saved document. Error: RequestError."""
        known = _saved_documents(entry)
        name = known.get(wanted.document_id or "")
        if name is None:
            names = ", ".join(sorted(name for name in known if ":" not in name)[:20])
            hint = f"Those of this role: {names}." if names else "This role has none."
            return _failure(404, "42704", f"There is no saved document {(wanted.document_id or '')[:80]}. {hint}")
        is_new = ("saved document", name) not in entry.statements
        return Slow(lambda: made(entry)) if is_new or size > 4 * _LARGE else made(entry)

    def _plan(
        self, entry: Entry, wanted: Wanted, request: Request, caller: Caller, kind: str, seen: list[Operation]
    ) -> Plan | Response:
        served = self._served(entry) if wanted.document_id is None else self._served_of(entry, wanted.document_id)
        made, holes = self._made(entry, served, wanted, request)
        operation, statements = made.operation, made.statements
        seen.append(operation)
        if not statements:
            answer = Answer(operation.texts())
            if served.saved is None:
                self._answers.keep((served.number, *_identity(wanted)), answer)
            return answer.response(kind, request)
        return Plan(
            query=self._query(operation, statements, holes) if made.alone is None else _alone(made.alone, holes),
            reads=not operation.is_mutation and all(statement.reads for statement in statements),
            settings=lambda: [
                *request_settings(caller, request.method.encode(), request.raw_path, request.head),
                *made.settings,
            ],
            respond=lambda row: made.respond(kind, row),
            rolls_back=self._settings.tx_end.startswith("rollback"),
            opening=made.opening,
            alike=(made, request.method, request.raw_path, request.head, caller)
            if request.head.is_remembered
            else None,
        )

    def _made(self, entry: Entry, served: _Served, wanted: Wanted, request: Request) -> tuple[_Made, list[Any]]:
        """Return what a request is compiled to, and the values of its holes. Errors: InvalidError, HttpError."""
        saved = served.saved
        text = wanted.query if saved is None else saved.text
        try:
            document = served.documents.read(text, served.schema)
        except InvalidError as error:
            if saved is None:
                raise
            # It was valid when it was saved, so something is missing.
            raise HttpError(409, _missing(saved, error, self._settings), code="IDB01") from None
        name = wanted.operation or (None if saved is None else saved.document.get("operation"))
        operation = document.operation(name)
        if request.method != "POST" and is_mutation(operation):
            raise HttpError(405, "A mutation is sent by POST.", [(b"allow", b"POST")])
        given = wanted.variables
        if saved is not None:
            texts = {} if wanted.texts is None else typed(served.schema.graphql, operation, wanted.texts)
            given = {**saved.defaults, **given, **texts}
        key = (document.digest, name)
        signature = served.signatures.get(key)
        plain = None if signature is None else signature.read(given)
        found = None if plain is None else served.compiled.find(key, plain)
        if found is not None:
            return found
        variables = Variables(served.schema.graphql, operation, given)
        found = served.compiled.find(key, variables)
        if found is None:
            made = self._compile(entry, served, document, operation, variables)
            # Values of variables have their text in answers about the schema.
            if made.statements and document is served.documents.known(text):
                served.compiled.keep(key, variables, made, size_of(document, made.statements))
                while len(served.signatures) >= MOST_COMPILED:
                    del served.signatures[next(iter(served.signatures))]
                served.signatures[key] = Signature(served.schema.graphql, operation)
            found = made, variables.holes
        return found

    def _compile(
        self, entry: Entry, served: _Served, document: Document, wanted: OperationDefinitionNode, variables: Variables
    ) -> _Made:
        with _without_collection():
            operation = compile_operation(document, wanted, variables, served.schema, self._settings.max_rows)
        is_alone = len(operation.roots) == 1 and not operation.is_mutation and self._settings.max_cost is None
        surface = served.surface
        names = frozenset(operation.uses.names)
        statements = [self._statement(root, entry, surface, names, in_array=not is_alone) for root in operation.roots]
        if is_alone and not statements[0].uses_all_parameters:
            is_alone, statements = False, [self._statement(operation.roots[0], entry, surface, names, in_array=True)]
        pieces = [one.encode() if isinstance(one, str) else one for one in operation.pieces()] if statements else []
        alone = Written.of(statements[0]) if is_alone else None
        settings = [*_function_settings(operation)]
        is_plain = alone is not None and statements[0].is_plain
        opened = self._executor.opening_of(entry, settings) if is_plain else None
        return _Made(operation, tuple(statements), alone, pieces, settings, opened)

    def document(self, entry: Entry, text: str) -> tuple[Schema, Document]:
        """Return a document, and the schema of a surface that it is valid for. Error: InvalidError."""
        served = self._served(entry)
        return served.schema, served.documents.read(text, served.schema)

    def _served(self, entry: Entry) -> _Served:
        served: _Served | None = entry.graphql
        if served is None:
            with _without_collection():
                schema = build_schema(
                    entry.surface,
                    aggregates=self._settings.aggregates,
                    subscriptions=self._settings.daemon_url is not None,
                )
            documents = Documents(introspection=self._settings.introspection)
            served = entry.graphql = _Served(entry.surface, schema, documents)
            self._kept.append(entry)
            while len(self._kept) > MOST_SCHEMAS:
                self._kept.popleft().graphql = None
        return served

    def _served_of(self, entry: Entry, document_id: str) -> _Served:
        """Return the schema of what a saved document may use."""
        name = _saved_documents(entry)[document_id]
        key = ("saved document", name)
        served: _Served | None = entry.statements.get(key)
        if served is None:
            try:
                saved = saved_query(entry.surface.saved[name])
            except DocumentError:
                message = f"The saved query {name} cannot be read. Save it again."
                raise HttpError(409, message, code="IDB01") from None
            surface = seen_by(saved, entry.surface)
            with _without_collection():
                schema = build_schema(surface, aggregates=self._settings.aggregates)
            served = _Served(surface, schema, Documents(introspection=False), saved)
            entry.remember(key, served)
        return served

    def _statement(
        self, root: Root, entry: Entry, surface: Surface, names: frozenset[str], *, in_array: bool
    ) -> Statement:
        schemas = self._settings.schemas
        options = Options(
            schemas[0],
            form=root.form,
            unwraps=root.unwraps,
            further_schemas=schemas[1:],
            max_rows=self._settings.max_rows,
            max_answer_bytes=self._settings.max_answer_bytes,
            aggregates=self._settings.aggregates,
            subjects=Subjects(entry.role.oid, schemas, entry.surface.further),
            parameters_in_array=in_array,
            names=names,
        )
        try:
            return compile_query(root.query, surface, options)
        except ProblemError as problem:
            raise refusal(problem, root) from None

    def _query(self, operation: Operation, statements: Sequence[Statement], holes: Sequence[Any]) -> Query:
        """Return the one statement that runs those of all fields, in order and in one transaction."""
        cost = self._settings.max_cost
        bound = _bound(statements, holes)
        compiled = [
            {
                "statement": marked(number, statement.text),
                "params": texts,
                "holes": [],
                "returns_rows": True,
                "least": root.least or None,
                "most": root.most,
                "field": ".".join(root.path),
            }
            for number, (root, statement, texts) in enumerate(zip(operation.roots, statements, bound, strict=True))
        ]
        most_bytes = self._settings.max_answer_bytes
        text = json.dumps({"statements": compiled, "is_list": True, "explain": False, "most_bytes": most_bytes})
        columns = ", ".join(
            f"(r.body::pg_catalog.json OPERATOR(pg_catalog.->) {n})::pg_catalog.text" for n in range(len(compiled))
        )
        run = f"SELECT {columns} FROM {_RUN}".encode()  # noqa: S608  only numbers are put in
        return Query(run, [text.encode("utf-8", "surrogatepass"), None if cost is None else str(cost).encode()])

    def _failed(self, error: DatabaseError, operation: Operation, caller: Caller, kind: str) -> Response:
        """Word what Postgres refuses: all changes are undone, and all fields are null."""
        worded = url.word_database(error.sqlstate, error.message, error.detail, error.hint, caller.is_anonymous)
        extensions: dict[str, Any] = {"code": worded.code}
        if self._settings.error_verbosity == "verbose":
            extensions |= {"details": worded.details, "hint": worded.hint}
        formatted: dict[str, Any] = {"message": worded.message, "extensions": extensions}
        root = operation.failed(error.sqlstate, error.message, error.context)
        if root is not None:
            formatted |= root.place()
        if worded.status in (503, 504):
            return respond(kind, None, [formatted], worded.status)
        return respond(kind, b"null", [formatted])


@contextmanager
def _without_collection() -> Iterator[None]:
    """Make many objects that stay: looking for those that do not takes two thirds of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _saved_documents(entry: Entry) -> dict[str, str]:
    """Return the names of the saved documents of a role, by the identifiers of each: its name, and its hash."""
    key = ("saved documents",)
    known: dict[str, str] | None = entry.statements.get(key)
    if known is None:
        known = {}
        for name, row in entry.surface.saved.items():
            if row["face"] == "graphql":
                known[name] = name
                # What a dump brought may be no document.
                with contextlib.suppress(DocumentError):
                    known[document_id(saved_query(row))] = name
        entry.remember(key, known)
    return known


def _missing(saved: SavedQuery, error: InvalidError, settings: Settings) -> str:
    hidden = sorted({one.schema for one in saved.reading.relations} - {*settings.schemas})
    why = f"It reads {', '.join(hidden)}, which this service does not expose." if hidden else str(error.errors[0])
    return f"The saved query {saved.name} cannot be run now: {why}"


def _failure(status: int, code: str, message: str) -> Response:
    return refuse(GRAPHQL, status, [GraphQLError(message, extensions={"code": code})])


def _identity(wanted: Wanted) -> tuple[str, str | None, str]:
    return wanted.query, wanted.operation, json.dumps(wanted.variables, sort_keys=True)


def _function_settings(operation: Operation) -> Iterator[tuple[bytes, bytes]]:
    """Yield the settings of the functions that are called; of two for one name, the first field's."""
    found: dict[str, str] = {}
    for root in operation.roots:
        found = {**root.settings, **found}
    return ((name.encode(), value.encode()) for name, value in found.items())


def _bound(statements: Sequence[Statement], holes: Sequence[Any]) -> list[list[str | None]]:
    """Return the parameters of statements. Error: InvalidError: they repeat too much of large values."""
    try:
        return bind_all(statements, filled=holes)
    except ProblemError as problem:
        raise refusal(problem) from None


def _alone(known: Written, holes: Sequence[Any]) -> Query:
    """Return the query of one field, which Postgres prepares once. Error: InvalidError."""
    if known.repeats:
        # A large value that is named often would fill the memory.
        _bound((known.statement,), holes)
    return known.query(holes)
