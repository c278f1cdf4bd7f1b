"""Makes the queries of function calls: which parameters are arguments, and which filter the rows that it returns."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ...request import Routine, Select, Value
from .bodies import CallBody
from .operators import is_operation
from .parameters import RESERVED, RESERVED_WORDS, Pair
from .ranges import Window
from .reading import parse_columns, read


@dataclass(frozen=True, slots=True)
class CallParts:
    """A call that is not yet divided into arguments and filters. By POST, ``body`` has the arguments."""

    name: str
    schema: str | None
    pairs: tuple[Pair, ...]
    range_header: str | None
    limit: int
    body: CallBody | None = None

    @property
    def candidates(self) -> frozenset[str]:
        """The names of parameters that are arguments for PostgREST: those whose value is no operator with a value."""
        if self.body is not None:
            return frozenset(self.body.keys) | {name for name, _ in self.body.pairs}
        return frozenset(pair.name for pair in self.pairs if _is_plain(pair) and not is_operation(pair.value))


def _is_plain(pair: Pair) -> bool:
    if pair.name in RESERVED or pair.last_word in RESERVED_WORDS:
        return False
    return "." not in pair.name and "->" not in pair.name


def divide(parts: CallParts, names: AbstractSet[str] | None, variadic: str | None) -> tuple[Select, Window]:
    """The query of a call, where functions of this name have arguments with these names.

    A parameter with such a name is the argument, also where its value looks like an operator. Where the name is given
    with and without operators, those with operators are filters. A name that is no argument is a filter if its value is
    an operator with a value; else it stays an argument, and the function is not found. Of several values the last
    counts; the variadic argument takes them all. Without ``names`` the rule is PostgREST's: operators are filters.
    """
    if parts.body is not None:
        reading = read(parts.pairs, parts.range_header, False, parts.limit)
        return reading.root.select((_by_body(parts, parts.body, variadic),)), reading.window
    given: dict[str, list[Pair]] = {}
    for pair in parts.pairs:
        if _is_plain(pair):
            given.setdefault(pair.name, []).append(pair)
    arguments: dict[str, Value] = {}
    filters: set[str] = set()
    for name, pairs in given.items():
        values = [pair.value for pair in pairs if not is_operation(pair.value)]
        is_argument = names is not None and name in names
        if not values and is_argument and (len(pairs) == 1 or name == variadic):
            values = [pair.value for pair in pairs]
        elif len(values) < len(pairs):
            filters.add(name)
        if values:
            arguments[name] = Value(values if name == variadic else values[-1])
    kept = [pair for pair in parts.pairs if not _is_plain(pair) or (pair.name in filters and is_operation(pair.value))]
    reading = read(kept, parts.range_header, False, parts.limit)
    return reading.root.select((Routine(parts.name, parts.schema, arguments),)), reading.window


def _by_body(parts: CallParts, body: CallBody, variadic: str | None) -> Routine:
    if body.raw is not None:
        return Routine(parts.name, parts.schema, body=Value(body.raw, 0), raw=True, raw_type=body.raw_type)
    if body.json is not None:
        columns = parse_columns(parts.pairs, "columns")
        return Routine(parts.name, parts.schema, body=Value(body.json, 0), keys=columns or body.keys)
    arguments = {key: Value(value) for key, value in body.pairs}
    if variadic is not None and variadic in arguments:
        arguments[variadic] = Value([value for key, value in body.pairs if key == variadic])
    return Routine(parts.name, parts.schema, arguments)
