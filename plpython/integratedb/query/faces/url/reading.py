"""Completes the tree of the select parameter with the other parameters: filters, orders, limits, conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...request import Expression
from . import ranges
from .lexer import Scanner
from .logic import is_having, logic_path_of, parse_filter, parse_having, parse_logic, path_of
from .order import parse_order
from .parameters import RESERVED, Pair
from .ranges import Window
from .select import parse_select
from .tree import Node


@dataclass(frozen=True, slots=True)
class Reading:
    """What the parameters say: the tree of the answer, the conditions of the written rows, and the range."""

    root: Node
    where: list[Expression]
    window: Window
    #: Of PUT: whether all conditions of the written rows are filters, with these names and operators.
    filters: list[tuple[str, Expression]]
    has_logic: bool


def read(pairs: Sequence[Pair], range_header: str | None, writes: bool, limit: int) -> Reading:
    """Reads all parameters. In a write, conditions without a path are those of the rows that are written."""
    root = parse_select(next((pair.value for pair in pairs if pair.name == "select"), "*"), limit)
    target = Node() if writes else root
    logic: list[tuple[Node, Expression]] = []
    filters: list[tuple[str, Expression]] = []
    numbers: dict[str, Pair] = {}
    for pair in pairs:
        word = pair.last_word
        if pair.name in RESERVED:
            continue
        if word in {"and", "or"}:
            path, operator = logic_path_of(pair.name)
            node = root.at(path) if path else target
            logic.append((node, parse_logic(node, operator, pair.value, limit)))
        elif word == "order":
            node = root.at(path_of(pair.name)[0])
            terms = parse_order(node, pair.value, limit)
            node.order = node.order or terms  # the first counts
        elif word in {"limit", "offset"}:
            _range(root, pair, word, numbers)
        elif word == "having" and is_having(pair.value):
            node = root.at(path_of(pair.name)[0])
            node.having.append(parse_having(node, pair.value, limit))
        else:
            path, name, steps = path_of(pair.name)
            node = root.at(path) if path else target
            condition = parse_filter(node, name, steps, pair.value, pair.hole, limit)
            node.where.append(condition)
            if not path:
                filters.append((name, condition))
    has_logic = any(node is target for node, _ in logic)
    for node, condition in logic:
        node.where.append(condition)
    limit_pair, offset_pair = numbers.get("limit"), numbers.get("offset")
    window = ranges.window(
        ranges.limit_value(limit_pair) if limit_pair else None,
        ranges.offset_value(offset_pair) if offset_pair else None,
        range_header,
    )
    if not writes:
        root.limit, root.offset = window.limit, window.offset
    return Reading(root, target.where, window, filters, has_logic)


def _range(root: Node, pair: Pair, word: str, numbers: dict[str, Pair]) -> None:
    path = path_of(pair.name)[0]
    if not path:
        numbers[word] = pair  # the last counts
        return
    node = root.at(path)
    if word == "limit":
        node.limit = ranges.limit_value(pair)
    else:
        node.offset = ranges.offset_value(pair)


def parse_columns(pairs: Iterable[Pair], parameter: str) -> tuple[str, ...] | None:
    """The names of ``columns`` or ``on_conflict``, each once; None: there is no such parameter."""
    text = next((pair.value for pair in pairs if pair.name == parameter), None)
    if text is None:
        return None
    scanner = Scanner(f"{parameter} parameter", text)
    names = [scanner.name()]
    while True:
        scanner.blanks()
        if not scanner.take(","):
            break
        scanner.blanks()
        names.append(scanner.name())
    scanner.finish('"," or end of input')
    return tuple(dict.fromkeys(names))
