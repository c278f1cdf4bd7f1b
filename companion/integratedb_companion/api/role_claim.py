"""Finds the role in the claims of a token, by a path such as $.app.roles[0]; pure.

The paths of PostgREST are understood too: .app.roles[0], ."https://example.org/role", filters such as
.roles[?(@ ^== "app_")], and slices of a text such as .role[4:].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_KEY: Final = re.compile(r"\.(?:([A-Za-z0-9_@$:-]+)|\"((?:[^\"\\]|\\.)*)\")")
_BRACKET_KEY: Final = re.compile(r"\[(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)')\]")
_INDEX: Final = re.compile(r"\[(-?[0-9]{1,9})\]")
_SLICE: Final = re.compile(r"\[(-?[0-9]{1,9})?:(-?[0-9]{1,9})?\]")
_FILTER: Final = re.compile(r"\[\?\( *@ *(==\^|\^==|\*==|==|!=) *\"((?:[^\"\\]|\\.)*)\" *\)\]")

#: PostgREST's operators: equal, unequal, begins with, ends with, contains.
_OPERATORS: Final[dict[str, Callable[[str, str], bool]]] = {
    "==": lambda one, text: one == text,
    "!=": lambda one, text: one != text,
    "^==": lambda one, text: one.startswith(text),
    "==^": lambda one, text: one.endswith(text),
    "*==": lambda one, text: text in one,
}


class RoleClaimError(ValueError):
    """The path cannot be read."""


@dataclass(frozen=True, slots=True)
class Key:
    """A member of an object."""

    name: str

    def of(self, value: Any) -> Any:
        return value.get(self.name) if isinstance(value, Mapping) else None


@dataclass(frozen=True, slots=True)
class Index:
    """An element of an array, from 0; from the end, if negative."""

    position: int

    def of(self, value: Any) -> Any:
        if not isinstance(value, list) or not -len(value) <= self.position < len(value):
            return None
        return value[self.position]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a text."""

    start: int | None
    end: int | None

    def of(self, value: Any) -> Any:
        return value[self.start : self.end] if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Filter:
    """The first text of an array that satisfies a comparison."""

    operator: str
    text: str

    def of(self, value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return next((one for one in value if isinstance(one, str) and _OPERATORS[self.operator](one, self.text)), None)


@dataclass(frozen=True, slots=True)
class RoleClaim:
    """A path to the role."""

    steps: tuple[Key | Index | Slice | Filter, ...]

    @classmethod
    def parse(cls, path: str) -> RoleClaim:
        """Parse a path. Error: RoleClaimError."""
        rest = path.strip().removeprefix("$")
        if rest and rest[0] not in ".[":
            rest = f".{rest}"
        steps: list[Key | Index | Slice | Filter] = []
        while rest:
            if found := _KEY.match(rest):
                steps.append(Key(found[1] if found[1] is not None else _unescaped(found[2])))
            elif found := _BRACKET_KEY.match(rest):
                steps.append(Key(_unescaped(found[1] if found[1] is not None else found[2])))
            elif found := _INDEX.match(rest):
                steps.append(Index(int(found[1])))
            elif found := _SLICE.match(rest):
                steps.append(Slice(*(None if part is None else int(part) for part in found.groups())))
            elif found := _FILTER.match(rest):
                steps.append(Filter(found[1], _unescaped(found[2])))
            else:
                raise RoleClaimError(f"not a path at {rest[:30]!r}; an example is $.app.roles[0]")
            rest = rest[found.end() :]
        if not steps:
            raise RoleClaimError("it is empty; an example is $.role")
        return cls(tuple(steps))

    def of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the role of a token; None if the token names none."""
        value: Any = claims
        for step in self.steps:
            value = step.of(value)
        return value if isinstance(value, str) and value else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
