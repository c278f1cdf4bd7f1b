"""Writes a plain query as a URL in PostgREST's syntax."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from ..faces.url.parameters import RESERVED, RESERVED_WORDS
from ..request import (
    Call,
    Called,
    Cast,
    Column,
    Embed,
    Embedded,
    Expression,
    Item,
    Logic,
    Not,
    Operation,
    Order,
    Path,
    Routine,
    Select,
    Star,
    Table,
    Value,
)
from ..surface import Surface
from .plain import Plain, UnsayableError, conjuncts

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Values in a list of conditions that need no quotes.
_BARE: Final = re.compile(r"[\w@%*:/+-][\w@%*:/+. -]*(?<! )")
_SAFE: Final = ",.():*!@/-_~"
_AGGREGATES: Final = frozenset({"sum", "avg", "count", "max", "min"})
_SEARCHES: Final = frozenset({"fts", "plfts", "phfts", "wfts"})
_QUANTIFIED: Final = frozenset({"eq", "gte", "gt", "lte", "lt", "ilike", "like", "imatch", "match"})
_OPERATORS: Final = frozenset(
    {*_QUANTIFIED, *_SEARCHES, "neq", "in", "is", "isdistinct", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"}
)
_TRUTHS: Final[dict[Any, str]] = {None: "null", True: "true", False: "false"}


def to_url(given: Plain, surface: Surface, schemas: Sequence[str]) -> str:
    """Write a query as path and parameters; a second line names another schema than the first.

    Error: UnsayableError.
    """
    query = given.query
    if query.joins or query.with_queries or len(query.source) != 1:
        raise UnsayableError("joins, WITH and several tables")
    source = query.source[0]
    pairs: list[tuple[str, str]] = []
    if isinstance(source, Table):
        name, schema = source.name, source.schema
    elif isinstance(source, Routine):
        name, schema, pairs = f"rpc/{source.name}", source.schema, _arguments(source)
    elif isinstance(source, Called) and source.call.schema in (None, schemas[0]):
        name, schema, pairs = f"rpc/{source.call.function}", None, _positional(source.call, surface, schemas)
    else:
        raise UnsayableError("a sub-query in FROM")
    pairs += _pairs(query)
    path = "/".join(quote(part, safe="") for part in name.split("/", 1))
    text = f"/{path}" + ("?" + "&".join(f"{_encoded(key)}={_encoded(value)}" for key, value in pairs) if pairs else "")
    return text if schema in (None, schemas[0]) else f"{text}\nAccept-Profile: {schema}"


def _encoded(text: str) -> str:
    return quote(text, safe=_SAFE)


def _arguments(source: Routine) -> list[tuple[str, str]]:
    if source.body is not None:
        raise UnsayableError("a call with a body")
    return [(name, _text(value.value)) for name, value in source.arguments.items()]


def _positional(call: Call, surface: Surface, schemas: Sequence[str]) -> list[tuple[str, str]]:
    for function in surface.functions.get((schemas[0], call.function), ()):
        names = [argument.name for argument in function.arguments[: len(call.arguments)]]
        if len(names) == len(call.arguments) and all(names):
            values = [argument.value if isinstance(argument, Value) else None for argument in call.arguments]
            return [(name, _text(value)) for name, value in zip(names, values, strict=True)]
    raise UnsayableError(f"the call of {call.function}")


def _pairs(query: Select) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    selected = _items(query)
    if selected != "*":
        pairs.append(("select", selected))
    return [*pairs, *_conditions(query, "")]


def _conditions(query: Select, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield all parameters of a level but select, and those of the levels below."""
    if query.distinct:
        raise UnsayableError("DISTINCT")
    _check_groups(query)
    for condition in conjuncts(query.where):
        yield _filter(condition, prefix)
    having = conjuncts(query.having)
    if having:
        yield f"{prefix}having", f"({','.join(_logic(part, query) for part in having)})"
    if query.order:
        yield f"{prefix}order", ",".join(_order(term, query) for term in query.order)
    for word, number in (("limit", query.limit), ("offset", query.offset)):
        if number is not None:
            yield f"{prefix}{word}", str(number.value)
    embeds = [item for item in query.items if isinstance(item, Embed)]
    if len({embed.name for embed in embeds}) < len(embeds):
        raise UnsayableError("related rows twice under one name")
    for embed in embeds:
        yield from _conditions(embed.query, f"{prefix}{_quoted(embed.name)}.")


def _check_groups(query: Select) -> None:
    if query.group_by is None:
        return
    plain = [item.expression for item in query.items if isinstance(item, Item) and not _is_aggregate(item.expression)]
    has_aggregate = any(isinstance(item, Item) and _is_aggregate(item.expression) for item in query.items)
    if not has_aggregate or len(plain) != len(query.group_by) or not all(term in plain for term in query.group_by):
        raise UnsayableError("GROUP BY other columns than those that are selected beside aggregates")


def _is_aggregate(expression: Expression) -> bool:
    return isinstance(expression.of if isinstance(expression, Cast) else expression, Call)


def _items(query: Select) -> str:
    return ",".join(_item(item) for item in query.items)


def _item(item: Any) -> str:
    match item:
        case Star(of=None):
            return "*"
        case Embed():
            alias = "..." if item.spread else f"{_quoted(item.alias)}:" if item.alias is not None else ""
            hint = f"!{_quoted(item.hint)}" if item.hint is not None else ""
            return f"{alias}{_quoted(item.relation)}{hint}{'!inner' if item.inner else ''}({_items(item.query)})"
        case Item():
            alias = f"{_quoted(item.alias)}:" if item.alias is not None else ""
            return alias + _selected(item.expression)
    raise UnsayableError("an object within the row")


def _selected(expression: Expression) -> str:
    match expression:
        case Call():
            return _aggregate(expression)
        case Cast():
            inner = _aggregate(expression.of) if isinstance(expression.of, Call) else _path(expression.of)
            return f"{inner}::{_type(expression.type)}"
    return _path(expression)


def _type(name: str) -> str:
    if not re.fullmatch(r"[\w $]+", name):
        raise UnsayableError(f"a cast to {name}")
    return name


def _aggregate(call: Call) -> str:
    if call.unless_column:
        return "count"
    if call.distinct or call.where is not None or call.order or call.schema is not None:
        raise UnsayableError("DISTINCT, WHERE and ORDER BY in an aggregate")
    if call.function == "count" and call.star:
        return "count()"
    if call.function not in _AGGREGATES or len(call.arguments) != 1:
        raise UnsayableError(f"the call of {call.function}")
    argument = call.arguments[0]
    inner = f"{_path(argument.of)}::{_type(argument.type)}" if isinstance(argument, Cast) else _path(argument)
    return f"{inner}.{call.function}()"


def _path(expression: Expression) -> str:
    """Write a column, or a path in its JSON."""
    match expression:
        case Column(of=None):
            return _quoted(expression.name)
        case Column():
            raise UnsayableError(f"a column of {expression.of}, which is no embed")
        case Path():
            steps = [f"->{_step(step)}" for step in expression.steps]
            if expression.as_text:
                steps[-1] = f"->{steps[-1]}".replace("->->", "->>", 1)
            return _path(expression.base) + "".join(steps)
    raise UnsayableError("a calculation, a function or a sub-query")


def _step(step: str | int) -> str:
    return str(step) if isinstance(step, int) else _quoted(step)


def _quoted(name: str) -> str:
    return name if _NAME.fullmatch(name) else _in_quotes(name)


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parameter(name: str) -> str:
    """Write a name where other parameters have theirs."""
    return _in_quotes(name) if name in RESERVED or name in RESERVED_WORDS or name == "having" else name


def _filter(condition: Expression, prefix: str) -> tuple[str, str]:
    negated, condition = _denied(condition)
    word = "not." if negated else ""
    match condition:
        case Logic():
            return f"{prefix}{word}{condition.operator}", f"({','.join(_logic(part) for part in condition.parts)})"
        case Operation():
            return prefix + _parameter(_path(condition.operands[0])), word + _operation(condition)
        case Embedded():
            return prefix + _quoted(condition.embed), "is.null" if negated else "not.is.null"
    raise UnsayableError("a condition that is no comparison of a column with a value")


def _logic(condition: Expression, query: Select | None = None) -> str:
    negated, condition = _denied(condition)
    word = "not." if negated else ""
    match condition:
        case Logic():
            return f"{word}{condition.operator}({','.join(_logic(part, query) for part in condition.parts)})"
        case Operation():
            name = _named(condition.operands[0], query)
            return f"{name}.{word}{_operation(condition, in_logic=True)}"
        case Embedded():
            return f"{_quoted(condition.embed)}.{'is.null' if negated else 'not.is.null'}"
    raise UnsayableError("a condition that is no comparison of a column with a value")


def _denied(condition: Expression) -> tuple[bool, Expression]:
    """Return whether a condition is negated, and what it is without that; a range becomes two comparisons."""
    negated = False
    while isinstance(condition, Not):
        negated, condition = not negated, condition.part
    if isinstance(condition, Operation) and condition.operator == "between":
        of, low, high = condition.operands
        return negated, Logic("and", (Operation("gte", (of, low)), Operation("lte", (of, high))))
    if isinstance(condition, Logic) and not condition.parts:
        raise UnsayableError("a condition that is always the same")
    if isinstance(condition, Logic) and len(condition.parts) == 1:
        inner, part = _denied(condition.parts[0])
        return negated != inner, part
    return negated, condition


def _named(expression: Expression, query: Select | None) -> str:
    """Write what is compared or ordered by: a column, or an aggregate by the name that it has in the answer."""
    if query is not None and _is_aggregate(expression):
        for item in query.items:
            if isinstance(item, Item) and item.expression == expression:
                call = expression.of if isinstance(expression, Cast) else expression
                assert isinstance(call, Call)
                return _quoted(item.alias or call.function)
        raise UnsayableError("an aggregate that is not selected")
    return _path(expression)


def _order(term: Order, query: Select) -> str:
    name = _named(term.expression, query)
    if term.embed is not None:
        name = f"{_quoted(term.embed)}({name})"
    direction = ".desc" if term.descending else ""
    return name + direction + (f".nulls{term.nulls}" if term.nulls is not None else "")


def _operation(operation: Operation, *, in_logic: bool = False) -> str:
    operator, right = operation.operator, operation.operands[1]
    if operator not in _OPERATORS:
        raise UnsayableError(f"the operator {operator}")
    if not isinstance(right, Value):
        raise UnsayableError("a comparison with something else than a value")
    if operator == "is":
        return f"is.{right.value if isinstance(right.value, str) else _TRUTHS[right.value]}"
    if operator == "in":
        return f"in.({','.join(_element(value) for value in right.value)})"
    if operation.quantifier is not None:
        values = "{" + ",".join(_array_element(_pattern(operator, value)) for value in right.value) + "}"
        shown = _in_quotes(values) if in_logic and re.search(r"[{}]", values[1:-1]) else values
        return f"{operator}({operation.quantifier}).{shown}"
    language = f"({operation.language})" if operation.language is not None else ""
    text = _pattern(operator, right.value)
    return f"{operator}{language}." + (_value(text) if in_logic else text)


def _pattern(operator: str, value: Any) -> str:
    text = _text(value)
    if operator not in ("like", "ilike"):
        return text
    if "*" in text:
        raise UnsayableError("a pattern with an asterisk, which means % in a URL")
    return text.replace("%", "*")


def _text(value: Any) -> str:
    if value is None or isinstance(value, list | dict):
        raise UnsayableError("null, a list or an object as a value")
    return value if isinstance(value, str) else json.dumps(value)


def _value(text: str) -> str:
    return text if _BARE.fullmatch(text) else _in_quotes(text)


def _element(value: Any) -> str:
    return _value(_text(value))


def _array_element(text: str) -> str:
    return text if _BARE.fullmatch(text) and text.upper() != "NULL" else _in_quotes(text)
