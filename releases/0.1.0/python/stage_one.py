"""Stage one: does a document have the shape that the JSON Schema asks for. The only module that imports jsonschema."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from .document import key_pointer, pointer, show
from .model import Refusal

#: Nobody reads more; the rest comes up when these are mended.
MAX_REFUSALS = 100

_TYPES = {
    "object": "an object",
    "array": "an array",
    "string": "text",
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}

#: The keys of a channel whose text may stand in a message, and so in a log.
_HARMLESS_CHANNEL_KEYS = frozenset({"name", "type", "mode"})


def check_shape(document: object, kind: str) -> list[Refusal]:
    """What the JSON Schema of this kind of specification refuses, at most MAX_REFUSALS of it."""
    errors = itertools.islice(_validator(kind).iter_errors(document), MAX_REFUSALS)
    refusals = itertools.chain.from_iterable(map(_refusals, errors))
    return list(itertools.islice(dict.fromkeys(refusals), MAX_REFUSALS))


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of specification, as published."""
    from pathlib import Path  # with what it imports in turn it costs a session more than the rest of this package

    text = Path(__file__).with_name(f"{kind}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def _validator(kind: str) -> Any:
    # Here and not above: importing jsonschema costs some 65 ms, which only the intake of a specification may pay.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(kind))


def _refusals(error: Any) -> Iterator[Refusal]:
    steps = tuple(error.absolute_path)
    title = error.schema["title"]
    if error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield Refusal(f"{title} needs {show(key)}", pointer(steps))
    elif error.validator == "additionalProperties":
        allowed = error.schema["properties"]
        for key in error.instance:
            if key not in allowed:
                yield Refusal(
                    f"{show(key)} is not allowed in {title}; allowed: {_listed(allowed)}",
                    key_pointer(steps, key),
                )
    else:
        yield Refusal(_message(error, title, _show(error.instance, steps)), pointer(steps))


def _message(error: Any, title: str, shown: str) -> str:
    wanted = error.validator_value
    match error.validator:
        case "type":
            types = " or ".join(_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
            return f"{shown} is not {types}" + ("" if title == types else f"; expected {title}")
        case "enum":
            return f"{shown} is not {title}; allowed: {_listed(wanted)}"
        case "minItems":
            return f"it is empty; expected {title}"
        case "maxLength":
            return f"{shown} is longer than {wanted} characters; expected {title}"
        case _:  # const, minimum, maximum, minLength, pattern: the title says what would be right
            return f"{shown} is not {title}"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(show, values))


def _show(value: object, steps: tuple[str | int, ...]) -> str:
    secret = steps[:1] == ("channels",) and steps[-1] not in _HARMLESS_CHANNEL_KEYS and isinstance(value, str)
    return "the text" if secret else show(value)
