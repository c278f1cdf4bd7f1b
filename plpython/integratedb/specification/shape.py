"""Checks the shape of a document against the JSON Schema; jsonschema is imported only to word refusals."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..interrupts import steps as interruptible
from .conformity import conforms
from .document import key_pointer, pointer, show
from .model import Refusal

#: The most refusals of a document; the others appear after these are corrected.
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

#: The keys of a channel whose text may appear in a message, and so in a log.
_HARMLESS_CHANNEL_KEYS = frozenset({"name", "type", "mode"})


def check_shape(document: object, kind: str) -> list[Refusal]:
    """Return what the JSON Schema of this kind of specification refuses, at most MAX_REFUSALS refusals."""
    known = _schema(kind)
    if conforms(document, known, known):
        return []
    errors = itertools.islice(_validator(kind).iter_errors(document), MAX_REFUSALS)
    refusals = itertools.chain.from_iterable(map(_refusals, errors))
    return list(itertools.islice(dict.fromkeys(refusals), MAX_REFUSALS))


def schema(kind: str) -> dict[str, Any]:
    """Return the published JSON Schema of a kind of specification."""
    from pathlib import Path  # slower to import than the rest of this package

    text = Path(__file__).with_name(f"{kind}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def _schema(kind: str) -> dict[str, Any]:
    return schema(kind)


@functools.cache
def _validator(kind: str) -> Any:
    # Imported here, because importing jsonschema takes about 65 ms, which only a document that is refused may cost.
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # jsonschema has no types.
    interruptible_validator: Any = extend(Draft202012Validator, {"items": _items})  # type: ignore[no-untyped-call]
    return interruptible_validator(_schema(kind))


def _items(validator: Any, entries: Any, instance: object, _schema: Any) -> Iterator[Any]:
    """Implement jsonschema's keyword "items", without features that these schemas do not use, but cancellable."""
    if isinstance(instance, list):
        for index, entry in enumerate(interruptible(instance)):
            yield from validator.descend(instance=entry, schema=entries, path=index)


def _refusals(error: Any) -> Iterator[Refusal]:
    steps = tuple(error.absolute_path)
    title = error.schema["title"]
    if error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield Refusal(f"{title} needs {show(key)}", pointer(steps))
    elif error.validator == "additionalProperties":
        allowed = error.schema["properties"]
        for key in interruptible(error.instance):
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
        case _:  # const, minimum, maximum, minLength, pattern: the title says what is valid
            return f"{shown} is not {title}"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(show, values))


def _show(value: object, steps: tuple[str | int, ...]) -> str:
    secret = steps[:1] == ("channels",) and steps[-1] not in _HARMLESS_CHANNEL_KEYS and isinstance(value, str)
    return "the text" if secret else show(value)
