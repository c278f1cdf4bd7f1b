"""Answers saved queries: GET /queries/<name>, with the values of parameters in the query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from integratedb.query.faces.data.compiling import as_json
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.faces.url import UrlError, answering, errors
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
from integratedb.query.statement import Subjects
from integratedb.query.surface import Surface

from . import answers, estimates
from .connection import Query
from .execution import Executor, Plan, RefusedError, RequestError, Row, Watch
from .graphql import GraphQL
from .graphql_requests import Wanted
from .messages import JSON, Request, Response, failure
from .settings import Settings
from .surfaces import Entry
from .tokens import Caller
from .transaction import request_settings, search_path

PREFIX: Final = "/queries/"
_RUN: Final = b"SELECT r.body, r.more FROM integratedb.run_queries($1::pg_catalog.jsonb, $2::pg_catalog.float8) AS r"
#: What a query meets when something that it reads is missing, although it is claimed.
_MISSING: Final = frozenset({"unknown relation", "unknown column", "unknown function", "no relationship"})


class _DocumentAskedError(Exception):
    """The saved query is a document of GraphQL."""


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

        def make(entry: Entry) -> Plan | Response:
            row = entry.surface.saved.get(name) if NAME.fullmatch(name) else None
            if row is None:
                return _unknown(name, entry)
            try:
                saved, surface = self._known(entry, row)
                asked[:] = [saved]
                check_values(saved, values)
                if saved.face == "graphql":
                    raise _DocumentAskedError
                plan = self._data if saved.face == "data" else self._url
                return plan(entry, saved, surface, values, request, caller)
            except (DocumentError, ProblemError, UrlError) as problem:
                raise RequestError from problem

        try:
            return await self._executor.execute(caller.role, make, watch)
        except _DocumentAskedError:
            wanted = Wanted(document_id=name, texts=values)
            return await self._graphql.answer(request, caller, watch, wanted)
        except RequestError as wrapped:
            problem = wrapped.__cause__
            assert isinstance(problem, DocumentError | ProblemError | UrlError)
            return self._refused(problem, asked[0])

    def _known(self, entry: Entry, row: Mapping[str, Any]) -> tuple[SavedQuery, Surface]:
        """Return a saved query, and the part of the surface that it may read."""
        key = ("saved query", row["name"])
        known: tuple[SavedQuery, Surface] | None = entry.statements.get(key)
        if known is None:
            saved = saved_query(row)
            known = (saved, seen_by(saved, entry.surface))
            entry.remember(key, known)
        return known

    def _data(
        self,
        entry: Entry,
        saved: SavedQuery,
        surface: Surface,
        values: Mapping[str, Any],
        request: Request,
        caller: Caller,
    ) -> Plan:
        document, compiled = compile_data(
            saved, surface, values, max_rows=self._settings.max_rows, subjects=self._subjects(entry)
        )
        most_bytes = self._settings.max_answer_bytes
        written = as_json(compiled, is_list=document.is_list, explain=False, most_bytes=most_bytes)
        text = written.encode("utf-8", "surrogatepass")
        cost = self._settings.max_cost

        def respond(row: Row) -> Response:
            is_truncated = row[1] == b"t"
            headers = [(b"content-type", JSON)]
            if is_truncated:
                headers.append((b"integratedb-truncated", b"true"))
            return Response(206 if is_truncated else 200, headers, row[0] or b"")

        return Plan(
            query=Query(_RUN, [text, None if cost is None else str(cost).encode()]),
            reads=True,
            settings=lambda: request_settings(caller, request.method.encode(), request.raw_path, request.head),
            respond=respond,
        )

    def _url(
        self,
        entry: Entry,
        saved: SavedQuery,
        surface: Surface,
        values: Mapping[str, Any],
        request: Request,
        caller: Caller,
    ) -> Plan:
        accept = request.header(b"accept")
        compiled = compile_url(
            saved,
            surface,
            values,
            {} if accept is None else {"accept": accept},
            max_rows=self._settings.max_rows,
            max_answer_bytes=self._settings.max_answer_bytes,
            subjects=self._subjects(entry),
        )
        holes = compiled.request.holes
        bound = compiled.statement.bind(holes)
        text = compiled.statement.text.encode()
        parameters = [one.encode("utf-8", "surrogateescape") if isinstance(one, str) else one for one in bound]
        location = self._settings.prefix + request.path

        def respond(row: Row) -> Response:
            try:
                return answers.of(
                    answering.respond(compiled.shown, row, compiled.offset(holes), location, is_head=False)
                )
            except UrlError as error:
                raise RefusedError(answers.of_error(error)) from None

        settings = [(name.encode(), value.encode()) for name, value in _function_settings(compiled)]
        if compiled.schema != self._settings.schemas[0]:
            settings.append((b"search_path", search_path((compiled.schema, *self._settings.extra_search_path))))
        plan = Plan(
            query=Query(text, parameters),
            reads=True,
            settings=lambda: [
                *request_settings(caller, request.method.encode(), request.raw_path, request.head),
                *settings,
            ],
            respond=respond,
        )
        limit = self._settings.max_cost
        if limit is None:
            return plan

        def examined(answer: bytes) -> Plan:
            cost = estimates.cost_of(answer)
            if cost > limit:
                raise RefusedError(answers.of_error(errors.too_costly(cost, limit)))
            return plan

        return replace(plan, examine=Query(estimates.ESTIMATE + text, parameters, prepared=False), examined=examined)

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


def _function_settings(compiled: Compiled) -> list[tuple[str, str]]:
    return [] if compiled.function is None else list(compiled.function.settings.items())
