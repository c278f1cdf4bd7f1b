"""The lock between claims and migrations: who may take it, how long others wait for it, and who ends its holder."""

from __future__ import annotations

import time

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, OWNER, Connect
from tests.support import Session, refused

ORDERS = {"path": "shop.orders", "fields": ["id", "status"]}
STRANGER = "stranger"


@pytest.fixture
def stranger(superuser: Session, connect: Connect, claim) -> Session:
    """Somebody to whom nothing of the claims belongs."""
    claim(ORDERS)
    superuser.run(f"CREATE ROLE {STRANGER} LOGIN; CREATE SCHEMA yard AUTHORIZATION {STRANGER}")
    return connect(STRANGER)


@pytest.mark.parametrize(
    "question",
    [
        "SELECT integratedb_sync()",
        "SELECT integratedb_validate_migration()",
        "SELECT * FROM integratedb_unmet_claims()",
        "SELECT * FROM integratedb_dependents('shop.orders')",
        'SELECT * FROM integratedb_check_spec(\'{"match": [{"path": "shop.orders"}]}\')',
        "SELECT * FROM integratedb_preview_migration('CREATE TABLE yard.t ()')",
        "CREATE TEMP TABLE t (n integer); GRANT SELECT ON t TO PUBLIC; SELECT integratedb_sync()",
    ],
)
def test_whoever_has_nothing_at_stake_holds_nobody_up(stranger, owner, question):
    with stranger.transaction(force_rollback=True):
        stranger.run(question)
        owner.run("SET lock_timeout = '1s'")
        owner.run("ALTER TABLE shop.orders ADD COLUMN extra integer")


def test_a_sync_without_a_stake_says_so(stranger):
    stranger.run("SELECT integratedb_sync()")
    (notice,) = stranger.notices
    assert notice.message_primary == f"nothing to sync for role {STRANGER}"


def test_a_validation_without_a_stake_still_tells_what_is_unmet(stranger, superuser):
    superuser.run("SET session_replication_role = replica; ALTER TABLE shop.orders DROP COLUMN status CASCADE")
    with refused("IDB01", match="reporter"):
        stranger.run("SELECT integratedb_validate_migration()")


def test_whoever_changed_the_schema_may_sync_in_that_transaction(stranger, superuser):
    with stranger.transaction():
        stranger.run("CREATE TABLE yard.t (n integer)")
        stranger.run("SELECT integratedb_sync()")
    assert superuser.value("SELECT count(*) FROM integratedb.ddl_event WHERE command_tag = 'INTEGRATEDB SYNC'") == 1
    assert stranger.notices == []


@pytest.mark.parametrize("prepare", ["PREPARE TRANSACTION 'p'", "prepare -- a\n/* b /* c */ */transaction 'p'"])
@pytest.mark.parametrize(
    "change", ["CREATE TABLE yard.t (n integer)", "CREATE TABLE yard.t (); SELECT integratedb_sync()"]
)
def test_nobody_parks_the_lock_in_a_prepared_transaction(stranger, superuser, change, prepare):
    stranger.run("BEGIN")
    stranger.run(change)
    with refused("55000", match="cannot be prepared"):
        stranger.run(prepare)
    assert superuser.value("SELECT count(*) FROM pg_prepared_xacts") == 0
    stranger.run("BEGIN; SELECT 1")
    stranger.run(prepare)
    stranger.run("ROLLBACK PREPARED 'p'")


def test_the_words_are_no_obstacle_elsewhere(stranger):
    stranger.run("CREATE TABLE yard.t (n integer); COMMENT ON TABLE yard.t IS 'prepare the transaction'")
    stranger.run("PREPARE p AS SELECT 1; CREATE TABLE yard.u (transaction integer)")


def test_whoever_waits_is_told_by_whom_after_the_time_that_is_set(admin, owner, connect, claim):
    claim(ORDERS)
    admin.run("SELECT integratedb_configure('lock_timeout', '300 ms')")
    holder = connect(ADMIN)
    with holder.transaction(force_rollback=True):
        holder.run("SELECT integratedb_sync()")
        began = time.monotonic()
        with refused("55P03", match=f"pid {holder.info.backend_pid}, {ADMIN}") as error:
            owner.run("ALTER TABLE shop.orders ADD COLUMN extra integer")
        assert 0.2 < time.monotonic() - began < 10
    assert "integratedb_end_lock_holder" in (error.value.diag.message_hint or "")
    assert owner.value("SHOW lock_timeout") == "0"
    owner.run("ALTER TABLE shop.orders ADD COLUMN extra integer")
    assert owner.value("SHOW lock_timeout") == "0"


def test_a_shorter_limit_of_the_session_counts(owner, connect, claim):
    claim(ORDERS)
    holder, waiting = connect(ADMIN), connect(OWNER, options="-c lock_timeout=200")
    with holder.transaction(force_rollback=True):
        holder.run("SELECT integratedb_sync()")
        began = time.monotonic()
        with refused("55P03"):
            waiting.run("ALTER TABLE shop.orders ADD COLUMN extra integer")
        assert time.monotonic() - began < 10
    waiting.run("ALTER TABLE shop.orders ADD COLUMN extra integer")
    assert waiting.value("SHOW lock_timeout") == "200ms"


def test_an_admin_ends_the_holder(admin, owner, connect, claim):
    claim(ORDERS)
    owner.run("BEGIN; ALTER TABLE shop.orders ADD COLUMN extra integer; SELECT integratedb_sync()")
    ended = admin.value("SELECT integratedb_end_lock_holder()")
    assert ended.startswith(f"pid {owner.info.backend_pid}, {OWNER}")
    again = connect(OWNER)
    again.run("ALTER TABLE shop.orders ADD COLUMN extra integer")
    assert admin.value("SELECT integratedb_end_lock_holder()") is None


def test_only_an_admin_ends_the_holder(stranger, owner, stakeholder):
    for session in (stranger, owner, stakeholder("other")):
        with refused("42501"):
            session.run("SELECT integratedb_end_lock_holder()")


@pytest.mark.parametrize("value", ["0", "-1 s", "50 ms", "2 hours", "soon", None])
def test_the_time_to_wait_has_bounds(admin, value):
    with refused("IDB07", match="lock_timeout"):
        admin.run("SELECT integratedb_configure('lock_timeout', %s)", value)


def test_whoever_may_not_hand_in_takes_no_lock(stranger, owner, superuser):
    with stranger.transaction(force_rollback=True):
        with refused("42501"), stranger.transaction():
            stranger.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": []}))
        owner.run("SET lock_timeout = '1s'")
        owner.run("ALTER TABLE shop.orders ADD COLUMN extra integer")


def test_what_a_stakeholder_locked_for_good_ends_the_drop_and_not_everybodys_work(admin, superuser, stakeholder):
    reporter = stakeholder("reporter")
    reporter.run("CREATE TABLE reporter.totals (day date)")
    reporter.run("BEGIN; LOCK TABLE reporter.totals; PREPARE TRANSACTION 'hold'")
    admin.run("SELECT integratedb_configure('lock_timeout', '300 ms')")
    try:
        with refused("55P03", match="reporter"):
            admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    finally:
        superuser.run("ROLLBACK PREPARED 'hold'")
    assert admin.value("SELECT integratedb_drop_stakeholder('reporter')") is False
