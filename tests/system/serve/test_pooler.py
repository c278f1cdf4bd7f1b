"""The service through PgBouncer in transaction mode, where each transaction may be served by another session."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.system.harness import PREPARED, PREPARING, Pooler, pooler
from tests.system.serve.harness import API_ROLE, Place, run_command, unique
from tests.system.serve.test_hostile_database import use_every_route

#: PgBouncer itself sets the name of the application, for each client.
SETTINGS = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY name"


@pytest.fixture
def behind(fresh: Place) -> Iterator[Pooler]:
    """A pooler before the cluster."""
    with pooler(fresh.cluster, (API_ROLE, "shop_owner")) as made:
        yield made


def dsn(there: Pooler, place: Place, user: str = API_ROLE) -> str:
    """Give the connection string through a pooler."""
    return f"host={there.host} port={there.port} dbname={place.name} user={user}"


def test_every_route_works_and_leaves_nothing_in_a_session_that_others_use(
    fresh: Place, behind: Pooler, start_service
) -> None:
    fresh.superuser.run(f"ALTER ROLE {API_ROLE} IN DATABASE {fresh.name} SET DateStyle = 'SQL, DMY'")
    with behind.session(fresh.name, API_ROLE) as other:
        before = other.rows(SETTINGS)
        root = start_service(dsn(behind, fresh), "--preview-dsn", dsn(behind, fresh, "shop_owner")).bootstrap()
        use_every_route(root, fresh)
        assert {tuple(other.rows(SETTINGS)) for _ in range(10)} == {tuple(before)}
    fresh.superuser.run(f"ALTER ROLE {API_ROLE} IN DATABASE {fresh.name} RESET ALL")


def test_no_advisory_lock_of_a_preview_stays_in_a_session_that_others_use(
    fresh: Place, behind: Pooler, start_service
) -> None:
    root = start_service(dsn(behind, fresh), "--preview-dsn", dsn(behind, fresh, "shop_owner")).bootstrap()
    for statements, status in (
        ("SELECT pg_advisory_lock(4711)", 200),
        ("SELECT pg_advisory_lock(4711); SELECT 1 / 0", 422),
    ):
        assert root.send("POST", "/preview", {"data": statements}).status_code == status
        assert fresh.superuser.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory'") == []


def test_no_advisory_lock_of_a_trial_stays_whatever_it_has_set(fresh: Place, behind: Pooler, start_service) -> None:
    root = start_service(dsn(behind, fresh), "--preview-dsn", dsn(behind, fresh, "shop_owner")).bootstrap()
    for rest in ("", "SET statement_timeout = '1ms'; SET client_encoding = 'SQL_ASCII'", "RELEASE SAVEPOINT _pg3_2"):
        # The many locks take more than the millisecond to release.
        locks = "SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 3000) AS n"
        root.send("POST", "/try", {"data": f"{locks}; {rest}"})
        assert fresh.superuser.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0, rest


def test_no_prepared_statement_of_a_preview_stays_in_a_session_that_others_use(
    fresh: Place, behind: Pooler, start_service
) -> None:
    root = start_service(dsn(behind, fresh), "--preview-dsn", dsn(behind, fresh, "shop_owner")).bootstrap()
    with behind.session(fresh.name, "shop_owner") as other:
        for statements in PREPARING:
            assert root.send("POST", "/preview", {"data": statements}).status_code in (200, 422)
            assert other.rows(PREPARED) == [], statements


def test_no_request_of_many_at_once_fails(fresh: Place, behind: Pooler, start_service) -> None:
    root = start_service(dsn(behind, fresh), "--preview-dsn", dsn(behind, fresh, "shop_owner")).bootstrap()
    app = root.stakeholder(unique("app"))

    def ask(number: int) -> int:
        if number % 4 == 0:
            return int(root.send("POST", "/preview", {"data": "ALTER TABLE orders ADD COLUMN x int"}).status_code)
        paths = ("/stakeholders", f"/stakeholders/{app['id']}/claims", "/status")
        return int(root.send("GET", paths[number % 3]).status_code)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(80))) == {200}


def test_a_pooler_that_lets_no_transaction_through_is_refused_at_start(fresh: Place) -> None:
    with pooler(fresh.cluster, (API_ROLE,), "statement") as there:
        refused = run_command("--dsn", dsn(there, fresh))
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    assert "transaction" in line
