"""Writes expressions and conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from ..plan.functions import array_of, type_of
from ..plan.scope import Found, Scope
from ..plan.types import BOOLEAN, JSON, JSONB, SYNONYMS, TEXT
from ..problems import ProblemError
from ..request import (
    Array,
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
    Token,
    Value,
    Window,
)
from ..surface import Surface, Type
from .functions import Functions
from .operations import Operations
from .writer import Writer


class Expressions:
    """Writes the expressions of one statement; ``subquery`` writes a query in an expression's place."""

    def __init__(
        self,
        writer: Writer,
        surface: Surface,
        schemas: tuple[str, ...],
        subquery: Callable[[Select, Scope], tuple[str, Type]],
        aggregates: bool,
    ) -> None:
        self._writer = writer
        self._surface = surface
        self.subquery = subquery
        self.functions = Functions(surface, schemas, aggregates, self)
        self._operations = Operations(writer, self)

    def expression(self, wanted: Expression, scope: Scope, like: Type | None = None) -> Found:
        """Write an expression; ``like`` is the type that a value in its place gets. Error: ProblemError."""
        found = self._expression(wanted, scope, like)
        self._writer.count(found.sql)
        return found

    def _expression(self, wanted: Expression, scope: Scope, like: Type | None) -> Found:
        match wanted:
            case Column():
                return scope.find(wanted)
            case Value():
                of = like or type_of(wanted)
                return Found(self.operand(wanted, of), of)
            case Path():
                return self._path(wanted, scope)
            case Call():
                return self.functions.call(wanted, scope)
            case Cast():
                return self._cast(wanted, scope)
            case Case():
                return self._case(wanted, scope, like)
            case Array():
                return self._array(wanted, scope)
            case Subquery():
                text, of = self.subquery(wanted.query, scope)
                return Found(f"EXISTS ({text})", BOOLEAN) if wanted.exists else Found(f"({text})", of)
            case Window():
                return self.functions.window(wanted, scope)
            case Operation():
                found = self._operations.operation(wanted, scope)
                return found if found.sql.startswith("(") else replace(found, sql=f"({found.sql})")
            case Token():
                return self._token(wanted, scope)
            case Logic() | Not() | Embedded():
                return Found(f"({self.condition(wanted, scope)})", BOOLEAN)
            case _:
                assert_never(wanted)

    def condition(self, wanted: Expression, scope: Scope) -> str:
        """Write a condition. Error: ProblemError."""
        text = self._condition(wanted, scope)
        self._writer.count(text)
        return text

    def _condition(self, wanted: Expression, scope: Scope) -> str:
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
                return self._operations.operation(wanted, scope).sql
            case _:
                return self.expression(wanted, scope, BOOLEAN).sql

    def operand(self, value: Value, of: Type) -> str:
        """Write a value of a type."""
        if of.from_text is not None:
            return f"{of.from_text}({self._writer.value(value, 'pg_catalog.text')})"
        if of.is_json and value.is_document:
            return self._writer.value(value, of.base, "scalar" if value.value is None else "json")
        if of.is_json and not isinstance(value.value, str) and value.hole is None:
            return self._writer.value(value, of.base, "json")
        is_list = of.is_array and isinstance(value.value, list | tuple)
        return self._writer.value(value, of.base, "array" if is_list else "scalar")

    def _token(self, wanted: Token, scope: Scope) -> Found:
        parts = ", ".join(f"({self.expression(part, scope).sql})::pg_catalog.text" for part in wanted.parts)
        array = f"pg_catalog.json_build_array({parts})::pg_catalog.text"
        text = f"pg_catalog.encode(pg_catalog.convert_to({array}, 'UTF8'), 'base64')"
        # Base64 of Postgres has lines.
        return Found(f"pg_catalog.translate({text}, E'\\n', '')", TEXT)

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

    def _cast(self, wanted: Cast, scope: Scope) -> Found:
        of = self.castable(wanted)
        if isinstance(wanted.of, Value):
            return Found(self.operand(wanted.of, of), of)
        return Found(f"({self.expression(wanted.of, scope).sql})::{of.sql}", of)

    def castable(self, wanted: Cast) -> Type:
        """Return the type of a cast. Error: ProblemError."""
        of = self._surface.types.get(wanted.type) or self._surface.types.get(SYNONYMS.get(wanted.type.lower(), ""))
        if of is None:
            raise ProblemError("unknown type", wanted.place, name=wanted.type)
        return of

    def _case(self, wanted: Case, scope: Scope, like: Type | None) -> Found:
        results = [result for _, result in wanted.branches]
        results += [] if wanted.otherwise is None else [wanted.otherwise]
        found, of = self.functions.of_one_type(results, scope, like)
        branches = " ".join(
            f"WHEN {self.condition(test, scope)} THEN {result.sql}"
            for (test, _), result in zip(wanted.branches, found, strict=False)
        )
        last = "" if wanted.otherwise is None else f" ELSE {found[-1].sql}"
        return Found(f"CASE {branches}{last} END", of)

    def _array(self, wanted: Array, scope: Scope) -> Found:
        if not wanted.elements:
            raise ProblemError("bad operand", wanted.place, operator="array", value="an empty list")
        found, of = self.functions.of_one_type(wanted.elements, scope)
        return Found(f"ARRAY[{', '.join(element.sql for element in found)}]", array_of(of))
