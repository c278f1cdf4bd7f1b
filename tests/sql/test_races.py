"""Two sessions at once: no interleaving commits an unmet claim, and who loses is told to retry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, refused

CLAIM = """SELECT integratedb_claim('reporter', '{"match": {"path": "shop.orders", "fields": ["note"]}}')"""
CLAIM_SCHEMA = """SELECT integratedb_claim('reporter', '{"match": {"path": "shop.*", "fields": ["*"]}}')"""
DROP = "ALTER TABLE shop.orders DROP COLUMN note"
HARMLESS = "CREATE TABLE shop.other (id integer)"


@pytest.fixture
def reporter(claim) -> None:
    """A stakeholder that claims nothing yet."""
    claim()


@pytest.fixture
def meanwhile(superuser: Session) -> Iterator[Callable[..., Future[None]]]:
    """``meanwhile(session, statement)``: run it in the background; back when it waits for a lock or is through."""
    with ThreadPoolExecutor() as pool:

        def start(session: Session, statement: str) -> Future[None]:
            future = pool.submit(session.run, statement)
            pid = session.info.backend_pid
            for _ in range(500):
                if future.done() or waits(superuser, pid):
                    return future
                time.sleep(0.01)
            raise AssertionError(f"{statement} neither waits for a lock nor ends")

        yield start


def waits(superuser: Session, pid: int) -> bool:
    state = superuser.row("SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE pid = %s", pid)
    return bool(state[0] == "Lock")


def unmet(superuser: Session) -> list[Any]:
    return superuser.rows("SELECT * FROM integratedb_unmet_claims()")


def is_retry(error: psycopg.Error, sqlstate: str) -> None:
    assert error.sqlstate == sqlstate
    # Ours, or under SERIALIZABLE perhaps Postgres's own: "The transaction might succeed if retried."
    assert any(word in (error.diag.message_hint or "") for word in ("Run the transaction again", "if retried"))


# A claim and a migration


def test_a_claim_waits_for_the_migration_of_its_table_and_sees_what_came_of_it(
    reporter, owner, admin, superuser, meanwhile
):
    owner.run("BEGIN")
    owner.run(DROP)
    claiming = meanwhile(admin, CLAIM)
    assert not claiming.done()
    owner.run("COMMIT")
    with refused("IDB03"):
        claiming.result(timeout=20)
    assert unmet(superuser) == []


def test_a_migration_waits_for_the_claim_of_its_table_and_is_refused(reporter, owner, admin, superuser, meanwhile):
    admin.run("BEGIN")
    admin.run(CLAIM)
    migrating = meanwhile(owner, DROP)
    assert not migrating.done()
    admin.run("COMMIT")
    with refused("IDB01"):
        migrating.result(timeout=20)
    assert unmet(superuser) == []


def test_a_migration_goes_on_when_the_claim_is_taken_back(reporter, owner, admin, superuser, meanwhile):
    admin.run("BEGIN")
    admin.run(CLAIM)
    migrating = meanwhile(owner, DROP)
    admin.run("ROLLBACK")
    migrating.result(timeout=20)
    assert unmet(superuser) == []


@pytest.mark.parametrize("relation", ["shop.sales", "shop.open_orders", "shop.visits"])
def test_a_claim_waits_for_the_drop_of_any_kind_of_relation(reporter, owner, admin, superuser, meanwhile, relation):
    kind = {"shop.sales": "MATERIALIZED VIEW", "shop.open_orders": "VIEW", "shop.visits": "TABLE"}[relation]
    owner.run("BEGIN")
    owner.run(f"DROP {kind} {relation}")
    claiming = meanwhile(admin, CLAIM.replace("shop.orders", relation).replace('["note"]', "[]"))
    assert not claiming.done()
    owner.run("COMMIT")
    with refused("IDB03"):
        claiming.result(timeout=20)
    assert unmet(superuser) == []


def test_a_claim_on_a_schema_and_a_migration_in_it_wait_for_each_other(reporter, owner, admin, superuser, meanwhile):
    """schema.* locks no tables: the serialisation row makes them wait."""
    owner.run("BEGIN")
    owner.run("CREATE TABLE shop.news (id integer)")
    admin.run("BEGIN")
    admin.run(CLAIM_SCHEMA)
    migrating = meanwhile(owner, "COMMIT")
    assert not migrating.done()
    admin.run("COMMIT")
    migrating.result(timeout=20)
    assert superuser.value("SELECT has_any_column_privilege('reporter', 'shop.news', 'SELECT')")


def test_of_a_claim_on_a_schema_and_a_drop_in_it_one_is_told_to_retry(reporter, owner, admin, superuser, meanwhile):
    """It locks no tables: it finds out when it grants, holding the lock that the drop needs at COMMIT."""
    owner.run("BEGIN")
    owner.run("DROP VIEW shop.open_orders")
    claiming = meanwhile(admin, CLAIM_SCHEMA)
    assert not claiming.done()
    dropping = meanwhile(owner, "COMMIT")
    (error,) = [error for error in (outcome(claiming), outcome(dropping)) if error is not None]
    is_retry(error, error.sqlstate or "")
    assert error.sqlstate in ("40001", "40P01")
    assert unmet(superuser) == []


def test_a_drop_in_a_schema_that_was_claimed_meanwhile_is_refused(reporter, owner, admin, superuser, meanwhile):
    """Postgres itself refuses (XX000, its own DROP against a GRANT) what comes while the claim is not committed yet."""
    admin.run("BEGIN")
    admin.run(CLAIM_SCHEMA)
    migrating = meanwhile(owner, "DROP VIEW shop.open_orders; COMMIT")
    admin.run("COMMIT")
    error = outcome(migrating)
    assert error is not None
    assert error.sqlstate in ("IDB01", "XX000")
    with refused("IDB01"):
        owner.run("DROP VIEW shop.open_orders")
    assert unmet(superuser) == []


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_migration_whose_snapshot_is_older_than_a_claim_fails_with_a_hint_to_retry(
    reporter, owner, admin, superuser, level
):
    owner.run(f"BEGIN ISOLATION LEVEL {level}")
    owner.run("SELECT 1 FROM shop.orders LIMIT 1")
    admin.run(CLAIM)
    owner.run(DROP)
    with pytest.raises(psycopg.Error) as caught:
        owner.run("COMMIT")
    is_retry(caught.value, "40001")
    with refused("IDB01"):
        owner.run(DROP)
    assert unmet(superuser) == []


@pytest.mark.parametrize("call", [CLAIM, "SELECT integratedb_sync()", "SELECT integratedb_validate_migration()"])
def test_a_claim_whose_snapshot_is_older_than_a_migration_fails_with_a_hint_to_retry(
    reporter, owner, admin, superuser, call
):
    admin.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    admin.run("SELECT 1")
    owner.run(DROP)
    with pytest.raises(psycopg.Error) as caught:
        admin.run(call)
    is_retry(caught.value, "40001")
    admin.run("ROLLBACK")
    assert unmet(superuser) == []


# Migrations among themselves


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_two_migrations_cannot_each_drop_one_of_two_alternatives(claim, owner, connect, superuser, meanwhile, level):
    owner.run("CREATE TABLE shop.purchases (id integer)")
    claim({"alternatives": [{"path": "shop.sales", "fields": []}, {"path": "shop.purchases", "fields": ["id"]}]})
    other = connect("shop_owner")
    for session, drop in ((owner, "DROP TABLE shop.purchases"), (other, "DROP MATERIALIZED VIEW shop.sales")):
        session.run(f"BEGIN ISOLATION LEVEL {level}")
        session.run(drop)
    owner.run("COMMIT")
    with pytest.raises(psycopg.Error) as caught:
        other.run("COMMIT")
    if level == "READ COMMITTED":
        assert caught.value.sqlstate == "IDB01"
    else:
        is_retry(caught.value, "40001")
    assert unmet(superuser) == []


def test_the_second_of_two_such_migrations_is_judged_after_the_first(claim, owner, connect, superuser, meanwhile):
    """The first holds the lock already when the second commits."""
    owner.run("CREATE TABLE shop.purchases (id integer)")
    claim({"alternatives": [{"path": "shop.sales", "fields": []}, {"path": "shop.purchases", "fields": ["id"]}]})
    other = connect("shop_owner")
    owner.run("BEGIN")
    owner.run("DROP TABLE shop.purchases")
    owner.run("SELECT integratedb_validate_migration()")
    other.run("BEGIN")
    other.run("DROP MATERIALIZED VIEW shop.sales")
    committing = meanwhile(other, "COMMIT")
    assert not committing.done()
    owner.run("COMMIT")
    with refused("IDB01"):
        committing.result(timeout=20)
    assert unmet(superuser) == []


def test_migrations_of_different_tables_wait_for_each_other_at_commit_only(owner, connect):
    other = connect("shop_owner")
    for session, name in ((owner, "a"), (other, "b")):
        session.run("BEGIN")
        session.run(f"CREATE TABLE shop.{name} (id integer)")
    owner.run("COMMIT")
    other.run("COMMIT")


def test_a_deadlock_is_told_with_a_hint_to_retry(reporter, owner, admin, superuser, meanwhile):
    """The claim holds the serialisation row and wants the table, the migration the other way round."""
    admin.run("BEGIN")
    admin.run("SELECT integratedb_sync()")
    owner.run("BEGIN")
    owner.run(DROP)
    committing = meanwhile(owner, "COMMIT")
    claiming = meanwhile(admin, CLAIM)
    errors = [error for error in (outcome(committing), outcome(claiming)) if error is not None]
    assert [error.sqlstate for error in errors] == ["40P01"]
    is_retry(errors[0], "40P01")
    superuser.run("SELECT 1")
    admin.run("ROLLBACK")
    assert unmet(superuser) == []


def outcome(future: Future[None]) -> psycopg.Error | None:
    error = future.exception(timeout=30)
    assert error is None or isinstance(error, psycopg.Error)
    return error


def test_a_migration_that_may_not_wait_is_told_with_a_hint_to_retry(reporter, owner, admin):
    admin.run("BEGIN")
    admin.run("SELECT integratedb_sync()")
    owner.run("SET lock_timeout = '100ms'")
    with pytest.raises(psycopg.Error) as caught:
        owner.run(HARMLESS)
    is_retry(caught.value, "55P03")


def test_a_claim_that_may_not_wait_is_told_with_a_hint_to_retry(reporter, owner, admin):
    owner.run("BEGIN")
    owner.run(DROP)
    admin.run("SET lock_timeout = '100ms'")
    with pytest.raises(psycopg.Error) as caught:
        admin.run(CLAIM)
    is_retry(caught.value, "55P03")


@pytest.mark.parametrize("relation", ["shop.sales", "shop.open_orders"])
def test_a_claim_of_a_view_that_may_not_wait_is_told_with_a_hint_to_retry(reporter, owner, admin, relation):
    owner.run("BEGIN")
    owner.run(f"DROP {'MATERIALIZED VIEW' if relation == 'shop.sales' else 'VIEW'} {relation}")
    admin.run("SET lock_timeout = '100ms'")
    with pytest.raises(psycopg.Error) as caught:
        admin.run(CLAIM.replace("shop.orders", relation).replace('["note"]', "[]"))
    is_retry(caught.value, "55P03")


# Grants


def test_our_grants_beside_other_peoples_are_never_an_internal_error(claim, owner, connect, superuser):
    """GRANT locks nothing that another GRANT waits for, so their catalog rows collide."""
    superuser.run("CREATE ROLE somebody")
    claim({"path": "shop.orders", "fields": ["*"]})
    other = connect("shop_owner")
    stop = threading.Event()

    def grant() -> None:
        while not stop.is_set():
            with suppress(psycopg.Error):
                other.run("GRANT SELECT (id, note, total) ON shop.orders TO somebody")
                other.run("REVOKE SELECT (id, note, total) ON shop.orders FROM somebody")

    thread = threading.Thread(target=grant)
    thread.start()
    errors: list[psycopg.Error] = []
    try:
        for _ in range(15):
            for fields in ('["*"]', '["id"]'):
                try:
                    superuser.run(CLAIM.replace('["note"]', fields))
                except psycopg.Error as error:
                    errors.append(error)
    finally:
        stop.set()
        thread.join()
    for caught in errors:
        assert caught.sqlstate in ("40001", "40P01")
        is_retry(caught, caught.sqlstate)
    owner.run("SELECT integratedb_sync()")
    assert unmet(superuser) == []


def test_of_a_sync_and_a_grant_on_one_table_one_may_be_told_to_retry(claim, owner, connect, superuser, meanwhile):
    superuser.run("CREATE ROLE somebody")
    claim({"path": "shop.orders", "fields": ["note"]})
    superuser.run("SET session_replication_role = replica; REVOKE SELECT ON shop.orders FROM reporter")
    other = connect("shop_owner")
    other.run("BEGIN")
    other.run("GRANT SELECT (note) ON shop.orders TO somebody")
    syncing = meanwhile(owner, "SELECT integratedb_sync()")
    assert not syncing.done()
    granting = meanwhile(other, "COMMIT")
    for error in (outcome(syncing), outcome(granting)):
        if error is not None:
            assert error.sqlstate in ("40001", "40P01")
            is_retry(error, error.sqlstate)
    owner.run("SELECT integratedb_sync()")
    assert unmet(superuser) == []


# The lock


def test_status_names_who_holds_the_lock(claim, connect, superuser):
    claim({"path": "shop.orders"})
    holder = connect("shop_owner", application_name="the migration tool")
    assert status(superuser) == "nobody"
    holder.run("BEGIN")
    holder.run("SELECT integratedb_sync()")
    line = status(superuser)
    assert f"pid {holder.info.backend_pid}, shop_owner, idle in transaction since" in line
    assert "the migration tool" in line
    holder.run("COMMIT")
    assert status(superuser) == "nobody"


def test_status_names_who_holds_the_lock_after_a_savepoint(claim, connect, superuser):
    """The lock may be held by a subtransaction, which has an identifier of its own."""
    claim({"path": "shop.orders"})
    holder = connect("shop_owner")
    holder.run("BEGIN")
    holder.run("SAVEPOINT one")
    holder.run("SELECT integratedb_sync()")
    assert f"pid {holder.info.backend_pid}" in status(superuser)


def status(session: Session) -> str:
    value = session.value("SELECT value FROM integratedb_status() WHERE fact = 'lock holder'")
    assert isinstance(value, str)
    return value


# Stakeholders


def test_a_stakeholder_that_is_being_dropped_cannot_claim(reporter, connect, admin, superuser, meanwhile):
    other = connect("shop_admin")
    admin.run("BEGIN")
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    claiming = meanwhile(other, CLAIM)
    admin.run("COMMIT")
    with refused("IDB04"):
        claiming.result(timeout=20)


def test_a_stakeholder_that_is_claiming_is_dropped_after_it(reporter, connect, admin, superuser, meanwhile):
    other = connect("shop_admin")
    other.run("BEGIN")
    other.run(CLAIM)
    dropping = meanwhile(admin, "SELECT integratedb_drop_stakeholder('reporter')")
    assert not dropping.done()
    other.run("COMMIT")
    dropping.result(timeout=20)
    assert superuser.value("SELECT count(*) FROM integratedb.claim") == 0
    assert superuser.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reporter'") == 0


def test_two_claims_of_one_stakeholder_come_one_after_the_other(reporter, connect, admin, superuser, meanwhile):
    other = connect("shop_admin")
    admin.run("BEGIN")
    admin.run(CLAIM)
    second = meanwhile(other, CLAIM.replace("note", "total"))
    admin.run("COMMIT")
    second.result(timeout=20)
    assert superuser.rows("SELECT column_name FROM integratedb.claim_column") == [("total",)]


def test_two_claims_of_the_same_tables_never_deadlock(claim, connect, superuser):
    for name in ("one", "two"):
        claim(by=name)
    matches = [{"path": f"shop.{table}", "fields": ["*"]} for table in ("orders", "customers", "products")]
    errors: list[psycopg.Error] = []

    def hand_in(name: str, order: int) -> None:
        session = connect("shop_admin")
        for _ in range(5):
            try:
                session.run("SELECT integratedb_claim(%s, %s)", name, Jsonb({"match": matches[::order]}))
            except psycopg.Error as error:
                errors.append(error)

    threads = [threading.Thread(target=hand_in, args=(name, order)) for name, order in (("one", 1), ("two", -1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
