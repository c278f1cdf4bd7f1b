"""`integratedb init`: what is missing is named with its cure; what is there is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.installation import Installation, installation
from tests.support import Server, Session
from tests.system.command_line.conftest import Place, run


@pytest.fixture
def bare(place: Place) -> Place:
    """The same without the extension."""
    with place.session() as superuser:
        superuser.run("DROP EXTENSION integratedb CASCADE; DROP EXTENSION plpython3u CASCADE")
    return place


@pytest.fixture(scope="module")
def damaged() -> Iterator[tuple[Installation, Server]]:
    """A server of a machine of its own, on which nobody has installed the extension yet."""
    with installation() as files, files.server() as server:
        yield files, server


def told_by_init(server: Server) -> str:
    """Give what init finds, and see that it has changed nothing."""
    where = {"PGHOST": server.socket, "PGPORT": str(server.port), "PGUSER": server.superuser, "PGDATABASE": "postgres"}
    result = run("init", **where)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Nothing was changed" in result.stderr
    with Session.open(host=server.socket, port=server.port, user=server.superuser, dbname="postgres") as superuser:
        assert superuser.rows("SELECT FROM pg_extension WHERE extname IN ('integratedb', 'plpython3u')") == []
    return result.stdout


def installed(place: Place) -> bool:
    with place.session() as superuser:
        return bool(superuser.rows("SELECT FROM pg_extension WHERE extname = 'integratedb'"))


def test_a_check_changes_nothing(bare: Place) -> None:
    assert "ok       jsonschema" in bare.run("init", "--check", user="postgres").stdout
    assert not installed(bare)
    with bare.session() as superuser:
        assert superuser.rows("SELECT FROM pg_extension WHERE extname = 'plpython3u'") == []


def test_it_installs_and_makes_an_admin_and_may_run_again(bare: Place) -> None:
    with bare.session() as superuser:
        superuser.run("REVOKE integratedb_admin FROM shop_admin")
    bare.run("init", "--admin", "shop_admin", user="postgres")
    assert installed(bare)
    bare.run("stakeholder", "list")
    assert json.loads(bare.run("init", "--json", user="postgres").stdout)["installed"] is True


def test_who_is_no_superuser_is_told_so(bare: Place) -> None:
    result = bare.run("init", user="shop_owner", status=1)
    assert "missing  superuser: shop_owner is none" in result.stdout
    assert "superuser: missing" in result.stderr
    assert not installed(bare)


def test_an_unknown_admin_leaves_nothing_installed(bare: Place) -> None:
    assert "42704" in bare.run("init", "--admin", "nobody_there", user="postgres", status=1).stderr
    assert not installed(bare)


def test_missing_files_are_named_with_the_command_that_installs_them(damaged: tuple[Installation, Server]) -> None:
    _, server = damaged
    told = told_by_init(server)
    assert "ok       jsonschema" in told
    assert "missing  extension: the server has no files of integratedb" in told
    assert "sudo make install PG_CONFIG=/usr/lib/postgresql/" in told


def test_missing_pl_python_is_named_with_its_package(damaged: tuple[Installation, Server]) -> None:
    files, server = damaged
    with files.without(files.sharedir / "extension/plpython3u.control"):
        told = told_by_init(server)
    assert "missing  PL/Python: the server has no plpython3u" in told
    assert "apt-get install postgresql-plpython3-" in told


def test_pl_python_that_cannot_be_loaded_is_told_with_the_reason(damaged: tuple[Installation, Server]) -> None:
    files, server = damaged
    with files.without(files.pkglibdir / "plpython3.so"):
        told = told_by_init(server)
    assert "missing  PL/Python: it cannot be loaded: could not access file" in told


def test_a_missing_jsonschema_is_named_with_its_package(damaged: tuple[Installation, Server]) -> None:
    files, server = damaged
    with files.without_jsonschema():
        told = told_by_init(server)
    assert "missing  jsonschema: No module named 'jsonschema'" in told
    assert "apt-get install python3-jsonschema" in told
