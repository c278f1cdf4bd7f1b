"""Translates a query of one face into the others: what each would be asked, and the statement that it becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..faces.data.documents import read_document
from ..faces.data.problems import DocumentError
from ..faces.data.wording import word
from ..faces.url import UrlError, UrlSettings, parse
from ..faces.url import word as word_url
from ..faces.url.compiling import called
from ..problems import ProblemError
from ..request import Query, Select
from ..session import SurfaceReader, surface_of
from ..statement import Form, Options, compile_query
from ..surface import Surface
from .plain import Plain, UnsayableError, plain
from .to_data import to_data
from .to_url import to_url

#: The faces that a query is read from.
READ: Final = ("url", "graphql", "data")
#: A longer text is none that a person types.
MOST_CHARACTERS: Final = 100_000
#: What JSON and GraphQL can write in a text, and Postgres cannot store.
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_NO_CHARACTER: Final = (
    "a text of the query has the character NUL, or half of a surrogate pair, which Postgres cannot store"
)
_NO_GRAPHQL: Final = "GraphQL needs graphql-core on the server. Install it from the source tree: make install-graphql."


class RefusedError(Exception):
    """Why a text is no query that can be read."""

    def __init__(self, message: str | None, hint: str | None = None, code: str | None = "22023") -> None:
        super().__init__(message)
        assert message is not None
        self.message, self.hint, self.code = message, hint, code


def translate_query(reader: SurfaceReader, role: int, schemas: Sequence[str], face: str, text: str) -> str:
    """Translate a query for a role.

    Returns JSON: {"problem": {code, message, hint}}, or for each face {"text"} or {"why"}, and for ``sql`` also
    {"parameters"}; "why" says what the face has no words for.
    """
    try:
        if face not in READ:
            raise RefusedError(f"no query is read from {face[:40]!r}", f"The faces are {', '.join(READ)}.")
        if len(text) > MOST_CHARACTERS:
            raise RefusedError(f"the query has more than {MOST_CHARACTERS:,} characters", None, "54000")
        if not schemas:
            raise RefusedError("the role sees no schema", "A claim makes tables visible: integratedb_claim().")
        surface = surface_of(reader, role, schemas)
        return json.dumps(translated(surface, schemas, face, text))
    except RefusedError as refused:
        return json.dumps({"problem": {"code": refused.code, "message": refused.message, "hint": refused.hint}})


def translated(surface: Surface, schemas: Sequence[str], face: str, text: str) -> dict[str, Any]:
    """Translate a query for a surface; what is returned is described at translate_query(). Error: RefusedError."""
    try:
        query = _READERS[face](surface, schemas, text)
        given: Plain | None = None
        why = ""
        try:
            given = plain(query, surface, schemas, of_graphql=face == "graphql")
            query = given.query
        except UnsayableError as problem:
            why = str(problem)
        form: Form = "object" if isinstance(query, Select) and query.page is not None else "array"
        options = Options(schemas[0], form=form, further_schemas=tuple(schemas[1:]))
        statement = compile_query(query, surface, options)
        parameters = [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in statement.bind()]
        if any(_NO_TEXT.search(each) for each in (statement.text, *parameters) if isinstance(each, str)):
            raise RefusedError(_NO_CHARACTER)
    except UnicodeEncodeError:
        raise RefusedError(_NO_CHARACTER) from None
    except RecursionError:
        raise RefusedError("the query is nested too deep") from None
    except ProblemError as problem:
        worded = word(problem)
        raise RefusedError(worded["message"], worded["hint"], worded["code"]) from None
    writers: dict[str, Callable[[Plain], str]] = {
        "url": lambda plain: to_url(plain, surface, schemas),
        "graphql": lambda plain: _to_graphql(plain, surface),
        "data": lambda plain: _pretty(to_data(plain, surface, schemas)),
    }
    answer: dict[str, Any] = {face: {"text": text}}
    for name, write in writers.items():
        if name != face:
            answer[name] = {"why": f"It has no words for {why}."} if given is None else _said(write, given)
    answer["sql"] = {"text": statement.text, "parameters": parameters}
    return answer


def _said(write: Callable[[Plain], str], given: Plain) -> dict[str, str]:
    try:
        return {"text": write(given)}
    except UnsayableError as problem:
        return {"why": f"It has no words for {problem}."}
    except RecursionError:
        return {"why": "It has no words for a query that is nested so deep."}
    except ImportError:
        return {"why": _NO_GRAPHQL}


def _read_url(surface: Surface, schemas: Sequence[str], text: str) -> Query:
    """Read path and parameters, of which a second line may name the schema."""
    lines = [line.strip() for line in text.strip().splitlines()]
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() != "accept-profile":
            raise RefusedError(
                f"the line {line[:80]!r} is no parameter", "Only Accept-Profile: SCHEMA may follow the URL."
            )
        headers["accept-profile"] = value.strip()
    path, _, query = (lines[0] if lines else "").removeprefix("GET ").strip().partition("?")
    try:
        parsed = parse("GET", "/" + path.lstrip("/"), query, headers, None, UrlSettings(schemas=tuple(schemas)))
        known = {**surface.relations, **surface.functions}
        schema = parsed.schema or next((each for each in schemas if (each, parsed.name) in known), schemas[0])
        if parsed.kind == "call":
            parsed, _ = called(surface, parsed, schema)
    except UrlError as error:
        raise RefusedError(error.message, error.hint or error.details) from None
    except ProblemError as problem:
        worded = word_url(problem)
        raise RefusedError(worded.message, worded.hint or worded.details) from None
    if parsed.query is None:
        raise RefusedError("the URL names no table", "/people?age=gte.18&select=id,name is one.")
    return parsed.query


def _read_data(surface: Surface, schemas: Sequence[str], text: str) -> Query:
    try:
        document = read_document(json.loads(text))
    except DocumentError as problem:
        worded = word(problem)
        raise RefusedError(f"{worded['message']} (at {worded['pointer']})", worded["hint"], worded["code"]) from None
    except ValueError as problem:
        raise RefusedError(f"the query is no JSON: {problem}", '{"select": ["id"], "from": "people"} is one.') from None
    if len(document.steps) != 1:
        raise RefusedError("the document has several queries", "One query is translated at a time.")
    return document.steps[0].query


def _read_graphql(surface: Surface, schemas: Sequence[str], text: str) -> Query:
    try:
        from . import from_graphql
    except ImportError:
        raise RefusedError("the server has no graphql-core", _NO_GRAPHQL, "0A000") from None
    try:
        return from_graphql.read(surface, text)
    except from_graphql.UnreadableError as problem:
        raise RefusedError(str(problem)) from None


def _to_graphql(given: Plain, surface: Surface) -> str:
    from . import from_graphql
    from .to_graphql import to_graphql

    return to_graphql(given, from_graphql.schema_of(surface))


_READERS: Final[dict[str, Callable[[Surface, Sequence[str], str], Query]]] = {
    "url": _read_url,
    "graphql": _read_graphql,
    "data": _read_data,
}


def _pretty(document: Any, indent: str = "") -> str:
    """Write JSON such that what fits in a line stands in one."""
    line = json.dumps(document, ensure_ascii=False)
    if len(indent) + len(line) <= 72 or not isinstance(document, dict | list) or not document:
        return line
    inner = indent + "  "
    if isinstance(document, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_pretty(each, inner)}" for key, each in document.items()]
        return "{\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _pretty(each, inner) for each in document) + f"\n{indent}]"
