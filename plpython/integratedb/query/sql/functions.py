"""Writes calls of functions, aggregates and window functions in expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..plan import functions
from ..plan.functions import Given, builtin_types
from ..plan.scope import Found, Scope
from ..plan.types import BIGINT, INTERVAL, of_aggregate
from ..problems import ProblemError
from ..request import Call, Expression, Frame, Order, Value, Window
from ..surface import Function, Surface, Type
from .operators import AGGREGATES, NULLS

#: What SQL's grammar has in the form of functions; all arguments have one type.
_OF_ONE_TYPE = {"coalesce": "COALESCE", "greatest": "GREATEST", "least": "LEAST", "nullif": "NULLIF"}

#: Postgres finds the operator = of NULLIF by its name. These types have one of their own, which is found first. Of
#: others, such as varchar, arrays and enums, another schema of the search path may have a closer one.
_OWN_EQUALITY = frozenset(
    of.oid
    for name, of in builtin_types().items()
    if name
    in (
        "bool", "int2", "int4", "int8", "numeric", "float4", "float8", "text", "bpchar", "bytea", "date", "time",
        "timetz", "timestamp", "timestamptz", "interval", "uuid", "jsonb", "inet", "macaddr", "macaddr8",
        "bit", "varbit",
    )
)  # fmt: skip

#: The words of frames: text of the compiler, whatever the request says.
_UNITS = {"rows": "ROWS", "range": "RANGE", "groups": "GROUPS"}
_DIRECTIONS = {"preceding": "PRECEDING", "current row": "CURRENT ROW", "following": "FOLLOWING"}


class Others(Protocol):
    """Writes all other expressions."""

    def expression(self, wanted: Expression, scope: Scope, like: Type | None = None) -> Found:
        """Write an expression."""

    def condition(self, wanted: Expression, scope: Scope) -> str:
        """Write a condition."""

    def operand(self, value: Value, of: Type) -> str:
        """Write a value of a type."""


@dataclass(slots=True)
class Functions:
    """Writes the calls of one statement."""

    surface: Surface
    schemas: tuple[str, ...]
    aggregates: bool
    others: Others
    #: Whether a function is called that may write.
    is_volatile: bool = field(default=False, init=False)
    #: Whether Postgres may choose an operator that somebody has made.
    may_run_others: bool = field(default=False, init=False)

    def call(self, wanted: Call, scope: Scope, *, in_window: bool = False) -> Found:
        """Write a call. Error: ProblemError."""
        if wanted.schema is None and wanted.function in AGGREGATES:
            return self.aggregate(wanted, scope)
        if wanted.schema is None and wanted.function in _OF_ONE_TYPE:
            return self._of_one_type(wanted, scope)
        given = [self._given(argument, scope) for argument in wanted.arguments]
        kinds: list[Given] = [one.type if isinstance(one, Found) else one for one in given]
        candidate = functions.find(self.surface, self.schemas, wanted, kinds)
        if candidate.kind == "w" and not in_window:
            raise ProblemError("no window", wanted.place, name=wanted.function)
        if candidate.kind == "a" and not self.aggregates:
            raise ProblemError("no aggregates", wanted.place)
        if candidate.kind != "a" and (wanted.distinct or wanted.where is not None or wanted.order):
            raise ProblemError(
                "bad operand", wanted.place, operator=wanted.function, value="DISTINCT, WHERE or ORDER BY"
            )
        self.is_volatile = self.is_volatile or candidate.is_volatile
        declared = candidate.declared(len(given)) or ()
        arguments = ", ".join(
            self._argument(want, have, declared, kinds) for want, have in zip(declared, given, strict=True)
        )
        returns = functions.concrete(candidate.returns, declared, kinds)
        return Found(self._applied(candidate.sql, arguments, wanted, scope), returns)

    def table(self, wanted: Call, scope: Scope) -> tuple[Function, str]:
        """Write a call whose rows are a table; return the function, too. Error: ProblemError."""
        given = [self._given(argument, scope) for argument in wanted.arguments]
        kinds: list[Given] = [one.type if isinstance(one, Found) else one for one in given]
        function = functions.find_table(self.surface, self.schemas, wanted, kinds)
        candidate = functions.of_surface(function)
        self.is_volatile = self.is_volatile or candidate.is_volatile
        declared = candidate.declared(len(given)) or ()
        arguments = (self._argument(want, have, declared, kinds) for want, have in zip(declared, given, strict=True))
        return function, f"{function.sql}({', '.join(arguments)})"

    def _given(self, argument: Expression, scope: Scope) -> Found | Value:
        return argument if isinstance(argument, Value) else self.others.expression(argument, scope)

    def _argument(self, want: Type, have: Found | Value, declared: Sequence[Type], kinds: Sequence[Given]) -> str:
        of = functions.concrete(want, declared, kinds)
        if isinstance(have, Value):
            of = functions.type_of(have) if want.name == "any" else of
            return self.others.operand(have, of)
        if want.category == "P" or have.type.oid == want.oid:
            return have.sql
        # The types are then exactly those of the function, so Postgres means the same one.
        return f"({have.sql})::{want.sql}"

    def _of_one_type(self, wanted: Call, scope: Scope) -> Found:
        count = len(wanted.arguments)
        if count == 0 or (wanted.function == "nullif" and count != 2):
            facts = {"name": wanted.function, "schema": "", "arguments": [], "near": [], "overloads": []}
            raise ProblemError("unknown function", wanted.place, **facts)
        found, of = self.of_one_type(wanted.arguments, scope)
        if wanted.function == "nullif":
            kinds = {each.type.oid for each in found}
            self.may_run_others = self.may_run_others or len(kinds) > 1 or not kinds <= _OWN_EQUALITY
        return Found(f"{_OF_ONE_TYPE[wanted.function]}({', '.join(each.sql for each in found)})", of)

    def of_one_type(
        self, expressions: Sequence[Expression], scope: Scope, like: Type | None = None
    ) -> tuple[list[Found], Type]:
        """Write expressions whose values get the type of the first expression that is no value."""
        given = [self._given(each, scope) for each in expressions]
        values = [each for each in given if isinstance(each, Value)]
        of = like or next((each.type for each in given if isinstance(each, Found)), None)
        if of is None:
            of = functions.type_of(next((each for each in values if each.value is not None), values[0]))
        return [Found(self.others.operand(each, of), of) if isinstance(each, Value) else each for each in given], of

    def aggregate(self, wanted: Call, scope: Scope) -> Found:
        """Write one of the aggregates that the URL face has, too; max and min also of types of extensions."""
        if not self.aggregates:
            raise ProblemError("no aggregates", wanted.place)
        if wanted.star or not wanted.arguments:
            if wanted.function != "count":
                raise ProblemError(
                    "bad operand", wanted.place, operator=wanted.function, value="*", expected=["a column"]
                )
            argument, of = "*", None
        else:
            found = self.others.expression(wanted.arguments[0], scope)
            argument, of = found.sql, found.type
        return Found(self.aggregated(wanted, argument, of, scope), of_aggregate(wanted.function, of))

    def aggregated(self, wanted: Call, argument: str, of: Type | None, scope: Scope) -> str:
        """Write the call of an aggregate over what is written already."""
        home = of.operators if of is not None and wanted.function in ("max", "min") else "pg_catalog"
        return self._applied(f"{home}.{wanted.function}", argument, wanted, scope)

    def _applied(self, sql: str, arguments: str, wanted: Call, scope: Scope) -> str:
        distinct = "DISTINCT " if wanted.distinct else ""
        order = f" ORDER BY {self.orders(wanted.order, scope)}" if wanted.order else ""
        text = f"{sql}({distinct}{arguments}{order})"
        if wanted.where is not None:
            text += f" FILTER (WHERE {self.others.condition(wanted.where, scope)})"
        return text

    def orders(self, terms: Sequence[Order], scope: Scope) -> str:
        """Write an order inside of a window or an aggregate."""
        return ", ".join(self.others.expression(term.expression, scope).sql + direction(term) for term in terms)

    def window(self, wanted: Window, scope: Scope) -> Found:
        """Write a call over a window."""
        call = self.call(wanted.call, scope, in_window=True)
        parts = []
        if wanted.partition_by:
            terms = (self.others.expression(term, scope).sql for term in wanted.partition_by)
            parts.append(f"PARTITION BY {', '.join(terms)}")
        if wanted.order_by:
            parts.append(f"ORDER BY {self.orders(wanted.order_by, scope)}")
        if wanted.frame is not None:
            parts.append(self._frame(wanted.frame, wanted.order_by, scope))
        return Found(f"{call.sql} OVER ({' '.join(parts)})", call.type)

    def _frame(self, frame: Frame, order: Sequence[Order], scope: Scope) -> str:
        """Write a frame; the offset of a range has the type of what the rows are ordered by, or of a time between."""
        of = BIGINT
        if frame.unit == "range" and order:
            ordered = self.others.expression(order[0].expression, scope).type
            of = INTERVAL if ordered.category == "D" else ordered
        bounds = []
        for bound in (frame.start, frame.end):
            word = _DIRECTIONS[bound.direction]
            if bound.direction == "current row":
                bounds.append(word)
            elif bound.offset is None:
                bounds.append(f"UNBOUNDED {word}")
            else:
                bounds.append(f"{self.others.expression(bound.offset, scope, of).sql} {word}")
        return f"{_UNITS[frame.unit]} BETWEEN {bounds[0]} AND {bounds[1]}"


def direction(term: Order) -> str:
    """Write the direction of a term of an order."""
    return f"{' DESC' if term.descending else ''}{'' if term.nulls is None else NULLS[term.nulls]}"
