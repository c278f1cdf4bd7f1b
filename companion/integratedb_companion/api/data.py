"""Answers queries as data: POST /query with a document of JSON or EDN."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from integratedb.query.faces import url
from integratedb.query.faces.data.compiling import Compiled, as_json, compile_document
from integratedb.query.faces.data.documents import Document, kind_of, read_document
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.faces.data.wording import word
from integratedb.query.faces.url import UrlError
from integratedb.query.problems import ProblemError
from integratedb.query.statement import COLUMNS, Options, Subjects

from . import edn
from .bodies import MAX_DEPTH, read_json
from .connection import DatabaseError, Query
from .execution import Executor, Plan, RequestError, Row, Slow, Watch
from .messages import JSON, Request, Response
from .parameters import encoded
from .settings import Settings
from .surfaces import Entry
from .tokens import Caller
from .transaction import request_settings

EDN: Final = b"application/edn; charset=utf-8"
_RUN: Final = b"SELECT r.body, r.more FROM integratedb.run_queries($1::pg_catalog.jsonb, $2::pg_catalog.float8) AS r"
_BODY, _COUNT, _MORE = (COLUMNS.index(name) for name in ("body", "row_count", "more"))
#: A larger document is read beside other requests, and is not remembered. One with more lists and objects is compiled
#: beside them.
_LARGE_BYTES: Final = 4 << 10
_MANY_NODES: Final = 50
#: The extended protocol has room for fewer than 65,536 parameters.
_MOST_PARAMETERS: Final = 30_000


@dataclass(slots=True, eq=False)
class _Known:
    """A document that is remembered with its surface: its statements serve documents with other params, too."""

    is_list: bool
    explains: bool
    compiled: list[Compiled]
    #: The text of the only statement, where no function is needed that runs several.
    alone: bytes | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A body that was parsed: what makes its statements, and the params beside that."""

    body: Any
    #: None: the values are those of the document that is compiled.
    params: Mapping[str, Any] | None = None
    #: None: it is not remembered.
    shape: Hashable = None
    is_edn: bool = False

    def read(self) -> Document:
        """Read the document. Error: DocumentError."""
        return read_document(self.body, marked_names=self.is_edn)


class Data:
    """Queries as data over HTTP."""

    def __init__(self, settings: Settings, executor: Executor) -> None:
        self._settings = settings
        self._executor = executor
        #: One document in EDN is read, and one is written, at a time.
        self._reading, self._editing = asyncio.Lock(), asyncio.Lock()

    async def answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        """Answer a request. Errors: those of the executor; what Postgres refuses has a response."""
        response = await self._answer(request, caller, watch)
        response.route = "/query"
        return response

    async def _answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        kind = (request.header(b"content-type") or "application/json").partition(";")[0].strip().lower()
        if kind not in ("application/json", "application/edn"):
            message = f"A query is application/json or application/edn, not {kind[:80]}"
            return _failure(UrlError(415, "PGRST102", message))
        try:
            asked = await self._asked(request.body, is_edn=kind == "application/edn")
        except DocumentError as error:
            return _failure(_of_problem(error, caller), word(error)["pointer"])
        seen: list[Entry] = []

        def made(entry: Entry, known: _Known | None, document: Document | None) -> Plan:
            try:
                return self._plan(
                    known or self._compiled(entry, asked, document, request), entry, asked, request, caller
                )
            except (DocumentError, ProblemError) as problem:
                seen.append(entry)
                raise RequestError from problem

        def make(entry: Entry) -> Plan | Slow[Plan | Response]:
            known = self._remembered(entry, asked, request)
            document = None
            if known is None and len(request.body) <= _LARGE_BYTES:
                try:
                    document = asked.read()
                except DocumentError as problem:
                    seen.append(entry)
                    raise RequestError from problem
            is_fast = known is not None or (document is not None and document.nodes <= _MANY_NODES)
            return made(entry, known, document) if is_fast else Slow(lambda: made(entry, known, document))

        try:
            response = await self._executor.execute(caller.role, make, watch)
            return await self._written(request, response)
        except RequestError as wrapped:
            problem = wrapped.__cause__
            assert isinstance(problem, DocumentError | ProblemError)
            return await self._refused(problem, seen[-1], caller)
        except DatabaseError as error:
            if watch.is_gone:
                raise
            verbose = self._settings.error_verbosity == "verbose"
            worded = url.word_database(error.sqlstate, error.message, error.detail, error.hint, caller.is_anonymous)
            if error.sqlstate == "54000":
                # The query is too costly, or an answer too large: a fault of the request.
                worded.status = 400
            if not verbose:
                worded.details = worded.hint = None
            return _failure(worded)

    async def _written(self, request: Request, response: Response) -> Response:
        """Return the answer in the notation that the client accepts."""
        if "application/edn" in (request.header(b"accept") or ""):
            # The writer is slow.
            async with self._editing:
                response.body = await asyncio.to_thread(lambda: edn.dumps(orjson.loads(response.body)).encode())
            response.headers[0] = (b"content-type", EDN)
        return response

    async def _asked(self, body: bytes, *, is_edn: bool) -> _Asked:
        """Parse a body. Error: DocumentError."""
        if not is_edn:
            return _parsed(body) if len(body) <= _LARGE_BYTES else await asyncio.to_thread(_parsed, body)
        async with self._reading:
            return await asyncio.to_thread(_parsed_edn, body)

    def _shape(self, asked: _Asked, request: Request) -> Hashable:
        return ("query", request.header(b"content-profile"), asked.shape)

    def _remembered(self, entry: Entry, asked: _Asked, request: Request) -> _Known | None:
        shape = self._shape(asked, request)
        known: _Known | None = entry.statements.get(shape) if asked.shape is not None else None
        return known

    def _compiled(self, entry: Entry, asked: _Asked, document: Document | None, request: Request) -> _Known:
        """Compile a document, and remember its statements. Errors: DocumentError, ProblemError."""
        document = document or asked.read()
        known = self._statements(entry, document, request)
        if asked.shape is not None and not document.is_fixed:
            known.compiled = [each.without_values() for each in known.compiled]
            entry.remember(self._shape(asked, request), known)
        return known

    def _statements(self, entry: Entry, document: Document, request: Request) -> _Known:
        schemas = self._settings.schemas
        profile = request.header(b"content-profile")
        first = profile if profile in schemas else schemas[0]
        options = Options(
            first,
            further_schemas=tuple(schema for schema in schemas if schema != first),
            max_rows=self._settings.max_rows,
            max_answer_bytes=self._settings.max_answer_bytes,
            aggregates=self._settings.aggregates,
            allow_unfiltered=self._settings.allow_unfiltered_writes,
            subjects=Subjects(entry.role.oid, schemas, entry.surface.further),
            parameters_in_array=True,
        )
        if len(document.steps) == 1 and not document.explain and self._settings.max_cost is None:
            compiled = compile_document(document, entry.surface, replace(options, parameters_in_array=False))
            statement = compiled[0].statement
            if len(statement.parameters) <= _MOST_PARAMETERS and statement.uses_all_parameters:
                return _Known(document.is_list, False, compiled, statement.text.encode())
        compiled = compile_document(document, entry.surface, options)
        return _Known(document.is_list, document.explain, compiled, None)

    def _plan(self, known: _Known, entry: Entry, asked: _Asked, request: Request, caller: Caller) -> Plan:
        compiled = known.compiled
        cost = self._settings.max_cost
        if known.alone is not None:
            query = Query(known.alone, encoded(compiled[0].statement.bind((), asked.params)))
        else:
            text = as_json(
                compiled,
                asked.params,
                is_list=known.is_list,
                explain=known.explains,
                most_bytes=self._settings.max_answer_bytes,
            ).encode("utf-8", "surrogatepass")
            query = Query(_RUN, [text, None if cost is None else str(cost).encode()])

        def respond(row: Row) -> Response:
            if known.alone is None:
                body, is_truncated = row[0] or b"", row[1] == b"t"
            else:
                body = (row[_BODY] or b"null") if compiled[0].returns_rows else b'{"count": %b}' % (row[_COUNT] or b"0")
                body, is_truncated = (b"[%b]" % body if known.is_list else body), row[_MORE] == b"t"
            headers = [(b"content-type", JSON)]
            if is_truncated:
                headers.append((b"integratedb-truncated", b"true"))
            return Response(206 if is_truncated else 200, headers, body)

        return Plan(
            query=query,
            reads=known.explains or all(each.statement.reads for each in compiled),
            settings=lambda: request_settings(caller, request.method.encode(), request.raw_path, request.head),
            respond=respond,
            rolls_back=self._settings.tx_end.startswith("rollback"),
        )

    async def _refused(self, problem: DocumentError | ProblemError, entry: Entry, caller: Caller) -> Response:
        """Word a problem; where it is a name that the role does not see, with the reason for that."""
        error = _of_problem(problem, caller)
        pointer = word(problem)["pointer"]
        doubtful = None
        if isinstance(problem, ProblemError):
            doubtful = url.name_in_doubt(problem, entry.surface, self._settings.schemas[0])
        if doubtful is None or self._settings.error_verbosity != "verbose":
            return _failure(error, pointer)
        reason = await self._executor.surfaces.why_not_visible(entry, *doubtful)
        if reason is not None:
            error = url.because(error, reason.answer, reason.message, reason.claim, anonymous=caller.is_anonymous)
        return _failure(error, pointer)


def _parsed(body: bytes) -> _Asked:
    try:
        given = read_json(body)
    except ValueError as error:
        raise DocumentError((), f"the body is no JSON: {str(error)[:200]}") from None
    params = given.get("params") if isinstance(given, dict) else None
    if not isinstance(params, dict):
        return _Asked(given, None, None if len(body) > _LARGE_BYTES else body)
    if len(body) > _LARGE_BYTES:
        return _Asked(given, params)
    rest = {name: value for name, value in given.items() if name != "params"}
    try:
        text = orjson.dumps(rest)
    except TypeError:  # a number of more than 64 bits, or a text that is none
        return _Asked(given, params)
    return _Asked(given, params, (text, tuple((name, kind_of(value)) for name, value in params.items())))


def _parsed_edn(body: bytes) -> _Asked:
    if len(body) > edn.MAX_BYTES:
        raise DocumentError((), f"the body is longer than {edn.MAX_BYTES} bytes of EDN", None, "54000")
    try:
        given = edn.loads(body.decode(), MAX_DEPTH)
    except ValueError as error:
        raise DocumentError((), f"the body is no EDN: {str(error)[:200]}") from None
    return _Asked(given, is_edn=True)


def _of_problem(problem: DocumentError | ProblemError, caller: Caller) -> UrlError:
    worded = word(problem)
    code, message = worded["code"] or "22023", worded["message"] or ""
    error = url.word_database(code, message, None, worded["hint"], caller.is_anonymous)
    # A query that becomes no statement is a fault of the request.
    error.status = error.status if error.status < 500 else 400
    return error


def _failure(error: UrlError, pointer: str | None = None) -> Response:
    """Return an error, with the place in the document."""
    body = {
        "code": error.code, "message": error.message, "details": error.details, "hint": error.hint, "pointer": pointer,
    }  # fmt: skip
    headers = [
        (name.encode().lower(), value.encode("latin-1", "replace")) for name, value in dict(error.headers).items()
    ]
    return Response(max(error.status, 200), [(b"content-type", JSON), *headers], orjson.dumps(body))
