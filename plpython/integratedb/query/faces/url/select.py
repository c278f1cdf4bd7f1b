"""Reads the select parameter: columns, casts, JSON paths, aggregates, embeds and spreads."""

from __future__ import annotations

import re

from ...problems import ProblemError
from ...request import Call, Cast, Column, Expression, Item, Star
from .lexer import Scanner, Steps, expression
from .tree import Node

#: Columns that need no closer look, which most are.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?=[,)}]|\Z)")
#: PostgREST's older form of count(): ``count``, where no column is called so.
COUNT = Call("count", star=True, unless_column=True)
_TYPE = re.compile(r"[\w $]+")
_STAR = re.compile(r"\*[ \t]*(?=[,)}]|\Z)")
_COUNT = re.compile(r"count\(\)")
_AGGREGATE = re.compile(r"\.(sum|avg|count|max|min)\(\)")
_SEPARATOR = re.compile(r":(?!:)")
_BRACKETS = {"(": ")", "{": "}"}
_AFTER_NAME = 'letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input'


def parse_select(text: str, limit: int) -> Node:
    """The tree of a select parameter; nothing selected is a row without columns."""
    scanner = Scanner("select parameter", text)
    root = Node()
    if text.strip(" \t"):
        _items(scanner, root, limit, 1)
        scanner.finish('"," or end of input')
    root.find_aggregates()
    return root


def _items(scanner: Scanner, node: Node, limit: int, depth: int) -> None:
    if depth > limit:
        raise ProblemError("too deep", limit=limit)
    while True:
        _item(scanner, node, limit, depth)
        scanner.blanks()
        if not scanner.take(","):
            return


def _item(scanner: Scanner, node: Node, limit: int, depth: int) -> None:
    plain = scanner.match(_PLAIN)
    if plain:
        node.add_item(Item(COUNT if plain[0] == "count" else Column(plain[0])))
        return
    scanner.blanks()
    if scanner.match(_STAR):
        node.items.append(Star())
        return
    spread = scanner.take("...")
    alias = None if spread else _alias(scanner)
    if scanner.match(_COUNT):
        node.add_item(Item(_cast(scanner, Call("count", star=True)), alias))
        _end(scanner, '"::"')
        return
    name = scanner.name()
    if name == "count" and not spread and scanner.peek() in {"(", "{"}:
        scanner.fail('"count()"', quote="'")  # a call with arguments, which is nothing that can be selected
    if spread or scanner.peek() in {"!", "(", "{"}:
        _embed(scanner, node, Node(name, alias, spread=spread), limit, depth)
        return
    steps = scanner.json_path()
    value = _cast(scanner, COUNT if name == "count" and not steps else expression(Column(name), steps, limit))
    found = scanner.match(_AGGREGATE)
    if found:
        value = _cast(scanner, Call(found[1], (value,)))
    elif alias is None and steps and isinstance(steps[-1][1], int):
        alias = next((step for _, step in reversed(steps) if isinstance(step, str)), name)
    node.add_item(Item(value, alias))
    _end(scanner, _AFTER_NAME if not steps and not isinstance(value, Cast) else '"::", ".", ")", "," or end of input')


def _alias(scanner: Scanner) -> str | None:
    start = scanner.pos
    name = scanner.optional_name()
    if name is not None and scanner.match(_SEPARATOR):
        return name
    scanner.pos = start
    return None


def _cast(scanner: Scanner, value: Expression) -> Expression:
    if not scanner.take("::"):
        return value
    found = scanner.match(_TYPE)
    if not found or not found[0].strip():
        scanner.fail("letter or digit")
    return Cast(value, found[0].strip())


def _end(scanner: Scanner, expecting: str) -> None:
    scanner.blanks()
    if not scanner.at_end and scanner.peek() not in {",", ")", "}"}:
        scanner.fail(expecting, quote="'")


def _embed(scanner: Scanner, parent: Node, node: Node, limit: int, depth: int) -> None:
    start = scanner.pos
    join: str | None = None
    for _ in range(2):
        if not scanner.take("!"):
            break
        word = scanner.name()
        if word in {"inner", "left"}:
            join = join or word
        else:
            node.hint = node.hint or word
    closing = _BRACKETS.get(scanner.peek())
    if closing is None:
        # Without an opening parenthesis it is a column, and a column has no hint.
        scanner.fail(_AFTER_NAME, at=start, quote="'")
    scanner.pos += 1
    node.inner = join == "inner"
    scanner.closing.append(closing)
    scanner.blanks()
    if not scanner.looks_at(closing):
        _items(scanner, node, limit, depth + 1)
    scanner.expect(closing, f'"{closing}" or ","')
    scanner.closing.pop()
    node.find_aggregates()
    parent.add_embed(node)


def steps_of(scanner: Scanner) -> tuple[str, Steps]:
    """A name with its JSON path, and blanks around them."""
    scanner.blanks()
    name = scanner.name()
    steps = scanner.json_path()
    scanner.blanks()
    return name, steps
