"""Settings, and how things stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN
from tests.sql.test_packaging import VERSION
from tests.support import Session, refused

CONFIGURE = "SELECT integratedb_configure(%s, %s)"
ORDERS = {"path": "shop.orders", "fields": ["id", "status"]}


def status(session: Session) -> dict[str, str]:
    return dict(session.rows("SELECT fact, value FROM integratedb_status()"))


# configure


def test_the_defaults(admin):
    facts = status(admin)
    assert (facts["enforcement"], facts["ddl_event_retention"]) == ("commit", "90 days")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enforcement", "explicit"),
        ("enforcement", "commit"),
        ("deprecation", "binding"),
        ("ddl_event_retention", "30 days"),
        ("ddl_event_retention", "1 year 6 months"),
        ("ddl_event_retention", "PT1S"),
    ],
)
def test_a_setting_is_changed_and_changed_back(admin, setting, value):
    admin.run(CONFIGURE, setting, value)
    assert status(admin)[setting] == value
    default = {"enforcement": "commit", "ddl_event_retention": "90 days", "deprecation": "advisory"}[setting]
    admin.run(CONFIGURE, setting, default)
    assert status(admin)[setting] == default


@pytest.mark.parametrize("setting", ["colour", "Enforcement", "enforcement ", "", "it's", None])
def test_an_unknown_setting_is_named(admin, superuser, setting):
    with refused("IDB07", match="unknown setting") as error:
        admin.run(CONFIGURE, setting, "commit")
    assert ("null" if setting is None else setting.replace("'", "''")) in (error.value.diag.message_primary or "")
    assert "enforcement" in (error.value.diag.message_hint or "")
    assert superuser.rows("SELECT * FROM integratedb.setting") == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enforcement", "off"),
        ("enforcement", "COMMIT"),
        ("enforcement", ""),
        ("enforcement", None),
        ("deprecation", "on"),
        ("deprecation", None),
        ("ddl_event_retention", "soon"),
        ("ddl_event_retention", ""),
        ("ddl_event_retention", "0"),
        ("ddl_event_retention", "-1 day"),
        ("ddl_event_retention", "1 month -40 days"),
        ("ddl_event_retention", "10000000 years"),
        ("ddl_event_retention", "1e400 days"),
        ("ddl_event_retention", None),
    ],
)
def test_an_invalid_value_is_named_with_its_setting(admin, superuser, setting, value):
    with refused("IDB07", match=f"setting {setting}") as error:
        admin.run(CONFIGURE, setting, value)
    assert ("null" if value is None else value) in (error.value.diag.message_primary or "")
    assert error.value.diag.message_hint
    assert superuser.rows("SELECT * FROM integratedb.setting") == []


def test_only_an_admin_configures(owner, stakeholder):
    for session in (owner, stakeholder("reporter")):
        with refused("42501"):
            session.run(CONFIGURE, "enforcement", "explicit")


# status


def test_an_admin_sees_the_whole_database(admin, claim):
    claim(ORDERS, {"path": "shop.products"}, by="reporter")
    claim(ORDERS, by="fulfilment")
    assert status(admin) == {
        "version": VERSION,
        "enforcement": "commit",
        "ddl_event_retention": "90 days",
        "deprecation": "advisory",
        "max_lease_ttl": "24 hours",
        "armed": "yes",
        "event triggers": "integratedb_ddl_command_end enabled, integratedb_sql_drop enabled",
        "stakeholders": "2",
        "claims": "3",
        "notifications": "0",
        "saved queries": "0",
        "unmet": "0",
        "pending sync": "0",
        "lock_timeout": "30 s",
        "lock holder": "nobody",
        "schema": "public",
    }


def test_a_stakeholder_sees_only_itself(admin, owner, claim, stakeholder):
    reporter = stakeholder("reporter")
    admin.run(CONFIGURE, "enforcement", "explicit")
    claim(ORDERS, by="fulfilment")
    claim({"path": "shop.orders", "fields": ["note"]}, {"path": "shop.products"}, by="reporter")
    owner.run("ALTER TABLE shop.orders DROP COLUMN status CASCADE")
    facts = status(reporter)
    assert (facts["stakeholders"], facts["claims"], facts["unmet"]) == ("1", "2", "0")
    assert "lock holder" not in facts
    assert status(admin)["unmet"] == "1"


def test_nobody_else_sees_anything(owner):
    with refused("42501"):
        owner.run("SELECT * FROM integratedb_status()")


def test_disabled_event_triggers_are_said(superuser, admin):
    superuser.run("ALTER EVENT TRIGGER integratedb_sql_drop DISABLE")
    assert "integratedb_sql_drop DISABLED" in status(admin)["event triggers"]


def test_whoever_claims_is_named_as_holder_of_the_lock_until_the_transaction_ends(admin, connect, stakeholder):
    stakeholder("reporter")
    other = connect(ADMIN, application_name="deployment 42")
    with other.transaction():
        other.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [ORDERS]}))
        holder = status(admin)["lock holder"]
        for part in (str(other.info.backend_pid), ADMIN, "deployment 42", "idle in transaction"):
            assert part in holder
        assert status(other)["lock holder"] != "nobody"
    assert status(admin)["lock holder"] == "nobody"


def test_whoever_migrates_is_named_as_holder_of_the_lock(admin, owner, claim):
    claim(ORDERS)
    with owner.transaction():
        owner.run("ALTER TABLE shop.orders ADD COLUMN extra integer")
        assert status(admin)["lock holder"] == "nobody"
        owner.run("SELECT integratedb_validate_migration()")
        assert "shop_owner" in status(admin)["lock holder"]


def test_whoever_waits_for_the_lock_is_not_named(admin, connect, stakeholder):
    stakeholder("reporter")
    holder, waiting = connect(ADMIN), connect(ADMIN, options="-c lock_timeout=500")
    with holder.transaction():
        holder.run("SELECT integratedb_sync()")
        with ThreadPoolExecutor() as pool:
            refusal = pool.submit(waiting.run, "SELECT integratedb_sync()")
            while not refusal.done():
                assert str(holder.info.backend_pid) in status(admin)["lock holder"]
        with refused("55P03") as error:
            refusal.result()
    assert str(holder.info.backend_pid) in (error.value.diag.message_primary or "")
    assert "integratedb_end_lock_holder" in (error.value.diag.message_hint or "")


def test_a_prepared_transaction_is_named_as_holder_of_the_lock(admin, superuser, claim):
    claim(ORDERS)
    superuser.run("BEGIN; ALTER TABLE shop.orders ADD COLUMN extra integer; PREPARE TRANSACTION 'nightly'")
    try:
        holder = status(admin)["lock holder"]
        with refused("55000", match="nightly") as error:
            admin.run("SELECT integratedb_end_lock_holder()")
    finally:
        superuser.run("ROLLBACK PREPARED 'nightly'")
    assert "'nightly'" in holder
    assert "postgres" in holder
    assert (error.value.diag.message_hint or "").endswith("ROLLBACK PREPARED 'nightly'.")


def test_a_holder_that_rolled_back_is_nobody(admin, connect, claim):
    claim(ORDERS)
    other = connect(ADMIN)
    with other.transaction(force_rollback=True):
        other.run("SELECT integratedb_sync()")
    assert status(admin)["lock holder"] == "nobody"


def test_saved_queries_are_counted_and_a_stakeholder_sees_its_own(admin, stakeholder):
    reporter, other = stakeholder("reporter"), stakeholder("other")
    for name in ("a", "b"):
        query = Jsonb({"select": ["id"], "from": "shop.orders"})
        admin.run("SELECT integratedb_save_query('reporter', %s, %s)", name, query)
    assert [status(each)["saved queries"] for each in (admin, reporter, other)] == ["2", "2", "0"]
