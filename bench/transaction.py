"""Many schema changes in one transaction, as migrations and restores have them, against no extension."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack

from bench.support import Connection, compare, connect, fresh_database, report

ROUNDS = 3
TABLES = 2000
STATEMENTS_OF_A_TEXT = 800

TABLE = "(id bigint PRIMARY KEY, note text)"
#: 330 bytes a statement: 800 of them are a text of 260 kB.
LONG_TABLE = f"(id bigint PRIMARY KEY, note text DEFAULT '{'x' * 260}')"


def prepare(stack: ExitStack, name: str, *, extension: bool, claimed: bool) -> Connection:
    """A database with schemas s0, s1, ...: one for each time that tables are created, so that all find an empty one."""
    session = stack.enter_context(connect(stack.enter_context(fresh_database(f"bench_transaction_{name}"))))
    schemas = [f"s{number}" for number in range(2 * (ROUNDS + 1))]
    for schema in schemas:
        session.execute(f"CREATE SCHEMA {schema}")
    if extension:
        session.execute("CREATE EXTENSION integratedb CASCADE")
    if claimed:
        session.execute("SELECT integratedb_create_stakeholder('bench_transaction')")
        match = [{"path": f"{schema}.*", "fields": ["*"]} for schema in schemas]
        session.execute("SELECT integratedb_claim('bench_transaction', %s)", [json.dumps({"match": match})])
    return session


def statements(session: Connection, schemas: list[str]) -> Callable[[], object]:
    """An action: each time it is called, a transaction that creates tables in the next of the schemas."""
    following = iter(schemas)

    def create() -> None:
        schema = next(following)
        session.execute("BEGIN")
        for number in range(TABLES):
            session.execute(f"CREATE TABLE {schema}.t{number} {TABLE}")
        session.execute("COMMIT")

    return create


def text(session: Connection, schemas: list[str]) -> Callable[[], object]:
    """An action: the same by one long text."""
    following = iter(schemas)

    def create() -> None:
        schema = next(following)
        creates = (f"CREATE TABLE {schema}.t{number} {LONG_TABLE}" for number in range(STATEMENTS_OF_A_TEXT))
        session.execute(f"BEGIN; {'; '.join(creates)}; COMMIT")

    return create


def main() -> bool:
    print("transaction: CREATE TABLE and COMMIT, against no extension", flush=True)
    good = True
    with ExitStack() as stack:
        bare = prepare(stack, "bare", extension=False, claimed=False)
        unclaimed = prepare(stack, "unclaimed", extension=True, claimed=False)
        claimed = prepare(stack, "claimed", extension=True, claimed=True)
        for what, action, schemas in (
            (f"{TABLES:,} statements", statements, [f"s{number}" for number in range(ROUNDS + 1)]),
            (
                f"{STATEMENTS_OF_A_TEXT} statements in one text",
                text,
                [f"s{number}" for number in range(ROUNDS + 1, 2 * (ROUNDS + 1))],
            ),
        ):
            without, with_extension, with_claim = compare(
                ROUNDS, action(bare, schemas), action(unclaimed, schemas), action(claimed, schemas)
            )
            good &= report(f"{what}, nothing claimed", with_extension, without, bar=2)
            good &= report(f"{what}, the schema claimed as a whole", with_claim, without, bar=2.5)
    return good


if __name__ == "__main__":
    sys.exit(not main())
