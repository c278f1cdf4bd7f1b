"""Reads whole queries: maps with the clauses of SQL as keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from ...request import Combined, Derived, Embed, Expression, Item, Place, Query, Select, Star, Value, With
from .expressions import Aliased, Expressions, Result
from .names import Names, listed, only
from .problems import DocumentError, shown
from .tables import JOINS, Tables
from .writes import WITH, WRITES, Writes

Union = Literal["union", "union all", "intersect", "intersect all", "except", "except all"]
UNIONS: Final[dict[str, Union]] = {
    "union": "union", "union-all": "union all", "intersect": "intersect", "intersect-all": "intersect all",
    "except": "except", "except-all": "except all",
}  # fmt: skip
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_ENDS: Final = {"order-by", "limit", "offset"}
_CLAUSES: Final = {"select", "modifiers", "where", "group-by", "having", "embed", *_ENDS}
READ: Final = {*_CLAUSES, "from", *JOINS, *WITH}
#: What an embed has, besides the clauses.
EMBED: Final = {"relation", "as", "hint", "inner"}


class Reader:
    """Reads one query. ``before`` is how many queries of the document are before it, and ``nodes`` what these have."""

    def __init__(
        self, params: Mapping[str, Any], *, marked_names: bool = False, before: int = 0, nodes: int = 0
    ) -> None:
        self._names = Names(marked=marked_names)
        self._expressions = Expressions(params, self._names, self._select, before, nodes)
        self._tables = Tables(self._expressions, self._combined)
        self._writes = Writes(self._expressions, self._tables, self._item, self._select)

    @property
    def results(self) -> tuple[Result, ...]:
        """The values of earlier answers that fill the query's holes."""
        return tuple(self._expressions.results)

    @property
    def nodes(self) -> int:
        """How many lists and objects this query and those before it have."""
        return self._expressions.nodes

    @property
    def is_fixed(self) -> bool:
        """Whether other values of the parameters would make another query."""
        return self._expressions.is_fixed

    def query(self, given: Any, place: Place) -> Query:
        """Read a query. Error: DocumentError."""
        if not isinstance(given, dict):
            raise DocumentError(place, f"expected a query, which is an object, found {shown(given)}")
        for word in WRITES:
            if word in given:
                return self._writes.write(word, given, place, self._with(given, place))
        return self._select(given, place)

    def _select(self, given: Any, place: Place) -> Select:
        found = self._combined(given, place)
        return found if isinstance(found, Select) else _selected(found)

    def _combined(self, given: Any, place: Place) -> Select | Combined:
        """Read a query that reads, or a union of them."""
        if not isinstance(given, dict):
            raise DocumentError(place, f"expected a query, which is an object, found {shown(given)}")
        word = next((word for word in UNIONS if word in given), None)
        if word is None:
            return self._plain(given, place)
        only(given, {word} | _ENDS | WITH, place)
        at = (*place, word)
        queries = listed(given[word], at)
        if len(queries) < 2:
            raise DocumentError(at, f'"{word}" needs at least two queries')
        named = self._with(given, place)
        parts = tuple(self._combined(each, (*at, n)) for n, each in enumerate(queries))
        combined = Combined(UNIONS[word], parts, at)
        if not {*given} & (_ENDS | WITH):
            return combined
        return _selected(
            combined,
            order=self._expressions.orders(given.get("order-by", []), (*place, "order-by")),
            limit=self._number(given, "limit", place),
            offset=self._number(given, "offset", place),
            with_queries=named,
        )

    def _plain(self, given: Mapping[str, Any], place: Place) -> Select:
        only(dict(given), READ, place)
        if "from" not in given:
            raise DocumentError(place, 'the query names no table: "from" is missing')
        named = self._with(given, place)
        sources = self._tables.sources(given["from"], (*place, "from"))
        return self._clauses(given, place, source=sources, joins=self._tables.joins(given, place), with_queries=named)

    def _with(self, given: Mapping[str, Any], place: Place) -> tuple[With, ...]:
        return tuple(
            self._named(each, (*place, word, n), recursive=word == "with-recursive")
            for word in sorted(WITH)
            for n, each in enumerate(listed(given.get(word, []), (*place, word)))
        )

    def _named(self, given: Any, place: Place, *, recursive: bool) -> With:
        if not isinstance(given, list) or len(given) != 2:
            raise DocumentError(place, f'expected ["name", {{...}}], found {shown(given)}')
        query: Query | Combined
        if isinstance(given[1], dict) and any(word in given[1] for word in WRITES):
            query = self.query(given[1], (*place, 1))
        else:
            query = self._combined(given[1], (*place, 1))
        # WITH RECURSIVE has queries that are not recursive, too.
        is_union = isinstance(query, Combined) and query.operator in ("union", "union all")
        return With(self._names.name(given[0], (*place, 0)), query, recursive and is_union, (*place, 1))

    def _clauses(self, given: Mapping[str, Any], place: Place, **more: Any) -> Select:
        modifiers = given.get("modifiers", [])
        if modifiers not in ([], ["distinct"]):
            raise DocumentError((*place, "modifiers"), f'expected ["distinct"], found {shown(modifiers)}')
        aliases: dict[str, Aliased] = {}
        items = self._items(given, place, aliases)
        group_by = None
        if "group-by" in given:
            at = (*place, "group-by")
            terms = enumerate(listed(given["group-by"], at))
            group_by = tuple(self._group(term, (*at, n), aliases) for n, term in terms)
        return Select(
            items=(*items, *self._embeds(given, place)),
            where=self._condition(given, "where", place),
            group_by=group_by,
            having=self._condition(given, "having", place),
            order=self._expressions.orders(given.get("order-by", []), (*place, "order-by"), aliases),
            limit=self._number(given, "limit", place),
            offset=self._number(given, "offset", place),
            distinct=bool(modifiers),
            **more,
        )

    def _group(self, given: Any, place: Place, aliases: Mapping[str, Aliased]) -> Expression:
        # The name may be an alias, which is known when the columns are.
        aliased = aliases.get(given) if isinstance(given, str) else None
        self._expressions.count(place, 1 if aliased is None else aliased.nodes)
        return self._expressions.named(given, place)

    def _condition(self, given: Mapping[str, Any], word: str, place: Place) -> Expression | None:
        return self._expressions.condition(given[word], (*place, word)) if given.get(word) is not None else None

    def _number(self, given: Mapping[str, Any], word: str, place: Place) -> Value | None:
        if given.get(word) is None:
            return None
        found = self._expressions.expression(given[word], (*place, word))
        number = found.value if isinstance(found, Value) else None
        if isinstance(found, Value):
            self._expressions.fix(found)
            if found.name is not None and isinstance(number, str) and _DIGITS.fullmatch(number):
                # The parameters of a URL are texts.
                number = int(number)
                found = replace(found, value=number)
        if isinstance(found, Value) and isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            return found
        raise DocumentError((*place, word), f"expected a number from 0, found {shown(given[word])}")

    def _items(self, given: Mapping[str, Any], place: Place, aliases: dict[str, Aliased]) -> list[Star | Item]:
        """Read what is selected; add what has an alias to ``aliases``."""
        at = (*place, "select")
        if given.get("select") is None:
            return [Star(every=True, place=at)]
        items = []
        for n, each in enumerate(listed(given["select"], at)):
            before = self._expressions.nodes
            item = self._item(each, (*at, n))
            self._expressions.count((*at, n))
            if isinstance(item, Item) and item.alias is not None:
                aliases[item.alias] = Aliased(item.expression, self._expressions.nodes - before)
            items.append(item)
        return items

    def _item(self, given: Any, place: Place) -> Star | Item:
        if self._names.is_name(given):
            if given == "*":
                return Star(every=True, place=place)
            if given.endswith(".*"):
                return Star(str(given[:-2]), place=place)
        if isinstance(given, list):
            if len(given) != 2 or not self._names.is_name(given[1]):
                raise DocumentError(place, f'expected [expression, "alias"], found {shown(given)}')
            return Item(self._expressions.named(given[0], (*place, 0)), str(given[1]), place)
        return Item(self._expressions.named(given, place), place=place)

    def _embeds(self, given: Mapping[str, Any], place: Place) -> list[Embed]:
        at = (*place, "embed")
        return [self._embed(embed, (*at, n)) for n, embed in enumerate(listed(given.get("embed", []), at))]

    def _embed(self, given: Any, place: Place) -> Embed:
        given = {"relation": given} if self._names.is_name(given) else given
        if not isinstance(given, dict) or not self._names.is_name(given.get("relation")):
            raise DocumentError(place, f'expected a name or {{"relation": "name", ...}}, found {shown(given)}')
        only(given, EMBED | _CLAUSES, place)
        self._expressions.count(place)
        for word in ("as", "hint"):
            if given.get(word) is not None:
                self._names.name(given[word], (*place, word))
        if not isinstance(given.get("inner", False), bool):
            raise DocumentError((*place, "inner"), f"expected true or false, found {shown(given['inner'])}")
        return Embed(
            str(given["relation"]),
            self._clauses(given, place),
            given.get("as"),
            given.get("hint"),
            inner=given.get("inner", False),
            place=(*place, "relation"),
        )


def _selected(combined: Combined, **more: Any) -> Select:
    return Select(items=(Star(),), source=(Derived(combined, "union", place=combined.place),), **more)
