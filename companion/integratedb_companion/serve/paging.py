"""Lists come in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from .responses import Page

Row = TypeVar("Row", bound=BaseModel)


def page(kind: type[Row], rows: Sequence[Mapping[str, Any]], limit: int, key: str = "id") -> Page[Row]:
    """Make a page of rows, of which one more than the limit was asked for; key is what the next page comes after."""
    shown = rows[:limit]
    following = int(shown[-1][key]) if len(rows) > limit else None
    return Page(data=[kind(**row) for row in shown], next=following)
