"""The audit log: what is in it, what is not, who may read it, and for how long it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Session, refused


def log(session: Session, columns: str = "command_tag, object_type, object_identity") -> list[tuple[Any, ...]]:
    """The rows, oldest first."""
    return session.rows(f"SELECT {columns} FROM integratedb_ddl_events(NULL, NULL) ORDER BY id")


@pytest.mark.parametrize(
    ("ddl", "rows"),
    [
        ("CREATE TABLE shop.a (id integer PRIMARY KEY)", [("CREATE TABLE", "table", "shop.a")]),
        ("CREATE TABLE shop.a AS SELECT 1 AS id", [("CREATE TABLE AS", "table", "shop.a")]),
        ("SELECT 1 AS id INTO shop.a", [("SELECT INTO", "table", "shop.a")]),
        ("ALTER TABLE shop.orders ADD COLUMN a text", [("ALTER TABLE", "table", "shop.orders")]),
        ("ALTER TABLE shop.orders RENAME note TO a", [("ALTER TABLE", "table column", "shop.orders.a")]),
        (
            "ALTER TABLE shop.orders DROP COLUMN note",
            [("ALTER TABLE", "table column", "shop.orders.note"), ("ALTER TABLE", "table", "shop.orders")],
        ),
        ("CREATE VIEW shop.a AS SELECT 1 AS id", [("CREATE VIEW", "view", "shop.a")]),
        ("ALTER VIEW shop.open_orders RENAME TO a", [("ALTER VIEW", "view", "shop.a")]),
        ("DROP VIEW shop.open_orders", [("DROP VIEW", "view", "shop.open_orders")]),
        ("DROP MATERIALIZED VIEW shop.sales", [("DROP MATERIALIZED VIEW", "materialized view", "shop.sales")]),
        ("CREATE INDEX a ON shop.orders (note)", [("CREATE INDEX", "index", "shop.a")]),
        ("DROP INDEX shop.customers_email_key", None),
        ("CREATE TYPE shop.a AS ENUM ()", [("CREATE TYPE", "type", "shop.a")]),
        ("ALTER TYPE shop.order_status RENAME TO a", [("ALTER TYPE", "type", "shop.a")]),
        ("CREATE DOMAIN shop.a AS text", [("CREATE DOMAIN", "type", "shop.a")]),
        ("ALTER DOMAIN shop.email SET DEFAULT ''", [("ALTER DOMAIN", "type", "shop.email")]),
        ("CREATE POLICY a ON shop.orders USING (true)", [("CREATE POLICY", "policy", "a on shop.orders")]),
        ("GRANT SELECT ON shop.orders TO PUBLIC", [("GRANT", "TABLE", None)]),
        ("REVOKE SELECT ON shop.orders FROM PUBLIC", [("REVOKE", "TABLE", None)]),
        ("CREATE PUBLICATION a FOR TABLE shop.orders", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_schema_changes_leave_rows(owner, superuser, admin, ddl, rows):
    if "PUBLICATION" in ddl:
        superuser.run("GRANT CREATE ON DATABASE shop TO shop_owner")
        superuser.run("DELETE FROM integratedb.ddl_event")
        rows = [("CREATE PUBLICATION", "publication", "a")]
    if rows is None:
        owner.run("ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key")
        assert ("ALTER TABLE", "table constraint", "customers_email_key on shop.customers") in log(admin)
        return
    owner.run(ddl)
    assert [row for row in log(admin) if row[1] != "publication relation"] == rows


def test_dropped_policies_are_seen_nowhere_else(owner, admin):
    owner.run("CREATE POLICY a ON shop.orders USING (true)")
    owner.run("DROP POLICY a ON shop.orders")
    assert log(admin)[-1] == ("DROP POLICY", "policy", "a on shop.orders")


def test_what_goes_by_cascade_is_logged_under_the_command_that_took_it(owner, admin):
    owner.run("DROP TABLE shop.orders CASCADE")
    assert {row for row in log(admin) if row[1] != "table constraint"} == {
        ("DROP TABLE", "table", "shop.orders"),
        ("DROP TABLE", "view", "shop.open_orders"),
    }


def test_each_row_tells_when_who_and_in_which_transaction(owner, admin):
    with owner.transaction():
        owner.run("SET ROLE shop_owner")
        owner.run("CREATE TABLE shop.a (id integer)")
        owner.run("CREATE TABLE shop.b (id integer)")
        xid = owner.value("SELECT pg_current_xact_id()::text")
    rows = log(admin, "xid::text, session_user_name, occurred_at > now() - interval '1 minute'")
    assert rows == [(xid, "shop_owner", True), (xid, "shop_owner", True)]


def test_the_query_is_kept_once_a_transaction(owner, admin):
    with owner.transaction():
        owner.run("CREATE TABLE shop.a (id integer)")
        owner.run("CREATE TABLE shop.b (id integer)")
    owner.run("CREATE TABLE shop.c (id integer)")
    assert log(admin, "query") == [
        ("CREATE TABLE shop.a (id integer)",),
        (None,),
        ("CREATE TABLE shop.c (id integer)",),
    ]


SECRET = "s3cr3t"
CUT = "CREATE TABLE shop.a (id integer, " + " " * 9000 + "é text)"


def test_the_query_is_cut_at_8_kb(owner, admin):
    owner.run(CUT)
    ((query,),) = log(admin, "query")
    assert query == CUT[:8192]


def test_comments_are_left_out(owner, admin):
    owner.run("/* it's /* nested */ */ CREATE TABLE shop.a (id integer, -- not now\n b text DEFAULT 'x')")
    assert log(admin, "query") == [("/* ... */ CREATE TABLE shop.a (id integer, -- ...\n b text DEFAULT 'x')",)]


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE shop.a (id integer); SELECT integratedb_notify('reporter', '{spec}')",
        "CREATE TABLE shop.a (id integer); SELECT public.\"integratedb_notify\"('reporter', '{spec}')",
        "CREATE TABLE shop.a (id integer); DO $do$ BEGIN PERFORM INTEGRATEDB_NOTIFY('reporter', '{spec}'); END $do$",
        "SELECT integratedb_sync(); SELECT integratedb_notify('reporter', '{spec}')",
        "CREATE TABLE shop.a (id integer); SELECT * FROM integratedb_check_spec('{spec}', 'notifications')",
    ],
)
def test_no_text_is_kept_of_calls_of_our_functions(superuser, admin, query):
    admin.run("SELECT integratedb_create_stakeholder('reporter')")
    superuser.run("DELETE FROM integratedb.ddl_event")
    channel = f'{{"name": "hook", "type": "WEBHOOK", "url": "https://example.org/", "secret": "whsec_{SECRET * 6}"}}'
    superuser.run(query.replace("{spec}", f'{{"match": {{"path": "shop.orders"}}, "channels": [{channel}]}}'))
    kept = [query for (query,) in log(admin, "query") if query is not None]
    assert kept == ["/* left out: the text names functions of integratedb */"]


def test_secrets_of_other_statements_are_not_kept(superuser):
    for query in (
        f"""CREATE TABLE shop.a (id integer);
            DO $$ BEGIN EXECUTE 'CREATE ROLE somebody PASS' || 'WORD ''{SECRET}''' ; CREATE TABLE shop.b (); END $$;
            ALTER ROLE somebody SET app.token TO {SECRET}""",
        "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw",
        f"CREATE FOREIGN TABLE shop.c () SERVER far OPTIONS (table_name '{SECRET}')",
        f"CREATE TABLE shop.d AS SELECT md5('{SECRET}') AS a",
        f"CREATE VIEW shop.e AS SELECT md5('{SECRET}') AS a",
        f"CREATE TABLE shop.f (); CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'a', password '{SECRET}')",
    ):
        superuser.run(query)
    assert superuser.value("SELECT count(query) FROM integratedb.ddl_event") == 6
    assert SECRET not in superuser.value("SELECT string_agg(e::text, ' ') FROM integratedb.ddl_event AS e")


def test_each_statement_of_a_transaction_costs_the_same(owner):
    """How much is read for one more table does not depend on how many the transaction and the database have."""
    reads = """
        SELECT sum(pg_stat_get_xact_tuples_returned(k.oid) + pg_stat_get_xact_tuples_fetched(k.oid))::integer
          FROM pg_class AS k
          LEFT JOIN pg_index AS i ON i.indexrelid = k.oid
         WHERE coalesce(i.indrelid, k.oid)::regclass::text IN
               ('integratedb.ddl_event', 'integratedb.queued_check', 'pg_depend', 'pg_policy', 'pg_namespace')"""
    costs = []
    with owner.transaction():
        for number in range(200):
            before = owner.value(reads)
            owner.run(f"CREATE TABLE shop.t{number} (id integer)")
            costs.append(owner.value(reads) - before)
    assert max(costs[-20:]) <= max(costs[20:40]) + 20


def test_a_long_text_is_not_searched_at_each_of_its_statements(owner):
    def run(statements: int) -> float:
        text = "; ".join(f"ALTER TABLE shop.orders ALTER note SET DEFAULT 'x'{' ' * 320}" for _ in range(statements))
        start = owner.processor_s()
        owner.run(text)
        return float(owner.processor_s() - start)

    run(10)
    few, many = min(run(100) for _ in range(3)), min(run(800) for _ in range(3))
    # Eight times as many statements; each would read a text eight times as long.
    assert many < 4 * 8 * few


@pytest.mark.parametrize(
    "statement",
    [
        f"CREATE ROLE somebody PASSWORD '{SECRET}'",
        f"CREATE ROLE somebody LOGIN ENCRYPTED PASSWORD '{SECRET}' VALID UNTIL 'infinity'",
        f"CREATE USER somebody WITH password   '{SECRET}'",
        f"CREATE ROLE somebody; ALTER ROLE somebody PassWord E'{SECRET}\\'more{SECRET}'",
        f"CREATE ROLE somebody; ALTER USER somebody PASSWORD 'it''s {SECRET}'",
        f"CREATE ROLE somebody PASSWORD $${SECRET}$$",
        f"CREATE ROLE somebody PASSWORD $tag${SECRET}$tag$",
        f"CREATE ROLE somebody PASSWORD U&'{SECRET}'",
        f"CREATE ROLE somebody PASSWORD/* now */'{SECRET}'",
        f"CREATE ROLE somebody PASSWORD -- now\n '{SECRET}'",
        f"CREATE ROLE somebody PASSWORD 'a'\n'{SECRET}'",
    ],
)
def test_passwords_are_masked(superuser, admin, statement):
    superuser.run(f"CREATE TABLE shop.a (id integer); {statement}; CREATE TABLE shop.b (id integer)")
    query = log(admin, "query")[0][0]
    assert SECRET not in query
    assert "CREATE TABLE shop.a" in query
    assert "CREATE TABLE shop.b" in query


def test_a_password_that_the_cut_left_open_is_masked(superuser, admin):
    padding = "-" * (8192 - 70)
    superuser.run(f"CREATE TABLE shop.a (id integer); --{padding}\nCREATE ROLE somebody PASSWORD '{SECRET * 20}'")
    assert SECRET not in log(admin, "query")[0][0]


def test_literals_that_are_no_passwords_are_kept(owner, admin):
    owner.run("CREATE TABLE shop.a (password text DEFAULT 'changeme', id integer)")
    assert "id integer" in log(admin, "query")[0][0]


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TEMP TABLE a (id integer); ALTER TABLE a ADD COLUMN b text; DROP TABLE a",
        "CREATE TEMP VIEW a AS SELECT 1 AS id; DROP VIEW a",
        "CREATE TEMP TABLE a AS SELECT 1 AS id",
        "CREATE SEQUENCE shop.a; DROP SEQUENCE shop.a",
        "CREATE FUNCTION shop.a() RETURNS integer LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION shop.a",
        "COMMENT ON TABLE shop.orders IS ''",
        "INSERT INTO shop.visits VALUES (gen_random_uuid(), '/', '2026-05-05')",
        "TRUNCATE shop.visits; ANALYZE shop.visits; REFRESH MATERIALIZED VIEW shop.sales",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA shop TO PUBLIC; SELECT 1",
    ],
)
def test_what_is_no_change_of_a_schema_that_lasts_leaves_no_row(owner, admin, ddl):
    owner.run(ddl)
    assert [row for row in log(admin) if row[0] != "GRANT"] == []


def test_members_of_an_extension_are_left_out(superuser, admin):
    superuser.run("CREATE EXTENSION hstore; ALTER EXTENSION hstore SET SCHEMA shop; DROP EXTENSION hstore")
    assert log(admin) == [
        ("CREATE EXTENSION", "extension", "hstore"),
        ("ALTER EXTENSION", "extension", "hstore"),
        ("DROP EXTENSION", "extension", "hstore"),
    ]


@pytest.fixture
def hstore(superuser, owner):
    """An extension of the owner of the shop, who may make its own objects members."""
    superuser.run("GRANT CREATE ON DATABASE shop TO shop_owner; GRANT CREATE ON SCHEMA public TO shop_owner")
    owner.run("CREATE EXTENSION hstore; CREATE TABLE shop.member (id integer)")
    owner.run("ALTER EXTENSION hstore ADD TABLE shop.member")
    return owner


def test_a_table_that_its_owner_made_a_member_of_an_extension_is_checked_and_recorded(hstore, claim, admin):
    claim({"path": "shop.member", "fields": ["id"]})
    with refused("IDB01"):
        hstore.run("ALTER TABLE shop.member ALTER COLUMN id TYPE text")
    hstore.run("ALTER TABLE shop.member ADD COLUMN more text")
    assert log(admin)[-1] == ("ALTER TABLE", "table", "shop.member")


def test_such_a_table_is_recorded_when_it_goes_with_the_extension(hstore, admin):
    hstore.run("DROP EXTENSION hstore")
    assert ("DROP EXTENSION", "table", "shop.member") in log(admin)


def test_our_own_grants_are_left_out(claim, owner, admin):
    claim({"path": "shop.orders", "fields": ["*"]})
    before = len(log(admin))
    owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
    assert [tag for tag, *_ in log(admin)[before:]] == ["ALTER TABLE"]


def test_stakeholders_sync_and_override_leave_rows(claim, admin, owner):
    claim()
    admin.run("SELECT integratedb_rename_stakeholder('reporter', 'reader')")
    admin.run("SELECT integratedb_drop_stakeholder('reader')")
    claim({"path": "shop.orders"}, by="other")
    owner.run("SELECT integratedb_sync()")
    admin.run("SELECT integratedb_override('because')")
    rows = log(admin, "command_tag, object_identity, reason")
    assert ("CREATE SCHEMA", "reporter", None) in rows
    assert ("ALTER SCHEMA", "reader", None) in rows
    assert ("DROP SCHEMA", "reader", None) in rows
    assert rows[-2:] == [("INTEGRATEDB SYNC", None, None), ("INTEGRATEDB OVERRIDE", None, "because")]


def test_it_is_for_admins(claim, owner, connect):
    claim()
    for session in (owner, connect("reporter")):
        with refused("42501"):
            log(session)
        with refused("42501"):
            session.run("SELECT * FROM integratedb.ddl_event")


def test_it_is_newest_first_since_a_time_and_so_many(owner, admin):
    for name in "abc":
        owner.run(f"CREATE TABLE shop.{name} (id integer)")
    names = [name for (name,) in admin.rows("SELECT object_identity FROM integratedb_ddl_events()")]
    assert names == ["shop.c", "shop.b", "shop.a"]
    assert len(admin.rows("SELECT * FROM integratedb_ddl_events(max_results => 2)")) == 2
    since = admin.value("SELECT occurred_at FROM integratedb_ddl_events() WHERE object_identity = 'shop.b'")
    assert len(admin.rows("SELECT * FROM integratedb_ddl_events(%s)", since)) == 2


def test_what_is_older_than_the_retention_goes(owner, admin, superuser):
    owner.run("CREATE TABLE shop.a (id integer)")
    superuser.run("UPDATE integratedb.ddl_event SET occurred_at = now() - interval '91 days'")
    owner.run("CREATE TABLE shop.b (id integer)")
    assert [identity for *_, identity in log(admin)] == ["shop.b"]
    superuser.run("UPDATE integratedb.ddl_event SET occurred_at = now() - interval '2 hours'")
    admin.run("SELECT integratedb_configure('ddl_event_retention', '1 hour')")
    owner.run("CREATE TABLE shop.c (id integer)")
    assert [identity for *_, identity in log(admin)] == ["shop.c"]
