"""Contains the functions that SQL calls; they accept and return types that Postgres has."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path as Directory
from typing import Any, TypeAlias

from .expansion import expand as expansion
from .interrupts import steps
from .plpy_catalog import Plpy, PlpyCatalog, PlpySurfaces, interruptible
from .specification.model import Path, Specification
from .specification.names import named_by
from .specification.reader import read
from .specification.short_form import shorten

#: An array of names as SQL gives it.
Names: TypeAlias = Sequence[str | None] | None


def parse_specification(plpy: Plpy, document: str | None, kind: str) -> str | None:
    """Parse a document for SQL: returns the refusals, or the short document with the names in it, as JSON."""
    from .specification.intake import parse_text  # the only way to jsonschema, which wrong documents import

    if document is None:
        return None
    with interruptible(plpy):
        parsed = parse_text(document, kind)
        if isinstance(parsed, list):
            return json.dumps({"refusals": [[refusal.message, refusal.pointer] for refusal in parsed]})
        return json.dumps({"document": shorten(parsed), **named_by(parsed)})


def parse_notifications(plpy: Plpy, document: str, stored_channels: str, stakeholder: str) -> str:
    """Parse a document with channels for SQL, like notifications.parse_notifications(), but cancellable."""
    from .specification.notifications import parse_notifications as parse

    with interruptible(plpy):
        return parse(document, stored_channels, stakeholder)


def named(plpy: Plpy, document: str | None, kind: str) -> str | None:
    """Return the names in a stored short document, which passed the rules of the time when it was stored."""
    if document is None:
        return None
    with interruptible(plpy):
        return json.dumps(named_by(_stored(document, kind)))


def expand(
    plpy: Plpy,
    document: str,
    kind: str,
    positions: Sequence[int],
    schema_relations: list[int] | None,
    with_document: bool,
) -> Iterator[str]:
    """Expand a specification for SQL, in batches as JSON: claims, relations, columns with the place of their relation.

    The document contains only the matches to expand; ``positions`` are theirs in the whole specification. Of a schema,
    only ``schema_relations`` (oids) are looked up, unless that is None. If the expanded document is wanted, it is the
    last batch.
    """
    whole = expansion.ExpandedDocument()
    with interruptible(plpy):
        loaded = json.loads(document)
        documents = dict(zip(positions, loaded["match"], strict=True))
        matches = dict(zip(positions, read(loaded, kind).match, strict=True))
        batches = expansion.expand(matches, PlpyCatalog(plpy, schema_relations))
    while True:
        # Not around the yield, because other code of the session runs after it.
        with interruptible(plpy):
            batch = next(batches, None)
            if batch is None:
                break
            if with_document:
                whole.add(batch)
            text = _batch(batch, documents)
        yield text
    if with_document:
        yield f'{{"document": {whole.text()}}}'


def _batch(batch: expansion.Batch, documents: Mapping[int, Any]) -> str:
    return json.dumps(
        {
            "claims": [{**claim._asdict(), "document": documents[claim.match]} for claim in batch.claims],
            "relations": [
                {key: value for key, value in relation._asdict().items() if key not in ("columns", "keys")}
                for relation in batch.relations
            ],
            "columns": [
                {"relation": place, **column._asdict()}
                for place, relation in enumerate(batch.relations)
                for column in steps(relation.columns)
            ],
            "keys": [
                {"relation": place, **key._asdict()}
                for place, relation in enumerate(batch.relations)
                for key in steps(relation.keys)
            ],
        }
    )


def is_weaker(plpy: Plpy, old_document: str, new_document: str, kind: str, relations: str) -> bool:
    """Whether the new short document requires no more than the old one, whose ``schema.*`` means these relations."""
    from .specification.weakening import is_weaker as weaker

    with interruptible(plpy):
        known = {Path(schema, relation) for schema, relation in steps(json.loads(relations))}
        return weaker(_stored(old_document, kind), _stored(new_document, kind), known)


def new_password() -> tuple[str, str]:
    """Return a password and its SCRAM-SHA-256 verifier."""
    # Imported here, because only this function of a session needs it.
    from . import scram

    password = scram.generate_password()
    return password, scram.scram_sha_256_verifier(password)


def compile_query(
    plpy: Plpy, role: int | None, schemas: Names, query: str | None, params: str | None, in_array: bool | None
) -> str | None:
    """Compile a query as data for a role, as session.compile_data() says; None if a value is missing."""
    # Imported here, because claims and migrations need none of it.
    from .query import session

    if role is None or schemas is None or query is None:
        return None
    return session.compile_data(PlpySurfaces(plpy), role, _names(schemas), query, params, bool(in_array))


def translate_query(plpy: Plpy, role: int | None, schemas: Names, face: str | None, query: str | None) -> str | None:
    """Translate a query into the other faces, as translate.translate_query() says; None if a value is missing."""
    if role is None or schemas is None or face is None or query is None:
        return None
    with _graphql_core():
        from .query.translation import translate

        return translate.translate_query(PlpySurfaces(plpy), role, _names(schemas), face, query)


def save_query(
    plpy: Plpy, role: int | None, schemas: Names, saver: int | None, name: str | None, query: str | None, claimed: str
) -> str | None:
    """Check a query that is to be saved, as session.save_query() says; None if a value is missing."""
    from .query import session

    if role is None or schemas is None or saver is None or name is None or query is None:
        return None
    with _graphql_core():
        return session.save_query(PlpySurfaces(plpy), role, _names(schemas), saver, name, query, claimed)


def saved_statements(plpy: Plpy, role: int | None, schemas: Names) -> str | None:
    """Return the statements that the saved queries of a role are now, as JSON."""
    from .query import session

    if role is None or schemas is None:
        return None
    with _graphql_core():
        return session.saved_statements(PlpySurfaces(plpy), role, _names(schemas))


def derived_document(plpy: Plpy, matches: str | None) -> str | None:
    """Return the matches of saved queries as a document with the names in it."""
    from .query.saved.saving import document_of

    if matches is None:
        return None
    with interruptible(plpy):
        return json.dumps(document_of(json.loads(matches)))


@contextmanager
def _graphql_core() -> Iterator[None]:
    """Find graphql-core where ``make install-graphql`` puts it; Debian's own one is version 2."""
    package = Directory(__file__).parent
    beside = str(package.with_name(f"{package.name}_graphql"))
    sys.path.insert(0, beside)
    try:
        yield
    finally:
        sys.path.remove(beside)


def compile_graphql(
    plpy: Plpy, role: int | None, schemas: Names, document: str | None, variables: str | None, operation: str | None
) -> str | None:
    """Compile a document of GraphQL for a role, as graphql_session.compile_graphql() says; None if a value is missing.

    {"missing": why}: the server has no graphql-core 3.3.
    """
    if role is None or schemas is None or document is None:
        return None
    try:
        with _graphql_core():
            from .query import graphql_session
    except ImportError as error:
        return json.dumps({"missing": str(error)})
    return graphql_session.compile_graphql(PlpySurfaces(plpy), role, _names(schemas), document, variables, operation)


def answer_rest(
    plpy: Plpy,
    role: int | None,
    schemas: Names,
    request: tuple[str | None, str | None, str | None],
    version: str | None,
    row: Sequence[str | None] | None,
) -> str | None:
    """Compile a request of the URL face, or answer it, as session.answer_rest() says; None if a value is missing."""
    from .query import session

    method, url, body = request
    if role is None or schemas is None or method is None or url is None:
        return None
    if row is not None and not session.is_row(row):
        return None
    return session.answer_rest(PlpySurfaces(plpy), role, _names(schemas), (method, url, body), version or "", row)


def answer_error(sqlstate: str | None, message: str | None, detail: str | None, hint: str | None) -> str | None:
    """Answer a request of the URL face whose statement failed; None if a value is missing."""
    from .query import session

    if sqlstate is None or message is None:
        return None
    return session.answer_error(sqlstate, message, detail, hint)


def describe_surface(
    plpy: Plpy, role: int | None, schemas: Names, wanted: str | None, version: str | None
) -> str | None:
    """Return the OpenAPI document of what a role may see; None if a value is missing."""
    from .query import session

    if role is None or schemas is None or wanted is None:
        return None
    return session.describe_surface(PlpySurfaces(plpy), role, _names(schemas), wanted, version or "")


def _names(names: Sequence[Any]) -> list[str]:
    """Return the names in an array; nulls and arrays in it are none."""
    return [name for name in names if isinstance(name, str)]


def _stored(document: str, kind: str) -> Specification:
    return read(json.loads(document), kind)
