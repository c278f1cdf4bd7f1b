"""Writes credentials to standard output, or to a private file whose other content it keeps."""

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
    """Prints credentials as JSON on standard output."""

    def __str__(self) -> str:
        return "standard output"

    def prepare(self) -> None:
        """Do nothing: standard output cannot be tested."""

    def write(self, credentials: list[Credentials]) -> None:
        """Print the credentials, and flush them."""
        try:
            print(json.dumps(_by_stakeholder(credentials), indent=2), flush=True)
        except OSError as problem:
            # Otherwise Python would try to write the rest of the buffer at its end, and fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CredentialsError(f"standard output: {problem.strerror}") from None

    def undo(self) -> None:
        """Do nothing: printed text cannot be removed, and the error message says that the passwords are void."""


class PrivateFile(ABC):
    """A file that is replaced as a whole, with mode 0600; its content is restored when the database refuses."""

    def __init__(self, path: str) -> None:
        self.given = path
        self.path = Path(os.path.realpath(path))
        self.before: bytes | None = None

    def __str__(self) -> str:
        return self.given

    def prepare(self) -> None:
        """Read the file, and check that its content can be extended and its directory written."""
        try:
            self.before = self.path.read_bytes() if self.path.exists() else None
            with tempfile.TemporaryFile(dir=self.path.parent):
                pass
        except OSError as problem:
            raise CredentialsError(f"{self}: {problem.strerror or problem}") from None
        self.content([])

    @abstractmethod
    def content(self, credentials: list[Credentials]) -> bytes:
        """Return the new content of the file: its old content, with these credentials."""

    def write(self, credentials: list[Credentials]) -> None:
        """Replace the file."""
        self._replace(self.content(credentials))

    def undo(self) -> None:
        """Restore the old content."""
        if self.before is not None:
            self._replace(self.before)
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as problem:
            raise CredentialsError(f"{self}: {problem.strerror}") from None

    def _replace(self, content: bytes) -> None:
        try:
            # mkstemp creates the file with mode 0600, and with a name that nobody can predict.
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
    """A JSON object with the credentials of each stakeholder under its name."""

    def content(self, credentials: list[Credentials]) -> bytes:
        """Keep the other stakeholders of the file; a new password replaces the old one."""
        try:
            stored: Any = json.loads(self.before) if self.before and self.before.strip() else {}
        except (ValueError, RecursionError):
            stored = None
        if not isinstance(stored, dict):
            raise CredentialsError(f"{self}: the file is there, and holds something else than credentials")
        return (json.dumps(stored | _by_stakeholder(credentials), indent=2) + "\n").encode()


def _by_stakeholder(credentials: list[Credentials]) -> dict[str, dict[str, str]]:
    return {entry.stakeholder: entry.fields() for entry in credentials}
