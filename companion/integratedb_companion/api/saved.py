"""Answers saved queries: GET /queries/<name>, with the values of parameters in the query string."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from integratedb.query.faces.data.compiling import Compiled as CompiledData
from integratedb.query.faces.data.compiling import as_json
from integratedb.query.faces.data.documents import kind_of
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.faces.url import UrlError, answering, errors, shape
from integratedb.query.faces.url.compiling import Compiled
from integratedb.query.faces.url.parameters import decode
from integratedb.query.problems import ProblemError
from integratedb.query.saved.compiling import (
    check_values,
    compile_data,
    compile_url,
    saved_query,
    seen_by,
    worded,
)
from integratedb.query.saved.forms import NAME, SavedQuery
from integratedb.query.statement import COLUMNS, Subjects
from integratedb.query.surface import Surface

from . import answers, estimates
from .connection import Query
from .execution import Executor, Plan, RefusedError, RequestError, Row, Slow, Watch
from .graphql import GraphQL
from .graphql_requests import Wanted
from .messages import JSON, Request, Response, failure
from .parameters import encoded
from .settings import Settings
from .surfaces import Entry
from .tokens import Caller
from .transaction import request_settings, search_path

PREFIX: Final = "/queries/"
_RUN: Final = b"SELECT r.body, r.more FROM integratedb.run_queries($1::pg_catalog.jsonb, $2::pg_catalog.float8) AS r"
_BODY, _MORE = (COLUMNS.index(name) for name in ("body", "more"))
#: The extended protocol has room for fewer than 65,536 parameters.
_MOST_PARAMETERS: Final = 30_000
#: A larger query is compiled beside other requests.
_LARGE_BYTES: Final = 4 << 10
#: What a query meets when something that it reads is missing, although it is claimed.
_MISSING: Final = frozenset({"unknown relation", "unknown column", "unknown function", "no relationship"})


class _DocumentAskedError(Exception):
    """The saved query is a document of GraphQL."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A saved query, the names of its parameters, and what it may read."""

    saved: SavedQuery
    names: frozenset[str]
    surface: Surface


@dataclass(slots=True, eq=False)
class _Statements:
    """What a query as data was compiled to; ``alone``: the only statement, where no function is needed to run it."""

    is_list: bool
    compiled: list[CompiledData]
    alone: bytes | None
    opening: Query | None = None


@dataclass(slots=True, eq=False)
class _Statement:
    """What a URL was compiled to."""

    compiled: Compiled
    text: bytes
    settings: list[tuple[bytes, bytes]]
    opening: Query | None


#: Other values of the same kinds make another statement.
_FIXED: Final = _Statements(False, [], None)


class Saved:
    """Saved queries over HTTP."""

    def __init__(self, settings: Settings, executor: Executor, graphql: GraphQL) -> None:
        self._settings = settings
        self._executor = executor
        self._graphql = graphql

    async def answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        """Answer a request. Errors: those of the executor."""
        response = await self._answer(request, caller, watch)
        response.route = "/queries"
        return response

    async def _answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        name = request.path.removeprefix(PREFIX)
        if request.method == "OPTIONS":
            return Response(200, [(b"allow", b"OPTIONS,GET,HEAD")])
        if request.method not in ("GET", "HEAD"):
            headers = {"Allow": "OPTIONS,GET,HEAD"}
            return failure(405, "PGRST117", f"A saved query is asked by GET, not by {request.method}", headers=headers)
        try:
            values = _values(request.query)
        except UrlError as error:
            return answers.of_error(error)
        asked: list[SavedQuery] = []

        def made(entry: Entry, row: Mapping[str, Any]) -> Plan:
            try:
                known = self._known(entry, row)
                asked[:] = [known.saved]
                check_values(known.saved, known.names, values)
                if known.saved.face == "graphql":
                    raise _DocumentAskedError
                plan = self._data if known.saved.face == "data" else self._url
                return plan(entry, known, values, request, caller)
            except (DocumentError, ProblemError, UrlError) as problem:
                raise RequestError from problem

        def make(entry: Entry) -> Plan | Response | Slow[Plan | Response]:
            row = entry.surface.saved.get(name) if NAME.fullmatch(name) else None
            if row is None:
                return _unknown(name, entry)
            return Slow(lambda: made(entry, row)) if self._is_large(entry, row) else made(entry, row)

        try:
            return await self._executor.execute(caller.role, make, watch)
        except _DocumentAskedError:
            wanted = Wanted(document_id=name, texts=values)
            return await self._graphql.answer(request, caller, watch, wanted)
        except RequestError as wrapped:
            problem = wrapped.__cause__
            assert isinstance(problem, DocumentError | ProblemError | UrlError)
            if not asked:
                # It is none that was saved: a dump brought it.
                return failure(409, "IDB01", f"The saved query {name} cannot be read", None, "Save it again.")
            return self._refused(problem, asked[0])

    def _is_large(self, entry: Entry, row: Mapping[str, Any]) -> bool:
        """Whether a query is so large that others would wait while it is compiled."""
        key = ("large saved query", row["name"])
        known: bool | None = entry.statements.get(key)
        if known is None:
            known = len(orjson.dumps(row["query"], default=str)) > _LARGE_BYTES
            entry.remember(key, known)
        return known

    def _known(self, entry: Entry, row: Mapping[str, Any]) -> _Known:
        """Return a saved query, with the part of the surface that it may read. Error: DocumentError."""
        key = ("saved query", row["name"])
        known: _Known | None = entry.statements.get(key)
        if known is None:
            saved = saved_query(row)
            known = _Known(saved, saved.names(), seen_by(saved, entry.surface))
            entry.remember(key, known)
        return known

    def _data(self, entry: Entry, known: _Known, values: Mapping[str, Any], request: Request, caller: Caller) -> Plan:
        given = {**known.saved.defaults, **values}
        made = self._statements(entry, known, given)
        cost = self._settings.max_cost
        if made.alone is not None:
            query = Query(made.alone, encoded(made.compiled[0].statement.bind((), given)))
        else:
            most_bytes = self._settings.max_answer_bytes
            written = as_json(made.compiled, given, is_list=made.is_list, explain=False, most_bytes=most_bytes)
            text = written.encode("utf-8", "surrogatepass")
            query = Query(_RUN, [text, None if cost is None else str(cost).encode()])

        def respond(row: Row) -> Response:
            if made.alone is None:
                body, is_truncated = row[0] or b"", row[1] == b"t"
            else:
                body, is_truncated = row[_BODY] or b"null", row[_MORE] == b"t"
                body = b"[%b]" % body if made.is_list else body
            headers = [(b"content-type", JSON)]
            if is_truncated:
                headers.append((b"integratedb-truncated", b"true"))
            return Response(206 if is_truncated else 200, headers, body)

        return Plan(
            query=query,
            reads=True,
            settings=lambda: request_settings(caller, request.method.encode(), request.raw_path, request.head),
            respond=respond,
            opening=made.opening,
            alike=(made, request.method, request.head, caller) if request.head.is_remembered else None,
        )

    def _statements(self, entry: Entry, known: _Known, given: Mapping[str, Any]) -> _Statements:
        """Return the statements of a query as data for these values. Errors: DocumentError, ProblemError."""
        kinds = ("saved data", known.saved.name, tuple((name, kind_of(given[name])) for name in sorted(given)))
        made: _Statements | None = entry.statements.get(kinds)
        if made is _FIXED:
            made = entry.statements.get((*kinds, _digest(given)))
        if made is not None:
            return made
        more: dict[str, Any] = {"max_rows": self._settings.max_rows, "subjects": self._subjects(entry)}
        document, compiled = compile_data(known.saved, known.surface, given, **more)
        alone: bytes | None = None
        if len(compiled) == 1 and self._settings.max_cost is None:
            more["max_answer_bytes"] = self._settings.max_answer_bytes
            _, [one] = compile_data(known.saved, known.surface, given, **more, parameters_in_array=False)
            statement = one.statement
            if len(statement.parameters) <= _MOST_PARAMETERS and statement.uses_all_parameters:
                compiled, alone = [one], statement.text.encode()
        opened = None
        if alone is not None and compiled[0].statement.is_plain:
            opened = self._executor.opening_of(entry, ())
        made = _Statements(document.is_list, [each.without_values() for each in compiled], alone, opened)
        if document.is_fixed:
            entry.remember((*kinds, _digest(given)), made)
        entry.remember(kinds, _FIXED if document.is_fixed else made)
        return made

    def _url(self, entry: Entry, known: _Known, values: Mapping[str, Any], request: Request, caller: Caller) -> Plan:
        accept = request.header(b"accept")
        made, holes = self._statement(entry, known, values, accept)
        compiled = made.compiled
        location = self._settings.prefix + request.path

        def respond(row: Row) -> Response:
            try:
                return answers.of(
                    answering.respond(compiled.shown, row, compiled.offset(holes), location, is_head=False)
                )
            except UrlError as error:
                raise RefusedError(answers.of_error(error)) from None

        parameters = encoded(compiled.statement.bind(holes), "surrogateescape")
        plan = Plan(
            query=Query(made.text, parameters),
            reads=True,
            settings=lambda: [
                *request_settings(caller, request.method.encode(), request.raw_path, request.head),
                *made.settings,
            ],
            respond=respond,
            opening=made.opening,
            alike=(made, request.method, request.head, caller) if request.head.is_remembered else None,
        )
        limit = self._settings.max_cost
        if limit is None:
            return plan

        def examined(answer: bytes) -> Plan:
            cost = estimates.cost_of(answer)
            if cost > limit:
                raise RefusedError(answers.of_error(errors.too_costly(cost, limit)))
            return plan

        return replace(
            plan, examine=Query(estimates.ESTIMATE + made.text, parameters, prepared=False), examined=examined
        )

    def _statement(
        self, entry: Entry, known: _Known, values: Mapping[str, Any], accept: str | None
    ) -> tuple[_Statement, tuple[Any, ...]]:
        """Return the statement of a URL, and the values of its holes. Errors: DocumentError, ProblemError, UrlError."""
        found = shape("GET", *known.saved.url(values))
        key = None if found is None else ("saved url", known.saved.name, found[0], accept)
        made: _Statement | None = None if key is None else entry.statements.get(key)
        if made is not None and found is not None:
            return made, found[1]
        compiled = compile_url(
            known.saved,
            known.surface,
            values,
            {} if accept is None else {"accept": accept},
            max_rows=self._settings.max_rows,
            max_answer_bytes=self._settings.max_answer_bytes,
            subjects=self._subjects(entry),
        )
        settings = [(name.encode(), value.encode()) for name, value in _function_settings(compiled)]
        if compiled.schema != self._settings.schemas[0]:
            settings.append((b"search_path", search_path((compiled.schema, *self._settings.extra_search_path))))
        opened = self._executor.opening_of(entry, settings) if compiled.statement.is_plain else None
        made = _Statement(compiled, compiled.statement.text.encode(), settings, opened)
        if key is not None:
            entry.remember(key, made)
        return made, compiled.request.holes

    def _subjects(self, entry: Entry) -> Subjects:
        return Subjects(entry.role.oid, self._settings.schemas, entry.surface.further)

    def _refused(self, problem: DocumentError | ProblemError | UrlError, saved: SavedQuery) -> Response:
        """Word a problem: with a value, or with something that is missing although it is claimed."""
        if isinstance(problem, UrlError) and problem.status == 406:
            return answers.of_error(problem)
        words = worded(problem, saved)
        if not (isinstance(problem, ProblemError) and problem.kind in _MISSING):
            return failure(400, words["code"] or "22023", words["message"] or "", None, words["hint"])
        hidden = sorted({one.schema for one in saved.reading.relations} - {*self._settings.schemas})
        hint = "The owners of the database see what is missing in integratedb_unmet_claims()."
        if hidden:
            hint = f"It reads {', '.join(hidden)}, which this service does not expose (--schemas)."
        return failure(409, "IDB01", f"The saved query {saved.name} cannot be run now: {words['message']}", None, hint)


def turned_off(request: Request) -> Response:
    """Return the answer to what --saved-only turns off."""
    response = failure(
        403,
        "42501",
        "This service answers saved queries only",
        f"{request.method} {request.path[:200]} is no saved query.",
        "GET /queries/<name> asks one; GET / lists them.",
    )
    response.route = "(turned off)"
    return response


def _unknown(name: str, entry: Entry) -> Response:
    known = ", ".join(sorted(entry.surface.saved)[:20])
    hint = f"The saved queries of this role: {known}." if known else "This role has no saved queries."
    return failure(404, "42704", f"There is no saved query {name[:80]}", None, hint)


def _values(query: str) -> dict[str, Any]:
    """Return the values of parameters; those that are given several times are lists. Error: UrlError."""
    values: dict[str, Any] = {}
    for piece in query.split("&"):
        name, equals, text = piece.partition("=")
        if not equals:
            continue
        name, value = decode(name), decode(text)
        if name in values:
            known = values[name]
            values[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            values[name] = value
    return values


def _digest(values: Mapping[str, Any]) -> bytes:
    """Return what identifies values, and does not keep them."""
    text = repr(sorted(values.items(), key=lambda item: item[0]))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _function_settings(compiled: Compiled) -> list[tuple[str, str]]:
    return [] if compiled.function is None else list(compiled.function.settings.items())
