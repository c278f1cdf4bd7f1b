"""A temporary login acts as the stakeholder, and leaves nothing when its time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.support import Session, hint, refused

LEASE = "SELECT id, username, password FROM integratedb_lease('reporter', %s::interval, %s)"
NOTE = {"path": "shop.orders", "fields": ["id", "note"]}
END = "SELECT integratedb.daemon_end_leases()"


@pytest.fixture
def lease(admin: Session, superuser: Session) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """``lease()``: its identifier, its username and its password."""
    made: list[str] = []

    def create(ttl: str = "1 hour", note: str | None = None) -> tuple[int, str, str]:
        row = admin.row(LEASE, ttl, note)
        made.append(row[1])
        return row[0], row[1], row[2]

    yield create
    for name in made:  # roles are the cluster's, and other tests find none
        if role_exists(superuser, name):
            superuser.run(f"DROP OWNED BY {name}; DROP ROLE {name}")


def role_exists(session: Session, name: str) -> bool:
    answer: bool = session.value("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", name)
    return answer


def let_pass(superuser: Session) -> None:
    """As if the time of all leases were over."""
    superuser.run(
        "UPDATE pg_authid SET rolvaliduntil = now() - interval '1 s'"
        " WHERE oid IN (SELECT role_oid FROM integratedb.lease)"
    )
    superuser.run("UPDATE integratedb.lease SET valid_until = now() - interval '1 s'")


# What it may


def test_it_reads_what_the_stakeholder_reads_and_creates_as_the_stakeholder(lease, claim, connect, superuser):
    claim(NOTE)
    _, name, password = lease()
    assert name.startswith("reporter__")
    assert len(name) == len("reporter__") + 8
    session = connect(name, password=password)
    assert session.row("SELECT session_user::text, current_user::text") == (name, "reporter")
    session.rows("SELECT id, note FROM shop.orders")
    with refused("42501"):
        session.rows("SELECT total FROM shop.orders")
    session.run("CREATE TABLE reporter.kept (id int)")
    assert superuser.value("SELECT tableowner FROM pg_tables WHERE tablename = 'kept'") == "reporter"
    assert session.value("SELECT integratedb_specification('reporter')")["match"] == [NOTE]


def test_it_has_no_power(lease, claim, superuser):
    claim(NOTE)
    _, name, _ = lease()
    powers = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolinherit, rolcanlogin"
    assert superuser.row(f"SELECT {powers} FROM pg_roles WHERE rolname = %s", name) == (*[False] * 5, True, True)
    granted = "SELECT roleid::regrole::text, admin_option FROM pg_auth_members WHERE member = %s::regrole"
    assert superuser.rows(granted, name) == [("reporter", False)]
    assert superuser.value("SELECT count(*) FROM pg_shdepend WHERE refobjid = %s::regrole AND deptype = 'a'", name) == 0


def test_a_password_is_of_a_time_and_no_statement_holds_it(lease, claim, superuser, server_log):
    claim(NOTE)
    superuser.run("ALTER ROLE shop_admin SET log_statement = 'all'")
    try:
        _, name, password = lease("30 minutes")
    finally:
        superuser.run("ALTER ROLE shop_admin RESET log_statement")
    left = superuser.value("SELECT rolvaliduntil - now() FROM pg_authid WHERE rolname = %s", name)
    assert 29 * 60 < left.total_seconds() <= 30 * 60
    assert password not in server_log()
    assert "SCRAM-SHA-256$" not in server_log()


# Who may


def test_only_an_admin_leases_renews_revokes_and_lists(lease, claim, owner, connect, stakeholder):
    reporter = stakeholder("reporter")
    number, name, password = lease()
    for session in (owner, reporter, connect(name, password=password)):
        for call in ("lease('reporter')", f"renew_lease({number})", f"revoke_lease({number})", "leases()"):
            with refused("42501"):
                session.run(f"SELECT integratedb_{call}")


def test_code_of_others_does_not_lease_for_an_admin(admin, stakeholder):
    reporter = stakeholder("reporter")
    reporter.run(
        "CREATE FUNCTION reporter.f() RETURNS text LANGUAGE sql AS $$ SELECT password FROM public.integratedb_lease("
        "'reporter', '1 hour', NULL) $$; GRANT USAGE ON SCHEMA reporter TO PUBLIC"
    )
    with refused("42501", match="does not name"):
        admin.run("SELECT reporter.f()")


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("lease('nobody')", "IDB04", "nobody"),
        ("lease('reporter', NULL)", "22023", "null"),
        ("lease('reporter', '0')", "22023", "cannot last"),
        ("lease('reporter', '-1 hour')", "22023", "cannot last"),
        ("lease('reporter', '25 hours')", "22023", "25:00:00"),
        ("lease('reporter', '300000 years')", "22023", "cannot last"),
        ("lease('reporter', '1 hour', repeat('x', 1001))", "22023", "1001 characters"),
        ("renew_lease(4711)", "42704", "4711"),
        ("renew_lease(NULL)", "42704", "null"),
        ("revoke_lease(4711)", "42704", "4711"),
    ],
)
def test_what_is_no_lease_is_refused_and_leaves_no_role(admin, claim, superuser, call, code, words):
    claim(NOTE)
    with refused(code, match=words) as error:
        admin.run(f"SELECT integratedb_{call}")
    assert hint(error)
    assert superuser.value("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'reporter\\_\\_%%'") == 0


def test_the_setting_bounds_a_lease_with_its_renewals(admin, lease, claim, superuser):
    claim(NOTE)
    admin.run("SELECT integratedb_configure('max_lease_ttl', '2 hours')")
    assert dict(admin.rows("SELECT * FROM integratedb_status()"))["max_lease_ttl"] == "2 hours"
    with refused("22023"):
        lease("3 hours")
    number, name, _ = lease("1 hour")
    renewed = admin.value("SELECT integratedb_renew_lease(%s, '119 minutes')", number)
    assert superuser.value("SELECT rolvaliduntil = %s FROM pg_authid WHERE rolname = %s", renewed, name) is True
    superuser.run("UPDATE integratedb.lease SET leased_at = now() - interval '90 minutes'")
    admin.run("SELECT integratedb_renew_lease(%s, '29 minutes')", number)
    with refused("22023", match="cannot last"):
        admin.run("SELECT integratedb_renew_lease(%s, '31 minutes')", number)


@pytest.mark.parametrize("value", ["0", "soon", "-1 hour", "", "400 days", None])
def test_a_setting_that_is_no_time_is_refused(admin, value):
    with refused("IDB07", match="max_lease_ttl"):
        admin.run("SELECT integratedb_configure('max_lease_ttl', %s)", value)


# Its end


def test_at_its_end_its_sessions_end_and_nothing_is_left_of_it(lease, claim, connect, superuser):
    claim(NOTE)
    _, name, password = lease()
    session = connect(name, password=password)
    session.run("CREATE TABLE reporter.kept (id int)")
    assert superuser.value(END) == 0
    let_pass(superuser)
    assert superuser.value(END) == 1
    with pytest.raises(psycopg.OperationalError):
        session.run("SELECT 1")
    assert not role_exists(superuser, name)
    assert superuser.value("SELECT count(*) FROM integratedb.lease") == 0
    assert superuser.value("SELECT tableowner FROM pg_tables WHERE tablename = 'kept'") == "reporter"


def test_after_its_time_nobody_logs_in_though_nothing_has_ended_it(lease, claim, connect, superuser):
    claim(NOTE)
    _, name, password = lease()
    let_pass(superuser)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(name, password=password)


def test_the_next_lease_ends_those_that_are_over(lease, claim, superuser):
    claim(NOTE)
    _, first, _ = lease()
    let_pass(superuser)
    _, second, _ = lease()
    assert (role_exists(superuser, first), role_exists(superuser, second)) == (False, True)


def test_what_it_made_as_itself_is_the_stakeholders_afterwards(lease, claim, connect, superuser, admin):
    claim(NOTE)
    number, name, password = lease()
    session = connect(name, password=password)
    session.run("RESET ROLE")
    session.run("SET ROLE NONE")
    session.run("CREATE TABLE reporter.own (id int); CREATE TYPE reporter.mood AS ENUM ('sad')")
    session.run("CREATE FUNCTION reporter.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    session.run("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
    assert superuser.value("SELECT tableowner FROM pg_tables WHERE tablename = 'own'") == name
    admin.run("SELECT integratedb_revoke_lease(%s)", number)
    assert not role_exists(superuser, name)
    assert superuser.value("SELECT tableowner FROM pg_tables WHERE tablename = 'own'") == "reporter"
    assert superuser.value("SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'f'") == "reporter"


def test_a_lease_that_is_over_is_not_renewed(admin, lease, claim, superuser):
    claim(NOTE)
    number, _, _ = lease()
    let_pass(superuser)
    with refused("55000", match="is over"):
        admin.run("SELECT integratedb_renew_lease(%s)", number)


def test_leases_go_with_the_stakeholder(admin, lease, claim, connect, superuser):
    claim(NOTE)
    _, name, password = lease()
    session = connect(name, password=password)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert not role_exists(superuser, name)
    with pytest.raises(psycopg.OperationalError):
        session.run("SELECT 1")


def test_a_role_of_the_name_that_is_another_is_left_alone(admin, lease, claim, superuser):
    claim(NOTE)
    number, name, _ = lease()
    superuser.run(f"DROP OWNED BY {name}; DROP ROLE {name}; CREATE ROLE {name} LOGIN")
    admin.run("SELECT integratedb_revoke_lease(%s)", number)
    assert role_exists(superuser, name)
    assert admin.rows("SELECT * FROM integratedb_leases()") == []


def test_they_are_listed_and_in_the_audit_log(admin, lease, claim, connect):
    claim(NOTE)
    number, name, password = lease(note=" job 17 ")
    connect(name, password=password)
    (row,) = admin.dicts("SELECT * FROM integratedb_leases()")
    assert (row["id"], row["stakeholder"], row["username"]) == (number, "reporter", name)
    assert (row["leased_by"], row["sessions"], row["note"]) == ("shop_admin", 1, "job 17")
    admin.run("SELECT integratedb_renew_lease(%s)", number)
    admin.run("SELECT integratedb_revoke_lease(%s)", number)
    tags = admin.rows("SELECT command_tag FROM integratedb_ddl_events() WHERE command_tag LIKE '%%LEASE' ORDER BY id")
    assert [tag for (tag,) in tags] == ["INTEGRATEDB LEASE", "INTEGRATEDB RENEW LEASE", "INTEGRATEDB REVOKE LEASE"]


def test_a_stakeholder_with_powers_is_not_leased(admin, claim, superuser):
    claim(NOTE)
    superuser.run("ALTER ROLE reporter CREATEDB")
    with refused("42501", match="CREATEDB"):
        admin.run("SELECT integratedb_lease('reporter')")


def test_a_lease_acts_as_the_stakeholder_for_what_is_agreed(lease, claim, connect, admin):
    claim(NOTE)
    _, name, password = lease()
    session = connect(name, password=password)
    session.run("SELECT integratedb_waive('reporter', 'shop.orders', 'note', now() + interval '1 day', 'x')")
    assert admin.value("SELECT waived_by FROM integratedb_waivers()") == "reporter"


def test_only_the_daemon_ends_what_is_over(owner, stakeholder, admin):
    for session in (owner, stakeholder("reporter"), admin):
        with refused("42501"):
            session.run(END)


def test_a_rename_leaves_leases_in_force(admin, lease, claim, connect, superuser):
    claim(NOTE)
    number, name, password = lease()
    admin.run("SELECT integratedb_rename_stakeholder('reporter', 'analyst')")
    session = connect(name, password=password)
    assert session.value("SELECT current_user::text") == "analyst"
    session.close()
    admin.run("SELECT integratedb_revoke_lease(%s)", number)
    assert not role_exists(superuser, name)
    admin.run("SELECT integratedb_drop_stakeholder('analyst')")


def test_where_the_stakeholder_cannot_log_in_leases_can_and_a_password_that_they_set_is_worthless(
    lease, claim, connect, superuser, admin
):
    claim(NOTE)
    superuser.run("ALTER ROLE reporter NOLOGIN")
    number, name, password = lease()
    session = connect(name, password=password)
    session.run("ALTER ROLE reporter PASSWORD 'stolen'")
    admin.run("SELECT integratedb_revoke_lease(%s)", number)
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        connect("reporter", password="stolen")


def test_a_lease_of_a_stakeholder_without_its_role_ends_too(lease, claim, superuser):
    claim(NOTE)
    _, name, _ = lease()
    superuser.run("DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter")
    let_pass(superuser)
    assert superuser.value(END) == 1
    assert not role_exists(superuser, name)


def test_a_lease_that_cannot_end_yet_keeps_no_other_from_ending_and_cannot_log_in(
    lease, claim, connect, superuser, admin
):
    claim(NOTE)
    number, name, password = lease()
    session = connect(name, password=password)
    session.run("SET ROLE NONE")
    session.run("CREATE TABLE reporter.own (id int)")
    session.run("BEGIN")
    session.run("INSERT INTO reporter.own VALUES (1)")
    session.run("PREPARE TRANSACTION 'held'")
    try:
        admin.run("SELECT integratedb_revoke_lease(%s)", number)
        assert admin.warnings()[0].startswith(f"lease {number} is over, but its role {name} cannot be dropped yet")
        with pytest.raises(psycopg.OperationalError):
            connect(name, password=password)
        with refused("55000", match="is over"):
            admin.run("SELECT integratedb_renew_lease(%s)", number)
        _, second, _ = lease()
        let_pass(superuser)
        superuser.notices.clear()
        assert superuser.value(END) == 1
        assert superuser.warnings()[0].startswith(f"lease {number} is over, but its role {name} cannot be dropped yet")
        assert not role_exists(superuser, second)
        assert superuser.value("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", name) is False
        with pytest.raises(psycopg.OperationalError):
            session.run("SELECT 1")
    finally:
        superuser.run("ROLLBACK PREPARED 'held'")
    assert superuser.value(END) == 1
    assert not role_exists(superuser, name)


def test_leases_of_an_earlier_role_end_when_another_is_adopted(lease, claim, superuser, admin):
    claim(NOTE)
    _, name, _ = lease()
    superuser.run("DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter; CREATE ROLE reporter LOGIN")
    admin.run("SELECT integratedb_adopt_role('reporter')")
    assert not role_exists(superuser, name)
    assert admin.rows("SELECT * FROM integratedb_leases()") == []


def test_as_itself_a_lease_is_not_the_stakeholder(lease, claim, connect):
    claim(NOTE)
    _, name, password = lease()
    session = connect(name, password=password)
    session.run("SET ROLE NONE")
    for call in (
        "integratedb_waive('reporter', 'shop.orders', 'note', now() + interval '1 day', 'x')",
        "integratedb_request_claim('reporter', '{\"match\": []}')",
        "integratedb_specification('reporter')",
    ):
        with refused("42501"):
            session.run(f"SELECT {call}")


# Who stands in the way


@pytest.fixture
def itself(lease, claim, connect):
    """A lease, and a session of it that acts as itself."""
    claim(NOTE)
    number, name, password = lease()
    session = connect(name, password=password)
    session.run("SET ROLE NONE")
    yield number, session
    session.close()


@pytest.mark.parametrize("change", ["PASSWORD 'mine'", "SET work_mem = '5MB'"])
def test_a_session_that_changes_its_role_and_waits_stops_neither_the_end_nor_other_leases(
    itself, admin, superuser, lease, change
):
    number, session = itself
    name = session.info.user
    session.run(f"BEGIN; ALTER ROLE CURRENT_USER {change}")
    admin.run("SET lock_timeout = '5s'")
    lease()
    admin.run("SELECT integratedb_revoke_lease(%s)", number)
    assert not role_exists(superuser, name)


def test_a_renewal_does_not_wait_for_a_session_that_changes_its_role(itself, admin):
    number, session = itself
    session.run("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'mine'")
    admin.run("SET lock_timeout = '5s'")
    with refused("55P03", match="changes role") as error:
        admin.run("SELECT integratedb_renew_lease(%s)", number)
    assert "pg_prepared_xacts" in (hint(error) or "")
    session.run("ROLLBACK")
    admin.run("SELECT integratedb_renew_lease(%s)", number)


def test_a_stakeholder_that_changes_its_role_and_waits_stops_neither_others_nor_its_end(admin, stakeholder, superuser):
    reporter = stakeholder("reporter")
    reporter.run("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'mine'")
    admin.run("SET lock_timeout = '5s'")
    with refused("55P03", match="changes role reporter"):
        admin.run("SELECT integratedb_lease('reporter')")
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert not role_exists(superuser, "reporter")


def test_what_others_claim_of_its_objects_keeps_no_lease_from_ending(
    itself, admin, superuser, owner, stakeholder, lease
):
    _, session = itself
    name = session.info.user
    other = stakeholder("other")
    owner.run(f"GRANT SELECT ON shop.customers TO {name}; GRANT USAGE ON SCHEMA shop TO {name}")
    session.run("CREATE VIEW reporter.people AS SELECT id FROM shop.customers")
    session.run("SET ROLE reporter; GRANT USAGE ON SCHEMA reporter TO other; SET ROLE NONE")
    people = '{"match": [{"path": "reporter.people", "fields": ["id"]}]}'
    session.run("SELECT integratedb_claim('other', %s)", people)
    _, second, _ = lease()
    let_pass(superuser)
    assert superuser.value(END) == 1
    assert "breaks a claim of other" in superuser.warnings()[0]
    assert superuser.notices[-1].message_hint == "The role cannot log in. The daemon, or the next lease, tries again."
    assert (role_exists(superuser, name), role_exists(superuser, second)) == (True, False)
    assert superuser.value("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", name) is False
    with pytest.raises(psycopg.OperationalError):
        session.run("SELECT 1")
    other.run("SELECT id FROM reporter.people")
    other.run("SELECT integratedb_claim('other', '{\"match\": []}')")
    assert superuser.value(END) == 1
    assert not role_exists(superuser, name)
