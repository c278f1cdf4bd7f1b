"""Reads tokens: global ids of rows, and cursors."""

from __future__ import annotations

import base64
import binascii
import json


def read_token(text: str, first: str, count: int) -> list[str | None] | None:
    """Return what a token has behind its first part; None: it is not such a token."""
    try:
        parts = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(parts, list) or len(parts) != count + 1 or parts[0] != first:
        return None
    return parts[1:] if all(part is None or isinstance(part, str) for part in parts) else None
