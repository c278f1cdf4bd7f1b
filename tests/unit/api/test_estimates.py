"""What EXPLAIN answers."""

from __future__ import annotations

from typing import Any

import orjson

from integratedb_companion.api.estimates import cost_of, explain, rows_of


def answer(**plan: Any) -> bytes:
    return orjson.dumps([{"Plan": {"Total Cost": 12.5, **plan}}])


def node(kind: str, rows: int, *plans: dict[str, Any], relationship: str = "Outer") -> dict[str, Any]:
    return {"Node Type": kind, "Plan Rows": rows, "Parent Relationship": relationship, "Plans": list(plans)}


def test_rows_are_those_below_the_limit() -> None:
    others = [node("Limit", 1, node("Index Scan", 77), relationship="InitPlan")]
    rows = node("Limit", 1000, node("Gather", 123456, node("Seq Scan", 60000)), relationship="Subquery")
    assert rows_of(answer(**node("Aggregate", 1, *others, rows))) == 123456
    assert rows_of(answer(**node("Aggregate", 1, node("Seq Scan", 5)))) == 5
    assert rows_of(answer(**node("Result", 1))) == 1


def test_costs() -> None:
    assert cost_of(answer(**node("Result", 1))) == 12.5


def test_the_statement() -> None:
    assert explain(b"SELECT 1", "json", ("analyze", "buffers")) == b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT 1"
