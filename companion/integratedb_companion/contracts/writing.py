"""Writes the files of an export: all or none if one of them cannot be written, and never through a link."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Collection
from pathlib import Path

from .model import Finding, UnusableContractsError

#: Other users may create a link at the file's place at any time. So a file is created exclusively, or not at all.
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW

DIFFERENT = "the file is there, and says something else"


def write_files(directory: Path, files: dict[str, str], *, ours: Collection[str], force: bool) -> None:
    """Write these files; `ours` are replaced without --force. Error: UnusableContractsError, and nothing is written."""
    directory.mkdir(parents=True, exist_ok=True)
    contents = {directory / name: text.encode() for name, text in files.items()}
    obstacles = {path: obstacle for path, content in contents.items() if (obstacle := _obstacle(path, content))}
    findings = [
        Finding(obstacle, str(path))
        for path, obstacle in obstacles.items()
        if not force and not (obstacle == DIFFERENT and path.name in ours)
    ]
    if findings:
        problem = UnusableContractsError(findings)
        problem.hint = "Nothing was written. --force replaces them."
        raise problem
    for path, content in contents.items():
        if path in obstacles:
            _replace(path, content)
        elif not os.path.lexists(path):
            _create(path, content)


def _obstacle(path: Path, content: bytes) -> str | None:
    """Return what prevents writing the file; None if it does not exist, or has this content."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        return "it is a link, through which nothing is written"
    if not stat.S_ISREG(mode):
        return "it is not a file"
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return None if file.read(len(content) + 1) == content else DIFFERENT


def _create(path: Path, content: bytes) -> None:
    try:
        with os.fdopen(os.open(path, CREATE, 0o666), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise UnusableContractsError([Finding("somebody put it there meanwhile", str(path))]) from None


def _replace(path: Path, content: bytes) -> None:
    """Replace a file atomically; a link is replaced itself, not its target."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _create(temporary, content)
    try:
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
