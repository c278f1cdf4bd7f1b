"""A contract as plain data: what a file says, and where in the file it says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Steps = tuple[str | int, ...]
Document = dict[str, Any]

KINDS = ("claims", "notifications")


@dataclass(frozen=True)
class Contract:
    """One stakeholder as a file wants it to be; `lines` has the line of every value, by the steps that lead to it."""

    stakeholder: str
    claims: Document
    notifications: Document
    file: str
    lines: Mapping[Steps, int] = field(default_factory=dict)

    def document(self, kind: str) -> Document:
        """The specification of a kind."""
        return self.claims if kind == "claims" else self.notifications

    def line(self, steps: Steps) -> int:
        """The line of a value, or of the nearest thing around it that has one."""
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)

    def line_of_pointer(self, kind: str, pointer: str) -> int:
        """The line that a JSON pointer into a specification leads to."""
        steps: list[str | int] = [kind]
        for part in pointer.lstrip("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            steps.append(int(key) if key.isdigit() and (*steps, int(key)) in self.lines else key)
        return self.line(tuple(steps))

    def line_of_column(self, kind: str, path: str | None, column: str | None) -> int:
        """The line on which a specification names a column, or else its table, or else the line of the specification."""
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
    """Something that is wrong with a contract, and where."""

    message: str
    file: str
    line: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_problem(self) -> dict[str, Any]:
        """As failures list it."""
        return {"file": self.file, "line": self.line, "message": self.message, **self.more}


class ContractsError(Exception):
    """Why something cannot be done with contracts: a message, what is wrong where, and what to do."""

    status = 1
    hint: str | None = None

    def __init__(self, message: str, findings: list[Finding] | None = None) -> None:
        super().__init__(message)
        self.findings = findings or []


class UnusableContractsError(ContractsError):
    """Files that cannot be used, contracts or what else a command was given, and why; no database was asked."""

    status = 2

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("the input cannot be used", findings)
