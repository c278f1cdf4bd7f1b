"""Compiles a saved query, when it is saved and when it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..faces.data.compiling import Compiled as CompiledData
from ..faces.data.compiling import compile_document
from ..faces.data.documents import Document
from ..faces.data.problems import DocumentError, shown
from ..faces.data.wording import word
from ..faces.url import UrlError, UrlSettings, parse
from ..faces.url import word as word_url
from ..faces.url.compiling import Compiled as CompiledUrl
from ..faces.url.compiling import UrlOptions, compile_request
from ..plan.reading import Read, Reading, merged, reading_from
from ..problems import ProblemError
from ..statement import Options, Statement
from ..surface import Surface
from .forms import SavedQuery, documents_of_graphql, read_saved
from .narrowing import narrowed


@dataclass(frozen=True, slots=True)
class Checked:
    """What a saved query becomes now: its statements, and what they read."""

    statement: str
    reading: Reading


def check(saved: SavedQuery, surface: Surface) -> Checked:
    """Check a query that is to be saved. Errors: DocumentError, ProblemError, UrlError."""
    if saved.face == "graphql":
        return _check_graphql(saved, surface)
    if saved.face == "data":
        statements = [one.statement for one in compile_data(saved, surface, None)[1]]
    else:
        statements = [compile_url(saved, surface, None).statement]
    if not all(statement.reads for statement in statements):
        raise DocumentError(
            (), "a saved query reads: this one writes in WITH, or calls a function that may write", None, "0A000"
        )
    return _checked(statements, merged(statement.reading for statement in statements), surface)


def _check_graphql(saved: SavedQuery, surface: Surface) -> Checked:
    statements: list[Statement] = []
    readings: list[Reading] = []
    for made, noted in documents_of_graphql().compile_graphql(saved, surface):
        statements += made
        # Rows of a function, and rows that were written, have the type of their table.
        readings += [noted, *(reading for one in made for reading in (one.reading, one.returned))]
    return _checked(statements, merged(readings), surface)


def _checked(statements: Sequence[Statement], reading: Reading, surface: Surface) -> Checked:
    relations = tuple(_with_column(one, surface) for one in reading.relations)
    return Checked(";\n".join(one.text for one in statements), replace(reading, relations=relations))


def seen_by(saved: SavedQuery, surface: Surface) -> Surface:
    """Return the part of a surface that a saved query may use."""
    seen = narrowed(surface, saved.reading)
    if saved.face == "graphql":
        # A later function of one name would make both of them unknown.
        called = {key: surface.functions[key] for key in saved.reading.functions if key in surface.functions}
        seen = replace(seen, functions=called)
    return seen


def saved_query(row: Mapping[str, Any]) -> SavedQuery:
    """Return a saved query of a surface. Error: DocumentError: a dump may have brought what nobody saved."""
    try:
        reading = reading_from(row["reading"])
    except (AttributeError, LookupError, TypeError, ValueError):
        raise DocumentError((), "what the query reads is not known", "Save it again.", "22023") from None
    return read_saved(row["name"], row["query"], tuple(row["schemas"]), reading)


def statement_of(row: Mapping[str, Any], surface: Surface) -> str | None:
    """Return the statement that a saved query is now; None if something that it reads is missing."""
    try:
        saved = saved_query(row)
        return check(saved, seen_by(saved, surface)).statement
    except (DocumentError, ProblemError, UrlError):
        return None


def compile_data(
    saved: SavedQuery, surface: Surface, values: Mapping[str, Any] | None, **options: Any
) -> tuple[Document, list[CompiledData]]:
    """Compile queries as data; without values, with placeholders. Errors: DocumentError, ProblemError."""
    document = saved.data(values)
    first, *further = saved.schemas or ("",)
    made = Options(first, further_schemas=tuple(further), **{"parameters_in_array": True, **options})
    return document, compile_document(document, surface, made)


def compile_url(
    saved: SavedQuery,
    surface: Surface,
    values: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> CompiledUrl:
    """Compile a URL, likewise. Errors: DocumentError, ProblemError, UrlError."""
    path, query = saved.url(values)
    schemas = saved.schemas or ("",)
    request = parse("GET", path, query, headers or {}, None, UrlSettings(schemas=schemas, root=True))
    if request.query is None:
        raise DocumentError(("rest",), "the path of a saved query names a table, a view or a function")
    named = [schema for schema in schemas if (schema, request.name) in {**surface.relations, **surface.functions}]
    ordered = tuple(dict.fromkeys((*named, *schemas)))
    compiled = compile_request(surface, request, UrlOptions(ordered, streams=False, **options))
    if compiled.reads and not compiled.statement.reads:
        raise UrlError(405, "25006", f"{request.name} may write, so a call by GET is refused", None, None)
    return compiled


def check_values(saved: SavedQuery, names: frozenset[str], values: Mapping[str, Any]) -> None:
    """Refuse values of parameters that are not among the names of the query's. Error: DocumentError."""
    for name in values:
        if name not in names:
            hint = f"Its parameters are {', '.join(sorted(names))}." if names else "It has no parameters."
            raise DocumentError((name,), f"the query {saved.name} has no parameter {shown(name)}", hint)


def worded(problem: DocumentError | ProblemError | UrlError, saved: SavedQuery) -> dict[str, str | None]:
    """Return the code, message, hint and pointer of a problem of a saved query."""
    if isinstance(problem, ProblemError) and saved.face == "rest":
        problem = word_url(problem)
    if isinstance(problem, UrlError):
        code = problem.code if not problem.code.startswith("PGRST") else "22023"
        details = problem.details if isinstance(problem.details, str) else None
        text = f"{problem.message}: {details}" if details else problem.message
        return {"code": code, "message": text, "hint": problem.hint, "pointer": "#/rest"}
    return word(problem)


def _with_column(read: Read, surface: Surface) -> Read:
    """Return it with a column, where the query counts rows only: a right to no column is no right to count."""
    if read.columns or read.is_whole:
        return read
    relation = surface.relations[read.schema, read.name]
    readable = [column.name for column in relation.columns.values() if column.can_select]
    key = [name for name in relation.primary_key if name in readable]
    return replace(read, columns=tuple(key or readable[:1]))
