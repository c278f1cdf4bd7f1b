"""Grants follow the claims: exactly what is claimed, nothing that somebody else granted touched."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import OWNER
from tests.support import Session, refused

ORDERS = {"path": "shop.orders", "fields": ["id", "status"]}
PRODUCTS = {"path": "shop.products", "fields": ["sku"]}

READABLE = """
SELECT k.relname || '.' || a.attname
  FROM pg_class AS k
  JOIN pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE k.relnamespace = 'shop'::regnamespace
   AND k.relkind IN ('r', 'v', 'm', 'f', 'p')
   AND has_column_privilege(%s, k.oid, a.attnum, 'SELECT')
"""

HOLDER = "grant_holder"


def readable(superuser: Session, role: str = "reporter") -> set[str]:
    """The columns of schema shop that a role may SELECT, grants to PUBLIC included."""
    return {column for (column,) in superuser.rows(READABLE, role)}


def has_usage(superuser: Session, schema: str, role: str = "reporter") -> bool:
    return bool(superuser.value("SELECT has_schema_privilege(%s, %s, 'USAGE')", role, schema))


# Exactly what is claimed


def test_the_claimed_columns_can_be_read_and_no_others(claim, stakeholder):
    reporter = stakeholder("reporter")
    claim(ORDERS)
    assert len(reporter.rows("SELECT id, status FROM shop.orders")) == 200
    for query in ("SELECT total FROM shop.orders", "SELECT * FROM shop.orders", "SELECT sku FROM shop.products"):
        with refused("42501"):
            reporter.rows(query)


def test_reading_is_all_that_a_claim_allows(claim, stakeholder):
    reporter = stakeholder("reporter")
    claim({"path": "shop.products", "fields": ["*"]})
    for statement in (
        "INSERT INTO shop.products (sku, name, price) VALUES ('X', 'x', 1)",
        "UPDATE shop.products SET price = 0",
        "DELETE FROM shop.products",
        "TRUNCATE shop.products",
        "CREATE TABLE shop.mine (a integer REFERENCES shop.products (id))",
    ):
        with refused("42501"):
            reporter.run(statement)


def test_a_claim_grants_nothing_to_anybody_else(superuser, claim, stakeholder):
    stakeholder("fulfilment")
    claim(ORDERS)
    assert readable(superuser, "fulfilment") == set()
    assert not has_usage(superuser, "shop", "fulfilment")


def test_a_grant_is_made_by_the_owner_of_the_table_and_cannot_be_passed_on(superuser, claim):
    claim(ORDERS)
    acl = "SELECT attacl::text FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass AND attname = 'id'"
    assert superuser.value(acl) == "{reporter=r/shop_owner}"
    assert superuser.value("SELECT relacl FROM pg_class WHERE oid = 'shop.orders'::regclass") is None


def test_a_table_without_fields_can_be_seen_and_not_read(superuser, claim):
    claim({"path": "shop.orders"})
    assert readable(superuser) == set()
    assert has_usage(superuser, "shop")


def test_usage_is_granted_on_the_schemas_that_are_claimed_and_goes_with_the_last_claim(superuser, claim, owner):
    superuser.run(f"CREATE SCHEMA archive AUTHORIZATION {OWNER}; CREATE SCHEMA secret")
    owner.run("CREATE TABLE archive.orders (id integer)")
    claim(ORDERS, PRODUCTS, {"path": "archive.orders", "fields": ["id"]})
    assert [has_usage(superuser, schema) for schema in ("shop", "archive", "secret")] == [True, True, False]
    claim(PRODUCTS)
    assert [has_usage(superuser, schema) for schema in ("shop", "archive")] == [True, False]
    claim()
    assert not has_usage(superuser, "shop")


def test_usage_on_a_schema_claimed_by_star_lasts_while_it_is(superuser, claim):
    superuser.run("CREATE SCHEMA archive")
    claim({"path": "archive.*", "fields": ["*"]})
    assert has_usage(superuser, "archive")
    claim()
    assert not has_usage(superuser, "archive")


def test_several_matches_of_one_table_are_granted_together(superuser, claim):
    claim(ORDERS, {"path": "shop.orders", "fields": ["total"]}, {"path": "shop.orders", "fields": ["id"]})
    assert readable(superuser) == {"orders.id", "orders.status", "orders.total"}
    claim({"path": "shop.orders", "fields": ["id"]})
    assert readable(superuser) == {"orders.id"}


def test_two_stakeholders_of_one_column_do_not_disturb_each_other(superuser, claim):
    claim(ORDERS, by="reporter")
    claim(ORDERS, by="fulfilment")
    claim(by="reporter")
    assert readable(superuser, "reporter") == set()
    assert readable(superuser, "fulfilment") == {"orders.id", "orders.status"}


# Replacing


def test_replacing_revokes_what_is_claimed_no_longer_and_grants_what_is_new(superuser, claim):
    claim(ORDERS, PRODUCTS)
    claim({"path": "shop.orders", "fields": ["status", "total"]}, {"path": "shop.sales", "fields": ["*"]})
    assert readable(superuser) == {"orders.status", "orders.total", "sales.sku", "sales.quantity", "sales.revenue"}


def test_replacing_is_seen_at_once_or_not_at_all(superuser, admin, claim, stakeholder):
    reporter = stakeholder("reporter")
    claim(ORDERS)
    with admin.transaction(force_rollback=True):
        admin.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [PRODUCTS]}))
        assert reporter.rows("SELECT id FROM shop.orders LIMIT 1")
        assert readable(superuser) == {"orders.id", "orders.status"}
    assert readable(superuser) == {"orders.id", "orders.status"}
    claim(PRODUCTS)
    assert readable(superuser) == {"products.sku"}


def test_claiming_the_same_again_writes_no_access_list(superuser, claim):
    claim(ORDERS)
    version = "SELECT array_agg(xmin::text) FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass"
    before = superuser.value(version)
    claim(ORDERS)
    assert superuser.value(version) == before


def test_own_grants_are_no_events_of_the_audit_log(admin, claim):
    claim(ORDERS)
    claim()
    tags = {row["command_tag"] for row in admin.dicts("SELECT * FROM integratedb_ddl_events()")}
    assert "INTEGRATEDB CLAIMS" in tags
    assert tags <= {"INTEGRATEDB CLAIMS", "CREATE SCHEMA", "GRANT"}
    tables = admin.rows("SELECT FROM integratedb_ddl_events() WHERE command_tag = 'GRANT' AND object_type = 'TABLE'")
    assert tables == []


# What somebody else granted


@pytest.mark.parametrize(
    ("grant", "kept"),
    [
        ("GRANT SELECT (id) ON shop.orders TO reporter", {"orders.id"}),
        ("GRANT SELECT (id) ON shop.orders TO PUBLIC", {"orders.id"}),
        ("GRANT SELECT (note) ON shop.orders TO reporter", {"orders.note"}),
        ("GRANT SELECT ON shop.sales TO reporter", {"sales.sku", "sales.quantity", "sales.revenue"}),
        ("GRANT SELECT ON shop.sales TO PUBLIC", {"sales.sku", "sales.quantity", "sales.revenue"}),
        ("GRANT SELECT (id) ON shop.orders TO reporter WITH GRANT OPTION", {"orders.id"}),
    ],
)
def test_a_grant_that_was_there_before_outlives_the_claim(superuser, owner, claim, stakeholder, grant, kept):
    stakeholder("reporter")
    owner.run(grant)
    claim(ORDERS, {"path": "shop.sales", "fields": ["*"]})
    assert readable(superuser) >= {"orders.id", "orders.status", "sales.sku"}
    claim()
    assert readable(superuser) == kept


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_grant_of_somebody_with_the_grant_option_outlives_the_claim(
    superuser, owner, connect, claim, stakeholder, when
):
    stakeholder("reporter")
    superuser.run(f"CREATE ROLE {HOLDER} LOGIN")
    owner.run(f"GRANT USAGE ON SCHEMA shop TO {HOLDER}; GRANT SELECT ON shop.orders TO {HOLDER} WITH GRANT OPTION")
    holder = connect(HOLDER)
    if when == "after":
        claim(ORDERS)
    holder.run("GRANT SELECT (id) ON shop.orders TO reporter")
    if when == "before":
        claim(ORDERS)
    claim()
    assert readable(superuser) == {"orders.id"}
    acl = "SELECT attacl::text FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass AND attname = 'id'"
    assert superuser.value(acl) == f"{{reporter=r/{HOLDER}}}"


def test_a_grant_option_that_the_owner_adds_to_ours_makes_the_grant_the_owners(superuser, owner, claim, stakeholder):
    reporter = stakeholder("reporter")
    stakeholder("fulfilment")
    claim(ORDERS)
    owner.run("GRANT SELECT (id) ON shop.orders TO reporter WITH GRANT OPTION")
    reporter.run("GRANT SELECT (id) ON shop.orders TO fulfilment")
    claim()
    assert readable(superuser) == {"orders.id"}
    assert readable(superuser, "fulfilment") == {"orders.id"}


def test_a_grant_option_on_usage_that_was_added_to_ours_makes_it_the_owners(superuser, owner, claim):
    claim(ORDERS)
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter WITH GRANT OPTION")
    claim()
    assert has_usage(superuser, "shop")


def test_a_table_level_grant_made_after_ours_outlives_the_claim(superuser, owner, claim):
    claim(ORDERS)
    owner.run("GRANT SELECT ON shop.orders TO reporter")
    claim()
    assert "orders.note" in readable(superuser)


@pytest.mark.parametrize("option", ["", " WITH GRANT OPTION"])
def test_usage_that_was_granted_before_outlives_the_claim(superuser, owner, claim, stakeholder, option):
    stakeholder("reporter")
    owner.run(f"GRANT USAGE ON SCHEMA shop TO reporter{option}")
    claim(ORDERS)
    claim()
    assert has_usage(superuser, "shop")


def test_a_grant_of_other_privileges_is_left_alone(superuser, owner, claim, stakeholder):
    reporter = stakeholder("reporter")
    claim(ORDERS)
    owner.run("GRANT INSERT, UPDATE (note) ON shop.orders TO reporter")
    claim()
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    reporter.run("UPDATE shop.orders SET note = 'x'")
    assert superuser.value("SELECT has_table_privilege('reporter', 'shop.orders', 'INSERT')")


# The stakeholder's own schema


def test_a_stakeholders_own_table_needs_no_grant(superuser, claim, stakeholder):
    reporter = stakeholder("reporter")
    reporter.run("CREATE TABLE reporter.totals (day date)")
    claim({"path": "reporter.totals", "fields": ["*"]})
    assert superuser.value("SELECT count(*) FROM integratedb.own_grant") == 0
    claim()
    reporter.run("INSERT INTO reporter.totals VALUES ('2026-01-01')")
    assert len(reporter.rows("SELECT day FROM reporter.totals")) == 1


def test_somebody_elses_table_in_the_own_schema_is_granted(superuser, claim, stakeholder):
    reporter = stakeholder("reporter")
    superuser.run("CREATE TABLE reporter.fed (day date, hidden date)")
    claim({"path": "reporter.fed", "fields": ["day"]})
    assert reporter.rows("SELECT day FROM reporter.fed") == []
    with refused("42501"):
        reporter.rows("SELECT hidden FROM reporter.fed")
    claim()
    reporter.run("CREATE TABLE reporter.still_mine ()")


# Alternatives, optionals, and what comes later


def test_every_named_column_of_every_alternative_that_exists_is_granted(superuser, claim):
    claim(
        {
            "alternatives": [
                {"path": "shop.orders", "fields": [{"alternatives": ["status", "state", "note"]}]},
                {"path": "shop.invoices", "fields": ["id"]},
                {"path": "shop.products", "fields": [{"name": "sku", "optional": True}, "name"]},
            ]
        },
        {"path": "shop.customers", "fields": ["id"], "optional": True},
    )
    assert readable(superuser) == {"orders.status", "orders.note", "products.sku", "products.name", "customers.id"}


def test_an_alternative_of_the_wrong_type_is_granted_all_the_same(superuser, claim):
    claim({"path": "shop.orders", "fields": [{"alternatives": [{"name": "id", "type": "text"}, "status"]}]})
    assert readable(superuser) == {"orders.id", "orders.status"}


def test_what_appears_later_is_granted_when_it_does(superuser, owner, claim):
    claim(
        {"path": "shop.orders", "fields": ["id", {"name": "tracking", "optional": True}]},
        {"alternatives": [{"path": "shop.invoices", "fields": ["id"]}, {"path": "shop.sales", "fields": ["sku"]}]},
        {"path": "shop.returns", "fields": ["*"], "optional": True},
    )
    owner.run("ALTER TABLE shop.orders ADD COLUMN tracking text, ADD COLUMN cost numeric")
    owner.run("CREATE TABLE shop.invoices (id integer, amount numeric)")
    owner.run("CREATE TABLE shop.returns (id integer, reason text)")
    assert readable(superuser) == {
        "orders.id",
        "orders.tracking",
        "sales.sku",
        "invoices.id",
        "returns.id",
        "returns.reason",
    }


def test_a_star_grants_new_columns_and_a_schema_new_tables(superuser, owner, claim, stakeholder):
    claim({"path": "shop.products", "fields": ["*"]}, by="reporter")
    claim({"path": "shop.*", "fields": ["*"]}, by="archiver")
    owner.run("ALTER TABLE shop.products ADD COLUMN weight numeric")
    owner.run("CREATE TABLE shop.returns (id integer)")
    assert "products.weight" in readable(superuser, "reporter")
    assert "returns.id" not in readable(superuser, "reporter")
    assert {"products.weight", "returns.id"} <= readable(superuser, "archiver")


def test_a_rename_to_an_alternative_keeps_what_is_read(owner, superuser, claim):
    claim(
        {
            "alternatives": [
                {"path": "shop.orders", "fields": [{"alternatives": ["status", "state"]}]},
                {"path": "shop.sales_orders", "fields": ["state"]},
            ]
        }
    )
    with owner.transaction():
        owner.run("DROP MATERIALIZED VIEW shop.sales; DROP VIEW shop.open_orders")
        owner.run("ALTER TABLE shop.orders RENAME COLUMN status TO state")
    assert readable(superuser) == {"orders.state"}
    owner.run("ALTER TABLE shop.orders RENAME TO sales_orders")
    assert readable(superuser) == {"sales_orders.state"}
    claim()
    assert readable(superuser) == set()


def test_what_is_renamed_away_from_an_optional_claim_is_granted_no_longer(owner, superuser, claim):
    claim({"path": "shop.orders", "fields": ["id", {"name": "note", "optional": True}]})
    owner.run("ALTER TABLE shop.orders RENAME COLUMN note TO remark")
    assert readable(superuser) == {"orders.id"}


def test_what_moves_to_another_schema_follows_its_alternative(owner, superuser, claim, stakeholder):
    reporter = stakeholder("reporter")
    superuser.run(f"CREATE SCHEMA archive AUTHORIZATION {OWNER}")
    claim(
        {"alternatives": [{"path": "shop.visits", "fields": ["page"]}, {"path": "archive.visits", "fields": ["page"]}]}
    )
    owner.run("ALTER TABLE shop.visits SET SCHEMA archive")
    assert reporter.rows("SELECT page FROM archive.visits") == []
    assert not has_usage(superuser, "shop")


def test_a_table_made_anew_is_granted_again(owner, claim, stakeholder):
    reporter = stakeholder("reporter")
    claim({"path": "shop.sales", "fields": ["sku"]})
    with owner.transaction():
        owner.run("DROP MATERIALIZED VIEW shop.sales; CREATE TABLE shop.sales (sku varchar(12), quantity integer)")
    assert reporter.rows("SELECT sku FROM shop.sales") == []
    with refused("42501"):
        reporter.rows("SELECT quantity FROM shop.sales")


def test_a_role_that_does_not_exist_is_a_warning_and_the_claim_is_stored(superuser, admin, claim):
    claim()
    superuser.run("DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter")
    claim(ORDERS)
    assert [warning for warning in admin.warnings() if "reporter" in warning and "does not exist" in warning]
    assert admin.value("SELECT integratedb_specification('reporter')") == {"match": [ORDERS]}
    superuser.run("CREATE ROLE reporter LOGIN")
    admin.run("SELECT integratedb_adopt_role('reporter')")
    assert readable(superuser) == {"orders.id", "orders.status"}


# The limit of Postgres

# As many grantees on one column as Postgres takes; without the event triggers, which have no part in it.
FILL = """
SET session_replication_role = replica;
DO $$
DECLARE
  filled integer := 0;
  step integer := 256;
BEGIN
  EXECUTE (SELECT string_agg(format('CREATE ROLE full_%s', i), '; ') FROM generate_series(1, 2600) AS i);
  WHILE step > 0 LOOP
    BEGIN
      EXECUTE format('GRANT SELECT (sku) ON shop.products TO %s',
                     (SELECT string_agg(format('full_%s', filled + i), ', ') FROM generate_series(1, step) AS i));
      filled := filled + step;
    EXCEPTION
      WHEN program_limit_exceeded THEN
        step := step / 2;
    END;
  END LOOP;
END
$$;
RESET session_replication_role;
"""

EMPTY = """
SET session_replication_role = replica;
DROP TABLE shop.products CASCADE;
DO $$
BEGIN
  EXECUTE (SELECT format('DROP ROLE %s', string_agg(rolname, ', ')) FROM pg_roles WHERE rolname ~ '^full_');
END
$$;
"""


def test_beyond_the_grantees_that_postgres_can_list_the_error_is_ours(superuser, admin, claim, owner):
    claim(ORDERS)
    superuser.run(FILL)
    grantees = superuser.value(
        "SELECT cardinality(attacl) FROM pg_attribute WHERE attrelid = 'shop.products'::regclass AND attname = 'sku'"
    )
    assert 2400 < grantees < 2500
    with refused("54000", match="shop.products") as error:
        claim(PRODUCTS)
    assert "reporter" in (error.value.diag.message_primary or "")
    assert "grantees" in (error.value.diag.message_detail or "")
    assert error.value.diag.message_hint
    assert readable(superuser) == {"orders.id", "orders.status"}
    assert admin.value("SELECT integratedb_specification('reporter')") == {"match": [ORDERS]}
    superuser.run(EMPTY)


@pytest.mark.parametrize(
    ("match", "revoke", "away", "back", "still"),
    [
        (
            {"path": "shop.orders", "fields": ["id", {"name": "note", "optional": True}]},
            "REVOKE SELECT (note) ON shop.orders FROM reporter",
            "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
            "ALTER TABLE shop.orders RENAME COLUMN remark TO note",
            "has_column_privilege('reporter', 'shop.orders', 'note', 'SELECT')",
        ),
        (
            {"path": "shop.orders", "fields": ["note"], "optional": True},
            "REVOKE SELECT (note) ON shop.orders FROM reporter",
            "ALTER TABLE shop.orders RENAME TO old",
            "ALTER TABLE shop.old RENAME TO orders",
            "has_column_privilege('reporter', 'shop.orders', 'note', 'SELECT')",
        ),
        (
            {"path": "shop.orders", "fields": ["note"], "optional": True},
            "REVOKE USAGE ON SCHEMA shop FROM reporter",
            "ALTER SCHEMA shop RENAME TO store",
            "ALTER SCHEMA store RENAME TO shop",
            "has_schema_privilege('reporter', 'shop', 'USAGE')",
        ),
    ],
    ids=["column", "table", "schema"],
)
def test_a_revocation_outlives_a_rename_and_back(superuser, owner, claim, match, revoke, away, back, still):
    superuser.run(f"GRANT CREATE ON DATABASE shop TO {OWNER}")
    claim(match)
    owner.run(revoke)
    owner.run(away)
    owner.run(back)
    assert superuser.value(f"SELECT {still}") is False


@pytest.mark.parametrize("by", ["shop_admin", "reporter"])
def test_what_was_revoked_and_renamed_back_is_granted_when_who_may_grant_hands_in_again(
    superuser, owner, claim, connect, by
):
    match = {"path": "shop.orders", "fields": ["id", {"name": "note", "optional": True}]}
    may_read = "SELECT has_column_privilege('reporter', 'shop.orders', 'note', 'SELECT')"
    claim(match)
    owner.run("REVOKE SELECT (note) ON shop.orders FROM reporter")
    owner.run("ALTER TABLE shop.orders RENAME COLUMN note TO remark")
    owner.run("ALTER TABLE shop.orders RENAME COLUMN remark TO note")
    connect(by).run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [match]}))
    assert superuser.value(may_read) is (by == "shop_admin")
    # Nothing but the mark of the revocation was kept.
    owner.run("ALTER TABLE shop.orders DROP COLUMN note CASCADE")
    assert superuser.value("SELECT count(*) FROM integratedb.own_grant WHERE column_name = 'note'") == 0


def test_a_revocation_outlives_that_the_claim_is_given_up(superuser, owner, admin, claim):
    match = {"path": "shop.orders", "fields": ["id", {"name": "note", "optional": True}]}
    claim(match)
    owner.run("REVOKE SELECT (note) ON shop.orders FROM reporter")
    admin.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": []}))
    assert readable(superuser) == set()
    claim(match)
    assert readable(superuser) == {"orders.id", "orders.note"}


# What could never be read is not granted


class Unreadable(NamedTuple):
    """What makes shop.added, which the stakeholder of shop.* cannot read; and what makes it readable."""

    migration: str
    cure: str
    notice: str = "stakeholder reporter cannot read shop.added"


NO_F = """CREATE FUNCTION shop.f(bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
REVOKE EXECUTE ON FUNCTION shop.f(bigint) FROM PUBLIC"""
UNREADABLE = {
    "row security": Unreadable(
        "CREATE TABLE shop.added (id integer); ALTER TABLE shop.added ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY reporter_reads ON shop.added FOR SELECT TO reporter USING (true)",
    ),
    "a policy for others": Unreadable(
        """CREATE TABLE shop.added (id integer); CREATE POLICY p ON shop.added TO shop_owner USING (true);
           ALTER TABLE shop.added ENABLE ROW LEVEL SECURITY""",
        "ALTER POLICY p ON shop.added TO PUBLIC",
    ),
    "a policy that calls what may not be called": Unreadable(
        f"""{NO_F}; CREATE TABLE shop.added (id integer); CREATE POLICY p ON shop.added USING (shop.f(id) > 0);
            ALTER TABLE shop.added ENABLE ROW LEVEL SECURITY""",
        "ALTER POLICY p ON shop.added USING (true)",
    ),
    "a partitioned table": Unreadable(
        """CREATE TABLE shop.added (id integer) PARTITION BY LIST (id);
           CREATE TABLE shop.added_1 PARTITION OF shop.added DEFAULT;
           ALTER TABLE shop.added ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.added_1 ENABLE ROW LEVEL SECURITY""",
        "ALTER TABLE shop.added DISABLE ROW LEVEL SECURITY",
    ),
    "a child": Unreadable(
        "CREATE TABLE shop.added () INHERITS (shop.orders); ALTER TABLE shop.added ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE shop.added DISABLE ROW LEVEL SECURITY",
    ),
    "a view of an owner who may not read": Unreadable(
        """CREATE VIEW shop.added AS SELECT id FROM shop.orders; ALTER VIEW shop.added OWNER TO shop_views""",
        "ALTER VIEW shop.added OWNER TO shop_owner",
    ),
    "a view that calls what may not be called": Unreadable(
        f"{NO_F}; CREATE VIEW shop.added AS SELECT shop.f(id) AS id FROM shop.orders",
        "CREATE OR REPLACE VIEW shop.added AS SELECT id FROM shop.orders",
    ),
}


@pytest.mark.parametrize("kind", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_a_schema_gets_and_its_stakeholder_could_never_read_is_left_out_until_it_can_be_read(
    superuser, owner, admin, claim, kind
):
    superuser.run("CREATE ROLE shop_views; GRANT CREATE ON SCHEMA shop TO shop_views; GRANT shop_views TO shop_owner")
    claim({"path": "shop.*", "fields": ["*"]})
    before = readable(superuser)

    def notices() -> list[str]:
        return [notice.message_primary for notice in owner.notices if "cannot read" in notice.message_primary]

    owner.run(f"BEGIN; {kind.migration}; COMMIT")
    assert [notice.startswith(kind.notice) for notice in notices()] == [True]
    assert readable(superuser) == before
    assert admin.rows("SELECT * FROM integratedb_unmet_claims()") == []

    # What happens elsewhere in the schema brings it in neither, and says nothing again.
    owner.run("CREATE TABLE shop.another (id integer); ALTER TABLE shop.orders ADD COLUMN extra integer")
    assert len(notices()) == 1
    with owner.transaction():
        owner.run("SELECT integratedb_sync()")
    assert len(notices()) == 1

    owner.run(kind.cure)
    gained = readable(superuser) - before
    assert "added.id" in gained
    assert len(notices()) == 1
    assert admin.rows("SELECT * FROM integratedb_unmet_claims()") == []
    with refused("IDB01", "reporter"):
        owner.run("ALTER TABLE shop.added RENAME TO gone")


def test_what_another_stakeholder_can_read_is_left_out_all_the_same(owner, superuser, admin, claim):
    owner.run("CREATE TABLE shop.hidden (id integer)")
    for name in ("first", "second"):
        claim(by=name)
    owner.run("""
        ALTER TABLE shop.hidden ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON shop.hidden FOR SELECT TO first USING (true)""")
    for name in ("first", "second"):
        claim({"path": "shop.*", "fields": ["*"]}, by=name)
    owner.notices.clear()
    for migration in (
        "ALTER TABLE shop.hidden ADD COLUMN more integer",
        "ALTER TABLE shop.hidden RENAME TO other; SELECT integratedb_sync()",
    ):
        owner.run(f"BEGIN; {migration}; COMMIT")
        assert admin.rows("SELECT * FROM integratedb_unmet_claims()") == []
    assert owner.warnings() == []
    readers = "SELECT st.name FROM integratedb.stakeholder AS st WHERE has_column_privilege(st.name, %s, %s, 'SELECT')"
    assert superuser.rows(readers, "shop.other", "more") == [("first",)]
    owner.run("CREATE POLICY q ON shop.other FOR SELECT TO second USING (true)")
    assert len(superuser.rows(readers, "shop.other", "more")) == 2


def test_what_could_be_read_is_not_taken_away_by_a_schema_either(owner, superuser, claim):
    owner.run("CREATE TABLE shop.was (id integer)")
    claim({"path": "shop.*", "fields": ["*"]})
    secure = "ALTER TABLE shop.was ENABLE ROW LEVEL SECURITY"
    for migration in (
        secure,
        f"SELECT integratedb_sync(); {secure}; SELECT integratedb_sync()",
        "DROP TABLE shop.was; CREATE TABLE shop.was (id integer); ALTER TABLE shop.was ENABLE ROW LEVEL SECURITY",
        """ALTER TABLE shop.was RENAME TO named; ALTER TABLE shop.named ENABLE ROW LEVEL SECURITY;
           SELECT integratedb_sync()""",
    ):
        with refused("IDB01", "reporter"):
            owner.run(f"BEGIN; {migration}; COMMIT")
        owner.run("ROLLBACK")
    assert "was.id" in readable(superuser)


def test_a_column_that_a_star_gets_and_could_never_be_read_is_left_out(owner, superuser, admin, claim):
    owner.run("CREATE VIEW shop.v AS SELECT id FROM shop.orders")
    claim({"path": "shop.v", "fields": ["*"]})
    owner.run(f"BEGIN; {NO_F}; CREATE OR REPLACE VIEW shop.v AS SELECT id, shop.f(id) AS x FROM shop.orders; COMMIT")
    assert [notice.message_primary for notice in owner.notices if notice.severity_nonlocalized == "NOTICE"] == [
        'stakeholder reporter cannot read shop.v.x, which it claims by "*": '
        "not granted, and not part of the claim on shop.v"
    ]
    assert readable(superuser) == {"v.id"}
    owner.run("CREATE OR REPLACE VIEW shop.v AS SELECT id, shop.f(id) AS x, total FROM shop.orders")
    assert readable(superuser) == {"v.id", "v.total"}
    assert admin.rows("SELECT * FROM integratedb_unmet_claims()") == []
    owner.run("GRANT EXECUTE ON FUNCTION shop.f(bigint) TO reporter; SELECT integratedb_sync()")
    assert readable(superuser) == {"v.id", "v.x", "v.total"}
    with refused("IDB01", "shop.v.x"):
        owner.run("REVOKE EXECUTE ON FUNCTION shop.f(bigint) FROM reporter")


def test_a_column_that_makes_a_whole_view_unreadable_is_refused(owner, superuser, claim):
    superuser.run(
        """CREATE ROLE shop_views; GRANT USAGE, CREATE ON SCHEMA shop TO shop_views;
           GRANT SELECT ON shop.orders TO shop_views"""
    )
    superuser.run("SET ROLE shop_views; CREATE VIEW shop.v AS SELECT id FROM shop.orders; RESET ROLE")
    claim({"path": "shop.v", "fields": ["*"]})
    with refused("IDB01", "shop.v reads shop.customers"):
        superuser.run("CREATE OR REPLACE VIEW shop.v AS SELECT o.id, c.name FROM shop.orders AS o, shop.customers AS c")


def test_a_schema_is_claimed_without_what_cannot_be_read_in_it(owner, superuser, admin, claim):
    owner.run("CREATE TABLE shop.hidden (id integer); ALTER TABLE shop.hidden ENABLE ROW LEVEL SECURITY")
    expanded = claim({"path": "shop.*", "fields": ["*"]})
    paths = [relation["path"] for relation in expanded["match"][0]["relations"]]
    assert "shop.orders" in paths
    assert "shop.hidden" not in paths
    assert any("cannot read shop.hidden" in notice.message_primary for notice in admin.notices)
    assert "hidden.id" not in readable(superuser)
    assert {"orders.id", "open_orders.id"} <= readable(superuser)
    owner.run("DROP TABLE shop.hidden")
