"""integratedb_preview_migration: who would be hurt, without hurting anybody."""

from __future__ import annotations

import pytest

from tests.support import Session, refused

PREVIEW = "SELECT stakeholder, kind, path FROM integratedb_preview_migration(%s)"


@pytest.fixture(autouse=True)
def reporter(claim) -> None:
    claim({"path": "shop.orders", "fields": ["note"]})


def columns(session: Session) -> list[str]:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass AND attnum > 0"
    return [name for (name,) in session.rows(query)]


def test_it_tells_who_would_be_hurt_and_changes_nothing(owner, superuser):
    before = columns(owner)
    assert owner.rows(PREVIEW, "ALTER TABLE shop.orders DROP COLUMN note") == [("reporter", "claims", "shop.orders")]
    assert columns(owner) == before
    assert owner.rows("SELECT * FROM integratedb_unmet_claims()") == []
    assert superuser.value("SELECT count(*) FROM integratedb.ddl_event WHERE command_tag = 'ALTER TABLE'") == 0


def test_its_rows_are_those_of_unmet_claims(owner):
    (row,) = owner.dicts("SELECT * FROM integratedb_preview_migration('ALTER TABLE shop.orders RENAME note TO remark')")
    assert list(row) == ["claim_id", "stakeholder", "kind", "path", "problems", "hint"]
    (problem,) = row["problems"]
    assert (problem["field"], problem["property"], problem["actual"]) == ("note", "column", "remark")
    assert "Stakeholder reporter: claim" in row["hint"]


@pytest.mark.parametrize(
    "ddl",
    ["ALTER TABLE shop.orders ADD COLUMN channel text", "SELECT 1", "", "-- nothing", None],
)
def test_what_hurts_nobody_gives_no_rows(owner, ddl):
    assert owner.rows(PREVIEW, ddl) == []


def test_several_statements_are_seen_as_one_migration(owner):
    assert (
        owner.rows(PREVIEW, "ALTER TABLE shop.orders DROP COLUMN note; ALTER TABLE shop.orders ADD note varchar(200)")
        == []
    )
    assert len(owner.rows(PREVIEW, "CREATE TABLE shop.a (id integer); ALTER TABLE shop.orders DROP COLUMN note")) == 1


def test_a_sync_in_the_migration_is_seen(owner, claim):
    claim({"path": "shop.orders", "fields": ["*"]})
    drop = "ALTER TABLE shop.orders DROP COLUMN note"
    assert len(owner.rows(PREVIEW, drop)) == 1
    assert owner.rows(PREVIEW, f"{drop}; SELECT integratedb_sync()") == []


def test_it_runs_with_the_rights_and_the_search_path_of_the_caller(owner, connect):
    owner.run("SET search_path = shop, public")
    assert len(owner.rows(PREVIEW, "ALTER TABLE orders DROP COLUMN note")) == 1
    with refused("42501"):
        connect("reporter").rows(PREVIEW, "ALTER TABLE shop.orders DROP COLUMN note")


def test_the_extensions_own_schemas_are_not_on_its_path(owner):
    with refused("42501"):
        owner.rows(PREVIEW, "DELETE FROM integratedb.claim")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY ON shop.orders (note)",
        "VACUUM shop.orders",
        "COMMIT",
        "BEGIN",
        "REINDEX TABLE CONCURRENTLY shop.orders",
        "ALTER TABLE shop.visits DETACH PARTITION shop.visits_2025 CONCURRENTLY",
        "CREATE DATABASE other",
    ],
)
def test_what_cannot_be_rolled_back_is_refused_as_such(owner, superuser, statement):
    session = superuser if statement.startswith("CREATE DATABASE") else owner
    with refused("0A000", match="cannot be previewed") as refusal:
        session.rows(PREVIEW, statement)
    assert "A preview runs the statements and rolls them back" in (refusal.value.diag.message_hint or "")


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [("ALTER TABLE shop.nothing ADD id integer", "42P01"), ("nonsense", "42601"), ("SELECT 1/0", "22012")],
)
def test_errors_of_the_statements_are_their_own(owner, statement, sqlstate):
    with refused(sqlstate):
        owner.rows(PREVIEW, statement)


def test_an_error_with_the_code_of_the_previews_own_signal_is_that_error(owner):
    with refused("IDB00", match="mine"):
        owner.rows(PREVIEW, "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'IDB00', MESSAGE = 'mine'; END $$")


def test_inside_a_transaction_it_sees_what_the_transaction_did(owner):
    owner.run("BEGIN")
    owner.run("ALTER TABLE shop.orders RENAME TO purchases")
    assert len(owner.rows(PREVIEW, "SELECT 1")) == 1
    assert owner.rows(PREVIEW, "ALTER TABLE shop.purchases RENAME TO orders") == []
    owner.run("ROLLBACK")


def test_a_transaction_goes_on_after_it(owner):
    with owner.transaction():
        owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
        owner.rows(PREVIEW, "ALTER TABLE shop.orders DROP COLUMN note")
    assert {"channel", "note"} <= set(columns(owner))
    assert owner.warnings() == []
    with refused("IDB01"), owner.transaction():
        owner.rows(PREVIEW, "ALTER TABLE shop.orders ADD COLUMN more text")
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


def test_an_override_in_a_preview_ends_with_it(superuser):
    drop = "ALTER TABLE shop.orders DROP COLUMN note"
    with refused("IDB01"), superuser.transaction():
        superuser.rows(PREVIEW, f"SELECT integratedb_override('just looking'); {drop}")
        superuser.run(drop)


def test_constraints_that_are_told_to_fire_in_a_preview_do_no_harm(owner):
    assert len(owner.rows(PREVIEW, "ALTER TABLE shop.orders DROP COLUMN note; SET CONSTRAINTS ALL IMMEDIATE")) == 1
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


def test_what_a_sequence_gave_away_stays(owner):
    """As in any transaction that is rolled back; docs/command-line.md says so."""
    owner.run("CREATE SEQUENCE shop.numbers")
    owner.rows("SELECT * FROM integratedb_preview_migration($$SELECT setval('shop.numbers', 1000)$$)")
    assert owner.value("SELECT last_value FROM shop.numbers") == 1000
