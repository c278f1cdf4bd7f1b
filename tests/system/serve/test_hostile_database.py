"""The service where others create functions in the extension's schema, and where its login has settings of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.overloads import make_overloads
from tests.system.command_line.test_hostile_database import SETTINGS
from tests.system.serve.harness import API_ROLE, Client, Place, login_body, unique


@pytest.fixture
def opened(fresh: Place) -> Iterator[Place]:
    """A database whose schemas were opened after the installation, with overloads of every function in them."""
    fresh.superuser.run("CREATE ROLE mallory LOGIN")
    fresh.superuser.run("GRANT CREATE ON SCHEMA public TO mallory")
    with fresh.cluster.session(fresh.name, "mallory") as mallory:
        assert make_overloads(mallory) > 100
    yield fresh
    fresh.superuser.run("DROP OWNED BY mallory")
    fresh.superuser.run("DROP ROLE mallory")


@pytest.fixture
def odd_settings(fresh: Place) -> Iterator[Place]:
    """A database where the login of the service has settings that change how values are written and read."""
    fresh.superuser.run("CREATE SCHEMA hostile")
    fresh.superuser.run(
        """CREATE FUNCTION hostile.captured(text, text) RETURNS boolean LANGUAGE plpgsql
             AS $$ BEGIN RAISE EXCEPTION 'captured by an operator'; END $$"""
    )
    fresh.superuser.run("CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.captured)")
    fresh.superuser.run("GRANT USAGE ON SCHEMA hostile TO PUBLIC")
    for name, value in SETTINGS.items():
        quoted = value if name == "search_path" else f"'{value}'"
        fresh.superuser.run(f"ALTER ROLE {API_ROLE} IN DATABASE {fresh.name} SET {name} = {quoted}")
    yield fresh
    fresh.superuser.run(f"ALTER ROLE {API_ROLE} IN DATABASE {fresh.name} RESET ALL")


def use_every_route(root: Client, place: Place) -> None:
    """Send each request once, and see that it does what it is for."""
    users = {"user": {"username": "one", "password": "a good password", "scopes": {"schemas": ["public"]}}}
    one = root.data("POST", "/users", users, 201)
    other = Client(root.base_url)
    assert other.data("POST", "/auth/renew", {"data": one["refreshToken"]})["id"] == one["id"]
    other.data("POST", "/auth/login", login_body("one", "a good password"))
    other.refused(403, "POST", "/auth/login", login_body("one", "wrong"))
    assert len(root.data("GET", "/users")) == 2
    root.data("PUT", f"/users/{one['id']}", {"user": {"scopes": {"stakeholders": []}}})
    assert root.data("GET", f"/users/{one['id']}")["created_at"].endswith("Z")
    root.data("DELETE", f"/users/{one['id']}", status=204)

    app = root.stakeholder(unique("app"))
    path = f"/stakeholders/{app['id']}"
    place.stakeholder_session(**app["credentials"]).close()
    place.stakeholder_session(**root.data("POST", f"{path}/credentials")["credentials"]).close()
    renamed = root.data("PUT", path, {"stakeholder": {"name": unique("renamed")}})
    place.stakeholder_session(**renamed["credentials"]).close()
    assert [row["id"] for row in root.data("GET", "/stakeholders")] == [app["id"]]
    document = {"data": {"match": [{"path": "public.orders", "fields": ["id"]}]}}
    for kind in ("claims", "notifications"):
        root.data("PUT", f"{path}/{kind}", document)
        assert root.data("GET", f"{path}/{kind}")["match"] == document["data"]["match"]
    assert root.data("GET", path)["claims"] == 1
    assert [row["field"] for row in root.data("GET", f"{path}/access")] == ["id"]
    assert len(root.data("GET", "/dependents?path=public.orders&field=id")) == 2
    assert root.data("GET", "/unmet-claims") == []
    assert root.data("POST", "/sync") == {"unmet": 0}
    preview = {"data": "ALTER TABLE orders DROP COLUMN id"}
    assert {row["stakeholder"] for row in root.data("POST", "/preview", preview)} == {renamed["name"]}
    assert root.data("GET", "/status")["claims"] == "1"
    assert root.data("GET", "/ddl-events?limit=1")[0]["occurred_at"].endswith("Z")
    root.data("DELETE", path, status=204)


def test_no_route_calls_a_function_that_somebody_else_made(opened: Place, start_service) -> None:
    root = start_service(opened.dsn, "--preview-dsn", opened.owner_dsn).bootstrap()
    use_every_route(root, opened)


def test_no_setting_of_the_login_changes_what_a_route_does(odd_settings: Place, start_service) -> None:
    root = start_service(odd_settings.dsn, "--preview-dsn", odd_settings.owner_dsn).bootstrap()
    use_every_route(root, odd_settings)


def test_the_login_of_previews_reaches_no_files_or_programs(fresh: Place, start_service) -> None:
    root = start_service(fresh.dsn, "--preview-dsn", fresh.owner_dsn).bootstrap()
    root.data("POST", "/preview", {"data": "SELECT 1"})
    fresh.superuser.run("GRANT pg_execute_server_program TO shop_owner")
    try:
        answer = root.send("POST", "/preview", {"data": "COPY orders TO PROGRAM 'touch /tmp/was-here'"})
        assert answer.status_code == 503
    finally:
        fresh.superuser.run("REVOKE pg_execute_server_program FROM shop_owner")
    root.data("POST", "/preview", {"data": "SELECT 1"})
