"""Contains what the URL face is configured with, and what it asks of the service: how a JSON body is scanned."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeAlias

#: The keys of a row; None: the row is no object.
Keys: TypeAlias = tuple[str, ...] | None


class Scan(Protocol):
    """Scans a JSON text: whether it is an array, the distinct keys of its rows, and their number.

    The keys of a row are distinct and in the order of the text; a row that is no object has None. What is neither array
    nor object is one row. ValueError: the text is no JSON, or not UTF-8.
    """

    def __call__(self, text: bytes, /) -> tuple[bool, list[Keys], int]: ...


def scan_json(text: bytes) -> tuple[bool, list[Keys], int]:
    """The scanner of the standard library, for callers without a faster one."""

    def keys(value: object) -> Keys:
        return tuple(value) if isinstance(value, dict) else None

    try:
        document: Any = json.loads(text.decode("utf-8"), parse_constant=_no_json)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    rows = document if isinstance(document, list) else [document]
    return isinstance(document, list), list(dict.fromkeys(map(keys, rows))), len(rows)


def _no_json(name: str) -> NoReturn:
    raise ValueError(name)


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a request's body, whole, or a part of it that consists of whole lines."""

    content: bytes
    scan: Scan | Callable[[bytes], tuple[bool, list[Keys], int]] = scan_json
    #: The number that the first line has in the whole body.
    first_line: int = 1


@dataclass(frozen=True, slots=True)
class UrlSettings:
    """Configuration of the service, as far as reading a request needs it."""

    schemas: tuple[str, ...] = ("public",)
    #: How deeply embeds and conditions may be nested.
    max_depth: int = 32
    #: Whether a client may choose how its transaction ends (Prefer: tx=).
    transaction_override: bool = False
    #: Whether application/vnd.pgrst.plan is answered.
    plan: bool = False
    #: Whether the root describes the surface.
    root: bool = True
    #: The function that answers the root instead.
    root_function: str | None = None
