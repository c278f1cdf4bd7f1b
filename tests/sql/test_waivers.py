"""One dependency refuses no migration for a time, and everything else does."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, detail, hint, refused

WAIVE = "SELECT integratedb_waive('reporter', %s, %s, now() + interval '14 days', %s)"
WAIVERS = "SELECT stakeholder, path, field, days_left, reason, waived_by, unmet FROM integratedb_waivers()"
NOTE = {"path": "shop.orders", "fields": ["id", "note"]}
DROP_NOTE = "ALTER TABLE shop.orders DROP COLUMN note"


def waive(
    session: Session, path: str = "shop.orders", field: str | None = "note", reason: str = "2.4 reads none"
) -> int:
    number: int = session.value(WAIVE, path, field, reason)
    return number


def end(superuser: Session) -> None:
    """As if the time of the waivers had passed."""
    superuser.run("UPDATE integratedb.waiver SET until = now() - interval '1 second'")


def unmet(session: Session) -> list[tuple[Any, ...]]:
    return session.rows("SELECT stakeholder, path FROM integratedb_unmet_claims()")


# Who may


def test_an_admin_and_the_stakeholder_itself_may_and_others_may_not(
    admin, owner, stakeholder, claim, superuser, connect
):
    reporter, other = stakeholder("reporter"), stakeholder("fulfilment")
    claim(NOTE)
    superuser.run("CREATE ROLE shop_nobody LOGIN")
    for session in (owner, other, connect("shop_nobody")):
        with refused("42501") as error:
            waive(session)
        assert hint(error)
    first = waive(reporter)
    assert waive(admin, reason="the team said so") == first
    assert connect("shop_nobody").rows(WAIVERS) == [
        ("reporter", "shop.orders", "note", 14, "the team said so", "shop_admin", False)
    ]
    for session in (owner, other):
        with refused("42501"):
            session.run("SELECT integratedb_end_waiver(%s)", first)
    assert reporter.value("SELECT integratedb_end_waiver(%s)", first) is True
    assert admin.rows(WAIVERS) == []


def test_code_of_others_cannot_waive_for_an_admin(admin, stakeholder, claim):
    reporter = stakeholder("fulfilment")
    claim(NOTE)
    reporter.run(
        "CREATE FUNCTION fulfilment.f() RETURNS bigint LANGUAGE sql AS $$ SELECT public.integratedb_waive("
        "'reporter', 'shop.orders', 'note', now() + interval '1 day', 'x') $$;"
        " GRANT USAGE ON SCHEMA fulfilment TO PUBLIC"
    )
    with refused("42501", match="does not name"):
        admin.run("SELECT fulfilment.f()")


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [
        ("'reporter', 'shop.orders', 'note', NULL, 'why'", "22023", "not null"),
        ("'reporter', 'shop.orders', 'note', now(), 'why'", "22023", "end in the future"),
        ("'reporter', 'shop.orders', 'note', 'infinity', 'why'", "22023", "infinity"),
        ("'reporter', 'shop.orders', 'note', '10000-01-01 UTC', 'why'", "22023", "10000-01-01"),
        ("'reporter', 'shop.orders', 'note', now() + interval '1 day', NULL", "22023", "reason"),
        ("'reporter', 'shop.orders', 'note', now() + interval '1 day', '  '", "22023", "reason"),
        ("'reporter', 'shop.orders', 'note', now() + interval '1 day', repeat('x', 1001)", "22023", "reason"),
        ("'reporter', 'shop.orders', 'status', now() + interval '1 day', 'why'", "22023", "does not depend on"),
        ("'reporter', 'shop.products', NULL, now() + interval '1 day', 'why'", "22023", "does not depend on"),
        ("'reporter', 'shop.*', NULL, now() + interval '1 day', 'why'", "22023", "does not depend on"),
        ("'reporter', 'shop.orders', 'nota', now() + interval '1 day', 'why'", "42703", "nota"),
        ("'reporter', 'shop.ordrs', NULL, now() + interval '1 day', 'why'", "42P01", "shop.ordrs"),
        ("'reporter', 'orders', NULL, now() + interval '1 day', 'why'", "22023", "not a table path"),
        ("'nobody', 'shop.orders', NULL, now() + interval '1 day', 'why'", "IDB04", "nobody"),
        ("NULL, 'shop.orders', NULL, now() + interval '1 day', 'why'", "IDB04", "null"),
    ],
)
def test_what_is_no_waiver_is_refused_and_changes_nothing(admin, claim, statement, code, words):
    claim(NOTE)
    with refused(code, match=words) as error:
        admin.run(f"SELECT integratedb_waive({statement})")
    assert hint(error)
    assert admin.rows(WAIVERS) == []


@pytest.mark.parametrize("number", [4711, None])
def test_a_waiver_that_does_not_exist_cannot_be_ended(admin, number):
    with refused("42704", match=str(number or "null")):
        admin.run("SELECT integratedb_end_waiver(%s::bigint)", number)


# What passes


def test_a_migration_that_breaks_it_passes_with_a_warning_and_a_record(admin, owner, claim):
    claim(NOTE)
    waive(admin)
    owner.run(DROP_NOTE)
    assert owner.warnings() == ["waived: a claim of reporter is unmet"]
    assert "waived until" in (owner.notices[-1].message_detail or "")
    log = admin.rows(
        "SELECT command_tag, reason FROM integratedb_ddl_events()"
        " WHERE command_tag IN ('INTEGRATEDB WAIVE', 'INTEGRATEDB ALLOWED') ORDER BY id"
    )
    assert [tag for tag, _ in log] == ["INTEGRATEDB WAIVE", "INTEGRATEDB ALLOWED"]
    assert all("2.4 reads none" in reason for _, reason in log)


def test_the_status_says_how_many_unmet_claims_are_allowed(admin, owner, claim, superuser):
    claim(NOTE, {"path": "shop.customers", "fields": ["email"]})
    facts = "SELECT fact, value FROM integratedb_status() WHERE fact IN ('unmet', 'allowed')"
    waive(admin)
    assert admin.rows(facts) == [("unmet", "0")]
    owner.run(DROP_NOTE)
    assert dict(admin.rows(facts)) == {
        "unmet": "1",
        "allowed": "1 of the unmet claims: a deprecation or a waiver allows it",
    }
    end(superuser)
    assert admin.rows(facts) == [("unmet", "1")]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(10)",
        "REVOKE SELECT (note) ON shop.orders FROM reporter",
    ],
)
def test_whatever_breaks_the_column_passes(superuser, admin, owner, claim, statement):
    claim(NOTE)
    superuser.run("GRANT SELECT (note) ON shop.orders TO reporter")
    waive(admin)
    owner.run(statement)
    assert unmet(owner) == [("reporter", "shop.orders")]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE shop.orders DROP COLUMN id CASCADE",
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "DROP TABLE shop.orders CASCADE",
    ],
)
def test_what_breaks_more_is_refused_before_and_after(admin, owner, claim, statement):
    claim(NOTE)
    waive(admin)
    with refused("IDB01"):
        owner.run(statement)
    owner.run(DROP_NOTE)
    with refused("IDB01"):
        owner.run(statement)


def test_another_stakeholder_is_not_waived(admin, owner, claim):
    claim(NOTE)
    claim(NOTE, by="fulfilment")
    waive(admin)
    with refused("IDB01") as error:
        owner.run(DROP_NOTE)
    assert "fulfilment (claims)" in detail(error)
    assert "reporter (claims)" not in detail(error)


def test_without_a_field_all_that_is_claimed_of_the_table_is_waived(admin, owner, claim):
    claim({**NOTE, "unique": [["id"]]}, {"path": "shop.products", "fields": ["id"]})
    waive(admin, field=None)
    owner.run("ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY")
    owner.run("DROP TABLE shop.orders CASCADE")
    with refused("IDB01"):
        owner.run("DROP TABLE shop.products CASCADE")


def test_a_key_with_the_waived_field_is_waived(admin, owner, claim):
    claim({"path": "shop.customers", "fields": ["id", "email"], "unique": [["email"], ["id"]]})
    waive(admin, "shop.customers", "email")
    owner.run("ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key")
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.customers DROP CONSTRAINT customers_pkey CASCADE")


def test_a_whole_schema_is_waived_by_its_path_or_table_by_table(admin, owner, claim):
    claim({"path": "shop.*", "fields": ["*"]})
    waive(admin, "shop.orders", None)
    owner.run(DROP_NOTE)
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.products DROP COLUMN name CASCADE")
    waive(admin, "shop.*", None)
    owner.run("ALTER TABLE shop.products DROP COLUMN name CASCADE")


def test_a_waiver_covers_notifications_that_become_impossible(admin, owner, claim):
    claim()
    admin.run(
        "SELECT integratedb_notify('reporter', %s)", Jsonb({"match": [{"path": "shop.products", "fields": ["id"]}]})
    )
    drop = (
        "ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_product_id_fkey;"
        " ALTER TABLE shop.products DROP CONSTRAINT products_pkey CASCADE"
    )
    with refused("IDB01"):
        owner.run(drop)
    waive(admin, "shop.products", None)
    owner.run(drop)
    assert owner.rows("SELECT kind FROM integratedb_unmet_claims()") == [("notifications",)]


def test_validation_passes_while_the_waiver_is_in_force(admin, owner, claim, superuser):
    claim(NOTE)
    waive(admin)
    with owner.transaction():
        owner.run(DROP_NOTE)
        assert owner.value("SELECT integratedb_validate_migration()") == 0
    assert owner.value("SELECT integratedb_validate_migration()") == 0
    end(superuser)
    with refused("IDB01"):
        owner.run("SELECT integratedb_validate_migration()")


def test_a_preview_and_the_list_say_waived_with_the_days_left(admin, owner, claim):
    claim(NOTE)
    waive(admin)
    (problem,) = owner.value("SELECT problems FROM integratedb_preview_migration(%s)", DROP_NOTE)
    assert (problem["allowed"], problem["waiver"]["days_left"]) == ("waived", 14)
    owner.run(DROP_NOTE)
    ((problems, told),) = owner.rows("SELECT problems, hint FROM integratedb_unmet_claims()")
    assert problems[0]["waiver"]["reason"] == "2.4 reads none"
    assert "waived: shop.orders.note waived until" in told
    assert owner.rows(WAIVERS)[0][-1] is True
    rows = owner.rows("SELECT * FROM integratedb_dependents('shop.orders', 'note')")
    assert [(who, kind) for who, kind, _ in rows] == [("reporter", "claims"), ("reporter", "waiver")]


def test_the_status_lists_it_and_a_stakeholder_sees_its_own(admin, claim, stakeholder):
    reporter, other = stakeholder("reporter"), stakeholder("fulfilment")
    claim(NOTE)
    waive(admin)
    facts = "SELECT fact, value FROM integratedb_status()"
    for session in (admin, reporter):
        assert dict(session.rows(facts))["waived"].startswith("shop.orders.note of reporter until ")
    assert "waived" not in dict(other.rows(facts))


# Its end


def test_after_its_end_what_was_broken_is_reported_and_the_rest_enforced(admin, owner, claim, superuser):
    claim(NOTE)
    waive(admin)
    advice = "SELECT name FROM integratedb_advice() WHERE name = 'unmet_claim'"
    owner.run(DROP_NOTE)
    assert admin.rows(advice) == []
    end(superuser)
    assert admin.rows(WAIVERS) == []
    assert len(admin.rows(advice)) == 1
    assert dict(admin.rows("SELECT fact, value FROM integratedb_status()"))["unmet"] == "1"
    owner.run("ALTER TABLE shop.orders ADD COLUMN harmless integer")
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN id CASCADE")


def test_after_its_end_the_dependency_counts_again(admin, owner, claim, superuser):
    claim(NOTE)
    waive(admin)
    end(superuser)
    with refused("IDB01"):
        owner.run(DROP_NOTE)
    number = superuser.value("SELECT id FROM integratedb.waiver")
    assert admin.value("SELECT integratedb_end_waiver(%s)", number) is False


def test_a_transaction_that_began_before_its_end_is_checked_after_it(admin, owner, claim, superuser):
    claim(NOTE)
    waive(admin)
    owner.run(f"BEGIN; {DROP_NOTE}")
    superuser.run("UPDATE integratedb.waiver SET until = clock_timestamp()")
    with refused("IDB01"):
        owner.run("COMMIT")


def test_it_outlives_a_new_specification_and_goes_with_the_stakeholder(admin, owner, claim, superuser):
    claim(NOTE)
    waive(admin)
    claim({"path": "shop.orders", "fields": ["note"]})
    owner.run(DROP_NOTE)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert superuser.value("SELECT count(*) FROM integratedb.waiver") == 0


def test_an_override_lets_the_rest_go_as_ever(admin, owner, claim, superuser):
    claim(NOTE)
    waive(admin)
    owner.run(DROP_NOTE)
    superuser.run("GRANT integratedb_admin TO shop_owner")
    try:
        with owner.transaction():
            owner.run("SELECT integratedb_override('incident')")
            owner.run("ALTER TABLE shop.orders DROP COLUMN id CASCADE")
    finally:
        superuser.run("REVOKE integratedb_admin FROM shop_owner")
    assert unmet(owner) == [("reporter", "shop.orders")]
    owner.run("ALTER TABLE shop.orders ADD COLUMN harmless integer")
