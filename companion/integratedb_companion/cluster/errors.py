"""Defines the refusal of a request to the agent."""

from __future__ import annotations


class RefusedError(Exception):
    """Ends a request with an HTTP status, a message and a remedy."""

    def __init__(self, status: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint
