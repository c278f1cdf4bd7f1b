"""How the baseline and the grants follow the catalog: at COMMIT where nobody is hurt, and by integratedb_sync()."""

from __future__ import annotations

import pytest

from tests.sql.conftest import Connect
from tests.support import Session, refused

SYNC = "SELECT integratedb_sync()"


@pytest.fixture
def everything_of_orders(claim, connect: Connect) -> Session:
    claim({"path": "shop.orders", "fields": ["*"]})
    return connect("reporter")


def claimed(superuser: Session, path: str = "shop.orders") -> list[str]:
    """The claimed columns of a table, as the baseline has them."""
    return [
        name
        for (name,) in superuser.rows(
            """SELECT column_name FROM integratedb.claim_column AS c
                 JOIN integratedb.claim_relation AS r ON r.id = c.relation_id WHERE r.path = %s ORDER BY c.attnum""",
            path,
        )
    ]


def property_of(superuser: Session, column: str, name: str) -> object:
    return superuser.value(f"SELECT {name} FROM integratedb.claim_column WHERE column_name = %s", column)


def unmet_paths(session: Session) -> list[str]:
    return [path for (path,) in session.rows("SELECT path FROM integratedb_unmet_claims()")]


# What grows by itself.


def test_a_new_column_is_claimed_and_granted_by_the_star_at_once(everything_of_orders, owner, superuser):
    owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
    everything_of_orders.run("SELECT channel FROM shop.orders")
    assert "channel" in claimed(superuser)
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN channel")


def test_a_new_column_is_neither_claimed_nor_granted_by_names(claim, connect, owner):
    claim({"path": "shop.orders", "fields": ["id", "note"]})
    owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
    with refused("42501"):
        connect("reporter").run("SELECT channel FROM shop.orders")
    owner.run("ALTER TABLE shop.orders DROP COLUMN channel")


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE shop.news (id integer)",
        "CREATE VIEW shop.news AS SELECT 1 AS id",
        "CREATE MATERIALIZED VIEW shop.news AS SELECT 1 AS id",
        "CREATE TABLE shop.news AS SELECT 1 AS id",
        "SELECT 1 AS id INTO shop.news",
        "CREATE TABLE shop.news (id integer) PARTITION BY LIST (id)",
        "CREATE TABLE draft.news (id integer); ALTER TABLE draft.news SET SCHEMA shop",
        "CREATE TABLE shop.olds (id integer); ALTER TABLE shop.olds RENAME TO news",
    ],
)
def test_a_new_relation_is_claimed_and_granted_by_the_schema(claim, connect, owner, superuser, ddl):
    superuser.run("CREATE SCHEMA draft AUTHORIZATION shop_owner")
    claim({"path": "shop.*", "fields": ["*"]})
    owner.run(ddl)
    connect("reporter").run("SELECT id FROM shop.news")
    with refused("IDB01"):
        owner.run(f"DROP {kind(owner, 'shop.news')} shop.news")


def kind(session: Session, relation: str) -> str:
    relkind = session.value("SELECT relkind FROM pg_class WHERE oid = %s::regclass", relation)
    return {"v": "VIEW", "m": "MATERIALIZED VIEW"}.get(relkind, "TABLE")


def test_a_new_partition_is_not_claimed_by_the_schema(claim, connect, owner):
    claim({"path": "shop.*", "fields": ["*"]})
    owner.run("CREATE TABLE shop.visits_rest PARTITION OF shop.visits DEFAULT")
    with refused("42501"):
        connect("reporter").run("SELECT page FROM shop.visits_rest")
    owner.run("DROP TABLE shop.visits_rest")


def test_a_schema_that_is_claimed_whole_may_be_empty_and_fill(claim, connect, owner, superuser):
    superuser.run("CREATE SCHEMA archive AUTHORIZATION shop_owner")
    claim({"path": "archive.*", "fields": ["*"]})
    owner.run("CREATE TABLE archive.orders AS SELECT * FROM shop.orders")
    connect("reporter").run("SELECT id FROM archive.orders")


def test_an_alternative_is_granted_when_it_appears(claim, connect, owner):
    claim({"alternatives": [{"path": "shop.orders", "fields": ["id"]}, {"path": "shop.purchases", "fields": ["id"]}]})
    owner.run("CREATE TABLE shop.purchases (id integer, secret text)")
    reporter = connect("reporter")
    reporter.run("SELECT id FROM shop.purchases")
    with refused("42501"):
        reporter.run("SELECT secret FROM shop.purchases")
    reporter.run("SELECT id FROM shop.orders")


def test_an_alternative_field_is_granted_when_it_appears(claim, connect, owner):
    claim({"path": "shop.orders", "fields": ["id", {"alternatives": ["note", "remark"]}]})
    owner.run("ALTER TABLE shop.orders ADD COLUMN remark text")
    connect("reporter").run("SELECT note, remark FROM shop.orders")


def test_an_optional_table_is_granted_when_it_appears(claim, connect, owner):
    claim({"path": "shop.orders", "fields": ["id"]}, {"path": "shop.news", "fields": ["id"], "optional": True})
    owner.run("CREATE TABLE shop.news (id integer)")
    connect("reporter").run("SELECT id FROM shop.news")
    owner.run("DROP TABLE shop.news")


def test_a_table_made_anew_under_its_name_is_granted_again(claim, connect, owner, admin):
    owner.run("CREATE TABLE shop.news (id integer)")
    claim({"path": "shop.news", "fields": ["id"]})
    owner.run("DROP TABLE shop.news; CREATE TABLE shop.news (id integer, text text)")
    connect("reporter").run("SELECT id FROM shop.news")
    assert admin.rows("SELECT path, field, reason FROM integratedb_access('reporter') WHERE path = 'shop.news'") == [
        ("shop.news", "id", "claim")
    ]


def test_a_column_made_anew_under_its_name_is_granted_again(claim, connect, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    owner.run("ALTER TABLE shop.orders DROP COLUMN note; ALTER TABLE shop.orders ADD COLUMN note varchar(200)")
    connect("reporter").run("SELECT note FROM shop.orders")


# What a specification leaves out follows.


def test_a_property_that_was_left_out_follows_where_that_hurts_nobody(claim, owner, superuser):
    claim({"path": "shop.orders", "fields": ["note"]})
    owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(300), ALTER COLUMN note SET DEFAULT ''")
    assert property_of(superuser, "note", "min_length") == 300
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(250)")

    owner.run("ALTER TABLE shop.orders ALTER COLUMN placed_at DROP NOT NULL")


def test_a_column_that_becomes_not_null_is_relied_on_from_then(claim, owner, superuser):
    claim({"path": "shop.customers", "fields": ["phone"]})
    owner.run("UPDATE shop.customers SET phone = '' WHERE phone IS NULL")
    owner.run("ALTER TABLE shop.customers ALTER COLUMN phone SET NOT NULL")
    assert property_of(superuser, "phone", "is_nullable") is False
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.customers ALTER COLUMN phone DROP NOT NULL")


def test_a_property_that_was_given_stays(claim, owner, superuser):
    claim({"path": "shop.orders", "fields": [{"name": "note", "min_length": 100}]})
    owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(300)")
    assert property_of(superuser, "note", "min_length") == 100
    owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(100)")


@pytest.mark.parametrize(
    ("ddl", "name", "value"),
    [
        ("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(50)", "min_length", 50),
        ("ALTER TABLE shop.orders ALTER COLUMN note TYPE text", "type", "pg_catalog.text"),
    ],
)
def test_a_property_that_was_left_out_is_lowered_by_sync_only(claim, owner, superuser, ddl, name, value):
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01"):
        owner.run(ddl)
    with owner.transaction():
        owner.run(ddl)
        owner.run(SYNC)
    assert property_of(superuser, "note", name) == value


# What shrinks by sync.


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE shop.orders DROP COLUMN note",
        "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE text",
        "ALTER TABLE shop.orders ALTER COLUMN placed_at DROP NOT NULL",
    ],
)
def test_what_is_claimed_by_the_star_shrinks_by_sync_only(everything_of_orders, owner, ddl):
    with refused("IDB01"):
        owner.run(ddl)
    with owner.transaction():
        owner.run(ddl)
        owner.run(SYNC)
    assert owner.warnings() == []
    everything_of_orders.run("SELECT * FROM shop.orders")


def test_sync_before_the_change_excuses_nothing(everything_of_orders, owner):
    with refused("IDB01"), owner.transaction():
        owner.run(SYNC)
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


def test_a_schema_that_is_claimed_whole_shrinks_by_sync_only(claim, owner):
    claim({"path": "shop.*", "fields": ["*"]})
    drop = "DROP TABLE shop.order_lines CASCADE"
    with refused("IDB01"):
        owner.run(drop)
    with owner.transaction():
        owner.run(drop)
        owner.run(SYNC)
    assert owner.warnings() == []
    assert unmet_paths(owner) == []


def test_a_table_that_is_claimed_by_the_star_must_exist_whatever_sync_says(everything_of_orders, owner):
    with refused("IDB01"), owner.transaction():
        owner.run("DROP TABLE shop.orders CASCADE")
        owner.run(SYNC)


def test_a_schema_that_is_claimed_whole_must_exist_whatever_sync_says(claim, owner, superuser):
    superuser.run("CREATE SCHEMA archive AUTHORIZATION shop_owner")
    claim({"path": "archive.*", "fields": ["*"]})
    with refused("IDB01"), owner.transaction():
        owner.run("DROP SCHEMA archive")
        owner.run(SYNC)


@pytest.mark.parametrize(
    ("fields", "ddl"),
    [
        (["note"], "ALTER TABLE shop.orders DROP COLUMN note"),
        (["note"], "ALTER TABLE shop.orders RENAME COLUMN note TO remark"),
        ([{"name": "note", "type": "varchar"}], "ALTER TABLE shop.orders ALTER COLUMN note TYPE text"),
        ([{"name": "note", "min_length": 100}], "ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(99)"),
        ([{"name": "placed_at", "is_nullable": False}], "ALTER TABLE shop.orders ALTER placed_at DROP NOT NULL"),
        ([], "DROP TABLE shop.orders CASCADE"),
        (["note"], "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY"),
    ],
)
def test_sync_never_excuses_what_is_claimed_by_name(claim, owner, fields, ddl):
    claim({"path": "shop.orders", "fields": fields})
    for statements in ([ddl, SYNC], [SYNC, ddl, SYNC], [ddl, SYNC, SYNC]):
        with refused("IDB01"), owner.transaction():
            for statement in statements:
                owner.run(statement)


def test_sync_in_a_later_transaction_excuses_nothing_either(claim, owner, admin):
    """What explicit enforcement let pass stays unmet."""
    claim({"path": "shop.orders", "fields": ["note"]})
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    owner.run(SYNC)
    assert unmet_paths(owner) == ["shop.orders"]


def test_what_was_unmet_before_stays_so_and_sync_warns(claim, owner, admin):
    claim({"path": "shop.orders", "fields": ["note"]})
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    admin.run("SELECT integratedb_configure('enforcement', 'commit')")
    owner.notices.clear()
    owner.run(SYNC)
    (warning,) = owner.warnings()
    assert warning.startswith("since an earlier transaction")
    assert "reporter" in warning
    assert unmet_paths(owner) == ["shop.orders"]


@pytest.mark.parametrize(
    "revoke",
    [
        "REVOKE SELECT ON shop.orders FROM reporter",
        "REVOKE SELECT (note) ON shop.orders FROM reporter",
        "REVOKE USAGE ON SCHEMA shop FROM reporter",
        "REVOKE ALL ON ALL TABLES IN SCHEMA shop FROM reporter; REVOKE ALL ON SCHEMA shop FROM reporter",
    ],
)
def test_sync_gives_revoked_privileges_back(everything_of_orders, owner, revoke):
    with owner.transaction():
        owner.run(revoke)
        owner.run(SYNC)
    assert owner.warnings() == []
    everything_of_orders.run("SELECT * FROM shop.orders")


def test_sync_gives_back_what_was_revoked_behind_its_back(everything_of_orders, owner, superuser):
    superuser.run("SET session_replication_role = replica; REVOKE SELECT ON shop.orders FROM reporter")
    assert unmet_paths(owner) == ["shop.orders"]
    owner.run(SYNC)
    assert owner.warnings() == []
    everything_of_orders.run("SELECT * FROM shop.orders")
    assert unmet_paths(owner) == []


def test_sync_takes_in_what_happened_behind_its_back(everything_of_orders, owner, superuser):
    superuser.run("SET session_replication_role = replica; ALTER TABLE shop.orders ADD COLUMN channel text")
    owner.run(SYNC)
    everything_of_orders.run("SELECT channel FROM shop.orders")


def test_anybody_may_sync(everything_of_orders, superuser):
    superuser.run("SET session_replication_role = replica; ALTER TABLE shop.orders ADD COLUMN channel text")
    everything_of_orders.run(SYNC)
    everything_of_orders.run("SELECT channel FROM shop.orders")


def test_sync_leaves_a_row_in_the_audit_log(owner, admin, claim):
    claim({"path": "shop.orders"})
    owner.run(SYNC)
    assert admin.rows("SELECT session_user_name, command_tag FROM integratedb_ddl_events(max_results => 1)") == [
        ("shop_owner", "INTEGRATEDB SYNC")
    ]


def test_the_baseline_is_the_one_that_was_committed_unless_sync_moved_it(everything_of_orders, owner):
    """Added and dropped in one migration breaks nobody; with a sync in between it is a claimed column that goes."""
    with owner.transaction():
        owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
        owner.run("ALTER TABLE shop.orders DROP COLUMN channel")
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
        owner.run(SYNC)
        owner.run("ALTER TABLE shop.orders DROP COLUMN channel")


def test_the_baseline_moves_when_a_claim_is_replaced_in_the_migration(claim, superuser):
    claim({"path": "shop.orders", "fields": ["note"]})
    with superuser.transaction():
        superuser.run(
            """SELECT integratedb_claim('reporter', '{"match": {"path": "shop.orders", "fields": ["id"]}}')"""
        )
        superuser.run("ALTER TABLE shop.orders DROP COLUMN note")
    with refused("IDB01"), superuser.transaction():
        superuser.run(
            """SELECT integratedb_claim('reporter', '{"match": {"path": "shop.orders", "fields": ["total"]}}')"""
        )
        superuser.run("ALTER TABLE shop.orders DROP COLUMN total CASCADE")


def test_what_is_met_again_loses_its_mark(claim, owner, admin, superuser):
    claim({"path": "shop.orders", "fields": ["note"]})
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    admin.run("SELECT integratedb_configure('enforcement', 'commit')")
    assert superuser.value("SELECT unmet_since IS NOT NULL FROM integratedb.claim")
    owner.run("ALTER TABLE shop.orders ADD COLUMN note varchar(200)")
    assert not superuser.value("SELECT unmet_since IS NOT NULL FROM integratedb.claim")
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


REVOKES = {
    "USAGE": "REVOKE USAGE ON SCHEMA shop FROM reporter",
    "SELECT": "REVOKE SELECT (note) ON shop.orders FROM reporter",
}
GIVES_BACK = {
    "a grant": {
        "USAGE": "GRANT USAGE ON SCHEMA shop TO reporter",
        "SELECT": "GRANT SELECT (note) ON shop.orders TO reporter",
    },
    "a sync": dict.fromkeys(REVOKES, SYNC),
    "notifications": dict.fromkeys(
        REVOKES,
        """SELECT integratedb_notify('reporter', '{"match":
             {"path": "shop.orders", "fields": ["id", "note"], "events": ["INSERT"]}}')""",
    ),
}


@pytest.mark.parametrize("privilege", REVOKES)
@pytest.mark.parametrize("given_back", GIVES_BACK)
@pytest.mark.parametrize("path", ["shop.orders", "shop.*"])
def test_what_is_met_again_follows_what_changed_meanwhile(claim, owner, admin, superuser, path, given_back, privilege):
    claim({"path": path, "fields": ["*"]})
    superuser.run(f"BEGIN; {REVOKES[privilege]}; SELECT integratedb_override('test'); COMMIT")
    owner.run("ALTER TABLE shop.orders ADD COLUMN extra integer; ALTER TABLE shop.customers ADD COLUMN extra integer")
    assert unmet_paths(admin) == [path]
    (admin if given_back == "notifications" else owner).run(GIVES_BACK[given_back][privilege])
    assert unmet_paths(admin) == []
    tables = ["shop.orders"] + ["shop.customers"] * (path == "shop.*")
    for table in tables:
        assert superuser.value("SELECT has_column_privilege('reporter', %s, 'extra', 'SELECT')", table)
        with refused("IDB01", f"{table}.extra"):
            owner.run(f"ALTER TABLE {table} DROP COLUMN extra")


def test_what_is_met_again_by_a_migration_follows_what_it_did_not_touch(claim, owner, admin, superuser):
    claim({"path": "shop.*", "fields": ["*"]})
    away = "ALTER TABLE shop.orders RENAME COLUMN note TO gone"
    superuser.run(f"BEGIN; {away}; SELECT integratedb_override('test'); COMMIT")
    owner.run("ALTER TABLE shop.customers ADD COLUMN extra integer; CREATE TABLE shop.later (id integer)")
    owner.run("ALTER TABLE shop.orders RENAME COLUMN gone TO note")
    assert unmet_paths(admin) == []
    for column in ("shop.customers.extra", "shop.later.id"):
        table, _, name = column.rpartition(".")
        assert superuser.value("SELECT has_column_privilege('reporter', %s, %s, 'SELECT')", table, name)
        with refused("IDB01", column):
            owner.run(f"ALTER TABLE {table} DROP COLUMN {name}")
