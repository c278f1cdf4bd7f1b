"""Compiles a request of the URL face: the statement, and what its answer depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...plan.routines import find_function, overloads
from ...problems import ProblemError
from ...request import Column, Conflict, Embed, Insert, Item, Query, Routine, Rows, Select, Star, Update, Value
from ...statement import Form, Options, Statement, Subjects, compile_query, pins_a_key
from ...surface import Aggregate, Function, Relation, Surface
from . import conditions, errors
from .answering import Shown
from .handlers import handlers_of
from .parsing import UrlRequest
from .writing import check_key

_FORMS: Final[dict[str, Form]] = {
    "json": "array",
    "object": "object",
    "csv": "csv",
    "ndjson": "lines",
    "text": "text",
    "xml": "text",
    "binary": "bytes",
    "geojson": "geojson",
}


@dataclass(frozen=True, slots=True)
class UrlOptions:
    """What a service or a session allows and wants of statements."""

    schemas: tuple[str, ...]
    max_rows: int | None = None
    max_answer_bytes: int | None = None
    aggregates: bool = True
    allow_unfiltered: bool = False
    #: Whether NDJSON and CSV may be answered row by row.
    streams: bool = True
    #: The statement compares the version of these.
    subjects: Subjects | None = None
    parameters_in_array: bool = False
    #: Whether each request with other values asks Compiled.serves() first.
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """A request of one shape: parsed, compiled, and what its answer depends on."""

    request: UrlRequest
    schema: str
    statement: Statement
    query: Query
    shown: Shown
    function: Function | None
    #: Whether it must not write: a call by GET has no body, and may not write, whatever the function is.
    reads: bool
    is_stream: bool
    #: Whether the answer decides if the transaction is committed.
    decides: bool
    #: Whether the planner's number of rows is asked first.
    is_estimated: bool = False
    #: The cost that has been allowed, at the first use.
    accepted: list[float] = field(default_factory=list)
    #: The most rows that a request of this statement may ask for.
    most: int | None = None

    def offset(self, holes: Sequence[Any] = ()) -> int:
        """Return how many rows are left out first."""
        return _number(getattr(self.query, "offset", None), holes) or 0

    def serves(self, holes: Sequence[Any]) -> bool:
        """Whether the statement is that of a request with these values."""
        wanted = None if self.most is None else _number(getattr(self.query, "limit", None), holes)
        return self.most is None or wanted is None or wanted <= self.most


def _number(value: Value | None, holes: Sequence[Any]) -> int | None:
    return None if value is None else int(value.value if value.hole is None else holes[value.hole])


def compile_request(
    surface: Surface,
    parsed: UrlRequest,
    options: UrlOptions,
    if_match: str | None = None,
    *,
    none_match: str | None = None,
    is_exact: bool = False,
) -> Compiled:
    """Compile a request for a surface; of writes, PUT alone takes If-None-Match. Errors: UrlError, ProblemError."""
    schema = parsed.schema or options.schemas[0]
    function: Function | None = None
    relation: Relation | None = None
    if parsed.kind == "call":
        parsed, function = called(surface, parsed, schema)
    else:
        relation = surface.relations.get((schema, parsed.name))
        if parsed.kind == "upsert one" and relation is not None:
            check_key(parsed.key_columns, relation.primary_key)
    assert parsed.query is not None
    query = parsed.query
    form = parsed.form(handlers_of(surface, query, relation, function))
    answered = form.plan_of or form
    is_read = isinstance(query, Select)
    preferences = parsed.preferences
    if function is not None and not function.returns_set and preferences.affected_limit is not None:
        raise errors.not_a_set()
    is_stream = (
        options.streams and is_read and not parsed.head and form.kind in ("ndjson", "csv") and preferences.count is None
    )
    wanted: Form = _FORMS[answered.kind]
    if parsed.head:
        wanted = "nothing"
    elif is_stream:
        wanted = "lines" if form.kind == "ndjson" else "csv lines"
    elif wanted == "lines":
        wanted = "array"
    pinned = not isinstance(query, Insert) and relation is not None and pins_a_key(query.where, relation)
    only_inserts = parsed.kind == "upsert one" and none_match is not None and relation is not None
    if only_inserts:
        query = _only_inserting(query, none_match)
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
    wanted_rows = _number(query.limit, parsed.holes) if isinstance(query, Select) and options.asks else None
    is_short = wanted_rows is not None and options.max_rows is not None and wanted_rows <= options.max_rows
    statement = compile_query(
        query,
        surface,
        Options(
            schema=schema,
            is_short=is_short,
            form=wanted,
            unwraps=function is not None,
            strip_nulls=answered.nulls_stripped,
            aggregate=answered.handler if isinstance(answered.handler, Aggregate) else None,
            exact_count=preferences.count is not None and is_read and not is_estimated,
            max_rows=options.max_rows,
            max_answer_bytes=options.max_answer_bytes,
            aggregates=options.aggregates,
            allow_unfiltered=options.allow_unfiltered,
            etag=pinned and is_read and not is_stream,
            location=preferences.returned == "headers-only",
            subjects=options.subjects,
            parameters_in_array=options.parameters_in_array,
        ),
    )
    shown = Shown(
        kind=parsed.kind,
        form=form,
        content_type=form.content_type.encode(),
        preferences=preferences,
        has_body=is_read or preferences.returned == "representation",
        is_void=function is not None and function.is_void,
        applied=preferences.applied(
            parsed.kind, bool(relation and relation.primary_key) or parsed.on_conflict is not None
        ),
        row_security=statement.row_security,
        if_match=if_match,
        only_inserts=only_inserts,
        only_replaces=parsed.kind == "upsert one" and if_match is not None,
        has_row_only=pinned and is_read and _has_row_only(query, relation),
        keys=statement.keys if form.kind == "csv" else (),
        profile=schema if len(options.schemas) > 1 else None,
    )
    return Compiled(
        parsed,
        schema,
        statement,
        query,
        shown,
        function,
        reads=statement.reads or (parsed.call is not None and parsed.call.body is None),
        is_stream=is_stream,
        decides=(
            not is_read
            and (
                if_match is not None or only_inserts or form.kind == "object" or preferences.affected_limit is not None
            )
        )
        or (function is not None and not statement.reads and form.kind == "object"),
        is_estimated=is_estimated,
        most=options.max_rows if is_short else None,
    )


def called(surface: Surface, parsed: UrlRequest, schema: str) -> tuple[UrlRequest, Function | None]:
    """Divide the parameters of a call by the functions of its name, and find the one that is meant."""
    named = overloads(surface, schema, parsed.name)
    names = frozenset(argument.name for function in named for argument in function.arguments if argument.name)
    variadic = next((one.name for function in named for one in function.arguments if one.variadic and one.name), None)
    parsed = parsed.with_arguments(names, variadic)
    source = parsed.query.source[0] if isinstance(parsed.query, Select) and parsed.query.source else None
    return parsed, find_function(surface, schema, source) if isinstance(source, Routine) else None


def _conditional(query: Query, if_match: str, *, is_pinned: bool) -> Query:
    """Return a query that changes a row only if it has one of these versions. Error: UrlError."""
    if isinstance(query, Insert):
        is_merge = query.conflict is not None and query.conflict.action == "merge"
        if query.must is None or not is_merge or not isinstance(query.rows, Rows):
            raise errors.condition_without_key("POST takes none")
        # A row that does not exist has no version, so PUT only replaces. The key in the body must be that of the URL.
        query = Update(query.table, query.rows, query.must, query.returning, by_key=True)
        is_pinned = True
    if not is_pinned:
        raise errors.condition_without_key("the filters allow several")
    named = conditions.tags(if_match)
    if isinstance(query, Select) or named == (conditions.ANY,):
        return query
    return replace(query, versions=Value(list(named)))


def _only_inserting(query: Query, none_match: str | None) -> Query:
    """Return a PUT that replaces no row. Error: UrlError."""
    if not isinstance(query, Insert) or conditions.tags(none_match) != (conditions.ANY,):
        raise errors.condition_without_key("of If-None-Match, PUT takes * only")
    return replace(query, conflict=Conflict("ignore"))


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


def _has_row_only(query: Query, relation: Relation | None) -> bool:
    """Whether an answer depends on nothing but its row, so that the row's version is the answer's."""
    assert relation is not None
    assert isinstance(query, Select)
    return all(
        isinstance(item, Star)
        or (isinstance(item, Item) and isinstance(item.expression, Column) and item.expression.name in relation.columns)
        for item in query.items
    )


def methods(surface: Surface, parsed: UrlRequest, schema: str) -> list[str]:
    """Return what Allow says of a resource."""
    relation = surface.relations.get((schema, parsed.name))
    if parsed.name == "":
        return ["OPTIONS", "GET", "HEAD"]
    if relation is None:
        named = overloads(surface, schema, parsed.name)
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
