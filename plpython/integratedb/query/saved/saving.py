"""Checks a query that is to be saved, and derives the claims of what it reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ...specification.derived import Key, Wanted, derive
from ...specification.identifiers import parse_path
from ...specification.model import Path, Specification
from ...specification.names import named_by
from ...specification.reader import read
from ..faces.data.problems import DocumentError, shown
from ..faces.url import UrlError
from ..plan.reading import Reading
from ..problems import ProblemError
from ..request import named_schemas
from ..surface import Surface
from .compiling import check, worded
from .forms import NAME, SavedQuery, read_saved

#: Each is a claim, which every migration of its tables is compared with.
MOST_TABLES = 100


def save(
    name: str, text: str, schemas: Sequence[str], surface_of: Callable[[Sequence[str]], Surface], claimed: Any
) -> dict[str, Any]:
    """Return what is stored of a saved query: {"problem": ...}, or its face, statement, schemas, reading and match.

    ``surface_of`` returns what the stakeholder may read, and what whoever saves could claim for it. ``claimed`` are the
    matches of the stakeholder's specifications.
    """
    saved = SavedQuery(name, "data", None, {}, ())
    try:
        if not NAME.fullmatch(name):
            hint = "A name has letters a to z, digits, _ and -, at most 63, and begins with a letter or _."
            raise DocumentError((), f"{shown(name)} is no name of a saved query", hint)
        saved = read_saved(name, json.loads(text), tuple(schemas))
        named: set[str] = set()
        if saved.face == "data":
            named = {schema for step in saved.data(None).steps for schema in named_schemas(step.query)}
        surface = surface_of([*saved.schemas, *sorted(named - {*saved.schemas, "pg_catalog"})])
        checked = check(saved, surface)
        saved.names()
        wanted = _wanted(checked.reading, surface)
        if not wanted:
            raise DocumentError(
                (), "the query reads no table, so there is nothing that could be claimed", None, "0A000"
            )
        if len(wanted) > MOST_TABLES:
            raise DocumentError(
                (), f"the query reads {len(wanted)} tables; at most {MOST_TABLES} are allowed", None, "54000"
            )
    except (DocumentError, ProblemError, UrlError) as problem:
        return {"problem": worded(problem, saved)}
    read_in = {relation.schema for relation in checked.reading.relations}
    called_in = {schema for schema, _ in surface.functions}
    return {
        "face": saved.face,
        "statement": checked.statement,
        "schemas": [schema for schema in saved.schemas if schema in read_in or schema in called_in],
        "reading": checked.reading.as_json(),
        "match": derive(name, wanted, claimed),
    }


def document_of(matches: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return derived matches as parse_specification() returns a document: with the names in it."""
    specification: Specification = read({"match": list(matches)}, "queries")
    return {"document": {"match": list(matches)}, **named_by(specification)}


def _wanted(reading: Reading, surface: Surface) -> list[Wanted]:
    wanted = []
    for one in reading.relations:
        relation = surface.relations[one.schema, one.name]
        references = tuple(Key(key.columns, Path(*key.to), key.to_columns) for key in one.references)
        present = parse_path(relation.sql)
        wanted.append(Wanted(Path(one.schema, one.name), present, one.columns, one.is_whole, one.unique, references))
    return wanted
