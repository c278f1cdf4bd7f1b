"""The part of the seam that SQL calls for channels; channels are in no catalog, so it needs no plpy."""

from __future__ import annotations

import json

from .channels import redact, shorten_channel


def parse_notifications(document: str, stored_channels: str) -> str:
    """Stage one with channels: the refusals, or the channels filled in (None: left out) and the relations named."""
    from .spec import parse_text  # the only way to jsonschema, whose import costs more than all of ours

    parsed = parse_text(document, "notifications", json.loads(stored_channels))
    if isinstance(parsed, list):
        return json.dumps({"refusals": [[refusal.message, refusal.pointer] for refusal in parsed]})
    paths = dict.fromkeys(alternative.path for match in parsed.match for alternative in match.alternatives)
    return json.dumps(
        {
            "channels": parsed.channels,
            "relations": [[path.schema, path.relation] for path in paths if path.relation is not None],
        }
    )


def show_channels(channels: str) -> str:
    """The channels as they may be shown: short, and without secrets."""
    return json.dumps([redact(shorten_channel(channel)) for channel in json.loads(channels)])
