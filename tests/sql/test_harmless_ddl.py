"""What hurts nobody passes in silence: no error, no warning, and the stakeholder still reads what it claimed."""

from __future__ import annotations

import pytest

from tests.sql.conftest import Connect
from tests.support import Session, refused

CLAIMS = (
    {"path": "shop.customers", "fields": ["name", {"name": "email", "type": "email"}]},
    {"path": "shop.products", "fields": ["*"]},
    {"path": "shop.orders", "fields": ["id", "status", "total", {"name": "note", "optional": True}]},
    {"path": "shop.visits", "fields": ["page"]},
    {"path": "shop.open_orders", "fields": ["id"]},
    {"path": "shop.sales", "fields": ["sku"]},
    {"path": "shop.order_lines", "fields": ["quantity"], "optional": True},
    {
        "alternatives": [
            {"path": "shop.open_orders", "fields": ["total"]},
            {"path": "shop.unshipped", "fields": ["total"]},
        ]
    },
)


@pytest.fixture
def reporter(claim, connect: Connect) -> Session:
    """A stakeholder that claims something of every kind of relation."""
    claim(*CLAIMS)
    return connect("reporter")


def reads_everything(reporter: Session) -> None:
    reporter.run("SELECT name, email FROM shop.customers")
    reporter.run("SELECT * FROM shop.products")
    reporter.run("SELECT id, status, total FROM shop.orders")
    reporter.run("SELECT page FROM shop.visits")
    reporter.run("SELECT id FROM shop.open_orders")
    reporter.run("SELECT sku FROM shop.sales")


PARTITION = """
CREATE TABLE shop.visits_2027 (LIKE shop.visits);
ALTER TABLE shop.visits ATTACH PARTITION shop.visits_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
"""

# Each a migration of one or more transactions, by the owner.
HARMLESS = [
    # Columns.
    ["ALTER TABLE shop.orders ADD COLUMN channel text"],
    ["ALTER TABLE shop.orders ADD COLUMN channel text DEFAULT random()::text"],
    ["ALTER TABLE shop.customers DROP COLUMN phone"],
    ["ALTER TABLE shop.customers RENAME COLUMN phone TO telephone"],
    ["ALTER TABLE shop.customers ALTER COLUMN phone TYPE text"],
    ["ALTER TABLE shop.orders DROP COLUMN note"],
    ["ALTER TABLE shop.orders RENAME COLUMN note TO remark"],
    ["ALTER TABLE shop.orders ALTER COLUMN note TYPE integer USING 1"],
    ["ALTER TABLE shop.orders ALTER COLUMN note SET DEFAULT ''"],
    ["ALTER TABLE shop.orders ALTER COLUMN placed_at DROP NOT NULL"],
    ["ALTER TABLE shop.customers ALTER COLUMN name SET DEFAULT '', ALTER COLUMN phone SET DEFAULT ''"],
    [
        "ALTER TABLE shop.orders ALTER COLUMN total SET DEFAULT 0",
        "ALTER TABLE shop.orders ALTER COLUMN total DROP DEFAULT",
    ],
    ["ALTER TABLE shop.orders ALTER COLUMN total SET STATISTICS 500"],
    ["ALTER TABLE shop.products ALTER COLUMN attributes SET STORAGE EXTERNAL"],
    ["ALTER TABLE shop.visits ALTER COLUMN visitor TYPE text"],
    ["ALTER TABLE shop.orders ADD COLUMN channel text; ALTER TABLE shop.orders DROP COLUMN channel"],
    ["ALTER TABLE shop.products ADD COLUMN channel text; ALTER TABLE shop.products DROP COLUMN channel"],
    ["ALTER TABLE shop.customers RENAME COLUMN name TO n; ALTER TABLE shop.customers RENAME COLUMN n TO name"],
    ["ALTER TABLE shop.orders ALTER total DROP NOT NULL; ALTER TABLE shop.orders ALTER total SET NOT NULL"],
    # Indexes and constraints.
    ["CREATE INDEX on_total ON shop.orders (total)", "REINDEX INDEX shop.on_total", "DROP INDEX shop.on_total"],
    [
        "CREATE INDEX CONCURRENTLY on_total ON shop.orders (total)",
        "REINDEX INDEX CONCURRENTLY shop.on_total",
        "ALTER INDEX shop.on_total RENAME TO on_order_total",
        "DROP INDEX CONCURRENTLY shop.on_order_total",
    ],
    ["REINDEX TABLE shop.orders", "REINDEX TABLE CONCURRENTLY shop.orders", "REINDEX SCHEMA shop"],
    [
        "ALTER TABLE shop.orders ADD CONSTRAINT positive CHECK (total >= 0) NOT VALID",
        "ALTER TABLE shop.orders VALIDATE CONSTRAINT positive",
        "ALTER TABLE shop.orders RENAME CONSTRAINT positive TO not_negative",
        "ALTER TABLE shop.orders DROP CONSTRAINT not_negative",
    ],
    ["ALTER TABLE shop.orders ADD UNIQUE (id, total)"],
    [
        "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_order_id_fkey",
        "ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey CASCADE",
    ],
    # Maintenance and data.
    ["VACUUM shop.orders", "VACUUM FULL shop.orders", "VACUUM (ANALYZE) shop.products", "ANALYZE shop.orders"],
    ["CLUSTER shop.orders USING orders_pkey", "CLUSTER"],
    ["TRUNCATE shop.orders CASCADE"],
    [
        "REFRESH MATERIALIZED VIEW shop.sales",
        "REFRESH MATERIALIZED VIEW shop.sales WITH NO DATA",
        "REFRESH MATERIALIZED VIEW shop.sales",
    ],
    ["CREATE UNIQUE INDEX ON shop.sales (sku)", "REFRESH MATERIALIZED VIEW CONCURRENTLY shop.sales"],
    # Other relations, made and dropped.
    ["CREATE TABLE shop.baskets (id integer)", "ALTER TABLE shop.baskets RENAME TO carts", "DROP TABLE shop.carts"],
    [
        "CREATE TABLE shop.copy AS SELECT * FROM shop.orders",
        "SELECT id INTO shop.ids FROM shop.orders",
        "DROP TABLE shop.copy, shop.ids",
    ],
    ["CREATE VIEW shop.everything AS SELECT * FROM shop.orders", "DROP VIEW shop.everything"],
    ["CREATE MATERIALIZED VIEW shop.everything AS SELECT * FROM shop.orders", "DROP MATERIALIZED VIEW shop.everything"],
    [
        "CREATE OR REPLACE VIEW shop.open_orders AS"
        " SELECT id, placed_at, 'somebody'::varchar(80) AS customer, total, note FROM shop.orders"
    ],
    ["CREATE SEQUENCE shop.numbers", "ALTER SEQUENCE shop.numbers RESTART", "DROP SEQUENCE shop.numbers"],
    ["CREATE FUNCTION shop.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION shop.one"],
    # Optional claims, and one of two alternatives.
    [
        "DROP TABLE shop.order_lines CASCADE;"
        " CREATE MATERIALIZED VIEW shop.sales AS SELECT sku, 1::bigint AS quantity FROM shop.products"
    ],
    ["ALTER TABLE shop.order_lines RENAME COLUMN quantity TO amount"],
    ["CREATE VIEW shop.unshipped AS SELECT * FROM shop.open_orders"],
    # Types.
    [
        "ALTER TYPE shop.order_status ADD VALUE 'returned'",
        "ALTER TYPE shop.order_status RENAME VALUE 'returned' TO 'sent back'",
    ],
    [
        "ALTER DOMAIN shop.email DROP CONSTRAINT email_check",
        "ALTER DOMAIN shop.email SET NOT NULL",
        "ALTER DOMAIN shop.email SET DEFAULT 'a@b'",
    ],
    ["CREATE TYPE shop.mood AS ENUM ('fine')", "ALTER TYPE shop.mood RENAME TO humour", "DROP TYPE shop.humour"],
    # Partitions.
    [PARTITION, "ALTER TABLE shop.visits DETACH PARTITION shop.visits_2027", "DROP TABLE shop.visits_2027"],
    ["ALTER TABLE shop.visits DETACH PARTITION shop.visits_2025 CONCURRENTLY"],
    ["DROP TABLE shop.visits_2025"],
    ["CREATE TABLE shop.visits_rest PARTITION OF shop.visits DEFAULT"],
    # Made anew just as it was: granted again.
    ["DROP VIEW shop.open_orders; CREATE VIEW shop.open_orders AS SELECT id, total FROM shop.orders"],
    [
        "ALTER TABLE shop.customers DROP COLUMN name CASCADE;"
        " ALTER TABLE shop.customers ADD COLUMN name varchar(80) NOT NULL DEFAULT '';"
        " CREATE VIEW shop.open_orders AS SELECT id, total FROM shop.orders"
    ],
    ["ALTER TABLE shop.visits RENAME TO v; CREATE TABLE shop.visits (LIKE shop.v)"],
    # Privileges and policies.
    ["GRANT SELECT ON shop.orders TO PUBLIC", "REVOKE SELECT ON shop.orders FROM PUBLIC"],
    ["GRANT INSERT ON shop.orders TO reporter", "REVOKE INSERT ON shop.orders FROM reporter"],
    ["REVOKE SELECT (placed_at) ON shop.orders FROM reporter"],
    ["ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO PUBLIC"],
    [
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON shop.orders USING (true)",
        # The owner reads it too, for a view.
        "CREATE POLICY own ON shop.orders FOR SELECT TO reporter, shop_owner USING (true)",
        "DROP POLICY all_rows ON shop.orders",
        "ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY",
        "ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY",
    ],
    # Of the table as such.
    ["ALTER TABLE shop.orders SET (fillfactor = 90)", "ALTER TABLE shop.orders REPLICA IDENTITY FULL"],
    ["COMMENT ON TABLE shop.orders IS 'orders'", "COMMENT ON COLUMN shop.orders.total IS 'in euro'"],
    ["ALTER TABLE shop.visits_2026 SET UNLOGGED", "ALTER TABLE shop.visits_2026 SET LOGGED"],
    ["CREATE RULE nothing AS ON DELETE TO shop.orders DO INSTEAD NOTHING", "DROP RULE nothing ON shop.orders"],
    [
        "CREATE TRIGGER same BEFORE UPDATE ON shop.orders"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "ALTER TABLE shop.orders DISABLE TRIGGER same",
        "DROP TRIGGER same ON shop.orders",
    ],
    # Temporary.
    ["CREATE TEMP TABLE orders (id integer)", "ALTER TABLE pg_temp.orders DROP COLUMN id", "DROP TABLE pg_temp.orders"],
    ["CREATE TEMP TABLE orders ON COMMIT DROP AS SELECT 1 AS id"],
    ["CREATE TEMP VIEW open_orders AS SELECT 1 AS id", "DROP VIEW pg_temp.open_orders"],
    ["CREATE TYPE pg_temp.order_status AS ENUM ('new')", "DROP TYPE pg_temp.order_status"],
]


@pytest.mark.parametrize("migration", HARMLESS, ids=lambda migration: migration[0].strip()[:70])
def test_what_hurts_nobody_passes_in_silence(owner, reporter, migration):
    for transaction in migration:
        owner.run(transaction)
    assert owner.warnings() == []
    reads_everything(reporter)
    assert owner.rows("SELECT * FROM integratedb_unmet_claims()") == []


def test_a_rename_passes_with_the_alternative_claimed_and_the_new_name_is_granted(claim, connect, owner):
    claim({"path": "shop.orders", "fields": [{"alternatives": ["note", "remark"]}]})
    owner.run("ALTER TABLE shop.orders RENAME COLUMN note TO remark")
    connect("reporter").run("SELECT remark FROM shop.orders")
    assert owner.warnings() == []


def test_one_of_two_alternatives_may_go(claim, connect, owner):
    owner.run("CREATE TABLE shop.purchases AS SELECT id FROM shop.orders")
    claim({"alternatives": [{"path": "shop.orders", "fields": ["id"]}, {"path": "shop.purchases", "fields": ["id"]}]})
    owner.run("DROP TABLE shop.orders CASCADE")
    connect("reporter").run("SELECT id FROM shop.purchases")
    assert owner.warnings() == []


def test_what_a_savepoint_takes_back_breaks_nobody(owner, reporter):
    with owner.transaction():
        owner.run("SAVEPOINT before")
        owner.run("DROP TABLE shop.orders CASCADE")
        owner.run("ROLLBACK TO before")
        owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
    assert owner.warnings() == []
    reads_everything(reporter)


def test_what_comes_after_a_savepoint_that_was_taken_back_is_still_checked(owner, reporter):
    """The check is queued by the first change: here that one is rolled back, and its place in the queue with it."""
    with refused("IDB01"), owner.transaction():
        owner.run("SAVEPOINT before")
        owner.run("CREATE TABLE shop.other (id integer)")
        owner.run("ROLLBACK TO before")
        owner.run("ALTER TABLE shop.customers DROP COLUMN name CASCADE")


def test_a_break_inside_a_released_savepoint_is_refused(owner, reporter):
    with refused("IDB01"), owner.transaction():
        owner.run("CREATE TABLE shop.other (id integer)")
        owner.run("SAVEPOINT before")
        owner.run("ALTER TABLE shop.customers DROP COLUMN name CASCADE")
        owner.run("RELEASE before")


def test_a_transaction_that_is_rolled_back_leaves_no_trace(owner, reporter, superuser):
    with owner.transaction(force_rollback=True):
        owner.run("DROP TABLE shop.orders CASCADE")
    assert superuser.value("SELECT count(*) FROM integratedb.ddl_event WHERE command_tag = 'DROP TABLE'") == 0
    reads_everything(reporter)


def test_a_prepared_transaction_is_checked_when_it_is_prepared(superuser, owner, reporter):
    superuser.run("BEGIN")
    superuser.run("ALTER TABLE shop.products ADD COLUMN weight integer")
    superuser.run("PREPARE TRANSACTION 'harmless'")
    superuser.run("COMMIT PREPARED 'harmless'")
    reporter.run("SELECT weight FROM shop.products")

    owner.run("BEGIN")
    owner.run("ALTER TABLE shop.customers DROP COLUMN name CASCADE")
    with refused("IDB01"):
        owner.run("PREPARE TRANSACTION 'harmful'")
    assert owner.value("SELECT count(*) FROM pg_prepared_xacts") == 0
    reads_everything(reporter)


def test_the_tables_of_a_session_that_ends_go_without_a_word(owner, reporter, connect, superuser, server_log):
    session = connect("shop_owner")
    session.run("CREATE TEMP TABLE orders (id integer)")
    session.close()
    superuser.run("SELECT pg_sleep(0.2)")
    assert "ERROR" not in server_log()
    reads_everything(reporter)


def test_an_unclaimed_partition_may_be_detached_in_pieces_while_a_claim_on_the_schema_stands(claim, owner, connect):
    claim({"path": "shop.*", "fields": ["*"]})
    owner.run("ALTER TABLE shop.visits DETACH PARTITION shop.visits_2025 CONCURRENTLY")
    assert owner.warnings() == []
    connect("reporter").run("SELECT page FROM shop.visits_2025")


def test_databases_without_claims_take_all_ddl(owner):
    owner.run("DROP SCHEMA shop CASCADE")
    assert owner.warnings() == []


def test_dropping_the_extension_ends_it_all(superuser, owner, reporter):
    superuser.run("DROP EXTENSION integratedb CASCADE")
    owner.run("DROP TABLE shop.orders CASCADE")
    assert owner.warnings() == []
