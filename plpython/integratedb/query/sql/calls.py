"""Writes the call of a function as a query."""

from __future__ import annotations

from collections.abc import Mapping

from ..request import Routine
from ..surface import Argument, Column, Function
from .writer import Form, Writer, quoted, whole_row


def called(writer: Writer, routine: Routine, function: Function, columns: Mapping[str, Column], row: str | None) -> str:
    """Return a SELECT of what the function returns: its columns, or one column ``v`` for a scalar.

    A column ``row`` has the whole row, which computed fields need.
    """
    alias, text, source = writer.alias("f"), "", ""
    if routine.raw:
        [argument] = function.arguments
        assert routine.body is not None
        text = writer.value(routine.body, argument.type.sql)
    elif routine.body is not None and not function.arguments[:1]:
        text = ""
    elif routine.body is not None and function.arguments[0].name == "":
        text = writer.value(routine.body, function.arguments[0].type.sql, "json")
    elif routine.body is not None:
        text, source = _from_body(writer, routine, function)
    else:
        text = ", ".join(
            _argument(argument, writer.value(routine.arguments[argument.name], argument.type.sql, _form(argument)))
            for argument in function.arguments
            if argument.name in routine.arguments
        )
    call = f"{source}{function.sql}({text})"
    if not columns and function.returns.sql == "pg_catalog.record":
        # What is in it is only known when it runs, so it cannot be a source.
        given = f" FROM {source.removesuffix(', LATERAL ')}" if source else ""
        return f"SELECT {function.sql}({text}) AS v{given}"
    if not columns:
        return f"SELECT {alias}.v AS v FROM {call} AS {alias} (v)"
    names = "".join(f"{alias}.{column.sql}, " for column in columns.values()).removesuffix(", ")
    also = f", {whole_row(alias, function.returns.sql)} AS {row}" if row is not None else ""
    return f"SELECT {names}{also} FROM {call} AS {alias}"


def _from_body(writer: Writer, routine: Routine, function: Function) -> tuple[str, str]:
    """Return the arguments as columns of the body, and the source that has these columns."""
    given = [argument for argument in function.arguments if argument.name in routine.keys]
    if not given:
        return "", ""
    alias = writer.alias("a")
    assert routine.body is not None
    declared = ", ".join(f"{quoted(argument.name)} {_declared(argument)}" for argument in given)
    body = writer.value(routine.body, "pg_catalog.json", "json")
    arguments = ", ".join(
        _argument(argument, _converted(argument, f"{alias}.{quoted(argument.name)}")) for argument in given
    )
    return arguments, f"pg_catalog.json_to_record({body}) AS {alias} ({declared}), LATERAL "


def _declared(argument: Argument) -> str:
    return "pg_catalog.json" if argument.type.from_json is not None else argument.type.sql


def _converted(argument: Argument, text: str) -> str:
    return f"{argument.type.from_json}({text})" if argument.type.from_json is not None else text


def _argument(argument: Argument, text: str) -> str:
    return f"{'VARIADIC ' if argument.variadic else ''}{argument.sql} => {text}"


def _form(argument: Argument) -> Form:
    return "array" if argument.variadic or argument.type.is_array else "scalar"
