"""A claim is met while a SELECT by the stakeholder works: views and policies are followed to what they read and call."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
import pytest

from tests.support import Session, detail, hint, refused

VIEW = {"path": "shop.v", "fields": ["id"]}
UNMET = "SELECT path, problems FROM integratedb_unmet_claims()"
ACCESS = "SELECT field FROM integratedb_access('reporter') WHERE path = 'shop.v'"
MOVED = "CREATE ROLE shop_views LOGIN; GRANT USAGE, CREATE ON SCHEMA shop TO shop_views; GRANT shop_views TO shop_owner"
#: A function that counts as the owner's own.
F = "CREATE FUNCTION shop.f(integer) RETURNS integer LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END'"
NO_F = "REVOKE EXECUTE ON FUNCTION shop.f(integer) FROM PUBLIC"


class Loss(NamedTuple):
    """What makes shop.v, which could be read, unreadable; and the words for what is missing."""

    before: str
    migration: str
    missing: str
    fields: tuple[str, ...] = ("id",)


PLAIN = "CREATE VIEW shop.v AS SELECT id, total FROM shop.orders"
OTHERS = f"""{MOVED};
GRANT SELECT ON shop.orders TO shop_views;
SET ROLE shop_views;
CREATE VIEW shop.v AS SELECT id, total FROM shop.orders;
RESET ROLE"""
NESTED = """
CREATE VIEW shop.w AS SELECT id, total FROM shop.orders;
CREATE VIEW shop.v AS SELECT id FROM shop.w"""
POLICY = f"""{F};
CREATE TABLE shop.allowed (id integer);
GRANT SELECT ON shop.allowed TO PUBLIC;
CREATE TABLE shop.v (id integer);
CREATE POLICY reads ON shop.v USING (id = shop.f(id) OR EXISTS (SELECT FROM shop.allowed AS a WHERE a.id = v.id));
ALTER TABLE shop.v ENABLE ROW LEVEL SECURITY"""

LOSSES = {
    "security_invoker": Loss(
        PLAIN,
        "ALTER VIEW shop.v SET (security_invoker = on)",
        "shop.v reads shop.orders with the rights of reporter, which may not SELECT id, total",
    ),
    "security_invoker by ALTER TABLE": Loss(
        PLAIN, "ALTER TABLE shop.v SET (security_invoker)", "with the rights of reporter"
    ),
    "security_invoker by CREATE OR REPLACE": Loss(
        PLAIN,
        "CREATE OR REPLACE VIEW shop.v WITH (security_invoker = true) AS SELECT id, total FROM shop.orders",
        "with the rights of reporter",
    ),
    "security_invoker below": Loss(
        NESTED,
        "ALTER VIEW shop.w SET (security_invoker = on)",
        "shop.w reads shop.orders with the rights of reporter",
    ),
    "security_invoker far below": Loss(
        """CREATE VIEW shop.w AS SELECT id FROM shop.orders;
           CREATE VIEW shop.x AS SELECT id FROM shop.w; CREATE VIEW shop.y AS SELECT id FROM shop.x;
           CREATE VIEW shop.v AS SELECT a.id FROM shop.x AS a JOIN shop.y AS b USING (id)""",
        "ALTER VIEW shop.w SET (security_invoker = on)",
        "shop.w reads shop.orders with the rights of reporter",
    ),
    "another owner": Loss(
        f"{PLAIN}; {MOVED}",
        "ALTER VIEW shop.v OWNER TO shop_views",
        "shop.v reads shop.orders with the rights of shop_views, which may not SELECT id, total",
    ),
    "another owner by ALTER TABLE": Loss(
        f"{PLAIN}; {MOVED}", "ALTER TABLE shop.v OWNER TO shop_views", "with the rights of shop_views"
    ),
    "another owner below": Loss(
        f"{NESTED}; {MOVED}; GRANT SELECT ON shop.w TO shop_owner",
        "ALTER VIEW shop.w OWNER TO shop_views",
        "shop.w reads shop.orders with the rights of shop_views",
    ),
    "another owner of the table": Loss(
        f"""{MOVED}; SET ROLE shop_views; CREATE TABLE shop.b (id integer); CREATE VIEW shop.v AS SELECT id FROM shop.b; RESET ROLE""",
        "ALTER TABLE shop.b OWNER TO shop_other",
        "shop.v reads shop.b with the rights of shop_views, which may not SELECT id",
    ),
    "revoked from the view's owner": Loss(
        OTHERS,
        "REVOKE SELECT ON shop.orders FROM shop_views",
        "shop.v reads shop.orders with the rights of shop_views, which may not SELECT id, total",
    ),
    "a column revoked from the view's owner": Loss(
        OTHERS.replace("GRANT SELECT ON", "GRANT SELECT (id, total) ON"),
        "REVOKE SELECT (total) ON shop.orders FROM shop_views",
        "which may not SELECT total",
    ),
    "all revoked in the schema": Loss(
        OTHERS, "REVOKE SELECT ON ALL TABLES IN SCHEMA shop FROM shop_views", "with the rights of shop_views"
    ),
    "owned by the view's owner": Loss(
        OTHERS.replace("CREATE VIEW shop.v", "CREATE VIEW shop.w").replace(
            "RESET ROLE", "GRANT SELECT ON shop.w TO shop_owner; RESET ROLE; CREATE VIEW shop.v AS SELECT id FROM shop.w"
        ),
        "REVOKE SELECT ON shop.orders FROM shop_views CASCADE",
        "shop.w reads shop.orders with the rights of shop_views",
    ),
    "the table is replaced below": Loss(
        f"""{MOVED}; CREATE TABLE shop.b (id integer); GRANT SELECT ON shop.orders TO shop_views;
            SET ROLE shop_views; CREATE VIEW shop.w AS SELECT id FROM shop.orders; GRANT SELECT ON shop.w TO shop_owner;
            RESET ROLE; CREATE VIEW shop.v AS SELECT id FROM shop.w""",
        "SET ROLE shop_views; CREATE OR REPLACE VIEW shop.w AS SELECT id::bigint AS id FROM shop.b; RESET ROLE",
        "shop.w reads shop.b with the rights of shop_views",
    ),
    "a function": Loss(
        f"{F}; CREATE VIEW shop.v AS SELECT shop.f(id::integer) AS id, total FROM shop.orders",
        NO_F,
        "shop.v calls the function shop.f(integer), which role reporter may not EXECUTE",
    ),
    "a function in the condition": Loss(
        f"{F}; CREATE VIEW shop.v AS SELECT id FROM shop.orders WHERE shop.f(id::integer) > 0", NO_F, "shop.f(integer)"
    ),
    "a function by routines": Loss(
        f"{F}; CREATE VIEW shop.v AS SELECT id FROM shop.orders WHERE shop.f(id::integer) > 0",
        "REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA shop FROM PUBLIC",
        "shop.f(integer)",
    ),
    "a function below": Loss(
        f"{F}; CREATE VIEW shop.w AS SELECT shop.f(id::integer) AS id, total FROM shop.orders; CREATE VIEW shop.v AS SELECT id FROM shop.w",
        NO_F,
        "shop.w calls the function shop.f(integer), which role reporter may not EXECUTE",
    ),
    "a function of an operator": Loss(
        """CREATE FUNCTION shop.f(integer, integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
           CREATE OPERATOR shop.=== (FUNCTION = shop.f, LEFTARG = integer, RIGHTARG = integer);
           CREATE VIEW shop.v AS SELECT id FROM shop.orders WHERE id::integer OPERATOR(shop.===) 1""",
        "REVOKE EXECUTE ON FUNCTION shop.f(integer, integer) FROM PUBLIC",
        "shop.f(integer, integer)",
    ),
    "an aggregate": Loss(
        """CREATE AGGREGATE shop.total(numeric) (SFUNC = numeric_add, STYPE = numeric);
           CREATE VIEW shop.v AS SELECT count(*) AS id FROM shop.orders HAVING shop.total(total) > 0""",
        "REVOKE EXECUTE ON FUNCTION shop.total(numeric) FROM PUBLIC",
        "shop.total(numeric)",
    ),
    "a function in the table's place": Loss(
        """CREATE FUNCTION shop.f() RETURNS SETOF integer LANGUAGE plpgsql AS 'BEGIN RETURN NEXT 1; END';
           CREATE VIEW shop.v AS SELECT id FROM shop.f() AS id""",
        "REVOKE EXECUTE ON FUNCTION shop.f() FROM PUBLIC",
        "shop.f()",
    ),
    "whole rows": Loss(
        OTHERS.replace("SELECT id, total FROM", "SELECT id, row_to_json(orders) AS total FROM"),
        "REVOKE SELECT ON shop.orders FROM shop_views; GRANT SELECT (id, total) ON shop.orders TO shop_views",
        "which may not SELECT customer_id, ",
    ),
    "a function in a policy": Loss(POLICY, NO_F, "a policy of shop.v calls the function shop.f(integer)"),
    "a table in a policy": Loss(
        POLICY,
        "REVOKE SELECT ON shop.allowed FROM PUBLIC",
        "a policy of shop.v reads shop.allowed with the rights of reporter, which may not SELECT id",
    ),
    "another policy": Loss(
        "CREATE TABLE shop.v (id integer); CREATE POLICY reads ON shop.v USING (true); ALTER TABLE shop.v ENABLE ROW LEVEL SECURITY",
        "ALTER POLICY reads ON shop.v USING (id IN (SELECT id FROM shop.orders))",
        "a policy of shop.v reads shop.orders with the rights of reporter",
    ),
    "a restrictive policy": Loss(
        "CREATE TABLE shop.v (id integer); CREATE POLICY reads ON shop.v USING (true); ALTER TABLE shop.v ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY fewer ON shop.v AS RESTRICTIVE FOR SELECT USING (id IN (SELECT id FROM shop.orders))",
        "a policy of shop.v reads shop.orders with the rights of reporter",
    ),
    "row security below": Loss(
        OTHERS,
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "shop.v reads shop.orders with the rights of shop_views, whom row level security and no policy let read it",
    ),
    "a policy below is dropped": Loss(
        f"{OTHERS}; CREATE POLICY reads ON shop.orders USING (true); ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "DROP POLICY reads ON shop.orders",
        "whom row level security and no policy let read it",
    ),
    "a policy below reads what the owner may not": Loss(
        f"""{OTHERS}; CREATE TABLE shop.allowed (id integer); CREATE POLICY reads ON shop.orders USING (true);
            ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY""",
        "ALTER POLICY reads ON shop.orders USING (EXISTS (SELECT FROM shop.allowed))",
        "a policy of shop.orders reads shop.allowed with the rights of shop_views, which may not SELECT any column of it",
    ),
    "rows are locked": Loss(
        """CREATE ROLE shop_views LOGIN; GRANT USAGE, CREATE ON SCHEMA shop TO shop_views; GRANT shop_views TO shop_owner;
           GRANT SELECT, UPDATE ON shop.orders TO shop_views; SET ROLE shop_views;
           CREATE VIEW shop.v AS SELECT id FROM shop.orders FOR UPDATE; RESET ROLE""",
        "REVOKE UPDATE ON shop.orders FROM shop_views",
        "locks rows of shop.orders with the rights of shop_views",
    ),
    "a foreign table below": Loss(
        f"{MOVED}; CREATE VIEW shop.v AS SELECT 1 AS id FROM shop.far",
        "ALTER VIEW shop.v OWNER TO shop_views",
        "shop.v reads shop.far with the rights of shop_views, which may not SELECT any column of it",
    ),
    "a materialised view below": Loss(
        f"{MOVED}; CREATE MATERIALIZED VIEW shop.m AS SELECT id FROM shop.orders; CREATE VIEW shop.v AS SELECT id FROM shop.m",
        "ALTER VIEW shop.v OWNER TO shop_views",
        "shop.v reads shop.m with the rights of shop_views",
    ),
    "partitions and children": Loss(
        f"""{MOVED}; CREATE TABLE shop.p (id integer) PARTITION BY LIST (id); CREATE TABLE shop.p1 PARTITION OF shop.p DEFAULT;
            CREATE TABLE shop.i (id integer); CREATE TABLE shop.i1 () INHERITS (shop.i);
            GRANT SELECT ON shop.p, shop.i TO shop_views; SET ROLE shop_views;
            CREATE VIEW shop.v AS SELECT p.id FROM shop.p JOIN shop.i USING (id); RESET ROLE""",
        "REVOKE SELECT ON shop.i FROM shop_views",
        "shop.v reads shop.i with the rights of shop_views",
    ),
}


@pytest.fixture
def far(superuser: Session) -> None:
    """A foreign table, and another owner."""
    superuser.run(
        """CREATE ROLE shop_other; GRANT USAGE, CREATE ON SCHEMA shop TO shop_other; GRANT shop_other TO shop_owner;
           CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
           GRANT USAGE ON FOREIGN SERVER nowhere TO shop_owner"""
    )


def prepare(superuser: Session, owner: Session, before: str) -> None:
    """Run what comes before a migration: roles by the superuser, the rest by the owner."""
    superuser.run("ALTER ROLE shop_owner CREATEROLE")
    owner.run("CREATE FOREIGN TABLE shop.far (id integer) SERVER nowhere")
    owner.run(before)
    superuser.run("ALTER ROLE shop_owner NOCREATEROLE")


def selects(reader: Session, fields: tuple[str, ...] = ("id",)) -> bool:
    """Whether a SELECT works."""
    try:
        reader.rows(f"SELECT {', '.join(fields)} FROM shop.v LIMIT 0")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_what_makes_a_select_fail_is_refused_with_what_is_missing(superuser, owner, admin, claim, stakeholder, loss):
    reporter = stakeholder("reporter")
    prepare(superuser, owner, loss.before)
    claim({"path": "shop.v", "fields": list(loss.fields)})
    assert selects(reporter, loss.fields)
    assert admin.rows(UNMET) == []

    with refused("IDB01") as refusal:
        owner.run(loss.migration)
    assert loss.missing in detail(refusal)
    assert selects(reporter, loss.fields)



@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_what_an_override_lets_pass_is_told_and_the_hint_cures_it(superuser, owner, admin, claim, stakeholder, loss):
    reporter = stakeholder("reporter")
    prepare(superuser, owner, loss.before)
    claim({"path": "shop.v", "fields": list(loss.fields)})

    with superuser.transaction():
        superuser.run("SELECT integratedb_override('test')")
        superuser.run("SET SESSION AUTHORIZATION shop_owner")
        superuser.run(loss.migration)
        superuser.run("RESET SESSION AUTHORIZATION")

    ((path, problems),) = admin.rows(UNMET)
    assert path == "shop.v"
    assert problems[0]["property"] == ("row_security" if "row security" in loss.missing else "privilege")
    assert selects(reporter, loss.fields) == ("row security" in loss.missing)
    assert admin.rows(ACCESS) == []

    for _ in problems:
        (cure,) = set(admin.rows("SELECT (regexp_match(hint, '^Author of the migration: (.*)[.] Stakeholder'))[1] FROM integratedb_unmet_claims()")) or {("SELECT",)}
        superuser.run(cure[0].removesuffix(", or whatever rows it may see"))
    assert admin.rows(UNMET) == []
    assert selects(reporter, loss.fields)
    assert admin.rows(ACCESS) == [(field,) for field in loss.fields]
