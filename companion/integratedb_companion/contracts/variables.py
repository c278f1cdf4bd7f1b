"""Replaces `${NAME}` in a contract with environment variables, so that no secret is in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from integratedb.specification.channel_rules import variables_of
from integratedb_companion.common.masking import note_secret

from .model import Finding, Steps

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{(?P<name>[^}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


#: Returns the value of a variable, or None if it is not set. Arguments: its name, whether it is the whole text, and the
#: stakeholder.
Lookup = Callable[[str, bool, str], str | None]


def environment(variables: Mapping[str, str]) -> Lookup:
    """Look up variables that must be set; an empty one counts as not set, because an empty secret is not a secret."""
    return lambda name, _, __: variables.get(name) or None


def for_daemon(variables: Mapping[str, str]) -> Lookup:
    """Look up optional variables where no secret is used; an unset one becomes a valid `env:NAME` of the daemon."""
    return lambda name, alone, stakeholder: (
        variables.get(name) or (f"env:{variables_of(stakeholder)}UNSET" if alone else "unset")
    )


def escape(text: str) -> str:
    """Escape a text so that it is read back unchanged."""
    return text.replace("${", "$${")


def interpolate(
    value: Any, lookup: Lookup, file: str, lines: Mapping[Steps, int], steps: Steps = ()
) -> tuple[Any, list[Finding]]:
    """Replace the variables in all texts, but not in keys; faults are reported by file and line."""
    findings: list[Finding] = []
    named = value.get("stakeholder") if isinstance(value, dict) else None
    stakeholder = named if isinstance(named, str) else ""

    def replaced(text: str, where: Steps) -> str:
        def one(found: re.Match[str]) -> str:
            if found[0] == "$${":
                return "${"
            name = found["name"]
            if name is None or not _NAME.fullmatch(name):
                shown = found[0] if name is not None else "${ without }"
                findings.append(
                    Finding(f"{shown} is not a variable such as ${{NAME}}; $${{ stands for ${{", file, lines[where])
                )
                return ""
            known = lookup(name, found[0] == text, stakeholder)
            if known is None:
                findings.append(Finding(f"the environment variable {name} is not set", file, lines[where]))
            else:
                note_secret(name, known, where)
            return known or ""

        return _PLACEHOLDER.sub(one, text)

    def walk(part: Any, where: Steps) -> Any:
        if isinstance(part, str):
            return replaced(part, where)
        if isinstance(part, dict):
            return {key: walk(entry, (*where, key)) for key, entry in part.items()}
        if isinstance(part, list):
            return [walk(entry, (*where, index)) for index, entry in enumerate(part)]
        return part

    return walk(value, steps), findings
