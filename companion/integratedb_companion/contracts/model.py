"""Defines a contract as plain data: its content, and the line of each value in its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Steps = tuple[str | int, ...]
Document = dict[str, Any]

KINDS = ("claims", "notifications")
#: What a contract has beside its stakeholder: the specifications, and saved queries by their names.
PARTS = (*KINDS, "queries")


@dataclass(frozen=True)
class Contract:
    """The desired state of one stakeholder; `lines` holds the line of every value, by the path to it."""

    stakeholder: str
    claims: Document
    notifications: Document
    file: str
    lines: Mapping[Steps, int] = field(default_factory=dict)
    queries: Mapping[str, Any] = field(default_factory=dict)

    def document(self, kind: str) -> Document:
        """Return the specification of a kind."""
        return self.claims if kind == "claims" else self.notifications

    def line_of_query(self, name: str, pointer: str = "#") -> int:
        """Return the line of a place in a saved query."""
        return self.line_of_pointer("queries", f"#/{name}{pointer.lstrip('#')}")

    def line(self, steps: Steps) -> int:
        """Return the line of a value, or of the nearest enclosing value with a line."""
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)

    def line_of_pointer(self, kind: str, pointer: str) -> int:
        """Return the line of a JSON pointer into a specification."""
        steps: list[str | int] = [kind]
        for part in pointer.lstrip("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            steps.append(int(key) if key.isdigit() and (*steps, int(key)) in self.lines else key)
        return self.line(tuple(steps))

    def line_of_column(self, kind: str, path: str | None, column: str | None) -> int:
        """Return the line of a column in a specification, otherwise of its table, otherwise of the specification."""
        if kind not in KINDS:
            return self.line((kind,))
        for steps, alternative in _tables((kind,), self.document(kind)):
            if alternative["path"] == path:
                for inner, value in _values((*steps, "fields"), alternative.get("fields")):
                    if value == column:
                        return self.line(inner)
                return self.line((*steps, "path"))
        return self.line((kind,))


def _tables(steps: Steps, value: Any) -> Iterator[tuple[Steps, Document]]:
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield steps, value
        for key, entry in value.items():
            yield from _tables((*steps, key), entry)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _tables((*steps, index), entry)


def _values(steps: Steps, value: Any) -> Iterator[tuple[Steps, Any]]:
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _values((*steps, key), entry)
    else:
        yield steps, value


@dataclass(frozen=True)
class Finding:
    """A fault of a contract, with its place."""

    message: str
    file: str
    line: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_problem(self) -> dict[str, Any]:
        """Return the finding as failures list it."""
        return {"file": self.file, "line": self.line, "message": self.message, **self.more}


class ContractsError(Exception):
    """An operation on contracts failed: a message, the findings, and what to do."""

    status = 1
    hint: str | None = None

    def __init__(self, message: str, findings: list[Finding] | None = None) -> None:
        super().__init__(message)
        self.findings = findings or []


class UnusableContractsError(ContractsError):
    """The input files of a command cannot be used, and the database was not contacted."""

    status = 2

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("the input cannot be used", findings)
