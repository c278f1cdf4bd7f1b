"""Whatever takes away what somebody claimed is refused at COMMIT, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import DATABASE, janitor, open_session
from tests.support import Server, Session, refused

# What the shop does not have and some claims need, made by the owner; who else needs more says so in the case.
MORE_BY_SUPERUSER = """
CREATE EXTENSION hstore SCHEMA public;
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
GRANT USAGE ON FOREIGN SERVER elsewhere TO shop_owner;
"""
MORE_TABLES = """
CREATE SCHEMA archive;
CREATE SCHEMA kinds;
CREATE TYPE kinds.colour AS ENUM ('red', 'green');
CREATE TYPE kinds.size AS (width integer, height integer);
CREATE TYPE kinds.extent AS (width integer, height integer);
CREATE DOMAIN kinds.score AS integer NOT NULL;
CREATE DOMAIN kinds.grade AS kinds.score;
CREATE DOMAIN kinds.paint AS kinds.colour;
CREATE TABLE shop.boxes OF kinds.extent;
CREATE TABLE shop.paints (id integer, colour kinds.colour, others kinds.colour[], paint kinds.paint, size kinds.size);
CREATE TABLE shop.reviews (
  id integer, score kinds.score, grade kinds.grade, stars integer NOT NULL,
  cost numeric, fee numeric(10, 2), body varchar
);
CREATE TABLE shop.parcels (id integer, weight integer NOT NULL);
CREATE TABLE shop.air_parcels (flight text) INHERITS (shop.parcels);
CREATE TABLE shop.secrets (id integer, secret text);
ALTER TABLE shop.secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON shop.secrets FOR SELECT TO PUBLIC USING (true);
CREATE POLICY narrower ON shop.secrets AS RESTRICTIVE FOR SELECT TO PUBLIC USING (id > 0);
CREATE FUNCTION shop.shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE VIEW shop.loud AS SELECT id, shop.shout(name) AS name FROM shop.products;
CREATE TABLE shop.labels (id integer, tags public.hstore);
CREATE FOREIGN TABLE shop.rates (currency text NOT NULL, rate numeric) SERVER elsewhere;
CREATE TABLE shop.copies (id integer, original shop.secrets);
CREATE TABLE shop."Odd Table" (id integer, "odd column" integer);
"""


@pytest.fixture(scope="module")
def shop(server: Server, template: str) -> Iterator[Callable[[str], Session]]:
    """Sessions on one shop with more tables for the whole module: whatever is refused must leave it as it was."""
    with janitor(server, DATABASE, template_dbname=template), ExitStack() as stack:

        @cache
        def connect(user: str) -> Session:
            return stack.enter_context(open_session(server, user, DATABASE))

        superuser = connect(server.superuser)
        stack.callback(superuser.run, "SELECT integratedb_drop_stakeholder('reporter')")
        superuser.run(
            f"GRANT CREATE ON DATABASE {DATABASE} TO shop_owner; SELECT integratedb_create_stakeholder('reporter')"
        )
        superuser.run(MORE_BY_SUPERUSER)
        connect("shop_owner").run(MORE_TABLES)
        yield connect


@dataclass(frozen=True)
class Break:
    """A claim and a migration that breaks it: the property that is reported, and of which field."""

    ddl: str
    path: str
    fields: tuple[Any, ...]
    property: str
    field: str | None = None
    by: str = "shop_owner"
    reported: str | None = None  # the path, where it is not the claim's

    def __str__(self) -> str:
        return " ".join(self.ddl.split())[:90]


ORDERS, PAINTS, REVIEWS, SECRETS = "shop.orders", "shop.paints", "shop.reviews", "shop.secrets"
STRICT_SCORE = ({"name": "score", "is_nullable": False},)
ENABLE = "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY"

BREAKS = [
    # Columns.
    Break("ALTER TABLE shop.orders DROP COLUMN note", ORDERS, ("id", "note"), "column", "note"),
    Break("ALTER TABLE shop.orders DROP COLUMN total CASCADE", ORDERS, ("total",), "column", "total"),
    Break("ALTER TABLE shop.orders RENAME COLUMN note TO remark", ORDERS, ("note",), "column", "note"),
    Break("ALTER TABLE shop.orders RENAME COLUMN note TO remark", ORDERS, ("*",), "column", "note"),
    Break(
        'ALTER TABLE shop."Odd Table" DROP COLUMN "odd column"',
        'shop."Odd Table"',
        ("odd column",),
        "column",
        "odd column",
    ),
    Break(
        "ALTER VIEW shop.open_orders RENAME COLUMN customer TO buyer",
        "shop.open_orders",
        ("customer",),
        "column",
        "customer",
    ),
    Break(
        "ALTER TABLE shop.open_orders RENAME COLUMN customer TO buyer",
        "shop.open_orders",
        ("customer",),
        "column",
        "customer",
    ),
    Break(
        "ALTER MATERIALIZED VIEW shop.sales RENAME COLUMN revenue TO income",
        "shop.sales",
        ("revenue",),
        "column",
        "revenue",
    ),
    Break("ALTER FOREIGN TABLE shop.rates DROP COLUMN rate", "shop.rates", ("rate",), "column", "rate"),
    Break("ALTER FOREIGN TABLE shop.rates RENAME COLUMN rate TO price", "shop.rates", ("rate",), "column", "rate"),
    Break(
        "ALTER TABLE shop.orders DROP COLUMN note; ALTER TABLE shop.orders RENAME COLUMN id TO note",
        ORDERS,
        ("id",),
        "column",
        "id",
    ),
    # Relations.
    Break("DROP TABLE shop.orders CASCADE", ORDERS, ("id",), "table"),
    Break("DROP TABLE shop.orders CASCADE", ORDERS, (), "table"),
    Break("DROP TABLE shop.orders CASCADE", "shop.open_orders", ("id",), "table"),
    Break("ALTER TABLE shop.orders DROP COLUMN total CASCADE", "shop.open_orders", ("id",), "table"),
    Break("DROP FUNCTION shop.shout CASCADE", "shop.loud", ("name",), "table"),
    Break("ALTER TABLE shop.orders RENAME TO sales_orders", ORDERS, ("id",), "table"),
    Break("ALTER TABLE shop.orders SET SCHEMA archive", ORDERS, ("id",), "table"),
    Break("DROP VIEW shop.open_orders", "shop.open_orders", ("id",), "table"),
    Break("ALTER VIEW shop.open_orders RENAME TO unshipped", "shop.open_orders", ("id",), "table"),
    Break("ALTER TABLE shop.open_orders RENAME TO unshipped", "shop.open_orders", ("id",), "table"),
    Break("ALTER VIEW shop.open_orders SET SCHEMA archive", "shop.open_orders", ("id",), "table"),
    Break("DROP MATERIALIZED VIEW shop.sales", "shop.sales", ("sku",), "table"),
    Break("ALTER MATERIALIZED VIEW shop.sales RENAME TO revenue", "shop.sales", ("sku",), "table"),
    Break("ALTER MATERIALIZED VIEW shop.sales SET SCHEMA archive", "shop.sales", ("sku",), "table"),
    Break("DROP FOREIGN TABLE shop.rates", "shop.rates", ("rate",), "table"),
    Break("ALTER FOREIGN TABLE shop.rates RENAME TO exchange_rates", "shop.rates", ("rate",), "table"),
    Break("ALTER FOREIGN TABLE shop.rates SET SCHEMA archive", "shop.rates", ("rate",), "table"),
    Break("DROP OWNED BY shop_owner CASCADE", ORDERS, ("id",), "table"),
    Break("DROP TABLE shop.visits_2025", "shop.visits_2025", ("page",), "table"),
    Break("DROP TABLE shop.visits", "shop.visits_2025", ("page",), "table"),
    Break("DROP TABLE shop.order_lines CASCADE", "shop.*", ("*",), "table", reported="shop.order_lines"),
    Break("ALTER TABLE shop.order_lines RENAME TO lines", "shop.*", ("*",), "table", reported="shop.order_lines"),
    # Schemas.
    Break("DROP SCHEMA shop CASCADE", ORDERS, ("id",), "table"),
    Break("DROP SCHEMA shop CASCADE", "shop.*", ("*",), "table", reported="shop.*"),
    Break("ALTER SCHEMA shop RENAME TO store", ORDERS, ("id",), "table"),
    Break("ALTER SCHEMA shop RENAME TO store", "shop.*", ("*",), "table", reported="shop.*"),
    Break("DROP SCHEMA archive", "archive.*", ("*",), "table"),
    Break("ALTER SCHEMA archive RENAME TO attic", "archive.*", ("*",), "table"),
    # Types of columns.
    Break("ALTER TABLE shop.orders ALTER COLUMN note TYPE text", ORDERS, ("note",), "type", "note"),
    Break(
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE text",
        ORDERS,
        ({"name": "note", "type": "varchar"},),
        "type",
        "note",
    ),
    Break(
        "ALTER TABLE shop.parcels ALTER COLUMN weight TYPE bigint",
        "shop.parcels",
        ({"name": "weight", "type": "int"},),
        "type",
        "weight",
    ),
    Break("ALTER FOREIGN TABLE shop.rates ALTER COLUMN rate TYPE text", "shop.rates", ("rate",), "type", "rate"),
    Break("ALTER TYPE shop.order_status RENAME TO order_state", ORDERS, ("status",), "type", "status"),
    Break(
        "ALTER TYPE shop.order_status RENAME TO order_state",
        ORDERS,
        ({"name": "status", "type": "order_status"},),
        "type",
        "status",
    ),
    Break("ALTER TYPE shop.order_status SET SCHEMA archive", ORDERS, ("status",), "type", "status"),
    Break("DROP TYPE shop.order_status CASCADE", ORDERS, ("status",), "column", "status"),
    Break("ALTER DOMAIN shop.email RENAME TO address", "shop.customers", ("email",), "type", "email"),
    Break("ALTER DOMAIN shop.email SET SCHEMA archive", "shop.customers", ("email",), "type", "email"),
    Break("DROP DOMAIN shop.email CASCADE", "shop.customers", ("email",), "column", "email"),
    Break("ALTER TYPE shop.email RENAME TO address", "shop.customers", ("email",), "type", "email"),
    Break("ALTER TYPE kinds.colour RENAME TO hue", PAINTS, ("others",), "type", "others"),
    Break("ALTER TYPE kinds.colour SET SCHEMA archive", PAINTS, ("others",), "type", "others"),
    Break("ALTER SCHEMA kinds RENAME TO types", PAINTS, ("colour",), "type", "colour"),
    Break("ALTER SCHEMA kinds RENAME TO types", PAINTS, ("others",), "type", "others"),
    Break("DROP SCHEMA kinds CASCADE", PAINTS, ("paint",), "column", "paint"),
    Break("ALTER TYPE kinds.size RENAME TO dimensions", PAINTS, ("size",), "type", "size"),
    Break(
        "ALTER TYPE kinds.extent RENAME ATTRIBUTE width TO breadth CASCADE", "shop.boxes", ("width",), "column", "width"
    ),
    Break("ALTER TYPE kinds.extent DROP ATTRIBUTE width CASCADE", "shop.boxes", ("width",), "column", "width"),
    Break(
        "ALTER TYPE kinds.extent ALTER ATTRIBUTE width TYPE bigint CASCADE", "shop.boxes", ("width",), "type", "width"
    ),
    Break("ALTER TABLE shop.secrets RENAME TO mysteries", "shop.copies", ("original",), "type", "original"),
    Break("DROP EXTENSION hstore CASCADE", "shop.labels", ("tags",), "column", "tags", by="postgres"),
    Break("ALTER EXTENSION hstore SET SCHEMA archive", "shop.labels", ("tags",), "type", "tags", by="postgres"),
    # Lengths and precisions.
    Break(
        "ALTER TABLE shop.customers ALTER COLUMN phone TYPE varchar(19)",
        "shop.customers",
        ({"name": "phone", "min_length": 20},),
        "min_length",
        "phone",
    ),
    Break("ALTER TABLE shop.reviews ALTER COLUMN fee TYPE numeric(9, 2)", REVIEWS, ("fee",), "min_length", "fee"),
    Break("ALTER TABLE shop.reviews ALTER COLUMN cost TYPE numeric(20, 2)", REVIEWS, ("cost",), "min_length", "cost"),
    Break("ALTER TABLE shop.reviews ALTER COLUMN body TYPE varchar(1000)", REVIEWS, ("body",), "min_length", "body"),
    # Nulls.
    Break("ALTER TABLE shop.reviews ALTER COLUMN stars DROP NOT NULL", REVIEWS, ("stars",), "is_nullable", "stars"),
    Break(
        "ALTER TABLE shop.reviews ALTER COLUMN stars DROP NOT NULL",
        REVIEWS,
        ({"name": "stars", "is_nullable": "false"},),
        "is_nullable",
        "stars",
    ),
    Break(
        "ALTER FOREIGN TABLE shop.rates ALTER COLUMN currency DROP NOT NULL",
        "shop.rates",
        ("currency",),
        "is_nullable",
        "currency",
    ),
    Break("ALTER DOMAIN kinds.score DROP NOT NULL", REVIEWS, STRICT_SCORE, "is_nullable", "score"),
    Break("ALTER DOMAIN kinds.score DROP NOT NULL", REVIEWS, ("score",), "is_nullable", "score"),
    # Through parents.
    Break(
        "ALTER TABLE shop.parcels RENAME COLUMN weight TO grams", "shop.air_parcels", ("weight",), "column", "weight"
    ),
    Break("ALTER TABLE shop.parcels DROP COLUMN weight", "shop.air_parcels", ("weight",), "column", "weight"),
    Break(
        "ALTER TABLE shop.parcels ALTER COLUMN weight TYPE bigint", "shop.air_parcels", ("weight",), "type", "weight"
    ),
    Break(
        "ALTER TABLE shop.parcels ALTER COLUMN weight DROP NOT NULL",
        "shop.air_parcels",
        ("weight",),
        "is_nullable",
        "weight",
    ),
    Break("DROP TABLE shop.parcels CASCADE", "shop.air_parcels", ("weight",), "table"),
    Break("ALTER TABLE shop.visits RENAME COLUMN page TO url", "shop.visits_2025", ("page",), "column", "page"),
    Break("ALTER TABLE shop.visits DROP COLUMN page", "shop.visits_2026", ("page",), "column", "page"),
    Break("ALTER TABLE shop.visits ALTER COLUMN page TYPE varchar", "shop.visits_2026", ("page",), "type", "page"),
    # Made anew as something else.
    Break(
        "ALTER TABLE shop.orders DROP COLUMN note; ALTER TABLE shop.orders ADD COLUMN note integer",
        ORDERS,
        ("note",),
        "type",
        "note",
    ),
    Break(
        "DROP TABLE shop.order_lines CASCADE; CREATE TABLE shop.order_lines (order_id bigint)",
        "shop.order_lines",
        ("price",),
        "column",
        "price",
    ),
    Break(
        "DROP VIEW shop.loud; CREATE VIEW shop.loud AS SELECT id FROM shop.products",
        "shop.loud",
        ("name",),
        "column",
        "name",
    ),
    Break(
        "DROP VIEW shop.loud; CREATE VIEW shop.loud AS SELECT id, 1 AS name FROM shop.products",
        "shop.loud",
        ("name",),
        "type",
        "name",
    ),
    Break(
        "ALTER TABLE shop.orders RENAME TO old_orders; CREATE TABLE shop.orders AS SELECT id FROM shop.old_orders",
        ORDERS,
        ("note",),
        "column",
        "note",
    ),
    Break(
        "ALTER TABLE shop.orders RENAME TO old_orders; SELECT id INTO shop.orders FROM shop.old_orders",
        ORDERS,
        ("note",),
        "column",
        "note",
    ),
    # Privileges.
    Break("REVOKE SELECT ON shop.orders FROM reporter", ORDERS, ("note",), "privilege", "note", by="postgres"),
    Break("REVOKE SELECT (note) ON shop.orders FROM reporter", ORDERS, ("id", "note"), "privilege", "note"),
    Break("REVOKE ALL ON shop.orders FROM reporter", ORDERS, ("note",), "privilege", "note"),
    Break("REVOKE ALL ON ALL TABLES IN SCHEMA shop FROM reporter", ORDERS, ("note",), "privilege", "note"),
    Break("REVOKE USAGE ON SCHEMA shop FROM reporter", ORDERS, (), "privilege"),
    Break("REVOKE ALL ON SCHEMA shop FROM reporter", ORDERS, ("note",), "privilege"),
    Break("DROP OWNED BY reporter", ORDERS, ("note",), "privilege", by="postgres"),
    # Row level security.
    Break(ENABLE, ORDERS, ("id",), "row_security"),
    Break(
        f"{ENABLE}; CREATE POLICY writing ON shop.orders FOR INSERT WITH CHECK (true)",
        ORDERS,
        (),
        "row_security",
    ),
    Break(
        f"{ENABLE}; CREATE POLICY other ON shop.orders TO shop_owner USING (true)",
        ORDERS,
        ("id",),
        "row_security",
    ),
    Break("DROP POLICY readable ON shop.secrets", SECRETS, ("id",), "row_security"),
    Break(
        """ALTER TABLE shop.secrets RENAME TO meanwhile; DROP POLICY readable ON shop.meanwhile;
           ALTER TABLE shop.meanwhile RENAME TO secrets""",
        SECRETS,
        ("id",),
        "row_security",
    ),
    Break("ALTER POLICY readable ON shop.secrets TO shop_owner", SECRETS, ("id",), "row_security"),
    Break(
        "DROP POLICY readable ON shop.secrets; CREATE POLICY readable ON shop.secrets AS RESTRICTIVE USING (true)",
        SECRETS,
        ("id",),
        "row_security",
    ),
]


@pytest.mark.parametrize("case", BREAKS, ids=str)
def test_a_breaking_migration_is_refused_at_commit_and_leaves_nothing_behind(shop, case):
    superuser, migrator = shop("postgres"), shop(case.by)
    specification = {"match": {"path": case.path, "fields": list(case.fields)}}
    superuser.run("SELECT integratedb_claim('reporter', %s)", Jsonb(specification))
    before = everything(superuser)

    migrator.run("BEGIN")
    try:
        migrator.run(case.ddl)
        problems = problems_in(migrator)
        with refused("IDB01") as refusal:
            migrator.run("COMMIT")
    finally:
        migrator.rollback()

    path = case.reported or case.path
    assert (path, case.field, case.property) in {(p["path"], p["field"], p["property"]) for p in problems}
    detail = refusal.value.diag.message_detail or ""
    assert f"reporter (claims): {path}" in detail or f"; {path}" in detail
    assert everything(superuser) == before
    assert superuser.rows("SELECT * FROM integratedb_unmet_claims()") == []


def problems_in(session: Session) -> list[dict[str, Any]]:
    """The problems that the open transaction would be refused for."""
    return [problem for row in session.dicts("SELECT * FROM integratedb_unmet_claims()") for problem in row["problems"]]


def everything(superuser: Session) -> list[Any]:
    """What a refused migration may not change: objects with their columns and access lists, and our own tables."""
    return [
        superuser.rows(query)
        for query in (
            """SELECT c.oid::regclass::text, c.oid, c.relkind, c.relacl::text, c.relrowsecurity,
                      a.attnum, a.attname, a.atttypid::regtype::text, a.atttypmod, a.attnotnull, a.attacl::text
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                WHERE c.relnamespace::regnamespace::text !~ '^(pg_|information_schema|integratedb)'
                ORDER BY c.oid, a.attnum""",
            "SELECT oid, nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY oid",
            "SELECT oid, typname, typnamespace, typnotnull FROM pg_type ORDER BY oid",
            "SELECT polname, polrelid, polroles::text FROM pg_policy ORDER BY oid",
            *(f"SELECT * FROM integratedb.{table} ORDER BY 1, 2, 3" for table in OWN_TABLES),
        )
    ]


OWN_TABLES = ("specification", "claim", "claim_relation", "claim_column", "own_grant", "own_usage", "ddl_event")
