"""Exports the current state as contracts; secrets become `${NAME}`, because they are shown to nobody."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from .model import Document
from .variables import escape
from .yaml_source import write

#: integratedb_specification() shows this in place of a secret.
REDACTED = "********"
SCHEMA_FILE = "contract.schema.json"
HEADER = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"


def contract_text(
    stakeholder: str,
    claims: Document,
    notifications: Document,
    variables: set[str],
    queries: Mapping[str, Any] | None = None,
) -> str:
    """Return the contract file of a stakeholder, without specifications that are empty.

    ``variables`` are the names that other secrets already have; new names are added to it.
    """
    contract: Document = {"stakeholder": stakeholder}
    if claims["match"]:
        contract["claims"] = _escaped(claims)
    if notifications["match"] or notifications.get("channels"):
        shown = _escaped(notifications)
        if "channels" in shown:
            shown["channels"] = [_with_variables(stakeholder, channel, variables) for channel in shown["channels"]]
        contract["notifications"] = shown
    if queries:
        contract["queries"] = _escaped(queries)
    return HEADER + write(contract)


def variable_name(stakeholder: str, channel: Document, key: str, taken: set[str]) -> str:
    """Return the variable for a secret, such as MAILER_HOOK_SECRET, with a number if the name is taken."""
    plain = re.sub(r"[^A-Z0-9_]", "_", f"{stakeholder}_{channel.get('name', channel['type'])}_{key}".upper())
    name = next(
        name for name in itertools.chain([plain], (f"{plain}_{n}" for n in itertools.count(2))) if name not in taken
    )
    taken.add(name)
    return name


def _with_variables(stakeholder: str, channel: Document, taken: set[str]) -> Document:
    shown = dict(channel)
    for key, variable in (("secret", "SECRET"), ("url", "PASSWORD")):
        if REDACTED in str(shown.get(key, "")):
            name = variable_name(stakeholder, channel, variable, taken)
            shown[key] = shown[key].replace(REDACTED, f"${{{name}}}")
    return shown


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {key: _escaped(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_escaped(entry) for entry in value]
    return value
