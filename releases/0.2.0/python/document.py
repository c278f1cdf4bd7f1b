"""What every stage says about a document: JSON pointers, values shown in messages, and what no document may hold."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from .model import Refusal

#: A specification is at most nine levels deep; what is much deeper is refused before anything recurses into it.
MAX_DEPTH = 16

TOO_DEEP = Refusal("it is nested deeper than any specification", "#")

_SHOWN_CHARACTERS = 60
_POINTED_CHARACTERS = 100


def pointer(steps: Iterable[str | int]) -> str:
    """The JSON pointer of a place, as a URI fragment: ``#/match/0/fields/2/name``."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def key_pointer(steps: Iterable[str | int], key: str) -> str:
    """The pointer of a key that somebody made up; of the object around it when the key is absurdly long."""
    return pointer(steps) if len(key) > _POINTED_CHARACTERS else pointer([*steps, key])


def show(value: object) -> str:
    """A JSON value for a message: short whatever its size."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return json.dumps(value[:_SHOWN_CHARACTERS], ensure_ascii=False) + " (cut)"
    return json.dumps(value, ensure_ascii=False)


def unreadable(document: object) -> Refusal | None:
    """The first place that holds what no specification can: depth, numbers or characters that Postgres cannot store.

    It walks without recursion, so that everything after it may recurse and print without a thought.
    """
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(document, ())]
    while waiting:
        value, steps = waiting.pop()
        if isinstance(value, (dict, list)):
            if len(steps) >= MAX_DEPTH:
                return Refusal(TOO_DEEP.message, pointer(steps))
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            for key, entry in entries:
                if isinstance(key, str):
                    if (problem := _text_problem(key)) is not None:
                        return Refusal(f"a key {problem}", pointer(steps))
                elif isinstance(value, dict):
                    return Refusal("a key is no text", pointer(steps))
                waiting.append((entry, (*steps, key)))
        elif (problem := _scalar_problem(value)) is not None:
            return Refusal(f"the value {problem}", pointer(steps))
    return None


def _scalar_problem(value: object) -> str | None:
    if isinstance(value, str):
        return _text_problem(value)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return "is a number with more than 18 digits" if value.bit_length() > 63 else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "is no finite number"
    return "is no JSON"


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return "contains the character NUL"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "contains half a surrogate pair"
    return None
