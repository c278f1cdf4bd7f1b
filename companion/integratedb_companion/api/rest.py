"""Connects the URL face, the compiler and the answers: a request becomes a plan, and the row of the plan a response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from integratedb.query.faces import url
from integratedb.query.faces.url import Body, UrlError, UrlRequest, UrlSettings, errors
from integratedb.query.openapi.document import describe
from integratedb.query.openapi.swagger import convert
from integratedb.query.plan.routines import find_function, overloads
from integratedb.query.problems import ProblemError
from integratedb.query.request import Query as CoreQuery
from integratedb.query.request import Routine, Select, Value
from integratedb.query.statement import Form, Options, Statement, compile_query, pins_a_key
from integratedb.query.surface import Function, Relation
from integratedb_companion import __version__

from . import answers
from .answers import Shown
from .bodies import scan_json
from .connection import Query
from .execution import Executor, Plan, RefusedError, RequestError, Row, Watch
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


class Rest:
    """The URL face over HTTP."""

    def __init__(self, settings: Settings, executor: Executor) -> None:
        self._settings = settings
        self._executor = executor
        self._url = UrlSettings(
            schemas=settings.schemas,
            transaction_override=settings.may_override_tx_end,
            plan=settings.plan,
            root=settings.openapi != "disabled" or settings.root is not None,
            root_function=settings.root,
        )

    async def answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        """Answer a request. Errors: those of the executor."""

        def make(entry: Entry) -> Plan | Response:
            try:
                return self._plan(entry, request, caller)
            except (UrlError, ProblemError) as problem:
                raise RequestError from problem

        try:
            return await self._executor.execute(caller.role, make, watch)
        except RequestError as wrapped:
            problem = wrapped.__cause__
            if isinstance(problem, ProblemError):
                worded = url.word(problem, caller.is_anonymous)
                if problem.kind in ("unknown relation", "unknown column") and worded.hint is None:
                    await self._reason(worded, problem, caller)
                problem = worded
            assert isinstance(problem, UrlError)
            return answers.of_error(problem)

    async def _reason(self, error: UrlError, problem: ProblemError, caller: Caller) -> None:
        """Tell a stakeholder why a name is not part of its surface, and which claim would cure that."""
        if self._settings.error_verbosity != "verbose":
            return
        name, schema = str(problem.facts["name"]), str(problem.facts.get("schema") or self._settings.schemas[0])
        names = (schema, name) if problem.kind == "unknown relation" else (schema, str(problem.facts["relation"]), name)
        why = await self._executor.surfaces.why_not_visible(caller.role, *names)
        if why is not None:
            error.details, error.hint = why

    def _plan(self, entry: Entry, request: Request, caller: Caller) -> Plan | Response:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        shape = None
        holes: tuple[Any, ...] = ()
        # The statement of a PATCH also depends on its body, that of a Range on a number outside of the URL.
        if request.method != "PATCH" and "range" not in headers:
            shaped = url.shape(request.method, request.path, request.query)
            if shaped is not None and len(shaped[0][2]) <= MAX_SHAPE_CHARACTERS:
                holes = shaped[1]
                shape = (shaped[0], *map(headers.get, SHAPING))
        compiled: Compiled | None = None if shape is None else entry.statements.get(shape)
        if compiled is None:
            body = Body(request.body, scan_json)
            parsed = url.parse(request.method, request.path, request.query, headers, body, self._url)
            if parsed.query is None:
                return self._without_query(entry, parsed)
            holes = parsed.holes
            compiled = self._compile(entry, parsed)
            if shape is not None:
                entry.remember(shape, compiled)
        values = [
            value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            for value in compiled.statement.bind(holes)
        ]
        shown, is_head = compiled.shown, compiled.request.head
        offset = _number(getattr(compiled.query, "offset", None), holes)
        location = _location(request, self._settings.prefix)

        def respond(row: Row) -> Response:
            try:
                return answers.respond(shown, row, offset, location, is_head=is_head)
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
            is_text=shown.form.kind == "plan",
            ends_lines=compiled.shown.form.kind == "ndjson",
            decides=compiled.decides,
            rolls_back=self._rolls_back(compiled.request),
        )

    def _rolls_back(self, parsed: UrlRequest) -> bool:
        if self._settings.may_override_tx_end and parsed.preferences.transaction is not None:
            return parsed.preferences.transaction == "rollback"
        return self._settings.tx_end.startswith("rollback")

    def _compile(self, entry: Entry, parsed: UrlRequest) -> Compiled:
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
        pinned = is_read and relation is not None and pins_a_key(query.where, relation)  # type: ignore[union-attr]
        statement = compile_query(
            query,
            entry.surface,
            Options(
                schema=schema,
                form=wanted,
                unwraps=function is not None,
                strip_nulls=answered.nulls_stripped,
                exact_count=preferences.count is not None and is_read,
                max_rows=self._settings.max_rows,
                aggregates=self._settings.aggregates,
                allow_unfiltered=self._settings.allow_unfiltered_writes,
                etag=pinned and not is_stream,
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
            (_explain(form) + statement.text).encode(),
            # A call by GET has no body; it may not write, whatever the function is.
            reads=statement.reads or (parsed.call is not None and parsed.call.body is None),
            is_stream=is_stream,
            decides=(not is_read and (form.kind == "object" or preferences.affected_limit is not None))
            or (function is not None and not statement.reads and form.kind == "object"),
            settings=tuple(settings),
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

    def _without_query(self, entry: Entry, parsed: UrlRequest) -> Response:
        schema = parsed.schema or self._settings.schemas[0]
        if parsed.kind == "options":
            return answers.options(_methods(entry, parsed, schema))
        is_swagger = ("version", "2.0") in parsed.form().parameters
        key = ("description", schema, is_swagger)
        document: bytes | None = entry.statements.get(key)
        if document is None:
            document = orjson.dumps(self._described(entry, schema, is_swagger))
            entry.remember(key, document)
        return answers.described(document)

    def _described(self, entry: Entry, schema: str, is_swagger: bool) -> Any:
        document = describe(
            entry.surface,
            schema,
            version=__version__,
            server=self._settings.openapi_server or self._settings.prefix or "/",
            secured=self._settings.openapi_security,
        )
        return convert(document) if is_swagger else document


def _explain(form: url.Form) -> str:
    """Return what makes a statement one that answers its plan, where that is asked for."""
    if form.plan_of is None:
        return ""
    return f"EXPLAIN ({', '.join((f'FORMAT {form.plan_format}', *form.plan_options)).upper()}) "


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
