"""Builds the JSON Schema of a contract for editors, from the extension's schemas, so that no rule exists twice.

`integratedb schema` prints it; a test checks that docs/contract.schema.json is equal.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from .model import KINDS

_TEXTS = {
    "claims": "What the stakeholder depends on and may read: a specification as integratedb_claim() takes it.",
    "notifications": "What row changes it is told of, and where: a specification as integratedb_notify() takes it. "
    "A channel that the file leaves out is not there.",
}


def contract_schema() -> dict[str, Any]:
    """Return the schema of this version."""
    core = resources.files("integratedb.specification")
    return build({kind: json.loads((core / f"{kind}.schema.json").read_text(encoding="utf-8")) for kind in KINDS})


def build(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Combine the schemas of the kinds of specification, with separate names for their definitions."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {
        "stakeholder": {
            "title": "the name of a stakeholder",
            "description": "The name of the application, of its role and of its schema: 1 to 32 of a to z, 0 to 9 and "
            "_, not beginning with a digit.",
            "type": "string",
            "pattern": "^[a-z_][a-z0-9_]{0,31}$",
        }
    }
    for kind in KINDS:
        whole = _moved(schemas[kind], kind)
        definitions |= {f"{kind}_{name}": definition for name, definition in whole.pop("$defs").items()}
        del whole["$schema"]
        properties[kind] = {**whole, "title": f"a specification of {kind}", "description": _TEXTS[kind]}
    properties["queries"] = {
        "title": "the saved queries, by their names",
        "description": "What the stakeholder may ask by name: each query as integratedb_save_query() takes it. A query "
        "that the file leaves out is dropped.",
        "type": "object",
        "propertyNames": {"title": "a name of a to z, 0 to 9, _ and -", "pattern": "^[a-z_][a-z0-9_-]{0,62}$"},
        "additionalProperties": {
            "title": 'a query as data, {"rest": "GET /people"} or {"graphql": "..."}',
            "type": ["object", "array"],
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a contract",
        "description": "A stakeholder of a database with IntegrateDB, as integratedb apply makes it. ${NAME} in a text "
        "stands for an environment variable.",
        "type": "object",
        "required": ["stakeholder"],
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }


def _moved(part: Any, kind: str) -> Any:
    if isinstance(part, dict):
        moved = {key: _moved(entry, kind) for key, entry in part.items()}
        if isinstance(moved.get("$ref"), str):
            moved["$ref"] = moved["$ref"].replace("#/$defs/", f"#/$defs/{kind}_")
        return moved
    return [_moved(entry, kind) for entry in part] if isinstance(part, list) else part
