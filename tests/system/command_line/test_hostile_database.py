"""The commands where others create functions in the extension's schema, and roles have settings of their own."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from tests.overloads import make_overloads
from tests.system.command_line.conftest import Place

CLAIMS = '{"match": {"path": "shop.customers", "fields": ["name", "email"]}}'
NOTIFICATIONS = '{"match": {"path": "shop.orders"}, "channels": [{"type": "SOCKET"}]}'
CONTRACT = """\
stakeholder: billing
claims:
  match:
    - path: shop.orders
      fields: [id]
"""
#: Each may be set for a role or a database by whoever owns it.
SETTINGS = {
    "search_path": "hostile, pg_catalog",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "America/St_Johns",
    "xmlbinary": "hex",
    "xmloption": "document",
    "lc_monetary": "C.utf8",
    "backslash_quote": "on",
    "client_encoding": "LATIN1",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "client_min_messages": "error",
    "default_transaction_isolation": "serializable",
}


@pytest.fixture
def opened(place: Place) -> Place:
    """A database whose public schema was opened after the installation, with overloads of every function in it."""
    with place.session() as superuser:
        superuser.run("CREATE ROLE mallory LOGIN")
        superuser.run("GRANT CREATE ON SCHEMA public TO mallory")
    with place.session("mallory") as mallory:
        assert make_overloads(mallory) > 100
    return place


@pytest.fixture
def odd_settings(place: Place) -> Place:
    """A database whose admin has settings that change how values are written and read."""
    with place.session() as superuser:
        superuser.run("CREATE SCHEMA hostile")
        superuser.run(
            """CREATE FUNCTION hostile.captured(name, text) RETURNS boolean LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'captured by an operator'; END $$"""
        )
        superuser.run("CREATE OPERATOR hostile.= (LEFTARG = name, RIGHTARG = text, FUNCTION = hostile.captured)")
        superuser.run("GRANT USAGE ON SCHEMA hostile TO PUBLIC")
        for role in ("shop_admin", "shop_owner"):
            for name, value in SETTINGS.items():
                quoted = value if name == "search_path" else f"'{value}'"
                # DDL itself fails in such a session: what the extension does in it is tested elsewhere.
                if (role, name) == ("shop_owner", "standard_conforming_strings"):
                    continue
                superuser.run(f"ALTER ROLE {role} IN DATABASE {place.database} SET {name} = {quoted}")
    return place


def use_every_command(place: Place) -> None:
    """Call each command once, and see that it did what it is for."""
    added = json.loads(place.run("stakeholder", "add", "mailer", "--valid-until", "2037-12-31", "--json").stdout)
    place.login("mailer", added["password"]).close()
    rotated = json.loads(place.run("stakeholder", "rotate", "mailer", "--json").stdout)
    place.login("mailer", rotated["password"]).close()
    place.run("stakeholder", "rename", "mailer", "newsletter")
    place.run("claim", "newsletter", "-", "--dry-run", stdin=CLAIMS)
    place.run("claim", "newsletter", "-", stdin=CLAIMS)
    place.run("notify", "newsletter", "-", "--dry-run", stdin=NOTIFICATIONS)
    place.run("notify", "newsletter", "-", stdin=NOTIFICATIONS)
    [row] = json.loads(place.run("stakeholder", "list", "--json").stdout)
    assert (row["name"], row["claims"], row["notifications"]) == ("newsletter", 1, 1)
    assert {row["field"] for row in json.loads(place.run("access", "newsletter", "--json").stdout)} >= {"name", "email"}
    assert json.loads(place.run("status", "--json").stdout)["claims"] == "1"
    assert len(json.loads(place.run("dependents", "shop.customers", "email", "--json").stdout)) == 1
    assert json.loads(place.run("unmet", "--json").stdout) == []
    broken = place.run(
        "preview", "-", "--json", user="shop_owner", status=1, stdin="ALTER TABLE shop.customers DROP email"
    )
    assert [row["stakeholder"] for row in json.loads(broken.stdout)] == ["newsletter"]
    place.run("sync")
    events = place.run("log", "--since", "yesterday", "--json").stdout.splitlines()
    assert "CREATE SCHEMA" in {json.loads(line)["command_tag"] for line in events}
    place.run("export", place.directory / "exported")
    contracts = place.contract(CONTRACT, "billing.yaml")
    place.run("plan", contracts, status=3)
    place.run("apply", contracts, "--yes", "--credentials", place.directory / "credentials.json")
    place.run("plan", contracts)
    place.run("init", "--check")
    dropped = json.loads(place.run("stakeholder", "drop", "newsletter", "--yes", "--json").stdout)
    assert dropped == {"stakeholder": "newsletter", "schema_dropped": True, "kept": []}
    place.run("stakeholder", "drop", "billing", "--yes")


def test_no_command_calls_a_function_that_somebody_else_made(opened: Place) -> None:
    use_every_command(opened)


def test_a_call_that_somebody_made_ambiguous_is_refused_and_runs_neither(place: Place) -> None:
    with place.session() as superuser:
        superuser.run("CREATE ROLE mallory LOGIN")
        superuser.run("GRANT CREATE ON SCHEMA public TO mallory")
    with place.session("mallory") as mallory:
        mallory.run(
            """CREATE FUNCTION public.integratedb_sync(more text DEFAULT '') RETURNS void LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$"""
        )
    refused = json.loads(place.run("sync", "--json", status=1).stderr)["error"]
    assert refused["sqlstate"] == "42725"


def test_no_setting_of_a_role_changes_what_a_command_does(odd_settings: Place) -> None:
    use_every_command(odd_settings)


@pytest.mark.parametrize("date_style", ["SQL, DMY", "German", "Postgres, YMD"])
def test_times_have_one_form_whatever_the_session_has(place: Place, date_style: str) -> None:
    with place.session() as superuser:
        superuser.run(f"ALTER DATABASE {place.database} SET DateStyle = '{date_style}'")
    place.run("stakeholder", "add", "mailer", "--valid-until", "2037-12-31")
    odd: dict[str, Any] = {
        "PGOPTIONS": "-c TimeZone=Asia/Kathmandu",
        "PGTZ": "Asia/Tokyo",
    }
    for command in (("stakeholder", "list"), ("log",)):
        assert "+00:00" in place.run(*command, **odd).stdout
        assert "+00:00" in place.run(*command, "--json", **odd).stdout
    place.run("plan", place.contract(CONTRACT, "billing.yaml"), status=3, **odd)
    place.run("export", place.directory / "exported", **odd)
    place.run("preview", "-", user="shop_owner", stdin="SELECT 1", PGCLIENTENCODING="EUC_TW", **odd)
    with place.session() as superuser:
        # A time without a zone is one in UTC, as the times that are shown.
        until = superuser.value("SELECT extract(epoch FROM rolvaliduntil) FROM pg_roles WHERE rolname = 'mailer'")
    assert until == datetime.datetime(2037, 12, 31, tzinfo=datetime.UTC).timestamp()


def test_no_setting_of_a_role_makes_a_command_a_restore(place: Place) -> None:
    with place.session() as superuser:
        for name in ("check_function_bodies", "row_security"):
            superuser.run(f"ALTER ROLE shop_admin IN DATABASE {place.database} SET {name} = off")
    place.run("stakeholder", "add", "mailer")
    events = [json.loads(line) for line in place.run("log", "--json").stdout.splitlines()]
    assert "CREATE SCHEMA" in {event["command_tag"] for event in events}
    place.run("stakeholder", "drop", "mailer", "--yes")


def test_a_drop_reports_what_was_kept(place: Place) -> None:
    with place.session() as superuser:
        superuser.run(f"ALTER ROLE shop_admin IN DATABASE {place.database} SET client_min_messages = error")
    password = json.loads(place.run("stakeholder", "add", "mailer", "--json").stdout)["password"]
    with place.login("mailer", password) as mailer:
        mailer.run("CREATE TABLE mailer.sent (id bigint)")
    dropped = place.run("stakeholder", "drop", "mailer", "--yes", "--json")
    said = json.loads(dropped.stdout)
    assert said["schema_dropped"] is False
    assert any("mailer" in line for line in said["kept"])
    assert "mailer" in dropped.stderr
