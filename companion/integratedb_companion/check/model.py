"""What a check finds, as plain data."""

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
    """One of the steps, what it took, and the end of what its command printed."""

    name: Literal["postgres", "base", "contracts", "migrations"]
    ok: bool
    seconds: float
    said: str = ""


@dataclass(frozen=True)
class Break:
    """A contract that would break, or that does not hold to begin with."""

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
    """All of it, in the order in which it came."""

    steps: list[Step] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    stakeholders: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status: 0 nobody would be hurt; 1 somebody would, or the migrations fail; 2 it could not be tried."""
        if self.breaks:
            return BROKEN
        failed = [step.name for step in self.steps if not step.ok]
        return OK if not failed else BROKEN if failed == ["migrations"] else UNABLE

    def as_json(self) -> dict[str, Any]:
        """As a document."""
        result = {OK: "passed", BROKEN: "broken", UNABLE: "unable"}[self.status]
        return {"result": result, **asdict(self)}
