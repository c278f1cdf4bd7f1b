"""What the benchmarks share: databases to measure in, and times that are only ever compared within one run."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(database: str = "postgres", **parameters: Any) -> Connection:
    """A session on the cluster of this run, in autocommit."""
    dsn = make_conninfo(os.environ["INTEGRATEDB_TEST_DSN"], dbname=database, **parameters)
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)


@contextmanager
def fresh_database(name: str) -> Iterator[str]:
    """A new database, dropped afterwards with the roles that were made meanwhile."""
    with connect() as cluster:
        roles = set(cluster.execute("SELECT rolname FROM pg_roles").fetchall())
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        cluster.execute(drop)
        cluster.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            cluster.execute(drop)
            for (role,) in set(cluster.execute("SELECT rolname FROM pg_roles").fetchall()) - roles:
                cluster.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def create_tables(session: Connection, tables: int, columns: int, schema: str = "wide") -> None:
    """``tables`` tables of ``columns`` columns c1, c2, ... of four built-in types."""
    types = ("bigint", "text", "varchar(40)", "numeric(12, 2)")
    body = ", ".join(f"c{number} {types[number % 4]}" for number in range(1, columns + 1))
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    create = f"EXECUTE format('CREATE TABLE {schema}.t%s ({body})', n)"
    session.execute(f"DO $$ BEGIN FOR n IN 1..{tables} LOOP {create}; END LOOP; END $$")


def claim_columns(session: Connection, stakeholder: str, tables: int, columns: int, schema: str = "wide") -> None:
    """A stakeholder that claims the first ``columns`` columns of each of the tables, by name."""
    session.execute("SELECT integratedb_create_stakeholder(%s)", [stakeholder])
    names = [f"c{number}" for number in range(1, columns + 1)]
    match = [{"path": f"{schema}.t{table}", "fields": names} for table in range(1, tables + 1)]
    session.execute("SELECT integratedb_claim(%s, %s)", [stakeholder, json.dumps({"match": match})])


def create_tenants(session: Connection, tenants: int) -> None:
    """Schemas tenant_1, tenant_2, ... with the same table each."""
    create = "CREATE TABLE tenant_%1$s.orders (id bigint PRIMARY KEY, note text)"
    for start in range(1, tenants + 1, 500):  # locks are kept until the end of a transaction
        session.execute(
            f"DO $$ BEGIN FOR n IN {start}..{min(start + 499, tenants)} LOOP"
            f" EXECUTE format('CREATE SCHEMA tenant_%1$s', n); EXECUTE format('{create}', n); END LOOP; END $$"
        )


def claim_tenants(session: Connection, stakeholder: str, tenants: int) -> None:
    """A stakeholder, made before, claims each of the schemas as a whole."""
    match = [{"path": f"tenant_{tenant}.*", "fields": ["*"]} for tenant in range(1, tenants + 1)]
    session.execute("SELECT integratedb_claim(%s, %s)", [stakeholder, json.dumps({"match": match})])


def elapsed(action: Callable[[], object]) -> float:
    """Seconds that an action takes, once."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(rounds: int, *actions: Callable[[], object]) -> list[float]:
    """The median of each action's times, taken in turns, so that noise meets all; the first round is not kept."""
    times: list[list[float]] = [[] for _ in actions]
    for round_ in range(rounds + 1):
        for action, kept in zip(actions, times, strict=True):
            seconds = elapsed(action)
            if round_:
                kept.append(seconds)
    return [statistics.median(kept) for kept in times]


def report(what: str, ours: float, peer: float, bar: float | None = None) -> bool:
    """Print ours, its peer, their ratio and the bar; false when the bar is missed."""
    ratio = ours / peer
    verdict = "" if bar is None else f"  bar {bar:g}: {'met' if ratio <= bar else 'MISSED'}"
    print(f"  {what}: {ours * 1000:.2f} ms against {peer * 1000:.2f} ms, ratio {ratio:.3g}{verdict}", flush=True)
    return bar is None or ratio <= bar
