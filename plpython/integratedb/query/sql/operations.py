"""Writes operators with their operands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ..plan import functions
from ..plan.scope import Found, Scope
from ..plan.types import BOOLEAN, DATE, INTEGER, INTERVAL, JSON, JSONB, NUMERIC, TEXT, of_calculation
from ..problems import ProblemError
from ..request import Expression, Operation, Select, Subquery, Value
from ..surface import Type
from .operators import CALCULATIONS, KEYS, PATTERNS, SAME_TYPE, SEARCHES, TRUTHS
from .writer import Writer

_TSVECTOR = 3614
_INTEGERS = {21: 2**15, 23: 2**31, 20: 2**63}
_MOMENTS = (1082, 1114, 1184)


class Others(Protocol):
    """Writes all other expressions."""

    def expression(self, wanted: Expression, scope: Scope, like: Type | None = None) -> Found:
        """Write an expression."""

    def operand(self, value: Value, of: Type) -> str:
        """Write a value of a type."""

    def subquery(self, select: Select, scope: Scope) -> tuple[str, Type]:
        """Write a query in an expression's place; return it with the type of its only column."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Writes the operations of one statement."""

    writer: Writer
    others: Others

    def operation(self, wanted: Operation, scope: Scope) -> Found:
        """Write an operator with its operands. Error: ProblemError."""
        if len(wanted.operands) == 3 and wanted.operator == "between":
            first, low, high = wanted.operands
            below = self.operation(replace(wanted, operator="gte", operands=(first, low)), scope)
            above = self.operation(replace(wanted, operator="lte", operands=(first, high)), scope)
            return Found(f"({below.sql} AND {above.sql})", BOOLEAN)
        if len(wanted.operands) != 2:
            raise ProblemError("bad operator", wanted.place, operator=wanted.operator)
        second = wanted.operands[1]
        left, written = self._left(wanted, scope)
        if wanted.operator == "is":
            return Found(f"{left.sql} {self._truth(second, wanted)}", BOOLEAN)
        left = _comparable(left)
        if wanted.operator in SEARCHES:
            return Found(self._search(wanted, left, scope), BOOLEAN)
        if wanted.operator == "in" or wanted.quantifier is not None:
            return Found(self._quantified(wanted, left, written, scope), BOOLEAN)
        if wanted.operator in CALCULATIONS or wanted.operator == "concat":
            return self._calculation(wanted, left, written, scope)
        if wanted.operator in KEYS:
            of = TEXT if wanted.operator == "key" else functions.array_of(TEXT)
            right = self.others.expression(second, scope, of)
            return Found(f"{left.sql} OPERATOR(pg_catalog.{KEYS[wanted.operator]}) {right.sql}", BOOLEAN)
        like = TEXT if wanted.operator in PATTERNS else fitting(left.type, second)
        right = _comparable(self._written(written, scope, like))
        if wanted.operator == "isdistinct":
            equal = f"({left.sql} {_operator('=', left.type, right.type)} {right.sql}) IS NOT TRUE"
            return Found(f"({equal} AND NOT ({left.sql} IS NULL AND {right.sql} IS NULL))", BOOLEAN)
        return Found(f"{left.sql} {_operator(self._symbol(wanted), left.type, right.type)} {right.sql}", BOOLEAN)

    def _left(self, wanted: Operation, scope: Scope) -> tuple[Found, Expression | Found]:
        """Write the first operand: a value has the type of the second one, which is then written, too."""
        first, second = wanted.operands
        is_pattern = wanted.operator in PATTERNS or wanted.operator in SEARCHES
        if not isinstance(first, Value) or isinstance(second, Value) or is_pattern:
            return self.others.expression(first, scope), second
        is_quantified = wanted.operator == "in" or wanted.quantifier is not None
        if is_quantified and isinstance(second, Subquery):
            return self.others.expression(first, scope), second
        right = self.others.expression(second, scope)
        of = functions.element_of(right.type) if is_quantified and right.type.is_array else right.type
        return self.others.expression(first, scope, fitting(of, first)), right

    def _written(self, operand: Expression | Found, scope: Scope, like: Type) -> Found:
        return operand if isinstance(operand, Found) else self.others.expression(operand, scope, like)

    def _calculation(self, wanted: Operation, left: Found, second: Expression | Found, scope: Scope) -> Found:
        symbol = "||" if wanted.operator == "concat" else SAME_TYPE[wanted.operator]
        right = _comparable(self._written(second, scope, self._like(wanted, left.type, second)))
        if wanted.operator == "concat":
            returns = next((of for of in (left.type, right.type) if of.is_array or of.is_json), TEXT)
            if returns is TEXT and left.type.category != "S" and right.type.category != "S":
                left = Found(f"({left.sql})::pg_catalog.text", TEXT)
        else:
            returns = of_calculation(wanted.operator, left.type, right.type)
        return Found(f"({left.sql} {_operator(symbol, left.type, right.type)} {right.sql})", returns)

    @staticmethod
    def _like(wanted: Operation, left: Type, second: Expression | Found) -> Type:
        """Return the type of a value on the right of a calculation."""
        value = second.value if isinstance(second, Value) else None
        if wanted.operator == "concat":
            if left.is_array:
                return left if isinstance(value, list | str) and value[:1] != "" else functions.element_of(left)
            return left if left.is_json else TEXT
        if left.oid in _MOMENTS and isinstance(value, str) and wanted.operator == "add":
            return INTERVAL
        if left.oid == DATE.oid and isinstance(value, int):
            return INTEGER
        if left.oid == INTERVAL.oid and wanted.operator in ("mul", "div"):
            return functions.type_named("float8")
        return fitting(left, second)

    def _symbol(self, wanted: Operation) -> str:
        symbol = SAME_TYPE.get(wanted.operator) or PATTERNS.get(wanted.operator)
        if symbol is None:
            raise ProblemError("bad operator", wanted.place, operator=wanted.operator)
        return symbol

    @staticmethod
    def _truth(operand: Expression, wanted: Operation) -> str:
        value = operand.value if isinstance(operand, Value) else ""
        word = "null" if value is None else str(value).lower()
        if word not in TRUTHS:
            raise ProblemError("bad operand", wanted.place, operator="is", value=str(value), expected=sorted(TRUTHS))
        return TRUTHS[word]

    def _quantified(self, wanted: Operation, left: Found, second: Expression | Found, scope: Scope) -> str:
        symbol = "=" if wanted.operator == "in" else self._symbol(wanted)
        word = "ALL" if wanted.quantifier == "all" else "ANY"
        if isinstance(second, Subquery):
            text, of = self.others.subquery(second.query, scope)
            return f"{left.sql} {_operator(symbol, left.type, of)} {word} ({text})"
        if not isinstance(second, Value):
            right = self._written(second, scope, left.type)
            return f"{left.sql} {_operator(symbol, left.type, left.type)} {word} ({right.sql})"
        return self._among(wanted, left, second, symbol, word)

    def _among(self, wanted: Operation, left: Found, second: Value, symbol: str, word: str) -> str:
        of = TEXT if wanted.operator in PATTERNS else left.type
        if second.hole is None and isinstance(second.value, list):
            of = max((fitting(of, Value(each)) for each in second.value), key=_width, default=of)
        operator = _operator(symbol, left.type, of)
        if of.is_array and second.name is not None and second.value and isinstance(second.value, list):
            # Another request gives a list of another length, so the statement cannot have a parameter for each value.
            texts = self.writer.value(second, "pg_catalog.text[]", "array" if of.from_text else "arrays")
            value = f"{of.from_text}(v.v)" if of.from_text else f"v.v::{of.base}"
            every = "every" if word == "ALL" else "bool_or"
            compared = f"pg_catalog.{every}({left.sql} {operator} {value})"
            return f"(SELECT {compared} FROM pg_catalog.unnest({texts}) AS v (v))"
        if of.is_array and second.hole is None and isinstance(second.value, list | tuple):
            # There are no arrays of arrays of one type, so each value is a parameter of its own.
            glue = " AND " if word == "ALL" else " OR "
            parts = [f"{left.sql} {operator} {self.others.operand(replace(second, value=v), of)}" for v in second.value]
            return f"({glue.join(parts)})" if parts else ("true" if word == "ALL" else "false")
        if of.from_text is not None:
            texts = self.writer.value(second, "pg_catalog.text[]", "array")
            values = f"SELECT {of.from_text}(v.v) FROM pg_catalog.unnest({texts}) AS v (v)"
            return f"{left.sql} {operator} {word} (ARRAY({values}))"
        return f"{left.sql} {operator} {word} ({self.writer.value(second, of.base + '[]', 'array')})"

    def _search(self, wanted: Operation, left: Found, scope: Scope) -> str:
        second = wanted.operands[1]
        language = ""
        if wanted.language is not None:
            language = self.writer.constant(wanted.language, "pg_catalog.regconfig") + ", "
        text = self.others.expression(second, scope, TEXT).sql
        document = left.sql
        if left.type.oid != _TSVECTOR:
            document = f"pg_catalog.to_tsvector({language}{left.sql}{'' if left.type.is_json else '::pg_catalog.text'})"
        return f"{document} OPERATOR(pg_catalog.@@) pg_catalog.{SEARCHES[wanted.operator]}({language}{text})"


def fitting(of: Type, operand: Expression | Found) -> Type:
    """Return the type of a number beside an integer: wider, if the number is no such integer."""
    if not isinstance(operand, Value) or operand.hole is not None or of.oid not in _INTEGERS:
        return of
    value = operand.value
    if isinstance(value, float):
        return NUMERIC
    if isinstance(value, int) and not -_INTEGERS[of.oid] <= value < _INTEGERS[of.oid]:
        return functions.type_of(operand)
    return of


def _width(of: Type) -> int:
    return {NUMERIC.oid: 3, 20: 2}.get(of.oid, 1)


def _comparable(found: Found) -> Found:
    # The type json has no operators.
    return Found(f"({found.sql})::pg_catalog.jsonb", JSONB) if found.type.oid == JSON.oid else found


def _operator(symbol: str, left: Type, right: Type) -> str:
    home = left.operators if left.operators != "pg_catalog" else right.operators
    return f"OPERATOR({home}.{symbol})"
