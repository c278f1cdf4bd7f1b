"""Submitting a specification: what is taken, what it becomes, what is refused, and that nothing is changed then."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from integratedb.specification.type_names import parse_type_name
from integratedb.specification.type_spellings import written_type
from tests.support import Session, refused

CLAIM = "SELECT integratedb_claim('reporter', %s)"
SPECIFICATION = "SELECT integratedb_specification('reporter')"

# All that a claim may change.
WORLD = """
SELECT (SELECT array_agg(s ORDER BY s.id) FROM integratedb.specification AS s)::text,
       (SELECT array_agg(c ORDER BY c.id) FROM integratedb.claim AS c)::text,
       (SELECT array_agg(c ORDER BY c.id) FROM integratedb.claim_relation AS c)::text,
       (SELECT array_agg(c ORDER BY c.relation_id, c.field) FROM integratedb.claim_column AS c)::text,
       (SELECT array_agg(g ORDER BY g.relid, g.attnum) FROM integratedb.own_grant AS g)::text,
       (SELECT array_agg((attrelid, attnum, attacl) ORDER BY attrelid, attnum)
          FROM pg_attribute WHERE attacl IS NOT NULL)::text,
       (SELECT array_agg((oid, nspacl) ORDER BY oid) FROM pg_namespace WHERE nspacl IS NOT NULL)::text,
       (SELECT array_agg((oid, relacl) ORDER BY oid) FROM pg_class WHERE relacl IS NOT NULL)::text,
       (SELECT count(*) FROM integratedb.ddl_event),
       (SELECT count(*) FROM integratedb.stakeholder)
"""

Check = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def check(owner: Session) -> Check:
    """``check(*matches)``: the rows of integratedb_check_spec()."""

    def check(*matches: dict[str, Any]) -> list[dict[str, Any]]:
        return owner.dicts("SELECT * FROM integratedb_check_spec(%s)", Jsonb({"match": list(matches)}))

    return check


def field(expanded: dict[str, Any], position: int = 0) -> dict[str, Any]:
    """A field of the first match of an expanded specification."""
    found: dict[str, Any] = expanded["match"][0]["fields"][position]
    return found


# Forms and their short form

ORDERS = {"path": "shop.orders"}
EXACT_ID = {"name": "id", "type": "bigint", "min_length": 64, "is_nullable": False}

SHORT_FORMS: list[tuple[str, Any, Any]] = [
    ("a table alone", ORDERS, ORDERS),
    ("fields null", {**ORDERS, "fields": None}, ORDERS),
    ("fields empty", {**ORDERS, "fields": []}, ORDERS),
    ("all fields", {**ORDERS, "fields": ["*"]}, {**ORDERS, "fields": ["*"]}),
    ("names", {**ORDERS, "fields": ["id", "note"]}, {**ORDERS, "fields": ["id", "note"]}),
    ("an object with a name", {**ORDERS, "fields": [{"name": "id"}]}, {**ORDERS, "fields": ["id"]}),
    ("every property", {**ORDERS, "fields": [EXACT_ID]}, {**ORDERS, "fields": [EXACT_ID]}),
    (
        "a boolean as text",
        {**ORDERS, "fields": [{"name": "id", "is_nullable": "false"}]},
        {**ORDERS, "fields": [{"name": "id", "is_nullable": False}]},
    ),
    (
        "unlimited",
        {"path": "shop.products", "fields": [{"name": "name", "min_length": "unlimited"}]},
        {"path": "shop.products", "fields": [{"name": "name", "min_length": "unlimited"}]},
    ),
    (
        "blanks around a type",
        {**ORDERS, "fields": [{"name": "placed_at", "type": "  timestamp  with time zone "}]},
        {**ORDERS, "fields": [{"name": "placed_at", "type": "timestamp with time zone"}]},
    ),
    (
        "an optional field",
        {**ORDERS, "fields": [{"name": "tracking", "optional": True}, {"name": "id", "optional": False}]},
        {**ORDERS, "fields": [{"name": "tracking", "optional": True}, "id"]},
    ),
    (
        "field alternatives",
        {**ORDERS, "fields": [{"alternatives": ["state", {"name": "status"}], "optional": False}]},
        {**ORDERS, "fields": [{"alternatives": ["state", "status"]}]},
    ),
    (
        "optional field alternatives",
        {**ORDERS, "fields": [{"alternatives": ["a", {"name": "b", "type": "text"}], "optional": True}]},
        {**ORDERS, "fields": [{"alternatives": ["a", {"name": "b", "type": "text"}], "optional": True}]},
    ),
    ("one field alternative", {**ORDERS, "fields": [{"alternatives": ["id"]}]}, {**ORDERS, "fields": ["id"]}),
    (
        "alternatives",
        {"alternatives": [{"path": "shop.invoices", "fields": ["id"]}, {**ORDERS, "fields": ["*"]}]},
        {"alternatives": [{"path": "shop.invoices", "fields": ["id"]}, {**ORDERS, "fields": ["*"]}]},
    ),
    ("one alternative", {"alternatives": [{**ORDERS, "fields": ["id"]}]}, {**ORDERS, "fields": ["id"]}),
    (
        "optional alternatives",
        {"alternatives": [{"path": "shop.a"}, {"path": "shop.b"}], "optional": True},
        {"alternatives": [{"path": "shop.a"}, {"path": "shop.b"}], "optional": True},
    ),
    ("an optional match", {"path": "shop.a", "optional": True}, {"path": "shop.a", "optional": True}),
    ("a required match", {**ORDERS, "optional": False}, ORDERS),
    ("needless quotes", {"path": '"shop"."orders"'}, ORDERS),
    ("a schema", {"path": "shop.*", "fields": ["*"]}, {"path": "shop.*", "fields": ["*"]}),
    ("a schema in quotes", {"path": '"shop".*', "fields": ["*"]}, {"path": "shop.*", "fields": ["*"]}),
    ("a schema to come", {"path": "soon.*", "fields": ["*"], "optional": True}, None),
]


def test_every_form_is_taken_and_given_back_in_its_short_form(admin, claim):
    wrong = {}
    for name, given, short in SHORT_FORMS:
        claim(given)
        stored = admin.value(SPECIFICATION)
        if stored != {"match": [short or given]}:
            wrong[name] = stored
    assert wrong == {}


def test_the_short_form_of_a_short_form_is_itself(admin, claim):
    shorts: list[Any] = []
    for _, given, short in SHORT_FORMS:
        if (short or given) not in shorts:
            shorts.append(short or given)
    claim(*shorts)
    assert admin.value(SPECIFICATION) == {"match": shorts}


def test_a_single_object_is_an_array_of_one(admin, stakeholder):
    stakeholder("reporter")
    expanded = admin.value(CLAIM, Jsonb({"match": {"path": "shop.orders"}}))
    assert len(expanded["match"]) == 1
    assert admin.value(SPECIFICATION) == {"match": [ORDERS]}


def test_an_empty_match_gives_everything_up(admin, superuser, claim):
    claim({**ORDERS, "fields": ["*"]})
    assert claim() == {"match": []}
    assert admin.value(SPECIFICATION) == {"match": []}
    assert superuser.row(WORLD)[1:5] == (None, None, None, None)
    assert superuser.value("SELECT has_schema_privilege('reporter', 'shop', 'USAGE')") is False


def test_without_a_specification_the_short_form_is_empty(admin, stakeholder):
    stakeholder("reporter")
    assert admin.value(SPECIFICATION) == {"match": []}
    assert admin.value("SELECT integratedb_specification('reporter', 'notifications')") == {"match": []}
    with refused("22023", match="'other'"):
        admin.run("SELECT integratedb_specification('reporter', 'other')")


# What a specification is expanded to


def test_every_property_is_filled_in_from_the_catalog(claim):
    assert claim({**ORDERS, "fields": ["id", "status", "total", "note"]}) == {
        "match": [
            {
                "path": "shop.orders",
                "optional": False,
                "fields": [
                    {**EXACT_ID, "type": "bigint", "optional": False},
                    {
                        "name": "status",
                        "type": "shop.order_status",
                        "min_length": "unlimited",
                        "is_nullable": False,
                        "optional": False,
                    },
                    {
                        "name": "total",
                        "type": "numeric",
                        "min_length": 12,
                        "is_nullable": False,
                        "optional": False,
                    },
                    {
                        "name": "note",
                        "type": "character varying",
                        "min_length": 200,
                        "is_nullable": True,
                        "optional": False,
                    },
                ],
            }
        ]
    }


def test_what_is_written_down_stays_as_it_is(claim):
    expanded = claim({**ORDERS, "fields": [{"name": "note", "min_length": 10, "is_nullable": True, "type": "varchar"}]})
    assert field(expanded) == {
        "name": "note",
        "type": "character varying",
        "min_length": 10,
        "is_nullable": True,
        "optional": False,
    }


def test_a_star_stands_for_every_column_in_their_order(claim):
    expanded = claim({"path": "shop.order_lines", "fields": ["*"]})
    assert [one["name"] for one in expanded["match"][0]["fields"]] == ["order_id", "product_id", "quantity", "price"]


def test_alternatives_that_do_not_exist_are_kept_as_they_are(claim):
    expanded = claim(
        {
            "alternatives": [
                {"path": "shop.invoices", "fields": ["id"]},
                {**ORDERS, "fields": [{"alternatives": ["state", "status"]}]},
            ]
        }
    )
    first, second = expanded["match"][0]["alternatives"]
    assert first == {"path": "shop.invoices", "fields": [{"name": "id", "optional": False}]}
    state, status = second["fields"][0]["alternatives"]
    assert (state, status["type"]) == ({"name": "state"}, "shop.order_status")


def test_a_schema_stands_for_its_relations_without_single_partitions(owner, superuser, claim):
    superuser.run("""
        CREATE EXTENSION file_fdw;
        CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
        CREATE FOREIGN TABLE shop.prices (sku text) SERVER files OPTIONS (filename '/dev/null');
    """)
    expanded = claim({"path": "shop.*", "fields": ["*"]})["match"][0]
    assert expanded["path"] == "shop.*"
    assert sorted(relation["path"] for relation in expanded["relations"]) == [
        "shop.customers",
        "shop.open_orders",
        "shop.order_lines",
        "shop.orders",
        "shop.prices",
        "shop.products",
        "shop.sales",
        "shop.visits",
    ]


def test_an_empty_schema_can_be_claimed_and_a_missing_one_cannot(superuser, claim, admin):
    superuser.run("CREATE SCHEMA archive")
    assert claim({"path": "archive.*", "fields": ["*"]})["match"][0]["relations"] == []
    with refused("IDB03", match="nowhere"):
        admin.run(CLAIM, Jsonb({"match": {"path": "nowhere.*", "fields": ["*"]}}))


# Relations of every kind


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("shop.open_orders", 4),
        ("shop.sales", 3),
        ("shop.visits", 3),
        ("shop.visits_2026", 3),
        ("shop.prices", 1),
        ("shop.unborn", 1),
        ("shop.empty", 0),
    ],
)
def test_views_materialised_views_foreign_and_partitioned_tables_are_claimed_and_read(
    superuser, owner, claim, stakeholder, path, columns
):
    superuser.run("""
        CREATE EXTENSION file_fdw;
        CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
        CREATE FOREIGN TABLE shop.prices (sku text) SERVER files OPTIONS (filename '/dev/null');
    """)
    owner.run("CREATE MATERIALIZED VIEW shop.unborn AS SELECT 1 AS a WITH NO DATA; CREATE TABLE shop.empty ()")
    reporter = stakeholder("reporter")
    assert len(claim({"path": path, "fields": ["*"]})["match"][0]["fields"]) == columns
    if path == "shop.unborn":
        owner.run("REFRESH MATERIALIZED VIEW shop.unborn")
    if columns:
        reporter.rows(f"SELECT * FROM {path}")


@pytest.mark.parametrize("path", ["shop.orders_pkey", "shop.orders_id_seq", "shop.order_status", "shop.address"])
def test_indexes_sequences_and_types_are_no_tables(owner, claim, path):
    owner.run("CREATE TYPE shop.address AS (street text)")
    with refused("IDB03", match=path):
        claim({"path": path})


WEIRD = ["Order Items; DROP TABLE shop.orders; --", 'a"b', "a.b", "größe ✓", "SELECT", " x ", "%s", "9lives", "a'b\\"]


def test_names_that_need_quotes_are_claimed_granted_and_read(superuser, owner, claim, stakeholder, admin):
    reporter = stakeholder("reporter")
    matches = []
    for name in WEIRD:
        identifier = sql.Identifier(name)
        superuser.run(sql.SQL("CREATE SCHEMA {} AUTHORIZATION shop_owner").format(identifier))
        owner.run(sql.SQL("CREATE TABLE {0}.{0} ({0} integer, other integer)").format(identifier))
        quoted = '"' + name.replace('"', '""') + '"'
        matches.append({"path": f"{quoted}.{quoted}", "fields": [name]})
    claim(*matches)
    for name in WEIRD:
        identifier = sql.Identifier(name)
        assert reporter.rows(sql.SQL("SELECT {0} FROM {0}.{0}").format(identifier)) == []
        with refused("42501"):
            reporter.rows(sql.SQL("SELECT other FROM {0}.{0}").format(identifier))
    assert [match["fields"] for match in admin.value(SPECIFICATION)["match"]] == [[name] for name in WEIRD]
    assert superuser.value("SELECT to_regclass('shop.orders') IS NOT NULL")


def test_a_path_is_compared_exactly_as_written(owner, claim, check):
    owner.run('CREATE TABLE shop."Orders" ("Id" integer)')
    assert claim({"path": "shop.Orders", "fields": ["Id"]})["match"][0]["path"] == "shop.Orders"
    problems = check({"path": "shop.Orders", "fields": ["id"]}, {"path": "shop.ORDERS"}, {"path": "Shop.orders"})
    assert [problem["property"] for problem in problems] == ["column", "table", "table"]


# Types

TYPES: list[tuple[str, str, str]] = [
    # column; what matches; what does not
    (
        "integer",
        'int | int4 | integer | INT | Integer | pg_catalog.int4 | "int4"',
        'bigint | "Int4" | shop.int4 | oid | int[]',
    ),
    ("smallint", "smallint | int2", "integer"),
    ("bigint", "int8 | bigint", "int"),
    (
        "varchar(20)",
        "varchar | character varying | CHARACTER VARYING | char varying | pg_catalog.varchar",
        "text | char",
    ),
    ("char(3)", "char | character | bpchar", '"char" | varchar'),
    ('"char"', '"char" | pg_catalog."char"', "char"),
    ("timestamptz(3)", "timestamptz | timestamp with time zone", "timestamp | timestamp without time zone"),
    ("time", "time | time without time zone", "timetz"),
    ("double precision", "double precision | float8 | float | DOUBLE PRECISION", "real"),
    ("numeric(10, 2)", "numeric | decimal | dec", "integer"),
    ("bit(3)", "bit", "bit varying | varbit"),
    ("boolean", "bool | boolean", "int"),
    ("interval day to second", "interval", "time"),
    (
        "text[]",
        "text[] | text [] | text[][] | text array | _text | pg_catalog._text | ARRAY | array | pg_catalog.text[]",
        "text | varchar[]",
    ),
    ("int4range", "int4range", "int4multirange | USER-DEFINED"),
    (
        "shop.order_status",
        "order_status | shop.order_status | USER-DEFINED | Shop.Order_Status",
        "text | public.order_status",
    ),
    ("shop.order_status[]", "order_status[] | shop.order_status[] | ARRAY", "order_status | USER-DEFINED"),
    ("shop.email", "email | shop.email | text", "varchar | USER-DEFINED | public.email"),
    ("shop.code", "code | shop.code | varchar | character varying", "text | email"),
    ("shop.short_code", "short_code | varchar", "code"),
    ("shop.state", "state | shop.state | USER-DEFINED", "order_status | text"),
    ("shop.tags", "tags | shop.tags | ARRAY | text[]", "text"),
    ("shop.address", "address | shop.address | USER-DEFINED", "text"),
    ('shop."Weird ""Type"', '"Weird ""Type" | shop."Weird ""Type" | USER-DEFINED', 'weird | shop."Weird ""Type"[]'),
    ('shop."UPPER"', '"UPPER" | shop."UPPER"', "UPPER | upper | shop.UPPER"),
    ("text", "text", "nosuchtype | shop.nosuchtype | nosuch.text | citext"),
]

OWN_TYPES = """
CREATE DOMAIN shop.code AS varchar(9);
CREATE DOMAIN shop.short_code AS shop.code;
CREATE DOMAIN shop.state AS shop.order_status;
CREATE DOMAIN shop.tags AS text[];
CREATE DOMAIN shop.certain AS integer NOT NULL;
CREATE DOMAIN shop.price AS numeric(6, 2);
CREATE TYPE shop.address AS (street text);
CREATE TYPE shop."Weird ""Type" AS ENUM ('a');
CREATE TYPE shop."UPPER" AS ENUM ('a');
"""


def test_a_type_matches_by_every_name_that_postgres_has_for_it(owner, check):
    owner.run(OWN_TYPES)
    owner.run(f"CREATE TABLE shop.typed ({', '.join(f'c{i} {column}' for i, (column, _, _) in enumerate(TYPES))})")
    wrong = []
    for number, (column, matching, others) in enumerate(TYPES):
        for names, expected in ((matching, []), (others, ["type"])):
            for name in names.split(" | "):
                problems = check({"path": "shop.typed", "fields": [{"name": f"c{number}", "type": name}]})
                if [problem["property"] for problem in problems] != expected:
                    wrong.append((column, name, problems))
    assert wrong == []


def test_every_built_in_type_matches_by_what_information_schema_and_postgres_call_it(superuser, owner, check):
    types = superuser.rows("""
        SELECT typname, format_type(oid, NULL) FROM pg_type
         WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typarray <> 0
         ORDER BY oid""")
    assert len(types) > 60
    columns = ", ".join(f'"{name}" {written}, "{name}s" {written}[]' for name, written in types)
    superuser.run(f"CREATE TABLE shop.everything ({columns})")
    named = dict(
        superuser.rows("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'everything'")
    )
    for spell in (
        lambda name, written: (named[name], named[f"{name}s"]),
        lambda name, written: (written, f"{written}[]"),
        lambda name, written: (f'pg_catalog."{name}"', f'pg_catalog."{name}"[]'),
        lambda name, written: (f'"{name}"', f'"{name}"[]'),
    ):
        fields = []
        for name, written in types:
            element, array = spell(name, written)
            fields += [{"name": name, "type": element}, {"name": f"{name}s", "type": array}]
        assert check({"path": "shop.everything", "fields": fields}) == []


def test_the_built_in_type_is_meant_whatever_the_session_has_of_that_name(owner, claim, check, connect):
    claim({"path": "shop.products", "fields": [{"name": "name", "type": "text"}]})
    owner.run('CREATE TEMPORARY TABLE "text" (a integer); CREATE TEMPORARY TABLE customers (a integer)')
    assert check({"path": "shop.products", "fields": [{"name": "name", "type": "text"}]}) == []
    (problem,) = check({"path": "shop.products", "fields": [{"name": "name", "type": "customers"}]})
    assert problem["expected"] == "customers"
    owner.run("ALTER TABLE shop.products ADD COLUMN weight integer")
    assert owner.rows("SELECT * FROM integratedb_unmet_claims()") == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("timestamp(3) with time zone", "min_length"),
        ("shop.order_status(3)", "min_length"),
        ("varchar(x)", "min_length"),
        ("numeric(10, 2)", "leave that out: numeric(10)"),
        ("varchar(0)", "1 to 10485760"),
    ],
)
def test_a_modifier_that_cannot_be_claimed_is_refused_with_a_remedy(claim, name, remedy):
    with refused("IDB02") as error:
        claim({**ORDERS, "fields": [{"name": "note", "type": name}]})
    ((message, place),) = json.loads(error.value.diag.message_detail or "")
    assert place == "#/match/0/fields/0/type"
    assert name in message
    assert remedy in message


@pytest.mark.parametrize(
    ("column", "name", "too_long"),
    [
        ("varchar(40)", "varchar(40)", "varchar(41)"),
        ("varchar(40)", "character varying (30)", "pg_catalog.varchar(60)"),
        ("char(5)", "char(5)", "character(6)"),
        ("varchar(40)[]", "varchar(40)[]", "character varying(50) ARRAY"),
        ("bit varying(8)", "bit varying(8)", "varbit(9)"),
        ("numeric(10, 2)", "numeric(10)", "decimal(11, 0)"),
    ],
)
def test_a_length_in_a_type_is_a_min_length(owner, admin, claim, check, column, name, too_long):
    owner.run(f"CREATE TABLE shop.long (c {column})")
    length = int(re.findall(r"\d+", name)[0])
    expanded = field(claim({"path": "shop.long", "fields": [{"name": "c", "type": name}]}))
    assert expanded["min_length"] == length
    assert "(" not in expanded["type"]
    # What was written is what is kept.
    (kept,) = admin.value(SPECIFICATION)["match"]
    assert kept["fields"] == [{"name": "c", "type": " ".join(name.split()).replace(" (", "(")}]
    (problem,) = check({"path": "shop.long", "fields": [{"name": "c", "type": too_long}]})
    assert (problem["property"], problem["expected"]) == ("min_length", int(re.findall(r"\d+", too_long)[0]))


def test_a_length_is_said_once(claim):
    claim({**ORDERS, "fields": [{"name": "note", "type": "varchar(40)", "min_length": 40}]})
    with refused("IDB02", match="40 is not the length that the type says"):
        claim({**ORDERS, "fields": [{"name": "note", "type": "varchar(41)", "min_length": 40}]})


# What a type is called in answers: as a person would write it, whatever the search path of whoever asks.

WRITTEN = {
    "bigint": "bigint",
    "int[]": "integer[]",
    "varchar(40)": "character varying(40)",
    "varchar": "character varying",
    "char(3)": "character(3)",
    "varchar(7)[]": "character varying(7)[]",
    "bit(3)": "bit(3)",
    "numeric(12, 2)": "numeric(12,2)",
    "timestamptz(3)": "timestamp(3) with time zone",
    "interval day to second": "interval day to second",
    '"char"': '"char"',
    "text": "text",
    "shop.order_status": "shop.order_status",
    "shop.order_status[]": "shop.order_status[]",
    "shop.email": "shop.email",
    'shop."UPPER"': 'shop."UPPER"',
    "shop.text": "shop.text",
}


@pytest.mark.parametrize("path", ["pg_catalog", "shop, pg_catalog", "shop"])
def test_types_are_called_as_people_write_them(owner, admin, check, path):
    owner.run("""CREATE TYPE shop."UPPER" AS ENUM ('a'); CREATE DOMAIN shop.text AS pg_catalog.text""")
    owner.run(f"CREATE TABLE shop.typed ({', '.join(f'c{i} {column}' for i, column in enumerate(WRITTEN))})")
    admin.run(f"SET search_path = {path}, public")
    fields = [{"name": f"c{number}", "type": "uuid"} for number in range(len(WRITTEN))]
    found = {one["field"]: one for one in check({"path": "shop.typed", "fields": fields}) if one["property"] == "type"}
    assert [found[f"c{number}"]["actual"] for number in range(len(WRITTEN))] == list(WRITTEN.values())
    assert {one["expected"] for one in found.values()} == {"uuid"}


def test_what_is_said_of_a_claim_is_accepted_as_a_claim(superuser, owner, claim, check):
    """The names in answers are names to claim by; but a precision that no claim can hold is left out."""
    owner.run("CREATE TYPE shop.\"UPPER\" AS ENUM ('a'); CREATE DOMAIN shop.text AS pg_catalog.text")
    owner.run(f"CREATE TABLE shop.typed ({', '.join(f'c{i} {column}' for i, column in enumerate(WRITTEN))})")
    expanded = claim({"path": "shop.typed", "fields": [f"c{number}" for number in range(len(WRITTEN))]})
    assert "pg_catalog" not in json.dumps(expanded)
    assert claim(*expanded["match"]) == expanded


def test_python_and_postgres_call_a_type_alike(superuser):
    for exact, written in superuser.rows("""
        SELECT t.exact, integratedb.written_type(t.oid, NULL) FROM integratedb.type_name AS t
          JOIN pg_type AS p ON p.oid = t.oid
         WHERE p.typtype IN ('b', 'r', 'm', 'd', 'e') AND p.typname !~ '^_|vector$'"""):
        assert written_type(exact) == written
        assert parse_type_name(written).key == exact or parse_type_name(exact).key == exact


def test_the_spelling_of_a_type_changes_nothing_of_a_contract(admin, stakeholder):
    """A stakeholder may submit its own claims in another spelling: that asks for no more."""
    reporter = stakeholder("reporter")
    spellings = [
        {"id": "int8", "note": "varchar(40)"},
        {"id": "pg_catalog.int8", "note": "character varying(40)"},
        {"id": "bigint", "note": "pg_catalog.varchar(40)"},
        {"id": "BIGINT", "note": "char varying (40)"},
    ]
    for number, spelling in enumerate(spellings):
        fields = [{"name": name, "type": type_} for name, type_ in spelling.items()]
        spec = Jsonb({"match": [{**ORDERS, "fields": fields}]})
        expanded = (reporter if number else admin).value(CLAIM, spec)
        assert [one["type"] for one in expanded["match"][0]["fields"]] == ["bigint", "character varying"]
    with refused("42501"):
        reporter.run(CLAIM, Jsonb({"match": [{**ORDERS, "fields": [{"name": "id", "type": "integer"}]}]}))


# Lengths and nulls

LENGTHS = [
    ("varchar(20)", 20),
    ("char(5)", 5),
    ("varchar", None),
    ("text", None),
    ("numeric(10, 2)", 10),
    ("numeric", None),
    ("smallint", 16),
    ("integer", 32),
    ("bigint", 64),
    ("real", 24),
    ("double precision", 53),
    ("bit(8)", 8),
    ("bit varying(7)", 7),
    ("bit varying", None),
    ("varchar(6)[]", 6),
    ("text[]", None),
    ("shop.code", 9),
    ("shop.short_code", 9),
    ("shop.price", 6),
    ("shop.email", None),
    ("date", None),
    ("jsonb", None),
]


def test_min_length_is_at_most_the_length_or_precision_and_without_a_limit_anything(owner, check, claim):
    owner.run(OWN_TYPES)
    owner.run(f"CREATE TABLE shop.long ({', '.join(f'c{i} {column}' for i, (column, _) in enumerate(LENGTHS))})")
    wrong = []
    for number, (column, limit) in enumerate(LENGTHS):
        enough = [1, limit] if limit else [1, 2147483646, "unlimited"]
        too_much = [limit + 1, "unlimited"] if limit else []
        for asked in enough + too_much:
            problems = check({"path": "shop.long", "fields": [{"name": f"c{number}", "min_length": asked}]})
            expected = [("min_length", asked, limit)] if asked in too_much else []
            if [(one["property"], one["expected"], one["actual"]) for one in problems] != expected:
                wrong.append((column, asked, problems))
    assert wrong == []
    filled = claim({"path": "shop.long", "fields": ["*"]})["match"][0]["fields"]
    assert [one["min_length"] for one in filled] == [limit or "unlimited" for _, limit in LENGTHS]


def test_is_nullable_false_needs_not_null_and_true_takes_both(owner, check, claim):
    owner.run(OWN_TYPES)
    owner.run("CREATE TABLE shop.nulls (never integer NOT NULL, maybe integer, certain shop.certain)")
    wrong = []
    for name, asked, met in [
        ("never", False, True),
        ("never", "false", True),
        ("never", True, True),
        ("maybe", False, False),
        ("maybe", "false", False),
        ("maybe", True, True),
        ("maybe", "true", True),
        ("certain", False, True),
        ("certain", True, True),
    ]:
        problems = check({"path": "shop.nulls", "fields": [{"name": name, "is_nullable": asked}]})
        if [one["property"] for one in problems] != ([] if met else ["is_nullable"]):
            wrong.append((name, asked, problems))
    assert wrong == []
    claim({"path": "shop.nulls", "fields": [{"name": name, "is_nullable": False} for name in ("never", "certain")]})


# What must be met, and what may come later


@pytest.mark.parametrize(
    "match",
    [
        {"path": "shop.later", "optional": True, "fields": ["id"]},
        {"path": "shop.orders", "fields": ["id", {"name": "later", "optional": True}]},
        {"path": "shop.orders", "fields": [{"name": "id", "type": "text", "optional": True}]},
        {"path": "shop.orders", "fields": [{"alternatives": ["later", "id"]}]},
        {"path": "shop.orders", "fields": [{"alternatives": [{"name": "id", "type": "text"}, "status"]}]},
        {"alternatives": [{"path": "shop.later", "fields": ["*"]}, {"path": "shop.orders", "fields": ["id"]}]},
        {"alternatives": [{"path": "shop.orders", "fields": ["later"]}, {"path": "shop.orders", "fields": ["id"]}]},
        {"alternatives": [{"path": "shop.a"}, {"path": "shop.b"}], "optional": True},
    ],
)
def test_one_met_alternative_is_enough_and_what_is_optional_may_be_missing(claim, match):
    claim(match)


@pytest.mark.parametrize(
    ("match", "problems"),
    [
        ({"path": "shop.later"}, [("shop.later", None, "table")]),
        ({"path": "shop.later", "fields": ["*"]}, [("shop.later", None, "table")]),
        ({"path": "nowhere.orders", "fields": ["id"]}, [("nowhere.orders", None, "table")]),
        ({"path": "shop.orders", "fields": ["id", "later"]}, [("shop.orders", "later", "column")]),
        (
            {"path": "shop.orders", "fields": [{"alternatives": ["a", "b"]}]},
            [("shop.orders", "a", "column"), ("shop.orders", "b", "column")],
        ),
        (
            {"alternatives": [{"path": "shop.later"}, {"path": "shop.orders", "fields": ["later"]}]},
            [("shop.later", None, "table"), ("shop.orders", "later", "column")],
        ),
        (
            {
                "path": "shop.orders",
                "fields": [{"name": "note", "type": "int", "min_length": 999, "is_nullable": False}],
            },
            [
                ("shop.orders", "note", "is_nullable"),
                ("shop.orders", "note", "min_length"),
                ("shop.orders", "note", "type"),
            ],
        ),
        ({"path": "shop.orders", "fields": ["ctid"]}, [("shop.orders", "ctid", "column")]),
    ],
)
def test_what_is_not_met_is_refused_with_every_problem_and_nothing_is_changed(admin, superuser, claim, match, problems):
    claim({"path": "shop.products", "fields": ["sku"]})
    before = superuser.row(WORLD)
    with refused("IDB03") as error:
        admin.run(CLAIM, Jsonb({"match": [match, {"path": "shop.customers", "fields": ["*"]}]}))
    detail = json.loads(error.value.diag.message_detail or "")
    assert [(one["path"], one["field"], one["property"]) for one in detail] == problems
    for one in detail:
        assert set(one) == {"path", "field", "property", "expected", "actual", "message"}
    assert detail[0]["message"] in (error.value.diag.message_primary or "")
    assert error.value.diag.message_hint
    assert superuser.row(WORLD) == before


def test_a_problem_says_what_was_expected_and_what_is_there(admin, stakeholder):
    stakeholder("reporter")
    with refused("IDB03") as error:
        admin.run(CLAIM, Jsonb({"match": {**ORDERS, "fields": [{"name": "note", "type": "int", "min_length": 999}]}}))
    length, type_ = json.loads(error.value.diag.message_detail or "")
    assert (length["expected"], length["actual"]) == (999, 200)
    assert (type_["expected"], type_["actual"]) == ("integer", "character varying(200)")
    assert type_["message"] == "shop.orders.note: expected type integer, found character varying(200)"


# What is no specification

INJECTION = "shop.orders; DROP TABLE shop.orders; --"

NOT_WELL_FORMED: list[tuple[str, str, str]] = [
    # the document as JSON text, the pointer, a part of the message
    ("null", "#", "null"),
    ('"a string"', "#", "a string"),
    ("4711", "#", "4711"),
    ("true", "#", "true"),
    ("[]", "#", "array"),
    ("{}", "#", "match"),
    ('{"match": null}', "#/match", "null"),
    ('{"match": "shop.orders"}', "#/match", "shop.orders"),
    ('{"match": [], "chanels": []}', "#/chanels", "chanels"),
    ('{"match": [], "channels": []}', "#/channels", "channels"),
    ('{"match": [{"path": "shop.orders", "feilds": []}]}', "#/match/0/feilds", "feilds"),
    ('{"match": [{"path": "shop.orders", "events": ["*"]}]}', "#/match/0/events", "events"),
    ('{"match": [{"fields": ["id"]}]}', "#/match/0", "path"),
    ('{"match": [{"path": 7}]}', "#/match/0/path", "7"),
    ('{"match": [{"path": "orders"}]}', "#/match/0/path", "schema"),
    ('{"match": [{"path": "a.b.c"}]}', "#/match/0/path", "a.b.c"),
    ('{"match": [{"path": "shop.\\"orders"}]}', "#/match/0/path", "quote"),
    (json.dumps({"match": [{"path": INJECTION}]}), "#/match/0/path", INJECTION),
    ('{"match": [{"path": "pg_temp.t"}]}', "#/match/0/path", "pg_temp"),
    ('{"match": [{"path": "pg_temp_3.t"}]}', "#/match/0/path", "pg_temp_3"),
    ('{"match": [{"path": "pg_catalog.pg_class"}]}', "#/match/0/path", "pg_catalog"),
    ('{"match": [{"path": "\\"pg_catalog\\".pg_class"}]}', "#/match/0/path", "pg_catalog"),
    ('{"match": [{"path": "pg_toast.*", "fields": ["*"]}]}', "#/match/0/path", "pg_toast"),
    ('{"match": [{"path": "information_schema.tables"}]}', "#/match/0/path", "information_schema"),
    ('{"match": [{"path": "integratedb.claim"}]}', "#/match/0/path", "integratedb"),
    ('{"match": [{"path": "integratedb.*", "fields": ["*"]}]}', "#/match/0/path", "integratedb"),
    ('{"match": [{"path": "shop.*", "fields": ["id"]}]}', "#/match/0/path", "shop.*"),
    ('{"match": [{"path": "shop.*"}]}', "#/match/0/path", "shop.*"),
    ('{"match": [{"alternatives": []}]}', "#/match/0/alternatives", "empty"),
    (
        '{"match": [{"alternatives": [{"path": "shop.*", "fields": ["*"]}]}]}',
        "#/match/0/alternatives/0/path",
        "shop.*",
    ),
    ('{"match": [{"path": "shop.orders", "fields": ["*", "id"]}]}', "#/match/0/fields/0", "*"),
    ('{"match": [{"path": "shop.orders", "fields": "id"}]}', "#/match/0/fields", "id"),
    ('{"match": [{"path": "shop.orders", "fields": ["id", "id"]}]}', "#/match/0/fields/1", "id"),
    ('{"match": [{"path": "shop.orders", "fields": [7]}]}', "#/match/0/fields/0", "7"),
    ('{"match": [{"path": "shop.orders", "fields": [{"nme": "id"}]}]}', "#/match/0/fields/0/nme", "nme"),
    (
        '{"match": [{"path": "shop.orders", "fields": [{"name": "id", "min_length": 0}]}]}',
        "#/match/0/fields/0/min_length",
        "0",
    ),
    (
        '{"match": [{"path": "shop.orders", "fields": [{"name": "id", "is_nullable": "yes"}]}]}',
        "#/match/0/fields/0/is_nullable",
        "yes",
    ),
    (
        '{"match": [{"path": "shop.orders", "fields": [{"name": "id", "type": "int; DROP TABLE x"}]}]}',
        "#/match/0/fields/0/type",
        "DROP TABLE x",
    ),
    ('{"match": [{"path": "shop.orders", "optional": "true"}]}', "#/match/0/optional", "true"),
    (f'{{"match": [{{"path": "shop.{"x" * 64}"}}]}}', "#/match/0/path", "63"),
    (f'{{"match": {"9" * 5000}}}', "#", "number"),
    (f'{{"match": {"[" * 2000}{"]" * 2000}}}', "#", "deep"),
]


def test_what_is_no_specification_is_refused_where_it_is_wrong_and_nothing_is_changed(admin, superuser, claim):
    claim({**ORDERS, "fields": ["id"]})
    before = superuser.row(WORLD)
    for document, place, part in NOT_WELL_FORMED:
        with refused("IDB02") as error:
            admin.run("SELECT integratedb_claim('reporter', %s::jsonb)", document)
        diag = error.value.diag
        refusals = json.loads(diag.message_detail or "")
        assert [one for one in refusals if one[1].startswith(place) and part in one[0]], (document[:200], refusals)
        number = "1 fault, at" if len(refusals) == 1 else f"{len(refusals)} faults, the first at"
        assert diag.message_primary == f"invalid specification: {number} {refusals[0][1]}", document[:200]
        assert "DETAIL says what is wrong" in (diag.message_hint or "")
        assert len(diag.message_primary or "") < 1000, document[:200]
    assert superuser.row(WORLD) == before


def test_every_refusal_of_a_document_is_listed_at_once(admin, stakeholder):
    stakeholder("reporter")
    with refused("IDB02") as error:
        admin.run(CLAIM, Jsonb({"match": [{"path": "orders"}, {"path": "shop.orders", "fields": ["*", "id"]}]}))
    refusals = json.loads(error.value.diag.message_detail or "")
    assert [place for _, place in refusals] == ["#/match/0/path", "#/match/1/fields/0"]
    assert all(isinstance(message, str) for message, _ in refusals)


def test_a_hundred_faults_may_be_more(admin, stakeholder):
    stakeholder("reporter")
    for number, said in ((99, "99 faults, the first"), (100, "100 faults or more, the first"), (101, "100 faults or")):
        with refused("IDB02") as error:
            admin.run(CLAIM, Jsonb({"match": {"path": "shop.orders", "fields": [5] * number}}))
        assert len(json.loads(error.value.diag.message_detail or "")) == min(number, 100)
        assert said in (error.value.diag.message_primary or "")


def test_each_fault_is_read_once_and_without_backslashes(admin, owner, stakeholder):
    """As psql prints it: MESSAGE, DETAIL and HINT together."""
    stakeholder("reporter")
    spec = Jsonb({"match": {"path": "orders", "fields": "*", "colour": "red"}})
    allowed = "'path', 'fields', 'unique', 'references', 'optional', 'until'"
    said = f"'colour' is not allowed in a match without alternatives; allowed: {allowed}"
    for call in (CLAIM, "SELECT integratedb_notify('reporter', %s)"):
        with refused("IDB02") as error:
            admin.run(call, spec)
        diag = error.value.diag
        printed = f"{diag.message_primary}\n{diag.message_detail}\n{diag.message_hint}"
        assert printed.count("'colour' is not allowed in a match without alternatives") == 1
        assert "\\" not in printed
        assert re.search("#/match/(fields|colour)$", diag.message_primary or "")
    rows = owner.dicts("SELECT * FROM integratedb_check_spec(%s)", spec)
    assert said in [row["message"] for row in rows]


def test_a_specification_of_a_megabyte_is_refused_at_once(admin, superuser, stakeholder):
    stakeholder("reporter")
    before = superuser.row(WORLD)
    large = {"match": [{"path": "shop.orders", "fields": [f"c{number:04}" * 10 for number in range(20000)]}]}
    started = admin.processor_s()
    with refused("IDB02", match="1000000") as error:
        admin.run(CLAIM, Jsonb(large))
    assert admin.processor_s() - started < 3
    ((_, place),) = json.loads(error.value.diag.message_detail or "")
    assert place == "#"
    assert superuser.row(WORLD) == before


def test_a_null_instead_of_a_document_is_refused(admin, stakeholder):
    stakeholder("reporter")
    with refused("IDB02"):
        admin.run("SELECT integratedb_claim('reporter', NULL)")


def test_five_thousand_fields_over_several_tables_take_seconds(owner, admin, stakeholder):
    reporter = stakeholder("reporter")
    columns = ", ".join(f"column_{number:03} varchar({number + 1})" for number in range(500))
    for table in range(10):
        owner.run(f"CREATE TABLE shop.wide_{table} ({columns})")
    spec = {
        "match": [
            {"path": f"shop.wide_{table}", "fields": [f"column_{number:03}" for number in range(500)]}
            for table in range(10)
        ]
    }
    for attempt in ("first", "again"):
        started = admin.processor_s()
        expanded = admin.value(CLAIM, Jsonb(spec))
        assert admin.processor_s() - started < 10, attempt
    assert sum(len(match["fields"]) for match in expanded["match"]) == 5000
    reporter.run("SELECT * FROM shop.wide_9")


@pytest.mark.parametrize(
    "entry", [lambda name: name, lambda name: {"name": name, "type": name}, lambda name: {"alternatives": [name, "b"]}]
)
def test_thousands_of_fields_that_are_not_there_are_refused_in_seconds(admin, stakeholder, entry):
    stakeholder("reporter")
    spec = {"match": {"path": "shop.orders", "fields": [entry(f"c{number}") for number in range(5000)]}}
    started = admin.processor_s()
    with refused("IDB03") as error:
        admin.run(CLAIM, Jsonb(spec))
    assert admin.processor_s() - started < 10
    assert len(json.loads(error.value.diag.message_detail or "")) >= 5000


# The dry run


def test_the_dry_run_says_what_would_be_refused_and_changes_nothing(superuser, owner, check):
    before = superuser.row(WORLD)
    assert check({"path": "shop.orders", "fields": ["*"]}) == []
    assert check({"path": "shop.orders", "fields": [{"name": "note", "min_length": 999}]}) == [
        {
            "code": "IDB03",
            "pointer": None,
            "path": "shop.orders",
            "field": "note",
            "property": "min_length",
            "expected": 999,
            "actual": 200,
            "message": "shop.orders.note: expected a length or precision of at least 999, found 200",
        }
    ]
    (refusal,) = check({"path": "orders"})
    assert (refusal["code"], refusal["pointer"], refusal["path"]) == ("IDB02", "#/match/0/path", None)
    assert superuser.row(WORLD) == before


@pytest.mark.parametrize(("document", "place"), [case[:2] for case in NOT_WELL_FORMED[:4] + NOT_WELL_FORMED[-2:]])
def test_the_dry_run_never_raises_for_a_document(owner, document, place):
    rows = owner.dicts("SELECT * FROM integratedb_check_spec(%s::jsonb)", document)
    assert [row["code"] for row in rows] == ["IDB02"]
    assert rows[0]["pointer"].startswith(place)


def test_the_dry_run_refuses_an_unknown_kind(owner):
    with refused("22023", match="'other'"):
        owner.run("SELECT * FROM integratedb_check_spec('{\"match\": []}', 'other')")


def test_the_dry_run_of_every_stakeholder_agrees_with_the_claim(stakeholder, admin):
    reporter = stakeholder("reporter")
    spec = Jsonb({"match": {"path": "shop.orders", "fields": ["nope"]}})
    said = reporter.dicts("SELECT * FROM integratedb_check_spec(%s)", spec)
    with refused("IDB03") as error:
        admin.run(CLAIM, spec)
    detail = json.loads(error.value.diag.message_detail or "")
    assert [{key: row[key] for key in detail[0]} for row in said] == detail
