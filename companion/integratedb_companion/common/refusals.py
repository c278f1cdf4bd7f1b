"""Parses the lists in a refusal of the database."""

from __future__ import annotations

import json
from typing import Any


def structured(detail: str | None) -> list[dict[str, Any]]:
    """Parse the DETAIL of IDB02, an array of [message, pointer], or of IDB03, an array of problems; else return []."""
    try:
        entries = json.loads(detail or "")
    except (ValueError, RecursionError):
        return []
    if not isinstance(entries, list):
        return []
    if all(isinstance(entry, dict) for entry in entries):
        return entries
    if all(isinstance(entry, list) and len(entry) == 2 for entry in entries):
        return [{"pointer": pointer, "message": message} for message, pointer in entries]
    return []
