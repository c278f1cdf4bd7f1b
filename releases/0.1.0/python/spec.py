"""A specification's way in and out: refusals or the model from a document, and the short document from the model."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

from .channels import Channel, restore
from .document import TOO_DEEP, unreadable
from .model import KINDS, Refusal, Specification
from .short_form import read, shorten
from .stage_one import MAX_REFUSALS, check_shape
from .stage_two import check_rules

__all__ = ["parse", "parse_short", "parse_text", "shorten"]


def parse_text(text: str, kind: str, stored_channels: Sequence[Channel] | None = None) -> Specification | list[Refusal]:
    """As parse, for a document as jsonb prints it; that may nest deeper, and number longer, than Python will read."""
    try:
        document = json.loads(text, parse_int=_integer)
    except RecursionError:
        return [TOO_DEEP]
    except ValueError:
        return [Refusal("it is not JSON", "#")]
    return parse(document, kind, stored_channels)


def parse(
    document: object, kind: str, stored_channels: Sequence[Channel] | None = None
) -> Specification | list[Refusal]:
    """The specification that a document says, or why it says none; no document makes it raise.

    ``stored_channels`` are the stakeholder's channels so far: redacted secrets are restored from them, and the matches
    may name them when the document leaves channels out. Without them, names are then not checked.
    """
    if kind not in KINDS:
        raise ValueError(f"no kind of specification: {kind!r}")
    if (refusal := unreadable(document)) is not None:
        return [refusal]
    if refusals := check_shape(document, kind):
        return refusals
    assert isinstance(document, dict)
    known: Sequence[Channel] | None = stored_channels
    if "channels" in document:
        known = [restore(channel, stored_channels or ()) for channel in document["channels"]]
        document = {**document, "channels": known}
    if refusals := list(itertools.islice(check_rules(document, known), MAX_REFUSALS)):
        return refusals
    return read(document, kind)


def _integer(digits: str) -> int | float:
    """Python refuses to read integers of more than 4,300 digits; as a float, such a one is refused where it stands."""
    return int(digits) if len(digits) < 100 else float(digits)


def parse_short(document: dict[str, Any], kind: str) -> Specification:
    """The specification that a stored short document says: it was checked when it was stored."""
    return read(document, kind)
