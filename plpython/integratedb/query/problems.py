"""Contains what can be wrong with a request: one exception, whose kind and facts a face words its own way."""

from __future__ import annotations

import difflib
from typing import Any, Literal, TypeAlias

from .request import Place

Kind: TypeAlias = Literal[
    "syntax",  # the request cannot be parsed; facts: text, expected
    "unknown relation",  # name, schema, near
    "unknown column",  # name, relation, near
    "unknown function",  # name, schema, arguments, near
    "unknown type",  # name
    "no relationship",  # source, target, hint, near
    "ambiguous relationship",  # source, target, candidates
    "ambiguous column",  # name, candidates
    "ambiguous function",  # name, candidates
    "unknown embed",  # name: a filter, an order or a limit names an embed that is not selected
    "not to one",  # source, target: an order by the column of an embed to many
    "bad operand",  # operator, value
    "bad operator",  # operator
    "no window",  # name: a window function without a window
    "no aggregates",  # aggregates are switched off
    "no key",  # relation: it has no primary key
    "no row version",  # relation: its rows have no version (a view, a foreign table)
    "different columns",  # found, expected: of the queries of a union
    "not grouped",  # name: a column that is selected beside groups
    "unfiltered write",  # method, relation
    "not writable",  # name, relation
    "too deep",  # limit
    "too large",  # what, limit
]


class ProblemError(Exception):
    """A request that cannot become a statement; nothing was executed."""

    def __init__(self, kind: Kind, place: Place = (), **facts: Any) -> None:
        super().__init__(f"{kind}: {facts}")
        self.kind: Kind = kind
        self.place = place
        self.facts = facts


def nearest(problem: ProblemError) -> str | None:
    """Return the name that is nearest to an unknown one, of those that the role may see."""
    near = problem.facts.get("near")
    if isinstance(near, str) or near is None:
        return near
    found = difflib.get_close_matches(str(problem.facts.get("name")), [str(one) for one in near], 1)
    return found[0] if found else None
