"""Reads whole queries: maps with the clauses of SQL as keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...request import (
    Conflict,
    Delete,
    Embed,
    Insert,
    Item,
    Join,
    Place,
    Query,
    Rows,
    Select,
    Star,
    Table,
    Update,
    Value,
)
from .expressions import Expressions
from .problems import DocumentError, shown

_READ = {
    "select",
    "modifiers",
    "from",
    "join",
    "left-join",
    "right-join",
    "full-join",
    "cross-join",
    "where",
    "group-by",
    "having",
    "order-by",
    "limit",
    "offset",
    "embed",
}
_JOINS = {"join": "inner", "left-join": "left", "right-join": "right", "full-join": "full", "cross-join": "cross"}
_WRITES = {
    "insert-into": {"insert-into", "values", "on-conflict", "returning"},
    "update": {"update", "set", "where", "returning"},
    "delete-from": {"delete-from", "where", "returning"},
}


def read_query(document: Any, params: Mapping[str, Any] | None = None) -> Query:
    """Read a document. Error: DocumentError."""
    return _Reader(params or {}).query(document, ())


class _Reader:
    def __init__(self, params: Mapping[str, Any]) -> None:
        self._expressions = Expressions(params, self._select)

    def query(self, given: Any, place: Place) -> Query:
        if not isinstance(given, dict):
            raise DocumentError(place, f"expected a query, which is an object, found {shown(given)}")
        for word, known in _WRITES.items():
            if word in given:
                _only(given, known, place)
                return self._write(word, given, place)
        return self._select(given, place)

    def _select(self, given: Any, place: Place) -> Select:
        if not isinstance(given, dict):
            raise DocumentError(place, f"expected a query, which is an object, found {shown(given)}")
        _only(given, _READ, place)
        if "from" not in given:
            raise DocumentError(place, 'the query names no table: "from" is missing')
        sources = given["from"] if isinstance(given["from"], list) else [given["from"]]
        if not sources:
            raise DocumentError((*place, "from"), "the query names no table")
        joins = tuple(join for word, kind in _JOINS.items() for join in self._joins(given, word, kind, place))
        modifiers = given.get("modifiers", [])
        if modifiers not in ([], ["distinct"]):
            raise DocumentError((*place, "modifiers"), f'expected ["distinct"], found {shown(modifiers)}')
        return self._clauses(
            given,
            place,
            tuple(table(each, (*place, "from", n)) for n, each in enumerate(sources)),
            joins,
            bool(modifiers),
        )

    def _clauses(
        self, given: Mapping[str, Any], place: Place, source: tuple[Table, ...], joins: tuple[Join, ...], distinct: bool
    ) -> Select:
        group_by = None
        if "group-by" in given:
            terms = _list(given["group-by"], (*place, "group-by"))
            group_by = tuple(self._expressions.named(term, (*place, "group-by", n)) for n, term in enumerate(terms))
        return Select(
            items=(*self._items(given, place), *self._embeds(given, place)),
            source=source,
            joins=joins,
            where=self._condition(given, "where", place),
            group_by=group_by,
            having=self._condition(given, "having", place),
            order=self._expressions.orders(given.get("order-by", []), (*place, "order-by")),
            limit=self._number(given, "limit", place),
            offset=self._number(given, "offset", place),
            distinct=distinct,
        )

    def _condition(self, given: Mapping[str, Any], word: str, place: Place) -> Any:
        return self._expressions.condition(given[word], (*place, word)) if given.get(word) is not None else None

    def _number(self, given: Mapping[str, Any], word: str, place: Place) -> Value | None:
        if given.get(word) is None:
            return None
        found = self._expressions.expression(given[word], (*place, word))
        if (
            isinstance(found, Value)
            and isinstance(found.value, int)
            and not isinstance(found.value, bool)
            and found.value >= 0
        ):
            return found
        raise DocumentError((*place, word), f"expected a number from 0, found {shown(given[word])}")

    def _items(self, given: Mapping[str, Any], place: Place) -> list[Star | Item]:
        items = given.get("select", ["*"])
        return [self._item(item, (*place, "select", n)) for n, item in enumerate(_list(items, (*place, "select")))]

    def _item(self, given: Any, place: Place) -> Star | Item:
        if given == "*":
            return Star()
        if isinstance(given, str) and given.endswith(".*"):
            return Star(given[:-2])
        if isinstance(given, list):
            if len(given) != 2 or not isinstance(given[1], str):
                raise DocumentError(place, f'expected [expression, "alias"], found {shown(given)}')
            return Item(self._expressions.named(given[0], (*place, 0)), given[1])
        return Item(self._expressions.named(given, place))

    def _embeds(self, given: Mapping[str, Any], place: Place) -> list[Embed]:
        embeds = _list(given.get("embed", []), (*place, "embed"))
        return [self._embed(embed, (*place, "embed", n)) for n, embed in enumerate(embeds)]

    def _embed(self, given: Any, place: Place) -> Embed:
        given = {"relation": given} if isinstance(given, str) else given
        if not isinstance(given, dict) or not isinstance(given.get("relation"), str):
            raise DocumentError(place, f'expected a name or {{"relation": "name", ...}}, found {shown(given)}')
        own = {"relation", "as", "hint", "inner"}
        _only(given, own | (_READ - {"from", *_JOINS}), place)
        for word in ("as", "hint"):
            if not isinstance(given.get(word), str | None):
                raise DocumentError((*place, word), f"expected a name, found {shown(given[word])}")
        return Embed(
            given["relation"],
            self._clauses({key: value for key, value in given.items() if key not in own}, place, (), (), False),
            given.get("as"),
            given.get("hint"),
            inner=given.get("inner") is True,
            place=(*place, "relation"),
        )

    def _joins(self, given: Mapping[str, Any], word: str, kind: Any, place: Place) -> list[Join]:
        parts = _list(given.get(word, []), (*place, word))
        if kind == "cross":
            return [Join(kind, table(part, (*place, word, n))) for n, part in enumerate(parts)]
        if len(parts) % 2:
            raise DocumentError((*place, word), 'expected pairs of a table and a condition: ["b", ["=", ...], ...]')
        return [
            Join(
                kind,
                table(parts[n], (*place, word, n)),
                self._expressions.condition(parts[n + 1], (*place, word, n + 1)),
            )
            for n in range(0, len(parts), 2)
        ]

    def _write(self, word: str, given: Mapping[str, Any], place: Place) -> Query:
        target = table(given[word], (*place, word))
        returning = None
        if "returning" in given:
            items = _list(given["returning"], (*place, "returning"))
            returning = Select(items=tuple(self._item(item, (*place, "returning", n)) for n, item in enumerate(items)))
        if word == "delete-from":
            return Delete(target, self._condition(given, "where", place), returning)
        if word == "update":
            row = self._row(given.get("set"), (*place, "set"))
            rows = Rows(_json(row, (*place, "set")), tuple(row), is_array=False)
            return Update(target, rows, self._condition(given, "where", place), returning)
        values = _list(given.get("values"), (*place, "values"))
        read = [self._row(row, (*place, "values", n)) for n, row in enumerate(values)]
        keys = tuple(dict.fromkeys(key for row in read for key in row))
        rows = Rows(
            _json(read, (*place, "values")), keys, is_array=True, missing_default=any(len(r) < len(keys) for r in read)
        )
        return Insert(target, rows, self._conflict(given.get("on-conflict"), (*place, "on-conflict")), returning)

    def _row(self, given: Any, place: Place) -> dict[str, Any]:
        if not isinstance(given, dict) or not given:
            raise DocumentError(place, f"expected an object with columns and values, found {shown(given)}")
        row = {}
        for name, value in given.items():
            found = self._expressions.expression(value, (*place, name))
            if not isinstance(found, Value):
                raise DocumentError((*place, name), f"expected a value, found {shown(value)}")
            row[name] = found.value
        return row

    @staticmethod
    def _conflict(given: Any, place: Place) -> Conflict | None:
        if given is None:
            return None
        if not isinstance(given, dict) or given.get("do") not in ("update", "nothing") or {*given} - {"columns", "do"}:
            raise DocumentError(
                place, f'expected {{"columns": [...], "do": "update" or "nothing"}}, found {shown(given)}'
            )
        columns = given.get("columns")
        if columns is not None and not all(isinstance(name, str) for name in _list(columns, (*place, "columns"))):
            raise DocumentError((*place, "columns"), f"expected names, found {shown(columns)}")
        return Conflict("merge" if given["do"] == "update" else "ignore", None if columns is None else tuple(columns))


def _json(document: Any, place: Place) -> Value:
    return Value(json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"), place=place)


def _only(given: Mapping[str, Any], known: set[str], place: Place) -> None:
    unknown = sorted({*given} - known)
    if unknown:
        raise DocumentError(
            (*place, unknown[0]), f"unknown key: {shown(unknown[0])}", f"The keys are: {', '.join(sorted(known))}."
        )


def _list(given: Any, place: Place) -> list[Any]:
    if not isinstance(given, list):
        raise DocumentError(place, f"expected a list, found {shown(given)}")
    return given


def table(given: Any, place: Place) -> Table:
    """Read a table: its name, with or without a schema; or a list of the name and an alias."""
    alias = None
    if isinstance(given, list) and len(given) == 2:
        given, alias = given
    if not isinstance(given, str) or not isinstance(alias, str | None):
        raise DocumentError(
            place, f'expected a table: "people", "shop.people" or ["people", "p"], found {shown(given)}'
        )
    schema, _, name = given.rpartition(".")
    return Table(name, schema or None, alias, place)
