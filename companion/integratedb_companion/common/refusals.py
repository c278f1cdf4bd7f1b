"""Parses the lists in a refusal of the database."""

from __future__ import annotations

import json
from typing import Any


def structured(detail: str | None) -> list[dict[str, Any]]:
    """Parse the DETAIL of IDB02, an array of [message, pointer], or of IDB03, an array of problems; else return [].

    Any function may raise these errors, with any DETAIL.
    """
    try:
        entries = json.loads(detail or "")
    except (ValueError, RecursionError):
        return []
    if not isinstance(entries, list):
        return []
    if all(isinstance(entry, dict) and isinstance(entry.get("message"), str) for entry in entries):
        return entries
    if all(isinstance(entry, list) and [type(part) for part in entry] == [str, str] for entry in entries):
        return [{"pointer": pointer, "message": message} for message, pointer in entries]
    return []
