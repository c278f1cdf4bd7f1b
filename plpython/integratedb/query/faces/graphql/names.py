"""Makes the names of GraphQL from those of the surface, as PostGraphQL 1.x did; comments rename and deprecate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

#: So many names are remembered: most columns of a database have the names of others.
_NAMES: Final = 20_000
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Letters beyond ASCII separate nothing: such a name is none in GraphQL, and a comment renames it.
_SEPARATOR: Final = re.compile(r"[^A-Za-z0-9\x80-\U0010ffff]+")
_OUTER: Final = re.compile(r"(_*)(.*?)(_*)", re.DOTALL)
_TAG: Final = re.compile(r"@(name|deprecated)(?:[ \t]+(.*))?")


@dataclass(frozen=True, slots=True)
class Comment:
    """What a comment says: a description, another name, and why something is deprecated."""

    description: str | None = None
    name: str | None = None
    deprecated: str | None = None


_NONE: Final = Comment()


def read_comment(text: str | None) -> Comment:
    """Read a comment; a line ``@name other`` renames, and ``@deprecated reason`` deprecates."""
    if text is None:
        return _NONE
    lines, name, deprecated = [], None, None
    for line in text.splitlines():
        tag = _TAG.fullmatch(line.strip())
        if tag is None:
            lines.append(line)
        elif tag[1] == "name":
            name = (tag[2] or "").strip() or None
        else:
            deprecated = (tag[2] or "").strip() or "No longer supported"
    return Comment("\n".join(lines).strip() or None, name, deprecated)


def _words(name: str) -> tuple[str, list[str], str]:
    """Return the underscores before, the words, and the underscores behind."""
    outer = _OUTER.fullmatch(name)
    assert outer is not None
    return outer[1], [_lowered(word) for word in _SEPARATOR.split(outer[2]) if word], outer[3]


def _lowered(word: str) -> str:
    return word.lower() if word.isupper() else word


@lru_cache(_NAMES)
def camel(name: str) -> str:
    """Return a name in camelCase: author_id is authorId."""
    before, words, behind = _words(name)
    first, *others = words or [""]
    return before + first[:1].lower() + first[1:] + "".join(word[:1].upper() + word[1:] for word in others) + behind


def pascal(name: str) -> str:
    """Return a name in PascalCase: blog_post is BlogPost."""
    before, words, behind = _words(name)
    return before + "".join(word[:1].upper() + word[1:] for word in words) + behind


@lru_cache(_NAMES)
def upper_snake(name: str) -> str:
    """Return a name in UPPER_SNAKE: createdAt is CREATED_AT."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    outer = _OUTER.fullmatch(parts)
    assert outer is not None
    return outer[1] + _SEPARATOR.sub("_", outer[2]).upper() + outer[3]


@lru_cache(_NAMES)
def is_name(name: str) -> bool:
    """Whether GraphQL takes a name; those that begin with two underscores are its own."""
    return _NAME.fullmatch(name) is not None and not name.startswith("__")


def field_of_column(name: str) -> str:
    """Return the field of a column; ``id`` is the global id of Relay."""
    return "rowId" if name == "id" else camel(name)


def by(names: Iterable[str]) -> str:
    """Join the names of columns for a field: a_and_b."""
    return "_and_".join(names)
