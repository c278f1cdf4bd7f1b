"""Parses the channels of a notifications document, and shows channels without secrets."""

from __future__ import annotations

import json

from .channels import redact, shorten_channel
from .names import named_by
from .short_form import shorten


def parse_notifications(document: str, stored_channels: str, stakeholder: str) -> str:
    """Parse a document: returns the refusals, or the filled channels (None: omitted) and the relations in it."""
    from .intake import parse_text  # the only way to jsonschema, which wrong documents import

    parsed = parse_text(document, "notifications", json.loads(stored_channels), stakeholder)
    if isinstance(parsed, list):
        return json.dumps({"refusals": [[refusal.message, refusal.pointer] for refusal in parsed]})
    short = shorten(parsed)
    short.pop("channels", None)
    return json.dumps({"document": short, "channels": parsed.channels, **named_by(parsed)})


def show_channels(channels: str) -> str:
    """Return the channels in short form and without secrets."""
    return json.dumps([redact(shorten_channel(channel)) for channel in json.loads(channels)])
