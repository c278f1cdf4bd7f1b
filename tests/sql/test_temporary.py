"""What is temporary goes at the end of its session with all that depends on it, and no event trigger is told."""

from __future__ import annotations

import pytest

from tests.support import detail, refused

FUNCTION = "CREATE FUNCTION pg_temp.same(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT n'"
VIEW = """
    CREATE OR REPLACE VIEW shop.open_orders AS
    SELECT o.id, o.placed_at, c.name AS customer, {total}::numeric(12, 2) AS total
      FROM shop.orders AS o JOIN shop.customers AS c ON c.id = o.customer_id WHERE {condition}"""
CLAIMS = [
    {"path": "shop.open_orders"},
    {"path": "shop.orders", "fields": ["note", "customer_id"]},
    {"path": "shop.customers", "fields": ["email"], "unique": [["email"]]},
]


@pytest.fixture
def claims(claim) -> None:
    claim(*CLAIMS)


CHANGES = {
    "a view calls a function": [FUNCTION, VIEW.format(total="pg_temp.same(o.total)", condition="true")],
    "a view casts to a type": [
        "CREATE DOMAIN pg_temp.money AS numeric(12, 2)",
        VIEW.format(total="o.total::pg_temp.money", condition="true"),
    ],
    "a view names the rows of a table that goes at COMMIT": [
        "CREATE TEMPORARY TABLE passing () ON COMMIT DROP",
        VIEW.format(total="o.total", condition="NULL::passing IS NULL"),
    ],
    "a view of a view": [
        "CREATE VIEW shop.inner_orders AS SELECT * FROM shop.orders",
        VIEW.format(total="o.total", condition="true").replace("shop.orders", "shop.inner_orders"),
        FUNCTION,
        """CREATE OR REPLACE VIEW shop.inner_orders AS
           SELECT id, customer_id, status, total, note, placed_at FROM shop.orders WHERE pg_temp.same(total) > 0""",
    ],
    "a column has a collation": [
        "CREATE COLLATION pg_temp.plain (locale = 'C')",
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(200) COLLATE pg_temp.plain",
    ],
    "the index of a unique key has a collation": [
        "CREATE COLLATION pg_temp.plain (locale = 'C')",
        "ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key",
        "CREATE UNIQUE INDEX ON shop.customers (email COLLATE pg_temp.plain)",
    ],
    "a function calls a function": [
        "CREATE FUNCTION shop.same(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN n",
        VIEW.format(total="shop.same(o.total)", condition="true"),
        FUNCTION,
        """CREATE OR REPLACE FUNCTION shop.same(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
           RETURN pg_temp.same(n)""",
    ],
    "a policy calls a function": [
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        FUNCTION,
        "CREATE POLICY readable ON shop.orders USING (pg_temp.same(1) = 1)",
    ],
}


@pytest.mark.parametrize("statements", CHANGES.values(), ids=CHANGES)
def test_what_is_claimed_cannot_come_to_rest_on_something_temporary(claims, owner, superuser, statements):
    with refused("IDB01", match="temporary"), owner.transaction():
        for statement in statements:
            owner.run(statement)
    owner.run("DISCARD TEMP")
    assert superuser.rows("SELECT path FROM integratedb_unmet_claims()") == []


def test_a_function_below_what_is_claimed_cannot_either(claims, owner):
    *before, last = CHANGES["a function calls a function"]
    for statement in before:
        owner.run(statement)
    with refused("IDB01", match="temporary"):
        owner.run(last)


def test_the_refusal_names_what_goes_and_with_what(claims, owner):
    owner.run(FUNCTION)
    with refused("IDB01", match="open_orders") as refusal:
        owner.run(VIEW.format(total="pg_temp.same(o.total)", condition="true"))
    said = detail(refusal)
    assert said.startswith("reporter (claims): shop.open_orders goes")
    assert said.endswith(".same(numeric)")


def test_an_admin_overrides_it(claims, owner, admin, superuser):
    superuser.run("GRANT shop_owner TO shop_admin")
    admin.run(FUNCTION)
    with admin.transaction():
        admin.run("SELECT integratedb_override('only for today')")
        admin.run("SET LOCAL ROLE shop_owner")
        admin.run(VIEW.format(total="pg_temp.same(o.total)", condition="true"))
    assert any("shop.open_orders would go" in warning for warning in admin.warnings())


def test_what_rests_on_something_temporary_of_any_session_is_not_claimed(claim, owner):
    owner.run(FUNCTION)
    owner.run("CREATE VIEW shop.passing AS SELECT pg_temp.same(1) AS one")
    with refused("IDB03", match="goes, or loses"):
        claim({"path": "shop.passing"})
    claim({"path": "shop.passing", "optional": True})


INLINE = "CREATE OR REPLACE FUNCTION shop.{name}(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN {value}"
# What one session makes that is permanent, and rests on what is temporary there; and what another one then makes of it.
ELSEWHERE = {
    "a view reads a view": (
        [FUNCTION, "CREATE VIEW shop.helper AS SELECT * FROM shop.orders WHERE pg_temp.same(total) > 0"],
        [VIEW.format(total="o.total", condition="true").replace("shop.orders", "shop.helper")],
    ),
    "a view calls a function": (
        [FUNCTION, INLINE.format(name="helper", value="pg_temp.same(n)")],
        [VIEW.format(total="shop.helper(o.total)", condition="true")],
    ),
    "a function calls a function": (
        [FUNCTION, INLINE.format(name="helper", value="pg_temp.same(n)")],
        [INLINE.format(name="kept", value="shop.helper(n)")],
    ),
    "a view casts to a type": (
        ["CREATE DOMAIN pg_temp.money AS numeric(12, 2)", "CREATE DOMAIN shop.helper AS pg_temp.money"],
        [VIEW.format(total="o.total::shop.helper", condition="true")],
    ),
    "a policy calls a function": (
        [FUNCTION, INLINE.format(name="helper", value="pg_temp.same(n)")],
        [
            "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY readable ON shop.orders USING (shop.helper(1) = 1)",
        ],
    ),
}


@pytest.mark.parametrize("has_own", [False, True], ids=["", "with something temporary of its own"])
@pytest.mark.parametrize(("elsewhere", "here"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_is_claimed_cannot_come_to_rest_on_what_is_temporary_elsewhere(
    claims, owner, connect, superuser, elsewhere, here, has_own
):
    owner.run(INLINE.format(name="kept", value="n"))
    owner.run(VIEW.format(total="shop.kept(o.total)", condition="true"))
    if has_own:
        owner.run("CREATE TEMPORARY TABLE mine ()")
    other = connect("shop_owner")
    for statement in elsewhere:
        other.run(statement)
    with refused("IDB01", match="temporary"), owner.transaction():
        for statement in here:
            owner.run(statement)
    owner.run("CREATE VIEW shop.unclaimed AS SELECT 1 AS one")
    other.run("DISCARD TEMP")
    assert superuser.rows("SELECT path FROM integratedb_unmet_claims()") == []


def test_nobody_is_kept_from_what_nobody_claims(claims, owner):
    owner.run(FUNCTION)
    owner.run("CREATE VIEW shop.passing AS SELECT pg_temp.same(1) AS one")
    owner.run("ALTER TABLE shop.orders ADD COLUMN rate numeric DEFAULT pg_temp.same(1)")
    owner.run('ALTER TABLE shop.orders ADD COLUMN hint text COLLATE "C", ADD CHECK (pg_temp.same(total) >= 0)')
    owner.run("CREATE TEMPORARY TABLE mine AS SELECT * FROM shop.orders")
    owner.run("CREATE TEMPORARY VIEW ours AS SELECT * FROM shop.open_orders")


def test_another_alternative_is_enough(claim, owner):
    claim({"alternatives": [{"path": "shop.open_orders"}, {"path": "shop.orders"}]})
    owner.run(FUNCTION)
    owner.run(VIEW.format(total="pg_temp.same(o.total)", condition="true"))


def test_a_replica_identity_does_not_go_unseen(admin, owner, claim):
    claim()
    owner.run("CREATE COLLATION pg_temp.plain (locale = 'C')")
    owner.run("CREATE TABLE shop.codes (code text NOT NULL, other text)")
    owner.run("CREATE UNIQUE INDEX codes_identity ON shop.codes (code)")
    owner.run("ALTER TABLE shop.codes REPLICA IDENTITY USING INDEX codes_identity")
    admin.run("""SELECT integratedb_notify('reporter', '{"match": [{"path": "shop.codes", "events": ["UPDATE"]}]}')""")
    with refused("IDB01"), owner.transaction():
        owner.run("CREATE UNIQUE INDEX other_identity ON shop.codes (code COLLATE pg_temp.plain)")
        owner.run("ALTER TABLE shop.codes REPLICA IDENTITY USING INDEX other_identity")
