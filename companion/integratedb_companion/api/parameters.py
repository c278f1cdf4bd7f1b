"""Writes compiled statements with their parameters as queries, and in advance what all requests share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from integratedb.query.statement import Statement

from .connection import Query

#: What becomes of half of a character: texts of JSON keep it, and Postgres refuses it. In texts of a URL, it stands for
#: a byte that is no UTF-8.
Errors = Literal["surrogatepass", "surrogateescape"]


def encoded(values: Iterable[str | bytes | None], errors: Errors = "surrogatepass") -> list[bytes | None]:
    """Return the parameters of a statement as bytes."""
    return [value.encode("utf-8", errors) if isinstance(value, str) else value for value in values]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A statement that is remembered, with its parameters: all but those of holes are written."""

    statement: Statement
    text: bytes
    values: list[bytes | None]
    places: list[int]
    errors: Errors
    #: Whether a hole is in several places.
    repeats: bool

    @classmethod
    def of(cls, statement: Statement, errors: Errors = "surrogatepass") -> Written:
        """Write what is the same in all requests."""
        parameters = statement.parameters
        values = encoded((one.text(()) if one.hole is None else None for one in parameters), errors)
        places = [place for place, one in enumerate(parameters) if one.hole is not None]
        repeats = len({parameters[place].hole for place in places}) < len(places)
        return cls(statement, statement.text.encode(), values, places, errors, repeats)

    def query(self, holes: Sequence[Any]) -> Query:
        """Return the query of a request, with the values of its holes."""
        values, parameters = self.values.copy(), self.statement.parameters
        for place in self.places:
            value = parameters[place].text(holes)
            values[place] = value.encode("utf-8", self.errors) if isinstance(value, str) else value
        return Query(self.text, values)
