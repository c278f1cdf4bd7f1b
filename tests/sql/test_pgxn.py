"""What PGXN distributes installs by its own client on a server that has never seen the extension, and goes again."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.installation import Installation, installation
from tests.sql.conftest import ROOT, open_session
from tests.support import Server
from tests.unit.test_version import control_version

VERSION = control_version()
PGXN = Path(sys.executable).parent / "pgxn"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The zip that make dist makes."""
    if not (ROOT / ".git").exists():
        pytest.skip("make dist needs a git checkout, and this is none")
    subprocess.run(["make", "dist", f"DISTDIR={tmp_path}"], cwd=ROOT, check=True, capture_output=True)
    return tmp_path / f"integratedb-{VERSION}.zip"


def test_the_archive_holds_what_a_build_needs_below_its_name_and_version(archive):
    names = set(zipfile.ZipFile(archive).namelist())
    prefix = f"integratedb-{VERSION}/"
    assert all(name.startswith(prefix) for name in names)
    needed = ("META.json", "Makefile", "README.md", "LICENSE", "integratedb.control", "sql/build.py")
    assert {prefix + name for name in needed} <= names
    assert {f"{prefix}releases/frozen.sha256", f"{prefix}releases/0.2.0/integratedb--0.1.0--0.2.0.sql"} <= names
    assert not [name for name in names if "/.build/" in name or "/sql/built/integratedb" in name]


def test_pgxn_installs_loads_checks_unloads_and_uninstalls_the_archive(archive, tmp_path):
    with installation() as copy:
        assert copy.files() == []
        pgxn(copy, "install", archive)
        installed = copy.files()
        assert {"extension/integratedb.control", f"extension/integratedb--{VERSION}.sql"} <= set(installed)
        with copy.server() as server:
            with open_session(server, server.superuser, "postgres") as superuser:
                superuser.run("CREATE DATABASE shop")
            with open_session(server, server.superuser, "shop") as superuser:
                superuser.run("CREATE EXTENSION plpython3u")
                extensions = "SELECT extversion FROM pg_extension WHERE extname = 'integratedb'"
                pgxn(copy, "load", archive, server=server, database="shop")
                assert superuser.rows(extensions) == [(VERSION,)]
                checked = pgxn(copy, "check", archive, server=server)
                assert "smoke" in checked
                assert "1 tests passed" in checked
                pgxn(copy, "unload", archive, server=server, database="shop")
                assert superuser.rows(extensions) == []
        pgxn(copy, "uninstall", archive)
        assert copy.files() == []


def pgxn(copy: Installation, command: str, archive: Path, *, server: Server | None = None, database: str = "") -> str:
    """Run the client, as one would; what it says."""
    arguments = [str(PGXN), command, "--yes", "--pg_config", str(copy.pg_config)]
    if command in ("install", "uninstall"):
        arguments.append("--nosudo")
    if server is not None:
        arguments += ["--host", server.socket, "--port", str(server.port), "--username", server.superuser]
    if database:
        arguments += ["--dbname", database]
    done = subprocess.run(
        [*arguments, str(archive)],
        cwd=archive.parent,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=copy.environment,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
