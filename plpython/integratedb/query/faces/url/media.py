"""Reads media types: what the Accept header asks for, in its order of preference, and what a body is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from . import errors
from .handlers import ANY as EVERY
from .handlers import NONE, Handler, Handlers, is_binary

FormKind: TypeAlias = Literal[
    "json", "object", "csv", "ndjson", "geojson", "text", "xml", "binary", "form", "plan", "openapi", "html", "any",
    "other",
]  # fmt: skip

_TYPE = re.compile(r"([A-Za-z0-9.*_-]+)/([A-Za-z0-9.+*_-]+)")
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9-]+)\s*=\s*(?:"([^"]*)"|([^\s;"]+))')
_PIECES = re.compile(r'(?:[^",]|"[^"]*"?)+')
_QUALITY_PARAMETER = re.compile(r";\s*q\s*=", re.IGNORECASE)
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_PLAN_OPTIONS = ("analyze", "verbose", "settings", "buffers", "wal")

_KINDS: dict[str, FormKind] = {
    "application/json": "json",
    "application/vnd.pgrst.array": "json",
    "application/vnd.pgrst.array+json": "json",
    "application/vnd.pgrst.object": "object",
    "application/vnd.pgrst.object+json": "object",
    "application/vnd.pgrst.plan": "plan",
    "application/vnd.pgrst.plan+text": "plan",
    "application/vnd.pgrst.plan+json": "plan",
    "application/geo+json": "geojson",
    "application/openapi+json": "openapi",
    "application/octet-stream": "binary",
    "application/vnd.oai.openapi+json": "openapi",
    "application/x-www-form-urlencoded": "form",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "text",
    "text/xml": "xml",
    "*/*": "any",
}
_NAMES = {
    "json": "application/json",
    "object": "application/vnd.pgrst.object+json",
    "geojson": "application/geo+json",
    "openapi": "application/openapi+json",
    "binary": "application/octet-stream",
    "form": "application/x-www-form-urlencoded",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "html": "text/html",
    "text": "text/plain",
    "xml": "text/xml",
    "any": "*/*",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What an answer or a body is: a kind, and ``name``, the media type as PostgREST writes it."""

    kind: FormKind
    name: str
    #: Whether keys with null are left out.
    nulls_stripped: bool = False
    #: Of a plan: what the planned request answers, the plan's format, and options of EXPLAIN.
    plan_of: Form | None = None
    plan_format: Literal["text", "json"] = "text"
    plan_options: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    #: The function or the aggregate of the database that answers this media type, and so decides about its parameters.
    handler: Handler | None = None

    @property
    def content_type(self) -> str:
        """The value of Content-Type of an answer."""
        return (
            self.name if self.handler is not None or self.kind in {"binary", "other"} else f"{self.name}; charset=utf-8"
        )


JSON = Form("json", "application/json")
OPENAPI = Form("openapi", "application/openapi+json")
ANY = Form("any", "*/*")
#: What an answer for every media type is, if it does not say it itself.
RAW: Final = Form("binary", "application/octet-stream")
_NOT_ANSWERED: Final = frozenset({"other", "form", "html", "openapi"})


@lru_cache(maxsize=128)
def parse_media_type(text: str) -> Form:
    """What a media type with its parameters means here; ``other`` is what only the database could have."""
    text = text.strip()
    found = _TYPE.match(text)
    if not found:
        return Form("other", text)
    name = found[0].lower()
    parameters: list[tuple[str, str]] = []
    position = found.end()
    while parameter := _PARAMETER.match(text, position):
        value = parameter[3] if parameter[2] is None else parameter[2]
        parameters.append((parameter[1].lower(), value))
        position = parameter.end()
    given = dict(parameters)
    kind = _KINDS.get(name, "other")
    if kind == "plan":
        return _plan(name, given, tuple(parameters))
    stripped = name.startswith("application/vnd.pgrst.") and given.get("nulls") == "stripped"
    written = "application/vnd.pgrst.array+json" if kind == "json" and stripped else _NAMES.get(kind, text)
    return Form(kind, written + (";nulls=stripped" if stripped else ""), stripped, parameters=tuple(parameters))


def _plan(name: str, given: dict[str, str], parameters: tuple[tuple[str, str], ...]) -> Form:
    of = parse_media_type(given.get("for", "application/json"))
    if of.kind == "plan":
        of = JSON
    wanted = given.get("options", "").split("|")
    options = tuple(option for option in _PLAN_OPTIONS if option in wanted)
    form: Literal["text", "json"] = "json" if name.endswith("+json") else "text"
    written = f'application/vnd.pgrst.plan+{form}; for="{of.name}"'
    if options:
        written += f"; options={'|'.join(options)}"
    return Form("plan", written, plan_of=of, plan_format=form, plan_options=options, parameters=parameters)


@lru_cache(maxsize=128)
def parse_accept(header: str | None) -> tuple[Form, ...]:
    """The media types of an Accept header: better quality first, then the more specific, then as they stand."""
    ranked: list[tuple[float, int, Form]] = []
    for piece in _PIECES.findall(header or ""):
        form = parse_media_type(piece)
        quality = dict(form.parameters).get("q")
        if form.kind == "other":
            form = Form("other", _QUALITY_PARAMETER.split(piece, maxsplit=1)[0].strip())
        weight = float(quality) if quality is not None and _QUALITY.fullmatch(quality) else 1.0
        if form.name and weight > 0:
            ranked.append((weight, piece.count(";") - (quality is not None) - piece.count("*"), form))
    ranked.sort(key=lambda each: each[:2], reverse=True)
    return tuple(form for _, _, form in ranked) or (ANY,)


def negotiate(accepts: tuple[Form, ...], handlers: Handlers = NONE, plan: bool = False) -> Form:
    """The first media type that can be answered, by the database's ``handlers`` or as one of ours."""
    for wanted in accepts:
        form = _answered(wanted.plan_of or wanted, handlers)
        if form is None or (wanted.plan_of is not None and not plan):
            continue
        return form if wanted.plan_of is None else replace(wanted, plan_of=form)
    raise errors.unavailable_media_types(form.name for form in accepts)


def _answered(form: Form, handlers: Handlers) -> Form | None:
    """What answers a media type; a single object, and objects without nulls, are always ours."""
    if form.kind == "object" or form.nulls_stripped:
        return form
    if handlers.every is not None:
        return _handled(RAW, handlers.every)
    if form.kind == "any":
        handler = handlers.by_type.get(EVERY)
        return JSON if handler is None else _handled(RAW, handler)
    name = form.name.partition(";")[0].strip().lower()
    handler = handlers.by_type.get(name)
    if handler is not None:
        return _handled(replace(form, name=name), handler)
    if form.kind in _NOT_ANSWERED or (form.kind == "geojson" and not handlers.geojson):
        return None
    return form


def _handled(form: Form, handler: Handler) -> Form:
    return replace(form, kind="binary" if is_binary(handler) else "text", handler=handler)


def negotiate_root(accepts: tuple[Form, ...]) -> Form:
    """What answers the root: a description of the surface, or a page for a browser."""
    for form in accepts:
        if form.kind in {"openapi", "html"}:
            return form
        if form.kind in {"json", "any"}:
            return OPENAPI
    raise errors.unavailable_media_types(form.name for form in accepts)


def wants_page(header: str | None) -> bool:
    """Whether a request to the root is a browser's. UrlError: no answer is acceptable."""
    return negotiate_root(parse_accept(header)).kind == "html"
