"""Words the problems of queries as data: SQLSTATE, message, hint, and the place in the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...problems import Kind, ProblemError, nearest
from .problems import DocumentError, pointer

Facts = Mapping[str, Any]

#: SQLSTATE and message of each kind of problem.
_MESSAGES: dict[Kind, tuple[str, Callable[[Facts], str]]] = {
    "syntax": ("22023", lambda f: f"expected {f.get('expected')} at {f.get('text')}"),
    "unknown relation": ("42P01", lambda f: f"no table or view {f['name']} is visible to this role"),
    "unknown column": (
        "42703",
        lambda f: f"{f.get('relation')} has no column {f['name']} that is visible to this role",
    ),
    "unknown function": ("42883", lambda f: f"no function {f['name']} with these arguments is visible to this role"),
    "unknown type": ("42704", lambda f: f"{f['name']} is no type that a query may cast to"),
    "no relationship": ("42P01", lambda f: f"{f['source']} and {f['target']} are not related"),
    "ambiguous relationship": ("42712", lambda f: f"{f['source']} and {f['target']} are related in several ways"),
    "ambiguous column": ("42702", lambda f: f"the column {f['name']} is in several tables of the query"),
    "ambiguous function": ("42725", lambda f: f"several functions {f['name']} fit the call"),
    "unknown embed": ("42P01", lambda f: f"{f['name']} is not embedded by the query"),
    "not to one": ("42P10", lambda f: f"{f['target']} has many rows for one of {f['source']}, so it gives no order"),
    "bad operand": ("22023", lambda f: f"{f.get('value')} is no operand of {f['operator']}"),
    "bad operator": ("22023", lambda f: f"{f['operator']} is no operator for these operands"),
    "no window": ("42809", lambda f: f"the window function {f['name']} needs a window"),
    "different columns": ("42601", lambda f: f"the query has {f['found']} columns, expected {f['expected']}"),
    "not grouped": (
        "42803",
        lambda f: f"the column {f['name']} has many values in a group: it must be in group-by or in an aggregate",
    ),
    "no aggregates": ("42501", lambda f: "aggregates are switched off"),
    "no key": ("42P10", lambda f: f"{f['relation']} has no primary key in these rows"),
    "no row version": ("42P10", lambda f: f"rows of {f['relation']} have no version"),
    "unfiltered write": ("21000", lambda f: f"the query would write all rows of {f['relation']}"),
    "not writable": ("42501", lambda f: f"{f.get('name') or f.get('relation')} cannot be written"),
    "too deep": ("54001", lambda f: f"the query is nested deeper than {f['limit']} levels"),
    "too large": ("54000", lambda f: f"{f.get('what')} is larger than {f.get('limit')}"),
}
_HINTS: dict[Kind, str] = {
    "no window": 'Write {"over": [{"call": [...]}, {"order-by": [...]}]}.',
    "unfiltered write": 'Write a condition under "where".',
    "ambiguous column": 'Write the name with its table: {"field": "table.column"}.',
}


def word(problem: ProblemError | DocumentError) -> dict[str, str | None]:
    """Return the code, message, hint and pointer of a problem."""
    if isinstance(problem, DocumentError):
        return {"code": problem.code, "message": problem.message, "hint": problem.hint, "pointer": problem.pointer}
    code, message = _MESSAGES[problem.kind]
    near = nearest(problem)
    hint = f"Perhaps you meant {near}." if near else _HINTS.get(problem.kind)
    if problem.kind == "ambiguous relationship":
        hint = f"Name one of them: {', '.join(problem.facts['hints'])}."
    return {"code": code, "message": message(problem.facts), "hint": hint, "pointer": pointer(problem.place)}
