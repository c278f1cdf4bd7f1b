"""Unique keys and references of claims: what meets them, and that no migration takes them away."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import detail, hint, refused

CUSTOMERS = {"path": "shop.customers", "fields": ["id", "email", "phone"], "unique": [["email"]]}
TO_CUSTOMERS = {"fields": ["customer_id"], "to": "shop.customers", "to_fields": ["id"]}
ORDERS = {"path": "shop.orders", "fields": ["id", "customer_id"], "references": [TO_CUSTOMERS]}
LINES = {"path": "shop.order_lines", "fields": ["order_id", "product_id"], "unique": [["product_id", "order_id"]]}

DROP_FOREIGN_KEY = "ALTER TABLE shop.orders DROP CONSTRAINT orders_customer_id_fkey"
ADD_FOREIGN_KEY = (
    "ALTER TABLE shop.orders ADD CONSTRAINT again FOREIGN KEY (customer_id) REFERENCES shop.customers (id)"
)
DROP_UNIQUE = "ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key"
UNMET = "SELECT path, problems FROM integratedb_unmet_claims()"


@pytest.fixture
def claims(claim: Any) -> None:
    claim(CUSTOMERS, ORDERS, LINES)


# What meets a key


@pytest.mark.parametrize(
    ("made", "unique"),
    [
        ("CREATE TABLE shop.t (a integer PRIMARY KEY)", ["a"]),
        ("CREATE TABLE shop.t (a integer, b integer, UNIQUE (b, a))", ["a", "b"]),
        ("CREATE TABLE shop.t (a integer UNIQUE DEFERRABLE INITIALLY DEFERRED)", ["a"]),
        ("CREATE TABLE shop.t (a integer); CREATE UNIQUE INDEX ON shop.t (a)", ["a"]),
        ("CREATE TABLE shop.t (a integer, b integer); CREATE UNIQUE INDEX ON shop.t (a) INCLUDE (b)", ["a"]),
        ("CREATE TABLE shop.t (a integer); CREATE UNIQUE INDEX ON shop.t (a NULLS FIRST) NULLS NOT DISTINCT", ["a"]),
        ("CREATE TABLE shop.t (a integer PRIMARY KEY) PARTITION BY HASH (a)", ["a"]),
        ("CREATE VIEW shop.t AS SELECT 1 AS a", ["a"]),
        ("CREATE MATERIALIZED VIEW shop.t AS SELECT 1 AS a", ["a"]),
    ],
)
def test_what_meets_a_unique_key(claim, owner, made, unique):
    owner.run(made)
    claim({"path": "shop.t", "fields": ["*"], "unique": [unique]})


@pytest.mark.parametrize(
    ("made", "unique", "found"),
    [
        ("CREATE TABLE shop.t (a integer)", ["a"], "none"),
        ("CREATE TABLE shop.t (a integer, b integer, UNIQUE (a, b))", ["a"], "none"),
        ("CREATE TABLE shop.t (a integer UNIQUE, b integer)", ["a", "b"], "none"),
        ("CREATE TABLE shop.t (a integer); CREATE INDEX ON shop.t (a)", ["a"], "none"),
        ("CREATE TABLE shop.t (a integer); CREATE UNIQUE INDEX ON shop.t ((a + 1))", ["a"], "none"),
        (
            "CREATE TABLE shop.t (a integer); CREATE UNIQUE INDEX part ON shop.t (a) WHERE a > 0",
            ["a"],
            "only index part, which is partial",
        ),
        (
            "CREATE TABLE shop.t (a integer) PARTITION BY HASH (a); "
            "CREATE TABLE shop.t_0 PARTITION OF shop.t FOR VALUES WITH (MODULUS 1, REMAINDER 0); "
            "CREATE UNIQUE INDEX half ON ONLY shop.t (a)",
            ["a"],
            "only index half, which is not valid",
        ),
        ("CREATE TABLE shop.t (a integer)", ["b"], "no column b"),
        ("CREATE VIEW shop.t AS SELECT 1 AS a", ["b"], "no column b"),
    ],
)
def test_what_does_not_meet_a_unique_key(claim, owner, made, unique, found):
    owner.run(made)
    with refused("IDB03") as caught:
        claim({"path": "shop.t", "fields": ["*"], "unique": [unique]})
    message = f"shop.t: expected a unique key of ({', '.join(unique)}), found {found}"
    assert caught.value.diag.message_primary == f"claim not met: {message}"


TWO = "CREATE TABLE shop.p (a integer, b integer, PRIMARY KEY (b, a), UNIQUE (a, b)); "


@pytest.mark.parametrize(
    ("made", "reference"),
    [
        ("CREATE TABLE shop.t (a bigint REFERENCES shop.customers)", {"to": "shop.customers"}),
        ("CREATE TABLE shop.t (a bigint REFERENCES shop.customers)", {"to": "shop.customers", "to_fields": ["id"]}),
        (
            "CREATE TABLE shop.t (a shop.email REFERENCES shop.customers (email))",
            {"to": "shop.customers", "to_fields": ["email"]},
        ),
        (
            TWO + "CREATE TABLE shop.t (a integer, c integer, FOREIGN KEY (a, c) REFERENCES shop.p (b, a))",
            {"fields": ["a", "c"], "to": "shop.p"},
        ),
        (
            TWO + "CREATE TABLE shop.t (a integer, c integer, FOREIGN KEY (a, c) REFERENCES shop.p (b, a))",
            {"fields": ["c", "a"], "to": "shop.p", "to_fields": ["a", "b"]},
        ),
        (
            "CREATE TABLE shop.t (a bigint REFERENCES shop.customers DEFERRABLE) PARTITION BY HASH (a)",
            {"to": "shop.customers"},
        ),
        (
            "CREATE TABLE shop.p (a integer PRIMARY KEY) PARTITION BY HASH (a); "
            "CREATE TABLE shop.p_0 PARTITION OF shop.p FOR VALUES WITH (MODULUS 1, REMAINDER 0); "
            "CREATE TABLE shop.t (a integer REFERENCES shop.p)",
            {"to": "shop.p"},
        ),
        ("CREATE TABLE shop.t (a integer PRIMARY KEY, b integer REFERENCES shop.t)", {"fields": ["b"], "to": "shop.t"}),
        ("CREATE VIEW shop.t AS SELECT customer_id AS a FROM shop.orders", {"to": "shop.customers"}),
        ("CREATE TABLE shop.t (a bigint)", {"to": "shop.open_orders", "to_fields": ["id"]}),
        ("CREATE MATERIALIZED VIEW shop.t AS SELECT 1 AS a", {"to": "shop.open_orders", "to_fields": ["id"]}),
    ],
)
def test_what_meets_a_reference(claim, owner, made, reference):
    owner.run(made)
    claim({"path": "shop.t", "fields": ["*"], "references": [{"fields": ["a"], **reference}]})


@pytest.mark.parametrize(
    ("made", "reference", "message"),
    [
        ("CREATE TABLE shop.t (a bigint)", {"to": "shop.customers"}, "(a) to shop.customers, found none"),
        (
            "CREATE TABLE shop.t (a bigint REFERENCES shop.customers)",
            {"to": "shop.customers", "to_fields": ["email"]},
            "(a) to shop.customers (email), found none",
        ),
        (
            "CREATE TABLE shop.t (a shop.email REFERENCES shop.customers (email))",
            {"to": "shop.customers"},
            "(a) to shop.customers, found none",
        ),
        (
            "CREATE TABLE shop.t (a bigint REFERENCES shop.customers)",
            {"to": "shop.products"},
            "(a) to shop.products, found none",
        ),
        (
            TWO + "CREATE TABLE shop.t (a integer, c integer, FOREIGN KEY (a, c) REFERENCES shop.p (a, b))",
            {"fields": ["a", "c"], "to": "shop.p", "to_fields": ["b", "a"]},
            "(a, c) to shop.p (b, a), found none",
        ),
        (
            TWO + "CREATE TABLE shop.t (a integer, c integer, FOREIGN KEY (a, c) REFERENCES shop.p (a, b))",
            {"to": "shop.p"},
            "(a) to shop.p, found a primary key of 2 columns there",
        ),
        (
            "CREATE TABLE shop.t (a bigint); "
            "ALTER TABLE shop.t ADD CONSTRAINT late FOREIGN KEY (a) REFERENCES shop.customers NOT VALID",
            {"to": "shop.customers"},
            "(a) to shop.customers, found late, which is NOT VALID",
        ),
        (
            "CREATE TABLE shop.p (a integer PRIMARY KEY) PARTITION BY HASH (a); "
            "CREATE TABLE shop.p_0 PARTITION OF shop.p FOR VALUES WITH (MODULUS 1, REMAINDER 0); "
            "CREATE TABLE shop.t (a integer REFERENCES shop.p)",
            {"to": "shop.p_0"},
            "(a) to shop.p_0, found none",
        ),
        ("CREATE TABLE shop.t (a bigint)", {"to": "shop.later"}, "(a) to shop.later, found no such table"),
        (
            "CREATE TABLE shop.t (a bigint)",
            {"to": "shop.open_orders"},
            "(a) to shop.open_orders, found no primary key there",
        ),
        (
            "CREATE VIEW shop.t AS SELECT 1 AS a",
            {"to": "shop.customers", "to_fields": ["no"]},
            "(a) to shop.customers (no), found not all of these columns there",
        ),
    ],
)
def test_what_does_not_meet_a_reference(claim, owner, made, reference, message):
    owner.run(made)
    with refused("IDB03") as caught:
        claim({"path": "shop.t", "fields": ["*"], "references": [{"fields": ["a"], **reference}]})
    assert caught.value.diag.message_primary == f"claim not met: shop.t: expected a foreign key {message}"


def test_the_documents_that_are_returned_have_the_keys(claim, admin):
    expanded = claim({**ORDERS, "unique": [["id"]]})
    assert expanded["match"][0]["unique"] == [["id"]]
    assert expanded["match"][0]["references"] == [TO_CUSTOMERS]
    assert admin.value("SELECT integratedb_specification('reporter')")["match"] == [{**ORDERS, "unique": [["id"]]}]


def test_a_referenced_table_is_not_granted(claims, superuser):
    assert superuser.value("SELECT has_column_privilege('reporter', 'shop.orders', 'customer_id', 'SELECT')")
    assert not superuser.value("SELECT has_column_privilege('reporter', 'shop.customers', 'name', 'SELECT')")


# What takes a key away

OTHER_CUSTOMERS = (
    "CREATE TABLE shop.customers (id bigint PRIMARY KEY, email shop.email NOT NULL UNIQUE, phone varchar(20))"
)
LOSSES = {
    "a unique constraint is dropped": DROP_UNIQUE,
    "a primary key is dropped": "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_pkey",
    "a unique constraint becomes one of more columns": DROP_UNIQUE
    + "; ALTER TABLE shop.customers ADD UNIQUE (email, id)",
    "a unique constraint becomes a partial index": DROP_UNIQUE
    + "; CREATE UNIQUE INDEX ON shop.customers (email) WHERE phone IS NOT NULL",
    "a unique constraint becomes an index of an expression": DROP_UNIQUE
    + "; CREATE UNIQUE INDEX ON shop.customers (lower(email))",
    "a foreign key is dropped": DROP_FOREIGN_KEY,
    "a foreign key is not valid any more": f"{DROP_FOREIGN_KEY}; {ADD_FOREIGN_KEY} NOT VALID",
    "a foreign key goes to another table": f"{DROP_FOREIGN_KEY}; CREATE TABLE shop.people (id bigint PRIMARY KEY); "
    "INSERT INTO shop.people SELECT id FROM shop.customers; "
    "ALTER TABLE shop.orders ADD FOREIGN KEY (customer_id) REFERENCES shop.people",
    "the referenced primary key is dropped": "ALTER TABLE shop.customers DROP CONSTRAINT customers_pkey CASCADE",
    "the table that is referenced is dropped": "DROP TABLE shop.customers CASCADE; " + OTHER_CUSTOMERS,
    "the table that is referenced is renamed": "ALTER TABLE shop.customers RENAME TO people; " + OTHER_CUSTOMERS,
    "the claimed table is recreated without it": "ALTER TABLE shop.orders RENAME TO old_orders; "
    "CREATE TABLE shop.orders AS SELECT * FROM shop.old_orders; ALTER TABLE shop.orders ALTER id SET NOT NULL, "
    "ALTER customer_id SET NOT NULL",
}


@pytest.mark.parametrize("migration", LOSSES.values(), ids=LOSSES)
def test_a_migration_that_takes_a_key_away_is_refused(claims, owner, admin, migration):
    with refused("IDB01", match="of reporter") as caught, owner.transaction():
        owner.run(migration)
    assert "expected a unique key" in detail(caught) or "expected a foreign key" in detail(caught)
    assert admin.rows(UNMET) == []


def test_a_dropped_index_is_found_by_its_table(claim, owner):
    owner.run("CREATE UNIQUE INDEX customers_phone ON shop.customers (phone)")
    claim({**CUSTOMERS, "unique": [["phone"]]})
    with refused("IDB01", match="DROP INDEX") as caught:
        owner.run("DROP INDEX shop.customers_phone")
    assert detail(caught) == "reporter (claims): shop.customers: expected a unique key of (phone), found none"


def test_an_index_that_is_dropped_after_it_was_rebuilt_is_found(claim, owner):
    owner.run("CREATE UNIQUE INDEX customers_phone ON shop.customers (phone)")
    claim({**CUSTOMERS, "unique": [["phone"]]})
    owner.run("REINDEX INDEX CONCURRENTLY shop.customers_phone")
    owner.run("REINDEX TABLE shop.customers")
    owner.run("ALTER INDEX shop.customers_phone RENAME TO phones")
    with refused("IDB01"):
        owner.run("DROP INDEX shop.phones")


def test_an_index_that_a_foreign_key_needs_goes_with_it(claim, owner):
    owner.run("CREATE UNIQUE INDEX customers_phone ON shop.customers (phone)")
    owner.run("CREATE TABLE shop.calls (phone varchar(20) REFERENCES shop.customers (phone))")
    claim(
        {
            "path": "shop.calls",
            "fields": ["phone"],
            "references": [{"fields": ["phone"], "to": "shop.customers", "to_fields": ["phone"]}],
        }
    )
    with refused("IDB01", match="DROP INDEX") as caught:
        owner.run("DROP INDEX shop.customers_phone CASCADE")
    assert "shop.calls: expected a foreign key (phone) to shop.customers (phone), found none" in detail(caught)


@pytest.mark.parametrize("what", ["COLLATION shop.plain CASCADE", "OWNED BY helper CASCADE"])
def test_an_index_that_goes_with_something_else_is_found(claim, owner, superuser, connect, what):
    superuser.run("CREATE ROLE helper LOGIN IN ROLE shop_owner; GRANT ALL ON SCHEMA shop TO helper")
    connect("helper").run("CREATE COLLATION shop.plain (locale = 'C')")
    owner.run("CREATE UNIQUE INDEX ON shop.customers (phone COLLATE shop.plain)")
    claim({**CUSTOMERS, "unique": [["phone"]]})
    with refused("IDB01") as caught:
        superuser.run(f"DROP {what}")
    assert "unique key of (phone)" in detail(caught)


def test_the_only_index_of_a_key_is_not_dropped_concurrently(claim, owner, admin):
    owner.run("CREATE UNIQUE INDEX one ON shop.customers (phone)")
    claim({**CUSTOMERS, "unique": [["phone"]]})
    with refused("IDB01", match="shop.one is the unique key of shop.customers that reporter claims") as caught:
        owner.run("DROP INDEX CONCURRENTLY shop.one")
    assert "DROP INDEX shop.one" in hint(caught)
    owner.run("CREATE UNIQUE INDEX two ON shop.customers (phone)")
    owner.run("DROP INDEX CONCURRENTLY shop.one")
    assert admin.rows(UNMET) == []
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("DROP INDEX CONCURRENTLY shop.two")
    assert [path for path, _ in admin.rows(UNMET)] == ["shop.customers"]


KEPT = {
    "another index takes over": "CREATE UNIQUE INDEX more ON shop.customers (email); " + DROP_UNIQUE,
    "another foreign key takes over": f"{ADD_FOREIGN_KEY}; {DROP_FOREIGN_KEY}",
    "a foreign key is replaced": f"{DROP_FOREIGN_KEY}; {ADD_FOREIGN_KEY} NOT VALID; "
    "ALTER TABLE shop.orders VALIDATE CONSTRAINT again",
    "a constraint becomes deferrable": "ALTER TABLE shop.orders ALTER CONSTRAINT orders_customer_id_fkey DEFERRABLE",
    "an index is rebuilt": "REINDEX TABLE shop.customers; ALTER INDEX shop.customers_email_key RENAME TO emails",
    "another index is dropped": "CREATE UNIQUE INDEX more ON shop.customers (name, email); DROP INDEX shop.more",
    "another foreign key is dropped": "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_product_id_fkey",
    "a view takes the place of the referenced table": "ALTER TABLE shop.customers RENAME TO people; "
    "CREATE VIEW shop.customers AS SELECT * FROM shop.people",
}


@pytest.mark.parametrize("migration", KEPT.values(), ids=KEPT)
def test_a_migration_that_keeps_the_keys_passes(claim, owner, admin, migration):
    nullable = ["id", {"name": "email", "is_nullable": True}, "phone"]
    claim(
        {**CUSTOMERS, "fields": [{"name": n, "is_nullable": True} if isinstance(n, str) else n for n in nullable]},
        ORDERS,
        LINES,
    )
    with owner.transaction():
        owner.run(migration)
    assert admin.rows(UNMET) == []


def test_partitions_come_and_go(claim, owner, admin):
    owner.run("""
        CREATE TABLE shop.logs (id bigint PRIMARY KEY, customer_id bigint REFERENCES shop.customers)
          PARTITION BY HASH (id);
        CREATE TABLE shop.logs_0 PARTITION OF shop.logs FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE shop.logs_1 (id bigint NOT NULL, customer_id bigint);
    """)
    keys = {"fields": ["id", "customer_id"], "unique": [["id"]], "references": [TO_CUSTOMERS]}
    claim({"path": "shop.logs", **keys}, {"path": "shop.logs_0", **keys})
    owner.run("ALTER TABLE shop.logs ATTACH PARTITION shop.logs_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
    owner.run("ALTER TABLE shop.logs DETACH PARTITION shop.logs_0")
    assert admin.rows(UNMET) == []
    with refused("IDB01", match="breaks a claim"):
        owner.run("ALTER TABLE shop.logs_0 DROP CONSTRAINT logs_0_pkey")
    with refused("IDB01", match="breaks a claim"):
        owner.run("ALTER TABLE shop.logs DROP CONSTRAINT logs_customer_id_fkey")


# Names


def test_the_column_that_serves_a_field_has_the_key(claim, owner):
    field = {"alternatives": ["email_address", "email"]}
    claim({"path": "shop.customers", "fields": ["id", field], "unique": [["email_address"]]})
    owner.run("ALTER TABLE shop.customers RENAME COLUMN email TO email_address")
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key")
    assert "ADD UNIQUE (email_address)" in hint(caught)
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TABLE shop.customers RENAME COLUMN email_address TO email")
        owner.run("ALTER TABLE shop.customers ADD COLUMN email_address text")
    with owner.transaction():
        owner.run("ALTER TABLE shop.customers RENAME COLUMN email_address TO email")
        owner.run("ALTER TABLE shop.customers ADD COLUMN email_address shop.email UNIQUE")


def test_a_field_is_served_by_the_first_alternative_that_fits(claim, owner, superuser):
    owner.run("ALTER TABLE shop.customers ADD COLUMN mail integer")
    field = {"alternatives": [{"name": "mail", "type": "text"}, "email"]}
    claim({"path": "shop.customers", "fields": [field], "unique": [["mail"]]})
    assert superuser.rows("SELECT name, column_name FROM integratedb.field_column") == [("mail", "email")]


def test_a_reference_follows_the_match_of_the_table(claim, owner):
    people = {"path": "shop.people", "fields": [{"alternatives": ["id", "number"]}]}
    customers = {"path": "shop.customers", "fields": [{"alternatives": ["id", "number"]}]}
    claim({"alternatives": [customers, people]}, ORDERS)
    owner.run("ALTER TABLE shop.customers RENAME TO people")
    owner.run("ALTER TABLE shop.people RENAME COLUMN id TO number")
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.people DROP CONSTRAINT customers_pkey CASCADE")
    assert "shop.orders: expected a foreign key (customer_id) to shop.customers (id), found none" in detail(caught)
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.people RENAME TO persons")
    assert "shop.orders: expected a foreign key" in detail(caught)


def test_a_renamed_table_is_told_and_the_claim_that_follows_it(claim, owner):
    claim(ORDERS)
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.customers RENAME TO people")
    assert detail(caught).endswith("found no such table; it was renamed to shop.people")
    assert 'claim {"alternatives": [{"path": "shop.customers"}, {"path": "shop.people"}]} beside it' in hint(caught)
    claim(ORDERS, {"alternatives": [{"path": "shop.customers"}, {"path": "shop.people"}]})
    owner.run("ALTER TABLE shop.customers RENAME TO people")


def test_a_renamed_schema_is_noticed(claim, owner, superuser):
    superuser.run("CREATE SCHEMA crm AUTHORIZATION shop_owner")
    superuser.run("ALTER TABLE shop.customers SET SCHEMA crm")
    claim({**ORDERS, "references": [{**TO_CUSTOMERS, "to": "crm.customers"}]})
    with refused("IDB01", match="ALTER SCHEMA"):
        superuser.run("ALTER SCHEMA crm RENAME TO crm2")
    with refused("IDB01", match="ALTER TABLE"):
        owner.run("ALTER TABLE crm.customers SET SCHEMA shop")
    with refused("IDB01", match="DROP SCHEMA"):
        superuser.run("DROP SCHEMA crm CASCADE")


def test_a_referenced_column_that_is_renamed(claims, owner):
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.customers RENAME COLUMN id TO number")
    assert (
        "shop.orders: expected a foreign key (customer_id) to shop.customers (id), found not all of these columns there"
        in detail(caught)
    )


def test_odd_names_are_quoted(claim, owner):
    owner.run('CREATE TABLE shop."Odd Table" ("a""b" integer PRIMARY KEY, "c d" integer REFERENCES shop."Odd Table")')
    claim(
        {
            "path": 'shop."Odd Table"',
            "fields": ['a"b', "c d"],
            "unique": [['a"b']],
            "references": [{"fields": ["c d"], "to": 'shop."Odd Table"', "to_fields": ['a"b']}],
        }
    )
    with refused("IDB01") as caught:
        owner.run('ALTER TABLE shop."Odd Table" DROP CONSTRAINT "Odd Table_c d_fkey"')
    assert 'ALTER TABLE shop."Odd Table" ADD FOREIGN KEY ("c d") REFERENCES shop."Odd Table" ("a""b")' in hint(caught)


# Optional, alternatives, wildcards


def test_optional_keys_break_nothing(claim, owner):
    field = {"name": "phone", "optional": True}
    claim({"path": "shop.customers", "fields": ["id", field], "unique": [["phone"]]}, {**ORDERS, "optional": True})
    owner.run(DROP_FOREIGN_KEY)
    owner.run("ALTER TABLE shop.customers DROP COLUMN phone")


def test_an_alternative_is_met_with_its_keys_only(claim, owner):
    owner.run("CREATE TABLE shop.people AS SELECT id, email FROM shop.customers")
    people = {"path": "shop.people", "fields": ["id"], "unique": [["id"]]}
    with refused("IDB03"):
        claim({"alternatives": [people, {"path": "shop.later"}]})
    claim({"alternatives": [people, {"path": "shop.customers", "fields": ["email"], "unique": [["email"]]}]})
    with refused("IDB01"):
        owner.run(DROP_UNIQUE)
    with owner.transaction():
        owner.run("ALTER TABLE shop.people ADD PRIMARY KEY (id)")
        owner.run(DROP_UNIQUE)
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.people DROP CONSTRAINT people_pkey")


def test_a_key_of_a_wildcard_is_not_excused_by_a_sync(claim, owner):
    claim({**CUSTOMERS, "fields": ["*"]})
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TABLE shop.customers DROP COLUMN email")
        owner.run("SELECT integratedb_sync()")
    with owner.transaction():
        owner.run("ALTER TABLE shop.customers DROP COLUMN phone")
        owner.run("SELECT integratedb_sync()")


# Whoever asks


def test_unmet_claims_preview_and_status_tell_of_keys(claims, owner, admin):
    (found,) = owner.dicts("SELECT * FROM integratedb_preview_migration(%s)", DROP_UNIQUE)
    assert found["problems"] == [
        {
            "path": "shop.customers",
            "field": None,
            "property": "unique",
            "expected": ["email"],
            "actual": None,
            "message": "shop.customers: expected a unique key of (email), found none",
        }
    ]
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run(DROP_FOREIGN_KEY)
    assert owner.warnings() == ["enforcement is explicit: a claim of reporter is unmet"]
    ((path, problems),) = admin.rows(UNMET)
    assert (path, problems[0]["property"], problems[0]["expected"]) == ("shop.orders", "references", TO_CUSTOMERS)
    facts = dict(admin.rows("SELECT * FROM integratedb_status()"))
    assert facts["unmet"] == "1"
    with refused("IDB01"):
        owner.run("SELECT integratedb_validate_migration()")
    owner.run(ADD_FOREIGN_KEY)
    assert admin.rows(UNMET) == []
    assert dict(admin.rows("SELECT * FROM integratedb_status()"))["unmet"] == "0"


@pytest.mark.parametrize("index", ["CREATE UNIQUE INDEX again", "CREATE UNIQUE INDEX CONCURRENTLY again"])
def test_a_new_index_mends_a_claim(claims, owner, admin, index):
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run(DROP_UNIQUE)
    admin.run("SELECT integratedb_configure('enforcement', 'commit')")
    owner.run(f"{index} ON shop.customers (email)")
    assert admin.rows(UNMET) == []
    if "CONCURRENTLY" in index:
        owner.run("ALTER TABLE shop.customers ADD COLUMN more integer")
    with refused("IDB01"):
        owner.run("DROP INDEX shop.again")


def test_a_key_that_was_lost_unnoticed_is_a_warning_to_others(claims, owner, superuser):
    superuser.run(f"SET session_replication_role = replica; {DROP_UNIQUE}; RESET session_replication_role")
    owner.run("ALTER TABLE shop.customers ADD COLUMN more integer")
    assert owner.warnings() == ["since an earlier transaction: a claim of reporter is unmet"]


def test_an_override_lets_a_key_go(claims, admin, superuser):
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('moving')")
        superuser.run(DROP_UNIQUE)
    assert [path for path, _ in admin.rows(UNMET)] == ["shop.customers"]


@pytest.mark.parametrize(
    ("match", "path", "field", "dependency"),
    [
        (ORDERS, "shop.customers", None, "required"),
        (ORDERS, "shop.customers", "id", "required"),
        (ORDERS, "shop.customers", "email", None),
        ({**ORDERS, "optional": True}, "shop.customers", "id", "optional"),
        ({"alternatives": [ORDERS, {"path": "shop.later"}]}, "shop.customers", "id", "alternative"),
        (
            {**ORDERS, "references": [{"fields": ["customer_id"], "to": "shop.customers"}]},
            "shop.customers",
            "id",
            "required",
        ),
        (
            {**ORDERS, "fields": ["id", {"name": "customer_id", "optional": True}]},
            "shop.customers",
            None,
            "optional",
        ),
    ],
)
def test_who_references_a_table_depends_on_it(claim, admin, match, path, field, dependency):
    claim(match)
    rows = admin.rows("SELECT * FROM integratedb_dependents(%s, %s)", path, field)
    assert rows == ([("reporter", "claims", dependency)] if dependency else [])


# Rights


def test_who_could_not_grant_the_referenced_table_may_not_reference_it(superuser, owner, admin, stakeholder):
    stakeholder("reporter")
    superuser.run(
        "CREATE SCHEMA crm; CREATE TABLE crm.people (id bigint PRIMARY KEY); GRANT USAGE ON SCHEMA crm TO shop_owner"
    )
    superuser.run("GRANT REFERENCES ON crm.people TO shop_owner")
    owner.run("CREATE TABLE shop.notes (id bigint REFERENCES crm.people)")
    document = Jsonb(
        {"match": [{"path": "shop.notes", "fields": ["id"], "references": [{"fields": ["id"], "to": "crm.people"}]}]}
    )
    with refused("42501", match="could not GRANT SELECT on crm.people"):
        owner.run("SELECT integratedb_claim('reporter', %s)", document)
    admin.run("SELECT integratedb_claim('reporter', %s)", document)


def test_a_stakeholder_may_give_keys_up_and_not_ask_for_more(admin, stakeholder):
    reporter = stakeholder("reporter")
    admin.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [CUSTOMERS, ORDERS]}))
    with refused("42501"):
        reporter.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [{**ORDERS, "unique": [["id"]]}]}))
    reporter.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [{**CUSTOMERS, "unique": []}, ORDERS]}))


# The baseline


BASELINE = """
    SELECT kind, fields, to_path, to_fields, to_relid::regclass::text
      FROM integratedb.claim_key
     ORDER BY relation_id, key
"""


def test_the_baseline_follows_the_document_and_the_catalog(claim, owner, superuser):
    claim(ORDERS, CUSTOMERS)
    assert superuser.rows(BASELINE) == [
        ("references", ["customer_id"], "shop.customers", ["id"], "shop.customers"),
        ("unique", ["email"], None, None, None),
    ]
    with owner.transaction():
        owner.run(
            f"{DROP_FOREIGN_KEY}; ALTER TABLE shop.customers RENAME TO old;"
            "CREATE VIEW shop.customers AS SELECT * FROM shop.old"
        )
        with refused("IDB01"), owner.transaction():
            owner.run("SELECT integratedb_validate_migration()")
        owner.run("DROP VIEW shop.customers; ALTER TABLE shop.old RENAME TO customers")
        owner.run(ADD_FOREIGN_KEY)
    claim(CUSTOMERS)
    assert superuser.rows(BASELINE) == [("unique", ["email"], None, None, None)]
    claim({**CUSTOMERS, "unique": [["id"]]})
    assert superuser.rows(BASELINE) == [("unique", ["id"], None, None, None)]
    claim()
    assert superuser.rows(BASELINE) == []


def test_a_new_target_is_recorded_without_python_and_after_it(claim, owner, superuser):
    claim(ORDERS, {"alternatives": [{"path": "shop.customers"}, {"path": "shop.people"}]})
    owner.run("ALTER TABLE shop.customers RENAME TO people")
    owner.run("CREATE VIEW shop.customers AS SELECT * FROM shop.people")
    assert superuser.value("SELECT to_relid = 'shop.customers'::regclass FROM integratedb.claim_key")
