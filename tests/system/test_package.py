"""The companion as a package: it has the version of the extension, and installs with what it needs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.system.harness import ROOT
from tests.unit.test_version import control_version

PACKAGES = {"plpython": "integratedb", "companion": "integratedb_companion"}
VERSION = control_version()
WHEEL = f"integratedb-{VERSION}-py3-none-any.whl"


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def build(source: Path, what: str, directory: Path) -> Path:
    """Build a wheel or an sdist of a source tree."""
    run(sys.executable, "-m", "hatchling", "build", "--target", what, "--directory", directory, cwd=source)
    (built,) = [path for path in directory.iterdir() if path.is_file()]
    return built


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel that was built from the sdist, which has no control file beside it to read the version from."""
    archive = build(ROOT, "sdist", tmp_path / "sdist")
    run("tar", "--extract", "--file", archive, cwd=tmp_path)
    return build(tmp_path / f"integratedb-{VERSION}", "wheel", tmp_path / "wheel")


def test_every_dependency_has_a_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
    assert project["dependencies"]
    others = [entry for group in groups for entry in group if not entry.startswith("integratedb[")]
    assert [entry for entry in others if not re.search(r">=\d", entry)] == []


def test_the_wheel_of_the_source_archive_is_that_of_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    direct = build(ROOT, "wheel", tmp_path / "direct")
    assert wheel.name == direct.name == WHEEL
    assert wheel.read_bytes() == direct.read_bytes()
    names = set(zipfile.ZipFile(wheel).namelist())
    for directory, package in PACKAGES.items():
        sources = (ROOT / directory / package).rglob("*.py")
        assert {str(path.relative_to(ROOT / directory)) for path in sources} <= names
    assert {"integratedb_companion/py.typed", "integratedb/specification/claims.schema.json"} <= names
    contracts = {f"contracts/{path.name}" for path in (ROOT / "demo/contracts").iterdir()}
    assert contracts
    assert {f"integratedb_companion/supervisor/demo/{name}" for name in {"shop.sql", *contracts}} <= names


def test_pip_installs_the_directory_and_the_wheel_where_nothing_is_installed_yet(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(tmp_path / "venv")]
    command = tmp_path / "venv/bin/integratedb"
    run(*pip, "install", "--no-compile", ".[all]")
    assert run(command, "--version").split()[-1] == VERSION
    run(*pip, "uninstall", "--yes", "integratedb")
    assert not command.exists()
    run(*pip, "install", "--no-compile", f"{wheel}[all]")
    assert run(command, "--version").split()[-1] == VERSION
    assert "--slot" in run(command, "daemon", "--help")
    assert "--demo" in run(command.with_name("hipsterdb"), "start", "--help")
    run(*pip, "check")
