"""Fills the parameters of a saved URL: {{name}} in the place of a value, which never becomes structure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from ..faces.data.problems import DocumentError, shown

_PARAMETER: Final = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}")
_URL: Final = re.compile(r"GET /(\S*)", re.ASCII)
#: What stands before a value: an operator, and what a pattern of LIKE has around the value. IN has a list, IS a word.
_OPERATOR: Final = re.compile(r"(?:not\.)?(?!in\.|is\.)[a-z]+(?:\((?:any|all|[\w $]+)\))?\.[^(){}]*")
_NO_VALUES: Final = frozenset({"select", "order", "columns", "on_conflict", "and", "or"})
_EXAMPLE: Final = "Write it in the place of a value: age=gte.{{min}}, id=in.({{ids}}), limit={{limit}}."


class Template:
    """A URL with parameters. Error: DocumentError."""

    def __init__(self, text: str) -> None:
        found = _URL.fullmatch(text)
        if found is None:
            hint = 'Write {"rest": "GET /people?select=id,name"}. What a URL cannot have is percent-encoded.'
            raise DocumentError(("rest",), f'expected "GET /..." without blanks, found {shown(text)}', hint)
        path, _, query = found[1].partition("?")
        if _PARAMETER.search(path):
            raise DocumentError(("rest",), "the path of a saved query has no parameters", _EXAMPLE)
        self._path = "/" + path
        self._pieces = query.split("&") if query else []
        self.names = frozenset(_PARAMETER.findall(query))
        is_call = path.startswith("rpc/")
        for piece in self._pieces:
            for place in _PARAMETER.finditer(piece):
                if not _is_value(piece, place, is_call=is_call):
                    raise DocumentError(("rest",), f"the parameter {place[1]} is in the place of no value", _EXAMPLE)

    def filled(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """Return the path and the query string. Error: DocumentError."""
        return self._path, "&".join("".join(self._filled(piece, values)) for piece in self._pieces)

    def _filled(self, piece: str, values: Mapping[str, Any]) -> Iterator[str]:
        end = 0
        for place in _PARAMETER.finditer(piece):
            yield piece[end : place.start()]
            end = place.end()
            if place[1] not in values:
                raise DocumentError((place[1],), f"the parameter {shown(place[1])} is not given")
            value = values[place[1]]
            if _depth(piece, place.start()):
                listed = value if isinstance(value, list) else [value]
                yield quote(",".join(_quoted(_text(each, place[1])) for each in listed), safe="")
            else:
                yield quote(_text(value, place[1]), safe="")
        yield piece[end:]


def _is_value(piece: str, place: re.Match[str], *, is_call: bool) -> bool:
    name, equals, text = piece.partition("=")
    start, end = place.start() - len(name) - 1, place.end() - len(name) - 1
    if not equals or start < 0 or "%" in name:
        return False
    if _depth(piece, place.start()):
        # Within parentheses the value is quoted, so it must be all of a value.
        return text[start - 1] in ".(," and text[end : end + 1] in (",", ")") and name not in ("select", "order")
    if name.rpartition(".")[2] in ("limit", "offset"):
        return text == place[0]
    before = _PARAMETER.sub("", text[:start])
    if name in _NO_VALUES or name.rpartition(".")[2] in ("order", "and", "or"):
        return False
    return (is_call and text == place[0]) or _OPERATOR.fullmatch(before) is not None


def _depth(piece: str, position: int) -> int:
    """Return how many parentheses are open; those of an operator, such as fts(english), are closed."""
    return piece.count("(", 0, position) - piece.count(")", 0, position)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise DocumentError((name,), f"expected a text or a number, found {shown(value)}")
