"""The rows of the status, the judgement of a switchover, and what clients are told, of keys that etcd holds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integratedb_companion.cluster import discovery, nodes, switchover
from integratedb_companion.cluster.etcd import Value
from integratedb_companion.cluster.nodes import Node, Status
from integratedb_companion.cluster.slots import Report

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MB = 1 << 20


def held(document: Any) -> Value:
    return Value(document if isinstance(document, str) else json.dumps(document), 1)


def member(role: str, position: int, **more: Any) -> Value:
    return held({"role": role, "state": "running", "xlog_location": position, "timeline": 3, **more})


def keys(**more: Value | None) -> dict[str, Value]:
    found: dict[str, Value | None] = {
        "/service/shop/config": held({"ttl": 20, "synchronous_mode": True}),
        "/service/shop/leader": held("a"),
        "/service/shop/sync": held({"leader": "a", "sync_standby": "b"}),
        "/service/shop/members/a": member("primary", 100),
        "/service/shop/members/b": member("replica", 100),
        "/service/shop/members/c": member("replica", 60),
    }
    for name in "abc":
        found[f"/integratedb/shop/nodes/{name}"] = held({"postgres": f"{name}:5432", "agent": f"{name}:8650"})
    found |= {name.replace("_", "/"): value for name, value in more.items()}
    return {name: value for name, value in found.items() if value is not None}


ANSWERS: dict[str, dict[str, Any]] = {
    "a": {"role": "primary", "state": "running", "timeline": 3, "xlog": {"location": 100}},
    "b": {
        "role": "replica",
        "state": "running",
        "replication_state": "streaming",
        "timeline": 3,
        "xlog": {"replayed_location": 100},
    },
    "c": {
        "role": "replica",
        "state": "running",
        "replication_state": "streaming",
        "timeline": 3,
        "xlog": {"replayed_location": 60, "replayed_timestamp": "2026-05-04 11:59:57.5+00:00"},
    },
}


def state(*, answers: dict[str, dict[str, Any]] | None = None, quorum: bool = True, **more: Value | None) -> Status:
    members = tuple({"name": name, "peer_url": "", "votes": True} for name in "abc")
    given = ANSWERS if answers is None else answers
    return nodes.status("shop", keys(**more), given, quorum=quorum, now=NOW, etcd=members)


def test_a_row_each_with_the_primary_first() -> None:
    rows = {row.name: row for row in state().nodes}
    assert list(rows) == ["a", "b", "c"]
    assert [row.role for row in rows.values()] == ["primary", "replica", "replica"]
    assert [row.sync for row in rows.values()] == [None, "sync", "async"]
    assert [row.lag_bytes for row in rows.values()] == [None, 0, 40]
    assert (rows["b"].lag_s, rows["c"].lag_s) == (0.0, 2.5)
    assert state().is_well


def test_a_registered_node_without_a_key_is_lost() -> None:
    found = state(_service_shop_members_c=None, answers={"a": ANSWERS["a"], "b": ANSWERS["b"]})
    row = found.node("c")
    assert row is not None
    assert (row.role, row.address) == ("lost", "c:5432")
    assert not found.is_well


def test_a_node_that_does_not_answer_keeps_its_role_until_its_key_ends() -> None:
    found = state(answers={"a": ANSWERS["a"], "b": ANSWERS["b"]})
    row = found.node("c")
    assert row is not None
    assert (row.role, row.answers) == ("replica", False)
    assert "running (does not answer)" in nodes.as_text(found)


def test_who_has_the_key_and_is_not_promoted_yet_is_no_primary() -> None:
    found = state(answers={**ANSWERS, "a": {**ANSWERS["a"], "role": "replica"}})
    assert found.primary is None
    assert not found.is_well
    assert "being promoted" in nodes.as_text(found)


def test_without_a_leader_there_is_no_primary() -> None:
    found = state(_service_shop_leader=None)
    assert found.primary is None
    assert "There is no primary" in nodes.as_text(found)


def test_without_a_majority_the_text_says_that_it_may_be_old() -> None:
    assert "may be old" in nodes.as_text(state(quorum=False))
    assert not state(quorum=False).is_well


def test_what_is_damaged_in_etcd_is_passed_over() -> None:
    found = state(_service_shop_config=held("no json"), _service_shop_sync=held("[]"))
    assert not found.synchronous
    assert "may lose the last commits" in nodes.as_text(found)


def test_copies_of_the_daemons_slot_are_ready_or_missing() -> None:
    source = Report(True, 150_020, "shop", 700, kept={"b": 700}).as_json()
    copy = Report(False, 150_020, "shop", 700).as_json()
    found = state(_integratedb_shop_slots_a=held(source), _integratedb_shop_slots_b=held(copy))
    assert [row.slot for row in found.nodes] == ["ready", "ready", "missing"]
    assert [row.slot for row in state().nodes] == [None, None, None]


def test_the_text_leaves_out_columns_that_say_nothing() -> None:
    lines = nodes.as_text(state()).splitlines()
    assert lines[0].split() == ["name", "role", "address", "state", "timeline", "lag", "sync"]
    assert lines[3].split() == ["c", "replica", "c:5432", "streaming", "3", "40", "B,", "2.5", "s", "async"]


def test_the_text_is_that_of_the_json() -> None:
    document = state().as_json()
    assert document["nodes"][0]["role"] == "primary"
    assert json.loads(json.dumps(document)) == document


# Switchovers.


def test_the_synchronous_standby_takes_over_by_default() -> None:
    plan = switchover.preview(state(), None, None, NOW)
    assert (plan.old, plan.new, plan.reasons) == ("a", "b", ())
    assert plan.as_json()["from"] == "a"


def against(found: Status, to: str | None = "b", at: str | None = None) -> str:
    return "; ".join(switchover.preview(found, to, at, NOW).reasons)


def changed(name: str, **changes: Any) -> Status:
    found = state()
    return replace(found, nodes=tuple(replace(one, **changes) if one.name == name else one for one in found.nodes))


@pytest.mark.parametrize(
    ("found", "to", "reason"),
    [
        (state(), "a", "node a is the primary already"),
        (state(), "c", "node c is not the synchronous standby, and may lack the last commits"),
        (state(), "z", "there is no node z: there are a, b, c"),
        (state(quorum=False), "b", "etcd has no majority"),
        (state(_service_shop_leader=None), "b", "there is no primary to take over from"),
        (replace(state(), paused=True), "b", "Patroni is paused"),
        (changed("b", role="lost"), "b", "node b is lost"),
        (changed("b", state="starting"), "b", "node b is starting, not streaming"),
        (changed("b", answers=False), "b", "Patroni of node b does not answer"),
        (changed("b", timeline=2), "b", "node b is on timeline 2, the primary on 3"),
        (changed("b", lag_bytes=40 * MB), "b", "node b is 40 MB behind"),
        (changed("b", lag_bytes=None), "b", "the lag of node b is unknown"),
        (changed("b", slot="missing"), "b", "node b has no usable copy of the daemon's slot"),
        (changed("b", role="lost"), None, "no replica is able to take over"),
    ],
)
def test_a_switchover_is_refused_with_the_reason(found: Status, to: str | None, reason: str) -> None:
    assert reason in against(found, to)


def test_all_reasons_are_said_at_once() -> None:
    found = replace(changed("c", timeline=2, answers=False), paused=True)
    assert len(switchover.preview(found, "c", None, NOW).reasons) == 4


def test_an_asynchronous_cluster_takes_any_replica() -> None:
    assert against(replace(state(), synchronous=False), "c") == ""


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("soon", "'soon' is not a time"),
        ("2026-05-04T13:00:00", "must name its offset"),
        ("2026-05-04T11:00:00Z", "the time has passed"),
        ("2026-05-04T13:00:00+00:00", ""),
    ],
)
def test_a_time_must_be_one_to_come(at: str, reason: str) -> None:
    assert reason in against(state(), at=at)
    assert bool(reason) == bool(against(state(), at=at))


# What clients are told.


def test_connection_strings_name_all_nodes_with_the_primary_first() -> None:
    found = discovery.connection_strings(state(), "shop")
    assert found["read-write"].startswith("host=a,b,c port=5432,5432,5432 dbname=shop ")
    assert found["read-write"].endswith("target_session_attrs=read-write")
    assert set(found) == {"read-write", "read-only", "prefer-standby"}


def test_addresses_of_version_6_have_no_brackets_for_libpq() -> None:
    node = Node("a", "primary", "[fd00::1]:5432", "running", agent="[fd00::1]:8650")
    found = discovery.connection_strings(replace(state(), nodes=(node,)), "shop")
    assert found["read-only"].startswith("host=fd00::1 port=5432 ")


def test_haproxy_asks_the_agent_of_each_node() -> None:
    text = discovery.haproxy(state())
    assert text.count("    server ") == 6
    assert "    server b b:5432 check port 8650" in text
    assert "verify required" in text


def test_pgbouncer_goes_through_haproxy() -> None:
    assert "shop = host=127.0.0.1 port=5000 dbname=shop" in discovery.pgbouncer("shop")
