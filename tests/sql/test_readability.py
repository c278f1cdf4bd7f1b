"""A claim is met while a SELECT by the stakeholder works: views and policies are followed to what they read."""

from __future__ import annotations

from typing import NamedTuple

import psycopg
import pytest

from tests.support import Session, detail, hint, refused

VIEW = {"path": "shop.v", "fields": ["id"]}
UNMET = "SELECT path, problems FROM integratedb_unmet_claims()"
ACCESS = "SELECT field FROM integratedb_access('reporter') WHERE path = 'shop.v'"
CURE = """
SELECT (regexp_match(hint, '^Author of the migration: (.*)[.] Stakeholder'))[1] FROM integratedb_unmet_claims()"""
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

SECURED = """
CREATE TABLE shop.v (id integer);
CREATE POLICY reads ON shop.v USING (true);
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
    "security_invoker below, spelled with escapes": Loss(
        NESTED,
        r'ALTER TABLE shop.w SET (U&"s\0065curity_invoker" = on)',
        "shop.w reads shop.orders with the rights of reporter",
    ),
    "security_invoker and names that need quotes": Loss(
        'CREATE TABLE shop."Base" (id integer); CREATE VIEW shop.v AS SELECT id FROM shop."Base"',
        "ALTER VIEW shop.v SET (security_invoker)",
        "shop.v reads shop.Base with the rights of reporter",
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
        f"""{MOVED}; SET ROLE shop_views; CREATE TABLE shop.b (id integer);
            CREATE VIEW shop.v AS SELECT id FROM shop.b; RESET ROLE""",
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
            "RESET ROLE",
            "GRANT SELECT ON shop.w TO shop_owner; RESET ROLE; CREATE VIEW shop.v AS SELECT id FROM shop.w",
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
    "a function of the rows, beside a name that looks like a field of the tree": Loss(
        f"""{F}; CREATE VIEW shop.v AS WITH "x :targetList" AS MATERIALIZED (SELECT 1 AS one)
            SELECT x.one, y.id FROM "x :targetList" AS x, (SELECT shop.f(1) AS id OFFSET 0) AS y""",
        NO_F,
        "shop.v: shop.v calls the function shop.f(integer)",
    ),
    "a function by routines": Loss(
        f"{F}; CREATE VIEW shop.v AS SELECT id FROM shop.orders WHERE shop.f(id::integer) > 0",
        "REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA shop FROM PUBLIC",
        "shop.f(integer)",
    ),
    "a function below": Loss(
        f"""{F}; CREATE VIEW shop.w AS SELECT shop.f(id::integer) AS id, total FROM shop.orders;
            CREATE VIEW shop.v AS SELECT id FROM shop.w""",
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
        SECURED,
        "ALTER POLICY reads ON shop.v USING (id IN (SELECT id FROM shop.orders))",
        "a policy of shop.v reads shop.orders with the rights of reporter",
    ),
    "a restrictive policy": Loss(
        SECURED,
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
    "a policy below is dropped, and its table renamed": Loss(
        f"{OTHERS}; CREATE POLICY reads ON shop.orders USING (true); ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "DROP POLICY reads ON shop.orders; ALTER TABLE shop.orders RENAME TO renamed",
        "shop.v reads shop.renamed with the rights of shop_views, whom row level security and no policy let read it",
    ),
    "a policy below reads what the owner may not": Loss(
        f"""{OTHERS}; CREATE TABLE shop.allowed (id integer); CREATE POLICY reads ON shop.orders USING (true);
            ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY""",
        "ALTER POLICY reads ON shop.orders USING (EXISTS (SELECT FROM shop.allowed))",
        "a policy of shop.orders reads shop.allowed with the rights of shop_views, which may not SELECT any",
    ),
    "rows are locked": Loss(
        f"""{MOVED};
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
        f"""{MOVED}; CREATE MATERIALIZED VIEW shop.m AS SELECT id FROM shop.orders;
            CREATE VIEW shop.v AS SELECT id FROM shop.m""",
        "ALTER VIEW shop.v OWNER TO shop_views",
        "shop.v reads shop.m with the rights of shop_views",
    ),
    "partitions and children": Loss(
        f"""{MOVED};
            CREATE TABLE shop.p (id integer) PARTITION BY LIST (id); CREATE TABLE shop.p1 PARTITION OF shop.p DEFAULT;
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
           CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
           CREATE FOREIGN TABLE shop.far (id integer) SERVER files OPTIONS (filename '/dev/null');
           ALTER FOREIGN TABLE shop.far OWNER TO shop_owner"""
    )


def prepare(superuser: Session, owner: Session, before: str) -> None:
    """Run what comes before a migration: roles by the superuser, the rest by the owner."""
    superuser.run("ALTER ROLE shop_owner CREATEROLE")
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
def test_what_makes_a_select_fail_is_refused_and_the_hint_cures_what_an_override_lets_pass(
    superuser, owner, admin, claim, stakeholder, loss
):
    reporter = stakeholder("reporter")
    prepare(superuser, owner, loss.before)
    claim({"path": "shop.v", "fields": list(loss.fields)})
    assert selects(reporter, loss.fields)
    assert admin.rows(UNMET) == []

    with refused("IDB01") as refusal:
        owner.run(loss.migration)
    assert loss.missing in detail(refusal)

    superuser.run(
        f"BEGIN; SELECT integratedb_override('test'); SET SESSION AUTHORIZATION shop_owner; {loss.migration}; COMMIT"
    )
    superuser.run("RESET SESSION AUTHORIZATION")
    ((path, problems),) = admin.rows(UNMET)
    is_secured = "row level security" in loss.missing
    assert path == "shop.v"
    assert problems[0]["property"] == ("row_security" if is_secured else "privilege")
    # Rows that nobody shows are no error.
    assert selects(reporter, loss.fields) == is_secured
    assert admin.rows(ACCESS) == []

    for _ in problems:
        for (cure,) in admin.rows(CURE):
            superuser.run(cure.removesuffix(", or whatever rows it may see"))
    assert admin.rows(UNMET) == []
    assert selects(reporter, loss.fields)
    assert admin.rows(ACCESS) == [(field,) for field in loss.fields]


#: What takes nothing away that the stakeholder, who claims shop.v.id, reads.
HARMLESS = {
    "a column that is not claimed calls the function": Loss(
        f"{F}; CREATE VIEW shop.v AS SELECT id, shop.f(id::integer) + 1 AS total FROM shop.orders", NO_F, ""
    ),
    "nor does the view above ask for it": Loss(
        f"""{F}; CREATE VIEW shop.w AS SELECT id, shop.f(id::integer) AS total FROM shop.orders;
            CREATE VIEW shop.v AS SELECT id FROM shop.w""",
        NO_F,
        "",
    ),
    "what the view does not read": Loss(
        OTHERS,
        "REVOKE SELECT ON shop.orders FROM shop_views; GRANT SELECT (id, total) ON shop.orders TO shop_views",
        "",
    ),
    "any column will do": Loss(
        OTHERS.replace("SELECT id, total FROM", "SELECT count(*) AS id FROM"),
        "REVOKE SELECT ON shop.orders FROM shop_views; GRANT SELECT (note) ON shop.orders TO shop_views",
        "",
    ),
    "names in a view are resolved": Loss(OTHERS, "REVOKE USAGE ON SCHEMA shop FROM shop_views", ""),
    "a table that is only named": Loss(
        OTHERS.replace("SELECT id, total FROM shop.orders", "SELECT 'shop.orders'::regclass::oid::integer AS id"),
        "REVOKE SELECT ON shop.orders FROM shop_views",
        "",
    ),
    "security_invoker off again": Loss(
        PLAIN, "ALTER VIEW shop.v SET (security_invoker = on); ALTER VIEW shop.v SET (security_invoker = off)", ""
    ),
    "the owner of a table is above its policies": Loss(
        f"{PLAIN}; {MOVED}",
        """CREATE POLICY none ON shop.orders TO shop_views USING (false);
           ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY""",
        "",
    ),
    "policies for others": Loss(
        POLICY,
        "CREATE POLICY others ON shop.v AS RESTRICTIVE TO shop_owner USING (id IN (SELECT id FROM shop.orders))",
        "",
    ),
    "policies for writing": Loss(
        POLICY, "CREATE POLICY new ON shop.v FOR INSERT WITH CHECK (id IN (SELECT id FROM shop.orders))", ""
    ),
    "rules for writing": Loss(
        PLAIN, "CREATE RULE write AS ON INSERT TO shop.v DO INSTEAD INSERT INTO shop.customers (name) VALUES ('x')", ""
    ),
    "names like fields of the tree": Loss(
        """CREATE VIEW shop.v AS SELECT id, total AS ":relid 1259 :requiredPerms 2 :selectedCols (b 8)",
             note AS "x :funcid 3 :relid", status AS "{QUERY :targetList ({" FROM shop.orders AS ":relid 1 }" """,
        "ALTER VIEW shop.v OWNER TO shop_owner",
        "",
    ),
    "a materialised view needs nothing below": Loss(
        f"{MOVED}; CREATE MATERIALIZED VIEW shop.v AS SELECT id FROM shop.orders",
        "ALTER MATERIALIZED VIEW shop.v OWNER TO shop_views",
        "",
    ),
    "a foreign table needs nothing below": Loss(
        "CREATE VIEW shop.v AS SELECT id FROM shop.far", "ALTER FOREIGN TABLE shop.far ADD COLUMN x integer", ""
    ),
    "partitions need nothing of their own": Loss(
        f"""{MOVED};
           CREATE TABLE shop.p (id integer) PARTITION BY LIST (id); CREATE TABLE shop.p1 PARTITION OF shop.p DEFAULT;
           CREATE TABLE shop.i (id integer); CREATE TABLE shop.i1 () INHERITS (shop.i);
           GRANT SELECT ON shop.p, shop.i, shop.p1, shop.i1 TO shop_views; SET ROLE shop_views;
           CREATE VIEW shop.v AS SELECT p.id FROM shop.p JOIN shop.i USING (id); RESET ROLE""",
        """REVOKE SELECT ON shop.p1, shop.i1 FROM shop_views; ALTER TABLE shop.p1 ENABLE ROW LEVEL SECURITY;
           ALTER TABLE shop.i1 ENABLE ROW LEVEL SECURITY""",
        "",
    ),
}


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_takes_nothing_away_passes(superuser, owner, admin, claim, stakeholder, change):
    reporter = stakeholder("reporter")
    prepare(superuser, owner, change.before)
    claim(VIEW)
    with owner.transaction():
        owner.run(change.migration)
    assert selects(reporter)
    assert admin.rows(UNMET) == []
    assert ("id",) in admin.rows(ACCESS)


@pytest.mark.parametrize(
    ("column", "is_asked"),
    [
        ("shop.f(id::integer) AS x", False),
        ("coalesce((SELECT shop.f(1) FROM shop.customers LIMIT 1), 0) AS x", False),
        ("sum(shop.f(total::integer)) OVER () AS x", False),
        ("shop.f(id::integer) * random() AS x", True),
        ("generate_series(1, shop.f(2)) AS x", True),
    ],
)
def test_a_function_of_a_column_that_is_not_asked_for_counts_as_postgres_calls_it(
    owner, admin, claim, stakeholder, column, is_asked
):
    reporter = stakeholder("reporter")
    owner.run(f"{F}; CREATE VIEW shop.v AS SELECT id, {column} FROM shop.orders")
    claim({"path": "shop.v", "fields": ["id"]})
    if is_asked:
        with refused("IDB01"):
            owner.run(NO_F)
    else:
        owner.run(NO_F)
        assert ("x",) not in admin.rows(ACCESS)
        with refused("IDB03", "shop.v.x: shop.v calls the function shop.f"):
            claim({"path": "shop.v", "fields": ["id", "x"]})
    assert selects(reporter)


@pytest.mark.parametrize(
    "view",
    [
        "SELECT shop.f(id::integer) AS x, id FROM shop.orders ORDER BY 1",
        "SELECT DISTINCT shop.f(id::integer) AS x, id FROM shop.orders",
        "SELECT id FROM shop.orders ORDER BY shop.f(id::integer)",
        "SELECT id FROM shop.orders UNION ALL SELECT shop.f(1)",
        "WITH c AS MATERIALIZED (SELECT shop.f(1) AS id) SELECT id FROM c",
    ],
)
def test_what_rows_are_made_or_sorted_by_is_asked_for(owner, claim, view):
    owner.run(f"{F}; CREATE VIEW shop.v AS {view}")
    claim(VIEW)
    with refused("IDB01"):
        owner.run(NO_F)


@pytest.mark.parametrize(
    ("view", "missing", "cure"),
    [
        (
            "WITH (security_invoker) AS SELECT id FROM shop.orders",
            "with the rights of reporter, which may not SELECT id",
            "GRANT SELECT (id) ON shop.orders TO reporter",
        ),
        (
            "AS SELECT shop.f(id::integer) AS id FROM shop.orders",
            "which role reporter may not EXECUTE",
            "GRANT EXECUTE ON FUNCTION shop.f(integer) TO reporter",
        ),
    ],
)
def test_what_cannot_be_read_cannot_be_claimed(owner, claim, stakeholder, view, missing, cure):
    reporter = stakeholder("reporter")
    owner.run(f"{F}; {NO_F}; CREATE VIEW shop.v {view}")
    with refused("IDB03", missing) as refusal:
        claim(VIEW)
    assert cure in hint(refusal)
    owner.run(cure)
    claim(VIEW)
    assert selects(reporter)


def test_a_security_invoker_view_is_claimed_together_with_what_it_reads(owner, claim, stakeholder):
    reporter = stakeholder("reporter")
    owner.run("CREATE VIEW shop.v WITH (security_invoker) AS SELECT id, total FROM shop.orders")
    claim(VIEW, {"path": "shop.orders", "fields": ["id", "total"]})
    assert selects(reporter)
    with refused("IDB03", "may not SELECT total"):
        claim(VIEW, {"path": "shop.orders", "fields": ["id"]})


def test_the_stakeholder_is_told_to_claim_what_is_read_with_its_rights(owner, claim):
    owner.run(PLAIN)
    claim(VIEW)
    invoke = "ALTER VIEW shop.v SET (security_invoker = on)"
    with refused("IDB01") as refusal:
        owner.run(invoke)
    assert "Stakeholder reporter: claim shop.orders too, which is read with its rights" in hint(refusal)
    claim(VIEW, {"path": "shop.orders", "fields": ["id", "total"]})
    owner.run(invoke)


def test_a_role_that_is_taken_away_shows_in_the_unmet_claims(superuser, owner, admin, claim):
    superuser.run(
        f"""CREATE ROLE shop_readers; GRANT SELECT ON shop.orders TO shop_readers; CREATE ROLE shop_views;
            GRANT USAGE, CREATE ON SCHEMA shop TO shop_views; GRANT shop_readers TO shop_views;
            SET ROLE shop_views; {PLAIN}; RESET ROLE"""
    )
    claim(VIEW)
    superuser.run("REVOKE shop_readers FROM shop_views")
    ((path, problems),) = admin.rows(UNMET)
    assert (path, problems[0]["property"], problems[0]["expected"]) == ("shop.v", "privilege", "SELECT")
    with refused("IDB01", "shop.v"):
        owner.run("SELECT integratedb_validate_migration()")
    owner.run("ALTER TABLE shop.orders ADD COLUMN extra integer")


def test_what_is_built_in_counts_too(superuser, owner, claim, admin):
    owner.run("CREATE VIEW shop.v AS SELECT pg_backend_pid() AS id FROM pg_catalog.pg_am")
    claim(VIEW)
    with refused("IDB01", "pg_backend_pid"):
        superuser.run("REVOKE EXECUTE ON FUNCTION pg_backend_pid() FROM PUBLIC")
    with refused("IDB01", "pg_am"):
        superuser.run("REVOKE SELECT ON pg_catalog.pg_am FROM PUBLIC")
    superuser.run("GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO shop_owner")
    owner.run("CREATE VIEW shop.w AS SELECT name FROM pg_ls_waldir()")
    with refused("IDB03", "pg_ls_waldir"):
        claim({"path": "shop.w", "fields": ["name"]})


@pytest.mark.parametrize(
    "statement", ["DROP OWNED BY shop_readers", "REVOKE ALL ON shop.orders, shop.customers FROM shop_readers"]
)
def test_what_a_group_loses_is_lost_by_the_owner_of_the_view(superuser, claim, statement):
    superuser.run(
        f"""CREATE ROLE shop_readers; CREATE ROLE shop_views IN ROLE shop_readers;
            GRANT SELECT ON shop.orders TO shop_readers; GRANT USAGE, CREATE ON SCHEMA shop TO shop_views;
            SET ROLE shop_views; {PLAIN}; RESET ROLE"""
    )
    claim(VIEW)
    with refused("IDB01", "shop.v"):
        superuser.run(statement)


def test_an_alternative_that_can_be_read_is_enough(owner, admin, claim):
    owner.run(PLAIN)
    claim({"alternatives": [VIEW, {"path": "shop.orders", "fields": ["id"]}]}, {**VIEW, "optional": True})
    owner.run("REVOKE ALL ON shop.v FROM PUBLIC; ALTER VIEW shop.v SET (security_invoker = on)")
    assert admin.rows(UNMET) == []


def test_views_upon_views_in_a_diamond_are_followed_once(owner, claim):
    owner.run("CREATE VIEW shop.v0 AS SELECT id FROM shop.orders")
    for level in range(1, 25):
        owner.run(f"CREATE VIEW shop.v{level} AS SELECT a.id FROM shop.v{level - 1} AS a, shop.v{level - 1} AS b")
    owner.run("ALTER VIEW shop.v24 RENAME TO v")
    claim(VIEW)
    with refused("IDB01", "shop.v0 reads shop.orders"):
        owner.run("ALTER VIEW shop.v0 SET (security_invoker = on)")


def test_a_view_that_is_read_in_many_ways_is_followed_once(owner, claim):
    numbers = range(800)
    owner.run(f"CREATE TABLE shop.wide ({', '.join(f'c{number} integer' for number in numbers)})")
    owner.run("CREATE VIEW shop.w AS SELECT * FROM shop.wide")
    owner.run(
        "CREATE VIEW shop.v AS " + " UNION ALL ".join(f"SELECT c{number} AS id FROM shop.w" for number in numbers)
    )
    owner.run("SET statement_timeout = '10 s'")
    claim(VIEW)
    assert owner.rows(UNMET) == []


def test_many_functions_of_a_view_cost_one_look_at_it(owner, claim):
    numbers = range(150)
    for number in numbers:
        owner.run(F.replace("shop.f", f"shop.f{number}"))
    owner.run("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA shop FROM PUBLIC")
    calls = ", ".join(f"shop.f{number}(id::integer) AS c{number}" for number in numbers)
    owner.run(f"CREATE VIEW shop.v AS SELECT id, {calls} FROM shop.orders")
    claim({"alternatives": [{"path": "shop.v", "fields": ["c1"]}, {"path": "shop.orders", "fields": ["id"]}]})
    owner.run("SET statement_timeout = '10 s'")
    assert owner.rows(UNMET) == []


RINGS = {
    "itself": "CREATE OR REPLACE VIEW shop.a AS SELECT id FROM shop.a",
    "what reads it": "CREATE OR REPLACE VIEW shop.a AS SELECT id FROM shop.b",
    "what is far above": """
        CREATE VIEW shop.c AS SELECT id FROM shop.b; CREATE VIEW shop.d AS SELECT id FROM shop.c
        ; CREATE OR REPLACE VIEW shop.a AS SELECT (SELECT max(id) FROM shop.d)::integer AS id""",
    "a rule": 'CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO shop.a DO INSTEAD SELECT id FROM shop.b',
    "the rights of the reader": "CREATE OR REPLACE VIEW shop.a WITH (security_invoker) AS SELECT id FROM shop.b",
}


@pytest.mark.parametrize(
    ("before", "change", "missing"),
    [
        (
            """CREATE FUNCTION shop.f(i integer) RETURNS integer LANGUAGE sql AS 'SELECT i';
               REVOKE EXECUTE ON FUNCTION shop.f FROM PUBLIC; CREATE VIEW shop.v AS SELECT shop.f(1) AS id""",
            "ALTER FUNCTION shop.f OWNER TO shop_other",
            "calls the function shop.f",
        ),
        (
            """CREATE FUNCTION shop.f(i integer) RETURNS integer LANGUAGE sql AS 'SELECT i';
               REVOKE EXECUTE ON FUNCTION shop.f FROM PUBLIC; CREATE VIEW shop.v AS SELECT shop.f(1) AS id""",
            "DO $$BEGIN EXECUTE 'ALTER ROUTINE shop.f OWN' || 'ER TO shop_other'; END$$",
            "calls the function shop.f",
        ),
        (
            """CREATE FUNCTION shop.f(i integer, j integer) RETURNS boolean LANGUAGE sql AS 'SELECT i = j';
               CREATE OPERATOR shop.=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = shop.f);
               REVOKE EXECUTE ON FUNCTION shop.f FROM PUBLIC;
               CREATE VIEW shop.inner AS SELECT 1 AS id WHERE 1 OPERATOR(shop.===) 1;
               CREATE VIEW shop.v AS SELECT id FROM shop.inner""",
            "ALTER FUNCTION shop.f OWNER TO shop_other",
            "calls the function shop.f",
        ),
        (
            """CREATE AGGREGATE shop.f(integer) (SFUNC = int4pl, STYPE = integer);
               REVOKE EXECUTE ON FUNCTION shop.f FROM PUBLIC; CREATE VIEW shop.v AS SELECT shop.f(1) AS id""",
            "ALTER AGGREGATE shop.f(integer) OWNER TO shop_other",
            "calls the function shop.f",
        ),
        (
            "CREATE SEQUENCE shop.s; CREATE VIEW shop.v AS SELECT last_value AS id FROM shop.s",
            "ALTER SEQUENCE shop.s OWNER TO shop_other",
            "shop.v reads shop.s",
        ),
        (
            "CREATE SEQUENCE shop.s; CREATE VIEW shop.v AS SELECT last_value AS id FROM shop.s",
            "ALTER TABLE shop.s OWNER TO shop_other",
            "shop.v reads shop.s",
        ),
        (
            "CREATE TABLE shop.t (id serial); CREATE VIEW shop.v AS SELECT last_value AS id FROM shop.t_id_seq",
            "ALTER TABLE shop.t OWNER TO shop_other",
            "shop.v reads shop.t_id_seq",
        ),
    ],
)
def test_another_owner_of_what_is_no_relation_is_noticed(
    superuser, owner, admin, claim, stakeholder, before, change, missing
):
    reporter = stakeholder("reporter")
    superuser.run("""
        CREATE ROLE shop_group; CREATE ROLE shop_other; GRANT shop_group TO shop_owner, reporter;
        GRANT shop_other TO shop_owner; GRANT USAGE, CREATE ON SCHEMA shop TO shop_group, shop_other""")
    owner.run(f"SET ROLE shop_group; {before}; RESET ROLE")
    claim({"path": "shop.v", "fields": ["id"]})
    assert selects(reporter)
    with refused("IDB01") as refusal:
        owner.run(change)
    assert missing in detail(refusal)
    assert selects(reporter)
    assert admin.rows(UNMET) == []


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_another_owner_does_not_pass_a_claim_that_is_submitted_meanwhile(
    superuser, owner, claim, stakeholder, isolation
):
    reporter = stakeholder("reporter")
    superuser.run("CREATE ROLE shop_group; GRANT shop_group TO shop_owner, reporter")
    superuser.run("GRANT USAGE, CREATE ON SCHEMA shop TO shop_group")
    owner.run("""
        SET ROLE shop_group; CREATE FUNCTION shop.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
        REVOKE EXECUTE ON FUNCTION shop.f FROM PUBLIC; CREATE VIEW shop.v AS SELECT shop.f() AS id; RESET ROLE""")
    owner.run(f"BEGIN ISOLATION LEVEL {isolation}")
    owner.run("ALTER FUNCTION shop.f OWNER TO shop_owner")
    claim({"path": "shop.v", "fields": ["id"]})
    with refused("IDB01" if isolation == "READ COMMITTED" else "40001"):
        owner.run("COMMIT")
    assert selects(reporter)


def test_another_owner_of_what_nobody_claims_leaves_no_row(superuser, owner, admin):
    superuser.run("CREATE ROLE shop_other; GRANT shop_other TO shop_owner; GRANT CREATE ON SCHEMA shop TO shop_other")
    owner.run("CREATE SEQUENCE shop.s; CREATE FUNCTION shop.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    logged = admin.value("SELECT count(*) FROM integratedb_ddl_events()")
    owner.run("ALTER SEQUENCE shop.s OWNER TO shop_other")
    owner.run("ALTER FUNCTION shop.f OWNER TO shop_other")
    assert admin.value("SELECT count(*) FROM integratedb_ddl_events()") == logged


@pytest.mark.parametrize("change", RINGS.values(), ids=RINGS)
def test_a_view_does_not_come_to_read_itself(owner, claim, stakeholder, admin, change):
    reporter = stakeholder("reporter")
    owner.run("CREATE VIEW shop.a AS SELECT 1 AS id; CREATE VIEW shop.b AS SELECT id FROM shop.a")
    claim({"path": "shop.b", "fields": ["id"]})
    with refused("IDB01") as refusal:
        owner.run(f"BEGIN; {change}; COMMIT")
    assert "shop.a reads itself" in detail(refusal)
    owner.run("ROLLBACK")
    assert reporter.rows("SELECT id FROM shop.b") == [(1,)]
    assert admin.rows(UNMET) == []


def test_a_view_that_reads_itself_cannot_be_claimed(owner, claim):
    owner.run("CREATE VIEW shop.a AS SELECT 1 AS id; CREATE OR REPLACE VIEW shop.a AS SELECT id FROM shop.a")
    with refused("IDB03", "shop.a reads itself"):
        claim({"path": "shop.a", "fields": ["id"]})
    assert "shop.a" not in [r["path"] for r in claim({"path": "shop.*", "fields": ["*"]})["match"][0]["relations"]]


def test_a_policy_that_reads_its_own_table_ends(owner, claim):
    owner.run(
        """CREATE TABLE shop.v (id integer); CREATE POLICY reads ON shop.v USING (id IN (SELECT id FROM shop.v));
           ALTER TABLE shop.v ENABLE ROW LEVEL SECURITY"""
    )
    claim(VIEW)


def test_a_change_below_expands_nothing_anew(owner, admin, claim, superuser):
    owner.run(PLAIN)
    claim(VIEW)
    before = superuser.rows("SELECT id, xmin FROM integratedb.claim_relation")
    owner.run("ALTER TABLE shop.orders OWNER TO shop_owner; ALTER TABLE shop.orders ADD COLUMN extra integer")
    assert superuser.rows("SELECT id, xmin FROM integratedb.claim_relation") == before
