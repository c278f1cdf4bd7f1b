"""Describes saved queries in an OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..faces.data.problems import DocumentError
from ..saved.compiling import saved_query

Document = dict[str, Any]


def operations(row: Mapping[str, Any], error: Document) -> Document:
    """Return the operations of one saved query, as its row in the surface has it."""
    try:
        saved = saved_query(row)
        if saved.writes():
            return {}
        parameters = saved.parameters()
    except DocumentError:
        parameters = {}
    answer = {"description": "The answer.", "content": {"application/json": {"schema": {}}}}
    return {
        "get": {
            "tags": ["saved queries"],
            "summary": f"Ask {row['name']}",
            "operationId": f"ask_{row['name']}",
            "parameters": [_parameter(name, is_required) for name, is_required in sorted(parameters.items())],
            "responses": {"200": answer, "206": answer, "default": error},
        }
    }


def _parameter(name: str, is_required: bool) -> Document:
    return {
        "name": name,
        "in": "query",
        "required": is_required,
        "description": f"The value of {name}; several are a list.",
        "schema": {"type": "string"},
    }
