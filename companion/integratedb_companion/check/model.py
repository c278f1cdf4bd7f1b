"""Defines the result of a check as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

OK, BROKEN, UNABLE = 0, 1, 2


class UnableError(Exception):
    """The check could not be made: no Postgres, no base; `hint` says what helps."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Step:
    """One step of a check, its duration, and the end of its command's output."""

    name: Literal["postgres", "base", "contracts", "migrations"]
    ok: bool
    seconds: float
    said: str = ""


@dataclass(frozen=True)
class Break:
    """A contract that would break, or that is not met from the beginning."""

    step: Literal["contracts", "migrations"]
    stakeholder: str
    kind: str
    message: str
    path: str | None = None
    column: str | None = None
    hint: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass
class Report:
    """The whole result, in the order of events."""

    steps: list[Step] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    stakeholders: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status: 0 nothing would break; 1 a contract would break, or the migrations fail; 2 no result."""
        if self.breaks:
            return BROKEN
        failed = [step.name for step in self.steps if not step.ok]
        return OK if not failed else BROKEN if failed == ["migrations"] else UNABLE

    def as_json(self) -> dict[str, Any]:
        """Return the report as a document."""
        result = {OK: "passed", BROKEN: "broken", UNABLE: "unable"}[self.status]
        return {"result": result, **asdict(self)}
