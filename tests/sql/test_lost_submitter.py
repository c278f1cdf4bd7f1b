"""Whoever submitted a claim may be gone, or may not grant any more. It stops no migration; an admin takes over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, refused

WHOLE = {"path": "shop.*", "fields": ["*"]}
ORDERS = {"path": "shop.orders", "fields": ["id"]}
ADOPT = "SELECT integratedb_adopt_claim('reporter', 'claims')"


def facts(session: Session) -> dict[str, str]:
    return dict(session.rows("SELECT fact, value FROM integratedb_status()"))


def may_read(session: Session, table: str) -> bool:
    granted: bool = session.value("SELECT has_column_privilege('reporter', %s, 'id', 'SELECT')", table)
    return granted


@pytest.fixture
def departing(superuser: Session, stakeholder, connect) -> Session:
    """An admin who submits a claim on the whole shop."""
    stakeholder("reporter")
    superuser.run("CREATE ROLE departing LOGIN IN ROLE integratedb_admin")
    session: Session = connect("departing")
    session.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [WHOLE]}))
    return session


LOSSES: dict[str, Callable[[Session], None]] = {
    "dropped": lambda superuser: superuser.run("DROP ROLE departing"),
    "made again": lambda superuser: superuser.run(
        "DROP ROLE departing; CREATE ROLE departing LOGIN IN ROLE integratedb_admin"
    ),
    "no admin any more": lambda superuser: superuser.run("REVOKE integratedb_admin FROM departing"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_new_table_is_no_fault_of_its_author(departing, superuser, owner, admin, loss):
    departing.close()
    LOSSES[loss](superuser)
    owner.run("CREATE TABLE shop.later (id integer)")
    (warning,) = owner.warnings()
    assert "SELECT of shop.later is not granted to stakeholder reporter: nobody who submitted a claim on it" in warning
    assert not may_read(superuser, "shop.later")
    assert superuser.rows("SELECT * FROM integratedb_unmet_claims()") == []
    assert facts(admin)["not granted"].startswith("shop.later to reporter; ")
    assert ("submitter lost" in facts(admin)) == (loss != "no admin any more")

    # Told once; and what is claimed stays so.
    owner.notices.clear()
    owner.run("ALTER TABLE shop.later ADD COLUMN more integer; ALTER TABLE shop.orders ADD COLUMN more integer")
    assert owner.warnings() == []
    assert superuser.value("SELECT has_column_privilege('reporter', 'shop.orders', 'more', 'SELECT')")
    for ddl in (
        "ALTER TABLE shop.later DROP COLUMN id",
        "ALTER TABLE shop.orders DROP COLUMN note",
        "REVOKE SELECT ON shop.orders FROM reporter",
    ):
        with refused("IDB01"):
            owner.run(ddl)

    admin.run(ADOPT)
    assert may_read(superuser, "shop.later")
    assert not {"not granted", "submitter lost"} & set(facts(admin))
    assert superuser.value("SELECT handed_in_by FROM integratedb.specification") == "shop_admin"
    with refused("IDB01"):
        owner.run("REVOKE SELECT ON shop.later FROM reporter")


def test_what_was_revoked_comes_back_for_what_is_taken_over_only(superuser, stakeholder, admin):
    for name, table in (("reporter", "orders"), ("second", "customers")):
        stakeholder(name)
        admin.run(
            f"SELECT integratedb_claim('{name}', %s)", Jsonb({"match": {"path": f"shop.{table}", "fields": ["id"]}})
        )
    superuser.run(
        """BEGIN; SELECT integratedb_override('test');
           REVOKE SELECT (id) ON shop.orders FROM reporter; REVOKE SELECT (id) ON shop.customers FROM second; COMMIT"""
    )
    admin.run(ADOPT)
    assert may_read(superuser, "shop.orders")
    assert not superuser.value("SELECT has_column_privilege('second', 'shop.customers', 'id', 'SELECT')")
    assert [path for (path,) in superuser.rows("SELECT path FROM integratedb_unmet_claims()")] == ["shop.customers"]


def test_the_hint_is_what_helps(departing, superuser, owner, admin):
    departing.close()
    superuser.run("DROP ROLE departing")
    owner.run("CREATE TABLE shop.later (id integer)")
    hint = next(notice.message_hint for notice in owner.notices if "not granted" in notice.message_primary)
    admin.run(hint[: hint.index(";")])
    assert may_read(superuser, "shop.later")


def test_a_submitter_that_is_renamed_is_the_same(departing, superuser, owner, admin):
    departing.close()
    superuser.run("ALTER ROLE departing RENAME TO renamed")
    owner.run("CREATE TABLE shop.later (id integer)")
    assert owner.warnings() == []
    assert may_read(superuser, "shop.later")
    admin.run("SELECT integratedb_sync()")
    assert superuser.value("SELECT handed_in_by FROM integratedb.specification") == "renamed"


def test_whoever_is_dropped_gives_up_nothing_to_owners(departing, superuser, owner):
    departing.close()
    superuser.run("DROP ROLE departing")
    with refused("42501", match="a role that no longer exists"):
        owner.run("SELECT integratedb_claim('reporter', '{\"match\": []}')")


RECREATE = "DROP TABLE shop.orders CASCADE; SET ROLE other; CREATE TABLE shop.orders (id bigint NOT NULL); RESET ROLE"


@pytest.fixture
def other(superuser: Session) -> None:
    """Somebody else who may make tables in the shop."""
    superuser.run("CREATE ROLE other; GRANT USAGE, CREATE ON SCHEMA shop TO other")


def recreate(superuser: Session) -> None:
    with superuser.transaction():
        superuser.run(RECREATE)


def test_a_table_made_anew_is_no_fault_where_the_submitter_is_gone(superuser, stakeholder, connect, admin, other):
    stakeholder("reporter")
    superuser.run("CREATE ROLE departing LOGIN IN ROLE integratedb_admin")
    with connect("departing") as departing:
        departing.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [ORDERS]}))
    superuser.run("DROP ROLE departing")
    recreate(superuser)
    assert any("SELECT of shop.orders is not granted" in warning for warning in superuser.warnings())
    assert not may_read(superuser, "shop.orders")
    assert "shop.orders to reporter" in facts(admin)["not granted"]
    admin.run(ADOPT)
    assert may_read(superuser, "shop.orders")
    assert "not granted" not in facts(admin)


@pytest.mark.parametrize(
    "loss",
    [
        "ALTER TABLE shop.orders OWNER TO other; ALTER SCHEMA shop OWNER TO other",
        "REVOKE GRANT OPTION FOR SELECT ON shop.orders FROM submitter",
        "REVOKE integratedb_admin FROM submitter",
    ],
    ids=["ownership", "grant option", "admin rights"],
)
def test_what_replaces_a_readable_table_is_refused_with_a_hint_that_helps(
    superuser, stakeholder, owner, connect, admin, other, loss
):
    """The submitter is there, but may not grant any more."""
    stakeholder("reporter")
    superuser.run("CREATE ROLE submitter LOGIN")
    if "GRANT OPTION" in loss:
        superuser.run("GRANT SELECT ON shop.orders TO submitter WITH GRANT OPTION")
        superuser.run("GRANT USAGE ON SCHEMA shop TO submitter WITH GRANT OPTION")
    if "admin" in loss:
        superuser.run("GRANT integratedb_admin TO submitter")
    submitter = owner if "OWNER" in loss else connect("submitter")
    submitter.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [ORDERS]}))
    superuser.run(loss)
    assert may_read(superuser, "shop.orders")
    with refused("IDB01") as refusal:
        recreate(superuser)
    superuser.run("RESET ROLE")
    hint = refusal.value.diag.message_hint or ""
    admin.run(hint[hint.index("SELECT integratedb_adopt_claim") :].splitlines()[0].rstrip("."))
    recreate(superuser)
    assert may_read(superuser, "shop.orders")


def test_what_the_owner_grants_is_promised_from_then_on(departing, superuser, owner, admin):
    departing.close()
    superuser.run("DROP ROLE departing")
    owner.run("CREATE TABLE shop.later (id integer)")
    owner.run("GRANT SELECT ON shop.later TO reporter; SELECT integratedb_sync()")
    assert "not granted" not in facts(admin)
    with refused("IDB01"):
        owner.run("REVOKE SELECT ON shop.later FROM reporter")


def test_notifications_are_taken_over_apart(superuser, stakeholder, connect, admin):
    stakeholder("reporter")
    superuser.run("CREATE ROLE departing LOGIN IN ROLE integratedb_admin")
    with connect("departing") as session:
        session.run("SELECT integratedb_notify('reporter', %s)", Jsonb({"match": [{**ORDERS, "events": ["INSERT"]}]}))
    superuser.run("DROP ROLE departing")
    with refused("22023", match="has no claims that could be taken over"):
        admin.run(ADOPT)
    assert "notifications of reporter: role departing no longer exists" in facts(admin)["submitter lost"]
    admin.run("SELECT integratedb_adopt_claim('reporter', 'notifications')")
    assert "submitter lost" not in facts(admin)


@pytest.mark.parametrize("by", ["owner", "stakeholder"])
def test_a_function_of_an_admin_hands_a_claim_to_nobody_else(departing, superuser, owner, admin, connect, by):
    superuser.run("GRANT CREATE ON SCHEMA shop TO shop_admin")
    admin.run(f"CREATE FUNCTION shop.wrap() RETURNS void LANGUAGE sql SECURITY DEFINER AS $${ADOPT}$$")
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    submitter = "SELECT handed_in_by FROM integratedb.specification"
    before = superuser.rows(submitter)
    with refused("42501", match="no member of integratedb_admin"):
        (owner if by == "owner" else connect("reporter")).run("SELECT shop.wrap()")
    assert superuser.rows(submitter) == before
    admin.run(f"{ADOPT}")
    assert superuser.rows(submitter) == [("shop_admin",)]


def test_who_may_take_over_what(departing, owner, admin, connect):
    for session in (owner, connect("reporter")):
        with refused("42501"):
            session.run(ADOPT)
    with refused("22023", match="unknown kind"):
        admin.run("SELECT integratedb_adopt_claim('reporter', 'claim')")
    with refused("22023", match="unknown kind"):
        admin.run("SELECT integratedb_adopt_claim('reporter', NULL)")
    with refused("IDB04"):
        admin.run("SELECT integratedb_adopt_claim('nobody', 'claims')")
