"""Compares the entity tags of a request's conditions with that of an answer: RFC 9110, section 13. Pure."""

from __future__ import annotations

import re
from typing import Final

ANY: Final = "*"
_TAG: Final = re.compile(r'\s*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def tags(header: str | None) -> tuple[str, ...]:
    """Return the tags of If-Match or If-None-Match, without their quotation marks; ``("*",)`` for any.

    What is no list of tags gives the tags before the mistake: a condition that nobody understands holds for nothing.
    """
    if header is None:
        return ()
    if header.strip() == ANY:
        return (ANY,)
    found: list[str] = []
    position = 0
    while tag := _TAG.match(header, position):
        found.append(tag[1])
        position = tag.end()
    return tuple(found)


def matches(header: str, tag: str | None) -> bool:
    """Whether If-Match names this tag; ``None``: there is no row."""
    named = tags(header)
    return tag is not None and (named == (ANY,) or tag in named)


def is_known(header: str | None, tag: str) -> bool:
    """Whether If-None-Match names this tag, so that the client has the answer already."""
    named = tags(header)
    return named == (ANY,) or tag in named
