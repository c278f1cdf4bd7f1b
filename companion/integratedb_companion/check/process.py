"""Runs the user's shell commands, scripts and dumps, with the throw-away server in their environment."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .dumps import is_archive, knows_fences
from .model import UnableError
from .postgres import Postgres

PSQL = ("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file")

#: Scripts may have any encoding, because psql decodes them itself; here their bytes are preserved.
ENCODING: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}


class Runner:
    """Runs commands; passes their output to `say` at once, and keeps it for the report."""

    def __init__(self, postgres: Postgres, say: Callable[[str], None]) -> None:
        self._environment, self._say = postgres.environment(), say
        # With pipefail, `pg_dump ... | psql` fails when any part of it fails; not every shell has it.
        bash = shutil.which("bash", path=self._environment["PATH"])
        self._shell = [bash, "-o", "pipefail", "-c"] if bash else ["/bin/sh", "-c"]

    def run(self, command: str, said: list[str]) -> None:
        """Run a script (*.sql) with psql up to its first error, or a command with the shell. Error: UnableError."""
        path = Path(command)
        if path.suffix == ".sql" and os.path.isfile(path):
            self._process([*PSQL, command], command, said)
        else:
            self._process([*self._shell, command], command, said)

    def knows_fences(self) -> bool:
        """Whether psql knows the commands that enclose a dump."""
        with suppress(OSError):
            done = subprocess.run(
                ["psql", "--version"], check=False, capture_output=True, env=self._environment, text=True
            )
            return knows_fences(done.stdout)
        return False

    def run_text(self, text: str, name: str, said: list[str]) -> None:
        """Run the text of a script or dump with psql. Error: UnableError."""
        with _temporary(text) as file:
            self._process([*PSQL, "-"], name, said, file)

    def as_sql(self, path: Path) -> str:
        """Return a script or dump as text; pg_restore converts the other formats. Error: UnableError."""
        if not is_archive(path):
            return path.read_text(**ENCODING)
        command = ["pg_restore", "--file=-", str(path)]
        done = subprocess.run(command, check=False, capture_output=True, env=self._environment, **ENCODING)
        if done.returncode:
            raise UnableError(f"pg_restore cannot read {path}: {done.stderr.strip()}")
        return str(done.stdout)

    def _process(self, command: list[str], name: str, said: list[str], file: IO[bytes] | None = None) -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=file or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=self._environment,
                start_new_session=True,
            )
        except FileNotFoundError:
            hint = f"There is no program {command[0]}. Debian, Ubuntu: apt-get install postgresql-client."
            raise UnableError(hint) from None
        with process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    said.append(line)
                    self._say(line.rstrip("\n"))
            except BaseException:
                # A user who interrupts the check does not want to wait for its commands.
                os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            raise UnableError(f"exit status {process.returncode}: {name}")


def refuse_missing(given: str) -> None:
    """Refuse the name of a file that does not exist, which the shell would run as a command. Error: UnableError."""
    if "://" in given and not re.search(r"\s", given):
        raise UnableError(
            "this URL is none of Postgres", "A connection string begins with postgresql:// or postgres://."
        )
    is_word = re.fullmatch(r"[^\s;|&<>()$`'\"\\*?#~=%!{}]+", given) is not None
    if not is_word or not set("./") & set(given) or os.path.exists(given) or shutil.which(given):
        return
    directory = Path(given).parent
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    near = difflib.get_close_matches(Path(given).name, names, 1)
    raise UnableError(
        f"there is no file {given}, and no command of that name",
        f"The nearest is {directory / near[0]}." if near else None,
    )


@contextmanager
def _temporary(text: str) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(text.encode(**ENCODING))
        file.seek(0)
        yield file
