"""What has the daemon's slot carried to the replicas, and which of them could go on with it."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb_companion.cluster.slots import Report, patch, readiness, report, slot_of

CARRIED = {"slots": {"integratedb": {"type": "logical", "database": "shop", "plugin": "pgoutput"}}}
SYNCING = {"postgresql": {"parameters": {"sync_replication_slots": "on"}}}
OURS = {
    "slot_name": "integratedb",
    "plugin": "pgoutput",
    "slot_type": "logical",
    "database": "shop",
    "temporary": False,
    "catalog_xmin": "700",
    "confirmed_flush_lsn": "0/1",
    "wal_status": "reserved",
}
PHYSICAL = {"slot_name": "node_b", "plugin": None, "slot_type": "physical", "catalog_xmin": "690"}


@pytest.mark.parametrize(
    ("version", "database", "configuration", "change"),
    [
        (150_020, None, {}, None),
        (150_020, "shop", {}, CARRIED),
        (150_020, "shop", {"slots": None}, CARRIED),
        (150_020, "shop", {"slots": {"other": {}}}, CARRIED),
        (150_020, "shop", CARRIED, None),
        (170_004, None, {}, SYNCING),
        (170_004, "shop", {"postgresql": {"parameters": {"sync_replication_slots": "off"}}}, None),
    ],
)
def test_below_17_patroni_lists_the_slot_once_it_exists(
    version: int, database: str | None, configuration: dict[str, Any], change: dict[str, Any] | None
) -> None:
    assert patch(Report(True, version, database), configuration) == change


def test_a_primary_reports_its_slot_and_what_it_keeps_for_replicas() -> None:
    said = report(True, 150_020, [OURS, PHYSICAL, {**PHYSICAL, "slot_name": "node_c", "catalog_xmin": None}])
    assert said == Report(True, 150_020, "shop", 700, kept={"node_b": 690})
    assert report(False, 150_020, [OURS, PHYSICAL]).kept == {}


@pytest.mark.parametrize(
    "broken",
    [
        {"wal_status": "lost"},
        {"confirmed_flush_lsn": None},
        {"plugin": "test_decoding"},
        {"temporary": True},
        {"invalidation_reason": "wal_removed"},
    ],
)
def test_a_slot_that_cannot_be_read_is_reported_as_none(broken: dict[str, Any]) -> None:
    assert report(True, 170_004, [{**OURS, **broken}]).database is None


@pytest.mark.parametrize(
    ("kept", "needed", "synced", "said"),
    [
        (None, 700, False, "copying"),
        (701, 700, False, "copying"),
        (700, 700, False, "ready"),
        (690, 700, False, "ready"),
        (4_294_967_290, 10, False, "ready"),
        (10, 4_294_967_290, False, "copying"),
        (None, 700, True, "ready"),
    ],
)
def test_a_copy_is_ready_once_the_primary_keeps_the_catalog_rows_that_it_needs(
    kept: int | None, needed: int, synced: bool, said: str
) -> None:
    reports = {
        "a": Report(True, 150_020, "shop", 720, kept={} if kept is None else {"node_b": kept}).as_json(),
        "Node-B": Report(False, 150_020, "shop", needed, synced).as_json(),
    }
    assert readiness("Node-B", "a", reports) == said
    assert readiness("a", "a", reports) == "ready"
    assert readiness("c", "a", reports) == "missing"
    assert readiness("a", None, reports) is None


def test_patronis_names_of_slots() -> None:
    assert [slot_of(name) for name in ("a", "Node-1", "n.2")] == ["a", "node_1", "n_2"]
