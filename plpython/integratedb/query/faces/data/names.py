"""Contains what is a name in a document: in JSON a text where only names can stand, in EDN a keyword."""

from __future__ import annotations

from typing import Any

from ...request import Column, Place
from .problems import DocumentError, shown


class Name(str):
    """A name that the notation itself marks as one: a keyword of EDN."""

    __slots__ = ()


class Names:
    """Reads names; ``marked``: only what the notation marks is a name, and each other text is a value."""

    def __init__(self, *, marked: bool = False) -> None:
        self._marked = marked

    def is_name(self, given: Any) -> bool:
        """Whether this, where only names can stand, is a name."""
        return isinstance(given, Name if self._marked else str)

    def name(self, given: Any, place: Place, what: str = "a name") -> str:
        """Read a name. Error: DocumentError."""
        if not self.is_name(given) or not given:
            raise DocumentError(place, f"expected {what}, found {shown(given)}")
        return str(given)

    def names(self, given: Any, place: Place) -> tuple[str, ...]:
        """Read a list of names. Error: DocumentError."""
        return tuple(self.name(each, (*place, n)) for n, each in enumerate(listed(given, place)))


def field(given: Any, place: Place) -> Column:
    """Read the name of a column, with or without its source: ``id``, ``f.id``."""
    if not isinstance(given, str) or not given:
        raise DocumentError(place, f"expected the name of a column, found {shown(given)}")
    source, _, name = str(given).rpartition(".")
    return Column(name, source or None, place)


def listed(given: Any, place: Place) -> list[Any]:
    """Read a list. Error: DocumentError."""
    if not isinstance(given, list):
        raise DocumentError(place, f"expected a list, found {shown(given)}")
    return given


def only(given: dict[str, Any], known: set[str], place: Place) -> None:
    """Refuse keys that are not known. Error: DocumentError."""
    unknown = sorted({*map(str, given)} - known)
    if "raw" in unknown or "inline" in unknown:
        raise DocumentError((*place, unknown[0]), "SQL in a query as data is refused, always")
    if unknown:
        raise DocumentError(
            (*place, unknown[0]), f"unknown key: {shown(unknown[0])}", f"The keys are: {', '.join(sorted(known))}."
        )
