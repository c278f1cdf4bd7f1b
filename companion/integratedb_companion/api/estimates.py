"""Writes EXPLAIN, and reads estimates from what Postgres answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

ESTIMATE: Final = b"EXPLAIN (FORMAT JSON) "
#: How a plan hangs on the one around it, on the way to the rows that are counted.
_INWARDS: Final = ("Outer", "Subquery")


def explain(statement: bytes, form: str, options: Sequence[str]) -> bytes:
    """Return the statement that answers the plan of a statement; the options are words of the URL face's own list."""
    words = [*(option.upper() for option in options), f"FORMAT {form.upper()}"]
    return f"EXPLAIN ({', '.join(words)}) ".encode() + statement


def cost_of(answer: bytes) -> float:
    """Return the estimated cost of a statement."""
    return float(_plan(answer)["Total Cost"])


def rows_of(answer: bytes) -> int:
    """Return the estimated number of rows, without limit and offset.

    The statement makes one row of all rows, so these are below the limit of the answer: the first one from the outside.
    """
    plan = _plan(answer)
    while plan["Node Type"] != "Limit":
        inner = _inner(plan)
        if inner is None:
            return int(plan["Plan Rows"])
        plan = inner
    # The limit of the request is around that of the service.
    while (inner := _inner(plan)) is not None and inner["Node Type"] == "Limit":
        plan = inner
    return int((inner or plan)["Plan Rows"])


def _inner(plan: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((one for one in plan.get("Plans", ()) if one.get("Parent Relationship") in _INWARDS), None)


def _plan(answer: bytes) -> Mapping[str, Any]:
    plan: Mapping[str, Any] = orjson.loads(answer)[0]["Plan"]
    return plan
