"""What owners and stakeholders agree is sent to the channels of those whom it concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, refused

NOTE = {"path": "shop.orders", "fields": ["id", "note"]}
DEPRECATE = "SELECT integratedb_deprecate('shop.orders', 'note', now() + %s::interval, %s)"
REMIND = "SELECT integratedb.daemon_remind()"


@pytest.fixture
def slot(superuser: Session) -> None:
    """As if a daemon had made its slot."""
    superuser.run("INSERT INTO integratedb.slot (name, system_identifier) VALUES ('integratedb', 1)")


@pytest.fixture
def channel(admin: Session, slot: None) -> Callable[..., None]:
    """``channel(stakeholder)``: give it a channel."""

    def define(stakeholder: str = "reporter") -> None:
        admin.run(
            "SELECT integratedb_notify(%s, %s)", stakeholder, Jsonb({"match": [], "channels": [{"type": "SOCKET"}]})
        )

    return define


@pytest.fixture
def told(superuser: Session) -> Callable[[], list[tuple[str, str, dict[str, Any]]]]:
    """What was sent since the last call: stakeholder, type and data."""

    def read() -> list[tuple[str, str, dict[str, Any]]]:
        rows = superuser.rows(
            "WITH sent AS (DELETE FROM integratedb.control WHERE kind = 'event' RETURNING id, body)"
            " SELECT body ->> 'stakeholder', body ->> 'type', body -> 'data' FROM sent ORDER BY id"
        )
        return [(row[0], row[1], row[2]) for row in rows]

    return read


def types(rows: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str]]:
    return [(who, what.removeprefix("integratedb.")) for who, what, _ in rows]


def test_the_stakeholder_is_sent_what_becomes_of_its_requests(stakeholder, owner, channel, told):
    reporter = stakeholder("reporter")
    channel()
    ask = "SELECT integratedb_request_claim('reporter', %s, reason => 'the report')"
    number = reporter.value(ask, Jsonb({"match": [NOTE]}))
    ((who, what, data),) = told()
    assert (who, what) == ("reporter", "integratedb.request.opened")
    assert (data["id"], data["kind"], data["reason"], data["requested_by"]) == (
        number,
        "claims",
        "the report",
        "reporter",
    )
    owner.run("SELECT integratedb_reject_request(%s, 'read shop.sums')", number)
    ((_, what, data),) = told()
    assert (what, data["note"], data["decided_by"]) == ("integratedb.request.rejected", "read shop.sums", "shop_owner")
    owner.run("SELECT integratedb_approve_request(%s)", reporter.value(ask, Jsonb({"match": [NOTE]})))
    assert types(told()) == [("reporter", "request.opened"), ("reporter", "request.approved")]


def test_an_approval_in_part_is_no_event(stakeholder, owner, superuser, connect, channel, told):
    superuser.run("CREATE ROLE stock_owner LOGIN; CREATE SCHEMA stock AUTHORIZATION stock_owner")
    stock = connect("stock_owner")
    stock.run("CREATE TABLE stock.items (id integer PRIMARY KEY)")
    reporter = stakeholder("reporter")
    channel()
    number = reporter.value(
        "SELECT integratedb_request_claim('reporter', %s)", Jsonb({"match": [NOTE, {"path": "stock.items"}]})
    )
    told()
    owner.run("SELECT integratedb_approve_request(%s)", number)
    assert told() == []
    stock.run("SELECT integratedb_approve_request(%s)", number)
    assert types(told()) == [("reporter", "request.approved")]


def test_dependents_are_sent_a_deprecation_and_others_are_not(owner, claim, channel, told):
    for name, match in (
        ("reporter", NOTE),
        ("fulfilment", {"path": "shop.orders", "fields": ["id"]}),
        ("mailer", NOTE),
    ):
        claim(match, by=name)
        if name != "mailer":  # it has no channel
            channel(name)
    owner.run(DEPRECATE, "60 days", "read shop.notes")
    ((who, what, data),) = told()
    assert (who, what) == ("reporter", "integratedb.schema.deprecated")
    assert (data["path"], data["field"], data["message"], data["days_left"]) == (
        "shop.orders",
        "note",
        "read shop.notes",
        60,
    )
    owner.run(DEPRECATE, "60 days", "read shop.remarks")
    assert [data["message"] for _, _, data in told()] == ["read shop.remarks"]
    owner.run(
        "SELECT integratedb_deprecate('shop.orders', 'note', remove_after, message) FROM integratedb_deprecations()"
    )
    assert told() == []
    owner.run("SELECT integratedb_undeprecate('shop.orders', 'note')")
    assert types(told()) == [("reporter", "schema.undeprecated")]
    assert owner.value("SELECT integratedb_undeprecate('shop.orders', 'note')") is False
    assert told() == []


def test_what_is_rolled_back_is_not_sent(owner, claim, channel, told):
    claim(NOTE)
    channel()
    owner.run("BEGIN")
    owner.run(DEPRECATE, "60 days", None)
    owner.run("ROLLBACK")
    assert told() == []


def test_without_a_daemon_nothing_is_written(owner, claim, channel, superuser, told):
    claim(NOTE)
    channel()
    superuser.run("DELETE FROM integratedb.slot")
    owner.run(DEPRECATE, "60 days", None)
    assert told() == []


@pytest.mark.parametrize(
    ("announced", "left", "reminded"),
    [
        ("60 days", "31 days", None),
        ("60 days", "30 days", 30),
        ("60 days", "8 days", 30),
        ("60 days", "7 days", 7),
        ("60 days", "1 hour", 1),
        ("20 days", "10 days", None),
        ("20 days", "6 days", 7),
        ("1 hour", "1 minute", None),
        ("60 days", "-1 minute", None),
    ],
)
def test_dependents_are_reminded_once_before_each_of_three_days(
    owner, claim, channel, superuser, told, announced, left, reminded
):
    claim(NOTE)
    channel()
    owner.run(DEPRECATE, announced, None)
    told()
    superuser.run("UPDATE integratedb.deprecation SET remove_after = now() + %s::interval", left)
    superuser.run(REMIND)
    assert types(told()) == ([] if reminded is None else [("reporter", "schema.deprecated")])
    superuser.run(REMIND)
    assert told() == []
    if reminded is not None:
        assert superuser.value("SELECT reminded_days FROM integratedb.deprecation") == reminded


def test_a_later_date_is_reminded_of_again(owner, claim, channel, superuser, told):
    claim(NOTE)
    channel()
    owner.run(DEPRECATE, "6 days", None)
    owner.run(DEPRECATE, "40 days", None)
    told()
    superuser.run("UPDATE integratedb.deprecation SET remove_after = now() + interval '5 days'")
    superuser.run(REMIND)
    assert types(told()) == [("reporter", "schema.deprecated")]


@pytest.mark.parametrize("breaks", [True, False])
def test_the_end_of_a_waiver_is_sent_once_with_what_is_unmet(owner, admin, claim, channel, superuser, told, breaks):
    claim(NOTE)
    channel()
    waive = "SELECT integratedb_waive('reporter', 'shop.orders', 'note', now() + interval '1 day', '2.4')"
    admin.run(waive)
    if breaks:
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    told()
    superuser.run(REMIND)
    assert told() == []
    superuser.run("UPDATE integratedb.waiver SET until = now() - interval '1 second'")
    superuser.run(REMIND)
    superuser.run(REMIND)
    ((who, what, data),) = told()
    assert (who, what) == ("reporter", "integratedb.waiver.ended")
    assert (data["field"], data["reason"], data["unmet"]) == ("note", "2.4", breaks)


def test_a_waiver_that_somebody_ends_is_sent_too(admin, claim, channel, told):
    claim(NOTE)
    channel()
    number = admin.value("SELECT integratedb_waive('reporter', 'shop.orders', NULL, now() + interval '1 day', '2.4')")
    admin.run("SELECT integratedb_end_waiver(%s)", number)
    assert types(told()) == [("reporter", "waiver.ended")]


def test_reminding_waits_for_nobody(owner, claim, channel, superuser, told, connect):
    claim(NOTE)
    channel()
    owner.run(DEPRECATE, "60 days", None)
    told()
    superuser.run("UPDATE integratedb.deprecation SET remove_after = now() + interval '5 days'")
    other = connect("postgres")
    other.run("BEGIN; SELECT FROM integratedb.deprecation FOR UPDATE")
    superuser.run("SET statement_timeout = '2s'")
    superuser.run(REMIND)
    assert told() == []
    other.run("COMMIT")
    superuser.run(REMIND)
    assert types(told()) == [("reporter", "schema.deprecated")]


def test_a_thousand_reminders_are_sent_in_parts_and_what_concerns_nobody_at_once(
    owner, claim, channel, superuser, told
):
    owner.run(f"CREATE TABLE shop.wide ({', '.join(f'c{number} int' for number in range(400))})")
    claim({"path": "shop.wide", "fields": [f"c{number}" for number in range(150)]})
    channel()
    superuser.run(
        "INSERT INTO integratedb.deprecation"
        " (relid, attnum, schema_name, relation_name, column_name, deprecated_by, remove_after)"
        " SELECT a.attrelid, a.attnum, 'shop', 'wide', a.attname, 'shop_owner', now() + interval '5 days'"
        "   FROM pg_attribute AS a WHERE a.attrelid = 'shop.wide'::regclass AND a.attnum > 0"
    )
    told()
    left = "SELECT count(*) FROM integratedb.deprecation WHERE reminded_days IS NULL"
    for rest in (50, 0):
        superuser.run(REMIND)
        assert superuser.value(left) == rest
    assert len(told()) == 150


def test_only_the_daemon_reminds(owner, stakeholder, admin):
    for session in (owner, stakeholder("reporter"), admin):
        with refused("42501"):
            session.run(REMIND)
