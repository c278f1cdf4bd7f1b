"""Reads the three forms of a saved query: a query as data, a URL in PostgREST's syntax, and a GraphQL document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Literal

from ..faces.data.documents import Document, read_document
from ..faces.data.names import only
from ..faces.data.problems import DocumentError, shown
from ..plan.reading import NOTHING, Reading
from ..request import Select
from .templates import Template

Face = Literal["data", "rest", "graphql"]

#: The name of a saved query: it stands in URLs, in messages and in contracts.
NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
#: Stands for the value of a parameter while a query is checked: it is in the input syntax of most types.
PLACEHOLDER: Final = "1"


class _Asked(dict[str, Any]):
    """Parameters while a query is checked: each name has a value, and is remembered."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__(known or {"": None})  # an empty dict would stand for no parameters
        self.names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return super().get(name, PLACEHOLDER)


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A saved query. ``defaults`` are the values of parameters that a request may leave out."""

    name: str
    face: Face
    document: Any
    defaults: Mapping[str, Any]
    #: Where names without a schema are looked up.
    schemas: tuple[str, ...]
    #: What it read when it was saved; it may read nothing else.
    reading: Reading = NOTHING

    def names(self) -> frozenset[str]:
        """Return the names of its parameters. Error: DocumentError."""
        return frozenset(self.parameters())

    def parameters(self) -> dict[str, bool]:
        """Return the names of its parameters, and whether a request must have them. Error: DocumentError."""
        if self.face == "graphql":
            found: dict[str, bool] = documents_of_graphql().variables_of(self)
            return found
        if self.face == "rest":
            names = {*Template(self.document["rest"]).names}
        else:
            asked = _Asked(self.defaults)
            _read_data(self.document, asked)
            names = asked.names
        return {name: name not in self.defaults for name in names}

    def writes(self) -> bool:
        """Whether it only writes, so that it is sent by POST. Error: DocumentError."""
        return self.face == "graphql" and bool(documents_of_graphql().writes(self))

    @property
    def text(self) -> str:
        """The text of a document of GraphQL."""
        return str(self.document["graphql"])

    def data(self, values: Mapping[str, Any] | None) -> Document:
        """Return its queries as data, with these values; None: with placeholders. Error: DocumentError."""
        return _read_data(self.document, _Asked(self.defaults) if values is None else {**self.defaults, **values})

    def url(self, values: Mapping[str, Any] | None) -> tuple[str, str]:
        """Return its path and query string, likewise. Error: DocumentError."""
        template = Template(self.document["rest"])
        known = dict.fromkeys(template.names, PLACEHOLDER) if values is None else values
        return template.filled({**known, **self.defaults} if values is None else {**self.defaults, **known})


def documents_of_graphql() -> ModuleType:
    """Return the module that reads documents of GraphQL. Error: DocumentError: the server has no graphql-core."""
    try:
        from . import graphql
    except ImportError as error:
        hint = "Where the server runs, install it from the source tree of IntegrateDB: make install-graphql."
        message = f"GraphQL needs the Python module graphql-core 3.3 on the server: {error}"
        raise DocumentError(("graphql",), message, f"{hint} Then begin a new session.", "0A000") from None
    return graphql


def read_saved(name: str, document: Any, schemas: tuple[str, ...], reading: Reading = NOTHING) -> SavedQuery:
    """Read a saved query. Error: DocumentError."""
    if not isinstance(document, dict | list):
        raise DocumentError((), f"expected a query, which is an object, found {shown(document)}")
    given = document if isinstance(document, dict) else {}
    face: Face = "rest" if "rest" in given else "graphql" if "graphql" in given else "data"
    if face != "data":
        keys = {"rest", "schema", "params"} if face == "rest" else {"graphql", "schema", "operation", "variables"}
        only(given, keys, ())
        for key in keys - {"params", "variables"}:
            if not isinstance(given.get(key, ""), str):
                raise DocumentError((key,), f"expected a text, found {shown(given[key])}")
    key = "variables" if face == "graphql" else "params"
    defaults = given.get(key, {}) if face != "data" or "query" in given else {}
    if not isinstance(defaults, dict):
        raise DocumentError((key,), f"expected an object, found {shown(defaults)}")
    if "schema" in given and face != "data":
        schemas = tuple(dict.fromkeys((given["schema"], *schemas)))
    return SavedQuery(name, face, document, defaults, schemas, reading)


def _read_data(document: Any, params: Mapping[str, Any]) -> Document:
    read = read_document(document, params)
    if read.explain:
        raise DocumentError(("explain",), "a saved query is run, and not explained")
    for number, step in enumerate(read.steps):
        if not isinstance(step.query, Select):
            place = (number,) if read.is_list else ()
            raise DocumentError(place, "a saved query reads: it does not insert, update or delete", None, "0A000")
    return read
