"""A specification's way in and out: refusals or the model from a document, and the short document from the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..interrupts import steps
from .channels import Channel, restore
from .document import TOO_DEEP, unreadable
from .model import KINDS, Refusal, Specification
from .reader import read, read_checked
from .shape import MAX_REFUSALS, check_shape
from .short_form import shorten

__all__ = ["MAX_CHANNELS", "MAX_MATCHES", "parse", "parse_short", "parse_text", "shorten"]

#: Matches of a specification at most, where an alternative of a match counts as one.
MAX_MATCHES = 10_000
#: Channels of a stakeholder at most: each is a task of the daemon and a queue, and each row goes to all of them.
MAX_CHANNELS = 100


def parse_text(
    text: str, kind: str, stored_channels: Sequence[Channel] | None = None, stakeholder: str | None = None
) -> Specification | list[Refusal]:
    """As parse, for a document as jsonb prints it; that may nest deeper, and number longer, than Python will read."""
    try:
        document = json.loads(text, parse_int=_integer)
    except RecursionError:
        return [TOO_DEEP]
    except ValueError:
        return [Refusal("it is not JSON", "#")]
    return parse(document, kind, stored_channels, stakeholder)


def parse(
    document: object, kind: str, stored_channels: Sequence[Channel] | None = None, stakeholder: str | None = None
) -> Specification | list[Refusal]:
    """The specification that a document says, or why it says none; no document makes it raise.

    ``stored_channels`` are the stakeholder's channels so far: redacted secrets are restored from them, and the matches
    may name them when the document leaves channels out. Without them, names are then not checked. ``stakeholder`` is
    whose specification it is; without it, channels may name variables of the environment of anybody.
    """
    if kind not in KINDS:
        raise ValueError(f"no kind of specification: {kind!r}")
    if (refusal := unreadable(document)) is not None:
        return [refusal]
    if (refusal := _too_large(document)) is not None:
        return [refusal]
    if refusals := check_shape(document, kind):
        return refusals
    assert isinstance(document, dict)
    known: Sequence[Channel] | None = stored_channels
    if "channels" in document:
        known = [restore(channel, stored_channels or ()) for channel in document["channels"]]
        document = {**document, "channels": known}
    return read_checked(document, kind, known, stakeholder, MAX_REFUSALS)


def _too_large(document: object) -> Refusal | None:
    """Whether it has more matches than can be expanded in one go, or more channels than one stakeholder may have.

    Looked at before the shape, which takes longer.
    """
    given: dict[Any, Any] = document if isinstance(document, dict) else {}
    channels, match = given.get("channels"), given.get("match")
    if isinstance(channels, list) and len(channels) > MAX_CHANNELS:
        return Refusal(f"it has {len(channels)} channels; at most {MAX_CHANNELS} are allowed", "#/channels")
    if not isinstance(match, list):
        match = [match]
    tables = 0
    for entry in steps(match):
        alternatives = entry.get("alternatives") if isinstance(entry, dict) else None
        tables += len(alternatives) if isinstance(alternatives, list) else 1
    if tables <= MAX_MATCHES:
        return None
    return Refusal(
        f"it has {tables} matches, an alternative of a match counted as one; at most {MAX_MATCHES} are allowed."
        " Claim a whole schema by schema.*",
        "#/match",
    )


def _integer(digits: str) -> int | float:
    """Python refuses to read integers of more than 4,300 digits; as a float, such a one is refused where it stands."""
    return int(digits) if len(digits) < 100 else float(digits)


def parse_short(document: dict[str, Any], kind: str) -> Specification:
    """The specification that a stored short document says: it was checked when it was stored."""
    return read(document, kind)
