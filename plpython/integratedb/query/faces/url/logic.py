"""Reads filters and trees of conditions, and applies them to a level of the request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, cast

from ...problems import ProblemError
from ...request import Column, Embedded, Expression, Logic, Not
from .lexer import Scanner, Steps, field
from .operators import is_null_test, is_operation, operation
from .select import steps_of
from .tree import Node

#: Names that need no closer look, which most are.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GROUP = re.compile(r"[ \t]*(not\.)?(and|or)[ \t]*\(")
_TREE = re.compile(r"[ \t]*(?:(?:not\.)?(?:and|or))?[ \t]*\(")
_OPERATOR_WORD = re.compile(r"[ \t]*(?:not\.)?(?:and|or)")
_TRAILING = re.compile(r"[) \t]*")
_EXPECTED = "field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)"

#: What a name with its JSON path stands for.
Resolve = Callable[[str, Steps], Expression]


def path_of(name: str) -> tuple[list[str], str, Steps]:
    """The embeds that a parameter's name goes through, the column, and its JSON path."""
    if _PLAIN.fullmatch(name):
        return [], name, ()
    scanner = Scanner("tree path", name)
    names = [scanner.name()]
    while scanner.take("."):
        names.append(scanner.name())
    steps = scanner.json_path()
    scanner.finish('"->>", "->", delimiter (.) or end of input')
    return names[:-1], names[-1], steps


def logic_path_of(name: str) -> tuple[list[str], str]:
    """The embeds of ``clients.not.or``, and the operator with its negation."""
    scanner = Scanner("logic path", name)
    names = [scanner.name()]
    while scanner.take("."):
        names.append(scanner.name())
    scanner.finish("delimiter (.) or end of input")
    negation = "not." if "not" in names else ""
    return [part for part in names[:-1] if part != "not"], negation + names[-1]


def parse_filter(node: Node, name: str, steps: Steps, text: str, hole: int | None, limit: int) -> Expression:
    """The condition of ``name=operator.value`` at a level."""
    scanner = Scanner("filter", text)
    return _of_embeds(node, operation(scanner, field(name, steps, limit), hole=hole))


def parse_logic(node: Node, operator: str, text: str, limit: int) -> Expression:
    """The condition of ``and=(...)``, ``not.or=(...)`` and so on at a level."""

    def resolve(name: str, steps: Steps) -> Expression:
        return field(name, steps, limit)

    scanner = Scanner("logic tree", operator + text, shown=text)
    return _of_embeds(node, _whole(scanner, resolve, limit))


def is_having(text: str) -> bool:
    """Whether the value of a parameter with this name is a tree; else, a column has the name."""
    return _TREE.match(text) is not None


def parse_having(node: Node, text: str, limit: int) -> Expression:
    """The condition of ``having=(total.gt.3,...)``: names are those of aggregates, else columns."""

    def resolve(name: str, steps: Steps) -> Expression:
        found = node.aggregates.get(name)
        return found if found is not None and not steps else field(name, steps, limit)

    whole = text if _GROUP.match(text) else "and" + text
    return _whole(Scanner("having", whole, shown=text), resolve, limit)


def _whole(scanner: Scanner, resolve: Resolve, limit: int) -> Expression:
    condition = _tree(scanner, resolve, limit)
    scanner.match(_TRAILING)  # PostgREST takes closing parentheses too many
    scanner.finish("end of input")
    return condition


def _tree(scanner: Scanner, resolve: Resolve, limit: int) -> Expression:
    """One condition or group. Groups that are open are on a stack, so that depth costs no recursion."""
    stack: list[tuple[str, bool, list[Expression]]] = []
    while True:
        group = scanner.match(_GROUP)
        if group:
            if len(stack) >= limit:
                raise ProblemError("too deep", limit=limit)
            stack.append((group[2], bool(group[1]), []))
            scanner.blanks()
            continue
        condition = _condition(scanner, resolve, bool(stack))
        while stack:
            operator, negated, parts = stack[-1]
            parts.append(condition)
            scanner.blanks()
            if scanner.take(","):
                break
            scanner.expect(")", '"," or ")"')
            scanner.blanks()
            stack.pop()
            logic = parts[0] if len(parts) == 1 else Logic(cast("Literal['and', 'or']", operator), tuple(parts))
            condition = Not(logic) if negated else logic
        else:
            return condition


def _condition(scanner: Scanner, resolve: Resolve, inside: bool) -> Expression:
    if not inside:
        scanner.fail('"("', at=_after_operator(scanner))
    start = scanner.pos
    scanner.blanks()
    if scanner.optional_name() is None:
        scanner.fail(_EXPECTED)
    scanner.pos = start
    operator = _OPERATOR_WORD.match(scanner.text, scanner.pos)
    name, steps = steps_of(scanner)
    if not scanner.take("."):
        if operator:
            scanner.fail('"("', at=operator.end())
        scanner.fail('letter, digit, "-", "->>", "->" or delimiter (.)')
    if name == "not" and not steps and not is_operation(scanner.text[scanner.pos : scanner.pos + 100]):
        scanner.fail("logic operator (and, or)")
    return operation(scanner, resolve(name, steps), in_logic=True)


def _after_operator(scanner: Scanner) -> int:
    found = _OPERATOR_WORD.match(scanner.text, scanner.pos)
    return found.end() if found else scanner.pos


def _of_embeds(node: Node, condition: Expression) -> Expression:
    """The condition, where null tests of an embed's name ask whether the embed has rows."""
    if not node.embeds:
        return condition
    null = is_null_test(condition)
    if null is not None:
        name = _tested(condition)
        if name not in node.embeds:
            return condition
        return Not(Embedded(name)) if null else Embedded(name)
    if isinstance(condition, Not):
        return Not(_of_embeds(node, condition.part))
    if isinstance(condition, Logic):
        return Logic(condition.operator, tuple(_of_embeds(node, part) for part in condition.parts))
    return condition


def _tested(condition: Expression) -> str:
    """The name of the column that a null test is of; empty, if it is of something else."""
    while isinstance(condition, Not):
        condition = condition.part
    operand = getattr(condition, "operands", (None,))[0]
    return operand.name if isinstance(operand, Column) else ""
