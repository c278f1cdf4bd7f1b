"""Turns one HTTP request, as plain data, into a query and what else the answer depends on."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ...request import Insert, Query, Rows, Table, Update
from . import errors, writing
from .bodies import read_arguments, read_rows
from .calls import CallParts, divide
from .handlers import NONE, Handlers
from .media import JSON, Form, negotiate, negotiate_root, parse_accept, parse_media_type
from .parameters import Pair, decode, split
from .preferences import Preferences, parse_preferences
from .ranges import Range
from .reading import parse_columns, read
from .settings import Body, UrlSettings

Kind: TypeAlias = Literal["read", "insert", "upsert one", "update", "delete", "call", "root", "options"]

_WRITES: dict[str, Kind] = {"POST": "insert", "PUT": "upsert one", "PATCH": "update", "DELETE": "delete"}
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class UrlRequest:
    """A request that is parsed.

    ``query`` is None for the root and for OPTIONS. ``name`` is the relation or the function. ``schema`` is None where
    no profile header names one. ``accepts`` are the media types of Accept, the preferred one first. ``key_columns`` are
    the columns that a PUT filters by. ``range`` is the one of this URL: for another request of the same shape, the
    numbers are in its holes. ``holes`` are the values in them: those of the URL, then the body.
    """

    kind: Kind
    name: str
    query: Query | None
    schema: str | None
    accepts: tuple[Form, ...]
    content: Form
    preferences: Preferences
    range: Range
    head: bool
    holes: tuple[str | int | bytes, ...] = ()
    plan: bool = False
    on_conflict: tuple[str, ...] | None = None
    #: The keys of the body that count; None: all.
    columns: tuple[str, ...] | None = None
    key_columns: tuple[str, ...] = ()
    call: CallParts | None = None

    def form(self, handlers: Handlers = NONE) -> Form:
        """What the answer is; ``handlers`` are what the database itself has for media types."""
        if self.kind == "root":
            return negotiate_root(self.accepts)
        return negotiate(self.accepts, handlers, self.plan)

    def with_arguments(self, names: AbstractSet[str], variadic: str | None = None) -> UrlRequest:
        """The same call, where functions of its name have arguments with these names."""
        if self.call is None:
            return self
        query, window = divide(self.call, names, variadic)
        return replace(self, query=query, range=window.range)


def more_rows(request: UrlRequest, body: Body) -> bytes:
    """Return the next rows of the body of an insert, as JSON. UrlError: they have other keys."""
    assert isinstance(request.query, Insert)
    rows = read_rows(body, request.content, request.columns)
    if rows.count and set(rows.keys) != set(request.query.rows.keys):
        details = f"Line {body.first_line} of the body has other keys than the first row."
        raise errors.invalid_body("All object keys must match", details)
    return rows.json


def parse(
    method: str, path: str, query: str, headers: Mapping[str, str], body: Body | None, settings: UrlSettings
) -> UrlRequest:
    """Parses a request. UrlError or ProblemError: it cannot be answered.

    ``path`` and ``query`` are texts as they stand in the URL; bytes that are not UTF-8 are to be decoded with
    ``surrogateescape``, and refused here. The names of ``headers`` are in lower case.
    """
    kind, name = _resource(method, path, settings)
    schema = _schema(method, headers, settings)
    pairs = tuple(split(query, holes=kind not in {"call", "insert", "upsert one"}))
    preferences = parse_preferences(headers.get("prefer", ""), settings.transaction_override)
    request = UrlRequest(
        kind,
        name,
        None,
        schema,
        parse_accept(headers.get("accept")),
        parse_media_type(headers["content-type"]) if headers.get("content-type") else JSON,
        preferences,
        Range(),
        head=method == "HEAD",
        holes=tuple(pair.hole_value for pair in pairs if pair.hole is not None),
        plan=settings.plan,
    )
    header = headers.get("range") if method == "GET" else None
    if kind == "call":
        request = _call(request, method, pairs, header, body, settings)
    elif kind not in {"root", "options"}:
        request = _of_relation(request, pairs, header, body, settings)
    if preferences.strict and preferences.invalid:
        raise errors.invalid_preferences(preferences.invalid)
    return request


def _resource(method: str, path: str, settings: UrlSettings) -> tuple[Kind, str]:
    """What a path and a method mean, and the name in the path."""
    segments = [decode(segment.replace("+", "%2B")) for segment in path.removeprefix("/").split("/")]
    if segments == [""]:
        if not settings.root:
            raise errors.root_disabled()
        if settings.root_function is None:
            return _kind(method, "root"), ""
        segments = ["rpc", settings.root_function]
    if len(segments) == 2 and segments[0] == "rpc":
        if method not in {"GET", "HEAD", "POST", "OPTIONS"}:
            raise errors.invalid_method_of_function(method)
        return ("options" if method == "OPTIONS" else "call"), segments[1]
    if len(segments) != 1:
        raise errors.invalid_path()
    return (_WRITES[method] if method in _WRITES else _kind(method, "read")), segments[0]


def _kind(method: str, kind: Kind) -> Kind:
    if method == "OPTIONS":
        return "options"
    if method not in _READS:
        raise errors.unsupported_method(method)
    return kind


def _schema(method: str, headers: Mapping[str, str], settings: UrlSettings) -> str | None:
    name = headers.get("content-profile" if method in _WRITES else "accept-profile")
    if name is not None and name not in settings.schemas:
        raise errors.unknown_schema(name, settings.schemas)
    return name


def _call(
    request: UrlRequest,
    method: str,
    pairs: tuple[Pair, ...],
    header: str | None,
    body: Body | None,
    settings: UrlSettings,
) -> UrlRequest:
    arguments = read_arguments(body, request.content) if method == "POST" else None
    parts = CallParts(request.name, request.schema, pairs, header, settings.max_depth, arguments)
    query, window = divide(parts, None, None)
    holes: tuple[str | bytes, ...] = ()
    if arguments is not None and (arguments.json is not None or arguments.raw is not None):
        holes = (arguments.json if arguments.json is not None else arguments.raw or "",)
    return replace(request, query=query, range=window.range, call=parts, holes=holes)


def _of_relation(
    request: UrlRequest, pairs: tuple[Pair, ...], header: str | None, body: Body | None, settings: UrlSettings
) -> UrlRequest:
    table = Table(request.name, request.schema)
    reading = read(pairs, header, request.kind != "read", settings.max_depth)
    query: Query
    on_conflict: tuple[str, ...] | None = None
    key_columns: tuple[str, ...] = ()
    if request.kind == "read":
        query = reading.root.select((table,))
    elif request.kind == "insert":
        on_conflict = parse_columns(pairs, "on_conflict")
        query = writing.insert(table, pairs, reading, body, request.content, request.preferences)
    elif request.kind == "upsert one":
        query, key_columns = writing.upsert_one(table, reading, body, request.content, request.preferences)
    elif request.kind == "update":
        query = writing.update(table, pairs, reading, body, request.content, request.preferences)
    else:
        query = writing.delete(table, reading, request.preferences)
    holes = request.holes
    if isinstance(query, Insert | Update) and isinstance(query.rows, Rows):
        holes = (*holes, query.rows.json.value)
    return replace(
        request,
        query=query,
        range=reading.window.range,
        on_conflict=on_conflict,
        columns=parse_columns(pairs, "columns") if request.kind == "insert" else None,
        key_columns=key_columns,
        holes=holes,
    )
