"""Parses a document into refusals or the model, and turns the model into the short document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..interrupts import steps
from .channels import Channel, restore
from .document import TOO_DEEP, unreadable
from .model import KINDS, Refusal, Specification
from .reader import read_checked
from .shape import MAX_REFUSALS, check_shape
from .short_form import shorten

__all__ = ["MAX_CHANNELS", "MAX_MATCHES", "parse", "parse_text", "shorten"]

#: The most matches of a specification; each alternative of a match counts as one.
MAX_MATCHES = 10_000
#: The most channels of a stakeholder: each is a task and a queue in the daemon, and each row goes to all of them.
MAX_CHANNELS = 100


def parse_text(
    text: str, kind: str, stored_channels: Sequence[Channel] | None = None, stakeholder: str | None = None
) -> Specification | list[Refusal]:
    """Parse a document in jsonb's text form, which may be nested deeper, and have longer numbers, than Python reads."""
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
    """Return the specification of a document, or its refusals; no document makes the function raise.

    ``stored_channels`` are the stakeholder's current channels. Redacted secrets are restored from them, and matches may
    name them when the document omits channels. Without them, channel names are not checked. ``stakeholder`` is the
    owner of the specification; without it, channels may name environment variables of every stakeholder.
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
    """Refuse more matches than can be expanded together, or more channels than one stakeholder may have.

    These limits are checked before the shape, because checking the shape takes longer.
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
    """Read a number that Python refuses as an integer (over 4,300 digits) as a float, which is refused at its place."""
    return int(digits) if len(digits) < 100 else float(digits)
