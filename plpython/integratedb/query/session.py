"""Compiles requests inside Postgres; the session keeps a surface while its version is the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from .faces.data.problems import DocumentError
from .faces.data.queries import read_query
from .faces.data.wording import word
from .openapi.document import describe
from .openapi.swagger import convert
from .problems import ProblemError
from .reading import read
from .request import Select, named_schemas
from .statement import Options, compile_query
from .surface import Surface

#: Surfaces of other roles and schemas than the last ones are read again.
_KEPT = 8


class SurfaceReader(Protocol):
    """Reads surfaces from the database."""

    def identity(self) -> tuple[str, ...]:
        """Return who the session is: another one may see other claims of the same role."""

    def version(self, role: int, schemas: Sequence[str], further: Sequence[int]) -> str:
        """Return the present version of a surface."""

    def rows(self, role: int, schemas: Sequence[str]) -> Sequence[str]:
        """Return the rows of a surface, as JSON."""


_surfaces: dict[tuple[Any, ...], Surface] = {}


def surface_of(reader: SurfaceReader, role: int, schemas: Sequence[str]) -> Surface:
    """Return the surface of a role at its present version."""
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
    """Compile a query as data.

    Returns JSON: {"problem": {code, message, hint, pointer}}, or {"statement", "params", "reads", "returns_rows"}.
    """
    try:
        query = read_query(json.loads(document), json.loads(params) if params is not None else None)
        # A name with a schema is found also where that schema is not in the list.
        schemas = [*schemas, *sorted(named_schemas(query) - {*schemas})]
        surface = surface_of(reader, role, schemas)
        first, *further = schemas or ("",)
        options = Options(first, further_schemas=tuple(further), parameters_in_array=in_array)
        statement = compile_query(query, surface, options)
    except (DocumentError, ProblemError) as problem:
        return json.dumps({"problem": word(problem)})
    texts = [
        value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value for value in statement.bind()
    ]
    returns_rows = isinstance(query, Select) or query.returning is not None
    return json.dumps(
        {"statement": statement.text, "params": texts, "reads": statement.reads, "returns_rows": returns_rows}
    )


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
