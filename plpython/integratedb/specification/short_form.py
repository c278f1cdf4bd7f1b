"""Writes the short document of a specification: nothing in it that reading it would fill in."""

from __future__ import annotations

from typing import Any

from ..interrupts import steps
from .channels import shorten_channel
from .identifiers import format_path
from .model import ALL, UNLIMITED, Alternative, Field, FieldAlternative, Match, Reference, Specification
from .reader import UNLIMITED_TEXT


def shorten(specification: Specification) -> dict[str, Any]:
    """Return the short document, without anything that reading would fill in."""
    document: dict[str, Any] = {"match": [_shorten_match(match) for match in steps(specification.match)]}
    if specification.channels is not None:
        document["channels"] = [shorten_channel(channel) for channel in specification.channels]
    return document


def _shorten_match(match: Match) -> dict[str, Any]:
    alternatives = [_shorten_alternative(alternative) for alternative in steps(match.alternatives)]
    document: dict[str, Any] = alternatives[0] if len(alternatives) == 1 else {"alternatives": alternatives}
    if match.optional:
        document["optional"] = True
    if match.until is not None:
        document["until"] = match.until
    if match.events not in ((), ALL):
        document["events"] = list(match.events)
    if match.channels not in ((), ALL):
        document["channels"] = list(match.channels)
    if match.query is not None:
        document["query"] = match.query
    return document


def _shorten_alternative(alternative: Alternative) -> dict[str, Any]:
    document: dict[str, Any] = {"path": format_path(alternative.path)}
    if alternative.wildcard:
        document["fields"] = ["*"]
    elif alternative.fields:
        document["fields"] = [_shorten_field(field) for field in steps(alternative.fields)]
    return document | shorten_keys(alternative)


def shorten_keys(alternative: Alternative) -> dict[str, Any]:
    """Return the keys of an alternative as the document has them."""
    document: dict[str, Any] = {}
    if alternative.unique:
        document["unique"] = [list(names) for names in steps(alternative.unique)]
    if alternative.references:
        document["references"] = [_shorten_reference(reference) for reference in steps(alternative.references)]
    return document


def _shorten_reference(reference: Reference) -> dict[str, Any]:
    document: dict[str, Any] = {"fields": list(reference.fields), "to": format_path(reference.to)}
    if reference.to_fields:
        document["to_fields"] = list(reference.to_fields)
    return document


def _shorten_field(field: Field) -> str | dict[str, Any]:
    alternatives = [_shorten_field_alternative(alternative) for alternative in steps(field.alternatives)]
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
