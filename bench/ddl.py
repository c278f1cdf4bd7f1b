"""ALTER TABLE ADD COLUMN and COMMIT: unclaimed tables beside few and many claims, a claimed table, first DDL, tenants.

A tenant is a schema with the same tables as the others have; one stakeholder claims 20 of them, or 2,000, or is
notified of 20, or 500.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack

from bench.support import (
    Connection,
    claim_columns,
    claim_tenants,
    compare,
    connect,
    create_tables,
    create_tenants,
    elapsed,
    fresh_database,
    report,
)

ROUNDS = 60
# ADD COLUMN on the same table over and over is slower each time: the columns are spread over many tables.
SCRATCH_TABLES = 40


def add_column(session: Connection, schema: str) -> Callable[[], object]:
    """An action: each time it is called, a new column for the next table."""
    numbers = itertools.count()

    def add() -> None:
        number = next(numbers)
        session.execute(f"ALTER TABLE {schema}.t{number % SCRATCH_TABLES + 1} ADD COLUMN added{number} integer")

    return add


def prepare(stack: ExitStack, name: str, claimed: int | None) -> Connection:
    """A database with the extension and so many claimed columns (none: without the extension)."""
    session = stack.enter_context(connect(stack.enter_context(fresh_database(f"bench_ddl_{name}"))))
    create_tables(session, tables=1000, columns=30)
    create_tables(session, tables=SCRATCH_TABLES, columns=10, schema="scratch")
    create_tables(session, tables=SCRATCH_TABLES, columns=10, schema="claimed")
    if claimed is not None:
        session.execute("CREATE EXTENSION integratedb CASCADE")
        for stakeholder in range(-(-claimed // 30_000)):
            columns = min(claimed - stakeholder * 30_000, 30_000)
            claim_columns(
                session, f"bench_{name}_{stakeholder}", tables=max(columns // 30, 10), columns=min(30, columns // 10)
            )
    session.execute("VACUUM ANALYZE")
    return session


def repeated(session: Connection, statement: str) -> Callable[[], object]:
    """An action: the statement."""
    return lambda: session.execute(statement)


def prepare_tenants(stack: ExitStack, tenants: int) -> Connection:
    """A database with so many tenants, all claimed by one stakeholder."""
    session = stack.enter_context(connect(stack.enter_context(fresh_database(f"bench_tenants_{tenants}"))))
    session.execute("CREATE EXTENSION integratedb CASCADE")
    create_tenants(session, tenants)
    session.execute("CREATE TABLE unclaimed (id integer)")
    session.execute("CREATE TABLE parts (id integer) PARTITION BY RANGE (id)")
    session.execute("CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)")
    session.execute("SELECT integratedb_create_stakeholder(%s)", [f"bench_of_{tenants}"])
    claim_tenants(session, f"bench_of_{tenants}", tenants)
    return session


def prepare_notified(stack: ExitStack, tenants: int) -> Connection:
    """A database with so many tenants, of which one stakeholder with a channel is notified."""
    session = stack.enter_context(connect(stack.enter_context(fresh_database(f"bench_notified_{tenants}"))))
    session.execute("CREATE EXTENSION integratedb CASCADE")
    create_tenants(session, tenants)
    session.execute("SELECT integratedb_create_stakeholder(%s)", [f"bench_to_{tenants}"])
    match = [{"path": f"tenant_{tenant}.*", "fields": ["*"]} for tenant in range(1, tenants + 1)]
    spec = {"match": match, "channels": [{"name": "live", "type": "SOCKET"}]}
    session.execute("SELECT integratedb_notify(%s, %s)", [f"bench_to_{tenants}", json.dumps(spec)])
    return session


def notified_tenants() -> bool:
    """What a change of one tenant costs that is notified beside many others, against few."""
    with ExitStack() as stack:
        few, many = prepare_notified(stack, 20), prepare_notified(stack, 500)
        statement = "ALTER TABLE tenant_7.orders ALTER note SET DEFAULT 'x'"
        beside_many, beside_few = compare(ROUNDS, repeated(many, statement), repeated(few, statement))
        good = report("SET DEFAULT in a tenant, 500 tenants notified, against 20", beside_many, beside_few, bar=1.5)
        # The daemon is told all of a stakeholder anew.
        beside_many, beside_few = compare(20, add_note(many), add_note(few))
        return good & report("ADD COLUMN in a tenant, 500 tenants notified, against 20", beside_many, beside_few, bar=6)


def add_note(session: Connection) -> Callable[[], object]:
    """An action: each time it is called, a new column for a table that is notified."""
    numbers = itertools.count()
    return lambda: session.execute(f"ALTER TABLE tenant_7.orders ADD COLUMN added{next(numbers)} integer")


def tenants() -> bool:
    """What a change of one tenant costs beside many others, against few."""
    good = True
    with ExitStack() as stack:
        few, many = prepare_tenants(stack, 20), prepare_tenants(stack, 2000)
        for what, statement, bar in (
            ("SET DEFAULT in a tenant", "ALTER TABLE tenant_7.orders ALTER note SET DEFAULT 'x'", 1.5),
            ("unclaimed table", "ALTER TABLE unclaimed ALTER id SET DEFAULT 1", 1.5),
            ("unclaimed partitioned table", "ALTER TABLE parts ALTER id SET DEFAULT 1", 1.5),
            ("GRANT elsewhere", "GRANT SELECT ON unclaimed TO PUBLIC", 1.5),
            # It looks through the catalog, whose size is that of the tenants; not through the claims.
            ("REVOKE elsewhere", "REVOKE SELECT ON unclaimed FROM PUBLIC", 10),
        ):
            beside_many, beside_few = compare(ROUNDS, repeated(many, statement), repeated(few, statement))
            good &= report(f"{what}, 2,000 tenants claimed, against 20", beside_many, beside_few, bar=bar)
    return good


def main() -> bool:
    print("ddl: ALTER TABLE ADD COLUMN + COMMIT in a warm session", flush=True)
    with ExitStack() as stack:
        bare = prepare(stack, "bare", None)
        few = prepare(stack, "few", 100)
        many = prepare(stack, "many", 100_000)
        without, beside_few, beside_many = compare(
            ROUNDS, add_column(bare, "scratch"), add_column(few, "scratch"), add_column(many, "scratch")
        )
        good = report(
            "unclaimed table, 100,000 claimed columns elsewhere, against 100", beside_many, beside_few, bar=1.3
        )
        good &= report("unclaimed table, against no extension", beside_many, without, bar=4)

        many.execute("SELECT integratedb_create_stakeholder('bench_wild')")
        match = ", ".join(f'{{"path": "claimed.t{n}", "fields": ["*"]}}' for n in range(1, SCRATCH_TABLES + 1))
        many.execute(f"""SELECT integratedb_claim('bench_wild', '{{"match": [{match}]}}')""")
        claimed, without = compare(ROUNDS, add_column(many, "claimed"), add_column(bare, "claimed"))
        good &= report("claimed table, with the new grant, against no extension", claimed, without, bar=15)

        first = [first_ddl("bench_ddl_many", schema) for schema in ("scratch", "claimed")]
        plain = first_ddl("bench_ddl_bare", "scratch")
        print(
            f"  a session's first DDL: unclaimed {first[0] * 1000:.1f} ms, claimed (starts Python)"
            f" {first[1] * 1000:.1f} ms, no extension {plain * 1000:.1f} ms",
            flush=True,
        )
    return good & tenants() & notified_tenants()


def first_ddl(database: str, schema: str) -> float:
    """What the first ADD COLUMN of a session takes."""
    with connect(database) as session:
        return elapsed(lambda: session.execute(f"ALTER TABLE {schema}.t1 ADD COLUMN first_{schema} integer"))


if __name__ == "__main__":
    sys.exit(not main())
