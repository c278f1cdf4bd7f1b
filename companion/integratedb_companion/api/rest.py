"""Connects the URL face, the compiler and the answers: a request becomes a plan, and the row of the plan a response."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Final

from integratedb.query.faces import url
from integratedb.query.faces.url import Body, UrlError, UrlRequest, UrlSettings, answering, errors
from integratedb.query.faces.url.compiling import Compiled, UrlOptions, compile_request, methods
from integratedb.query.problems import ProblemError
from integratedb.query.statement import Subjects

from . import answers, estimates
from .bodies import LARGE_BYTES, scan_json
from .connection import Query
from .description import Description
from .execution import Executor, Plan, RefusedError, RequestError, Row, Slow, Watch
from .lines import Lines
from .messages import Request, Response
from .parameters import Written, encoded
from .settings import Settings
from .surfaces import Entry
from .tokens import Caller
from .transaction import request_settings, search_path

MAX_SHAPE_CHARACTERS: Final = 4096
#: Requests that cost too much are refused without asking the planner again, for a time and so many of them.
REFUSED_FOR_S: Final = 10.0
MOST_REFUSED: Final = 10_000
#: Reading a larger body takes longer than starting a thread, and may take many seconds.
SLOW_BODY_BYTES: Final = 128 << 10
#: Bodies with more different rows than this are no shape that comes again.
MAX_SHAPE_ROWS: Final = 8
#: The media types of JSON; with others, or parameters, a request is parsed each time.
JSON_TYPES: Final = ("application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8")
#: Beside a shape: the request wants more rows than an answer may have.
LONG: Final = "long"
#: Stands for the body where only its shape is compiled, so that no body is kept.
NO_BODY: Final = b"{}"


@dataclass(slots=True, eq=False)
class Known:
    """A statement that is remembered with its surface."""

    compiled: Compiled
    written: Written
    settings: list[tuple[bytes, bytes]]
    #: What opens a session for it, if it is plain.
    opening: Query | None


class Rest:
    """The URL face over HTTP."""

    def __init__(self, settings: Settings, executor: Executor) -> None:
        self._settings = settings
        self._executor = executor
        self._description = Description(settings)
        #: Requests with their values that cost too much, and until when that is remembered.
        self._refused: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._url = UrlSettings(
            schemas=settings.schemas,
            transaction_override=settings.may_override_tx_end,
            plan=settings.plan,
            root=settings.openapi != "disabled" or settings.root is not None,
            root_function=settings.root,
        )

    async def answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        """Answer a request. Errors: those of the executor."""
        is_root = request.path == "/" and request.method in ("GET", "HEAD") and self._settings.root is None
        if is_root and self._settings.openapi == "ignore-privileges":
            return await self._described_to_all(request, caller)

        seen: list[Entry] = []

        def planned(entry: Entry) -> Any:
            try:
                return self._plan(entry, request, caller)
            except (UrlError, ProblemError) as problem:
                seen.append(entry)
                raise RequestError from problem

        def make(entry: Entry) -> Plan | Response | Slow[Plan | Response]:
            return Slow(lambda: planned(entry)) if len(request.body) > SLOW_BODY_BYTES else planned(entry)

        try:
            return await self._executor.execute(caller.role, make, watch)
        except RequestError as wrapped:
            problem = wrapped.__cause__
            if isinstance(problem, ProblemError):
                problem = await self._word(problem, seen[-1], request, caller)
            assert isinstance(problem, UrlError)
            return answers.of_error(problem)

    async def _described_to_all(self, request: Request, caller: Caller) -> Response:
        """Describe all that the exposed schemas have, whatever the role may do. Error: RoleError."""
        await self._executor.surfaces.of(caller.role)
        entry = await self._executor.surfaces.of_everything()
        try:
            parsed = url.parse(request.method, "/", request.query, request.head.last, Body(b""), self._url)
            made = self._description.answer(entry, parsed, request)
        except UrlError as error:
            return answers.of_error(error)
        except ProblemError as problem:
            return answers.of_error(url.word(problem, caller.is_anonymous))
        return await asyncio.to_thread(made.make) if isinstance(made, Slow) else made

    async def _word(self, problem: ProblemError, entry: Entry, request: Request, caller: Caller) -> UrlError:
        """Word a problem; where it is a name that the role does not see, with the reason for that."""
        error = url.word(problem, caller.is_anonymous)
        is_write = request.method in ("POST", "PUT", "PATCH", "DELETE")
        profile = request.header(b"content-profile" if is_write else b"accept-profile")
        doubtful = url.name_in_doubt(problem, entry.surface, profile or self._settings.schemas[0])
        if doubtful is None or self._settings.error_verbosity != "verbose":
            return error
        reason = await self._executor.surfaces.why_not_visible(entry, *doubtful)
        if reason is None:
            return error
        return url.because(error, reason.answer, reason.message, reason.claim, anonymous=caller.is_anonymous)

    def _plan(self, entry: Entry, request: Request, caller: Caller) -> Plan | Response | Slow[Plan | Response]:
        head = request.head
        shape, holes, body = self._shape(request)
        known: Known | None = None if shape is None else entry.statements.get(shape)
        if known is not None and not known.compiled.serves(holes):
            shape = (shape, LONG)
            known = entry.statements.get(shape)
        if known is None:
            parsed = url.parse(request.method, request.path, request.query, head.last, body, self._url)
            if parsed.query is None:
                return self._without_query(entry, parsed, request)
            if shape is None:
                holes = parsed.holes
            if_match, none_match = request.header(b"if-match"), request.header(b"if-none-match")
            known = self._known(entry, self._compile(entry, parsed, if_match, none_match))
            if shape is not None:
                entry.remember(shape, known)
        plan = self._run_of(known, request, caller, holes)
        compiled = known.compiled
        if request.lines is not None:
            plan = self._continued(entry, plan, compiled, request.lines)
        form, wanted = compiled.shown.form, compiled.request.preferences.count
        if form.kind == "plan":
            return self._explained(plan, form)
        is_costly = self._settings.max_cost is not None and not compiled.accepted
        if not (is_costly or compiled.is_estimated):
            if shape is not None and head.is_remembered:
                plan.alike = (known, head, caller)
            return plan

        digest = _digest(entry, plan) if is_costly and shape is not None else None
        if digest is not None:
            self._check_refused(digest)

        def examined(answer: bytes) -> Plan:
            limit = self._settings.max_cost
            if is_costly and limit is not None:
                cost = estimates.cost_of(answer)
                if cost > limit:
                    if digest is not None:
                        self._refused[digest] = (cost, time.monotonic() + REFUSED_FOR_S)
                        while len(self._refused) > MOST_REFUSED:
                            self._refused.popitem(last=False)
                    raise RefusedError(answers.of_error(errors.too_costly(cost, limit)))
                compiled.accepted.append(cost)
            if not compiled.is_estimated:
                return plan
            rows, most = estimates.rows_of(answer), self._settings.max_rows
            if wanted == "planned" or (most is not None and rows > most):
                return self._run_of(known, request, caller, holes, rows)
            exact = self._compile(entry, compiled.request, compiled.shown.if_match, is_exact=True)
            return self._run_of(self._known(entry, exact), request, caller, holes)

        return replace(
            plan,
            examine=Query(estimates.ESTIMATE + plan.query.text, plan.query.values, prepared=False),
            examined=examined,
        )

    def _check_refused(self, digest: bytes) -> None:
        """Refuse at once what cost too much a moment ago. Error: RefusedError."""
        cost, until_s = self._refused.get(digest, (0.0, 0.0))
        limit = self._settings.max_cost
        if limit is not None and time.monotonic() < until_s:
            raise RefusedError(answers.of_error(errors.too_costly(cost, limit)))

    def _continued(self, entry: Entry, plan: Plan, compiled: Compiled, lines: Lines) -> Plan:
        """Return the plan of a long body: the statement inserts its first lines, and others follow.

        The first one has compared the surface, and locks the relation. So its columns stay as they are.
        """
        later = self._compile(entry, compiled.request, compiled.shown.if_match, is_compared=False).statement
        text = later.text.encode()
        place = lines.place

        async def following() -> Query | None:
            batch = await lines.next()
            if batch is None:
                return None
            body = Body(batch.content, scan_json, batch.first_line)
            try:
                rows = await asyncio.to_thread(url.more_rows, compiled.request, body)
            except UrlError as error:
                raise RefusedError(answers.of_error(error)) from None
            return Query(text, encoded(later.bind((rows,)), "surrogateescape"))

        return replace(plan, following=following, place=place)

    def _shape(self, request: Request) -> tuple[Hashable, tuple[Any, ...], Body]:
        """Return what requests with the same statement have in common, and what they do not; and the body to parse.

        None instead: the request is parsed each time.
        """
        head, method, query = request.head, request.method, request.query
        # The statement of a Range depends on a number outside of the URL.
        body = Body(request.body, scan_json)
        if "range" in head.last or "if-match" in head.last:
            return None, (), body
        holes: tuple[Any, ...] = ()
        if method == "POST":
            key, length = (method, request.path, query), len(query)
        else:
            shaped = url.shape(method, request.path, query)
            if shaped is None:
                return None, (), body
            key, holes = shaped
            length = len(key[2])
        if length > MAX_SHAPE_CHARACTERS:
            return None, (), body
        if method not in ("POST", "PATCH"):
            return (key, head.shaping), holes, body
        if not 0 < len(request.body) <= LARGE_BYTES or head.last.get("content-type", JSON_TYPES[0]) not in JSON_TYPES:
            return None, (), body
        try:
            scanned = scan_json(request.body)
        except ValueError:
            return None, (), body
        is_array, keys, _ = scanned
        if len(keys) > MAX_SHAPE_ROWS:
            return None, (), Body(request.body, lambda _: scanned)
        return (key, head.shaping, is_array, *keys), (*holes, request.body), Body(NO_BODY, lambda _: scanned)

    def _known(self, entry: Entry, compiled: Compiled) -> Known:
        settings = self._settings_of(compiled)
        is_plain = compiled.statement.is_plain and not compiled.is_stream and not compiled.decides
        return Known(
            compiled,
            Written.of(compiled.statement, "surrogateescape"),
            settings,
            self._executor.opening_of(entry, settings) if is_plain else None,
        )

    def _explained(self, plan: Plan, form: url.Form) -> Plan:
        """Return what answers the plan of a request; what EXPLAIN ANALYZE does is undone."""
        text = estimates.explain(plan.query.text, form.plan_format, form.plan_options)
        return replace(
            plan,
            query=Query(text, plan.query.values, prepared=False),
            respond=lambda row: answers.of_plan(form, row[0] or b""),
            is_stream=False,
            is_text=True,
            decides=False,
            rolls_back=True,
            opening=None,
        )

    def _run_of(
        self,
        known: Known,
        request: Request,
        caller: Caller,
        holes: tuple[Any, ...],
        estimate: int | None = None,
    ) -> Plan:
        compiled = known.compiled
        shown, is_head = compiled.shown, compiled.request.head
        offset = compiled.offset(holes)
        location = _location(request, self._settings.prefix)
        none_match = request.header(b"if-none-match")

        def respond(row: Row) -> Response:
            if estimate is not None:
                row = answering.with_estimate(row, estimate, offset)
            try:
                return answers.of(answering.respond(shown, row, offset, location, none_match, is_head=is_head))
            except UrlError as error:
                raise RefusedError(answers.of_error(error)) from None

        return Plan(
            query=known.written.query(holes),
            reads=compiled.reads,
            settings=lambda: [
                *request_settings(caller, request.method.encode(), request.raw_path, request.head),
                *known.settings,
            ],
            respond=respond,
            is_stream=compiled.is_stream,
            ends_lines=compiled.shown.form.kind == "ndjson",
            decides=compiled.decides,
            rolls_back=self._rolls_back(compiled.request),
            opening=known.opening,
        )

    def _rolls_back(self, parsed: UrlRequest) -> bool:
        if self._settings.may_override_tx_end and parsed.preferences.transaction is not None:
            return parsed.preferences.transaction == "rollback"
        return self._settings.tx_end.startswith("rollback")

    def _compile(
        self,
        entry: Entry,
        parsed: UrlRequest,
        if_match: str | None,
        none_match: str | None = None,
        *,
        is_exact: bool = False,
        is_compared: bool = True,
    ) -> Compiled:
        options = UrlOptions(
            schemas=self._settings.schemas,
            max_rows=self._settings.max_rows,
            max_answer_bytes=self._settings.max_answer_bytes,
            aggregates=self._settings.aggregates,
            allow_unfiltered=self._settings.allow_unfiltered_writes,
            subjects=Subjects(entry.role.oid, self._settings.schemas, entry.surface.further) if is_compared else None,
            asks=True,
        )
        return compile_request(entry.surface, parsed, options, if_match, none_match=none_match, is_exact=is_exact)

    def _settings_of(self, compiled: Compiled) -> list[tuple[bytes, bytes]]:
        """Return the settings that a request has by what it asks for."""
        settings: list[tuple[bytes, bytes]] = []
        timezone = compiled.request.preferences.timezone
        if timezone is not None:
            settings.append((b"TimeZone", timezone.encode("utf-8", "replace")))
        if compiled.function is not None:
            settings += [(name.encode(), value.encode()) for name, value in compiled.function.settings.items()]
        if compiled.schema != self._settings.schemas[0]:
            path = search_path((compiled.schema, *self._settings.extra_search_path))
            settings.append((b"search_path", path))
        return settings

    def _without_query(self, entry: Entry, parsed: UrlRequest, request: Request) -> Response | Slow[Response]:
        if parsed.kind == "options":
            return answers.options(methods(entry.surface, parsed, parsed.schema or self._settings.schemas[0]))
        return self._description.answer(entry, parsed, request)


def _digest(entry: Entry, plan: Plan) -> bytes:
    """Return what identifies a statement with its values, for a role and a version of its surface."""
    parts = [entry.role.name.encode(), entry.version, plan.query.text, *plan.query.values]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return digest.digest()


def _location(request: Request, prefix: str) -> str:
    """Return the URL of what is answered, with its parameters in order."""
    query = request.query
    if not query:
        return prefix + request.path
    return f"{prefix}{request.path}?{query}" if "&" not in query else f"{prefix}{request.path}?{url.canonical(query)}"
