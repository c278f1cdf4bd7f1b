"""Writes pages: rows that are answered as one object, with facts about them."""

from __future__ import annotations

from dataclasses import dataclass

from ..plan.scope import Scope
from ..request import Answered, Page, Part, Parts, Value, Whole
from .expressions import Expressions
from .levels import Level, WrittenPage, build_object, positions
from .writer import Writer, whole_row


def has_facts(parts: Parts) -> bool:
    """Whether an object has facts about the rows of the page, which need their numbers and the row behind it."""
    return any(
        has_facts(part) if isinstance(part, Parts) else isinstance(part, str) and part != "total"
        for _, part in parts.parts
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """Writes the pages of one statement."""

    writer: Writer
    expressions: Expressions

    def write(self, level: Level, page: Page, scope: Scope) -> WrittenPage:
        """Write the page that a level is; its rows are numbered in their order."""
        alias, numbered = self.writer.alias("s"), self.writer.alias("s")
        names = level.row_names or positions(level)
        select = level.select(names, "" if names else ", true AS c0")
        numbers = page.backward or has_facts(page.parts)
        source = f"({select}) AS {alias}"
        if numbers:
            source = (
                f"(SELECT {numbered}.*, pg_catalog.row_number() OVER () AS n FROM ({select}) AS {numbered}) AS {alias}"
            )
        body = _Page(self, level, page, scope, alias, numbers).built(page.parts)
        # Without an aggregate over the rows, the object is one row, and they need not be read.
        return WrittenPage(body, source, f"{alias}." in body)


@dataclass(frozen=True, slots=True)
class _Page:
    pages: Pages
    level: Level
    page: Page
    scope: Scope
    alias: str
    #: Whether the rows are numbered; otherwise they come in their order.
    numbers: bool

    def built(self, parts: Parts) -> str:
        """Return the object of parts."""
        return build_object([f"{self.pages.writer.constant(key)}, {self._part(part)}" for key, part in parts.parts])

    def _part(self, part: Part) -> str:
        match part:
            case Value():
                return self.pages.writer.value(part, "pg_catalog.text")
            case Parts():
                return self.built(part)
            case Whole():
                return f"(SELECT {self._whole(part)} {self.level.whole()})"
            case Answered():
                rows = f"pg_catalog.json_agg({self._ordered(part.key)}){self._shown()}"
                return f"COALESCE({rows}, '[]'::pg_catalog.json)"
            case "total":
                return f"(SELECT pg_catalog.count(*) {self.level.whole()})"
            case "following" | "preceding":
                return self._others() if (part == "preceding") == self.page.backward else self._behind()
            case "first" | "last":
                return self._end(descending=part == "last")

    def _column(self, key: str) -> str:
        if self.level.row_names is not None:
            return whole_row(self.alias)
        position = [output.key for output in self.level.outputs].index(key)
        return f"{self.alias}.{positions(self.level)[position]}"

    def _ordered(self, key: str) -> str:
        if not self.numbers:
            return self._column(key)
        return f"{self._column(key)} ORDER BY {self.alias}.n{' DESC' if self.page.backward else ''}"

    def _shown(self) -> str:
        """Return the filter that leaves out the row behind the page."""
        if self.level.size is None:
            return ""
        return f" FILTER (WHERE {self.alias}.n OPERATOR(pg_catalog.<=) {self.level.size})"

    def _end(self, *, descending: bool) -> str:
        if self.page.token is None:
            return "NULL::pg_catalog.text"
        order = " DESC" if descending != self.page.backward else ""
        tokens = f"pg_catalog.array_agg({self._column(self.page.token)} ORDER BY {self.alias}.n{order}){self._shown()}"
        return f"({tokens})[1]"

    def _others(self) -> str:
        """Return whether rows exist behind the page, in the direction in which it was read."""
        if self.level.size is None:
            return "false"
        return f"COALESCE(pg_catalog.max({self.alias}.n) OPERATOR(pg_catalog.>) {self.level.size}, false)"

    def _behind(self) -> str:
        """Return whether rows exist on the other side of the place where the page begins."""
        if self.level.seek is not None:
            return f"EXISTS (SELECT 1 {self.level.whole(f'({self.level.seek}) IS NOT TRUE')})"
        if self.level.offset is not None:
            return f"({self.level.offset} OPERATOR(pg_catalog.>) 0 AND EXISTS (SELECT 1 {self.level.whole()}))"
        return "false"

    def _whole(self, whole: Whole) -> str:
        pairs = []
        for key, part in whole.parts:
            sql = (
                self._whole(part)
                if isinstance(part, Whole)
                else self.pages.expressions.expression(part, self.scope).sql
            )
            pairs.append(f"{self.pages.writer.constant(key)}, {sql}")
        return build_object(pairs)
