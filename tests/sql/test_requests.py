"""A stakeholder asks, the owners approve their parts, and the last approval puts it in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, hint, refused

REQUEST = "SELECT integratedb_request_claim(%s, %s, reason => %s)"
APPROVE = "SELECT integratedb_approve_request(%s)"
NOTE = {"path": "shop.orders", "fields": ["note"]}
STOCK = {"path": "stock.items", "fields": ["id"]}


def ask(session: Session, *matches: Any, by: str = "reporter", reason: str | None = None) -> int:
    number: int = session.value(REQUEST, by, Jsonb({"match": list(matches)}), reason)
    return number


def state(session: Session, number: int) -> str:
    found: str = session.value("SELECT status FROM integratedb_requests(NULL) WHERE id = %s", number)
    return found


@pytest.fixture
def reporter(stakeholder: Callable[[str], Session]) -> Session:
    return stakeholder("reporter")


@pytest.fixture
def stock(superuser: Session, connect: Callable[..., Session]) -> Session:
    """Another owner, with a schema and a table."""
    superuser.run("CREATE ROLE stock_owner LOGIN; CREATE SCHEMA stock AUTHORIZATION stock_owner")
    owner = connect("stock_owner")
    owner.run("CREATE TABLE stock.items (id integer PRIMARY KEY, place text)")
    return owner


def may_read(session: Session, what: str = "note", of: str = "shop.orders") -> bool:
    answer: bool = session.value("SELECT has_column_privilege('reporter', %s, %s, 'SELECT')", of, what)
    return answer


# Asking


def test_a_stakeholder_asks_and_nothing_is_granted(reporter, owner, admin):
    number = ask(reporter, NOTE, reason=" the monthly report ")
    assert not may_read(owner)
    assert admin.value("SELECT integratedb_specification('reporter')") == {"match": []}
    for session in (reporter, owner, admin):
        (row,) = session.dicts("SELECT * FROM integratedb_requests()")
        assert (row["id"], row["stakeholder"], row["kind"], row["status"]) == (number, "reporter", "claims", "open")
        assert (row["requested_by"], row["reason"]) == ("reporter", "the monthly report")
        assert (row["added"], row["removed"], row["approved_by"]) == ([NOTE], [], [])
        assert row["missing"] == {"schema shop": "shop_owner", "shop.orders": "shop_owner"}


def test_it_shows_the_difference_to_what_is_in_force(reporter, owner, claim):
    claim(NOTE, {"path": "shop.products"})
    ask(reporter, {"path": "shop.products"}, {"path": "shop.customers", "fields": ["id"]})
    (row,) = owner.dicts("SELECT added, removed FROM integratedb_requests()")
    assert row == {"added": [{"path": "shop.customers", "fields": ["id"]}], "removed": [NOTE]}


def test_the_difference_of_long_specifications_takes_no_time(superuser):
    documents = [
        {"match": [{"path": "reporter.t", "fields": [f"{name}{number}"]} for number in range(20_000)]}
        for name in ("a", "b")
    ]
    superuser.run("SET statement_timeout = '5s'")
    differ = "SELECT jsonb_array_length(integratedb.matches_beside(%s, %s)), integratedb.matches_beside(%s, NULL)"
    found, all_of_it = superuser.row(differ, *map(Jsonb, (*documents, documents[0])))
    assert (found, all_of_it) == (20_000, documents[0]["match"])


def test_others_see_nothing_of_it(reporter, stakeholder, stock, superuser, connect):
    ask(reporter, NOTE)
    superuser.run("CREATE ROLE shop_nobody LOGIN")
    for session in (stakeholder("fulfilment"), stock, connect("shop_nobody")):
        assert session.rows("SELECT * FROM integratedb_requests(NULL)") == []


def test_those_who_may_claim_may_ask_and_a_stranger_may_not(reporter, owner, admin, stakeholder, stock):
    for session in (owner, admin):
        assert ask(session, NOTE) > 0
    for session in (stakeholder("fulfilment"), stock):
        with refused("42501") as error:
            ask(session, NOTE)
        assert hint(error)


def test_who_may_not_ask_or_decide_does_not_wait_for_the_lock(reporter, owner, admin, stock, superuser, connect):
    number = ask(reporter, NOTE)
    superuser.run("CREATE ROLE shop_nobody LOGIN")
    holder = connect("shop_admin")
    holder.run("BEGIN")
    holder.run("SELECT integratedb_sync()")
    for session in (stock, connect("shop_nobody")):
        session.run("SET statement_timeout = '2s'")
        with refused("42501"):
            ask(session, NOTE)
        for call in ("approve_request(%s)", "reject_request(%s, 'no')", "withdraw_request(%s)"):
            with refused("42501"):
                session.run(f"SELECT integratedb_{call}", number)
    holder.run("ROLLBACK")


def test_a_new_request_takes_the_place_of_the_open_one(reporter, owner):
    first = ask(reporter, NOTE)
    second = ask(reporter, {"path": "shop.products"})
    assert [state(reporter, number) for number in (first, second)] == ["withdrawn", "open"]
    with refused("55000", match="withdrawn"):
        owner.run(APPROVE, first)


def test_the_check_of_a_request_makes_nobody_wait(reporter, connect):
    """A long specification takes long to check."""
    holder = connect("shop_admin")
    holder.run("BEGIN; SELECT integratedb_sync()")
    reporter.run("SET lock_timeout = '5s'")
    with refused("IDB03"):
        ask(reporter, {"path": "shop.orders", "fields": ["nota"]})
    holder.run("ROLLBACK")


def test_nobody_withdraws_by_a_request_what_others_asked_for(reporter, owner, admin, stock):
    first = ask(reporter, NOTE)
    with refused("42501", match="is open, and not of role") as error:
        ask(stock, STOCK)
    assert "integratedb_claim(stakeholder, spec)" in (hint(error) or "")
    stock.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [STOCK]}))
    assert state(reporter, first) == "open"
    second = ask(admin, NOTE, STOCK)
    assert [state(reporter, number) for number in (first, second)] == ["withdrawn", "open"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("reporter", {"match": [{"path": "orders"}]}, None), "IDB02"),
        (("reporter", {"match": [{"path": "shop.orders", "fields": ["nota"]}]}, None), "IDB03"),
        (("reporter", {"match": [], "channels": []}, None), "22023"),
        (("reporter", {"match": []}, "x" * 1001), "22023"),
        (("nobody", {"match": []}, None), "IDB04"),
    ],
)
def test_what_could_not_come_into_force_is_refused_at_once(reporter, arguments, code):
    with refused(code) as error:
        reporter.run(REQUEST, arguments[0], Jsonb(arguments[1]), arguments[2])
    assert hint(error)
    assert reporter.rows("SELECT * FROM integratedb_requests(NULL)") == []


def test_an_unknown_kind_or_state_is_named(reporter):
    with refused("22023", match="'claim'"):
        reporter.run("SELECT integratedb_request_claim('reporter', '{}', 'claim')")
    with refused("22023", match="'closed'"):
        reporter.run("SELECT * FROM integratedb_requests('closed')")


# Approving


def test_the_owner_approves_and_it_is_in_force_and_enforced(reporter, owner, admin):
    number = ask(reporter, NOTE)
    assert owner.value("SELECT integratedb_approve_request(%s, 'fine')", number) is True
    reporter.run("SELECT note FROM shop.orders")
    (row,) = reporter.dicts("SELECT status, decided_by, note, missing FROM integratedb_requests(NULL)")
    assert row == {"status": "approved", "decided_by": "shop_owner", "note": "fine", "missing": None}
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    with refused("55000", match="approved"):
        admin.run(APPROVE, number)
    tags = admin.rows("SELECT command_tag FROM integratedb_ddl_events() WHERE reason LIKE 'request %' ORDER BY id")
    assert tags == [("INTEGRATEDB REQUEST",), ("INTEGRATEDB APPROVE",)]


def test_an_admin_approves_all_of_it(reporter, admin, stock):
    assert admin.value(APPROVE, ask(reporter, NOTE, STOCK, {"path": "shop.*", "fields": ["*"]})) is True
    reporter.run("SELECT id FROM stock.items")


def test_a_stranger_and_the_stakeholder_itself_cannot_approve(reporter, owner, stock, stakeholder):
    number = ask(reporter, NOTE)
    for session in (reporter, stock, stakeholder("fulfilment")):
        with refused("42501", match=f"request {number} names") as error:
            session.run(APPROVE, number)
        assert hint(error)
        with refused("42501"):
            session.run("SELECT integratedb_reject_request(%s, 'no')", number)
    assert state(owner, number) == "open"


def test_each_of_several_owners_approves_its_part(reporter, owner, stock):
    number = ask(reporter, NOTE, STOCK)
    assert owner.value(APPROVE, number) is False
    assert "stock.items (stock_owner)" in (owner.notices[-1].message_detail or "")
    assert not may_read(owner)
    (row,) = stock.dicts("SELECT approved_by, missing FROM integratedb_requests()")
    assert row["approved_by"] == ["shop_owner"]
    assert row["missing"] == {"schema stock": "stock_owner", "stock.items": "stock_owner"}
    assert stock.value(APPROVE, number) is True
    reporter.run("SELECT note FROM shop.orders; SELECT id FROM stock.items")


def test_what_several_owners_approved_is_granted_again_when_a_table_is_recreated(reporter, owner, stock):
    for session, number in ((owner, ask(reporter, NOTE, STOCK)),):
        session.run(APPROVE, number)
        stock.run(APPROVE, number)
    with owner.transaction():
        owner.run("DROP TABLE shop.orders CASCADE; CREATE TABLE shop.orders (note varchar(200))")
    with stock.transaction():
        stock.run("DROP TABLE stock.items; CREATE TABLE stock.items (id integer PRIMARY KEY)")
    reporter.run("SELECT note FROM shop.orders; SELECT id FROM stock.items")


def test_the_rights_at_the_last_approval_count(reporter, owner, stock, superuser, admin):
    number = ask(reporter, NOTE, STOCK)
    owner.run(APPROVE, number)
    superuser.run("ALTER TABLE shop.orders OWNER TO stock_owner; REVOKE USAGE ON SCHEMA shop FROM stock_owner")
    assert stock.value(APPROVE, number) is True  # it owns both tables, and shop_owner still owns the schema
    reporter.run("SELECT note FROM shop.orders")


def test_an_approver_that_lost_the_table_or_was_dropped_does_not_count(reporter, owner, stock, superuser):
    superuser.run("CREATE ROLE third LOGIN; ALTER TABLE shop.orders OWNER TO third")
    third = superuser.value("SELECT oid FROM pg_roles WHERE rolname = 'third'")
    assert third
    number = ask(reporter, NOTE, STOCK)
    owner.run("SELECT integratedb_approve_request(%s)", number)  # the schema
    superuser.run("SET SESSION AUTHORIZATION third")
    assert superuser.value(APPROVE, number) is False
    superuser.run("RESET SESSION AUTHORIZATION")
    superuser.run("ALTER TABLE shop.orders OWNER TO postgres; DROP ROLE third; CREATE ROLE third SUPERUSER")
    assert stock.value(APPROVE, number) is False
    assert "shop.orders" in (stock.notices[-1].message_detail or "")


def test_whole_schemas_and_what_does_not_exist_need_an_admin(reporter, owner, admin):
    number = ask(reporter, {"path": "shop.*", "fields": ["*"]}, NOTE)
    assert owner.value(APPROVE, number) is False
    assert admin.value(APPROVE, number) is True
    number = ask(reporter, {"path": "shop.later", "optional": True}, NOTE)
    assert owner.value(APPROVE, number) is False
    owner.run("CREATE TABLE shop.later (id integer)")
    assert owner.value("SELECT missing FROM integratedb_requests()") == {"shop.*": "integratedb_admin"}


def test_an_owner_cannot_take_away_by_a_request_what_an_admin_submitted(reporter, owner, claim, superuser):
    claim(NOTE)
    with refused("42501"):
        ask(owner, {"path": "shop.orders"})
    number = ask(reporter, {"path": "shop.orders"})
    assert owner.value(APPROVE, number) is True


def test_a_schema_change_in_between_is_judged_anew(reporter, owner):
    number = ask(reporter, NOTE)
    owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    with refused("IDB03"):
        owner.run(APPROVE, number)
    assert state(owner, number) == "open"
    owner.run("ALTER TABLE shop.orders ADD COLUMN note integer")
    assert owner.value(APPROVE, number) is True
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE bigint")


def test_a_specification_that_changed_in_between_is_not_undone(reporter, owner, claim):
    number = ask(reporter, NOTE)
    claim({"path": "shop.products", "fields": ["id"]})
    with refused("55000", match="changed since") as error:
        owner.run(APPROVE, number)
    assert "integratedb_request_claim" in hint(error)
    assert reporter.value("SELECT integratedb_specification('reporter')")["match"] == [
        {"path": "shop.products", "fields": ["id"]}
    ]


def test_notifications_are_asked_for_too(reporter, owner, admin):
    spec = Jsonb({"match": [{"path": "shop.orders", "fields": ["id", "note"]}]})
    number = reporter.value("SELECT integratedb_request_claim('reporter', %s, 'notifications')", spec)
    assert owner.value(APPROVE, number) is True
    tables = admin.rows("SELECT tablename FROM pg_publication_tables WHERE pubname = 'integratedb'")
    assert tables == [("orders",)]


def test_code_of_the_stakeholder_cannot_approve_in_the_session_of_an_owner(reporter, owner):
    number = ask(reporter, NOTE)
    reporter.run(
        "CREATE FUNCTION reporter.f(n bigint) RETURNS boolean LANGUAGE sql AS"
        " $$ SELECT public.integratedb_approve_request(n) $$; GRANT USAGE ON SCHEMA reporter TO PUBLIC"
    )
    with refused("42501", match="does not name"):
        owner.run("SELECT reporter.f(%s)", number)
    assert not may_read(owner)


# Rejecting and withdrawing


def test_an_owner_rejects_with_a_note(reporter, owner):
    number = ask(reporter, NOTE)
    for note in (None, " ", "x" * 1001):
        with refused("22023", match="needs a note"):
            owner.run("SELECT integratedb_reject_request(%s, %s)", number, note)
    owner.run("SELECT integratedb_reject_request(%s, 'read shop.open_orders')", number)
    (row,) = reporter.dicts("SELECT status, decided_by, note FROM integratedb_requests('rejected')")
    assert row == {"status": "rejected", "decided_by": "shop_owner", "note": "read shop.open_orders"}
    with refused("55000", match="rejected"):
        owner.run(APPROVE, number)


def test_who_asked_the_stakeholder_and_an_admin_withdraw_and_others_do_not(reporter, owner, admin, stock):
    for session in (reporter, admin, owner):
        number = ask(owner, NOTE)
        with refused("42501"):
            stock.run("SELECT integratedb_withdraw_request(%s)", number)
        session.run("SELECT integratedb_withdraw_request(%s)", number)
        assert state(admin, number) == "withdrawn"
    number = ask(reporter, NOTE)
    with refused("42501", match="is not of role shop_owner"):
        owner.run("SELECT integratedb_withdraw_request(%s)", number)


@pytest.mark.parametrize("call", ["approve_request(4711)", "reject_request(4711, 'no')", "withdraw_request(4711)"])
def test_a_request_that_does_not_exist_is_named(admin, call):
    with refused("42704", match="there is no request 4711"):
        admin.run(f"SELECT integratedb_{call}")


def test_requests_go_with_the_stakeholder(reporter, admin, superuser):
    ask(reporter, NOTE)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert superuser.value("SELECT count(*) FROM integratedb.request") == 0


def test_of_old_requests_a_hundred_are_kept(reporter, superuser):
    superuser.run(
        "INSERT INTO integratedb.request (stakeholder_id, kind, document, state, decided_at, requested_by,"
        " requested_by_oid) SELECT id, 'claims', '{}', 'rejected', now(), 'reporter', role_oid"
        " FROM integratedb.stakeholder, generate_series(1, 120)"
    )
    number = ask(reporter, NOTE)
    assert superuser.value("SELECT count(*) FROM integratedb.request") == 101
    assert state(reporter, number) == "open"
