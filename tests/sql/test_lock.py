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


HOLDER = "SELECT value FROM integratedb_status() WHERE fact = 'lock holder'"
IMMEDIATE = "SET CONSTRAINTS ALL IMMEDIATE"
AT_ONCE = f"{IMMEDIATE}; {IMMEDIATE}"
# Everybody has rights on these, which makes a GRANT of somebody without the grant option a warning.
NOT_MINE = "GRANT SELECT ON pg_catalog.pg_am TO PUBLIC; REVOKE USAGE ON SCHEMA public FROM PUBLIC"
NOTHING_AT_STAKE = [
    "DROP OWNED BY CURRENT_USER",
    "CREATE TEMP TABLE mine (); GRANT SELECT ON mine TO PUBLIC",
    "CREATE TEMP TABLE mine (); REVOKE SELECT ON mine FROM PUBLIC",
    "CREATE TEMP TABLE mine (); GRANT SELECT ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC",
    "CREATE TEMP TABLE mine (); REVOKE SELECT ON ALL TABLES IN SCHEMA pg_temp FROM PUBLIC",
    "CREATE TEMP TABLE mine (id integer); CREATE POLICY p ON mine USING (true); DROP POLICY p ON mine",
    "CREATE TEMP TABLE mine (id integer); CREATE RULE r AS ON INSERT TO mine DO INSTEAD NOTHING",
    "CREATE TEMP TABLE mine (id integer); ALTER TABLE mine ENABLE ROW LEVEL SECURITY; DROP TABLE mine",
    NOT_MINE,
    "REVOKE SELECT ON shop.orders FROM reporter",
]


@pytest.mark.parametrize(
    ("isolation", "catalog"), [("READ COMMITTED", "small"), ("REPEATABLE READ", "small"), ("READ COMMITTED", "huge")]
)
@pytest.mark.parametrize("then", [AT_ONCE, "SELECT integratedb_sync()"])
def test_who_has_nothing_at_stake_never_holds_the_lock(admin, superuser, connect, claim, then, catalog, isolation):
    claim(ORDERS, {"path": "public.*", "fields": ["*"]})
    if catalog == "huge":
        superuser.run("CREATE OR REPLACE FUNCTION integratedb.revokes_are_found() RETURNS boolean RETURN false")
    superuser.run(f"CREATE ROLE {STRANGER} LOGIN")
    superuser.run(f"GRANT USAGE ON SCHEMA shop TO {STRANGER}; GRANT SELECT ON shop.orders TO {STRANGER}")
    for statements in NOTHING_AT_STAKE:
        stranger = connect(STRANGER)
        stranger.run(f"BEGIN ISOLATION LEVEL {isolation}")
        stranger.run(statements)
        stranger.run(then)
        assert admin.value(HOLDER) == "nobody", statements
        stranger.run("COMMIT")
        stranger.close()


@pytest.mark.parametrize(
    "revoke",
    [
        "REVOKE SELECT ON shop.orders FROM reporter",
        "REVOKE USAGE ON SCHEMA shop FROM reporter",
        "DROP OWNED BY reporter",
    ],
)
@pytest.mark.parametrize("catalog", ["small", "huge"])
def test_a_function_that_revokes_for_somebody_else_is_checked(superuser, connect, claim, revoke, catalog):
    claim(ORDERS)
    if catalog == "huge":
        superuser.run("CREATE OR REPLACE FUNCTION integratedb.revokes_are_found() RETURNS boolean RETURN false")
    superuser.run(f"CREATE ROLE {STRANGER} LOGIN")
    superuser.run(
        f"CREATE FUNCTION public.revoke() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN {revoke}; END'"
    )
    with refused("IDB01"):
        connect(STRANGER).run("SELECT public.revoke()")


def test_a_function_that_grants_for_somebody_else_mends_what_was_unmet(superuser, admin, connect, claim, owner):
    claim(ORDERS)
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("REVOKE SELECT ON shop.orders FROM reporter")
    noted = "SELECT count(*) FROM integratedb.claim WHERE unmet_since IS NOT NULL"
    assert superuser.value(noted) == 1
    superuser.run(f"CREATE ROLE {STRANGER} LOGIN")
    superuser.run(
        "CREATE FUNCTION public.give() RETURNS void LANGUAGE plpgsql SECURITY DEFINER"
        " AS 'BEGIN GRANT SELECT ON shop.orders TO reporter; END'"
    )
    connect(STRANGER).run("SELECT public.give()")
    assert superuser.value(noted) == 0


def test_what_an_owner_revoked_does_not_take_from_a_claim_that_was_made_until_commit(admin, owner, connect, claim):
    claim()
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter; GRANT SELECT (id, status) ON shop.orders TO reporter")
    owner.run("BEGIN")
    owner.run("REVOKE SELECT (id, status) ON shop.orders FROM reporter")
    owner.run(AT_ONCE)
    admin.run("SET lock_timeout = '200ms'")
    with refused("55P03"):
        claim(ORDERS)
    owner.run("COMMIT")


# Each runs the check before COMMIT, after which nothing waits for COMMIT any more.
DRAINS = [
    AT_ONCE,
    f"{AT_ONCE}; {IMMEDIATE}; {IMMEDIATE}",
    f"DO $$ BEGIN {AT_ONCE}; END $$",
    "DO $$ BEGIN FOR n IN 1..2 LOOP EXECUTE 'SET CON' || 'STRAINTS ALL IMMEDIATE'; END LOOP; END $$",
    f"{AT_ONCE}; SET CONSTRAINTS ALL DEFERRED",
    "SELECT yard.drain()",
    f"{AT_ONCE}; UNLISTEN *",
]


@pytest.mark.parametrize(
    "change", ["CREATE TABLE yard.new (id integer)", "CREATE TABLE yard.new (); SELECT integratedb_sync()"]
)
def test_nobody_but_an_admin_prepares_a_transaction_that_holds_the_lock(stranger, superuser, admin, change):
    stranger.run(f"CREATE FUNCTION yard.drain() RETURNS void LANGUAGE sql AS '{AT_ONCE}'")
    for drain in DRAINS:
        stranger.run("BEGIN")
        stranger.run(change)
        stranger.run(drain)
        try:
            with refused("0A000", match="PREPARE"):
                stranger.run("PREPARE TRANSACTION 'hold'")
            assert admin.value(HOLDER) == "nobody"
        finally:
            for (gid,) in superuser.rows("SELECT gid FROM pg_prepared_xacts"):
                superuser.run(f"ROLLBACK PREPARED '{gid}'")


AGREEMENTS = {
    "reporter": [
        "SELECT integratedb_waive('reporter', 'shop.orders', 'id', now() + interval '1 day', 'x')",
        "SELECT integratedb_end_waiver(id) FROM integratedb_waivers()",
        "SELECT integratedb_withdraw_request(id) FROM integratedb_requests()",
        'SELECT integratedb_request_claim(\'reporter\', \'{"match": [{"path": "shop.customers", "fields": ["id"]}]}\')',
    ],
    "shop_owner": [
        "SELECT integratedb_deprecate('shop.orders')",
        "SELECT integratedb_undeprecate('shop.orders')",
        "SELECT integratedb_reject_request(id, 'no') FROM integratedb_requests()",
    ],
}


def test_nobody_but_an_admin_prepares_what_was_agreed(stakeholder, owner, claim, superuser):
    sessions = {"reporter": stakeholder("reporter"), "shop_owner": owner}
    claim(ORDERS)
    sessions["reporter"].run(AGREEMENTS["reporter"][0])
    sessions["reporter"].run(AGREEMENTS["reporter"][3])
    owner.run(AGREEMENTS["shop_owner"][0])
    for role, session in sessions.items():
        for agreement in AGREEMENTS[role]:
            session.run("BEGIN")
            session.run(f"{agreement}; {AT_ONCE}")
            try:
                with refused("0A000", match="PREPARE"):
                    session.run("PREPARE TRANSACTION 'hold'")
            finally:
                for (gid,) in superuser.rows("SELECT gid FROM pg_prepared_xacts"):
                    superuser.run(f"ROLLBACK PREPARED '{gid}'")


def test_a_trigger_that_defers_all_again_does_not_help_to_prepare(stranger, superuser):
    stranger.run("""
        CREATE TABLE yard.bait (id integer);
        CREATE FUNCTION yard.defer() RETURNS trigger LANGUAGE plpgsql
          AS $$ BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER defer AFTER INSERT ON yard.bait DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION yard.defer();
    """)
    stranger.run("BEGIN; INSERT INTO yard.bait VALUES (1), (2)")
    stranger.run("CREATE TABLE yard.new (id integer)")
    stranger.run(AT_ONCE)
    try:
        with refused("0A000"):
            stranger.run("PREPARE TRANSACTION 'hold'")
    finally:
        for (gid,) in superuser.rows("SELECT gid FROM pg_prepared_xacts"):
            superuser.run(f"ROLLBACK PREPARED '{gid}'")


def test_a_session_that_was_not_to_prepare_listens_to_nothing_and_prepares_the_next_one(stranger):
    stranger.run(f"BEGIN; CREATE TABLE yard.new (id integer); {AT_ONCE}; COMMIT")
    assert stranger.rows("SELECT * FROM pg_listening_channels()") == []
    stranger.run("BEGIN; INSERT INTO yard.new VALUES (1); PREPARE TRANSACTION 'p'")
    stranger.run("ROLLBACK PREPARED 'p'")


def test_an_admin_prepares_what_was_checked_early(superuser, connect, claim):
    claim(ORDERS)
    superuser.run("CREATE ROLE chief LOGIN IN ROLE integratedb_admin; CREATE SCHEMA yard AUTHORIZATION chief")
    chief = connect("chief")
    chief.run("BEGIN; CREATE TABLE yard.new (id integer)")
    chief.run(AT_ONCE)
    chief.run("PREPARE TRANSACTION 'p'")
    chief.run("ROLLBACK PREPARED 'p'")


@pytest.mark.parametrize("role", ["o'hara", 'a "quoted" one of since', "pid 1, x"])
def test_the_hint_names_a_prepared_transaction_whoever_owns_it(admin, superuser, connect, claim, role):
    claim(ORDERS)
    quoted = '"' + role.replace('"', '""') + '"'
    superuser.run(f"CREATE ROLE {quoted} LOGIN IN ROLE integratedb_admin; CREATE SCHEMA yard AUTHORIZATION {quoted}")
    session = connect(role)
    session.run("BEGIN; CREATE TABLE yard.new (id integer)")
    session.run("PREPARE TRANSACTION 'it''s of x'' since'")
    try:
        with refused("55000") as refusal:
            admin.run("SELECT integratedb_end_lock_holder()")
        assert "ROLLBACK PREPARED 'it''s of x'' since'." in (refusal.value.diag.message_hint or "")
    finally:
        superuser.run("ROLLBACK PREPARED 'it''s of x'' since'")


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


@pytest.mark.parametrize("grant", ["USAGE ON SCHEMA yard", "SELECT (n) ON yard.t"])
def test_a_claim_waits_no_longer_for_an_owner_that_grants_than_for_the_lock(stranger, admin, claim, grant):
    stranger.run("CREATE TABLE yard.t (n integer)")
    stranger.run(f"BEGIN; GRANT {grant} TO PUBLIC")
    admin.run("SELECT integratedb_configure('lock_timeout', '300 ms')")
    admin.run("SET statement_timeout = '5s'")
    with refused("55P03", match="another transaction changed"):
        claim({"path": "yard.t", "fields": ["n"]})
    assert admin.value("SHOW lock_timeout") == "0"
    stranger.run("ROLLBACK")
