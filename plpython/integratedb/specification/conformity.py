"""Decides whether a document conforms to one of the published JSON Schemas, in a hundredth of jsonschema's time.

Only the keywords of these schemas are implemented, as JSON Schema 2020-12 defines them. Any other keyword is an error,
so a schema cannot use a keyword that nothing checks. The wording of refusals is left to shape.py and jsonschema.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..interrupts import steps

Schema = dict[str, Any]

#: These keywords describe, and check nothing.
ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description", "examples", "default"})


def conforms(value: object, schema: Schema, root: Schema) -> bool:
    """Whether a value conforms to a schema, which is the root or a part of it."""
    return all(
        _CHECKS[keyword](value, wanted, schema, root)
        for keyword, wanted in schema.items()
        if keyword not in ANNOTATIONS
    )


_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    # 1.0 is an integer.
    "integer": lambda value: _is_number(value) and (not isinstance(value, float) or value.is_integer()),
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: object, wanted: object) -> bool:
    """Whether two values are equal; true is not 1."""
    assert wanted is None or isinstance(wanted, str | bool)  # numbers, arrays and objects would need more
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _type(value: object, wanted: Any, _schema: Schema, _root: Schema) -> bool:
    return any(_TYPES[name](value) for name in ([wanted] if isinstance(wanted, str) else wanted))


def _reference(value: object, wanted: str, _schema: Schema, root: Schema) -> bool:
    return conforms(value, root["$defs"][wanted.removeprefix("#/$defs/")], root)


def _if(value: object, condition: Schema, schema: Schema, root: Schema) -> bool:
    return conforms(value, schema.get("then" if conforms(value, condition, root) else "else", {}), root)


def _properties(value: object, wanted: dict[str, Schema], _schema: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        conforms(value[name], schema, root) for name, schema in wanted.items() if name in value
    )


def _additional_properties(value: object, allowed: bool, schema: Schema, _root: Schema) -> bool:
    assert allowed is False
    return not isinstance(value, dict) or all(name in schema["properties"] for name in steps(value))


def _items(value: object, wanted: Schema, _schema: Schema, root: Schema) -> bool:
    return not isinstance(value, list) or all(conforms(entry, wanted, root) for entry in steps(value))


#: Each check is given the value, what the keyword says, the schema with the keyword, and the whole schema.
_CHECKS: dict[str, Callable[[Any, Any, Schema, Schema], bool]] = {
    "$ref": _reference,
    "type": _type,
    "enum": lambda value, wanted, *_: any(_same(value, entry) for entry in wanted),
    "const": lambda value, wanted, *_: _same(value, wanted),
    "if": _if,
    "then": lambda *_: True,
    "else": lambda *_: True,
    "required": lambda value, wanted, *_: not isinstance(value, dict) or all(name in value for name in wanted),
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "items": _items,
    "minItems": lambda value, wanted, *_: not isinstance(value, list) or len(value) >= wanted,
    "maxItems": lambda value, wanted, *_: not isinstance(value, list) or len(value) <= wanted,
    "minLength": lambda value, wanted, *_: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda value, wanted, *_: not isinstance(value, str) or len(value) <= wanted,
    "pattern": lambda value, wanted, *_: not isinstance(value, str) or re.search(wanted, value) is not None,
    "minimum": lambda value, wanted, *_: not _is_number(value) or not value < wanted,
    "maximum": lambda value, wanted, *_: not _is_number(value) or not value > wanted,
}
