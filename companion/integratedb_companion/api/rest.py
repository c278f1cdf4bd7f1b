"""Connects the URL face, the compiler and the answers: a request becomes a plan, and the row of the plan a response."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from integratedb.query.faces import url
from integratedb.query.faces.url import Body, UrlError, UrlRequest, UrlSettings, errors
from integratedb.query.plan.routines import find_function, overloads
from integratedb.query.problems import ProblemError
from integratedb.query.request import Column, Embed, Insert, Item, Routine, Select, Star, Value
from integratedb.query.request import Query as CoreQuery
from integratedb.query.statement import Form, Options, Statement, compile_query, pins_a_key
from integratedb.query.surface import Function, Relation

from . import answers, conditions, estimates
from .answers import Shown
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
#: The domain of functions that answer every media type, and what their answer is if they do not say it themselves.
ANY: Final = "*/*"
RAW: Final = url.Form("binary", "application/octet-stream")

_FORMS: Final[dict[str, Form]] = {
    "json": "array",
    "object": "object",
    "csv": "csv",
    "ndjson": "lines",
    "text": "text",
    "xml": "text",
    "binary": "bytes",
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A request of one shape: parsed, compiled, and what its answer depends on."""

    request: UrlRequest
    statement: Statement
    query: CoreQuery
    shown: Shown
    text: bytes
    reads: bool
    is_stream: bool
    decides: bool
    settings: tuple[tuple[bytes, bytes], ...]
    #: Whether the planner's number of rows is asked first.
    is_estimated: bool = False
    #: The cost that --max-cost has allowed, at the first use.
    accepted: list[float] = field(default_factory=list)


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

        def make(entry: Entry) -> Plan | Response | Slow:
            try:
                return self._plan(entry, request, caller)
            except (UrlError, ProblemError) as problem:
                seen.append(entry)
                raise RequestError from problem

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
            examine=Query(estimates.ESTIMATE + compiled.text, plan.query.values, prepared=False),
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
        offset = _number(getattr(compiled.query, "offset", None), holes)
        location = _location(request, self._settings.prefix)
        none_match = request.header(b"if-none-match")

        def respond(row: Row) -> Response:
            if estimate is not None:
                row = answers.with_estimate(row, estimate, offset)
            try:
                return answers.respond(shown, row, offset, location, none_match, is_head=is_head)
            except UrlError as error:
                raise RefusedError(answers.of_error(error)) from None

        return Plan(
            query=Query(compiled.text, values),
            reads=compiled.reads,
            settings=[
                *request_settings(caller, request.method.encode(), request.raw_path, request.headers),
                *compiled.settings,
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
        schema = parsed.schema or self._settings.schemas[0]
        function: Function | None = None
        relation: Relation | None = None
        if parsed.kind == "call":
            parsed, function = self._called(entry, parsed, schema)
        else:
            relation = entry.surface.relations.get((schema, parsed.name))
            if parsed.kind == "upsert one" and relation is not None:
                url.check_key(parsed.key_columns, relation.primary_key)
        assert parsed.query is not None
        query = parsed.query
        handled = _media_type(function)
        form = parsed.form(frozenset([handled] if handled is not None else ())) if handled != ANY else RAW
        if function is not None and handled in (form.name, ANY):
            form = replace(form, kind="binary" if function.returns.base == "pg_catalog.bytea" else "text", is_raw=True)
        answered = form.plan_of or form
        if answered.kind not in _FORMS:
            raise errors.not_implemented(f"The media type {answered.name} is not answered yet")
        is_read = isinstance(query, Select)
        preferences = parsed.preferences
        if function is not None and not function.returns_set and preferences.affected_limit is not None:
            raise errors.not_a_set()
        is_stream = is_read and not parsed.head and form.kind in ("ndjson", "csv") and preferences.count is None
        wanted: Form = _FORMS[answered.kind]
        if parsed.head:
            wanted = "nothing"
        elif is_stream:
            wanted = "lines" if form.kind == "ndjson" else "csv lines"
        elif wanted == "lines":
            wanted = "array"
        pinned = not isinstance(query, Insert) and relation is not None and pins_a_key(query.where, relation)
        if if_match is not None and relation is not None:
            query = _conditional(query, if_match, is_pinned=pinned and not is_stream)
        else:
            if_match = None
        is_estimated = (
            not is_exact
            and isinstance(query, Select)
            and preferences.count in ("planned", "estimated")
            and _may_be_estimated(query, relation)
        )
        statement = compile_query(
            query,
            entry.surface,
            Options(
                schema=schema,
                form=wanted,
                unwraps=function is not None,
                strip_nulls=answered.nulls_stripped,
                exact_count=preferences.count is not None and is_read and not is_estimated,
                max_rows=self._settings.max_rows,
                aggregates=self._settings.aggregates,
                allow_unfiltered=self._settings.allow_unfiltered_writes,
                etag=pinned and is_read and not is_stream,
                location=preferences.returned == "headers-only",
                subjects=tuple(subject.decode() for subject in entry.subjects),
            ),
        )
        shown = Shown(
            kind=parsed.kind,
            form=form,
            preferences=preferences,
            has_body=is_read or preferences.returned == "representation",
            is_void=function is not None and function.is_void,
            applied=preferences.applied(
                parsed.kind, bool(relation and relation.primary_key) or parsed.on_conflict is not None
            ),
            row_security=statement.row_security,
            if_match=if_match,
            has_row_only=pinned and is_read and _has_row_only(query, relation),
            keys=statement.keys if form.kind == "csv" else (),
            profile=schema if len(self._settings.schemas) > 1 else None,
        )
        settings: list[tuple[bytes, bytes]] = []
        if preferences.timezone is not None:
            settings.append((b"TimeZone", preferences.timezone.encode("utf-8", "replace")))
        if function is not None:
            settings += [(name.encode(), value.encode()) for name, value in function.settings.items()]
        if schema != self._settings.schemas[0]:
            settings.append((b"search_path", search_path((schema, *self._settings.extra_search_path))))
        return Compiled(
            parsed,
            statement,
            query,
            shown,
            statement.text.encode(),
            # A call by GET has no body; it may not write, whatever the function is.
            reads=statement.reads or (parsed.call is not None and parsed.call.body is None),
            is_stream=is_stream,
            decides=(
                not is_read
                and (if_match is not None or form.kind == "object" or preferences.affected_limit is not None)
            )
            or (function is not None and not statement.reads and form.kind == "object"),
            settings=tuple(settings),
            is_estimated=is_estimated,
        )

    def _called(self, entry: Entry, parsed: UrlRequest, schema: str) -> tuple[UrlRequest, Function | None]:
        """Divide the parameters of a call by the functions of its name, and find the one that is meant."""
        named = overloads(entry.surface, schema, parsed.name)
        names = frozenset(argument.name for function in named for argument in function.arguments if argument.name)
        variadic = next(
            (one.name for function in named for one in function.arguments if one.variadic and one.name), None
        )
        parsed = parsed.with_arguments(names, variadic)
        source = parsed.query.source[0] if isinstance(parsed.query, Select) and parsed.query.source else None
        return parsed, find_function(entry.surface, schema, source) if isinstance(source, Routine) else None

    def _without_query(self, entry: Entry, parsed: UrlRequest, request: Request) -> Response | Slow:
        if parsed.kind == "options":
            return answers.options(_methods(entry, parsed, parsed.schema or self._settings.schemas[0]))
        return self._description.answer(entry, parsed, request)


def _conditional(query: CoreQuery, if_match: str, *, is_pinned: bool) -> CoreQuery:
    """Return a query that changes a row only if it has one of these versions. Error: UrlError."""
    if isinstance(query, Insert):
        raise errors.condition_without_key("POST and PUT take none")
    if not is_pinned:
        raise errors.condition_without_key("the filters allow several")
    named = conditions.tags(if_match)
    if isinstance(query, Select) or named == (conditions.ANY,):
        return query
    return replace(query, versions=Value(list(named)))


def _may_be_estimated(query: Select, relation: Relation | None) -> bool:
    """Whether the planner's estimate tells no more than the role may see.

    The planner's figures are those of whole tables: with row security or behind a view, they would tell of hidden rows.
    """
    return (
        relation is not None
        and relation.kind in ("table", "partitioned table", "materialized view")
        and not relation.row_security
        and not any(isinstance(item, Embed) for item in query.items)
    )


def _has_row_only(query: CoreQuery, relation: Relation | None) -> bool:
    """Whether an answer depends on nothing but its row, so that the row's version is the answer's."""
    assert relation is not None
    assert isinstance(query, Select)
    return all(
        isinstance(item, Star)
        or (isinstance(item, Item) and isinstance(item.expression, Column) and item.expression.name in relation.columns)
        for item in query.items
    )


def _media_type(function: Function | None) -> str | None:
    """Return the media type that a function answers itself: it returns a domain of that name."""
    if function is None or not function.returns.is_domain:
        return None
    name = function.returns.sql.rpartition('."')[2].removesuffix('"')
    return name if "/" in name else None


def _methods(entry: Entry, parsed: UrlRequest, schema: str) -> list[str]:
    """Return what Allow says of a resource."""
    relation = entry.surface.relations.get((schema, parsed.name))
    if parsed.name == "":
        return ["OPTIONS", "GET", "HEAD"]
    if relation is None:
        named = overloads(entry.surface, schema, parsed.name)
        if not named:
            raise ProblemError("unknown relation", name=parsed.name, schema=schema)
        is_volatile = all(function.volatility == "volatile" for function in named)
        return ["OPTIONS", "POST"] if is_volatile else ["OPTIONS", "GET", "HEAD", "POST"]
    methods = ["OPTIONS", "GET", "HEAD"]
    if relation.can_insert:
        methods.append("POST")
    if relation.can_insert and relation.can_update and relation.primary_key:
        methods.append("PUT")
    if relation.can_update:
        methods.append("PATCH")
    if relation.can_delete:
        methods.append("DELETE")
    return methods


def _number(value: Value | None, holes: tuple[Any, ...]) -> int:
    if value is None:
        return 0
    return int(value.value if value.hole is None else holes[value.hole])


def _location(request: Request, prefix: str) -> str:
    """Return the URL of what is answered, with its parameters in order."""
    query = request.query
    if not query:
        return prefix + request.path
    return f"{prefix}{request.path}?{query}" if "&" not in query else f"{prefix}{request.path}?{url.canonical(query)}"
