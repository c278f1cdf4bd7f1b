"""Contains the errors of documents: a message of our own, and the place in the document."""

from __future__ import annotations

from typing import Any

from ...request import Place


class DocumentError(Exception):
    """A document is no query. ``pointer`` is where, as a JSON pointer in a URI fragment: #/where/1."""

    def __init__(self, place: Place, message: str, hint: str | None = None, code: str = "22023") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.pointer = pointer(place)


def pointer(place: Place) -> str:
    """Return a place as a JSON pointer in a URI fragment."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


def shown(value: Any) -> str:
    """Return a part of a document for a message, short."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
