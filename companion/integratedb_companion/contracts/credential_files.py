"""Credentials on standard output, or in a file that nobody else can read and that keeps what it had."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from .credentials import Credentials, CredentialsError


class StandardOutput:
    """As JSON on standard output."""

    def __str__(self) -> str:
        return "standard output"

    def prepare(self) -> None:
        """Nothing can be known before."""

    def write(self, credentials: list[Credentials]) -> None:
        """Print them, and see that they went out."""
        try:
            print(json.dumps(_by_stakeholder(credentials), indent=2), flush=True)
        except OSError as problem:
            # What is left in the buffer would fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CredentialsError(f"standard output: {problem.strerror}") from None

    def undo(self) -> None:
        """Nobody can take that back: the message of the failure says that the passwords are void."""


class PrivateFile(ABC):
    """A file that is replaced as a whole, with mode 0600; what it had comes back when the database says no."""

    def __init__(self, path: str) -> None:
        self.given = path
        self.path = Path(os.path.realpath(path))
        self.before: bytes | None = None

    def __str__(self) -> str:
        return self.given

    def prepare(self) -> None:
        """Read what is there, and see whether it can be added to and the directory written."""
        try:
            self.before = self.path.read_bytes() if self.path.exists() else None
            with tempfile.TemporaryFile(dir=self.path.parent):
                pass
        except OSError as problem:
            raise CredentialsError(f"{self}: {problem.strerror or problem}") from None
        self.content([])

    @abstractmethod
    def content(self, credentials: list[Credentials]) -> bytes:
        """What the file is to hold: what it had, with these."""

    def write(self, credentials: list[Credentials]) -> None:
        """Replace the file."""
        self._replace(self.content(credentials))

    def undo(self) -> None:
        """Put back what was there."""
        if self.before is not None:
            self._replace(self.before)
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as problem:
            raise CredentialsError(f"{self}: {problem.strerror}") from None

    def _replace(self, content: bytes) -> None:
        try:
            # mkstemp makes the file with mode 0600, and a name that nobody can have prepared.
            descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
            self._sync_directory()
        except OSError as problem:
            raise CredentialsError(f"{self}: {problem.strerror or problem}") from None

    def _sync_directory(self) -> None:
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class JsonFile(PrivateFile):
    """An object with the credentials of each stakeholder under its name."""

    def content(self, credentials: list[Credentials]) -> bytes:
        """The stakeholders that the file had stay; a new password replaces the old one."""
        try:
            stored: Any = json.loads(self.before) if self.before and self.before.strip() else {}
        except (ValueError, RecursionError):
            stored = None
        if not isinstance(stored, dict):
            raise CredentialsError(f"{self}: the file is there, and holds something else than credentials")
        return (json.dumps(stored | _by_stakeholder(credentials), indent=2) + "\n").encode()


def _by_stakeholder(credentials: list[Credentials]) -> dict[str, dict[str, str]]:
    return {entry.stakeholder: entry.fields() for entry in credentials}
