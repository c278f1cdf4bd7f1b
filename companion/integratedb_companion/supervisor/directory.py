"""Lays out the directory of `integratedb start`: what is kept where, and who holds the directory."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import pwd
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from integratedb_companion.common.errors import CommandError

#: Without --data. Root keeps nothing in its home, where the user that runs Postgres may not enter.
DEFAULT, DEFAULT_OF_ROOT = "~/.local/share/integratedb/main", "/var/lib/integratedb/main"
#: How long a reader waits for a holder that has taken the lock and not written its name yet.
NAME_WAIT_S = 1.0


class Directory:
    """The paths, and the files that are replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Its lock is held while the directory is in use; its content says by whom.
        self.lock = path / "lock"
        #: All passwords, written before they are used; mode 0600.
        self.passwords = path / "passwords.json"
        #: What was decided at the first start: the port of Postgres, the names of logins.
        self.settings = path / "settings.json"
        #: What runs now, for `integratedb status`.
        self.parts = path / "parts.json"
        #: The passwords of people's roles, in libpq's form, and the variables that lead psql here.
        self.pgpass, self.variables = path / "pgpass", path / "env"
        self.postgres, self.sockets = path / "postgres", path / "run"

    @classmethod
    def of(cls, given: str | None) -> Directory:
        """Return the directory of the option --data."""
        default = DEFAULT_OF_ROOT if os.geteuid() == 0 else DEFAULT
        return cls(Path(os.path.realpath(Path(given or default).expanduser())))

    def options_of(self, part: str) -> Path:
        """Return the file with further options of a part."""
        return self.path / f"{part}.toml"

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Create the directory, and hold its lock for the length of the block. Error: CommandError."""
        self._create()
        # Children do not inherit the descriptor, so the lock ends with this process, however it ends.
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            # Whoever may read a file may lock it, and would keep the owner out.
            os.fchmod(descriptor, 0o600)
            self._take(descriptor)
            self._remove_unfinished()
            since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps({"pid": os.getpid(), "since": since}).encode())
            yield
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def _remove_unfinished(self) -> None:
        """Remove what write() had not finished when it was killed; it may contain passwords."""
        for file in (self.passwords, self.settings, self.parts, self.pgpass, self.variables):
            for unfinished in self.path.glob(f".{file.name}.*"):
                unfinished.unlink(missing_ok=True)

    def _take(self, descriptor: int) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                holder = self.holder()
            # A reader holds the lock for a moment, too, and is nobody.
            if holder is not None:
                raise CommandError(
                    f"{self.path} is in use: {_named(holder)}",
                    hint=f"integratedb stop --data {self.path} ends it; integratedb status --data shows it.",
                )

    def _create(self) -> None:
        # The user that runs Postgres for root goes through new directories above, too.
        umask = os.umask(0o022)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if owner := self._foreign_owner():
                raise CommandError(f"{self.path} belongs to {owner}", hint="Start as that user, or give --data.")
            if not self.lock.exists() and any(self.path.iterdir()):
                raise CommandError(
                    f"{self.path} is not empty, and was not made by integratedb start",
                    hint="--data names a new directory.",
                )
            # The user that runs Postgres for root goes through the directory, and reads nothing in it.
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            self.lock.touch(0o600)
        except OSError as problem:
            raise CommandError(
                f"{problem.filename or self.path}: {problem.strerror}", hint="--data names another directory."
            ) from None
        finally:
            os.umask(umask)

    def _foreign_owner(self) -> str | None:
        uid = self.path.stat().st_uid
        if uid == os.geteuid():
            return None
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return f"user {uid}"

    def holder(self) -> dict[str, Any] | None:
        """Return who holds the directory, as `pid` and `since`; None: nobody."""
        deadline = time.monotonic() + NAME_WAIT_S
        try:
            # Not blocking, in case that somebody has put a pipe there.
            descriptor = os.open(self.lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                while _is_locked(file.fileno()):
                    with contextlib.suppress(ValueError, TypeError):
                        file.seek(0)
                        return dict(json.loads(file.read()))
                    if time.monotonic() > deadline:
                        return {}
                    time.sleep(0.02)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise CommandError(
                f"{self.lock}: {problem.strerror}", hint="Run this as the user whose directory it is, or as root."
            ) from None
        return None

    def read(self, path: Path) -> dict[str, Any]:
        """Read one of the files; an empty object where it does not exist. Error: CommandError."""
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError) as problem:
            said = problem.strerror if isinstance(problem, OSError) else "not JSON"
            raise CommandError(f"{path}: {said}") from None

    def write(self, path: Path, content: dict[str, Any] | str, mode: int = 0o600) -> None:
        """Replace a file durably: after a crash it has the old content or the new one."""
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        descriptor, name = tempfile.mkstemp(dir=self.path, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
        self.sync()

    def sync(self) -> None:
        """Make new names in the directory durable."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _named(holder: dict[str, Any]) -> str:
    return f"integratedb start runs there, pid {holder.get('pid', 'unknown')}, since {holder.get('since', 'unknown')}"
