"""integratedb_claim() and integratedb_notify() of many matches, against a quarter of them: linear is a ratio of 4."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from bench.support import (
    Connection,
    claim_tenants,
    compare,
    connect,
    create_tables,
    create_tenants,
    fresh_database,
    report,
)

ROUNDS = 3
TABLES = 50
COLUMNS = 100


def single_fields(session: Connection, number: int) -> Callable[[], object]:
    """An action: a claim of so many matches of a field each, where there was nothing."""
    match = [{"path": f"wide.t{n % TABLES + 1}", "fields": [f"c{n // TABLES + 1}"]} for n in range(number)]
    document = json.dumps({"match": match})

    def submit() -> None:
        session.execute("SELECT integratedb_claim('bench_fields', %s)", [document])

    return submit


def whole_schemas(session: Connection, number: int) -> Callable[[], object]:
    """An action: a claim of so many schemas."""
    return lambda: claim_tenants(session, "bench_schemas", number)


def notified_schemas(session: Connection, number: int) -> Callable[[], object]:
    """An action: so many schemas are notified."""
    match = [{"path": f"tenant_{tenant}.*", "fields": ["*"]} for tenant in range(1, number + 1)]
    document = json.dumps({"match": match})

    def submit() -> None:
        session.execute("SELECT integratedb_notify('bench_notified', %s)", [document])

    return submit


def main() -> bool:
    print("submission: integratedb_claim() in a warm session; each replaces the one before it", flush=True)
    good = True
    with fresh_database("bench_submission") as database, connect(database) as session:
        session.execute("CREATE EXTENSION integratedb CASCADE")
        create_tables(session, tables=TABLES, columns=COLUMNS)
        create_tenants(session, 2000)
        for stakeholder in ("bench_fields", "bench_schemas", "bench_notified"):
            session.execute("SELECT integratedb_create_stakeholder(%s)", [stakeholder])
        for what, action, number in (
            ("matches of a field", single_fields, 5000),
            ("matches of a schema", whole_schemas, 2000),
            ("matches of a schema, notified", notified_schemas, 1000),
        ):
            whole, quarter = compare(ROUNDS, action(session, number), action(session, number // 4))
            good &= report(f"{number:,} {what}, against a quarter of them", whole, quarter, bar=6)
    return good


if __name__ == "__main__":
    sys.exit(not main())
