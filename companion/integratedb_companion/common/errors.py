"""Defines the error that ends a command: a message, a remedy, and an exit status."""

from __future__ import annotations

from typing import Any

STATUS_REFUSED, STATUS_USAGE, STATUS_CHANGES, STATUS_NO_CONNECTION = 1, 2, 3, 5


STATUS_INTERNAL, STATUS_INTERRUPTED, STATUS_OUTPUT_CLOSED = 70, 130, 141


class CommandError(Exception):
    """Ends a command with a message, a remedy, and an exit status."""

    def __init__(
        self,
        message: str,
        *,
        status: int = STATUS_REFUSED,
        hint: str | None = None,
        problems: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.hint, self.problems = message, status, hint, problems or []
