"""Between the stored short document and the model; COMMIT comes through here, so it trusts and imports little."""

from __future__ import annotations

from typing import Any

from . import forms
from .channels import fill, shorten_channel
from .forms import Document
from .identifiers import format_path, parse_path
from .model import UNLIMITED, Alternative, Field, FieldAlternative, Match, Specification
from .type_names import parse_type_name

EVENTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
ALL = ("*",)
UNLIMITED_TEXT = "unlimited"

_BOOLEANS = {"true": True, "false": False, True: True, False: False}


def read(document: Document, kind: str) -> Specification:
    """The specification that a document says, which both stages have passed: now, or when it was stored."""
    match = tuple(_read_match(entry, kind) for _, entry in forms.matches(document))
    channels = document.get("channels")
    return Specification(kind, match, None if channels is None else tuple(fill(channel) for channel in channels))


def shorten(specification: Specification) -> dict[str, Any]:
    """The short document: nothing in it that reading it would fill in."""
    document: dict[str, Any] = {"match": [_shorten_match(match) for match in specification.match]}
    if specification.channels is not None:
        document["channels"] = [shorten_channel(channel) for channel in specification.channels]
    return document


def _read_match(match: Document, kind: str) -> Match:
    alternatives = tuple(read_alternative(entry) for _, entry in forms.alternatives((), match))
    optional = match.get("optional", False)
    if kind == "claims":
        return Match(alternatives, optional)
    events = match.get("events", ALL)
    if list(events) != ["*"]:
        events = [event for event in EVENTS if event in events]
    return Match(alternatives, optional, tuple(events), tuple(match.get("channels", ALL)))


def read_alternative(alternative: Document) -> Alternative:
    path = parse_path(alternative["path"])
    if forms.is_wildcard(alternative):
        return Alternative(path, wildcard=True)
    return Alternative(path, tuple(_read_field(entry) for _, entry in forms.fields((), alternative)))


def _read_field(field: str | Document) -> Field:
    alternatives = tuple(read_field_alternative(entry) for _, entry in forms.field_alternatives((), field))
    return Field(alternatives, isinstance(field, dict) and field.get("optional", False))


def read_field_alternative(entry: str | Document) -> FieldAlternative:
    if isinstance(entry, str):
        return FieldAlternative(entry)
    min_length = entry.get("min_length")
    is_nullable = entry.get("is_nullable")
    return FieldAlternative(
        name=entry["name"],
        type=parse_type_name(entry["type"]).text if "type" in entry else None,
        min_length=None if min_length is None else UNLIMITED if min_length == UNLIMITED_TEXT else int(min_length),
        is_nullable=None if is_nullable is None else _BOOLEANS[is_nullable],
    )


def _shorten_match(match: Match) -> dict[str, Any]:
    alternatives = [_shorten_alternative(alternative) for alternative in match.alternatives]
    document: dict[str, Any] = alternatives[0] if len(alternatives) == 1 else {"alternatives": alternatives}
    if match.optional:
        document["optional"] = True
    if match.events not in ((), ALL):
        document["events"] = list(match.events)
    if match.channels not in ((), ALL):
        document["channels"] = list(match.channels)
    return document


def _shorten_alternative(alternative: Alternative) -> dict[str, Any]:
    document: dict[str, Any] = {"path": format_path(alternative.path)}
    if alternative.wildcard:
        document["fields"] = ["*"]
    elif alternative.fields:
        document["fields"] = [_shorten_field(field) for field in alternative.fields]
    return document


def _shorten_field(field: Field) -> str | dict[str, Any]:
    alternatives = [_shorten_field_alternative(alternative) for alternative in field.alternatives]
    if len(alternatives) > 1:
        return {"alternatives": alternatives, **({"optional": True} if field.optional else {})}
    if not field.optional:
        return alternatives[0]
    inline = alternatives[0]
    return {**({"name": inline} if isinstance(inline, str) else inline), "optional": True}


def _shorten_field_alternative(alternative: FieldAlternative) -> str | dict[str, Any]:
    document: dict[str, Any] = {"name": alternative.name}
    if alternative.type is not None:
        document["type"] = alternative.type
    if alternative.min_length is not None:
        document["min_length"] = UNLIMITED_TEXT if alternative.min_length == UNLIMITED else alternative.min_length
    if alternative.is_nullable is not None:
        document["is_nullable"] = alternative.is_nullable
    return alternative.name if len(document) == 1 else document
