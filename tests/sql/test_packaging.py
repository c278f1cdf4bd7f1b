"""What ``make install`` puts where, and how the functions of a database find their Python."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sql.conftest import ROOT
from tests.support import Session, refused

VERSION = re.findall(r"^default_version = '(.+)'$", (ROOT / "integratedb.control").read_text(), re.MULTILINE)[0]
PACKAGE = "integratedb_" + VERSION.replace(".", "_")
PG_CONFIG = os.environ.get("PG_CONFIG", "pg_config")


def make(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, check=check, capture_output=True, text=True)


def files(directory: Path) -> set[str]:
    """Files, without what was compiled of them."""
    found = {path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return {str(path.relative_to(directory)) for path in found}


@pytest.fixture
def sharedir(tmp_path: Path) -> Path:
    """The server's share directory, below a DESTDIR."""
    path = subprocess.run([PG_CONFIG, "--sharedir"], check=True, capture_output=True, text=True).stdout.strip()
    return tmp_path / path.lstrip("/")


def frozen() -> list[Path]:
    """What earlier releases were: the files that releases/frozen.sha256 lists, by their paths in releases/."""
    paths = (Path(line.split("  ", 1)[1]) for line in (ROOT / "releases/frozen.sha256").read_text().splitlines())
    released = (path.relative_to("releases") for path in paths if path.parts[0] == "releases")
    return [path for path in released if path.parts[0] != VERSION]


def install_scripts() -> list[str]:
    """Those of earlier releases, which are not installed; that of the first one alone is still kept."""
    return sorted({f"integratedb--{path.parts[0]}.sql" for path in frozen()})


def package(version: str) -> str:
    return "integratedb_" + version.replace(".", "_")


def test_install_copies_the_scripts_and_the_python_of_this_version_and_the_updates_and_the_python_of_releases(
    tmp_path, sharedir
):
    make("install", f"DESTDIR={tmp_path}")
    core = ROOT / "plpython/integratedb"
    python = {path.relative_to(core) for path in core.rglob("*.*") if path.suffix in (".py", ".json")}
    updates = {path.name for path in (ROOT / "sql/upgrades").glob(f"*--{VERSION}.sql")}
    assert updates
    assert files(sharedir) == (
        {"extension/integratedb.control", f"extension/integratedb--{VERSION}.sql"}
        | {f"extension/integratedb--{name}" for name in updates}
        | {f"extension/{path.name}" for path in frozen() if path.suffix == ".sql" and path.name.count("--") == 2}
        | {f"integratedb/python/{PACKAGE}/{name}" for name in python}
        | {
            f"integratedb/python/{package(version)}/{'/'.join(rest)}"
            for version, kind, *rest in (path.parts for path in frozen())
            if kind == "python"
        }
    )
    old = sharedir / "integratedb/python/integratedb_0_1_0/spec.py"
    assert old.read_bytes() == (ROOT / "releases/0.1.0/python/spec.py").read_bytes()


def test_install_compiles_the_python_which_sessions_could_not(tmp_path, sharedir):
    make("install", f"DESTDIR={tmp_path}")
    packages = sharedir / "integratedb/python"
    modules = set(packages.rglob("*.py"))
    compiled = {path.parents[1] / f"{path.name.split('.')[0]}.py" for path in packages.rglob("__pycache__/*.pyc")}
    assert compiled == modules
    assert not [path for path in packages.rglob("*.pyc") if str(tmp_path).encode() in path.read_bytes()]


def test_install_keeps_the_python_of_other_versions_and_removes_what_this_one_no_longer_has(tmp_path, sharedir):
    other = sharedir / "integratedb/python/integratedb_0_0_1/old.py"
    stale = sharedir / f"integratedb/python/{PACKAGE}/gone.py"
    for path in (other, stale):
        path.parent.mkdir(parents=True)
        path.touch()
    make("install", f"DESTDIR={tmp_path}")
    assert other.exists()
    assert not stale.exists()


def test_install_removes_the_install_scripts_of_releases_which_lack_the_guards_of_later_ones(tmp_path, sharedir):
    assert {"integratedb--0.1.0.sql", "integratedb--0.2.0.sql"} <= set(install_scripts())
    for name in install_scripts():
        (sharedir / "extension").mkdir(parents=True, exist_ok=True)
        (sharedir / "extension" / name).touch()
    make("install", f"DESTDIR={tmp_path}")
    assert not [name for name in install_scripts() if (sharedir / "extension" / name).exists()]


def test_an_older_version_cannot_be_created(superuser):
    superuser.run("DROP EXTENSION integratedb CASCADE")
    for name in install_scripts():
        version = name.removeprefix("integratedb--").removesuffix(".sql")
        with refused("22023", match="no installation script"):
            superuser.run(f"CREATE EXTENSION integratedb VERSION '{version}'")


def test_uninstall_leaves_nothing_of_this_version(tmp_path, sharedir):
    make("install", f"DESTDIR={tmp_path}")
    make("uninstall", f"DESTDIR={tmp_path}")
    assert files(sharedir) == set()


def test_without_pgxs_make_says_how_to_get_it():
    failed = make("install", "PG_CONFIG=/nowhere/pg_config", check=False)
    assert failed.returncode != 0
    assert "scripts/bootstrap" in failed.stderr


def test_the_script_says_that_it_is_generated_and_refuses_to_be_run_by_psql():
    make("all")
    first, second, *rest = (ROOT / f"sql/built/integratedb--{VERSION}.sql").read_text().splitlines()
    assert first == "-- Generated by make from sql/; never edit."
    assert second == r'\echo Use "CREATE EXTENSION integratedb" to load this file. \quit'
    assert not [line for line in rest if line.lstrip().startswith("#import")]


def test_an_import_line_that_the_build_does_not_know_stops_it(tmp_path):
    source = tmp_path / "wrong.sql"
    source.write_text("$$\n  #import integratedb.entry\n$$;\n")
    built = subprocess.run(
        [sys.executable, ROOT / "sql/build.py", "x", source], check=False, capture_output=True, text=True
    )
    assert built.returncode != 0
    assert f"{source}:2: not an import line" in built.stderr


def test_no_function_holds_a_path_of_the_machine_it_was_built_on(superuser: Session):
    sharedir = superuser.value("SELECT setting FROM pg_config() WHERE name = 'SHAREDIR'")
    bodies = superuser.rows(
        "SELECT prosrc FROM pg_proc JOIN pg_language ON pg_language.oid = prolang AND lanname ~ 'plpython'"
    )
    assert bodies
    assert not [body for (body,) in bodies if sharedir in body or str(ROOT) in body]


def test_a_session_imports_the_package_of_the_installed_version_and_extends_the_path_once(superuser: Session, tmp_path):
    source = tmp_path / "imported.sql"
    source.write_text("""
CREATE FUNCTION public.imported() RETURNS text[] LANGUAGE plpython3u AS $$
#import integratedb
#import integratedb.specification.model
return [integratedb.__name__, model.__name__, *sys.path]
$$;
""")
    build = [sys.executable, ROOT / "sql/build.py", PACKAGE, source]
    superuser.run(subprocess.run(build, check=True, capture_output=True, text=True).stdout)
    package, model, *path = superuser.value("SELECT imported()")
    assert (package, model) == (PACKAGE, f"{PACKAGE}.specification.model")
    sharedir = superuser.value("SELECT setting FROM pg_config() WHERE name = 'SHAREDIR'")
    assert path.count(f"{sharedir}/integratedb/python") == 1
    assert superuser.value("SELECT imported()") == [package, model, *path]
