"""A Postgres of its own: a copy of the server's files, which a test may damage, or install things into."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tests.support import Server

ROOT = Path(__file__).parents[1]
PG_CONFIG = os.environ.get("PG_CONFIG", "pg_config")


def ask(pg_config: str | Path, what: str) -> Path:
    """Where the server has its files of that kind."""
    return Path(subprocess.run([pg_config, f"--{what}"], check=True, capture_output=True, text=True).stdout.strip())


class Installation:
    """The copy. Postgres finds its files relative to its programs, so that they may stand anywhere.

    with_extension: whether what is installed of the extension is copied, too.
    """

    def __init__(self, directory: Path, *, with_extension: bool) -> None:
        self.directory = directory
        for what in ("bindir", "pkglibdir", "sharedir"):
            original = ask(PG_CONFIG, what)
            shutil.copytree(original, self._copied(original), symlinks=True, ignore=shutil.ignore_patterns("bitcode"))
        # pgxn takes this directory for the one that shows whether it needs sudo.
        self._copied(ask(PG_CONFIG, "libdir")).mkdir(parents=True, exist_ok=True)
        self.pg_config = self._copied(ask(PG_CONFIG, "bindir")) / "pg_config"
        self.sharedir = ask(self.pg_config, "sharedir")
        self.pkglibdir = ask(self.pg_config, "pkglibdir")
        assert self.sharedir.is_relative_to(directory)
        self._modules = directory / "modules"
        self._modules.mkdir()
        if with_extension:
            return
        for path in (*self.sharedir.glob("extension/integratedb*"), self.sharedir / "integratedb"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def add_releases(self, root: Path = ROOT) -> None:
        """Install the install script of the first release, which make install leaves out.

        So each release can be made: CREATE EXTENSION VERSION goes the way of the updates.
        """
        for path in root.glob("releases/*/integratedb--*.sql"):
            if path.name.count("--") == 1:
                shutil.copy(path, self.sharedir / "extension")

    def files(self) -> list[str]:
        """What is installed of the extension."""
        paths = (path for path in self.sharedir.rglob("*") if path.is_file())
        return sorted(
            str(path.relative_to(self.sharedir))
            for path in paths
            if "integratedb" in str(path.relative_to(self.sharedir))
        )

    @contextmanager
    def without(self, path: Path) -> Iterator[None]:
        """Take a file or a directory away for the sessions that begin in this block."""
        away = path.with_name(path.name + ".away")
        path.rename(away)
        try:
            yield
        finally:
            away.rename(path)

    @contextmanager
    def without_jsonschema(self) -> Iterator[None]:
        """Let the Python of the sessions that begin in this block find no jsonschema."""
        module = self._modules / "jsonschema.py"
        module.write_text("raise ModuleNotFoundError(\"No module named 'jsonschema'\")\n")
        try:
            yield
        finally:
            module.unlink()

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes make, pgxn and scripts/ use the copy."""
        return {**os.environ, "PG_CONFIG": str(self.pg_config), "PYTHONPATH": str(self._modules)}

    @contextmanager
    def server(self) -> Iterator[Server]:
        """A cluster of the copy."""
        link = self.directory / "cluster"
        cluster = ROOT / "scripts/cluster"
        started = subprocess.run(
            [cluster, "start", link], check=True, capture_output=True, text=True, env=self.environment
        )
        parts = conninfo_to_dict(started.stdout)
        try:
            yield Server(socket=str(parts["host"]), port=int(str(parts["port"])))
        finally:
            subprocess.run([cluster, "stop", link], check=True, env=self.environment)

    def _copied(self, original: Path) -> Path:
        return self.directory / original.relative_to("/")


@contextmanager
def installation(*, with_extension: bool = False) -> Iterator[Installation]:
    """Make a copy, where the user that runs servers can reach it, and remove it."""
    with tempfile.TemporaryDirectory(prefix="integratedb.", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Installation(Path(directory), with_extension=with_extension)
