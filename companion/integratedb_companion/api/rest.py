"""Connects the URL face, the compiler and the answers: a request becomes a plan, and the row of the plan a response."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from integratedb.query.faces import url
from integratedb.query.faces.url import Body, UrlError, UrlRequest, UrlSettings, answering, errors
from integratedb.query.faces.url.compiling import Compiled, UrlOptions, compile_request, methods
from integratedb.query.problems import ProblemError

from . import answers, estimates
from .bodies import scan_json
from .connection import Query
from .description import Description
from .execution import Executor, Plan, RefusedError, RequestError, Row, Slow, Watch
from .messages import Request, Response
from .settings import Settings
from .surfaces import Entry
from .tokens import Caller
from .transaction import request_settings, search_path

#: These headers are part of what a statement depends on.
SHAPING: Final = ("accept", "prefer", "accept-profile", "content-profile", "content-type")
MAX_SHAPE_CHARACTERS: Final = 4096
#: Reading a larger body takes longer than starting a thread, and may take many seconds.
SLOW_BODY_BYTES: Final = 128 << 10


class Rest:
    """The URL face over HTTP."""

    def __init__(self, settings: Settings, executor: Executor) -> None:
        self._settings = settings
        self._executor = executor
        self._description = Description(settings)
        self._url = UrlSettings(
            schemas=settings.schemas,
            transaction_override=settings.may_override_tx_end,
            plan=settings.plan,
            root=settings.openapi != "disabled" or settings.root is not None,
            root_function=settings.root,
        )

    async def answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        """Answer a request. Errors: those of the executor."""

        seen: list[Entry] = []

        def planned(entry: Entry) -> Any:
            try:
                return self._plan(entry, request, caller)
            except (UrlError, ProblemError) as problem:
                seen.append(entry)
                raise RequestError from problem

        def make(entry: Entry) -> Plan | Response | Slow:
            return Slow(lambda: planned(entry)) if len(request.body) > SLOW_BODY_BYTES else planned(entry)

        try:
            return await self._executor.execute(caller.role, make, watch)
        except RequestError as wrapped:
            problem = wrapped.__cause__
            if isinstance(problem, ProblemError):
                problem = await self._word(problem, seen[-1], request, caller)
            assert isinstance(problem, UrlError)
            return answers.of_error(problem)

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

    def _plan(self, entry: Entry, request: Request, caller: Caller) -> Plan | Response | Slow:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        shape = None
        holes: tuple[Any, ...] = ()
        # The statement of a PATCH also depends on its body, that of a Range on a number outside of the URL.
        if_match = request.header(b"if-match")
        if request.method != "PATCH" and "range" not in headers and if_match is None:
            shaped = url.shape(request.method, request.path, request.query)
            if shaped is not None and len(shaped[0][2]) <= MAX_SHAPE_CHARACTERS:
                holes = shaped[1]
                shape = (shaped[0], *map(headers.get, SHAPING))
        compiled: Compiled | None = None if shape is None else entry.statements.get(shape)
        if compiled is None:
            body = Body(request.body, scan_json)
            parsed = url.parse(request.method, request.path, request.query, headers, body, self._url)
            if parsed.query is None:
                return self._without_query(entry, parsed, request)
            holes = parsed.holes
            compiled = self._compile(entry, parsed, if_match)
            if shape is not None:
                entry.remember(shape, compiled)
        plan = self._run_of(compiled, request, caller, holes)
        form, wanted = compiled.shown.form, compiled.request.preferences.count
        if form.kind == "plan":
            return self._explained(plan, form)
        is_costly = self._settings.max_cost is not None and not compiled.accepted
        if not (is_costly or compiled.is_estimated):
            return plan

        def examined(answer: bytes) -> Plan:
            limit = self._settings.max_cost
            if is_costly and limit is not None:
                cost = estimates.cost_of(answer)
                if cost > limit:
                    raise RefusedError(answers.of_error(errors.too_costly(cost, limit)))
                compiled.accepted.append(cost)
            if not compiled.is_estimated:
                return plan
            rows, most = estimates.rows_of(answer), self._settings.max_rows
            if wanted == "planned" or (most is not None and rows > most):
                return self._run_of(compiled, request, caller, holes, rows)
            exact = self._compile(entry, compiled.request, compiled.shown.if_match, is_exact=True)
            return self._run_of(exact, request, caller, holes)

        return replace(
            plan,
            examine=Query(estimates.ESTIMATE + plan.query.text, plan.query.values, prepared=False),
            examined=examined,
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
        )

    def _run_of(
        self,
        compiled: Compiled,
        request: Request,
        caller: Caller,
        holes: tuple[Any, ...],
        estimate: int | None = None,
    ) -> Plan:
        values = [
            value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            for value in compiled.statement.bind(holes)
        ]
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
            query=Query(compiled.statement.text.encode(), values),
            reads=compiled.reads,
            settings=[
                *request_settings(caller, request.method.encode(), request.raw_path, request.headers),
                *self._settings_of(compiled),
            ],
            respond=respond,
            is_stream=compiled.is_stream,
            ends_lines=compiled.shown.form.kind == "ndjson",
            decides=compiled.decides,
            rolls_back=self._rolls_back(compiled.request),
        )

    def _rolls_back(self, parsed: UrlRequest) -> bool:
        if self._settings.may_override_tx_end and parsed.preferences.transaction is not None:
            return parsed.preferences.transaction == "rollback"
        return self._settings.tx_end.startswith("rollback")

    def _compile(self, entry: Entry, parsed: UrlRequest, if_match: str | None, *, is_exact: bool = False) -> Compiled:
        options = UrlOptions(
            schemas=self._settings.schemas,
            max_rows=self._settings.max_rows,
            aggregates=self._settings.aggregates,
            allow_unfiltered=self._settings.allow_unfiltered_writes,
            subjects=tuple(subject.decode() for subject in entry.subjects),
        )
        return compile_request(entry.surface, parsed, options, if_match, is_exact=is_exact)

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

    def _without_query(self, entry: Entry, parsed: UrlRequest, request: Request) -> Response | Slow:
        if parsed.kind == "options":
            return answers.options(methods(entry.surface, parsed, parsed.schema or self._settings.schemas[0]))
        return self._description.answer(entry, parsed, request)


def _location(request: Request, prefix: str) -> str:
    """Return the URL of what is answered, with its parameters in order."""
    query = request.query
    if not query:
        return prefix + request.path
    return f"{prefix}{request.path}?{query}" if "&" not in query else f"{prefix}{request.path}?{url.canonical(query)}"
