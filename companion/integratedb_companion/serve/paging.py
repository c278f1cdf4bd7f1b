"""Splits lists into pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from .responses import Page

Row = TypeVar("Row", bound=BaseModel)


def page(kind: type[Row], rows: Sequence[Mapping[str, Any]], limit: int, key: str = "id") -> Page[Row]:
    """Build a page of rows, which contain one more than the limit if another page follows; it begins after `key`."""
    shown = rows[:limit]
    following = int(shown[-1][key]) if len(rows) > limit else None
    return Page(data=[kind(**row) for row in shown], next=following)
