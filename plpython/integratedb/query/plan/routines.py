"""Finds the function that a call means, by its name and the names of the arguments."""

from __future__ import annotations

from ..problems import ProblemError
from ..request import Routine
from ..surface import Function, Surface


def overloads(surface: Surface, schema: str, name: str) -> tuple[Function, ...]:
    """Return the functions with a name; empty if there are none."""
    return surface.functions.get((schema, name), ())


def find_function(surface: Surface, schema: str, routine: Routine) -> Function:
    """Return the function that a call means. Error: ProblemError."""
    named = overloads(surface, routine.schema or schema, routine.name)
    given = set(routine.keys if routine.body is not None and not routine.raw else routine.arguments)
    if routine.raw:
        fitting = [function for function in named if takes_whole_body(function) and _is_raw(function, routine.raw_type)]
    else:
        fitting = [function for function in named if _accepts(function, given)]
        # Without a fitting list of arguments, a function of one unnamed json argument takes the whole body.
        if not fitting and routine.body is not None:
            fitting = [
                function for function in named if takes_whole_body(function) and function.arguments[0].type.is_json
            ]
    if len(fitting) == 1:
        return fitting[0]
    facts = {"name": routine.name, "schema": routine.schema or schema, "arguments": sorted(given)}
    if fitting:
        raise ProblemError("ambiguous function", routine.place, **facts, candidates=[signature(f) for f in fitting])
    near = sorted({name for (its_schema, name) in surface.functions if its_schema == facts["schema"]})
    raise ProblemError(
        "unknown function", routine.place, **facts, near=near, overloads=[signature(function) for function in named]
    )


def _accepts(function: Function, given: set[str]) -> bool:
    names = {argument.name for argument in function.arguments}
    required = {a.name for a in function.arguments if not a.has_default and not a.variadic}
    return "" not in names and given <= names and required <= given


def _is_raw(function: Function, raw_type: str) -> bool:
    of = function.arguments[0].type
    return of.is_json if raw_type == "json" else of.base == f"pg_catalog.{raw_type}"


def takes_whole_body(function: Function) -> bool:
    """Whether the function has one unnamed argument, which takes a body as it is."""
    return len(function.arguments) == 1 and function.arguments[0].name == ""


def signature(function: Function) -> str:
    """Return a function's name with its arguments, as PostgREST prints it."""
    arguments = ", ".join(f"{a.name} => {a.type.name}" if a.name else a.type.name for a in function.arguments)
    return f"{function.schema}.{function.name}({arguments})"
