"""Finds the programs of a Postgres server on this machine, and the user that runs them for root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .errors import CommandError


def find_programs(given: str | None) -> Path:
    """Find the directory of the server's programs: the option, PG_CONFIG, PATH, or the newest of the distribution.

    Error: CommandError.
    """
    if given is not None:
        if has_server(Path(given)):
            return Path(given)
        raise CommandError(f"{given} has no initdb and postgres")
    for directory in _candidates():
        if has_server(directory):
            return directory
    raise CommandError(
        "no Postgres server is installed here",
        hint="Debian, Ubuntu: apt-get install postgresql. Or name the directory of initdb by --bindir.",
    )


def _candidates() -> Iterator[Path]:
    config = shutil.which(os.environ.get("PG_CONFIG") or "pg_config")
    if config is not None:
        completed = subprocess.run([config, "--bindir"], check=False, capture_output=True, text=True)
        if completed.returncode == 0:
            yield Path(completed.stdout.strip())
    in_path = shutil.which("initdb")
    if in_path is not None:
        yield Path(in_path).parent
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(
        found, key=lambda path: float("".join(c for c in path.parent.name if c in "0123456789.") or 0), reverse=True
    )


def has_server(directory: Path) -> bool:
    """Whether a directory has the programs of a server."""
    return all(os.access(directory / program, os.X_OK) for program in ("initdb", "postgres"))


def unprivileged_user() -> pwd.struct_passwd:
    """Return the user that runs a server for root. Error: CommandError."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise CommandError("Postgres refuses to run as root, and there is neither a user postgres nor nobody")
