"""Collects the parameters of a statement, and hands out the aliases in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..problems import ProblemError
from ..request import Value
from ..surface import Relation

#: All expressions of a statement together, each with those in it. A short request can repeat one expression often.
MOST_CHARACTERS = 4_000_000
#: A longer text, and each list, is one parameter, however often a request uses it.
SHARED_CHARACTERS = 256

#: The planner puts an expression of a sub-query in the place of each name that means it, so a chain of sub-queries can
#: double its expressions at each step. So many columns may be behind the names of a sub-query; behind more, Postgres
#: computes it by itself. And so many may be behind all names of a statement.
MOST_MERGED = 1_000
MOST_NAMED = 1_000_000

#: How a value becomes the text of a parameter.
Form: TypeAlias = Literal["scalar", "array", "arrays", "json"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: the value of a hole, or a constant of this shape of requests."""

    form: Form
    value: Any = None
    hole: int | None = None
    #: The parameter of the request whose value it is.
    name: str | None = None

    def given(self, named: Mapping[str, Any] | None) -> Any:
        """Return the value, of these parameters of a request if it is one of them."""
        return self.value if self.name is None or named is None else named[self.name]

    def text(self, holes: Sequence[Any], named: Mapping[str, Any] | None = None) -> str | bytes | None:
        """Return the parameter as text in the input syntax of its type."""
        value = self.given(named) if self.hole is None else holes[self.hole]
        if value is None and self.form != "json":
            return None
        return FORMS[self.form](value)


def scalar_text(value: Any) -> str | bytes:
    """Return a scalar as text; a list or an object as JSON."""
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return json_text(value)
    return str(value)


def array_text(values: Any) -> str:
    """Return a list in the input syntax of an array; a text is already in that syntax."""
    if isinstance(values, str):
        return values
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return array_text(value)
    text = scalar_text(value)
    if isinstance(text, bytes):
        text = text.decode()
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def json_text(value: Any) -> str | bytes:
    """Return a value as JSON; bytes are JSON already."""
    return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False, default=str)


def arrays_text(values: Any) -> str:
    """Return a list of arrays as an array of texts: there are no arrays of arrays of different lengths."""
    return array_text([array_text(value) if isinstance(value, list | tuple) else value for value in values])


FORMS = {"scalar": scalar_text, "array": array_text, "arrays": arrays_text, "json": json_text}


def quoted(name: str) -> str:
    """Quote a name of the surface as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def whole_row(alias: str, type_sql: str | None = None) -> str:
    """Return the row of an alias: as the argument of a function, or of its type anywhere.

    The alias alone would be the column of that name, if the relation has one.
    """
    return f"{alias}.*" if type_sql is None else f"({alias}.*)::{type_sql}"


def unused_name(relation: Relation, name: str) -> str:
    """Return a name that no column of a relation has."""
    taken = {column.sql.strip('"') for column in relation.columns.values()}
    while name in taken:
        name += "_"
    return name


class Writer:
    """The state of one statement while it is written.

    ``in_array``: the statement gets its parameters as one array of texts, because PL/pgSQL cannot pass any number.
    """

    def __init__(self, *, in_array: bool = False) -> None:
        self.parameters: list[Parameter] = []
        self._in_array = in_array
        self._aliases = 0
        self._characters = 0
        self._shared: dict[tuple[object, ...], str] = {}
        #: How many columns are behind the names that were written, and behind each name of a sub-query, by its alias.
        self.named = 0
        self.behind: dict[str, int] = {}

    def value(self, value: Value, type_sql: str, form: Form = "scalar") -> str:
        """Add a parameter and return it, cast to a type; never in the text itself."""
        key: tuple[object, ...] | None = None
        if value.hole is not None or is_large(value.value):
            # A parameter has one type; an element of the array is a text of any.
            what = ("value", id(value.value)) if value.hole is None else ("hole", value.hole)
            key = (*what, form, None if self._in_array else type_sql)
            if (shared := self._shared.get(key)) is not None:
                return f"{shared}::{type_sql}"
        self.parameters.append(Parameter(form, value.value if value.hole is None else None, value.hole, value.name))
        number = len(self.parameters)
        text = f"($1)[{number}]" if self._in_array else f"${number}"
        if key is not None:
            self._shared[key] = text
        return f"{text}::{type_sql}"

    def count(self, text: str) -> None:
        """Count the text of an expression. Error: ProblemError: there is too much of it."""
        self._characters += len(text)
        if self._characters > MOST_CHARACTERS:
            raise ProblemError("too large", (), what="the SQL of the query", limit=f"{MOST_CHARACTERS} characters")

    def name(self, alias: str) -> None:
        """Count what is behind the name of a column. Error: ProblemError: there is too much."""
        self.named += self.behind.get(alias, 1)
        if self.named > MOST_NAMED:
            raise ProblemError("too large", (), what="the names of sub-queries in the query", limit=MOST_NAMED)

    def constant(self, value: Any, type_sql: str = "pg_catalog.text") -> str:
        """Add a parameter whose value is part of the request's shape: a key of JSON, a step of a path."""
        return self.value(Value(value), type_sql)

    def alias(self, prefix: str) -> str:
        """Return a new alias, which is no name of the surface's or the request's."""
        self._aliases += 1
        return f"{prefix}_{self._aliases}"


def is_large(value: Any) -> bool:
    """Whether a value becomes one parameter, however often it is used."""
    return isinstance(value, list | dict) or (isinstance(value, str | bytes) and len(value) > SHARED_CHARACTERS)
