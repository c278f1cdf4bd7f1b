"""The commands through PgBouncer in transaction mode, where each transaction may be served by another session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.command_line.conftest import Place
from tests.system.command_line.test_hostile_database import use_every_command
from tests.system.harness import PREPARED, PREPARING, Pooler, pooler

USERS = ("shop_admin", "shop_owner", "postgres")
#: PgBouncer itself sets the name of the application, for each client.
SETTINGS = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY name"


@dataclass
class PooledPlace(Place):
    """A place that is reached through a pooler."""

    pooler: Pooler

    def environment(self, user: str) -> dict[str, Any]:
        there = {"PGHOST": self.pooler.host, "PGPORT": str(self.pooler.port)}
        return super().environment(user) | there


@pytest.fixture
def pooled(place: Place) -> Iterator[PooledPlace]:
    """The place behind a pooler, whose sessions others use too."""
    with pooler(place.cluster, USERS) as made:
        yield PooledPlace(place.cluster, place.database, place.directory, made)


def test_every_command_works_and_leaves_nothing_in_a_session_that_others_use(pooled: PooledPlace) -> None:
    with pooled.pooler.session(pooled.database, "shop_admin") as other:
        before = other.rows(SETTINGS)
        use_every_command(pooled)
        # Each of the sessions, as whoever comes next has it.
        assert {tuple(other.rows(SETTINGS)) for _ in range(10)} == {tuple(before)}


@pytest.mark.parametrize(("then", "status"), [("SELECT 1", 0), ("SELECT 1 / 0", 2)])
def test_no_advisory_lock_of_a_preview_stays_in_a_session_that_others_use(
    pooled: PooledPlace, then: str, status: int
) -> None:
    pooled.run("preview", "-", user="shop_owner", stdin=f"SELECT pg_advisory_lock(4711); {then}", status=status)
    with pooled.session() as superuser:
        assert superuser.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory'") == []


def test_no_prepared_statement_of_a_preview_stays_in_a_session_that_others_use(pooled: PooledPlace) -> None:
    with pooled.pooler.session(pooled.database, "shop_owner") as other:
        for statements in PREPARING:
            fails = "1 / 0" in statements or "RAISE" in statements
            pooled.run("preview", "-", user="shop_owner", stdin=statements, status=2 if fails else 0)
            assert other.rows(PREPARED) == [], statements


def test_no_setting_of_a_role_changes_what_a_command_does_there(pooled: PooledPlace) -> None:
    with pooled.session() as superuser:
        for name, value in {"DateStyle": "SQL, DMY", "TimeZone": "America/St_Johns", "lc_monetary": "C.utf8"}.items():
            superuser.run(f"ALTER DATABASE {pooled.database} SET {name} = '{value}'")
    use_every_command(pooled)
