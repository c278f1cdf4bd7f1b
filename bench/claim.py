"""integratedb_claim() of 1,000 fields, and where its time goes."""

from __future__ import annotations

import json
import sys
from itertools import count

from bench.support import Connection, compare, connect, create_tables, elapsed, fresh_database

TABLES = 40
COLUMNS = 25

PARTS = {
    "integratedb_claim": "integratedb_claim",
    "Python, reading (is it well formed)": "parse_specification",
    "Python, expansion (what does it mean here)": "expand",
    "storing the claim rows": "store_batch",
    "grants": "reconcile_grants",
}


def main() -> bool:
    print(f"claim: {TABLES * COLUMNS:,} fields in {TABLES} tables, in a warm session", flush=True)
    with fresh_database("bench_claim") as database, connect(database) as session:
        create_tables(session, tables=TABLES, columns=COLUMNS)
        session.execute("CREATE EXTENSION integratedb CASCADE")
        numbers = count()

        def claim() -> None:
            """A stakeholder of its own each time: everything is granted anew."""
            name = f"bench_claim_{next(numbers)}"
            session.execute("SELECT integratedb_create_stakeholder(%s)", [name])
            session.execute("SELECT integratedb_claim(%s, %s)", [name, specification()])

        first = elapsed(claim)
        session.execute("SET track_functions = 'all'")
        (median,) = compare(5, claim)
        calls = 6
        spent = times(session)
        print(f"  whole: {median * 1000:.0f} ms; a session's first, which starts Python: {first * 1000:.0f} ms")
        for part, function in PARTS.items():
            print(f"    {part}: {spent[function] / calls:.0f} ms")
        again = elapsed(lambda: session.execute("SELECT integratedb_claim(%s, %s)", ["bench_claim_0", specification()]))
        print(f"  the same claim again (nothing to grant): {again * 1000:.0f} ms", flush=True)
    return True


def specification() -> str:
    """All fields by name, with a property each so that nothing is filled in."""
    fields = [{"name": f"c{number}", "is_nullable": True} for number in range(1, COLUMNS + 1)]
    return json.dumps({"match": [{"path": f"wide.t{table}", "fields": fields} for table in range(1, TABLES + 1)]})


def times(session: Connection) -> dict[str, float]:
    """Milliseconds in each function, its callees included, so far."""
    session.execute("SELECT pg_stat_force_next_flush()")
    rows = session.execute("SELECT funcname, sum(total_time) FROM pg_stat_user_functions GROUP BY funcname").fetchall()
    return {name: float(spent) for name, spent in rows}


if __name__ == "__main__":
    sys.exit(not main())
