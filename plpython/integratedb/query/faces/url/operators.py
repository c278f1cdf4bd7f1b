"""Reads an operator with its value, and makes the condition of it."""

from __future__ import annotations

import re
from typing import Literal, NoReturn, cast

from ...problems import ProblemError
from ...request import Expression, Not, Operation, Operator, Value
from .lexer import Scanner, unescape

_OPERATOR = re.compile(
    r"(not\.)?(?:"
    r"(in|is|isdistinct|neq|cs|cd|ov|sl|sr|nxr|nxl|adj)"
    r"|((?:pl|ph|w)?fts)(?:\(([\w $]+)\))?"
    r"|(eq|gte|gt|lte|lt|ilike|like|imatch|match)(?:\((any|all)\))?"
    r")\."
)
_WORD = re.compile(
    r"(isdistinct|is|in|neq|cs|cd|ov|sl|sr|nxr|nxl|adj)|(?:pl|ph|w)?fts|eq|gte|gt|lte|lt|ilike|like|imatch|match"
)
_IS = re.compile(r"(?:not_null|null|true|false|unknown)(?=[,) \t]|\Z)", re.IGNORECASE)
_LIST_ELEMENT = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(?=[,)]|\Z)|([^,)]*)', re.DOTALL)
_QUOTED_VALUE = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(?=[,)]|\Z)', re.DOTALL)
_ARRAY_VALUE = re.compile(r"\{[^{}]*\}")
_BARE_VALUE = re.compile(r"[^,)]*")
_ARRAY_ELEMENT = re.compile(
    r'\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"\s*|((?:[^\s",{}\\]|\\.)(?:[^",{}\\]|\\.)*))(,|\}\s*\Z)', re.DOTALL
)
_EMPTY_ARRAY = re.compile(r"\s*\{\s*\}\s*")

_EXPECTED = "operator (eq, gt, ...)"
_IS_EXPECTED = "isVal: (null, not_null, true, false, unknown)"
_TRUTHS: dict[str, bool | str | None] = {
    "null": None,
    "not_null": "not_null",
    "true": True,
    "false": False,
    "unknown": "unknown",
}


def is_operation(text: str) -> bool:
    """Whether a text begins as an operator with a value does."""
    return _OPERATOR.match(text) is not None


def is_null_test(condition: Expression) -> bool | None:
    """Whether a condition says that something is null (True) or is not null (False); None: it says something else."""
    if isinstance(condition, Not):
        inner = is_null_test(condition.part)
        return None if inner is None else not inner
    if isinstance(condition, Operation) and condition.operator == "is":
        operand = condition.operands[1]
        if isinstance(operand, Value) and operand.value in (None, "not_null"):
            return operand.value is None
    return None


def operation(scanner: Scanner, operand: Expression, in_logic: bool = False, hole: int | None = None) -> Expression:
    """Reads ``not.operator.value``; in a list of conditions, the value ends at a comma or a closing parenthesis."""
    found = scanner.match(_OPERATOR)
    if not found:
        _fail(scanner)
    negated, plain, search, language, quantifiable, quantifier = found.groups()
    condition: Expression
    if plain == "in":
        condition = Operation("in", (operand, Value(_list(scanner))))
    elif plain == "is":
        condition = _is(scanner, operand)
    else:
        text = _single_value(scanner, in_logic)
        name = plain or search or quantifiable
        if name in {"like", "ilike"}:
            text = text.replace("*", "%")
        value: str | list[str | None] = array_elements(text, name) if quantifier else text
        condition = Operation(
            cast("Operator", name),
            (operand, Value(value, hole)),
            cast("Literal['any', 'all'] | None", quantifier),
            language.strip() if language else None,
        )
    if not in_logic:
        scanner.finish("end of input")
    return Not(condition) if negated else condition


def _fail(scanner: Scanner) -> NoReturn:
    """What stands here is no operator, or one that is not followed by what it must be."""
    negated = scanner.take("not.")
    word = _WORD.match(scanner.text, scanner.pos)
    if word:
        after = word.end()
        if word[1] is None and scanner.text[after : after + 1] == "(":
            after += 1
        scanner.fail(_EXPECTED, at=after)
    if negated:
        scanner.fail(_EXPECTED)
    common = 0
    while scanner.text[scanner.pos + common : scanner.pos + common + 1] == "not"[common : common + 1] and common < 3:
        common += 1
    scanner.fail(f'"not" or {_EXPECTED}', found_at=scanner.pos + common)


def _is(scanner: Scanner, operand: Expression) -> Expression:
    found = scanner.match(_IS)
    if not found:
        scanner.fail(_IS_EXPECTED)
    word = found[0].lower()
    return Operation("is", (operand, Value(_TRUTHS[word])))


def _single_value(scanner: Scanner, in_logic: bool) -> str:
    if not in_logic:
        rest = scanner.text[scanner.pos :]
        scanner.pos = len(scanner.text)
        return rest
    if quoted := scanner.match(_QUOTED_VALUE):
        return unescape(quoted[1])
    bare = scanner.match(_ARRAY_VALUE) or scanner.match(_BARE_VALUE)
    assert bare is not None  # the last pattern matches an empty text
    return bare[0]


def _list(scanner: Scanner) -> list[str]:
    """``(a,"b,c")``; nothing between the parentheses is an empty list."""
    scanner.blanks()
    scanner.expect("(")
    scanner.blanks()
    if scanner.take(")"):
        scanner.blanks()
        return []
    elements: list[str] = []
    while True:
        found = scanner.match(_LIST_ELEMENT)
        assert found is not None  # the pattern matches an empty text
        elements.append(found[2] if found[1] is None else unescape(found[1]))
        if scanner.take(")"):
            scanner.blanks()
            return elements
        scanner.expect(",", '"," or ")"')


def array_elements(text: str, operator: str) -> list[str | None]:
    """The elements of an array in Postgres's input syntax, with one dimension."""
    if _EMPTY_ARRAY.fullmatch(text):
        return []
    elements: list[str | None] = []
    position = len(text) - len(text.lstrip())
    if not text.startswith("{", position):
        raise ProblemError("bad operand", operator=operator, value=text)
    position += 1
    while True:
        found = _ARRAY_ELEMENT.match(text, position)
        if not found:
            raise ProblemError("bad operand", operator=operator, value=text)
        if found[1] is not None:
            elements.append(unescape(found[1]))
        else:
            bare = found[2].strip()
            elements.append(None if bare.upper() == "NULL" else unescape(bare))
        if found[3] != ",":
            return elements
        position = found.end()
