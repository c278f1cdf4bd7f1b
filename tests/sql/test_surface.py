"""What a role may see and do through the data API, as integratedb.surface() tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integratedb.query.reading import read
from integratedb.query.surface import Relation, Surface
from tests.sql.conftest import ADMIN, OWNER
from tests.support import Session, refused

SURFACE = "SELECT s FROM pg_roles AS r CROSS JOIN integratedb.surface(r.oid, %s) AS s WHERE r.rolname = %s"


def surface(session: Session, role: str, *schemas: str) -> Surface:
    return read(row for (row,) in session.rows(SURFACE, list(schemas or ("shop",)), role))


def rights(relation: Relation) -> str:
    letters = zip(
        "SIUD", (relation.can_select, relation.can_insert, relation.can_update, relation.can_delete), strict=True
    )
    return "".join(letter for letter, has in letters if has)


def related(read_: Surface, name: str, schema: str = "shop") -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """The relationships of a relation: kind, target and pairs."""
    source = read_.relations[schema, name].oid
    return {(each.kind, read_.by_oid[each.target].name, each.pairs) for each in read_.relationships.get(source, ())}


@pytest.fixture
def app(superuser: Session, connect: Callable[..., Session]) -> Iterator[Session]:
    """A role without any claim, which may use schema shop."""
    superuser.run("CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA shop TO app")
    yield connect("app")
    superuser.run("DROP OWNED BY app")


def test_an_owner_sees_its_tables_with_all_rights(owner):
    seen = surface(owner, OWNER)
    assert {"customers", "products", "orders", "order_lines", "visits", "open_orders"} <= {
        name for _, name in seen.relations
    }
    orders = seen.relations["shop", "orders"]
    assert (orders.sql, orders.kind, rights(orders), orders.primary_key) == ("shop.orders", "table", "SIUD", ("id",))
    status, id_ = orders.columns["status"], orders.columns["id"]
    assert (status.type.kind, status.type.labels) == ("enum", ("new", "paid", "shipped", "cancelled"))
    assert (status.nullable, status.default) == (False, "'new'::shop.order_status")
    assert (id_.generated, id_.identity, id_.can_insert) == (True, True, False)
    assert (orders.columns["note"].declared, orders.columns["note"].max_length) == ("character varying(200)", 200)
    email = seen.relations["shop", "customers"].columns["email"].type
    assert (email.sql, email.base, email.is_domain, email.kind) == ("shop.email", "pg_catalog.text", True, "base")


def test_foreign_keys_become_relationships_also_many_to_many(owner):
    seen = surface(owner, OWNER)
    assert related(seen, "orders") >= {
        ("m2o", "customers", (("customer_id", "id"),)),
        ("o2m", "order_lines", (("id", "order_id"),)),
        ("m2m", "products", ()),
    }


def test_a_role_sees_only_what_it_was_granted(owner, app):
    assert surface(app, "app").relations == {}
    owner.run("GRANT SELECT (id, total), INSERT (note), UPDATE (note) ON shop.orders TO app")
    owner.run("GRANT DELETE ON shop.products TO app")
    seen = surface(app, "app")
    orders, products = seen.relations["shop", "orders"], seen.relations["shop", "products"]
    assert (set(orders.columns), rights(orders)) == ({"id", "total", "note"}, "SIU")
    note, total = orders.columns["note"], orders.columns["total"]
    assert (note.can_select, note.can_insert, note.can_update) == (False, True, True)
    assert (total.can_select, total.can_insert, total.can_update) == (True, False, False)
    assert (rights(products), products.columns) == ("D", {})
    assert set(seen.relations) == {("shop", "orders"), ("shop", "products")}


def test_a_right_on_columns_includes_no_row_version(owner, app):
    owner.run("GRANT SELECT (id, total) ON shop.orders TO app; GRANT SELECT ON shop.products TO app")
    relations = surface(app, "app").relations
    assert not relations["shop", "orders"].has_row_version
    assert relations["shop", "products"].has_row_version


def test_the_privileges_are_those_of_the_given_role(superuser, app):
    assert surface(superuser, "app").relations == {}
    assert surface(app, OWNER).relations != {}


def test_without_the_right_to_use_the_schema_nothing_is_seen(superuser, owner):
    superuser.run("CREATE ROLE stranger")
    owner.run("GRANT SELECT ON shop.orders TO stranger")
    assert surface(superuser, "stranger").relations == {}
    owner.run("REVOKE ALL ON shop.orders FROM stranger")


def test_the_schema_of_the_extension_and_those_of_postgres_are_never_part(superuser):
    seen = surface(superuser, "postgres", "integratedb", "pg_catalog", "information_schema", "public")
    assert seen.relations == {}
    assert seen.functions == {}


def test_a_claim_names_relations_and_columns_by_its_first_alternatives(owner, admin, claim):
    claim({
        "alternatives": [
            {"path": "shop.clients", "fields": ["id", {"alternatives": ["mail", "email_address", "email"]}]},
            {"path": "shop.customers", "fields": ["id", {"alternatives": ["mail", "email_address", "email"]}]},
        ]
    }, {"path": "shop.orders", "fields": ["id", "customer_id"]})  # fmt: skip
    before = surface(admin, "reporter")
    assert set(before.relations) == {("shop", "clients"), ("shop", "orders")}
    clients = before.relations["shop", "clients"]
    assert (clients.sql, {name: each.sql for name, each in clients.columns.items()}) == (
        "shop.customers",
        {"id": "id", "mail": "email"},
    )
    assert clients.keys == (("id",), ("mail",))
    assert related(before, "orders") == {("m2o", "clients", (("customer_id", "id"),))}

    with owner.transaction():
        owner.run("ALTER TABLE shop.customers RENAME COLUMN email TO email_address")
        owner.run("ALTER TABLE shop.customers RENAME TO clients")
    after = surface(admin, "reporter")
    assert after.relations["shop", "clients"].columns["mail"].sql == "email_address"
    assert after.relations["shop", "clients"].sql == "shop.clients"
    assert after.version != before.version


def test_a_claimed_name_wins_over_the_real_one(owner, admin, superuser, claim):
    owner.run("ALTER TABLE shop.customers ADD COLUMN contact text")
    claim({"path": "shop.customers", "fields": [{"alternatives": ["contact", "email"]}]})
    # The column "contact" exists and meets the claim first.
    assert surface(admin, "reporter").relations["shop", "customers"].columns["contact"].sql == "contact"
    claim({
        "path": "shop.customers",
        "fields": [{"alternatives": [{"name": "contact", "type": "shop.email"}, "email"]}],
    })  # fmt: skip
    owner.run("GRANT SELECT ON shop.customers TO reporter")
    columns = surface(admin, "reporter").relations["shop", "customers"].columns
    assert columns["contact"].sql == "email"
    assert "contact" not in {each.sql for each in columns.values()}
    assert "phone" in columns


def test_wildcards_keep_real_names(admin, claim):
    claim({"path": "shop.*", "fields": ["*"]})
    seen = surface(admin, "reporter")
    assert {("shop", "orders"), ("shop", "visits")} <= set(seen.relations)
    assert set(seen.relations["shop", "orders"].columns) >= {"id", "note"}


def test_claims_are_shown_to_admins_and_to_who_may_become_the_stakeholder(
    superuser, owner, connect, claim, stakeholder
):
    reporter = stakeholder("reporter")
    claim({"path": "shop.customers", "fields": [{"alternatives": ["mail", "email"]}]})
    assert "mail" in surface(reporter, "reporter").relations["shop", "customers"].columns
    assert "email" in surface(owner, "reporter").relations["shop", "customers"].columns

    superuser.run("CREATE ROLE gate LOGIN NOINHERIT IN ROLE integratedb_authenticator")
    gate = connect("gate")
    assert "email" in surface(gate, "reporter").relations["shop", "customers"].columns
    connect(ADMIN).run("SELECT integratedb_allow_api('reporter')")
    assert "mail" in surface(gate, "reporter").relations["shop", "customers"].columns
    # What it runs as another role does not learn of claims.
    superuser.run("CREATE ROLE other; GRANT other TO integratedb_authenticator")
    gate.run("SET ROLE other")
    assert "email" in surface(gate, "reporter").relations["shop", "customers"].columns


def test_views_have_the_foreign_keys_and_keys_of_their_tables(owner):
    owner.run("""
        CREATE VIEW shop.placed AS SELECT o.id AS number, o.customer_id AS buyer FROM (SELECT * FROM shop.orders) AS o;
        CREATE VIEW shop.recent AS WITH p AS (SELECT * FROM shop.placed) SELECT p.buyer AS who, p.number,
          (SELECT count(*) FROM shop.products AS q WHERE q.name = '{') AS "a } b" FROM p;
        CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.recent;
    """)
    seen = surface(owner, OWNER)
    for name, buyer in (("placed", "buyer"), ("recent", "who"), ("kept", "who")):
        assert seen.relations["shop", name].primary_key == ("number",)
        assert ("m2o", "customers", ((buyer, "id"),)) in related(seen, name)
        assert ("o2m", name, (("id", buyer),)) in related(seen, "customers")
        assert ("o2m", "order_lines", (("number", "order_id"),)) in related(seen, name)


def test_a_view_shows_the_foreign_keys_of_tables_that_the_role_does_not_see(owner, app):
    owner.run("""
        CREATE VIEW shop.placed AS SELECT id, customer_id FROM shop.orders;
        CREATE VIEW shop.buyers AS SELECT id, name FROM shop.customers;
        GRANT SELECT ON shop.placed, shop.buyers TO app
    """)
    seen = surface(app, "app")
    assert related(seen, "placed") == {("m2o", "buyers", (("customer_id", "id"),))}


def test_views_can_be_written_where_postgres_or_a_trigger_does_it(owner):
    owner.run("""
        CREATE VIEW shop.simple AS SELECT id, note, upper(note) AS loud FROM shop.orders;
        CREATE VIEW shop.grouped AS SELECT customer_id, count(*) AS orders FROM shop.orders GROUP BY customer_id;
        CREATE VIEW shop.handled AS SELECT * FROM shop.grouped;
        CREATE FUNCTION shop.ignore() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER handled INSTEAD OF INSERT ON shop.handled FOR EACH ROW EXECUTE FUNCTION shop.ignore()
    """)
    seen = surface(owner, OWNER)
    simple = seen.relations["shop", "simple"]
    assert (rights(simple), simple.columns["note"].can_update, simple.columns["loud"].can_update) == (
        "SIUD",
        True,
        False,
    )
    assert rights(seen.relations["shop", "grouped"]) == "S"
    assert rights(seen.relations["shop", "handled"]) == "SI"
    assert ("shop", "ignore") not in seen.functions


def test_partitions_are_seen_as_their_table(owner):
    owner.run("""
        CREATE TABLE shop.buildings (id integer PRIMARY KEY);
        CREATE TABLE shop.readings (at integer, building integer REFERENCES shop.buildings) PARTITION BY RANGE (at);
        CREATE TABLE shop.readings_1 PARTITION OF shop.readings FOR VALUES FROM (0) TO (10)
    """)
    seen = surface(owner, OWNER)
    assert ("shop", "readings_1") not in seen.relations
    assert seen.relations["shop", "readings"].kind == "partitioned table"
    assert related(seen, "buildings") == {("o2m", "readings", (("id", "building"),))}


def test_row_security_is_told_where_it_applies_to_the_role(superuser, owner, app):
    superuser.run("CREATE ROLE trusted BYPASSRLS; GRANT USAGE ON SCHEMA shop TO trusted")
    owner.run("""
        GRANT SELECT ON shop.orders TO app, trusted;
        ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
    """)
    applies = {role: surface(app, role).relations["shop", "orders"].row_security for role in ("app", "trusted", OWNER)}
    assert applies == {"app": True, "trusted": False, OWNER: False}
    owner.run("ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY")
    assert surface(owner, OWNER).relations["shop", "orders"].row_security
    superuser.run("DROP OWNED BY trusted")


def test_functions_have_arguments_and_results(owner):
    owner.run("""
        CREATE TYPE shop.pair AS (a integer, b text);
        CREATE FUNCTION shop.f(a integer, b text DEFAULT 'x', VARIADIC c integer[] DEFAULT '{}')
          RETURNS TABLE (x integer, y text)
          LANGUAGE sql STABLE SET statement_timeout = '5s' AS 'SELECT 1, $x$$x$';
        CREATE FUNCTION shop.f(integer) RETURNS SETOF shop.orders LANGUAGE sql AS 'SELECT * FROM shop.orders';
        CREATE FUNCTION shop.pair(INOUT n text, OUT m integer) LANGUAGE sql IMMUTABLE AS 'SELECT $1, 1';
        CREATE FUNCTION shop.composite() RETURNS shop.pair LANGUAGE sql AS 'SELECT NULL::shop.pair';
        CREATE FUNCTION shop.nothing() RETURNS void LANGUAGE sql AS '';
        CREATE PROCEDURE shop.procedure() LANGUAGE sql AS '';
        COMMENT ON FUNCTION shop.nothing() IS 'Does nothing.'
    """)
    seen = surface(owner, OWNER)
    first, second = seen.functions["shop", "f"]
    assert [(each.name, each.type.sql, each.has_default, each.variadic) for each in first.arguments] == [
        ("a", "pg_catalog.int4", False, False),
        ("b", "pg_catalog.text", True, False),
        ("c", "pg_catalog.int4[]", True, True),
    ]
    assert ({name: each.type.sql for name, each in first.columns.items()}, first.returns_set) == (
        {"x": "pg_catalog.int4", "y": "pg_catalog.text"},
        True,
    )
    assert (first.volatility, first.settings) == ("stable", {"statement_timeout": "5s"})
    assert (second.relation, second.arguments[0].name) == (seen.relations["shop", "orders"].oid, "")
    (pair,) = seen.functions["shop", "pair"]
    assert (list(pair.columns), [each.name for each in pair.arguments]) == (["n", "m"], ["n"])
    (composite,) = seen.functions["shop", "composite"]
    assert (composite.returns.kind, list(composite.columns)) == ("composite", ["a", "b"])
    (nothing,) = seen.functions["shop", "nothing"]
    assert (nothing.is_void, nothing.comment) == (True, "Does nothing.")
    assert ("shop", "procedure") not in seen.functions


def test_functions_without_the_right_to_execute_and_those_of_extensions_are_left_out(superuser, owner, app):
    superuser.run("CREATE EXTENSION citext SCHEMA shop")
    owner.run("CREATE FUNCTION shop.secret() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    owner.run("CREATE FUNCTION shop.open() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    owner.run("REVOKE EXECUTE ON FUNCTION shop.secret() FROM PUBLIC")
    seen = surface(app, "app")
    assert set(seen.functions) == {("shop", "open")}
    assert seen.types["citext"].sql == "shop.citext"


def test_functions_of_a_row_are_computed(owner):
    owner.run("""
        CREATE FUNCTION shop.shout(shop.customers) RETURNS text LANGUAGE sql AS 'SELECT upper($1.name)';
        CREATE FUNCTION shop.bought(shop.customers) RETURNS SETOF shop.products LANGUAGE sql
          AS 'SELECT * FROM shop.products';
        CREATE FUNCTION shop.newest(shop.customers) RETURNS SETOF shop.orders ROWS 1 LANGUAGE sql
          AS 'SELECT * FROM shop.orders'
    """)
    seen = surface(owner, OWNER)
    assert list(seen.relations["shop", "customers"].computed) == ["shout"]
    computed = {
        (each.name, each.to_one)
        for each in seen.relationships[seen.relations["shop", "customers"].oid]
        if each.kind == "computed"
    }
    assert computed == {("bought", False), ("newest", True)}


def test_domains_may_have_representations(owner):
    owner.run("""
        CREATE DOMAIN shop.color AS integer;
        CREATE FUNCTION shop.to_json(shop.color) RETURNS json LANGUAGE sql AS 'SELECT to_json($1::text)';
        CREATE FUNCTION shop.from_json(json) RETURNS shop.color LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION shop.from_text(text) RETURNS shop.color LANGUAGE sql AS 'SELECT 1'
    """)
    for cast, function in (
        ("(shop.color AS json)", "to_json(shop.color)"),
        ("(json AS shop.color)", "from_json(json)"),
        ("(text AS shop.color)", "from_text(text)"),
    ):
        owner.run(f"CREATE CAST {cast} WITH FUNCTION shop.{function} AS IMPLICIT")
    color = surface(owner, OWNER).types["shop.color"]
    assert (color.to_json, color.from_json, color.from_text) == ("shop.to_json", "shop.from_json", "shop.from_text")


def test_comments_are_part(superuser, owner):
    superuser.run("COMMENT ON SCHEMA shop IS 'The shop'")
    owner.run(
        "COMMENT ON TABLE shop.orders IS 'What was ordered'; COMMENT ON COLUMN shop.orders.note IS 'Said by the buyer'"
    )
    seen = surface(owner, OWNER)
    orders = seen.relations["shop", "orders"]
    assert (seen.comments, orders.comment, orders.columns["note"].comment) == (
        {"shop": "The shop"}, "What was ordered", "Said by the buyer",
    )  # fmt: skip


def test_what_is_deprecated_is_a_line_of_the_comment(owner, claim, superuser):
    owner.run("COMMENT ON COLUMN shop.orders.note IS 'Said by the buyer'")
    version = "SELECT integratedb.surface_version(r.oid, ARRAY['shop']) FROM pg_roles AS r WHERE rolname = 'shop_owner'"
    before = owner.value(version)
    owner.run("SELECT integratedb_deprecate('shop.orders', 'note', '2999-03-01 UTC', E'read\\n@name evil')")
    assert owner.value(version) != before
    orders = surface(owner, OWNER).relations["shop", "orders"]
    assert orders.columns["note"].comment == (
        "Said by the buyer\n@deprecated to be removed after 2999-03-01: read @name evil"
    )
    assert (orders.comment, orders.columns["id"].comment) == (None, None)

    owner.run("SELECT integratedb_undeprecate('shop.orders', 'note'); SELECT integratedb_deprecate('shop.customers')")
    seen = surface(owner, OWNER)
    assert seen.relations["shop", "orders"].columns["note"].comment == "Said by the buyer"
    customers = seen.relations["shop", "customers"]
    assert customers.comment == "@deprecated to be removed"
    assert {column.comment for column in customers.columns.values()} == {"@deprecated to be removed"}
    # A role that reads it sees the same; who sees the table is not told more than integratedb_deprecations() tells.
    claim({"path": "shop.customers", "fields": ["name"]})
    assert surface(superuser, "reporter").relations["shop", "customers"].comment == "@deprecated to be removed"


def test_hostile_names_are_quoted(owner):
    owner.run("""
        CREATE TABLE shop."a"";b" ("x'y" integer, "select" integer);
        CREATE TYPE shop."T y" AS ENUM ('{', '"', '\\');
        CREATE TABLE shop.typed (t shop."T y"[])
    """)
    seen = surface(owner, OWNER)
    hostile = seen.relations["shop", 'a";b']
    assert (hostile.sql, [each.sql for each in hostile.columns.values()]) == ('shop."a"";b"', ['"x\'y"', '"select"'])
    typed = seen.relations["shop", "typed"].columns["t"].type
    assert (typed.sql, typed.element) == ('shop."T y"[]', 'shop."T y"')
    assert seen.types['shop."T y"'].labels == ("{", '"', "\\")


def test_a_search_path_of_the_session_changes_nothing(owner):
    owner.run("SET search_path = shop, pg_catalog; CREATE DOMAIN shop.text AS integer")
    seen = surface(owner, OWNER)
    assert seen.relations["shop", "products"].columns["name"].declared == "pg_catalog.text"
    assert seen.relations["shop", "orders"].columns["status"].declared == "shop.order_status"


def test_it_works_in_a_read_only_transaction(owner):
    owner.run("SET default_transaction_read_only = on")
    assert surface(owner, OWNER).relations != {}


CATALOGS = (
    "{pg_class,pg_attribute,pg_type,pg_proc,pg_depend,pg_index,pg_constraint,pg_rewrite,pg_attrdef,pg_description,"
    "pg_namespace}"
)
READ = """SELECT pg_stat_clear_snapshot(), sum(pg_stat_get_tuples_returned(c) + pg_stat_get_tuples_fetched(c))
            FROM unnest(%s::regclass[]) AS c"""


def rows_read(session: Session, role: str) -> int:
    """How many rows of catalogs one call reads."""
    session.run("SELECT pg_stat_force_next_flush()")
    before = session.row(READ, CATALOGS)[1]
    surface(session, role)
    session.run("SELECT pg_stat_force_next_flush()")
    return int(session.row(READ, CATALOGS)[1] - before)


def test_tables_of_other_schemas_cost_nothing(superuser):
    superuser.run("SET stats_fetch_consistency = none")
    rows_read(superuser, OWNER)
    before = rows_read(superuser, OWNER)
    superuser.run("CREATE SCHEMA others")
    superuser.run("""DO $$ BEGIN FOR i IN 1 .. 2000 LOOP
        EXECUTE format('CREATE TABLE others.t%s (id integer, other integer)', i); END LOOP; END $$""")
    superuser.run("ANALYZE")
    rows_read(superuser, OWNER)
    after = rows_read(superuser, OWNER)
    assert before > 0
    assert after < before * 1.3, (before, after)


# Why a name is not visible.

WHY = (
    "SELECT w.* FROM pg_roles AS r CROSS JOIN integratedb.why_not_visible(r.oid, %s, %s, %s) AS w WHERE r.rolname = %s"
)


def why(session: Session, role: str, relation: str, column: str | None = None, schema: str = "shop") -> Any:
    return session.rows(WHY, schema, relation, column, role)


def test_what_is_not_claimed_is_told_with_the_claim_that_cures_it(admin, claim):
    claim({"path": "shop.orders", "fields": ["id"]})
    assert why(admin, "reporter", "orders", "note") == [
        ("not claimed", "reporter does not claim shop.orders.note", {"path": "shop.orders", "fields": ["note"]})
    ]
    ((exists, _, _),) = why(admin, "reporter", "products")
    ((does_not, message, cure),) = why(admin, "reporter", "nothing of that name")
    assert exists == does_not == "not claimed"
    assert message == 'reporter does not claim shop."nothing of that name"'
    assert cure == {"path": 'shop."nothing of that name"', "fields": ["*"]}


def test_what_is_claimed_and_unmet_is_told_with_the_problem(admin, owner, claim):
    claim({"path": "shop.orders", "fields": ["id", "note"]}, {"path": "shop.later", "fields": ["id"], "optional": True})
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    ((answer, message, cure),) = why(admin, "reporter", "orders", "note")
    assert (answer, cure) == ("unmet", None)
    assert "note" in message
    assert why(admin, "reporter", "later")[0][0] == "unmet"


def test_a_role_without_claims_lacks_the_right_or_the_relation_does_not_exist(admin, app):
    assert why(app, "app", "orders", "note") == [("no right", "role app has no right on shop.orders.note", None)]
    assert why(app, "app", "nothing") == []
    assert why(app, "app", "orders", "nothing") == []


def test_strangers_are_told_nothing_of_claims(owner, claim):
    claim({"path": "shop.orders", "fields": ["id"]})
    assert why(owner, "reporter", "orders", "note") == []


# Who may be served.


def test_admins_allow_the_api_to_become_a_stakeholder(superuser, admin, connect, stakeholder):
    stakeholder("reporter")
    superuser.run("CREATE ROLE gate LOGIN NOINHERIT IN ROLE integratedb_authenticator")
    gate = connect("gate")
    with refused("42501"):
        gate.run("SET ROLE reporter")
    admin.run("SELECT integratedb_allow_api('reporter')")
    admin.run("SELECT integratedb_allow_api('reporter', true)")
    gate.run("SET ROLE reporter")
    gate.run("RESET ROLE")
    assert not superuser.value("SELECT pg_has_role('integratedb_authenticator', 'reporter', 'USAGE')")
    admin.run("SELECT integratedb_allow_api('reporter', false)")
    with refused("42501"):
        gate.run("SET ROLE reporter")
    tags = admin.rows("SELECT command_tag, reason FROM integratedb_ddl_events() WHERE command_tag LIKE '%API'")
    assert (
        tags == [("INTEGRATEDB DISALLOW API", "role of reporter")] + [("INTEGRATEDB ALLOW API", "role of reporter")] * 2
    )


def test_a_role_with_powers_is_refused(superuser, admin, stakeholder):
    stakeholder("reporter")
    superuser.run("ALTER ROLE reporter CREATEROLE")
    with refused("42501", "CREATEROLE"):
        admin.run("SELECT integratedb_allow_api('reporter')")


def test_only_admins_allow_it(owner, stakeholder):
    reporter = stakeholder("reporter")
    for session in (owner, reporter):
        with refused("42501"):
            session.run("SELECT integratedb_allow_api('reporter')")


def test_an_allowed_stakeholder_can_be_renamed_and_dropped(superuser, admin, stakeholder):
    stakeholder("reporter").close()
    admin.run("SELECT integratedb_allow_api('reporter')")
    admin.run("SELECT integratedb_rename_stakeholder('reporter', 'writer')")
    assert superuser.value("SELECT pg_has_role('integratedb_authenticator', 'writer', 'MEMBER')")
    admin.run("SELECT integratedb_drop_stakeholder('writer')")
    assert superuser.rows("SELECT FROM pg_auth_members WHERE member = 'integratedb_authenticator'::regrole") == []


def test_a_claim_declares_how_views_are_related(superuser, owner, claim) -> None:
    owner.run("CREATE VIEW shop.buyers AS SELECT id + 0 AS number, name FROM shop.customers")
    owner.run("CREATE VIEW shop.purchases AS SELECT id + 0 AS id, customer_id + 0 AS buyer FROM shop.orders")
    match = [
        {"path": "shop.buyers", "fields": ["number", "name"], "unique": [["number"]]},
        {
            "path": "shop.purchases",
            "fields": ["id", "buyer"],
            "references": [{"fields": ["buyer"], "to": "shop.buyers", "to_fields": ["number"]}],
        },
    ]
    claim(*match, by="reader")
    found = surface(superuser, "reader")
    buyers, purchases = found.relations["shop", "buyers"], found.relations["shop", "purchases"]
    assert ("number",) in buyers.keys
    [down] = found.relationships[purchases.oid]
    assert (down.name, down.kind, down.target, down.pairs) == (
        "purchases_buyer_fkey",
        "m2o",
        buyers.oid,
        (("buyer", "number"),),
    )
    [up] = found.relationships[buyers.oid]
    assert (up.kind, up.to_one) == ("o2m", False)
    with superuser.transaction():
        superuser.run("SET LOCAL ROLE shop_owner")
        assert superuser.rows("SELECT * FROM integratedb.claimed_keys('reader'::regrole)") == []


def test_a_foreign_table_whose_wrapper_has_no_handler_stops_nothing(superuser, owner):
    superuser.run("CREATE FOREIGN DATA WRAPPER none; CREATE SERVER none FOREIGN DATA WRAPPER none")
    superuser.run("GRANT USAGE ON FOREIGN SERVER none TO shop_owner")
    owner.run("CREATE FOREIGN TABLE shop.far (id integer) SERVER none; CREATE VIEW shop.seen AS SELECT * FROM shop.far")
    seen = surface(owner, OWNER)
    for name in ("far", "seen"):
        assert (seen.relations["shop", name].can_select, seen.relations["shop", name].can_insert) == (True, False)
