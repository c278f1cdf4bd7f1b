"""Without Python, its library or the package, a server still takes what hurts nobody and refuses what does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installation import Installation, installation
from tests.sql.conftest import janitor, make_shop, open_session
from tests.sql.test_packaging import PACKAGE
from tests.support import Server, Session, refused

# One worker takes them all, because the copy of an installation costs some seconds.
pytestmark = pytest.mark.xdist_group("installation")


@dataclass(frozen=True)
class Machine:
    """A server of an installation that may be damaged without harm to anybody else's."""

    server: Server
    files: Installation

    def without(self, what: str) -> AbstractContextManager[None]:
        """Take something away for the sessions that begin in this block."""
        match what:
            case "package":
                return self.files.without(self.files.sharedir / "integratedb/python" / PACKAGE)
            case "plpython":
                return self.files.without(self.files.pkglibdir / "plpython3.so")
        return self.files.without_jsonschema()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with the extension."""
    with installation(with_extension=True) as files, files.server() as server:
        yield Machine(server, files)


Log = Callable[[str], Session]


@pytest.fixture
def login(machine: Machine) -> Iterator[Log]:
    """``login(user)``: a new session, in a shop whose products are claimed by "*", and of whose orders a column is."""
    with ExitStack() as stack, janitor(machine.server, "shop"):
        make_shop(machine.server, "shop")

        def login(user: str) -> Session:
            return stack.enter_context(open_session(machine.server, user, "shop"))

        admin = login("shop_admin")
        admin.run("SELECT integratedb_create_stakeholder('reporter')")
        admin.run("""SELECT integratedb_claim('reporter', '{"match": [
            {"path": "shop.products", "fields": ["*"]}, {"path": "shop.orders", "fields": ["note"]}]}')""")
        yield login
        admin.run("SELECT integratedb_drop_stakeholder('reporter')")
        stack.close()


MISSING = ["package", "plpython", "jsonschema"]
ADD = "ALTER TABLE shop.products ADD COLUMN weight integer"


def pending(session: Session) -> str:
    value = session.value("SELECT value FROM integratedb_status() WHERE fact = 'pending sync'")
    assert isinstance(value, str)
    return value


@pytest.mark.parametrize("what", MISSING)
def test_what_touches_no_claim_passes_in_silence(machine, login, what):
    with machine.without(what):
        owner = login("shop_owner")
        for ddl in (
            "CREATE TABLE shop.other (id integer)",
            "ALTER TABLE shop.customers ADD COLUMN other text",
            "DROP TABLE shop.other",
            "DROP MATERIALIZED VIEW shop.sales",
            "GRANT SELECT ON shop.customers TO PUBLIC",
            "CREATE INDEX ON shop.products (name)",
        ):
            owner.run(ddl)
        assert owner.warnings() == []


@pytest.mark.parametrize("what", MISSING)
def test_what_breaks_a_claim_is_refused(machine, login, what):
    with machine.without(what):
        owner = login("shop_owner")
        for ddl in (
            "ALTER TABLE shop.orders DROP COLUMN note",
            "ALTER TABLE shop.products DROP COLUMN tags",
            "REVOKE SELECT ON shop.products FROM reporter",
        ):
            with refused("IDB01"):
                owner.run(ddl)


@pytest.mark.parametrize("what", ["package", "plpython"])
def test_what_breaks_no_claim_commits_with_a_warning_that_names_the_package(machine, login, what):
    with machine.without(what):
        owner = login("shop_owner")
        owner.run(ADD)
        (warning,) = [notice for notice in owner.notices if notice.severity_nonlocalized == "WARNING"]
        assert "no claim is broken" in warning.message_primary
        assert PACKAGE in (warning.message_detail or "")
        assert "postgresql-plpython3" in (warning.message_detail or "")
        assert "integratedb_sync()" in (warning.message_hint or "")
        column = (
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'shop' AND column_name = 'weight'"
        )
        assert owner.value(column) == "weight"
        assert pending(login("shop_admin")) == "1"


@pytest.mark.parametrize(
    "cure",
    ["SELECT integratedb_sync()", "ALTER TABLE shop.orders ADD COLUMN other integer", ADD.replace("weight", "more")],
)
def test_the_next_sync_makes_up_for_it(machine, login, cure):
    with machine.without("package"):
        login("shop_owner").run(ADD)
    reporter = login("reporter")
    with refused("42501"):
        reporter.run("SELECT weight FROM shop.products")
    owner = login("shop_owner")
    owner.run(cure)
    assert owner.warnings() == []
    reporter.run("SELECT weight FROM shop.products")
    assert pending(login("shop_admin")) == "0"


def test_what_was_put_off_is_enforced_as_far_as_it_is_known(machine, login):
    with machine.without("package"):
        owner = login("shop_owner")
        owner.run(ADD)
        owner.run("ALTER TABLE shop.products DROP COLUMN weight")
        with refused("IDB01"):
            owner.run("ALTER TABLE shop.products DROP COLUMN tags")


def test_a_table_made_anew_without_python_is_still_enforced(machine, login):
    """It is granted nothing until the next sync, which is no break; what its columns must be is known."""
    with machine.without("package"):
        owner = login("shop_owner")
        owner.run("DROP VIEW shop.open_orders; DROP TABLE shop.order_lines CASCADE")
        owner.run("DROP TABLE shop.orders; CREATE TABLE shop.orders (id integer, note varchar(200))")
        with refused("IDB01"):
            owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    owner = login("shop_owner")
    owner.run("SELECT integratedb_sync()")
    login("reporter").run("SELECT note FROM shop.orders")


def test_without_jsonschema_claims_are_followed_and_only_a_wrong_specification_fails_so(machine, login):
    with machine.without("jsonschema"):
        owner = login("shop_owner")
        owner.run(ADD)
        assert owner.warnings() == []
        login("reporter").run("SELECT weight FROM shop.products")
        admin = login("shop_admin")
        admin.run("""SELECT integratedb_claim('reporter', '{"match": [{"path": "shop.products"}]}')""")
        with refused("38000", match="jsonschema"):
            admin.run("""SELECT integratedb_claim('reporter', '{"match": 1}')""")


def test_the_extension_is_not_made_where_jsonschema_is_missing(machine, login):
    superuser = login("postgres")
    superuser.run("DROP EXTENSION integratedb CASCADE")
    with machine.without("jsonschema"), refused("58P01", match="jsonschema") as refusal:
        login("postgres").run("CREATE EXTENSION integratedb")
    assert "python3-jsonschema" in (refusal.value.diag.message_hint or "")
    superuser.run("CREATE EXTENSION integratedb")
    superuser.run("DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter")
    superuser.run("SELECT integratedb_create_stakeholder('reporter')")


def has_python(session: Session) -> bool:
    return "plpython3" in Path(f"/proc/{session.info.backend_pid}/maps").read_text()


def test_ddl_that_touches_no_claim_never_starts_python(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    owner.run("CREATE TABLE shop.other (id integer)")
    owner.run("ALTER TABLE shop.customers ADD COLUMN other text")
    owner.run("GRANT SELECT ON shop.customers TO PUBLIC")
    owner.run("DROP TABLE shop.other")
    assert not has_python(owner)
    owner.run("ALTER TABLE shop.orders ADD COLUMN other text")
    assert has_python(owner)


def test_a_refusal_never_starts_python(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    assert not has_python(owner)
