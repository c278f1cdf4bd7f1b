"""The options that say which database is meant are psql's: -h, -p, -U, -d."""

from __future__ import annotations

import pytest

from tests.system.command_line.conftest import Place, run

NOWHERE = {"PGHOST": "/nowhere", "PGPORT": "1", "PGUSER": "nobody_here", "PGDATABASE": "nothing"}


def test_psqls_options_say_where_the_database_is_whatever_the_environment_says(place: Place) -> None:
    options = ("-h", place.cluster.socket, "-p", str(place.cluster.port), "-U", "shop_admin", "-d", place.database)
    assert "enforcement" in run("status", *options, **NOWHERE).stdout
    long = ("--host", place.cluster.socket, "--port", str(place.cluster.port), "--username", "shop_admin")
    assert "enforcement" in run("status", *long, "--dbname", place.database, **NOWHERE).stdout


def test_an_option_is_preferred_to_dsn_and_a_connection_string_of_d_to_the_option(place: Place) -> None:
    where = place.environment("shop_admin") | {"INTEGRATEDB_DSN": "user=nobody_here"}
    assert run("status", **where).returncode == 5
    assert run("status", "-U", "shop_admin", **where).returncode == 0
    assert run("status", "-U", "nobody_here", "-d", "user=shop_admin", **where).returncode == 0


@pytest.mark.parametrize("options", [("-p", "no port"), ("-p", "99999"), ("-h", "a@b")])
def test_a_host_or_port_that_is_none_is_wrong_usage_or_no_connection(place: Place, options: tuple[str, str]) -> None:
    result = run("status", *options, **place.environment("shop_admin"))
    assert result.returncode in (2, 5)
    assert result.stderr.startswith("integratedb: ")
    assert "Traceback" not in result.stderr


def test_help_is_no_short_option() -> None:
    assert "-h, --host" in run("status", "--help").stdout
    assert run("status", "-h").returncode == 2
