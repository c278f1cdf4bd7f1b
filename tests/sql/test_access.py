"""What a stakeholder's role can really read, why, and what of that is in excess of its claims."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Session, refused

ACCESS = "SELECT path, field, reason, excess FROM integratedb_access('reporter')"
ORDERS = {"path": "shop.orders", "fields": ["id", "status"]}
CLAIMED = [("shop.orders", "id", "claim", False), ("shop.orders", "status", "claim", False)]


def reasons(admin: Session) -> dict[str, tuple[str, bool]]:
    """Reason and excess by path.field."""
    return {f"{path}.{field}": (reason, excess) for path, field, reason, excess in admin.rows(ACCESS)}


def test_what_is_claimed_is_listed_and_no_excess(admin, claim):
    claim(ORDERS, {"path": "shop.products"}, {"path": "shop.later", "fields": ["id"], "optional": True})
    assert admin.rows(ACCESS) == CLAIMED


def test_without_claims_and_other_grants_there_is_nothing(admin, stakeholder):
    stakeholder("reporter")
    assert admin.rows(ACCESS) == []


def test_every_kind_of_relation_is_listed(admin, claim):
    claim({"path": "shop.*", "fields": ["*"]})
    paths = {path for path, _, _, _ in admin.rows(ACCESS)}
    assert {"shop.open_orders", "shop.sales", "shop.visits", "shop.orders"} <= paths
    assert "shop.visits_2026" not in paths


def test_the_own_schema_is_no_excess(admin, stakeholder):
    stakeholder("reporter").run("CREATE TABLE reporter.totals (day date)")
    assert admin.rows(ACCESS) == [("reporter.totals", "day", "own schema", False)]


def test_somebody_elses_table_in_the_own_schema_is_listed_once_it_can_be_read(admin, superuser, stakeholder):
    stakeholder("reporter")
    superuser.run("CREATE TABLE reporter.fed (day date)")
    assert admin.rows(ACCESS) == []
    superuser.run("GRANT SELECT ON reporter.fed TO reporter")
    assert admin.rows(ACCESS) == [("reporter.fed", "day", "own schema", False)]


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        ("GRANT SELECT ON shop.sales TO PUBLIC", "public"),
        ("GRANT SELECT (sku) ON shop.sales TO PUBLIC", "public"),
        ("GRANT SELECT ON shop.sales TO reporter", "other grant"),
        ("GRANT SELECT (sku) ON shop.sales TO reporter", "other grant"),
        ("GRANT SELECT ON shop.sales TO shop_readers", "other grant"),
        ("GRANT SELECT (sku) ON shop.sales TO shop_readers", "other grant"),
    ],
)
def test_what_can_be_read_though_it_is_not_claimed_is_excess(admin, superuser, owner, claim, grant, reason):
    claim(ORDERS)
    superuser.run("CREATE ROLE shop_readers; GRANT shop_readers TO reporter")
    owner.run(grant)
    found = reasons(admin)
    assert found["shop.sales.sku"] == (reason, True)
    assert ("shop.sales.quantity" in found) == ("(sku)" not in grant)
    assert found["shop.orders.id"] == ("claim", False)


def test_what_is_claimed_is_no_excess_whoever_else_grants_it(admin, owner, claim):
    claim(ORDERS)
    owner.run("GRANT SELECT ON shop.orders TO PUBLIC; GRANT SELECT ON shop.orders TO reporter")
    found = reasons(admin)
    assert found["shop.orders.id"] == ("claim", False)
    assert found["shop.orders.total"] == ("public", True)


def test_a_grant_without_usage_on_the_schema_lets_nobody_read(admin, owner, stakeholder):
    stakeholder("reporter")
    owner.run("GRANT SELECT ON shop.sales TO reporter, PUBLIC")
    assert admin.rows(ACCESS) == []


def test_a_grant_that_came_before_the_claim_is_the_claims_while_it_lasts(admin, owner, claim, stakeholder):
    stakeholder("reporter")
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter; GRANT SELECT (id) ON shop.orders TO reporter")
    claim(ORDERS)
    assert admin.rows(ACCESS) == CLAIMED
    claim()
    assert admin.rows(ACCESS) == [("shop.orders", "id", "other grant", True)]


def test_a_predefined_role_that_reads_everything_shows(admin, superuser, claim):
    claim(ORDERS)
    superuser.run("GRANT pg_read_all_data TO reporter")
    found = reasons(admin)
    assert found["shop.customers.email"] == ("other grant", True)
    assert found["integratedb.stakeholder.name"] == ("other grant", True)
    assert not [place for place in found if place.startswith(("pg_catalog.", "information_schema."))]


def test_the_answer_is_what_the_role_can_really_select(admin, superuser, owner, claim, stakeholder):
    reporter = stakeholder("reporter")
    claim(ORDERS, {"path": "shop.products", "fields": ["*"]}, {"path": "shop.visits", "fields": ["page"]})
    owner.run("GRANT SELECT (email) ON shop.customers TO PUBLIC")
    really = set()
    for relation, column in superuser.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'shop'"
    ):
        try:
            reporter.rows(f"SELECT {column} FROM shop.{relation} LIMIT 0")
        except psycopg.errors.InsufficientPrivilege:
            continue
        really.add(f"shop.{relation}.{column}")
    assert set(reasons(admin)) == really
    assert len(really) == 10


@pytest.mark.parametrize(
    "change",
    [
        "ALTER VIEW shop.open_orders SET (security_invoker = on)",
        "REVOKE SELECT ON shop.orders FROM shop_owner; ALTER TABLE shop.orders OWNER TO shop_others",
        """CREATE OR REPLACE VIEW shop.open_orders AS
           SELECT o.id, o.placed_at, c.name AS customer, o.total
             FROM shop.orders AS o JOIN shop.customers AS c ON shop.f()""",
        """ALTER TABLE shop.orders OWNER TO shop_others; ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
           GRANT SELECT ON shop.orders TO shop_owner""",
    ],
)
def test_what_a_view_cannot_read_cannot_be_read_through_it(superuser, owner, admin, stakeholder, change):
    stakeholder("reporter")
    owner.run("GRANT USAGE ON SCHEMA shop TO PUBLIC; GRANT SELECT ON shop.open_orders TO PUBLIC")
    assert {"shop.open_orders.id", "shop.open_orders.total"} <= reasons(admin).keys()
    superuser.run(
        """CREATE ROLE shop_others; GRANT ALL ON SCHEMA shop TO shop_others;
           CREATE FUNCTION shop.f() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
           REVOKE ALL ON FUNCTION shop.f() FROM PUBLIC"""
    )
    superuser.run(change)
    assert reasons(admin) == {}


def test_paths_are_quoted_as_in_a_specification(admin, owner, claim):
    owner.run('CREATE TABLE shop."Order Items" ("a b" integer)')
    claim({"path": 'shop."Order Items"', "fields": ["a b"]})
    assert admin.rows(ACCESS) == [('shop."Order Items"', "a b", "claim", False)]


def test_without_the_role_nothing_can_be_read(admin, superuser, claim):
    claim(ORDERS)
    superuser.run("DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter")
    assert admin.rows(ACCESS) == []


def test_the_owner_of_the_data_may_not_ask(owner, claim):
    claim(ORDERS)
    with refused("42501"):
        owner.rows(ACCESS)
