"""Writes expressions and conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from ..plan.scope import Found, Scope
from ..plan.types import BOOLEAN, JSON, JSONB, SYNONYMS, TEXT, of_aggregate
from ..problems import ProblemError
from ..request import (
    Call,
    Case,
    Cast,
    Column,
    Embedded,
    Expression,
    Logic,
    Not,
    Operation,
    Path,
    Select,
    Subquery,
    Value,
    Window,
)
from ..surface import Surface, Type
from .operators import AGGREGATES, PATTERNS, SAME_TYPE, SEARCHES, TRUTHS
from .writer import Writer

_TSVECTOR = 3614


class Expressions:
    """Writes the expressions of one statement; ``subquery`` writes a query in an expression's place."""

    def __init__(
        self, writer: Writer, surface: Surface, schema: str, subquery: Callable[[Select, Scope], str], aggregates: bool
    ) -> None:
        self._writer = writer
        self._surface = surface
        self._schema = schema
        self._subquery = subquery
        self._aggregates = aggregates

    def expression(self, wanted: Expression, scope: Scope, like: Type | None = None) -> Found:
        """Write an expression; ``like`` is the type that a value in its place gets. Error: ProblemError."""
        match wanted:
            case Column():
                return scope.find(wanted)
            case Value():
                of = like or TEXT
                return Found(self._operand(wanted, of), of)
            case Path():
                return self._path(wanted, scope)
            case Call():
                return self._call(wanted, scope)
            case Cast():
                return self._cast(wanted, scope)
            case Case():
                return self._case(wanted, scope, like)
            case Subquery():
                inner = f"({self._subquery(wanted.query, scope)})"
                return Found(f"EXISTS {inner}", BOOLEAN) if wanted.exists else Found(inner, like or TEXT)
            case Window():
                return self._window(wanted, scope)
            case Operation() | Logic() | Not() | Embedded():
                return Found(self.condition(wanted, scope), BOOLEAN)
            case _:
                assert_never(wanted)

    def condition(self, wanted: Expression, scope: Scope) -> str:
        """Write a condition. Error: ProblemError."""
        match wanted:
            case Logic():
                if not wanted.parts:
                    return "true" if wanted.operator == "and" else "false"
                word = " AND " if wanted.operator == "and" else " OR "
                return "(" + word.join(self.condition(part, scope) for part in wanted.parts) + ")"
            case Not():
                return f"NOT ({self.condition(wanted.part, scope)})"
            case Embedded():
                marker = scope.embeds.get(wanted.embed)
                if marker is None:
                    raise ProblemError("unknown embed", wanted.place, name=wanted.embed)
                return marker
            case Operation():
                return self._operation(wanted, scope)
            case _:
                return self.expression(wanted, scope, BOOLEAN).sql

    def _operation(self, wanted: Operation, scope: Scope) -> str:
        if len(wanted.operands) == 3 and wanted.operator == "between":
            first, low, high = wanted.operands
            below = self._operation(Operation("gte", (first, low), place=wanted.place), scope)
            return f"({below} AND {self._operation(Operation('lte', (first, high), place=wanted.place), scope)})"
        if len(wanted.operands) != 2:
            raise ProblemError("bad operator", wanted.place, operator=wanted.operator)
        first, second = wanted.operands
        if isinstance(first, Value) and not isinstance(second, Value):
            right = self.expression(second, scope)
            left = self.expression(first, scope, right.type)
        else:
            left = self.expression(first, scope)
        if wanted.operator == "is":
            return f"{left.sql} {self._truth(second, wanted)}"
        left = self._comparable(left)
        if wanted.operator in SEARCHES:
            return self._search(wanted, left, scope)
        if wanted.operator in ("in",) or wanted.quantifier is not None:
            return self._quantified(wanted, left, second, scope)
        like = TEXT if wanted.operator in PATTERNS else left.type
        right = self._comparable(self.expression(second, scope, like))
        if wanted.operator == "isdistinct":
            equal = f"({left.sql} {_operator('=', left.type, right.type)} {right.sql}) IS NOT TRUE"
            return f"({equal} AND NOT ({left.sql} IS NULL AND {right.sql} IS NULL))"
        if wanted.operator == "concat":
            return f"({left.sql} {_operator('||', left.type, right.type)} {right.sql})"
        return f"{left.sql} {_operator(self._symbol(wanted), left.type, right.type)} {right.sql}"

    def _symbol(self, wanted: Operation) -> str:
        symbol = SAME_TYPE.get(wanted.operator) or PATTERNS.get(wanted.operator)
        if symbol is None:
            raise ProblemError("bad operator", wanted.place, operator=wanted.operator)
        return symbol

    def _truth(self, operand: Expression, wanted: Operation) -> str:
        value = operand.value if isinstance(operand, Value) else ""
        word = "null" if value is None else str(value).lower()
        if word not in TRUTHS:
            raise ProblemError("bad operand", wanted.place, operator="is", value=str(value), expected=sorted(TRUTHS))
        return TRUTHS[word]

    def _quantified(self, wanted: Operation, left: Found, second: Expression, scope: Scope) -> str:
        symbol = "=" if wanted.operator == "in" else self._symbol(wanted)
        word = "ALL" if wanted.quantifier == "all" else "ANY"
        if isinstance(second, Subquery):
            return (
                f"{left.sql} {_operator(symbol, left.type, left.type)} {word} ({self._subquery(second.query, scope)})"
            )
        if not isinstance(second, Value):
            right = self.expression(second, scope, left.type)
            return f"{left.sql} {_operator(symbol, left.type, left.type)} {word} ({right.sql})"
        of = TEXT if wanted.operator in PATTERNS else left.type
        operator = _operator(symbol, left.type, of)
        if of.is_array and second.hole is None and isinstance(second.value, list | tuple):
            # There are no arrays of arrays of one type, so each value is a parameter of its own.
            glue = " AND " if word == "ALL" else " OR "
            parts = [f"{left.sql} {operator} {self._operand(Value(value), of)}" for value in second.value]
            return f"({glue.join(parts)})" if parts else ("true" if word == "ALL" else "false")
        if of.from_text is not None:
            texts = self._writer.value(second, "pg_catalog.text[]", "array")
            values = f"SELECT {of.from_text}(v.v) FROM pg_catalog.unnest({texts}) AS v (v)"
            return f"{left.sql} {operator} {word} (ARRAY({values}))"
        return f"{left.sql} {operator} {word} ({self._writer.value(second, of.base + '[]', 'array')})"

    def _search(self, wanted: Operation, left: Found, scope: Scope) -> str:
        second = wanted.operands[1]
        language = ""
        if wanted.language is not None:
            language = self._writer.constant(wanted.language, "pg_catalog.regconfig") + ", "
        text = self.expression(second, scope, TEXT).sql
        document = left.sql
        if left.type.oid != _TSVECTOR:
            document = f"pg_catalog.to_tsvector({language}{left.sql}{'' if left.type.is_json else '::pg_catalog.text'})"
        return f"{document} OPERATOR(pg_catalog.@@) pg_catalog.{SEARCHES[wanted.operator]}({language}{text})"

    def _operand(self, value: Value, of: Type) -> str:
        if of.from_text is not None:
            return f"{of.from_text}({self._writer.value(value, 'pg_catalog.text')})"
        if of.is_json and not isinstance(value.value, str) and value.hole is None:
            return self._writer.value(value, of.base, "json")
        is_list = of.is_array and isinstance(value.value, list | tuple)
        return self._writer.value(value, of.base, "array" if is_list else "scalar")

    @staticmethod
    def _comparable(found: Found) -> Found:
        # The type json has no operators.
        return Found(f"({found.sql})::pg_catalog.jsonb", JSONB) if found.type.oid == JSON.oid else found

    def _path(self, wanted: Path, scope: Scope) -> Found:
        base = self.expression(wanted.base, scope)
        text = base.sql if base.type.is_json else f"pg_catalog.to_jsonb({base.sql})"
        for position, step in enumerate(wanted.steps, 1):
            arrow = "->>" if wanted.as_text and position == len(wanted.steps) else "->"
            of = "pg_catalog.int4" if isinstance(step, int) else "pg_catalog.text"
            text = f"({text} OPERATOR(pg_catalog.{arrow}) {self._writer.constant(step, of)})"
        if wanted.as_text:
            return Found(text, TEXT)
        return Found(text, JSON if base.type.oid == JSON.oid else JSONB)

    def _call(self, wanted: Call, scope: Scope) -> Found:
        if wanted.function in AGGREGATES and wanted.schema is None:
            return self.aggregate(wanted, scope)
        named = self._surface.functions.get((wanted.schema or self._schema, wanted.function), ())
        fitting = [f for f in named if len(f.arguments) == len(wanted.arguments) and not f.returns_set]
        if len(fitting) != 1:
            raise ProblemError(
                "ambiguous function" if fitting else "unknown function",
                wanted.place,
                name=wanted.function,
                schema=wanted.schema or self._schema,
                arguments=[],
                near=[],
                overloads=[],
                candidates=[],
            )
        function = fitting[0]
        arguments = ", ".join(
            self.expression(argument, scope, declared.type).sql
            for argument, declared in zip(wanted.arguments, function.arguments, strict=True)
        )
        return Found(f"{function.sql}({arguments})", function.returns)

    def aggregate(self, wanted: Call, scope: Scope) -> Found:
        """Write an aggregate."""
        if not self._aggregates:
            raise ProblemError("no aggregates", wanted.place)
        if wanted.star or not wanted.arguments:
            if wanted.function != "count":
                raise ProblemError(
                    "bad operand", wanted.place, operator=wanted.function, value="*", expected=["a column"]
                )
            argument, of = "*", None
        else:
            found = self.expression(wanted.arguments[0], scope)
            argument, of = found.sql, found.type
        return Found(self.aggregated(wanted, argument, of, scope), of_aggregate(wanted.function, of))

    def aggregated(self, wanted: Call, argument: str, of: Type | None, scope: Scope) -> str:
        """Write the call of an aggregate over what is written already."""
        home = of.operators if of is not None and wanted.function in ("max", "min") else "pg_catalog"
        distinct = "DISTINCT " if wanted.distinct else ""
        text = f"{home}.{wanted.function}({distinct}{argument})"
        if wanted.where is not None:
            text += f" FILTER (WHERE {self.condition(wanted.where, scope)})"
        return text

    def _cast(self, wanted: Cast, scope: Scope) -> Found:
        of = self.castable(wanted)
        if isinstance(wanted.of, Value):
            return Found(self._operand(wanted.of, of), of)
        return Found(f"({self.expression(wanted.of, scope).sql})::{of.sql}", of)

    def castable(self, wanted: Cast) -> Type:
        """Return the type of a cast. Error: ProblemError."""
        of = self._surface.types.get(wanted.type) or self._surface.types.get(SYNONYMS.get(wanted.type.lower(), ""))
        if of is None:
            raise ProblemError("unknown type", wanted.place, name=wanted.type)
        return of

    def _case(self, wanted: Case, scope: Scope, like: Type | None) -> Found:
        found = [
            (self.condition(test, scope), self.expression(result, scope, like)) for test, result in wanted.branches
        ]
        branches = " ".join(f"WHEN {test} THEN {result.sql}" for test, result in found)
        last = "" if wanted.otherwise is None else f" ELSE {self.expression(wanted.otherwise, scope, like).sql}"
        return Found(f"CASE {branches}{last} END", found[0][1].type)

    def _window(self, wanted: Window, scope: Scope) -> Found:
        call = self._call(wanted.call, scope)
        parts = []
        if wanted.partition_by:
            parts.append("PARTITION BY " + ", ".join(self.expression(e, scope).sql for e in wanted.partition_by))
        if wanted.order_by:
            terms = (
                self.expression(order.expression, scope).sql + (" DESC" if order.descending else "")
                for order in wanted.order_by
            )
            parts.append("ORDER BY " + ", ".join(terms))
        return Found(f"{call.sql} OVER ({' '.join(parts)})", call.type)


def _operator(symbol: str, left: Type, right: Type) -> str:
    home = left.operators if left.operators != "pg_catalog" else right.operators
    return f"OPERATOR({home}.{symbol})"
