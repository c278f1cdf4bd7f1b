"""Saved queries: what they read is claimed, granted, and protected from migrations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, refused

SAVE = "SELECT integratedb_save_query(%s, %s, %s)"
DROP = "SELECT integratedb_drop_query(%s, %s)"
ORDERS = {"select": ["id", "status"], "from": "shop.orders", "where": [">=", {"field": "total"}, {"param": "least"}]}
NAMES = {"select": ["name"], "from": "shop.customers"}
ASKED = "query Asked($most: Int) { ordersNodes(first: $most) { nodes { rowId } } }"


@pytest.fixture
def reporter(stakeholder: Callable[[str], Session]) -> Session:
    """A stakeholder that has claimed nothing."""
    return stakeholder("reporter")


def save(session: Session, name: str, query: Any, stakeholder: str = "reporter") -> Any:
    return session.value(SAVE, stakeholder, name, Jsonb(query))


def names(session: Session) -> list[str]:
    return [row[0] for row in session.rows("SELECT name FROM integratedb_queries('reporter')")]


# What is claimed.


def test_what_a_query_reads_is_claimed_and_granted(admin: Session, reporter: Session) -> None:
    with refused("42501"):
        reporter.rows("SELECT id FROM shop.orders")
    reads = save(admin, "orders", ORDERS)
    assert reads == [{"path": "shop.orders", "fields": ["id", "status", "total"]}]
    assert reporter.rows("SELECT id, status, total FROM shop.orders LIMIT 1")
    with refused("42501"):
        reporter.rows("SELECT note FROM shop.orders")
    [row] = admin.dicts("SELECT * FROM integratedb_queries('reporter')")
    assert (row["name"], row["face"], row["query"], row["reads"]) == ("orders", "data", ORDERS, reads)
    assert "FROM shop.orders AS t_1" in row["statement"]


def test_the_submitted_claims_stay_as_they_are(admin: Session, reporter: Session, claim: Callable[..., Any]) -> None:
    claim({"path": "shop.orders", "fields": ["id"]})
    save(admin, "orders", ORDERS)
    submitted = admin.value("SELECT integratedb_specification('reporter')")
    assert submitted == {"match": [{"path": "shop.orders", "fields": ["id"]}]}
    derived = admin.value("SELECT integratedb_specification('reporter', 'queries')")
    assert derived == {"match": [{"path": "shop.orders", "fields": ["id", "status", "total"], "query": "orders"}]}


def test_another_query_under_the_name_replaces_what_the_first_one_claimed(admin: Session, reporter: Session) -> None:
    save(admin, "asked", ORDERS)
    save(admin, "other", NAMES)
    assert save(admin, "asked", {"select": ["sku"], "from": "shop.products"}) == [
        {"path": "shop.products", "fields": ["sku"]}
    ]
    assert reporter.rows("SELECT sku FROM shop.products LIMIT 1")
    assert reporter.rows("SELECT name FROM shop.customers LIMIT 1")
    with refused("42501"):
        reporter.rows("SELECT id FROM shop.orders")
    assert names(admin) == ["asked", "other"]


def test_a_dropped_query_takes_back_what_it_alone_claimed(admin: Session, reporter: Session, owner: Session) -> None:
    save(admin, "orders", ORDERS)
    save(admin, "ids", {"select": ["id"], "from": "shop.orders"})
    admin.run(DROP, "reporter", "orders")
    assert reporter.rows("SELECT id FROM shop.orders LIMIT 1")
    with refused("42501"):
        reporter.rows("SELECT total FROM shop.orders")
    owner.run("ALTER TABLE shop.orders DROP COLUMN total CASCADE")
    assert names(admin) == ["ids"]


def test_related_rows_rely_on_their_foreign_keys(admin: Session, reporter: Session) -> None:
    reads = save(
        admin,
        "with-lines",
        {
            "select": ["id"],
            "from": "shop.orders",
            "embed": [
                {"relation": "customers", "select": ["name"]},
                {"relation": "products", "select": ["sku"]},
            ],
        },
    )
    assert reads == [
        {"path": "shop.customers", "fields": ["id", "name"]},
        {
            "path": "shop.order_lines",
            "fields": ["order_id", "product_id"],
            "unique": [["order_id", "product_id"]],
            "references": [
                {"fields": ["order_id"], "to": "shop.orders", "to_fields": ["id"]},
                {"fields": ["product_id"], "to": "shop.products", "to_fields": ["id"]},
            ],
        },
        {
            "path": "shop.orders",
            "fields": ["customer_id", "id"],
            "references": [{"fields": ["customer_id"], "to": "shop.customers", "to_fields": ["id"]}],
        },
        {"path": "shop.products", "fields": ["id", "sku"]},
    ]


def test_one_related_row_relies_on_the_unique_key_that_makes_it_one(
    admin: Session, reporter: Session, owner: Session
) -> None:
    owner.run("CREATE TABLE shop.profiles (customer_id bigint NOT NULL UNIQUE REFERENCES shop.customers, text text)")
    query = {"select": ["id"], "from": "shop.customers", "embed": [{"relation": "profiles", "select": ["text"]}]}
    [_, profiles] = save(admin, "profiles", query)
    assert profiles["unique"] == [["customer_id"]]
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.profiles DROP CONSTRAINT profiles_customer_id_key")
    assert "reporter (query profiles)" in (caught.value.diag.message_detail or "")


def test_a_grouped_primary_key_is_relied_on(admin: Session, reporter: Session) -> None:
    query: dict[str, Any] = {
        "select": ["o.note", {"call": ["count", "*"]}],
        "from": [["shop.orders", "o"]],
        "group-by": ["o.id"],
    }
    [orders] = save(admin, "grouped", query)
    assert orders == {"path": "shop.orders", "fields": ["id", "note"], "unique": [["id"]]}


def test_rows_that_are_only_counted_need_a_column(admin: Session, reporter: Session) -> None:
    query = {"select": [[{"call": ["count", "*"]}, "number"]], "from": "shop.orders"}
    assert save(admin, "number", query) == [{"path": "shop.orders", "fields": ["id"]}]
    assert reporter.value("SELECT count(*) FROM shop.orders") > 0


def test_a_computed_field_takes_the_whole_row(admin: Session, reporter: Session, owner: Session) -> None:
    owner.run(
        "CREATE FUNCTION shop.label(shop.products) RETURNS text STABLE LANGUAGE sql"
        " AS $$ SELECT $1.sku || ' ' || $1.name $$"
    )
    admin.run('SELECT integratedb_claim(\'reporter\', \'{"match": [{"path": "shop.products"}]}\')')
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    assert save(admin, "labels", {"select": ["label"], "from": "shop.products"}) == [
        {"path": "shop.products", "fields": ["*"]}
    ]
    owner.run("ALTER TABLE shop.products ADD COLUMN later text")
    assert reporter.rows("SELECT shop.label(p) FROM shop.products AS p")


def test_the_url_face_is_saved_too(admin: Session, reporter: Session) -> None:
    query = {"rest": "GET /orders?select=id,customers(name)&total=gte.{{least}}&order=id", "schema": "shop"}
    assert save(admin, "orders", query) == [
        {"path": "shop.customers", "fields": ["id", "name"]},
        {
            "path": "shop.orders",
            "fields": ["customer_id", "id", "total"],
            "references": [{"fields": ["customer_id"], "to": "shop.customers", "to_fields": ["id"]}],
        },
    ]
    assert admin.value("SELECT face FROM integratedb_queries('reporter')") == "rest"


GRAPHQL = """
  query Big($least: BigFloat!, $withCustomer: Boolean = false, $after: Cursor, $order: OrdersOrdering) {
    ordersNodes(
      first: 10, after: $after, orderBy: $order
      filter: {total: {gte: $least}, orderLinesNodesByOrderId: {some: {quantity: {gt: 1}}}}
    ) {
      nodes { rowId customersByCustomerId @include(if: $withCustomer) { name } }
      aggregate { max { placedAt } }
    }
  }
"""


def test_a_document_of_graphql_is_saved_with_all_that_its_variables_may_ask_for(
    admin: Session, reporter: Session
) -> None:
    assert save(admin, "big", {"graphql": GRAPHQL, "schema": "shop"}) == [
        {"path": "shop.customers", "fields": ["id", "name"]},
        {
            "path": "shop.order_lines",
            "fields": ["order_id", "quantity"],
            "references": [{"fields": ["order_id"], "to": "shop.orders", "to_fields": ["id"]}],
        },
        {
            "path": "shop.orders",
            "fields": ["customer_id", "id", "placed_at", "total"],
            "unique": [["id"]],
            "references": [{"fields": ["customer_id"], "to": "shop.customers", "to_fields": ["id"]}],
        },
    ]
    [row] = admin.dicts("SELECT * FROM integratedb_queries('reporter')")
    assert (row["face"], row["query"]["graphql"]) == ("graphql", GRAPHQL)
    assert "FROM shop.order_lines AS " in row["statement"]
    assert reporter.rows("SELECT placed_at FROM shop.orders LIMIT 1")
    with refused("42501"):
        reporter.rows("SELECT note FROM shop.orders")


def test_a_filter_in_a_variable_claims_nothing_more(admin: Session, reporter: Session) -> None:
    document = "query($f: OrdersFilter!, $s: OrderStatusFilter) { ordersNodes(filter: $f, status: NEW) { totalCount } }"
    with refused("22023"):  # $s is not used
        save(admin, "filtered", {"graphql": document, "schema": "shop"})
    document = document.replace("$f, status: NEW", "{and: [$f, {status: $s}]}")
    [orders] = save(admin, "filtered", {"graphql": document, "schema": "shop"})
    assert orders == {"path": "shop.orders", "fields": ["id", "status"], "unique": [["id"]]}


def test_an_id_in_a_variable_claims_each_table_that_the_document_names(admin: Session, reporter: Session) -> None:
    document = "query($id: ID!) { node(id: $id) { id ... on Orders { total } ... on Customers { name } } }"
    reads = save(admin, "node", {"graphql": document, "schema": "shop"})
    assert [(one["path"], one["fields"], one["unique"]) for one in reads] == [
        ("shop.customers", ["id", "name"], [["id"]]),
        ("shop.orders", ["id", "total"], [["id"]]),
    ]


def test_a_mutation_is_saved_by_whom_may_write_and_claims_what_it_writes(
    admin: Session, owner: Session, reporter: Session
) -> None:
    update = "updateOrders(input: {rowId: $id, newNote: $note}) { orders { status } }"
    document = f"mutation($id: BigInt!, $note: String) {{ {update} }}"
    with refused("22023"):
        save(admin, "noted", {"graphql": document, "schema": "shop"})
    owner.run("GRANT UPDATE (note) ON shop.orders TO reporter")
    [orders] = save(admin, "noted", {"graphql": document, "schema": "shop"})
    assert orders == {"path": "shop.orders", "fields": ["id", "note", "status"], "unique": [["id"]]}
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.orders DROP COLUMN note CASCADE")
    assert "reporter (query noted)" in (caught.value.diag.message_detail or "")


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE shop.order_lines DROP COLUMN quantity CASCADE",
        "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_order_id_fkey",
        "ALTER TABLE shop.orders DROP CONSTRAINT orders_customer_id_fkey",
        "ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey CASCADE",
        "ALTER TABLE shop.orders RENAME COLUMN placed_at TO ordered_at",
        "ALTER TABLE shop.customers RENAME COLUMN name TO called",
    ],
)
def test_each_thing_that_a_document_needs_stays(
    admin: Session, owner: Session, reporter: Session, migration: str
) -> None:
    save(admin, "big", {"graphql": GRAPHQL, "schema": "shop"})
    with refused("IDB01") as caught:
        owner.run(migration)
    assert "reporter (query big): " in (caught.value.diag.message_detail or "")
    assert {row[0] for row in owner.rows("SELECT kind FROM integratedb_dependents('shop.orders')")} == {"query big"}


def test_what_is_added_later_changes_no_document(
    admin: Session, owner: Session, superuser: Session, reporter: Session, claim: Callable[..., Any]
) -> None:
    save(admin, "big", {"graphql": GRAPHQL, "schema": "shop"})
    statement = "SELECT statement FROM integratedb_queries('reporter')"
    before = admin.value(statement)
    # Two things with one name would both be withheld.
    owner.run("CREATE TABLE shop.order_lines_nodes_by_order_id (id bigint PRIMARY KEY REFERENCES shop.orders)")
    owner.run('ALTER TABLE shop.orders ADD COLUMN "row id" text, ADD COLUMN "placedAt" text')
    owner.run("CREATE FUNCTION shop.orders_nodes() RETURNS integer STABLE LANGUAGE sql AS 'SELECT 1'")
    owner.run("CREATE UNIQUE INDEX ON shop.orders (total, id)")
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    claim({"path": "shop.orders"}, {"path": "shop.order_lines_nodes_by_order_id"}, {"path": "shop.order_lines"})
    assert admin.value(statement) == before


def test_a_name_in_several_schemas_is_that_of_the_first_one(
    admin: Session, superuser: Session, reporter: Session
) -> None:
    superuser.run("CREATE TABLE public.orders (id integer PRIMARY KEY, secret text)")
    document = {"graphql": "{ ordersNodes { nodes { total } } }", "schema": "shop"}
    assert save(admin, "shops", document)[0]["path"] == "shop.orders"
    document = {"graphql": "{ ordersNodes { nodes { secret } } }", "schema": "public"}
    assert save(admin, "publics", document)[0]["path"] == "public.orders"


def test_names_without_a_schema_are_those_of_the_claims(
    admin: Session, reporter: Session, claim: Callable[..., Any]
) -> None:
    with refused("42P01"):
        save(admin, "orders", {**ORDERS, "from": "orders"})
    claim({"path": "shop.customers"})
    assert save(admin, "orders", {**ORDERS, "from": "orders"})[0]["path"] == "shop.orders"


# Migrations.


def test_a_migration_that_breaks_a_query_is_refused_with_its_name(
    admin: Session, owner: Session, reporter: Session
) -> None:
    save(admin, "big-orders", ORDERS)
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.orders DROP COLUMN status CASCADE")
    diagnosis = caught.value.diag
    assert (diagnosis.message_primary or "").endswith("it breaks a claim of reporter")
    assert diagnosis.message_detail == (
        "reporter (query big-orders): shop.orders.status: expected a column of type shop.order_status, found none"
    )
    assert "SELECT integratedb_drop_query('reporter', 'big-orders')" in (diagnosis.message_hint or "")
    owner.run("ALTER TABLE shop.orders DROP COLUMN note")


@pytest.mark.parametrize(
    "migration",
    [
        "DROP TABLE shop.order_lines CASCADE",
        "ALTER TABLE shop.orders DROP CONSTRAINT orders_customer_id_fkey",
        "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_pkey",
        "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_product_id_fkey",
        "ALTER TABLE shop.products ALTER COLUMN sku DROP NOT NULL",
        "ALTER TABLE shop.products RENAME COLUMN sku TO number",
        "REVOKE SELECT (sku) ON shop.products FROM reporter",
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
    ],
)
def test_each_thing_that_a_query_needs_stays(admin: Session, owner: Session, reporter: Session, migration: str) -> None:
    embeds = [{"relation": "customers", "select": ["name"]}, {"relation": "products", "select": ["sku"]}]
    save(admin, "all", {"select": ["id"], "from": "shop.orders", "embed": embeds})
    with refused("IDB01") as caught:
        owner.run(migration)
    assert "reporter (query all): " in (caught.value.diag.message_detail or "")


def test_a_rename_that_the_claim_allows_changes_nothing_for_the_query(
    admin: Session, owner: Session, reporter: Session, claim: Callable[..., Any]
) -> None:
    both = {"alternatives": ["status", "state"]}
    with refused("IDB01") as caught:
        save(admin, "orders", ORDERS)
        owner.run("ALTER TABLE shop.orders RENAME COLUMN status TO state")
    assert 'claim {"alternatives": ["status", "state"]}' in (caught.value.diag.message_hint or "")
    assert "save query orders again" in (caught.value.diag.message_hint or "")
    claim({"path": "shop.orders", "fields": [both]})
    save(admin, "orders", ORDERS)
    owner.run("ALTER TABLE shop.orders RENAME COLUMN status TO state")
    statement = admin.value("SELECT statement FROM integratedb_queries('reporter')")
    assert "t_1.state" in statement
    assert admin.value("SELECT reads FROM integratedb_queries('reporter')") == [
        {"path": "shop.orders", "fields": ["id", both, "total"]}
    ]


def test_a_renamed_table_that_the_claim_allows_is_read_by_the_query(
    admin: Session, owner: Session, reporter: Session, claim: Callable[..., Any]
) -> None:
    fields = ["id", "status", "total"]
    claim({"alternatives": [{"path": "shop.orders", "fields": fields}, {"path": "shop.sold", "fields": fields}]})
    save(admin, "orders", ORDERS)
    owner.run("ALTER TABLE shop.orders RENAME TO sold")
    assert "FROM shop.sold AS t_1" in admin.value("SELECT statement FROM integratedb_queries('reporter')")


def test_dependents_have_the_name_of_the_query(
    admin: Session, owner: Session, reporter: Session, claim: Callable[..., Any]
) -> None:
    claim({"path": "shop.orders", "fields": ["id"]})
    save(admin, "orders", ORDERS)
    save(admin, "totals", {"select": ["total"], "from": "shop.orders"})
    rows = owner.rows("SELECT * FROM integratedb_dependents('shop.orders')")
    assert rows == [
        ("reporter", "claims", "required"),
        ("reporter", "query orders", "required"),
        ("reporter", "query totals", "required"),
    ]
    assert owner.rows("SELECT kind FROM integratedb_dependents('shop.orders', 'status')") == [("query orders",)]


def test_a_preview_has_the_name_of_the_query(admin: Session, owner: Session, reporter: Session) -> None:
    save(admin, "orders", ORDERS)
    drop = "ALTER TABLE shop.orders DROP COLUMN total CASCADE"
    [row] = owner.dicts("SELECT * FROM integratedb_preview_migration(%s)", drop)
    assert (row["kind"], row["problems"][0]["query"]) == ("queries", "orders")


def test_an_overridden_query_is_unmet_and_has_no_statement(
    admin: Session, superuser: Session, reporter: Session
) -> None:
    save(admin, "orders", ORDERS)
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('test')")
        superuser.run("ALTER TABLE shop.orders DROP COLUMN status CASCADE")
    assert admin.row("SELECT name, statement FROM integratedb_queries('reporter')") == ("orders", None)
    [row] = admin.dicts("SELECT * FROM integratedb_unmet_claims()")
    assert (row["kind"], row["path"]) == ("queries", "shop.orders")
    superuser.run("ALTER TABLE shop.orders ADD COLUMN status shop.order_status NOT NULL DEFAULT 'new'")
    assert admin.row("SELECT statement IS NOT NULL FROM integratedb_queries('reporter')") == (True,)


def test_queries_are_saved_and_dropped_while_others_are_unmet(
    admin: Session, superuser: Session, owner: Session, reporter: Session
) -> None:
    for name in ("a", "b", "c"):
        save(admin, name, ORDERS)
    save(admin, "d", NAMES)
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('test')")
        superuser.run("ALTER TABLE shop.orders DROP COLUMN status CASCADE")
    admin.run(DROP, "reporter", "b")
    save(admin, "e", {"select": ["sku"], "from": "shop.products"})
    with refused("42703"):
        save(admin, "a", ORDERS)
    save(admin, "a", {"select": ["id"], "from": "shop.orders"})
    unmet = "SELECT p ->> 'query' FROM integratedb_unmet_claims(), jsonb_array_elements(problems) AS p"
    assert admin.rows(unmet) == [("c",)]
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.customers DROP COLUMN name CASCADE")
    places = (
        "SELECT c.match, c.document ->> 'query', s.document #>> ARRAY['match', c.match::text, 'query']"
        " FROM integratedb.claim AS c JOIN integratedb.specification AS s ON s.id = c.specification_id ORDER BY 1"
    )
    assert superuser.rows(places) == [(0, "c", "c"), (1, "d", "d"), (2, "e", "e"), (3, "a", "a")]
    admin.run(DROP, "reporter", "c")
    assert admin.rows("SELECT * FROM integratedb_unmet_claims()") == []


# Rights.


def test_an_owner_saves_what_it_could_grant_and_nothing_else(
    owner: Session, admin: Session, superuser: Session, reporter: Session
) -> None:
    superuser.run("CREATE TABLE public.secrets (id integer)")
    assert save(owner, "orders", ORDERS)
    with refused("42P01"):
        save(owner, "secrets", {"select": ["id"], "from": "public.secrets"})
    superuser.run("GRANT SELECT ON public.secrets TO shop_owner")
    with refused("42501"):
        save(owner, "secrets", {"select": ["id"], "from": "public.secrets"})
    assert names(admin) == ["orders"]


def test_a_refusal_tells_nobody_what_the_claims_are(
    owner: Session,
    superuser: Session,
    reporter: Session,
    claim: Callable[..., Any],
    stakeholder: Callable[[str], Session],
) -> None:
    other = stakeholder("other")
    claim(
        {"path": "shop.products"},
        {
            "alternatives": [
                {"path": "shop.orders", "fields": [{"alternatives": ["id", "number"]}]},
                {"path": "secret.plan", "fields": ["id"]},
            ]
        },
    )
    for session in (other, owner):
        with refused("42501") as caught:
            save(session, "q", {"select": ["id"], "from": "shop.orders"})
        told = str(caught.value.diag.message_primary)
        assert ("secret.plan" in told) == (session is owner)
    with refused("42P01"):
        save(other, "q", {"select": ["id"], "from": "orders"})


def test_a_stakeholder_narrows_and_drops_its_queries_but_widens_nothing(admin: Session, reporter: Session) -> None:
    with refused("42P01"):
        save(reporter, "orders", ORDERS)
    save(admin, "orders", ORDERS)
    assert save(reporter, "ids", {"select": ["id"], "from": "shop.orders"})
    with refused("42703"):
        save(reporter, "notes", {"select": ["note"], "from": "shop.orders"})
    reporter.run(DROP, "reporter", "orders")
    assert names(reporter) == ["ids"]


def test_nobody_else_sees_or_drops_a_query(
    admin: Session, owner: Session, reporter: Session, stakeholder: Callable[[str], Session]
) -> None:
    other = stakeholder("other")
    save(admin, "orders", ORDERS)
    for session in (other, owner):
        with refused("42501"):
            session.rows("SELECT * FROM integratedb_queries('reporter')")
        with refused("42501"):
            session.run(DROP, "reporter", "orders")
    oid = admin.value("SELECT 'reporter'::regrole::oid")
    assert other.rows("SELECT * FROM integratedb.saved_queries(%s)", oid) == []
    assert len(reporter.rows("SELECT * FROM integratedb.saved_queries(%s)", oid)) == 1


def test_saving_runs_nothing_of_the_query(
    admin: Session, owner: Session, superuser: Session, reporter: Session
) -> None:
    owner.run(
        "CREATE FUNCTION shop.spy() RETURNS bigint IMMUTABLE LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$"
    )
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter; GRANT EXECUTE ON FUNCTION shop.spy() TO reporter")
    query = {"select": ["id"], "from": "shop.orders", "where": ["=", {"field": "id"}, {"call": ["shop.spy"]}]}
    assert save(admin, "spy", query) == [{"path": "shop.orders", "fields": ["id"]}]


# What is refused.


@pytest.mark.parametrize(
    ("query", "code", "place"),
    [
        ({"select": ["id"], "from": "shop.nothing"}, "42P01", "#/from/0"),
        ({"select": ["nothing"], "from": "shop.orders"}, "42703", "#/select/0"),
        ({"delete-from": "shop.orders", "where": ["=", 1, 1]}, "0A000", "#"),
        (
            {
                "with": [
                    ["w", {"delete-from": "shop.orders", "where": ["=", {"field": "id"}, 1], "returning": ["id"]}]
                ],
                "select": ["id"],
                "from": "w",
            },
            "0A000",
            "#",
        ),
        ({"rest": "DELETE /orders"}, "22023", "#/rest"),
        ({"rest": "GET /orders?id={{x}}", "schema": "shop"}, "22023", "#/rest"),
        ({"rest": "GET /orders?nothing=eq.1", "schema": "shop"}, "42703", "#/rest"),
        ({"rest": 1}, "22023", "#/rest"),
        ({"rest": "GET /", "schema": "shop"}, "22023", "#/rest"),
        ({"graphql": "{ a }"}, "22023", "#/graphql"),
        ({"graphql": "{ a"}, "42601", "#/graphql"),
        ({"graphql": 1}, "22023", "#/graphql"),
        ({"graphql": "{ ordersNodes { nodes { nothing } } }", "schema": "shop"}, "22023", "#/graphql"),
        ({"graphql": "{ __schema { queryType { name } } }", "schema": "shop"}, "22023", "#/graphql"),
        ({"graphql": "{ __typename }", "schema": "shop"}, "0A000", "#"),
        ({"graphql": ASKED, "schema": "shop", "variables": {"most": "many"}}, "22023", "#/graphql"),
        ({"graphql": ASKED, "schema": "shop", "variables": {"other": 1}}, "22023", "#/variables/other"),
        ({"graphql": ASKED, "schema": "shop", "operation": "Other"}, "22023", "#/graphql"),
        ({"query": ORDERS, "explain": True}, "22023", "#/explain"),
        ({"query": ORDERS, "params": [1]}, "22023", "#/params"),
        ("SELECT 1", "22023", "#"),
        ({"raw": "SELECT 1"}, "22023", "#/raw"),
    ],
)
def test_what_is_no_query_is_refused_with_its_place(
    admin: Session, reporter: Session, query: Any, code: str, place: str
) -> None:
    with refused(code) as caught:
        save(admin, "bad", query)
    assert caught.value.diag.message_detail == f"In the query: {place}."
    assert names(admin) == []
    assert admin.value("SELECT integratedb_specification('reporter', 'queries')") == {"match": []}


@pytest.mark.parametrize("name", ["", "A", "1a", "a b", 'a"b', "a;b", "a" * 64, "ä", "a/b", "a\n"])
def test_a_name_is_bounded_and_plain(admin: Session, reporter: Session, name: str) -> None:
    with refused("22023"):
        save(admin, name, ORDERS)


def test_size_and_number_are_bounded(admin: Session, superuser: Session, reporter: Session) -> None:
    with refused("54000"):
        save(admin, "long", {"select": ["id"], "from": "shop.orders", "where": ["=", "x" * 70_000, "y"]})
    superuser.run(
        "INSERT INTO integratedb.saved_query (stakeholder_id, name, face, query, schemas, reading)"
        " SELECT s.id, 'q' || n, 'data', '{}', '{}', '{}'"
        " FROM integratedb.stakeholder AS s, generate_series(1, 500) AS n WHERE s.name = 'reporter'"
    )
    with refused("54000"):
        save(admin, "one-more", ORDERS)


def test_the_columns_of_all_queries_are_bounded(admin: Session, owner: Session, reporter: Session) -> None:
    """Each migration of a table checks them."""
    for number in range(6):
        columns = ", ".join(f"c{one} integer" for one in range(1_599))
        owner.run(f"CREATE TABLE shop.wide_{number} (id integer PRIMARY KEY, {columns})")
    wide = [{"select": ["*"], "from": f"shop.wide_{number}"} for number in range(6)]
    save(admin, "wide", {"union-all": wide})
    with refused("54000", match="would read 11200 columns; at most 10000 are allowed"):
        save(admin, "one-more", {"select": ["*"], "from": "shop.wide_0"})
    save(admin, "one-more", {"select": ["id"], "from": "shop.wide_0"})
    # The columns of the query that is replaced do not count.
    save(admin, "wide", {"union-all": wide[:5]})
    save(admin, "one-more", {"select": ["*"], "from": "shop.wide_0"})


def test_what_does_not_exist_cannot_be_dropped(admin: Session, reporter: Session) -> None:
    with refused("42704"):
        admin.run(DROP, "reporter", "nothing")
    with refused("IDB04"):
        admin.run(DROP, "nobody", "nothing")


# The rest of the engine.


def test_an_admin_adopts_queries_as_it_adopts_claims(
    admin: Session, owner: Session, superuser: Session, reporter: Session
) -> None:
    save(owner, "orders", ORDERS)
    admin.run("SELECT integratedb_adopt_claim('reporter', 'queries')")
    with refused("42501"):
        save(owner, "orders", NAMES)
    by = "SELECT handed_in_by_oid::regrole::text FROM integratedb.specification WHERE kind = 'queries'"
    assert superuser.value(by) == "shop_admin"


def test_queries_go_with_their_stakeholder(
    admin: Session, owner: Session, superuser: Session, reporter: Session
) -> None:
    save(admin, "orders", ORDERS)
    reporter.close()
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert superuser.value("SELECT count(*) FROM integratedb.saved_query") == 0
    owner.run("ALTER TABLE shop.orders DROP COLUMN total CASCADE")


@pytest.mark.parametrize(
    "reading", [{}, [], None, {"relations": 5, "links": []}, {"relations": [{"schema": 1}], "links": [{"source": 1}]}]
)
def test_a_row_that_nobody_saved_has_no_statement(
    admin: Session, superuser: Session, reporter: Session, reading: Any
) -> None:
    """Whoever writes a dump may write anything there."""
    save(admin, "orders", ORDERS)
    superuser.run(
        "INSERT INTO integratedb.saved_query (stakeholder_id, name, face, query, schemas, reading)"
        " SELECT s.id, 'forged', 'data', %s, '{shop,NULL}', %s"
        "   FROM integratedb.stakeholder AS s WHERE s.name = 'reporter'",
        Jsonb(ORDERS),
        Jsonb(reading),
    )
    found = admin.rows("SELECT name, statement IS NOT NULL FROM integratedb_queries('reporter')")
    assert found == [("forged", False), ("orders", True)]
    assert reporter.value("SELECT integratedb_openapi() -> 'paths' ? '/queries/orders'")
    admin.run(DROP, "reporter", "forged")


def test_the_version_of_the_surface_changes_with_a_query(admin: Session, reporter: Session) -> None:
    oid = admin.value("SELECT 'reporter'::regrole::oid")

    def version() -> str:
        return str(admin.value("SELECT integratedb.surface_version(%s, '{shop}')", oid))

    seen = [version()]
    save(admin, "orders", ORDERS)
    seen.append(version())
    save(admin, "orders", {**ORDERS, "limit": 3})
    seen.append(version())
    admin.run(DROP, "reporter", "orders")
    seen.append(version())
    assert len(set(seen)) == 4
