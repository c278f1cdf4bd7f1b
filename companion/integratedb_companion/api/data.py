"""Answers queries as data: POST /query with a document of JSON or EDN."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from integratedb.query.faces import url
from integratedb.query.faces.data.compiling import as_json, compile_document
from integratedb.query.faces.data.documents import Document, read_document
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.faces.data.wording import word
from integratedb.query.faces.url import UrlError
from integratedb.query.problems import ProblemError
from integratedb.query.statement import Options, Subjects

from . import edn
from .bodies import MAX_DEPTH, read_json
from .connection import DatabaseError, Query
from .execution import Executor, Plan, RequestError, Row, Slow, Watch
from .messages import JSON, Request, Response
from .settings import Settings
from .surfaces import Entry
from .tokens import Caller
from .transaction import request_settings

EDN: Final = b"application/edn; charset=utf-8"
_RUN: Final = b"SELECT r.body, r.more FROM integratedb.run_queries($1::pg_catalog.jsonb, $2::pg_catalog.float8) AS r"
#: A larger document is read beside other requests, and compiled if it has more lists and objects.
_LARGE_BYTES: Final = 4 << 10
_MANY_NODES: Final = 50


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
            document = await self._document(request.body, is_edn=kind == "application/edn")
        except DocumentError as error:
            return _failure(_of_problem(error, caller), word(error)["pointer"])
        seen: list[Entry] = []

        def made(entry: Entry) -> Plan:
            try:
                return self._plan(entry, document, request, caller)
            except (DocumentError, ProblemError) as problem:
                seen.append(entry)
                raise RequestError from problem

        def make(entry: Entry) -> Plan | Slow[Plan | Response]:
            is_large = len(request.body) > _LARGE_BYTES or document.nodes > _MANY_NODES
            return Slow(lambda: made(entry)) if is_large else made(entry)

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

    async def _document(self, body: bytes, *, is_edn: bool) -> Document:
        if not is_edn and len(body) <= _LARGE_BYTES:
            return _read_json(body)
        if not is_edn:
            return await asyncio.to_thread(_read_json, body)
        async with self._reading:
            return await asyncio.to_thread(_read_edn, body)

    def _plan(self, entry: Entry, document: Document, request: Request, caller: Caller) -> Plan:
        schemas = self._settings.schemas
        profile = request.header(b"content-profile")
        first = profile if profile in schemas else schemas[0]
        options = Options(
            first,
            further_schemas=tuple(schema for schema in schemas if schema != first),
            max_rows=self._settings.max_rows,
            aggregates=self._settings.aggregates,
            allow_unfiltered=self._settings.allow_unfiltered_writes,
            subjects=Subjects(entry.role.oid, schemas, entry.surface.further),
            parameters_in_array=True,
        )
        compiled = compile_document(document, entry.surface, options)
        cost = self._settings.max_cost
        text = as_json(compiled, document).encode("utf-8", "surrogatepass")

        def respond(row: Row) -> Response:
            body, is_truncated = row[0] or b"", row[1] == b"t"
            headers = [(b"content-type", JSON)]
            if is_truncated:
                headers.append((b"integratedb-truncated", b"true"))
            return Response(206 if is_truncated else 200, headers, body)

        return Plan(
            query=Query(_RUN, [text, None if cost is None else str(cost).encode()]),
            reads=document.explain or all(each.statement.reads for each in compiled),
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


def _read_json(body: bytes) -> Document:
    try:
        given = read_json(body)
    except ValueError as error:
        raise DocumentError((), f"the body is no JSON: {str(error)[:200]}") from None
    return read_document(given)


def _read_edn(body: bytes) -> Document:
    if len(body) > edn.MAX_BYTES:
        raise DocumentError((), f"the body is longer than {edn.MAX_BYTES} bytes of EDN", None, "54000")
    try:
        given = edn.loads(body.decode(), MAX_DEPTH)
    except ValueError as error:
        raise DocumentError((), f"the body is no EDN: {str(error)[:200]}") from None
    return read_document(given, marked_names=True)


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
