"""Checks contracts against the JSON Schema, without a database, so that an editor's hook can run the check."""

from __future__ import annotations

from typing import Any

from integratedb.specification.document import show

from .model import Contract, Document, Finding, Steps
from .schema import contract_schema


def check_shapes(contracts: list[Contract]) -> list[Finding]:
    """Return what the schema refuses, in the order of the lines."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(contract_schema())
    findings = []
    for contract in contracts:
        document: Document = {"stakeholder": contract.stakeholder}
        document |= {"claims": contract.claims, "notifications": contract.notifications, "queries": contract.queries}
        for error in validator.iter_errors(document):
            steps: Steps = tuple(error.absolute_path)
            findings += [Finding(text, contract.file, contract.line(where)) for text, where in _explain(error, steps)]
    return sorted(set_of(findings), key=lambda finding: (finding.file, finding.line))


def set_of(findings: list[Finding]) -> list[Finding]:
    """Return the findings without repetitions."""
    return list({(finding.file, finding.line, finding.message): finding for finding in findings}.values())


def _explain(error: Any, steps: Steps) -> list[tuple[str, Steps]]:
    """Return the messages of an error: the schema's titles say what is valid. Possible secrets are not shown."""
    title = error.schema.get("title", "what is allowed here")
    match error.validator:
        case "required":
            return [(f"{title} needs {show(key)}", steps) for key in error.validator_value if key not in error.instance]
        case "additionalProperties":
            allowed = error.schema["properties"]
            return [
                (f"{show(key)} is not allowed in {title}; allowed: {', '.join(map(show, allowed))}", (*steps, key))
                for key in error.instance
                if key not in allowed
            ]
        case "minItems":
            return [(f"it is empty; expected {title}", steps)]
        case _ if steps[-1:] in (("secret",), ("url",)):
            return [(f"the text is not {title}", steps)]
        case _:
            return [(f"{show(error.instance)} is not {title}", steps)]
