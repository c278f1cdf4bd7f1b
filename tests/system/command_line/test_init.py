"""`integratedb init`: what is missing is named with its cure; what is there is installed."""

from __future__ import annotations

import json

import pytest

from tests.system.command_line.conftest import Place


@pytest.fixture
def bare(place: Place) -> Place:
    """The same without the extension."""
    with place.session() as superuser:
        superuser.run("DROP EXTENSION integratedb CASCADE; DROP EXTENSION plpython3u CASCADE")
    return place


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
