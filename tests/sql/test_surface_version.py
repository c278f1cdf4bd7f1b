"""The version of a surface changes with each transaction that changes the surface, and with few others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.sql.conftest import OWNER
from tests.support import Session, detail, hint, refused

VERSION = "SELECT integratedb.surface_version(%s::regrole, %s)"


def version(session: Session, *schemas: str, role: str = OWNER) -> str:
    return str(session.value(VERSION, role, list(schemas or ("shop",))))


@contextmanager
def changed(session: Session, *schemas: str, role: str = OWNER) -> Iterator[None]:
    before = version(session, *schemas, role=role)
    yield
    assert version(session, *schemas, role=role) != before


@contextmanager
def unchanged(session: Session, *schemas: str, role: str = OWNER) -> Iterator[None]:
    before = version(session, *schemas, role=role)
    yield
    assert version(session, *schemas, role=role) == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE shop.more (id integer)",
        "ALTER TABLE shop.orders ADD COLUMN more integer",
        "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
        "ALTER TABLE shop.orders RENAME TO bought",
        "ALTER TABLE shop.orders ADD UNIQUE (note)",
        "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_order_id_fkey",
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY all_rows ON shop.orders",
        "CREATE UNIQUE INDEX ON shop.orders (note)",
        "CREATE VIEW shop.more AS SELECT 1 AS one",
        "CREATE RULE more AS ON INSERT TO shop.open_orders DO INSTEAD NOTHING",
        "CREATE FUNCTION shop.more() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TYPE shop.order_status ADD VALUE 'lost'",
        "CREATE DOMAIN shop.more AS text",
        "CREATE CAST (shop.order_status AS json) WITH INOUT AS ASSIGNMENT",
        "COMMENT ON COLUMN shop.orders.note IS 'x'",
        "COMMENT ON SCHEMA shop IS 'x'",
        "GRANT SELECT ON shop.orders TO PUBLIC",
        "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA shop FROM PUBLIC",
        "DROP VIEW shop.open_orders",
        "DROP TYPE shop.order_status CASCADE",
        "SELECT 1 AS one INTO shop.more",
    ],
)
def test_a_change_of_the_schema_changes_it(owner, statement):
    with changed(owner):
        owner.run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shop.products (sku, name, price) VALUES ('x', 'x', 1)",
        "CREATE TEMPORARY TABLE more (id integer)",
        "CREATE SEQUENCE shop.more",
        "REFRESH MATERIALIZED VIEW shop.seen",
        "REINDEX TABLE shop.orders",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "CREATE TABLE elsewhere.more (id integer)",
        "DROP TABLE elsewhere.old",
    ],
)
def test_what_is_no_part_of_it_changes_nothing(superuser, owner, statement):
    superuser.run(f"CREATE SCHEMA elsewhere AUTHORIZATION {OWNER}; CREATE TABLE elsewhere.old ()")
    superuser.run(f"ALTER TABLE elsewhere.old OWNER TO {OWNER}")
    owner.run("CREATE MATERIALIZED VIEW shop.seen AS SELECT 1 AS one")
    with unchanged(owner):
        owner.run(statement)


def test_a_schema_that_gets_the_name_changes_it(superuser, owner):
    with changed(owner, "shop", "later"):
        superuser.run("CREATE SCHEMA later")
    with changed(owner, "later"):
        superuser.run("ALTER SCHEMA later RENAME TO never")
    superuser.run("CREATE SCHEMA later")
    with changed(owner, "later"):
        superuser.run("DROP SCHEMA later")


@pytest.mark.parametrize("how", ["{}", "DO $$ BEGIN {}; END $$"])
def test_set_schema_changes_both_schemas(superuser, owner, how):
    superuser.run(f"CREATE SCHEMA elsewhere AUTHORIZATION {OWNER}")
    with changed(owner), changed(owner, "elsewhere"):
        owner.run(how.format("ALTER TABLE shop.visits SET SCHEMA elsewhere"))


def test_a_rolled_back_change_changes_nothing(owner):
    with unchanged(owner):
        owner.run("BEGIN; ALTER TABLE shop.orders ADD COLUMN more integer; ROLLBACK")
    with changed(owner):
        owner.run("BEGIN; SAVEPOINT s; ALTER TABLE shop.orders ADD COLUMN more integer; ROLLBACK TO s")
        owner.run("ALTER TABLE shop.orders ADD COLUMN other integer; COMMIT")


def test_transactions_may_commit_in_any_order(owner, connect):
    second = connect(OWNER)
    seen = {version(owner)}
    with owner.transaction():
        owner.run("COMMENT ON TABLE shop.orders IS 'first'")
        with second.transaction():
            second.run("COMMENT ON TABLE shop.products IS 'second'")
        # The first one has the lower number, and commits later.
        seen.add(version(second))
    seen.add(version(second))
    assert len(seen) == 3


def test_rows_are_replaced_by_their_sum_and_none_waits(superuser, owner, connect):
    second = connect(OWNER)
    seen = set()
    for number in range(40):
        owner.run(f"COMMENT ON TABLE shop.orders IS '{number}'")
        seen.add(version(owner))
    assert len(seen) == 40
    rows = "SELECT count(*) FROM integratedb.surface_change WHERE subject = 'shop'::regnamespace"
    assert superuser.value(rows) <= 18

    second.run("SET lock_timeout = '1s'")
    for number in range(30):
        with owner.transaction():
            owner.run(f"COMMENT ON TABLE shop.orders IS 'open {number}'")
            second.run(f"COMMENT ON TABLE shop.products IS 'beside {number}'")
            seen.add(version(second))
        seen.add(version(second))
    assert len(seen) == 100
    assert superuser.value(rows) <= 36


def test_a_prepared_transaction_blocks_nobody(superuser, owner, connect):
    second = connect(OWNER)
    for number in range(16):
        owner.run(f"COMMENT ON TABLE shop.orders IS '{number}'")
    before = version(second)
    superuser.run("BEGIN; COMMENT ON TABLE shop.orders IS 'prepared'; PREPARE TRANSACTION 'surface'")
    try:
        assert version(second) == before
        second.run("SET lock_timeout = '1s'")
        for number in range(20):
            with changed(second):
                second.run(f"COMMENT ON TABLE shop.products IS '{number}'")
        with changed(second):
            superuser.run("COMMIT PREPARED 'surface'")
    except BaseException:
        superuser.run("ROLLBACK PREPARED 'surface'")
        raise


def test_a_repeatable_read_transaction_does_not_fail(owner, connect):
    second = connect(OWNER)
    with owner.transaction():
        owner.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM shop.orders")
        for number in range(40):
            second.run(f"COMMENT ON TABLE shop.products IS '{number}'")
        owner.run("COMMENT ON TABLE shop.orders IS 'x'")


def test_a_claim_changes_the_surface_of_its_stakeholder_only(admin, claim, stakeholder):
    stakeholder("reporter")
    stakeholder("other")
    with changed(admin, role="reporter"), unchanged(admin, role="other"):
        claim({"path": "shop.orders", "fields": ["id"]})
    with changed(admin, role="reporter"), unchanged(admin, role="other"):
        claim()
    with changed(admin, role="reporter"):
        admin.run("SELECT integratedb_sync()")


def test_a_migration_elsewhere_changes_it_where_a_claim_goes_there(superuser, owner, admin, claim):
    superuser.run(f"CREATE SCHEMA elsewhere AUTHORIZATION {OWNER}")
    claim({"alternatives": [{"path": "shop.clients", "fields": ["id"]}, {"path": "elsewhere.clients", "fields": ["id"]},
                            {"path": "shop.customers", "fields": ["id"]}]})  # fmt: skip
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    with changed(admin, role="reporter"):
        owner.run("CREATE TABLE elsewhere.clients (id integer)")


def test_the_schemas_below_views_are_told(superuser, owner):
    superuser.run(f"CREATE SCHEMA api AUTHORIZATION {OWNER}")
    owner.run("CREATE VIEW api.orders AS SELECT id, customer_id, status FROM shop.orders")
    told = """SELECT s -> 'surface' -> 'further' FROM integratedb.surface(%s::regrole, '{api}') AS s
               WHERE s -> 'surface' IS NOT NULL"""
    assert owner.value(told, OWNER) == [owner.value("SELECT 'shop'::regnamespace::oid::bigint")]


def test_a_request_compares_it_under_any_role_and_on_any_server(superuser, owner):
    superuser.run("CREATE ROLE anybody")
    check = """SELECT CASE WHEN integratedb.surface_version(%s::regrole, '{shop}') = %s THEN true
                           ELSE integratedb.surface_changed() END"""
    before = version(owner)
    superuser.run("SET ROLE anybody; SET default_transaction_read_only = on")
    assert superuser.value(check, OWNER, before) is True
    owner.run("COMMENT ON TABLE shop.orders IS 'x'")
    with refused("IDB08", "changed since") as refusal:
        superuser.run(check, OWNER, before)
    assert detail(refusal) == "Nothing was done."
    assert "surface" in hint(refusal)
    assert version(superuser) == version(owner)


def test_no_other_role_can_write_it(owner):
    with refused("42501"):
        owner.run("DELETE FROM integratedb.surface_change")
    with refused("42501"):
        owner.run("SELECT integratedb.add_surface_changes('{0}')")
    with refused("42501"):
        owner.run("CREATE TABLE shop.hindrance (x integratedb.surface_change)")


def test_a_listener_hears_of_it_unless_transactions_can_be_prepared(superuser, owner, connect: Callable[..., Session]):
    listener = connect(OWNER)
    listener.run("LISTEN integratedb_surface")
    owner.run("COMMENT ON TABLE shop.orders IS 'x'")
    prepares = int(superuser.value("SHOW max_prepared_transactions")) > 0
    assert len(list(listener.notifies(timeout=0.5, stop_after=1))) == (0 if prepares else 1)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE shop.below INHERIT elsewhere.above",
        "ALTER TABLE elsewhere.above ADD COLUMN more integer",
        "ALTER TABLE elsewhere.whole ATTACH PARTITION shop.below FOR VALUES IN (1)",
        "ALTER TYPE elsewhere.kind RENAME ATTRIBUTE id TO number CASCADE",
        "ALTER TABLE elsewhere.second ADD CHECK (id > 0)",
        "ALTER TABLE elsewhere.parted DETACH PARTITION shop.part",
        "DO $$BEGIN EXECUTE 'ALTER TABLE elsewhere.parted DETACH PARTI' || 'TION shop.part'; END$$",
    ],
)
def test_a_command_that_names_another_table_changes_the_tables_that_it_changes_too(superuser, owner, statement):
    superuser.run(f"CREATE SCHEMA elsewhere AUTHORIZATION {OWNER}")
    for made in (
        "CREATE TABLE elsewhere.above (id integer)",
        "CREATE TABLE elsewhere.first (id integer)",
        "CREATE TABLE elsewhere.second () INHERITS (elsewhere.first)",
        "CREATE TABLE shop.third () INHERITS (elsewhere.second, elsewhere.above)",
        "CREATE TABLE shop.below (id integer)",
        "CREATE TABLE elsewhere.whole (id integer) PARTITION BY LIST (id)",
        "CREATE TABLE elsewhere.parted (id integer) PARTITION BY LIST (id)",
        "CREATE TABLE shop.part PARTITION OF elsewhere.parted FOR VALUES IN (1)",
        "CREATE TYPE elsewhere.kind AS (id integer)",
        "CREATE TABLE shop.typed OF elsewhere.kind",
    ):
        owner.run(made)
    with changed(owner):
        owner.run(statement)


def test_an_index_that_cannot_be_created_concurrently_changes_it(owner):
    owner.run("INSERT INTO shop.products (sku, name, price) VALUES ('x', 'x', 1), ('y', 'x', 1)")
    with changed(owner), pytest.raises(psycopg.errors.UniqueViolation):
        owner.run("CREATE UNIQUE INDEX CONCURRENTLY later ON shop.products (price)")
