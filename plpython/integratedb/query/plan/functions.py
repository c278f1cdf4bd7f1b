"""Finds the function that a call in an expression means, by the types of its arguments, as Postgres would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from ..problems import ProblemError
from ..request import Call, Value
from ..surface import Function, Surface, Type
from . import builtins
from .types import BIGINT, BOOLEAN, JSONB, NUMERIC, TEXT

#: What an argument is before the function is known: an expression with a type, or a value, which takes any.
Given: TypeAlias = Type | Value

_NUMBERS = (21, 23, 20, 1700, 700, 701)
_INT4, _INT8, _FLOAT8 = 23, 20, 701
#: Implicit casts besides those among numbers and texts: date, timestamp, time, cidr, bit.
_CASTS = {(1082, 1114), (1082, 1184), (1114, 1184), (1083, 1186), (1083, 1266), (650, 869), (1560, 1562)}
_POLYMORPHIC_LISTS = ("anyarray", "anycompatiblearray")
_POLYMORPHIC_RANGES = ("anyrange", "anycompatiblerange", "anymultirange", "anycompatiblemultirange")
_POLYMORPHIC_ELEMENTS = ("anyelement", "anynonarray", "anycompatible", "anycompatiblenonarray", "anyenum")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function that a call may mean; ``sql`` is its name, qualified and quoted."""

    oid: int
    sql: str
    arguments: tuple[Type, ...]
    returns: Type
    kind: Literal["f", "a", "w"] = "f"
    defaults: int = 0
    is_variadic: bool = False
    is_volatile: bool = False

    def declared(self, count: int) -> tuple[Type, ...] | None:
        """Return the types of so many arguments; None: the function does not take so many."""
        if self.is_variadic:
            *first, last = self.arguments
            if count <= len(first):
                return None
            element = last if last.name == "any" else element_of(last)
            return (*first, *[element] * (count - len(first)))
        most = len(self.arguments)
        return self.arguments[:count] if most - self.defaults <= count <= most else None


@cache
def builtin_types() -> dict[str, Type]:
    """Return the types of built-in functions, by the names that Postgres has for them."""
    types = {}
    for line in builtins.TYPES.strip().splitlines():
        oid, name, category, _, element, shown = line.split(" ", 5)
        is_array = element != "-"
        sql = f"pg_catalog.{element}[]" if is_array else f"pg_catalog.{name}"
        kind: Literal["range", "base"] = "range" if category == "R" else "base"
        types[name] = Type(
            int(oid), shown, sql, sql, category, kind, name in ("json", "jsonb"), is_array,
            element=f"pg_catalog.{element}" if is_array else None,
        )  # fmt: skip
    return types


_PREFERRED = frozenset(
    int(line.split(" ")[0]) for line in builtins.TYPES.strip().splitlines() if line.split(" ")[3] == "p"
)


def type_named(name: str) -> Type:
    """Return a type by Postgres's name; those for every type are of the category P."""
    known = builtin_types().get(name)
    return known or Type(0, name, f"pg_catalog.{name}", f"pg_catalog.{name}", "P", "pseudo")


@cache
def builtin(name: str) -> tuple[Candidate, ...]:
    """Return the built-in functions with a name; empty if a query may call none."""
    entries = [entry for line in _lines().get(name, ()) for entry in line.split(" ")]
    return tuple(_read(name, entry) for entry in entries)


@cache
def _lines() -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for line in builtins.FUNCTIONS.strip().splitlines():
        name, _, rest = line.partition(" ")
        lines.setdefault(name, []).append(rest)
    return lines


def _read(name: str, entry: str) -> Candidate:
    oid, how, arguments, returns = entry.split(":")
    kind: Literal["a", "w", "f"] = "a" if how[0] == "a" else "w" if how[0] == "w" else "f"
    types = () if arguments == "-" else tuple(type_named(each) for each in arguments.split(","))
    # The name is one of the list above, and behind pg_catalog each name is plain.
    sql = f"pg_catalog.{name}"
    return Candidate(int(oid), sql, types, type_named(returns), kind, int(how[1]), how.endswith("v"))


def of_surface(function: Function) -> Candidate:
    """Return a function of a surface."""
    arguments = function.arguments
    return Candidate(
        function.oid,
        function.sql,
        tuple(argument.type for argument in arguments),
        function.returns,
        defaults=sum(argument.has_default for argument in arguments),
        is_variadic=any(argument.variadic for argument in arguments),
        is_volatile=function.volatility == "volatile",
    )


def is_aggregate(call: Call) -> bool:
    """Whether a call is that of a built-in aggregate."""
    return call.schema in (None, "pg_catalog") and any(each.kind == "a" for each in builtin(call.function))


def find(surface: Surface, schemas: Sequence[str], call: Call, given: Sequence[Given]) -> Candidate:
    """Return the function that a call means: a built-in one, else one of the surface. Error: ProblemError."""
    groups: list[tuple[Candidate, ...]] = []
    if call.schema in (None, "pg_catalog"):
        groups.append(builtin(call.function))
    for schema in (call.schema,) if call.schema is not None else schemas:
        functions = surface.functions.get((schema, call.function), ())
        groups.append(tuple(of_surface(each) for each in functions if not each.returns_set and not each.is_void))
    for group in groups:
        found = _best(group, given)
        if len(found) == 1:
            return found[0]
        if found:
            raise ProblemError("ambiguous function", call.place, name=call.function, schema=call.schema, candidates=[])
    near = [name for schema, name in surface.functions if schema in schemas]
    raise ProblemError(
        "unknown function",
        call.place,
        name=call.function,
        schema=call.schema or (schemas[0] if schemas else ""),
        arguments=[],
        near=near if any(groups) else [*near, *_lines()],
        overloads=[],
    )


def find_table(surface: Surface, schemas: Sequence[str], call: Call, given: Sequence[Given]) -> Function:
    """Return the function of the surface whose rows a call in FROM means. Error: ProblemError."""
    for schema in (call.schema,) if call.schema is not None else schemas:
        named = [each for each in surface.functions.get((schema, call.function), ()) if _gives_rows(each)]
        found = {candidate.oid for candidate in _best([of_surface(each) for each in named], given)}
        fitting = [each for each in named if each.oid in found]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ProblemError("ambiguous function", call.place, name=call.function, schema=schema, candidates=[])
    near = [name for (schema, name), f in surface.functions.items() if schema in schemas and any(map(_gives_rows, f))]
    facts: dict[str, object] = {
        "name": call.function,
        "schema": call.schema or "",
        "arguments": [],
        "near": near,
        "overloads": [],
    }
    raise ProblemError("unknown function", call.place, **facts)


def _gives_rows(function: Function) -> bool:
    # What a record has in it is only known when the function runs.
    has_columns = function.relation is not None or bool(function.columns)
    return not function.is_void and (has_columns or function.returns.sql != "pg_catalog.record")


def _best(candidates: Sequence[Candidate], given: Sequence[Given]) -> list[Candidate]:
    scored = []
    for candidate in candidates:
        declared = candidate.declared(len(given))
        if declared is None:
            continue
        scores = [fit(want, have) for want, have in zip(declared, given, strict=True)]
        if all(scores):
            scored.append((sum(scores), candidate))
    most = max((score for score, _ in scored), default=0)
    return [candidate for score, candidate in scored if score == most]


def fit(declared: Type, given: Given) -> int:
    """Return how well an argument fits; 0: not at all."""
    if isinstance(given, Value):
        return _fit_value(declared, given.value if given.hole is None else "")
    if declared.category == "P":
        return _fit_polymorphic(declared.name, given)
    if given.oid == declared.oid:
        return 12
    if given.is_domain and given.base.replace('"', "") == declared.base:
        return 10
    if given.category == declared.category == "S":
        return {TEXT.oid: 10, 1043: 8}.get(declared.oid, 4)
    is_wider = (
        given.oid in _NUMBERS and declared.oid in _NUMBERS and _NUMBERS.index(given.oid) < _NUMBERS.index(declared.oid)
    )
    if is_wider or (given.oid, declared.oid) in _CASTS:
        return 5 if declared.oid in _PREFERRED else 4
    return 0


def _fit_polymorphic(name: str, given: Type) -> int:
    if name == "any":
        return 1
    if name in _POLYMORPHIC_LISTS:
        return 6 if given.is_array else 0
    if name in _POLYMORPHIC_RANGES:
        return 6 if given.kind == "range" and ("multirange" in given.base) == ("multirange" in name) else 0
    if name == "anyenum":
        return 6 if given.kind == "enum" else 0
    return 5 if "nonarray" not in name or not given.is_array else 0


def _fit_value(declared: Type, value: object) -> int:
    name = declared.name
    if name in _POLYMORPHIC_LISTS:
        return 5 if isinstance(value, list) else 0
    if declared.category == "P":
        return 0 if name in _POLYMORPHIC_RANGES or name == "anyenum" else 2
    if value is None:
        return 3 if declared.oid == TEXT.oid else 2
    if declared.is_json and not isinstance(value, list | dict):
        return 1
    if isinstance(value, bool):
        return 8 if declared.oid == BOOLEAN.oid else 0
    if isinstance(value, int):
        fits_int4 = -(2**31) <= value < 2**31
        return {_INT4: 8 if fits_int4 else 0, _INT8: 7, NUMERIC.oid: 6, _FLOAT8: 6, 21: 1, 700: 1}.get(declared.oid, 0)
    if isinstance(value, float):
        return {NUMERIC.oid: 8, _FLOAT8: 7, 700: 1}.get(declared.oid, 0)
    if isinstance(value, list | dict):
        is_list = isinstance(value, list) and declared.is_array
        return 8 if is_list else 6 if declared.oid == JSONB.oid else 5 if declared.is_json else 0
    if declared.oid == TEXT.oid:
        return 8
    return 3 if declared.oid in _PREFERRED else 2


def element_of(of: Type) -> Type:
    """Return the type of an array's elements."""
    name = (of.element or "").removeprefix("pg_catalog.").replace('"', "")
    known = builtin_types().get(name)
    if known is not None:
        return known
    if of.name in _POLYMORPHIC_LISTS:
        return type_named("anycompatible" if "compatible" in of.name else "anyelement")
    return Type(0, of.element or "", of.element or TEXT.sql, of.element or TEXT.sql, "U", "base")


def array_of(of: Type) -> Type:
    """Return the type of arrays of a type."""
    return Type(0, f"{of.name}[]", f"{of.sql}[]", f"{of.base}[]", "A", "base", is_array=True, element=of.sql)


def type_of(value: Value) -> Type:
    """Return the type of a value that nothing else gives a type."""
    content = value.value
    if value.hole is not None:
        return TEXT
    match content:
        case bool():
            return BOOLEAN
        case int():
            return BIGINT if -(2**63) <= content < 2**63 else NUMERIC
        case float():
            return NUMERIC
        case list() | dict():
            return JSONB
        case _:
            return TEXT


def list_type(value: Value) -> Type:
    """Return the type of a list that is an array."""
    content = value.value if isinstance(value.value, list) else []
    elements = {type_of(Value(each)).oid: type_of(Value(each)) for each in content if each is not None}
    if len(elements) == 1:
        return array_of(next(iter(elements.values())))
    return array_of(NUMERIC if elements and all(oid in _NUMBERS for oid in elements) else TEXT)


def concrete(declared: Type, declarations: Sequence[Type], given: Sequence[Given]) -> Type:
    """Return what a type for every type is in a call, by the arguments that are expressions."""
    if declared.category != "P":
        return declared
    element = _element(declarations, given)
    if declared.name in _POLYMORPHIC_LISTS:
        return array_of(element)
    if declared.name in _POLYMORPHIC_ELEMENTS:
        return element
    ranges = [have for want, have in zip(declarations, given, strict=True) if want.name == declared.name]
    return next((each for each in ranges if isinstance(each, Type)), TEXT)


def _element(declarations: Sequence[Type], given: Sequence[Given]) -> Type:
    for want, have in zip(declarations, given, strict=True):
        if isinstance(have, Value):
            continue
        if want.name in _POLYMORPHIC_LISTS:
            return element_of(have)
        if want.name in _POLYMORPHIC_ELEMENTS:
            return have
    for want, have in zip(declarations, given, strict=True):
        if isinstance(have, Value) and want.category == "P":
            return element_of(list_type(have)) if want.name in _POLYMORPHIC_LISTS else type_of(have)
    return TEXT
