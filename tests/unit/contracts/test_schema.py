"""The schema of contracts is that of the extension's documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from integratedb_companion.contracts.schema import contract_schema

ROOT = Path(__file__).parents[3]


def test_the_published_schema_is_made_of_the_extensions() -> None:
    """Else: integratedb schema > docs/contract.schema.json."""
    assert json.loads((ROOT / "docs/contract.schema.json").read_text()) == contract_schema()
    Draft202012Validator.check_schema(contract_schema())


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    whole = contract_schema()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [v for k, v in part.items() if k == "$ref"] + [r for v in part.values() for r in references(v)]
        return [r for v in part for r in references(v)] if isinstance(part, list) else []

    assert {reference.removeprefix("#/$defs/") for reference in references(whole)} <= whole["$defs"].keys()
