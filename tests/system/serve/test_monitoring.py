"""Advice and monitoring over HTTP: findings that are muted, panels, the last hour, and sessions that are ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.system.harness import eventually
from tests.system.serve.harness import Client, Place

User = Callable[..., Client]


@pytest.fixture
def finding(place: Place, root: Client) -> Iterator[str]:
    """The cache key of a finding: a table without a primary key."""
    place.owner.run("CREATE TABLE keyless (id int)")
    (found,) = [row for row in root.data("GET", "/advice?adviser=no_primary_key") if "keyless" in row["cache_key"]]
    yield found["cache_key"]
    place.owner.run("DROP TABLE keyless")


def keys(root: Client, query: str = "") -> dict[str, Any]:
    return {row["cache_key"]: row for row in root.data("GET", f"/advice{query}")}


def test_findings_have_evidence_and_a_cure(root: Client, finding: str) -> None:
    found = keys(root)[finding]
    assert found["level"] in ("ERROR", "WARN", "INFO")
    assert "keyless" in found["detail"]
    assert found["muted"] is None
    assert found["name"] in {adviser["name"] for adviser in root.data("GET", "/advice/advisers")}


def test_a_finding_is_muted_with_a_reason_and_shown_again(root: Client, finding: str) -> None:
    root.data("POST", "/advice/mutes", {"data": {"cache_key": finding, "reason": "a log"}}, 204)
    assert finding not in keys(root)
    assert keys(root, "?muted=true")[finding]["muted"]["reason"] == "a log"
    root.data("DELETE", "/advice/mutes", None, 204, params={"cache_key": finding})
    assert finding in keys(root)
    root.refused(404, "DELETE", "/advice/mutes", params={"cache_key": finding})


@pytest.mark.parametrize(
    "data",
    [
        {"cache_key": "x"},
        {"cache_key": "x", "reason": ""},
        {"cache_key": "x", "reason": "y", "until": "yesterday"},
        {"cache_key": "x", "reason": "y", "until": "2020-01-01T00:00:00Z"},
        {"cache_key": "x", "reason": "y", "until": "2999-01-01T00:00:00"},
    ],
)
def test_a_mute_without_reason_or_with_a_wrong_end_is_refused(root: Client, data: dict[str, str]) -> None:
    root.refused(422, "POST", "/advice/mutes", {"data": data})


def test_every_panel_answers(root: Client) -> None:
    for panel in root.data("GET", "/monitoring"):
        assert isinstance(root.data("GET", f"/monitoring/panels/{panel['name']}"), list), panel["name"]
    root.refused(404, "GET", "/monitoring/panels/nothing")


def test_the_last_hour_is_kept(root: Client) -> None:
    first = eventually(lambda: root.data("GET", "/monitoring/history"), timeout_s=15)[-1]
    assert abs(time.time() - first["at"]) < 60
    assert first["connections"] >= 1


def test_who_waits_is_below_who_holds_and_can_be_ended(place: Place, root: Client) -> None:
    with place.cluster.session(place.name, "shop_owner") as holder, holder.transaction():
        holder.run("LOCK TABLE orders")
        with ThreadPoolExecutor(1) as threads, place.cluster.session(place.name, "shop_owner") as waiter:
            pid = waiter.value("SELECT pg_backend_pid()")
            waiting = threads.submit(waiter.run, "TRUNCATE orders CASCADE")
            tree = eventually(lambda: depths(root, pid))
            assert tree[pid] == 1
            assert root.data("POST", "/monitoring/cancel", {"data": {"pid": pid, "terminate": True}})["session"]
            assert isinstance(waiting.exception(), psycopg.errors.AdminShutdown)
            assert not depths(root, pid)
    root.refused(404, "POST", "/monitoring/cancel", {"data": {"pid": pid}})
    assert "INTEGRATEDB" in place.superuser.value(
        "SELECT command_tag FROM integratedb.ddl_event WHERE reason LIKE %s ORDER BY id DESC LIMIT 1", f"%{pid}%"
    )


def depths(root: Client, pid: int) -> dict[int, int]:
    rows = root.data("GET", "/monitoring/panels/locks")
    found = {row["pid"]: row["depth"] for row in rows}
    return found if pid in found else {}


def test_a_superusers_session_is_not_ended(place: Place, root: Client) -> None:
    pid = place.superuser.value("SELECT pg_backend_pid()")
    root.refused(403, "POST", "/monitoring/cancel", {"data": {"pid": pid, "terminate": True}})
    assert place.superuser.value("SELECT 1") == 1


def test_restricted_users_see_none_of_it(user: User, root: Client) -> None:
    restricted = user({"stakeholders": []})
    for path in ("/advice", "/advice/advisers", "/monitoring", "/monitoring/history", "/monitoring/panels/sessions"):
        restricted.refused(403, "GET", path)
    restricted.refused(403, "POST", "/advice/mutes", {"data": {"cache_key": "x", "reason": "y"}})
    user().refused(403, "POST", "/monitoring/cancel", {"data": {"pid": 1}})
