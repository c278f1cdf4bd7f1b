"""Reads expressions: a list is an operator with operands, a scalar is a value, a map with one key is structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from ...request import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    Logic,
    Not,
    Operation,
    Operator,
    Order,
    Path,
    Place,
    Select,
    Subquery,
    Value,
    Window,
)
from .problems import DocumentError, shown

#: The operators of conditions by the names that people write, and what the core calls them.
OPERATORS: dict[str, Operator] = {
    "=": "eq", "<>": "neq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte",
    "like": "like", "ilike": "ilike", "~": "match", "~*": "imatch", "is-distinct-from": "isdistinct",
    "@>": "cs", "<@": "cd", "&&": "ov", "<<": "sl", ">>": "sr", "&<": "nxr", "&>": "nxl", "-|-": "adj",
    "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "||": "concat",
}  # fmt: skip
CALCULATING = frozenset({"add", "sub", "mul", "div", "mod", "concat"})
_SEARCHES: dict[str, Operator] = {"fts": "fts", "plfts": "plfts", "phfts": "phfts", "wfts": "wfts"}
_TRUTHS = {None: "null", True: "true", False: "false"}
FORMS = ("field", "param", "value", "call", "case", "cast", "query", "over", "path")


class Expressions:
    """Reads the expressions of one document; ``params`` are the values beside it."""

    def __init__(self, params: Mapping[str, Any], query: Callable[[Any, Place], Select]) -> None:
        self._params = params
        self._query = query

    def expression(self, given: Any, place: Place) -> Expression:
        """Read what stands in an operand's place. Error: DocumentError."""
        if isinstance(given, list):
            return self.condition(given, place)
        if isinstance(given, dict):
            return self._structure(given, place)
        return Value(given, place=place)

    def condition(self, given: Any, place: Place) -> Expression:
        """Read a condition. Error: DocumentError."""
        if not isinstance(given, list) or not given or not isinstance(given[0], str):
            if isinstance(given, dict | bool):
                return self.expression(given, place)
            raise DocumentError(place, f'expected a condition like ["=", {{"field": "id"}}, 1], found {shown(given)}')
        word, rest = given[0].lower(), given[1:]
        if word in ("and", "or"):
            parts = tuple(self.condition(part, (*place, n)) for n, part in enumerate(rest, 1))
            return Logic("and" if word == "and" else "or", parts)
        if word == "not":
            self._count(word, rest, 1, place)
            return Not(self.condition(rest[0], (*place, 1)))
        if word in ("is", "is-not"):
            return self._is(word, rest, place)
        if word in ("in", "not-in"):
            return self._in(word, rest, place)
        if word == "exists":
            self._count(word, rest, 1, place)
            return Subquery(self._subquery(rest[0], (*place, 1)), exists=True)
        if word == "between":
            self._count(word, rest, 3, place)
            return Operation("between", self._operands(rest, place), place=place)
        if word in _SEARCHES:
            return self._search(word, rest, place)
        if word not in OPERATORS:
            known = ", ".join(sorted(OPERATORS))
            raise DocumentError((*place, 0), f"unknown operator: {shown(given[0])}", f"The operators are: {known}.")
        self._count(word, rest, 2, place)
        if OPERATORS[word] not in CALCULATING and not any(isinstance(operand, dict | list) for operand in rest):
            # A forgotten {"field": ...} would otherwise compare the name of the column, and be true for all rows.
            raise DocumentError(
                place, f'the operator "{word}" compares two values', 'A column is written {"field": "name"}.'
            )
        operands = self._operands(rest, place)
        for number, operand in enumerate(operands, 1):
            if isinstance(operand, Value) and operand.value is None and OPERATORS[word] != "isdistinct":
                raise DocumentError(
                    (*place, number), "null is no operand of a comparison", 'Write ["is", {"field": ...}, null].'
                )
        return Operation(OPERATORS[word], operands, place=place)

    def _operands(self, given: list[Any], place: Place) -> tuple[Expression, ...]:
        return tuple(self.expression(operand, (*place, n)) for n, operand in enumerate(given, 1))

    @staticmethod
    def _count(word: str, rest: list[Any], wanted: int, place: Place) -> None:
        if len(rest) != wanted:
            raise DocumentError(place, f'the operator "{word}" takes {wanted} operands, found {len(rest)}')

    def _is(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 2, place)
        if not (rest[1] is None or isinstance(rest[1], bool)):
            raise DocumentError((*place, 2), f"expected null, true or false, found {shown(rest[1])}")
        found = Operation("is", (self.expression(rest[0], (*place, 1)), Value(_TRUTHS[rest[1]])), place=place)
        return Not(found) if word == "is-not" else found

    def _in(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 2, place)
        left = self.expression(rest[0], (*place, 1))
        if isinstance(rest[1], list):
            if not rest[1]:
                raise DocumentError((*place, 2), '"in" needs at least one value')
            values = [self._scalar(value, (*place, 2, n)) for n, value in enumerate(rest[1])]
            right: Expression = Value(values, place=(*place, 2))
        else:
            right = self.expression(rest[1], (*place, 2))
        found = Operation("in", (left, right), place=place)
        return Not(found) if word == "not-in" else found

    def _scalar(self, given: Any, place: Place) -> Any:
        found = self.expression(given, place)
        if not isinstance(found, Value):
            raise DocumentError(place, f"expected a value, found {shown(given)}")
        return found.value

    def _search(self, word: str, rest: list[Any], place: Place) -> Expression:
        if len(rest) not in (2, 3):
            raise DocumentError(place, f'the operator "{word}" takes 2 operands, and a configuration before them')
        language = None
        if len(rest) == 3:
            language = self._scalar(rest[0], (*place, 1))
            rest = rest[1:]
        return Operation(_SEARCHES[word], self._operands(rest, place), language=language, place=place)

    def _structure(self, given: dict[str, Any], place: Place) -> Expression:
        form = next((key for key in FORMS if key in given), None)
        if form is None or {*given} - {form, "else"} or ("else" in given and form != "case"):
            raise DocumentError(
                place,
                f"expected a value or one of {', '.join(FORMS)}, found an object with {shown(sorted(given))}",
                'A JSON value is written {"value": ...}.',
            )
        inner, at = given[form], (*place, form)
        match form:
            case "field":
                return field(inner, at)
            case "param":
                if not isinstance(inner, str) or inner not in self._params:
                    raise DocumentError(at, f"the parameter {shown(inner)} is not given")
                return Value(self._params[inner], place=at)
            case "value":
                return Value(inner, place=at)
            case "call":
                return self.call(inner, at)
            case "case":
                return self._case(given, place)
            case "cast":
                if not (isinstance(inner, list) and len(inner) == 2 and isinstance(inner[1], str)):
                    raise DocumentError(at, f'expected [expression, "type"], found {shown(inner)}')
                return Cast(self.expression(inner[0], (*at, 0)), inner[1], (*at, 1))
            case "query":
                return Subquery(self._subquery(given, place))
            case "path":
                return self._path(inner, at)
            case _:
                return self._over(inner, at)

    def call(self, given: Any, place: Place) -> Call:
        """Read a call: a list of the function's name and its arguments."""
        if not isinstance(given, list) or not given or not isinstance(given[0], str):
            raise DocumentError(place, f'expected ["function", argument, ...], found {shown(given)}')
        schema, _, name = given[0].rpartition(".")
        if given[1:] == ["*"]:
            return Call(name, star=True, schema=schema or None, place=place)
        return Call(name, self._operands(given[1:], place), schema or None, place=place)

    def _case(self, given: dict[str, Any], place: Place) -> Expression:
        branches = given["case"]
        if (
            not isinstance(branches, list)
            or not branches
            or not all(isinstance(b, list) and len(b) == 2 for b in branches)
        ):
            raise DocumentError((*place, "case"), f"expected [[condition, value], ...], found {shown(branches)}")
        read = tuple(
            (self.condition(b[0], (*place, "case", n, 0)), self.expression(b[1], (*place, "case", n, 1)))
            for n, b in enumerate(branches)
        )
        last = self.expression(given["else"], (*place, "else")) if "else" in given else None
        return Case(read, last)

    def _path(self, given: Any, place: Place) -> Expression:
        if not isinstance(given, list) or len(given) < 2 or not all(_is_step(step) for step in given[1:]):
            raise DocumentError(place, f'expected [expression, "key or index", ...], found {shown(given)}')
        return Path(self.expression(given[0], (*place, 0)), tuple(given[1:]), as_text=True)

    def _over(self, given: Any, place: Place) -> Expression:
        if not (
            isinstance(given, list) and len(given) == 2 and isinstance(given[0], dict) and isinstance(given[1], dict)
        ):
            raise DocumentError(place, f'expected [{{"call": [...]}}, {{"partition-by": [...]}}], found {shown(given)}')
        window = given[1]
        if {*window} - {"partition-by", "order-by"}:
            raise DocumentError((*place, 1), f"expected partition-by and order-by, found {shown(sorted(window))}")
        return Window(
            self.call(given[0].get("call"), (*place, 0, "call")),
            tuple(self.named(e, (*place, 1, "partition-by", n)) for n, e in enumerate(window.get("partition-by", ()))),
            self.orders(window.get("order-by", []), (*place, 1, "order-by")),
        )

    def named(self, given: Any, place: Place) -> Expression:
        """Read what stands where only names can stand: a text is a name."""
        return field(given, place) if isinstance(given, str) else self.expression(given, place)

    def orders(self, given: Any, place: Place) -> tuple[Order, ...]:
        """Read the terms of an order: a name, or a list of a name or an expression and its directions."""
        if not isinstance(given, list):
            raise DocumentError(place, f"expected a list of terms, found {shown(given)}")
        return tuple(self._order(term, (*place, n)) for n, term in enumerate(given))

    def _order(self, given: Any, place: Place) -> Order:
        if not isinstance(given, list):
            return Order(self.named(given, place))
        words = {str(word).lower() for word in given[1:]}
        if not given or words - {"asc", "desc", "nulls-first", "nulls-last"}:
            raise DocumentError(place, f'expected ["name", "desc", "nulls-last"], found {shown(given)}')
        nulls: Literal["first", "last"] | None = None
        if "nulls-first" in words:
            nulls = "first"
        elif "nulls-last" in words:
            nulls = "last"
        return Order(self.named(given[0], (*place, 0)), "desc" in words, nulls)

    def _subquery(self, given: Any, place: Place) -> Select:
        if not isinstance(given, dict) or {*given} != {"query"}:
            raise DocumentError(place, f'expected {{"query": ...}}, found {shown(given)}')
        return self._query(given["query"], (*place, "query"))


def _is_step(step: Any) -> bool:
    return isinstance(step, str) or (isinstance(step, int) and not isinstance(step, bool))


def field(given: Any, place: Place) -> Column:
    """Read the name of a column, with or without its source: ``id``, ``f.id``."""
    if not isinstance(given, str) or not given:
        raise DocumentError(place, f"expected the name of a column, found {shown(given)}")
    source, _, name = given.rpartition(".")
    return Column(name, source or None, place)
