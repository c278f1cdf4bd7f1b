"""An owner announces that something goes; after its date, and only where that is binding, claims let it go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, detail, hint, refused

DEPRECATE = "SELECT integratedb_deprecate(%s, %s, now() + %s::interval, %s)"
DEPRECATIONS = "SELECT path, field, claimed_by FROM integratedb_deprecations()"
NOTE = {"path": "shop.orders", "fields": ["id", "note"]}
DROP_NOTE = "ALTER TABLE shop.orders DROP COLUMN note"
TODAY = datetime.now(UTC).date()


def day(offset: int) -> str:
    return str(TODAY + timedelta(days=offset))


def deprecate(owner: Session, path: str = "shop.orders", field: str | None = "note", message: str | None = None) -> int:
    number: int = owner.value(DEPRECATE, path, field, "30 days", message)
    return number


def pass_time(superuser: Session, *, told: str = "8 days", due: str = "1 hour") -> None:
    """As if this much time had passed since the dependents were told, and since the date."""
    superuser.run(
        "UPDATE integratedb.deprecation SET announced_at = now() - %s::interval, remove_after = now() - %s::interval",
        told,
        due,
    )


@pytest.fixture
def binding(admin: Session) -> None:
    admin.run("SELECT integratedb_configure('deprecation', 'binding')")


def unmet(session: Session) -> list[tuple[Any, ...]]:
    return session.rows("SELECT stakeholder, path FROM integratedb_unmet_claims()")


# Announcing


def test_an_owner_deprecates_and_everybody_sees_it(owner, claim, connect, superuser):
    claim(NOTE)
    assert deprecate(owner, message="  read shop.notes instead ") == 1
    superuser.run("CREATE ROLE shop_nobody LOGIN")
    (row,) = connect("shop_nobody").dicts("SELECT * FROM integratedb_deprecations()")
    assert (row["path"], row["field"], row["message"]) == ("shop.orders", "note", "read shop.notes instead")
    assert (row["deprecated_by"], row["days_left"], row["claimed_by"]) == ("shop_owner", 30, ["reporter"])
    assert row["removable_after"] is None  # it only informs


def test_a_whole_table_may_be_deprecated_and_a_date_be_unknown(owner, claim):
    claim(NOTE)
    assert owner.value("SELECT integratedb_deprecate('shop.orders')") == 1
    assert owner.rows(DEPRECATIONS) == [("shop.orders", None, ["reporter"])]
    assert owner.value("SELECT remove_after FROM integratedb_deprecations()") is None


def test_only_what_is_deprecated_concerns_its_dependents(owner, claim):
    claim({"path": "shop.orders", "fields": ["id"]})
    assert deprecate(owner) == 0
    assert deprecate(owner, field="id") == 1


def test_a_reference_to_a_deprecated_table_depends_on_it(owner, claim):
    claim(
        {
            "path": "shop.orders",
            "fields": ["customer_id"],
            "references": [{"fields": ["customer_id"], "to": "shop.customers"}],
        }
    )
    assert deprecate(owner, "shop.customers", None) == 1
    assert deprecate(owner, "shop.customers", "id") == 1
    assert deprecate(owner, "shop.customers", "phone") == 0


def test_deprecating_again_changes_date_and_message_and_is_one(owner, claim):
    claim(NOTE)
    deprecate(owner, message="one")
    owner.run(DEPRECATE, "shop.orders", "note", "60 days", "two")
    assert owner.rows("SELECT message, days_left FROM integratedb_deprecations()") == [("two", 60)]


def test_an_earlier_date_is_told_anew_and_a_later_one_is_not(owner, superuser):
    deprecate(owner)
    superuser.run("UPDATE integratedb.deprecation SET announced_at = now() - interval '20 days'")
    told = "SELECT now() - announced_at > interval '10 days' FROM integratedb.deprecation"
    owner.run(DEPRECATE, "shop.orders", "note", "60 days", None)
    assert superuser.value(told) is True
    owner.run(DEPRECATE, "shop.orders", "note", "59 days", None)
    assert superuser.value(told) is False


def test_a_renamed_column_stays_deprecated_under_its_new_name(owner):
    deprecate(owner)
    owner.run("ALTER TABLE shop.orders RENAME COLUMN note TO remark; ALTER TABLE shop.orders RENAME TO purchases")
    assert owner.rows(DEPRECATIONS) == [("shop.purchases", "remark", [])]
    owner.run("SELECT integratedb_undeprecate('shop.purchases', 'remark')")
    assert owner.rows(DEPRECATIONS) == []


def test_what_is_dropped_is_deprecated_no_more(owner):
    deprecate(owner)
    owner.run(DROP_NOTE)
    assert owner.rows(DEPRECATIONS) == []
    owner.run("ALTER TABLE shop.orders ADD COLUMN note text")
    assert owner.rows(DEPRECATIONS) == []
    assert owner.value("SELECT integratedb_undeprecate('shop.orders', 'note')") is False


def test_an_owner_takes_it_back(owner, claim):
    claim(NOTE)
    deprecate(owner)
    assert owner.value("SELECT integratedb_undeprecate('shop.orders', 'note')") is True
    assert owner.rows(DEPRECATIONS) == []
    owner.notices.clear()
    claim(NOTE)
    assert owner.warnings() == []


def test_it_is_in_the_audit_log(owner, admin):
    deprecate(owner, message="read shop.notes")
    owner.run("SELECT integratedb_undeprecate('shop.orders', 'note')")
    tags = admin.rows("SELECT command_tag, session_user_name FROM integratedb_ddl_events() ORDER BY id")
    assert tags == [("INTEGRATEDB DEPRECATE", "shop_owner"), ("INTEGRATEDB UNDEPRECATE", "shop_owner")]


def test_the_status_names_what_is_claimed_and_deprecated(owner, admin, claim, stakeholder):
    reporter = stakeholder("reporter")
    claim(NOTE)
    deprecate(owner)
    deprecate(owner, field="total")
    fact = "SELECT value FROM integratedb_status() WHERE fact = 'deprecated'"
    assert admin.value(fact).startswith("shop.orders.note of reporter, removal after 2")
    assert admin.value(fact).count("shop.orders") == 1  # nobody claims the other one
    assert reporter.value(fact) == admin.value(fact)
    assert stakeholder("fulfilment").rows(fact) == []


# Who may


def test_an_admin_may_and_a_stakeholder_or_a_stranger_may_not(owner, admin, stakeholder, superuser, connect):
    reporter = stakeholder("reporter")
    superuser.run("CREATE ROLE shop_nobody LOGIN; GRANT SELECT ON shop.orders TO shop_nobody WITH GRANT OPTION")
    for session in (reporter, connect("shop_nobody")):
        with refused("42501", match="does not own shop.orders") as error:
            deprecate(session)
        assert "shop_owner" in hint(error)
        with refused("42501"):
            session.run("SELECT integratedb_undeprecate('shop.orders', 'note')")
    assert deprecate(admin) == 0
    with refused("42501"):
        reporter.run("SELECT integratedb_undeprecate('shop.orders', 'note')")
    assert owner.value("SELECT integratedb_undeprecate('shop.orders', 'note')") is True


def test_a_member_of_the_owner_may_after_the_table_changed_hands_the_new_owner(superuser, owner, connect):
    superuser.run("CREATE ROLE team; CREATE ROLE member LOGIN IN ROLE team; ALTER TABLE shop.orders OWNER TO team")
    with refused("42501"):
        deprecate(owner)
    assert deprecate(connect("member")) == 0


def test_code_of_others_cannot_deprecate_for_an_admin(admin, stakeholder):
    reporter = stakeholder("reporter")
    reporter.run(
        "CREATE FUNCTION reporter.f() RETURNS integer LANGUAGE sql AS"
        " $$ SELECT public.integratedb_deprecate('shop.orders', 'note') $$;"
        " GRANT USAGE ON SCHEMA reporter TO PUBLIC"
    )
    with refused("42501", match="does not name"):
        admin.run("SELECT reporter.f()")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("shop.orders", "note", "-1 day", None), "22023", "has passed"),
        (("shop.orders", "note", "0", None), "22023", "has passed"),
        (("shop.orders", "note", "30 days", "x" * 1001), "22023", "1001 characters"),
        (("shop.*", None, "30 days", None), "22023", "shop.\\*"),
        (("pg_catalog.pg_class", None, "30 days", None), "22023", "pg_catalog.pg_class"),
        (("integratedb.claim", None, "30 days", None), "22023", "integratedb.claim"),
        (("orders", None, "30 days", None), "22023", "not a table path"),
        (("shop.ordrs", None, "30 days", None), "42P01", "shop.ordrs"),
        (("shop.orders", "nota", "30 days", None), "42703", "nota"),
        (("shop.orders", "cmax", "30 days", None), "42703", "cmax"),
        (("shop.orders", "", "30 days", None), "42703", "column"),
    ],
)
def test_what_cannot_be_deprecated_is_refused_and_changes_nothing(owner, arguments, code, words):
    with refused(code, match=words) as error:
        owner.run(DEPRECATE, *arguments)
    assert hint(error)
    assert owner.rows(DEPRECATIONS) == []


def test_a_time_that_is_none_is_refused(owner):
    with refused("22023", match="infinity"):
        owner.run("SELECT integratedb_deprecate('shop.orders', NULL, 'infinity')")
    with refused("22023", match="10000-01-01"):  # after which no client could read the list
        owner.run("SELECT integratedb_deprecate('shop.orders', NULL, '10000-01-01 UTC')")


def test_what_is_claimed_and_does_not_exist_cannot_be_deprecated(owner, claim):
    claim({"path": "shop.orders", "fields": [{"alternatives": ["later", "note"]}]})
    with refused("42703", match="shop.orders.later does not exist"):
        deprecate(owner, field="later")


# Who is told


def test_new_claims_on_it_get_a_warning(owner, admin, claim):
    deprecate(owner, message="read shop.notes")
    claim({"path": "shop.orders", "fields": ["id"]})
    assert admin.warnings() == []
    claim(NOTE)
    assert admin.warnings() == ["deprecated: shop.orders.note"]
    assert "read shop.notes" in (admin.notices[-1].message_detail or "")


def test_a_claim_by_a_wildcard_gets_it_too(owner, admin, claim):
    deprecate(owner)
    deprecate(owner, "shop.customers", None)
    claim({"path": "shop.*", "fields": ["*"]})
    assert admin.warnings() == ["deprecated: shop.customers, shop.orders.note"]


def test_check_spec_warns_and_finds_no_problem(owner):
    deprecate(owner, message="read shop.notes")
    check = "SELECT code, path, field, property, message FROM integratedb_check_spec(%s)"
    assert owner.rows(check, Jsonb({"match": [{"path": "shop.orders", "fields": ["id"]}]})) == []
    ((code, path, field, what, message),) = owner.rows(check, Jsonb({"match": [NOTE]}))
    assert (code, path, field, what) == ("01000", "shop.orders", "note", "deprecation")
    assert "read shop.notes" in message


def test_dependents_shows_it_with_the_promises(owner, claim):
    claim({**NOTE, "until": day(90)}, by="reporter")
    claim(NOTE, by="fulfilment")
    deprecate(owner)
    rows = owner.rows("SELECT * FROM integratedb_dependents('shop.orders', 'note')")
    kinds = [(who, kind) for who, kind, _ in rows]
    assert kinds == [
        ("fulfilment", "claims"),
        ("reporter", "claims"),
        ("fulfilment", "deprecation"),
        ("reporter", "deprecation"),
        ("reporter", "promise"),
    ]
    assert rows[3][2].startswith("removal after ")
    assert rows[4][2] == f"until {day(90)}"


# The removal


def test_advisory_deprecations_never_let_anything_go(owner, claim, superuser):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    with refused("IDB01") as error:
        owner.run(DROP_NOTE)
    assert "deprecated at" in detail(error)


def test_a_binding_one_lets_it_go_after_its_date_with_a_warning_and_a_record(owner, claim, superuser, admin, binding):
    claim(NOTE)
    deprecate(owner, message="read shop.notes")
    with refused("IDB01"):
        owner.run(DROP_NOTE)
    pass_time(superuser)
    owner.run(DROP_NOTE)
    assert owner.warnings() == ["deprecated and due: a claim of reporter is unmet"]
    assert "read shop.notes" in (owner.notices[-1].message_detail or "")
    ((problems, told),) = owner.rows("SELECT problems, hint FROM integratedb_unmet_claims()")
    assert problems[0]["allowed"] == "deprecated"
    assert problems[0]["deprecation"]["message"] == "read shop.notes"
    assert told.startswith("Unmet since ")
    assert "deprecated and due: shop.orders.note" in told
    log = admin.rows("SELECT reason FROM integratedb_ddl_events() WHERE command_tag = 'INTEGRATEDB ALLOWED'")
    assert len(log) == 1
    assert log[0][0].startswith("reporter (claims): deprecated and due: shop.orders.note")


def test_who_may_not_deprecate_does_not_wait_for_the_lock(owner, superuser, stakeholder, connect):
    superuser.run("CREATE ROLE shop_nobody LOGIN")
    sessions = stakeholder("reporter"), connect("shop_nobody")
    holder = connect("shop_admin")
    holder.run("BEGIN")
    holder.run("SELECT integratedb_sync()")
    for session in sessions:
        session.run("SET statement_timeout = '2s'")
        for call in (
            "integratedb_deprecate('shop.orders')",
            "integratedb_undeprecate('shop.orders')",
            "integratedb_waive('fulfilment', 'shop.orders', NULL, now() + interval '1 day', 'x')",
        ):
            with refused("42501"):
                session.run(f"SELECT {call}")
    holder.run("ROLLBACK")


@pytest.mark.parametrize(("told", "due"), [("6 days 23 hours", "1 hour"), ("8 days", "-1 hour")])
def test_not_before_its_date_nor_within_seven_days_of_the_notice(owner, claim, superuser, binding, told, due):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser, told=told, due=due)
    with refused("IDB01"):
        owner.run(DROP_NOTE)


def test_without_a_date_never(owner, claim, superuser, binding):
    claim(NOTE)
    owner.run("SELECT integratedb_deprecate('shop.orders', 'note')")
    superuser.run("UPDATE integratedb.deprecation SET announced_at = now() - interval '1 year'")
    with refused("IDB01"):
        owner.run(DROP_NOTE)


def test_the_seven_days_begin_when_it_is_announced_and_not_with_the_transaction(owner, claim, superuser):
    claim(NOTE)
    later = "SELECT announced_at > now(), deprecated_at > now() FROM integratedb.deprecation"
    for interval in ("30 days", "20 days"):
        superuser.run("BEGIN; SELECT pg_sleep(0.01)")
        superuser.run(DEPRECATE, "shop.orders", "note", interval, None)
        assert superuser.row(later)[0] is True
        superuser.run("COMMIT")
    superuser.run("BEGIN; SELECT pg_sleep(0.01)")
    with refused("22023", match="has passed"):
        superuser.run(DEPRECATE, "shop.orders", "note", "1 ms", None)


def test_when_it_becomes_binding_the_seven_days_begin(owner, claim, superuser, admin):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    admin.run("SELECT integratedb_configure('deprecation', 'binding')")
    with refused("IDB01"):
        owner.run(DROP_NOTE)
    superuser.run("UPDATE integratedb.deprecation SET announced_at = now() - interval '8 days'")
    admin.run("SELECT integratedb_configure('deprecation', 'binding')")  # no change, no new days
    owner.run(DROP_NOTE)


@pytest.mark.parametrize(
    "statement",
    [
        DROP_NOTE,
        "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
    ],
)
def test_dropping_and_renaming_are_removals(owner, claim, superuser, binding, statement):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    owner.run(statement)
    assert unmet(owner) == [("reporter", "shop.orders")]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(10)",
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE integer USING 1",
        "REVOKE SELECT (note) ON shop.orders FROM reporter",
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE shop.orders DROP COLUMN id CASCADE",
        "DROP TABLE shop.orders CASCADE",
    ],
)
def test_nothing_else_passes_because_of_it(owner, claim, superuser, binding, statement):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    with refused("IDB01"):
        owner.run(statement)


def test_the_rest_of_the_claim_stays_enforced(owner, claim, superuser, binding):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    owner.run(DROP_NOTE)
    owner.run("ALTER TABLE shop.orders ADD COLUMN harmless integer")
    with refused("IDB01") as error:
        owner.run("ALTER TABLE shop.orders DROP COLUMN id CASCADE")
    assert "shop.orders.id" in detail(error)
    with refused("IDB01"):
        owner.run("DROP TABLE shop.orders CASCADE")


def test_a_deprecated_table_may_go_with_its_columns_and_keys(owner, claim, superuser, binding):
    claim({"path": "shop.customers", "fields": ["email"], "unique": [["email"]]})
    deprecate(owner, "shop.customers", None)
    pass_time(superuser)
    owner.run("ALTER TABLE shop.customers DROP COLUMN email CASCADE")
    owner.run("DROP TABLE shop.customers CASCADE")
    assert unmet(owner) == [("reporter", "shop.customers")]


def test_a_reference_to_it_goes_with_it(owner, claim, superuser, binding):
    claim(
        {
            "path": "shop.orders",
            "fields": ["customer_id"],
            "references": [{"fields": ["customer_id"], "to": "shop.customers"}],
        }
    )
    deprecate(owner, "shop.customers", None)
    pass_time(superuser)
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP CONSTRAINT orders_customer_id_fkey")
    owner.run("DROP TABLE shop.customers CASCADE")
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN customer_id CASCADE")


def test_of_alternatives_one_that_may_go_is_enough(owner, claim, superuser, binding):
    claim({"path": "shop.orders", "fields": [{"alternatives": ["remark", "note"]}]})
    deprecate(owner)
    pass_time(superuser)
    owner.run(DROP_NOTE)
    assert unmet(owner) == [("reporter", "shop.orders")]
    owner.run("ALTER TABLE shop.orders ADD COLUMN remark text")
    assert unmet(owner) == []


def test_notifications_and_wildcards_let_it_go_too(owner, admin, claim, superuser, binding):
    claim({"path": "shop.orders", "fields": ["*"]}, {"path": "shop.*", "fields": ["*"]})
    admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb({"match": [NOTE]}))
    deprecate(owner)
    pass_time(superuser)
    owner.run(DROP_NOTE)
    assert sorted(unmet(owner)) == [("reporter", "shop.*"), ("reporter", "shop.orders"), ("reporter", "shop.orders")]
    owner.run("SELECT integratedb_sync()")  # wildcards follow
    assert owner.rows("SELECT kind FROM integratedb_unmet_claims()") == [("notifications",)]


def test_validation_warns_and_passes_also_later(owner, claim, superuser, binding):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    with owner.transaction():
        owner.run(DROP_NOTE)
        assert owner.value("SELECT integratedb_validate_migration()") == 0
    owner.notices.clear()
    assert owner.value("SELECT integratedb_validate_migration()") == 0
    assert owner.warnings() == ["deprecated and due: a claim of reporter is unmet"]


def test_a_preview_tells_that_it_passes(owner, claim, superuser, binding):
    claim(NOTE)
    deprecate(owner)
    preview = "SELECT problems FROM integratedb_preview_migration(%s)"
    assert "allowed" not in owner.value(preview, DROP_NOTE)[0]
    pass_time(superuser)
    assert owner.value(preview, DROP_NOTE)[0]["allowed"] == "deprecated"


def test_what_was_removed_lawfully_stays_so_under_advisory(owner, claim, superuser, admin, binding):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    owner.run(DROP_NOTE)
    admin.run("SELECT integratedb_configure('deprecation', 'advisory')")
    assert owner.value("SELECT integratedb_validate_migration()") == 0
    owner.run("SELECT integratedb_deprecate('shop.products')")  # forgets nothing that a claim needs
    assert owner.value("SELECT integratedb_validate_migration()") == 0


def test_a_column_that_comes_back_is_protected_again(owner, claim, superuser, binding):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    owner.run(DROP_NOTE)
    owner.run("ALTER TABLE shop.orders ADD COLUMN note varchar(200)")
    assert unmet(owner) == []
    with refused("IDB01"):
        owner.run(DROP_NOTE)


def test_sync_and_another_deprecation_in_the_same_transaction_do_not_lose_it(owner, claim, superuser, binding):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    with owner.transaction():
        owner.run(DROP_NOTE)
        owner.run("SELECT integratedb_sync(); SELECT integratedb_deprecate('shop.products')")
    assert unmet(owner) == [("reporter", "shop.orders")]


def test_another_stakeholder_is_judged_for_itself(owner, claim, superuser, binding):
    claim({**NOTE, "until": day(60)}, by="reporter")
    claim(NOTE, by="fulfilment")
    deprecate(owner)
    pass_time(superuser)
    with refused("IDB01") as error:
        owner.run(DROP_NOTE)
    assert "reporter" in detail(error)
    assert "fulfilment" not in detail(error)
    assert unmet(owner) == []


# Promises


def test_until_is_stored_shown_and_returned(claim, connect, superuser):
    expanded = claim({**NOTE, "until": "2999-03-01"}, {"path": "shop.products"})
    assert [match.get("until") for match in expanded["match"]] == ["2999-03-01", None]
    superuser.run("SET ROLE reporter")
    stored = superuser.value("SELECT integratedb_specification('reporter')")
    assert stored["match"][0] == {**NOTE, "until": "2999-03-01"}


@pytest.mark.parametrize(
    "until", ["2027-02-30", "2027-3-1", "soon", "2027-03-01T00:00:00Z", "2027-03-01\n", "", 20270301, None]
)
def test_until_is_a_day(owner, until):
    rows = owner.rows(
        "SELECT code, pointer FROM integratedb_check_spec(%s)", Jsonb({"match": [{**NOTE, "until": until}]})
    )
    assert rows == [("IDB02", "#/match/0/until")]


def test_a_promise_from_before_keeps_it_to_its_last_day(owner, claim, superuser, binding):
    claim({**NOTE, "until": day(0)})
    deprecate(owner)
    pass_time(superuser)
    with refused("IDB01"):
        owner.run(DROP_NOTE)
    superuser.run("UPDATE integratedb.claim SET until = until - 1")
    owner.run(DROP_NOTE)


def test_the_list_tells_from_when_on_it_may_go(owner, claim, superuser, binding):
    claim({**NOTE, "until": day(60)})
    deprecate(owner)
    superuser.run("SET TimeZone = 'UTC'")
    moment = superuser.value("SELECT removable_after FROM integratedb_deprecations()")
    assert str(moment) == f"{day(61)} 00:00:00+00:00"
    claim({**NOTE, "until": "9999-12-31"})
    superuser.run("UPDATE integratedb.deprecation_promise SET until = '9999-12-31'")
    assert superuser.value("SELECT extract(year FROM removable_after)::integer FROM integratedb_deprecations()") == 9999
    claim(NOTE)
    moment = superuser.value("SELECT removable_after = remove_after FROM integratedb_deprecations()")
    assert moment is True


def test_a_promise_that_came_later_or_was_given_up_keeps_nothing(owner, claim, superuser, binding):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    claim({**NOTE, "until": day(60)})
    owner.run(DROP_NOTE)
    assert unmet(owner) == [("reporter", "shop.orders")]


def test_submitting_again_with_the_same_promise_keeps_it(owner, claim, superuser, binding):
    claim({**NOTE, "until": day(60)})
    deprecate(owner)
    pass_time(superuser)
    claim({**NOTE, "until": day(90)}, {"path": "shop.products"})
    with refused("IDB01"):
        owner.run(DROP_NOTE)
    superuser.run("UPDATE integratedb.deprecation_promise SET until = current_date - 2")
    owner.run(DROP_NOTE)


@pytest.mark.parametrize(
    ("until", "is_weaker"), [("2999-03-01", True), ("2999-02-28", True), (None, True), ("2999-03-02", False)]
)
def test_a_stakeholder_may_shorten_its_promise_and_not_extend_it(claim, stakeholder, until, is_weaker):
    reporter = stakeholder("reporter")
    claim({**NOTE, "until": "2999-03-01"})
    document = Jsonb({"match": [{**NOTE, **({"until": until} if until else {})}]})
    if is_weaker:
        reporter.run("SELECT integratedb_claim('reporter', %s)", document)
    else:
        with refused("42501"):
            reporter.run("SELECT integratedb_claim('reporter', %s)", document)


# Who comes after


def test_it_survives_a_dropped_stakeholder_and_a_renamed_one(owner, admin, claim, superuser):
    claim({**NOTE, "until": day(60)})
    deprecate(owner)
    admin.run("SELECT integratedb_rename_stakeholder('reporter', 'analyst')")
    assert owner.rows(DEPRECATIONS) == [("shop.orders", "note", ["analyst"])]
    admin.run("SELECT integratedb_drop_stakeholder('analyst')")
    assert owner.rows(DEPRECATIONS) == [("shop.orders", "note", [])]


def test_after_a_restore_it_is_found_by_name(owner, claim, superuser, binding):
    claim({**NOTE, "until": day(60)}, by="reporter")
    claim(NOTE, by="fulfilment")
    deprecate(owner)
    deprecate(owner, "shop.products", None)
    pass_time(superuser)
    # As another server has it.
    superuser.run("UPDATE integratedb.deprecation SET relid = 1, attnum = CASE WHEN attnum = 0 THEN 0 ELSE 99 END")
    superuser.run("UPDATE integratedb.serialisation SET armed_for = NULL")
    owner.run("SELECT integratedb_sync()")
    assert sorted(owner.rows("SELECT path, field FROM integratedb_deprecations()")) == [
        ("shop.orders", "note"),
        ("shop.products", None),
    ]
    with refused("IDB01") as error:
        owner.run(DROP_NOTE)
    assert "fulfilment" not in detail(error)


# Names that change hands

SPARE = "ALTER TABLE shop.orders ADD COLUMN spare varchar(200)"
SWAP = "ALTER TABLE shop.orders RENAME note TO old; ALTER TABLE shop.orders RENAME spare TO note"


@pytest.fixture
def swapped(owner, admin, claim, superuser, binding):
    """The claimed column got its name from one whose removal is due, of which nobody was told."""
    claim({**NOTE, "until": day(60)}, by="reporter")
    claim(NOTE, by="fulfilment")
    owner.run(SPARE)
    assert deprecate(owner, field="spare") == 0
    pass_time(superuser)
    superuser.run("INSERT INTO integratedb.slot (name, system_identifier) VALUES ('integratedb', 1)")
    admin.run('SELECT integratedb_notify(\'reporter\', \'{"match": [], "channels": [{"type": "SOCKET"}]}\')')
    owner.run(SWAP)


@pytest.mark.parametrize("again", ["nobody", "reporter"])
def test_what_got_a_claimed_name_is_not_announced_to_who_claims_it(swapped, owner, claim, superuser, again):
    if again == "reporter":
        claim({**NOTE, "until": day(60)}, by="reporter")
    left = "SELECT removable_after - now() FROM integratedb_deprecations()"
    assert owner.value(left) > timedelta(days=6)
    with refused("IDB01") as error:
        owner.run(DROP_NOTE)
    assert "reporter" in detail(error)
    assert "fulfilment" in detail(error)


def test_they_are_told_and_have_their_days_and_promises(swapped, owner, superuser):
    assert superuser.value("SELECT integratedb.daemon_remind()") is True
    superuser.run("SELECT integratedb.daemon_tell_dependents()")
    sent = "SELECT body ->> 'stakeholder', body -> 'data' ->> 'field' FROM integratedb.control WHERE kind = 'event'"
    assert superuser.rows(sent) == [("reporter", "note")]
    assert superuser.value("SELECT integratedb.daemon_remind()") is False
    assert owner.value("SELECT removable_after - now() FROM integratedb_deprecations()") > timedelta(days=59)
    superuser.run("UPDATE integratedb.deprecation_notice SET told_at = now() - interval '8 days'")
    with refused("IDB01") as error:
        owner.run(DROP_NOTE)
    assert "fulfilment" not in detail(error)
    superuser.run("UPDATE integratedb.deprecation_promise SET until = current_date - 1")
    owner.run(DROP_NOTE)


def test_a_table_that_got_a_claimed_name_is_not_announced_either(owner, claim, superuser, binding):
    claim(NOTE)
    owner.run("CREATE TABLE shop.spare (LIKE shop.orders INCLUDING ALL); GRANT SELECT ON shop.spare TO reporter")
    deprecate(owner, "shop.spare", None)
    pass_time(superuser)
    owner.run("BEGIN; ALTER TABLE shop.orders RENAME TO old; ALTER TABLE shop.spare RENAME TO orders; COMMIT")
    with refused("IDB01"):
        owner.run("DROP TABLE shop.orders")


def test_what_it_gave_up_and_claims_again_is_announced_by_the_warning_only(owner, claim, superuser, binding):
    claim(NOTE)
    deprecate(owner)
    pass_time(superuser)
    claim({"path": "shop.orders", "fields": ["id"]})
    owner.run(f"{SPARE}; {SWAP}")
    claim(NOTE)
    owner.run("BEGIN; ALTER TABLE shop.orders RENAME note TO spare; ALTER TABLE shop.orders RENAME old TO note; COMMIT")
    with refused("IDB01"):
        owner.run(DROP_NOTE)


# Several owners


@pytest.fixture
def typist(superuser: Session, owner: Session, connect: Any) -> Session:
    """The owner of a type, of which the owner of shop.orders has two columns."""
    superuser.run(
        "CREATE ROLE typist LOGIN; CREATE SCHEMA types AUTHORIZATION typist; GRANT USAGE ON SCHEMA types TO PUBLIC"
    )
    session: Session = connect("typist")
    session.run("CREATE TYPE types.mood AS ENUM ('sad', 'happy')")
    owner.run("ALTER TABLE shop.orders ADD COLUMN mood types.mood, ADD COLUMN later types.mood")
    return session


def test_the_owner_of_a_type_announces_nothing_about_columns_of_others(typist):
    for field in ("mood", None):
        with refused("42501", match="does not own shop.orders"):
            deprecate(typist, field=field)


@pytest.mark.parametrize(("claimed", "passes"), [(["id", "mood"], True), (["id", "mood", "later"], False)])
def test_a_type_that_goes_takes_only_deprecated_columns_along(
    typist, owner, claim, superuser, binding, claimed, passes
):
    claim({"path": "shop.orders", "fields": claimed})
    deprecate(owner, field="mood")
    pass_time(superuser)
    if passes:
        typist.run("DROP TYPE types.mood CASCADE")
        assert unmet(owner) == [("reporter", "shop.orders")]
    else:
        with refused("IDB01"):
            typist.run("DROP TYPE types.mood CASCADE")


def test_a_column_of_a_child_of_another_owner_is_not_deprecated_with_its_parents(
    owner, superuser, connect, claim, binding
):
    owner.run("CREATE TABLE shop.parents (id integer, note text); GRANT CREATE ON SCHEMA shop TO PUBLIC")
    superuser.run("CREATE ROLE child_owner LOGIN; CREATE TABLE shop.children () INHERITS (shop.parents)")
    superuser.run("ALTER TABLE shop.children OWNER TO child_owner")
    claim({"path": "shop.children", "fields": ["note"]})
    deprecate(owner, "shop.parents")
    pass_time(superuser)
    with refused("IDB01"):
        superuser.run("ALTER TABLE shop.parents DROP COLUMN note")
    deprecate(connect("child_owner"), "shop.children")
    pass_time(superuser)
    superuser.run("ALTER TABLE shop.parents DROP COLUMN note")
    assert unmet(owner) == [("reporter", "shop.children")]
