"""What a refused migration is told: who is hurt, where, what was expected and found, and what each side can do."""

from __future__ import annotations

import json

import pytest

from tests.support import detail, hint, refused


def test_a_single_statement_is_a_transaction(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    owner.run("SELECT note FROM shop.orders")


def test_a_message_of_several_statements_is_a_transaction(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01"):
        owner.run("CREATE TABLE shop.other (id integer); ALTER TABLE shop.orders DROP COLUMN note")
    assert owner.value("SELECT to_regclass('shop.other')") is None


def test_ddl_inside_a_function_is_refused_like_any_other(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01"):
        owner.run("DO $$ BEGIN EXECUTE 'ALTER TABLE shop.orders DROP COLUMN note'; END $$")


def test_a_procedure_that_commits_is_refused_at_its_commit(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    owner.run("""
CREATE PROCEDURE shop.migrate() LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE shop.first (id integer);
  COMMIT;
  ALTER TABLE shop.orders DROP COLUMN note;
  COMMIT;
END $$""")
    with refused("IDB01"):
        owner.run("CALL shop.migrate()")
    assert owner.value("SELECT to_regclass('shop.first')::text") == "shop.first"
    owner.run("SELECT note FROM shop.orders")


def test_both_of_two_alternatives_gone_is_a_break_that_names_both(claim, owner):
    claim({"path": "shop.orders", "fields": [{"alternatives": ["note", "total"]}]})
    with refused("IDB01") as refusal, owner.transaction():
        owner.run("ALTER TABLE shop.orders DROP COLUMN note, DROP COLUMN total CASCADE")
    assert "shop.orders.note" in detail(refusal)
    assert "shop.orders.total" in detail(refusal)


def test_a_table_whose_alternatives_are_both_gone_is_a_break(claim, owner):
    claim(
        {"alternatives": [{"path": "shop.orders", "fields": ["id"]}, {"path": "shop.purchases", "fields": ["id"]}]},
    )
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TABLE shop.orders RENAME TO sales_orders")


def test_a_migration_that_breaks_several_stakeholders_names_them_all(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]}, by="reporter")
    claim({"path": "shop.orders", "fields": ["note"]}, {"path": "shop.customers", "fields": ["phone"]}, by="crm")
    with refused("IDB01") as refusal, owner.transaction():
        owner.run("ALTER TABLE shop.orders DROP COLUMN note; ALTER TABLE shop.customers DROP COLUMN phone")
    assert refusal.value.diag.message_primary == "invalid migration (ALTER TABLE): it breaks 3 claims of crm, reporter"
    assert len(detail(refusal).splitlines()) == 3


# The message is the product's face.


def test_the_refusal_tells_who_what_where_expected_and_found(claim, owner):
    claim({"path": "shop.customers", "fields": [{"name": "phone", "type": "varchar", "min_length": 16}]})
    with refused("IDB01") as refusal, owner.transaction():
        owner.run("ALTER TABLE shop.customers ALTER COLUMN phone TYPE varchar(15)")
    assert refusal.value.diag.message_primary == "invalid migration (ALTER TABLE): it breaks a claim of reporter"
    assert detail(refusal) == (
        "reporter (claims): shop.customers.phone: expected a length or precision of at least 16, found 15"
    )
    assert hint(refusal).splitlines() == [
        "Author of the migration: keep shop.customers.phone until reporter has moved on "
        "(SELECT * FROM integratedb_dependents('shop.customers', 'phone') tells who depends on it).",
        "Stakeholder reporter: claim an alternative to shop.customers.phone, make it optional, or give it up, "
        "and the migration passes.",
        "Admin: SELECT integratedb_override('reason') in the same transaction lets it pass, on record.",
    ]


@pytest.mark.parametrize(
    ("ddl", "fields", "found"),
    [
        (
            "ALTER TABLE shop.orders DROP COLUMN note",
            ["note"],
            "shop.orders.note: expected a column of type character varying(200), found none",
        ),
        (
            "ALTER TABLE shop.orders ALTER note TYPE text",
            ["note"],
            "shop.orders.note: expected type character varying(200), found text",
        ),
        ("DROP TABLE shop.orders CASCADE", [], "shop.orders: expected a table, found none"),
        (
            "ALTER TABLE shop.orders ALTER placed_at DROP NOT NULL",
            ["placed_at"],
            "shop.orders.placed_at: expected NOT NULL, found a nullable column",
        ),
        ("REVOKE SELECT ON shop.orders FROM reporter", ["note"], "shop.orders.note: role reporter may not SELECT it"),
        (
            "REVOKE USAGE ON SCHEMA shop FROM reporter",
            ["note"],
            "shop.orders: role reporter lacks USAGE on schema shop",
        ),
        (
            "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
            ["note"],
            "shop.orders: row level security is on and no policy lets role reporter read",
        ),
        ("ALTER TABLE shop.orders RENAME TO sales", [], None),
    ],
)
def test_the_detail_says_what_was_expected_and_what_was_found(claim, owner, superuser, ddl, fields, found):
    superuser.run("DROP MATERIALIZED VIEW shop.sales")
    claim({"path": "shop.orders", "fields": fields})
    with refused("IDB01") as refusal, owner.transaction():
        owner.run(ddl)
    wanted = found or "shop.orders: expected a table, found none; it was renamed to shop.sales"
    assert detail(refusal) == f"reporter (claims): {wanted}"


def test_the_refusal_names_every_kind_of_statement_of_the_migration(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01", match=r"invalid migration \(ALTER TABLE, CREATE TABLE, DROP VIEW\)"), owner.transaction():
        owner.run("CREATE TABLE shop.other (id integer)")
        owner.run("DROP VIEW shop.open_orders")
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


def test_the_field_alternative_that_a_rename_is_told_really_allows_it(claim, owner):
    claim({"path": "shop.orders", "fields": ["id", "note"]})
    rename = "ALTER TABLE shop.orders RENAME COLUMN note TO remark"
    with refused("IDB01") as refusal:
        owner.run(rename)
    assert "it was renamed to remark" in detail(refusal)
    assert (
        'Stakeholder reporter: claim {"alternatives": ["note", "remark"]} instead of "note" in the fields of shop.'
        in hint(refusal)
    )

    claim({"path": "shop.orders", "fields": ["id", {"alternatives": ["note", "remark"]}]})
    owner.run(rename)


def test_the_table_alternative_that_a_rename_is_told_really_allows_it(claim, owner):
    claim({"path": "shop.orders", "fields": ["id"]})
    rename = "ALTER TABLE shop.orders RENAME TO purchases"
    with refused("IDB01") as refusal:
        owner.run(rename)
    assert (
        'claim {"alternatives": [{"path": "shop.orders", ...}, {"path": "shop.purchases", ...}]} '
        'instead of {"path": "shop.orders", ...}'
    ) in hint(refusal)

    claim({"alternatives": [{"path": path, "fields": ["id"]} for path in ("shop.orders", "shop.purchases")]})
    owner.run(rename)


def test_the_table_alternative_is_printed_for_a_move_to_another_schema_too(claim, owner, superuser):
    superuser.run("CREATE SCHEMA archive AUTHORIZATION shop_owner")
    claim({"path": "shop.orders", "fields": ["id"]})
    with refused("IDB01") as refusal:
        owner.run("ALTER TABLE shop.orders SET SCHEMA archive")
    assert '{"path": "archive.orders", ...}' in hint(refusal)


@pytest.mark.parametrize(
    ("field", "alternative"),
    [
        (
            {"name": "note", "type": "varchar", "min_length": 100},
            {
                "alternatives": [
                    {"name": "note", "type": "varchar", "min_length": 100},
                    {"name": "remark", "type": "varchar", "min_length": 100},
                ]
            },
        ),
        ({"alternatives": ["comment", "note"]}, {"alternatives": ["comment", "note", "remark"]}),
        (
            {"alternatives": ["comment", {"name": "note", "type": "varchar"}]},
            {"alternatives": ["comment", {"name": "note", "type": "varchar"}, {"name": "remark", "type": "varchar"}]},
        ),
    ],
)
def test_the_field_alternative_asks_for_what_the_claimed_field_asks_for(claim, owner, field, alternative):
    claim({"path": "shop.orders", "fields": [field]})
    rename = "ALTER TABLE shop.orders RENAME COLUMN note TO remark"
    with refused("IDB01") as refusal:
        owner.run(rename)
    (line,) = [line for line in hint(refusal).splitlines() if line.startswith("Stakeholder reporter")]
    printed, instead_of = (
        line.removeprefix("Stakeholder reporter: claim ").split(" in the fields of ")[0].split(" instead of ")
    )
    assert json.loads(printed) == alternative
    assert json.loads(instead_of) == field

    claim({"path": "shop.orders", "fields": [json.loads(printed)]})
    owner.run(rename)


def test_a_wildcard_claim_is_told_of_sync_and_that_really_allows_it(claim, owner):
    claim({"path": "shop.orders", "fields": ["*"]})
    with refused("IDB01") as refusal:
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    assert "Author of the migration: SELECT integratedb_sync() in the same transaction" in hint(refusal)

    with owner.transaction():
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
        owner.run("SELECT integratedb_sync()")


@pytest.mark.parametrize(
    "ddl", ["REVOKE SELECT ON shop.orders FROM reporter", "REVOKE USAGE ON SCHEMA shop FROM reporter"]
)
def test_a_revoke_is_told_of_sync_and_that_really_allows_it(claim, owner, ddl):
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01") as refusal:
        owner.run(ddl)
    assert "SELECT integratedb_sync() in the same transaction gives the privilege back" in hint(refusal)
    # No alternative, which would have to be granted too, helps against a REVOKE.
    assert "Stakeholder reporter: give the claim on shop.orders" in hint(refusal)
    assert "alternative" not in hint(refusal)

    with owner.transaction():
        owner.run(ddl)
        owner.run("SELECT integratedb_sync()")
    claim()
    owner.run(ddl)


def test_the_policy_that_row_security_is_told_of_really_allows_it(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    enable = "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY"
    with refused("IDB01") as refusal:
        owner.run(enable)
    policy = "CREATE POLICY reporter_reads ON shop.orders FOR SELECT TO reporter USING (true)"
    assert f"Author of the migration: {policy}" in hint(refusal)

    with owner.transaction():
        owner.run(enable)
        owner.run(policy)


def test_an_override_that_the_admin_is_told_of_really_allows_it(claim, owner, superuser):
    superuser.run("GRANT shop_owner TO shop_admin")
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01") as refusal:
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    assert "Admin: SELECT integratedb_override('reason') in the same transaction" in hint(refusal)

    with superuser.transaction():
        superuser.run("ALTER TABLE shop.orders DROP COLUMN note")
        superuser.run("SELECT integratedb_override('reason')")


def test_the_detail_is_as_long_as_it_must_be_and_no_longer(claim, owner):
    owner.run("CREATE TABLE shop.wide (" + ", ".join(f"c{n} integer" for n in range(150)) + ")")
    claim(*({"path": "shop.wide", "fields": [f"c{n}"]} for n in range(150)))
    with refused("IDB01") as refusal, owner.transaction():
        owner.run("DROP TABLE shop.wide")
    lines = detail(refusal).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "... and 50 more"
