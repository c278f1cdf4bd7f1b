"""Reads expressions: a list is an operator with operands, a scalar is a value, a map with one key is structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ...request import (
    NOWHERE,
    Array,
    Bound,
    Call,
    Case,
    Cast,
    Expression,
    Frame,
    Order,
    Path,
    Place,
    Select,
    Subquery,
    Value,
    Window,
)
from .names import Name, Names, field, listed, only
from .operators import Operators
from .problems import DocumentError, shown

#: The keys of maps that are structure, and what else may stand beside them.
FORMS: Final[dict[str, frozenset[str]]] = {
    "field": frozenset(),
    "param": frozenset(),
    "value": frozenset(),
    "call": frozenset({"distinct", "where", "order-by"}),
    "case": frozenset({"else"}),
    "cast": frozenset(),
    "array": frozenset(),
    "query": frozenset(),
    "over": frozenset(),
    "path": frozenset(),
    "result": frozenset(),
}
#: The keys of a window; the units of its frame, and where that may begin and end.
WINDOW: Final = {"partition-by", "order-by", "frame"}
UNITS: Final[dict[str, Literal["rows", "range", "groups"]]] = {"rows": "rows", "range": "range", "groups": "groups"}
BOUNDS: Final[dict[str, Literal["preceding", "current row", "following"]]] = {
    "unbounded-preceding": "preceding", "current-row": "current row", "unbounded-following": "following",
}  # fmt: skip
_FRAMES: Final = 'A frame is ["rows", [2, "preceding"], "current-row"]; also "range" and "groups".'
#: A document with more lists and maps is none that a person or a program needs. What is written twice counts twice.
MOST_NODES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Aliased:
    """What is selected under an alias, and how many lists and objects it is made of."""

    expression: Expression
    nodes: int


@dataclass(frozen=True, slots=True)
class Result:
    """A value of an earlier query's answer: of its only row, or with ``many`` of all rows."""

    query: int
    key: str
    many: bool = False
    place: Place = NOWHERE


class Expressions:
    """Reads the expressions of one query; ``params`` are the values beside it.

    ``results``: the values of earlier queries' answers, whose positions are holes in the query. ``before`` is how many
    queries are before this one, and ``nodes`` how many lists and objects these have.
    """

    def __init__(
        self, params: Mapping[str, Any], names: Names, query: Callable[[Any, Place], Select], before: int, nodes: int
    ) -> None:
        self.names = names
        self.results: list[Result] = []
        self._holes: dict[Result, int] = {}
        #: Whether a value of ``params`` is more than a value of the query.
        self.is_fixed = False
        self._params = params
        self._query = query
        self._before = before
        self._nodes = nodes
        self._operators = Operators(self)

    def expression(self, given: Any, place: Place) -> Expression:
        """Read what stands in an operand's place. Error: DocumentError."""
        if isinstance(given, list):
            return self.condition(given, place)
        if isinstance(given, dict):
            self.count(place)
            return self._structure(given, place)
        if isinstance(given, Name):
            return field(given, place)
        return Value(given, place=place, is_document=True)

    def condition(self, given: Any, place: Place) -> Expression:
        """Read a condition. Error: DocumentError."""
        if isinstance(given, list) and given and isinstance(given[0], str):
            self.count(place)
            return self._operators.operation(given, place)
        if isinstance(given, dict | bool | Name):
            return self.expression(given, place)
        raise DocumentError(
            place,
            f'expected a condition like ["=", {{"field": "id"}}, 1], found {shown(given)}',
            'A list that is a value is written {"value": [...]}.' if isinstance(given, list) else None,
        )

    @property
    def nodes(self) -> int:
        """How many lists and objects were read, each as often as the query uses it."""
        return self._nodes

    def count(self, place: Place, nodes: int = 1) -> None:
        """Count what is read, or is used once more. Error: DocumentError."""
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise DocumentError(place, f"the document has more than {MOST_NODES} lists and objects", None, "54000")

    def named(self, given: Any, place: Place) -> Expression:
        """Read what stands where only names can stand: a text is a name."""
        return field(given, place) if self.names.is_name(given) else self.expression(given, place)

    def scalar(self, given: Any, place: Place) -> Value:
        """Read a value that the query is made of. Error: DocumentError."""
        found = self.expression(given, place)
        if not isinstance(found, Value):
            raise DocumentError(place, f"expected a value, found {shown(given)}")
        self.fix(found)
        return found

    def fix(self, value: Value) -> None:
        """Record that the query is made of a value, so another value of a parameter makes another query."""
        self.is_fixed = self.is_fixed or value.name is not None

    def result(self, given: Any, place: Place, *, many: bool = False) -> Value:
        """Read a reference to an earlier query's answer. Error: DocumentError."""
        if not (isinstance(given, list) and len(given) == 2 and _is_index(given[0]) and isinstance(given[1], str)):
            raise DocumentError(place, f'expected [number of a query, "key"], found {shown(given)}')
        if not 0 <= given[0] < self._before:
            raise DocumentError((*place, 0), f"there is no query {given[0]} before this one")
        wanted = Result(given[0], str(given[1]), many, place)
        hole = self._holes.setdefault(wanted, len(self.results))
        if hole == len(self.results):
            self.results.append(wanted)
        return Value(None, hole=hole, place=place, is_document=True)

    def _structure(self, given: dict[str, Any], place: Place) -> Expression:
        form = next((key for key in FORMS if key in given), None)
        if form is None or {*given} - {form} - FORMS[form]:
            is_sql = any(word in given for word in ("raw", "inline"))
            raise DocumentError(
                place,
                "SQL in a query as data is refused, always"
                if is_sql
                else f"expected a value or one of {', '.join(FORMS)}, found an object with {shown(sorted(given))}",
                'A JSON value is written {"value": ...}.',
            )
        inner, at = given[form], (*place, form)
        match form:
            case "field":
                return field(inner, at)
            case "param":
                if not isinstance(inner, str) or inner not in self._params:
                    raise DocumentError(at, f"the parameter {shown(inner)} is not given")
                return Value(self._params[inner], place=at, is_document=True, name=inner)
            case "value":
                return Value(inner, place=at, is_document=True)
            case "call":
                return self.call(given, place)
            case "case":
                return self._case(given, place)
            case "cast":
                return self._cast(inner, at)
            case "array":
                elements = enumerate(listed(inner, at))
                return Array(tuple(self.expression(each, (*at, n)) for n, each in elements), at)
            case "query":
                return Subquery(self._query(inner, at), place=at)
            case "path":
                return self._path(inner, at)
            case "result":
                return self.result(inner, at)
            case _:
                return self._over(inner, at)

    def call(self, given: Any, place: Place) -> Call:
        """Read a call: a list of the function's name and its arguments, and for aggregates more beside it."""
        if not isinstance(given, dict) or "call" not in given:
            raise DocumentError(place, f'expected {{"call": ["function", argument, ...]}}, found {shown(given)}')
        only(given, {"call", *FORMS["call"]}, place)
        at = (*place, "call")
        parts = given["call"]
        if not isinstance(parts, list) or not parts:
            raise DocumentError(at, f'expected ["function", argument, ...], found {shown(parts)}')
        schema, _, name = self.names.name(parts[0], (*at, 0), "the name of a function").rpartition(".")
        if not isinstance(given.get("distinct", False), bool):
            raise DocumentError((*place, "distinct"), f"expected true or false, found {shown(given['distinct'])}")
        star = name == "count" and parts[1:] == ["*"]
        arguments = () if star else tuple(self.expression(each, (*at, n)) for n, each in enumerate(parts[1:], 1))
        return Call(
            name,
            arguments,
            schema or None,
            distinct=given.get("distinct", False),
            star=star,
            where=self.condition(given["where"], (*place, "where")) if "where" in given else None,
            order=self.orders(given.get("order-by", []), (*place, "order-by")),
            place=at,
        )

    def _case(self, given: dict[str, Any], place: Place) -> Expression:
        branches = given["case"]
        at = (*place, "case")
        if (
            not isinstance(branches, list)
            or not branches
            or not all(isinstance(branch, list) and len(branch) == 2 for branch in branches)
        ):
            raise DocumentError(at, f"expected [[condition, value], ...], found {shown(branches)}")
        read = tuple(
            (self.condition(test, (*at, n, 0)), self.expression(result, (*at, n, 1)))
            for n, (test, result) in enumerate(branches)
        )
        last = self.expression(given["else"], (*place, "else")) if "else" in given else None
        return Case(read, last)

    def _cast(self, given: Any, place: Place) -> Expression:
        if not (isinstance(given, list) and len(given) == 2 and self.names.is_name(given[1])):
            raise DocumentError(place, f'expected [expression, "type"], found {shown(given)}')
        return Cast(self.expression(given[0], (*place, 0)), str(given[1]), (*place, 1))

    def _path(self, given: Any, place: Place) -> Expression:
        if not isinstance(given, list) or len(given) < 2 or not all(_is_step(step) for step in given[1:]):
            raise DocumentError(place, f'expected [expression, "key or index", ...], found {shown(given)}')
        return Path(self.expression(given[0], (*place, 0)), tuple(given[1:]), as_text=True)

    def _over(self, given: Any, place: Place) -> Expression:
        if not (isinstance(given, list) and len(given) in (1, 2) and all(isinstance(each, dict) for each in given)):
            raise DocumentError(place, f'expected [{{"call": [...]}}, {{"partition-by": [...]}}], found {shown(given)}')
        window = given[1] if len(given) == 2 else {}
        only(window, WINDOW, (*place, 1))
        at = (*place, 1, "partition-by")
        return Window(
            self.call(given[0], (*place, 0)),
            tuple(self.named(each, (*at, n)) for n, each in enumerate(listed(window.get("partition-by", []), at))),
            self.orders(window.get("order-by", []), (*place, 1, "order-by")),
            self._frame(window["frame"], (*place, 1, "frame")) if window.get("frame") is not None else None,
        )

    def _frame(self, given: Any, place: Place) -> Frame:
        if not (isinstance(given, list) and len(given) == 3 and given[0] in UNITS):
            raise DocumentError(place, f'expected ["rows", start, end], found {shown(given)}', _FRAMES)
        start, end = (self._bound(each, (*place, n)) for n, each in enumerate(given[1:], 1))
        return Frame(UNITS[given[0]], start, end)

    def _bound(self, given: Any, place: Place) -> Bound:
        if isinstance(given, str) and given in BOUNDS:
            return Bound(BOUNDS[given])
        if not (isinstance(given, list) and len(given) == 2 and given[1] in ("preceding", "following")):
            raise DocumentError(place, f"expected where a frame begins or ends, found {shown(given)}", _FRAMES)
        return Bound("preceding" if given[1] == "preceding" else "following", self.scalar(given[0], (*place, 0)))

    def orders(self, given: Any, place: Place, aliases: Mapping[str, Aliased] | None = None) -> tuple[Order, ...]:
        """Read the terms of an order: a name, or a list of a name or an expression and its directions.

        A name of ``aliases`` means what is selected under it.
        """
        return tuple(self._order(term, (*place, n), aliases or {}) for n, term in enumerate(listed(given, place)))

    def _order(self, given: Any, place: Place, aliases: Mapping[str, Aliased]) -> Order:
        words: list[Any] = []
        is_directed = isinstance(given, list) and all(isinstance(word, str) for word in given[1:])
        if is_directed and given and not (self.names.is_name(given[0]) and self._operators.has(given[0])):
            given, *words = given
            place = (*place, 0)
        directions = {str(word).lower() for word in words}
        if directions - {"asc", "desc", "nulls-first", "nulls-last"} or given in ([], None):
            raise DocumentError(place[:-1], f'expected ["name", "desc", "nulls-last"], found {shown([given, *words])}')
        nulls: Literal["first", "last"] | None = None
        if "nulls-first" in directions:
            nulls = "first"
        elif "nulls-last" in directions:
            nulls = "last"
        found = aliases.get(given) if isinstance(given, str) else None
        self.count(place, 1 if found is None else found.nodes)
        expression = self.named(given, place) if found is None else found.expression
        return Order(expression, "desc" in directions, nulls)

    def subquery(self, given: Any, place: Place) -> Select:
        """Read what must be a sub-query. Error: DocumentError."""
        if not isinstance(given, dict) or {*given} != {"query"}:
            raise DocumentError(place, f'expected {{"query": ...}}, found {shown(given)}')
        return self._query(given["query"], (*place, "query"))


def _is_index(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _is_step(step: Any) -> bool:
    return isinstance(step, str) or _is_index(step)
