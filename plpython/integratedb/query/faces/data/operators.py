"""Reads operators with their operands: lists that begin with the name of an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from ...request import Expression, Logic, Not, Operation, Operator, Path, Place, Select, Subquery, Value
from .names import Name, Names
from .problems import DocumentError, shown

#: Comparisons; with more than two operands, each is compared with the next one.
COMPARISONS: Final[dict[str, Operator]] = {
    "=": "eq", "<>": "neq", "!=": "neq", "not=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte",
}  # fmt: skip
#: Operators of two operands.
OTHERS: Final[dict[str, Operator]] = {
    "like": "like", "ilike": "ilike", "~": "match", "~*": "imatch", "is-distinct-from": "isdistinct",
    "@>": "cs", "<@": "cd", "&&": "ov", "<<": "sl", ">>": "sr", "&<": "nxr", "&>": "nxl", "-|-": "adj",
    "?": "key", "?|": "anykey", "?&": "allkeys",
}  # fmt: skip
#: Operators that calculate, of two or more operands.
CALCULATIONS: Final[dict[str, Operator]] = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "||": "concat",
}  # fmt: skip
SEARCHES: Final[dict[str, Operator]] = {"fts": "fts", "plfts": "plfts", "phfts": "phfts", "wfts": "wfts"}
ARROWS: Final = ("->", "->>")
NEGATED: Final = {"not-like": "like", "not-ilike": "ilike", "not-between": "between"}
WORDS: Final = ("and", "or", "not", "is", "is-not", "in", "not-in", "exists", "between", *NEGATED)
_TWO: Final = {**COMPARISONS, **OTHERS, **CALCULATIONS}
_TRUTHS: Final = {None: "null", True: "true", False: "false"}


class Others(Protocol):
    """Reads all other expressions."""

    names: Names

    @property
    def nodes(self) -> int:
        """How many lists and objects were read."""

    def count(self, place: Place, nodes: int = 1) -> None:
        """Count what is used once more."""

    def expression(self, given: Any, place: Place) -> Expression:
        """Read an expression."""

    def condition(self, given: Any, place: Place) -> Expression:
        """Read a condition."""

    def scalar(self, given: Any, place: Place) -> Value:
        """Read a value."""

    def result(self, given: Any, place: Place, *, many: bool = False) -> Value:
        """Read a reference to an earlier answer."""

    def subquery(self, given: Any, place: Place) -> Select:
        """Read a sub-query."""


class Operators:
    """Reads the operations of one query."""

    def __init__(self, others: Others) -> None:
        self._others = others
        self._readers: dict[str, Callable[[str, list[Any], Place], Expression]] = {
            "and": self._logic, "or": self._logic, "not": self._not, "is": self._is, "is-not": self._is,
            "in": self._in, "not-in": self._in, "exists": self._exists, "between": self._between,
            **dict.fromkeys(NEGATED, self._negated), **dict.fromkeys(SEARCHES, self._search),
            **dict.fromkeys(ARROWS, self._arrow), **dict.fromkeys(_TWO, self._two),
        }  # fmt: skip

    def has(self, word: str) -> bool:
        """Whether this is the name of an operator."""
        return word.lower() in self._readers

    def operation(self, given: list[Any], place: Place) -> Expression:
        """Read an operator with its operands. Error: DocumentError."""
        word, rest = str(given[0]).lower(), given[1:]
        reader = self._readers.get(word)
        if reader is None:
            known = ", ".join(sorted(self._readers))
            raise DocumentError((*place, 0), f"unknown operator: {shown(given[0])}", f"The operators are: {known}.")
        return reader(word, rest, place)

    def _operands(self, given: list[Any], place: Place) -> tuple[Expression, ...]:
        return tuple(self._others.expression(operand, (*place, n)) for n, operand in enumerate(given, 1))

    @staticmethod
    def _count(word: str, rest: list[Any], wanted: int, place: Place) -> None:
        if len(rest) != wanted:
            raise DocumentError(place, f'the operator "{word}" takes {wanted} operands, found {len(rest)}')

    def _logic(self, word: str, rest: list[Any], place: Place) -> Expression:
        parts = tuple(self._others.condition(part, (*place, n)) for n, part in enumerate(rest, 1))
        return Logic("and" if word == "and" else "or", parts)

    def _not(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 1, place)
        return Not(self._others.condition(rest[0], (*place, 1)))

    def _negated(self, word: str, rest: list[Any], place: Place) -> Expression:
        return Not(self._readers[NEGATED[word]](NEGATED[word], rest, place))

    def _exists(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 1, place)
        return Subquery(self._others.subquery(rest[0], (*place, 1)), exists=True, place=place)

    def _between(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 3, place)
        self._refuse_values(word, rest, place)
        before = self._others.nodes
        first = self._others.expression(rest[0], (*place, 1))
        # It is compared twice.
        self._others.count(place, self._others.nodes - before)
        operands = (first, *(self._others.expression(rest[n], (*place, n + 1)) for n in (1, 2)))
        self._refuse_null(operands, place)
        return Operation("between", operands, place=place)

    def _arrow(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 2, place)
        step = self._others.scalar(rest[1], (*place, 2)).value
        if isinstance(step, bool) or not isinstance(step, str | int):
            raise DocumentError((*place, 2), f"expected a key or an index, found {shown(step)}")
        return Path(self._others.expression(rest[0], (*place, 1)), (step,), as_text=word == "->>")

    def _two(self, word: str, rest: list[Any], place: Place) -> Expression:
        if word in OTHERS or len(rest) < 2:
            self._count(word, rest, 2, place)
        if word not in CALCULATIONS:
            self._refuse_values(word, rest, place)
        before = self._others.nodes
        operands = self._operands(rest, place)
        if word == "is-distinct-from" or (len(rest) > 2 and word not in CALCULATIONS):
            # SQL has these operands twice.
            self._others.count(place, self._others.nodes - before)
        if word != "is-distinct-from":
            self._refuse_null(operands, place)
        if word in CALCULATIONS:
            found = operands[0]
            for operand in operands[1:]:
                found = Operation(_TWO[word], (found, operand), place=place)
            return found
        pairs = [Operation(_TWO[word], (operands[n], operands[n + 1]), place=place) for n in range(len(operands) - 1)]
        return pairs[0] if len(pairs) == 1 else Logic("and", tuple(pairs))

    @staticmethod
    def _refuse_values(word: str, rest: list[Any], place: Place) -> None:
        # A forgotten {"field": ...} would otherwise compare the name of the column, and be true for all rows.
        is_plain = not any(isinstance(operand, dict | list | Name) for operand in rest)
        if is_plain and any(isinstance(operand, str) for operand in rest):
            raise DocumentError(
                place, f'the operator "{word}" compares two values', 'A column is written {"field": "name"}.'
            )

    @staticmethod
    def _refuse_null(operands: tuple[Expression, ...], place: Place) -> None:
        for number, operand in enumerate(operands, 1):
            if isinstance(operand, Value) and operand.value is None and operand.hole is None:
                raise DocumentError(
                    (*place, number), "null is no operand of a comparison", 'Write ["is", {"field": ...}, null].'
                )

    def _is(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 2, place)
        if not (rest[1] is None or isinstance(rest[1], bool)):
            raise DocumentError((*place, 2), f"expected null, true or false, found {shown(rest[1])}")
        operands = (self._others.expression(rest[0], (*place, 1)), Value(_TRUTHS[rest[1]]))
        found = Operation("is", operands, place=place)
        return Not(found) if word == "is-not" else found

    def _in(self, word: str, rest: list[Any], place: Place) -> Expression:
        self._count(word, rest, 2, place)
        left, given, at = self._others.expression(rest[0], (*place, 1)), rest[1], (*place, 2)
        if isinstance(given, list):
            if not given:
                raise DocumentError(at, '"in" needs at least one value')
            found = [self._others.scalar(value, (*at, n)) for n, value in enumerate(given)]
            for n, each in enumerate(found):
                if each.hole is not None or each.value is None:
                    raise DocumentError((*at, n), f"expected a value, found {shown(given[n])}")
            right: Expression = Value([each.value for each in found], place=at, is_document=True)
        elif isinstance(given, dict) and {*given} == {"result"}:
            right = self._others.result(given["result"], (*at, "result"), many=True)
        else:
            right = self._others.expression(given, at)
            if isinstance(right, Value) and not isinstance(right.value, list):
                raise DocumentError(at, f"expected a list of values or a sub-query, found {shown(given)}")
        operation = Operation("in", (left, right), place=place)
        return Not(operation) if word == "not-in" else operation

    def _search(self, word: str, rest: list[Any], place: Place) -> Expression:
        if len(rest) not in (2, 3):
            raise DocumentError(place, f'the operator "{word}" takes 2 operands, and a configuration before them')
        language = None
        if len(rest) == 3:
            language = self._others.scalar(rest[0], (*place, 1)).value
            rest = rest[1:]
        return Operation(SEARCHES[word], self._operands(rest, place), language=language, place=place)
