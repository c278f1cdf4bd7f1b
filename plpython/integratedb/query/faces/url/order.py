"""Reads the order parameter: columns, JSON paths, aggregates by their names, and columns of embeds to one."""

from __future__ import annotations

import re
from typing import Literal, cast

from ...problems import ProblemError
from ...request import Order
from .lexer import Scanner, field
from .select import steps_of
from .tree import Node

_DIRECTION = re.compile(r"\.(asc|desc)")
_NULLS = re.compile(r"\.nulls(first|last)")


def parse_order(node: Node, text: str, limit: int) -> tuple[Order, ...]:
    scanner = Scanner("order", text)
    terms = [_term(scanner, node, limit)]
    while scanner.take(","):
        terms.append(_term(scanner, node, limit))
    return tuple(terms)


def _term(scanner: Scanner, node: Node, limit: int) -> Order:
    start = scanner.pos
    name, steps = steps_of(scanner)
    embed: str | None = None
    if scanner.looks_at("("):
        if steps or scanner.text.find(")", scanner.pos) < 0:
            scanner.fail('"->>", "->", delimiter (.), "," or end of input', quote="'")
        embed = name
        opening = scanner.pos
        scanner.pos += 1
        name, steps = steps_of(scanner)
        if not scanner.take(")"):
            expecting = 'letter, digit, "-", "->>", "->", delimiter (.), "," or end of input'
            scanner.fail(expecting, at=opening, quote="'")
        if embed not in node.embeds:
            raise ProblemError("unknown embed", name=embed, alias=node.aliased.get(embed))
    elif scanner.pos == start:
        scanner.fail()
    direction = scanner.match(_DIRECTION)
    nulls = scanner.match(_NULLS)
    scanner.blanks()
    if not scanner.at_end and scanner.peek() != ",":
        _fail(scanner, direction is not None, nulls is not None)
    aggregate = node.aggregates.get(name) if embed is None and not steps else None
    return Order(
        aggregate if aggregate is not None else field(name, steps, limit),
        descending=direction is not None and direction[1] == "desc",
        nulls=cast("Literal['first', 'last'] | None", nulls[1] if nulls else None),
        embed=embed,
    )


def _fail(scanner: Scanner, has_direction: bool, has_nulls: bool) -> None:
    if has_nulls or not scanner.looks_at("."):
        expecting = '"," or end of input'
        if not has_nulls:
            expecting = "delimiter (.), " + expecting
            if not has_direction:
                expecting = '"->>", "->", ' + expecting
        scanner.fail(expecting, quote="'")
    words = ["nullsfirst", "nullslast"] if has_direction else ["asc", "desc", "nullsfirst", "nullslast"]
    begin = scanner.pos + 1
    quoted = [f'"{word}"' for word in words]
    scanner.fail(
        f"{', '.join(quoted[:-1])} or {quoted[-1]}",
        at=begin,
        found_at=begin + _common_length(words[0], scanner.text[begin:]),
    )


def _common_length(word: str, rest: str) -> int:
    count = 0
    while count < len(word) and rest[count : count + 1] == word[count]:
        count += 1
    return count
