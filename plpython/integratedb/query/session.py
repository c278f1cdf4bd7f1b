"""Compiles requests inside Postgres; the session keeps a surface while its version is the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from .faces.data.compiling import as_json, compile_document
from .faces.data.documents import read_document
from .faces.data.problems import DocumentError
from .faces.data.wording import word
from .faces.url import Body, UrlError, UrlSettings, parse, word_database
from .faces.url import word as word_url
from .faces.url.answering import JSON, Answer, of_error, respond
from .faces.url.compiling import Compiled, UrlOptions, compile_request, methods
from .openapi.document import describe
from .openapi.swagger import convert
from .problems import ProblemError
from .reading import read
from .request import named_schemas
from .saved import saving
from .saved.compiling import statement_of
from .statement import COLUMNS, Options
from .surface import Surface

#: Surfaces of other roles and schemas than the last ones are read again.
_KEPT = 8


class SurfaceReader(Protocol):
    """Reads surfaces from the database."""

    def identity(self) -> tuple[str, ...]:
        """Return who the session is: another one may see other claims of the same role."""

    def has_changed_surfaces(self) -> bool:
        """Whether the transaction itself has changed surfaces."""

    def version(self, role: int, schemas: Sequence[str], further: Sequence[int]) -> str:
        """Return the present version of a surface."""

    def rows(self, role: int, schemas: Sequence[str], saver: int | None = None) -> Sequence[str]:
        """Return the rows of a surface, as JSON; with ``saver``, also of what that role may read."""


#: The request that was compiled last, which is to be answered next.
_compiled: list[tuple[Any, ...]] = []

_surfaces: dict[tuple[Any, ...], Surface] = {}


def surface_of(reader: SurfaceReader, role: int, schemas: Sequence[str]) -> Surface:
    """Return the surface of a role at its present version."""
    if reader.has_changed_surfaces():
        # The version grows once in a transaction. If that is rolled back, another one makes the same version.
        return read(map(json.loads, reader.rows(role, schemas)))
    key = (*reader.identity(), role, *schemas)
    kept = _surfaces.get(key)
    if kept is not None and kept.version == reader.version(role, schemas, kept.further):
        return kept
    while len(_surfaces) >= _KEPT:
        del _surfaces[next(iter(_surfaces))]
    surface = read(map(json.loads, reader.rows(role, schemas)))
    _surfaces[key] = surface
    return surface


def compile_data(
    reader: SurfaceReader, role: int, schemas: Sequence[str], document: str, params: str | None, in_array: bool
) -> str:
    """Compile a query as data, or a list of them.

    Returns JSON: {"problem": {code, message, hint, pointer}}, or what compiling.as_json() says.
    """
    try:
        read = read_document(json.loads(document), json.loads(params) if params is not None else None)
        # A name with a schema is found also where that schema is not in the list.
        named = {schema for step in read.steps for schema in named_schemas(step.query)} - {*schemas, "pg_catalog"}
        schemas = [*schemas, *sorted(named)]
        surface = surface_of(reader, role, schemas)
        first, *further = schemas or ("",)
        options = Options(first, further_schemas=tuple(further), parameters_in_array=in_array)
        compiled = compile_document(read, surface, options)
        return as_json(compiled, is_list=read.is_list, explain=read.explain)
    except (DocumentError, ProblemError) as problem:
        return json.dumps({"problem": word(problem)})


def save_query(
    reader: SurfaceReader, role: int, schemas: Sequence[str], saver: int, name: str, document: str, claimed: str
) -> str:
    """Check a query that ``saver`` saves for a role, and derive its claims: JSON, as saving.save() says."""

    def surface_of(wanted: Sequence[str]) -> Surface:
        return read(map(json.loads, reader.rows(role, wanted, saver)))

    return json.dumps(saving.save(name, document, schemas, surface_of, json.loads(claimed)))


def saved_statements(reader: SurfaceReader, role: int, schemas: Sequence[str]) -> str:
    """Return the statements that the saved queries of a role are now, by name, as JSON."""
    surface = surface_of(reader, role, schemas)
    return json.dumps({name: statement_of(row, surface) for name, row in surface.saved.items()})


def describe_surface(reader: SurfaceReader, role: int, schemas: Sequence[str], wanted: str, version: str) -> str | None:
    """Return the OpenAPI document of the first schema that the role may see something of.

    ``wanted`` is 3.1 or 2.0; None for another version.
    """
    surface = surface_of(reader, role, schemas)
    seen = {schema for schema, _ in (*surface.relations, *surface.functions)}
    schema = next((schema for schema in schemas if schema in seen), schemas[0] if schemas else "")
    document = describe(surface, schema, version=version)
    if wanted == "3.1":
        return json.dumps(document)
    return json.dumps(convert(document)) if wanted == "2.0" else None


def answer_rest(
    reader: SurfaceReader,
    role: int,
    schemas: Sequence[str],
    request: tuple[str, str, str | None],
    version: str,
    row: Sequence[str | None] | None,
) -> str:
    """Compile a request of the URL face, or answer it with the row of its statement.

    ``request`` is the method, the URL and the body. Returns JSON: {"statement", "params"}, or {"status", "headers",
    "body", "undo"}; with ``undo``, what the statement did must be undone.
    """
    try:
        surface = surface_of(reader, role, schemas)
        key = (surface, tuple(schemas), request)
        made = _taken(key) if row is not None else None
        if made is None:
            made = _rest(surface, schemas, request, version)
        if isinstance(made, Answer):
            return _shown(made)
        compiled, holes, location = made
        if row is None:
            _compiled[:] = [(*key, made)]
            values = compiled.statement.bind(holes)
            texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
            return json.dumps({"statement": compiled.statement.text, "params": texts})
        encoded = [None if value is None else value.encode() for value in row]
        offset = compiled.offset(holes)
        return _shown(respond(compiled.shown, encoded, offset, location, is_head=compiled.request.head))
    except ProblemError as problem:
        return _shown(of_error(word_url(problem)), undo=True)
    except UrlError as error:
        return _shown(of_error(error), undo=True)


def is_row(row: Sequence[Any]) -> bool:
    """Whether a list can be the row of a statement: it has the columns, and numbers where they are."""
    if len(row) != len(COLUMNS) or not all(value is None or isinstance(value, str) for value in row):
        return False
    numbers = (row[COLUMNS.index(name)] for name in ("row_count", "total", "new_count"))
    return all(value is None or (value.isascii() and value.isdigit()) for value in numbers)


def _taken(key: tuple[Any, ...]) -> Any:
    """Return what this request was compiled to, if it was the last one, for this very surface."""
    kept = _compiled.pop() if _compiled else None
    is_same = kept is not None and kept[0] is key[0] and kept[1:-1] == key[1:]
    return kept[-1] if kept is not None and is_same else None


def answer_error(sqlstate: str, message: str, detail: str | None, hint: str | None) -> str:
    """Answer a request whose statement failed, as JSON like answer_rest()."""
    return _shown(of_error(word_database(sqlstate, message, detail, hint)), undo=True)


def _rest(
    surface: Surface, schemas: Sequence[str], request: tuple[str, str, str | None], version: str
) -> Answer | tuple[Compiled, tuple[Any, ...], str]:
    method, url, body = request
    path, _, query = url.partition("?")
    content = Body(body.encode("utf-8", "surrogatepass")) if body is not None else None
    parsed = parse(method.upper(), path, query, {}, content, UrlSettings(schemas=tuple(schemas)))
    named = [schema for schema in schemas if (schema, parsed.name) in {**surface.relations, **surface.functions}]
    ordered = tuple(dict.fromkeys((*named, *schemas)))
    if parsed.kind == "options":
        return Answer(200, [(b"allow", ",".join(methods(surface, parsed, ordered[0])).encode())])
    if parsed.query is None:
        document = describe(surface, ordered[0], version=version)
        return Answer(200, [(b"content-type", JSON)], json.dumps(document).encode())
    compiled = compile_request(surface, parsed, UrlOptions(ordered, streams=False, parameters_in_array=True))
    if compiled.reads and not compiled.statement.reads:
        raise UrlError(405, "25006", f"{parsed.name} may write, so a call by GET is refused", None, "Call it by POST.")
    return compiled, parsed.holes, url


def _shown(answer: Answer, *, undo: bool = False) -> str:
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    text = answer.body.decode("utf-8", "replace")
    return json.dumps({"status": answer.status, "headers": headers, "body": text or None, "undo": undo})
