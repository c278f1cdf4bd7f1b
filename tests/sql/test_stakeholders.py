"""Stakeholders come and go: name, role and schema together, and a password that nobody but the caller sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.sql.conftest import ADMIN, DATABASE, OWNER
from tests.support import Session, refused

CREATE = "SELECT * FROM integratedb_create_stakeholder(%s)"
RENAME = "SELECT * FROM integratedb_rename_stakeholder(%s, %s)"
ROTATE = "SELECT * FROM integratedb_rotate_password(%s)"
DROP = "SELECT integratedb_drop_stakeholder(%s)"

ORDERS = {"path": "shop.orders", "fields": ["id", "status"]}

# Every access list that may name a role, and what else depends on roles.
TRACES = """
WITH acl (place, acl) AS (
  SELECT 'pg_class', relacl FROM pg_class
  UNION ALL SELECT 'pg_attribute', attacl FROM pg_attribute
  UNION ALL SELECT 'pg_namespace', nspacl FROM pg_namespace
  UNION ALL SELECT 'pg_proc', proacl FROM pg_proc
  UNION ALL SELECT 'pg_type', typacl FROM pg_type
  UNION ALL SELECT 'pg_default_acl', defaclacl FROM pg_default_acl
  UNION ALL SELECT 'pg_database', datacl FROM pg_database
  UNION ALL SELECT 'pg_init_privs', initprivs FROM pg_init_privs
)
SELECT place FROM acl CROSS JOIN aclexplode(acl) AS x WHERE %(role)s IN (x.grantee, x.grantor)
UNION ALL
SELECT 'pg_default_acl owner' FROM pg_default_acl WHERE defaclrole = %(role)s
UNION ALL
SELECT 'pg_policy' FROM pg_policy WHERE %(role)s = ANY (polroles)
UNION ALL
SELECT 'pg_shdepend' FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = %(role)s
"""

# What a refused call must leave as it was.
WORLD = """
SELECT (SELECT array_agg((rolname, rolcanlogin, rolpassword, rolvaliduntil) ORDER BY rolname) FROM pg_authid)::text,
       (SELECT array_agg((nspname, nspowner, nspacl) ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_')::text,
       (SELECT array_agg(s ORDER BY s.id) FROM integratedb.stakeholder AS s)::text,
       (SELECT array_agg(s ORDER BY s.id) FROM integratedb.specification AS s)::text,
       (SELECT count(*) FROM integratedb.ddl_event)
"""


def role_oid(superuser: Session, name: str) -> int | None:
    rows = superuser.rows("SELECT oid FROM pg_authid WHERE rolname = %s", name)
    return rows[0][0] if rows else None


def exists(superuser: Session, name: str) -> tuple[bool, bool]:
    """Whether there is a role, and a schema, of this name."""
    return superuser.row("SELECT to_regrole(%s) IS NOT NULL, to_regnamespace(%s) IS NOT NULL", name, name)


# create


def test_create_gives_id_name_username_and_a_long_password(admin):
    first, second = admin.dicts(CREATE, "reporter")[0], admin.dicts(CREATE, "fulfilment")[0]
    assert (first["name"], first["username"]) == ("reporter", "reporter")
    assert second["id"] > first["id"]
    assert len(first["password"]) >= 24
    assert first["password"] != second["password"]


def test_the_password_logs_in_and_another_does_not(stakeholder, connect):
    assert stakeholder("reporter").value("SELECT current_user") == "reporter"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect("reporter", password="wrong")


def test_the_role_can_log_in_and_has_no_other_power(stakeholder, superuser):
    stakeholder("reporter")
    powers = "rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
    role = superuser.row(f"SELECT {powers} FROM pg_roles WHERE rolname = 'reporter'")
    assert role == (True, False, False, False, False, False)
    assert superuser.rows("SELECT FROM pg_auth_members WHERE member = 'reporter'::regrole") == []


def test_it_owns_its_schema_and_may_create_in_it_and_nowhere_else(stakeholder, superuser):
    reporter = stakeholder("reporter")
    assert superuser.value("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'reporter'") == "reporter"
    reporter.run("CREATE TABLE reporter.totals (day date)")
    for schema in ("shop", "public", "integratedb"):
        with refused("42501"):
            reporter.run(f"CREATE TABLE {schema}.totals (day date)")


def test_the_oid_and_database_of_the_role_are_recorded(stakeholder, superuser):
    stakeholder("reporter")
    recorded = superuser.row("SELECT role_oid, role_database FROM integratedb.stakeholder")
    assert recorded == (role_oid(superuser, "reporter"), DATABASE)


def test_postgres_holds_a_scram_verifier_whatever_password_encryption_says(superuser, connect):
    superuser.run(f"ALTER DATABASE {DATABASE} SET password_encryption = 'md5'")
    connect(ADMIN).run(CREATE, "reporter")
    stored = superuser.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'reporter'")
    assert stored.startswith("SCRAM-SHA-256$4096:")


def test_no_log_no_activity_and_no_table_holds_a_password(superuser, connect, server_log):
    superuser.run(f"ALTER DATABASE {DATABASE} SET log_statement = 'all'")
    superuser.run(f"ALTER DATABASE {DATABASE} SET log_min_duration_statement = 0")
    admin = connect(ADMIN)
    passwords = [admin.dicts(CREATE, "reporter")[0]["password"], admin.dicts(ROTATE, "reporter")[0]["password"]]
    passwords.append(admin.dicts(RENAME, "reporter", "analyst")[0]["password"])
    said = server_log()
    assert "integratedb_create_stakeholder" in said
    assert "duration:" in said
    said += str(superuser.rows("SELECT a::text FROM pg_stat_activity AS a"))
    said += str(superuser.rows("SELECT e::text FROM integratedb.ddl_event AS e"))
    assert not [password for password in passwords if password in said]


def test_without_valid_until_the_password_lasts_for_ever(admin, superuser):
    admin.run(CREATE, "reporter")
    assert superuser.value("SELECT rolvaliduntil::text FROM pg_roles WHERE rolname = 'reporter'") == "infinity"


@pytest.mark.parametrize("style", ["ISO, MDY", "German", "SQL, DMY"])
def test_valid_until_is_kept_whatever_the_datestyle(admin, superuser, style):
    until = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    admin.run("SELECT set_config('datestyle', %s, false)", style)
    admin.run("SELECT integratedb_create_stakeholder(%s, valid_until => %s)", "reporter", until)
    assert superuser.value("SELECT rolvaliduntil FROM pg_roles WHERE rolname = 'reporter'") == until


def test_after_valid_until_the_password_logs_in_no_more(admin, connect):
    until = datetime.now(UTC) - timedelta(minutes=1)
    password = admin.value("SELECT password FROM integratedb_create_stakeholder(%s, %s)", "reporter", until)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect("reporter", password=password)


@pytest.mark.parametrize("given", ["  Reporter\t", "REPORTER\r\n", "reporter"])
def test_a_name_is_trimmed_and_lower_cased(admin, given):
    assert admin.dicts(CREATE, given)[0]["name"] == "reporter"
    assert admin.dicts(ROTATE, given)[0]["name"] == "reporter"
    assert admin.value(DROP, given) is True


@pytest.mark.parametrize("name", ["_a9", "x" * 32, "user", "select", "integrated", "pgx"])
def test_names_that_are_key_words_or_merely_look_reserved_will_do(admin, name):
    assert admin.dicts(CREATE, name)[0]["name"] == name
    assert admin.value(DROP, name) is True


BAD_NAMES = [
    "",
    "   ",
    "9a",
    "a b",
    "a-b",
    "a.b",
    'a"b',
    "a'b",
    "a'; DROP ROLE postgres; --",
    "x" * 33,
    "x" * 40,
    "größe",
    "\u212aelvin",
    "public",
    "Public",
    "none",
    "pg_x",
    "PG_reader",
    "integratedb",
    "integratedb_x",
    "information_schema",
    None,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_is_no_name_or_a_reserved_one_is_refused_and_named(admin, superuser, name):
    before = superuser.row(WORLD)
    with refused("IDB06") as error:
        admin.run(CREATE, name)
    assert ("null" if name is None else name.replace("'", "''")) in (error.value.diag.message_primary or "")
    assert error.value.diag.message_hint
    assert superuser.row(WORLD) == before


@pytest.mark.parametrize("name", ["", "x" * 33, "pg_x", "public", None])
def test_the_new_name_of_a_rename_follows_the_same_rule(admin, superuser, name):
    admin.run(CREATE, "reporter")
    before = superuser.row(WORLD)
    with refused("IDB06"):
        admin.run(RENAME, "reporter", name)
    assert superuser.row(WORLD) == before


@pytest.mark.parametrize(
    ("name", "taken_by"), [("reporter", "a stakeholder"), ("shop_owner", "a role"), ("shop", "a schema")]
)
def test_a_name_that_is_taken_is_refused_before_anything_is_changed(admin, superuser, name, taken_by):
    admin.run(CREATE, "reporter")
    admin.run(CREATE, "other")
    before = superuser.row(WORLD)
    for attempt in ((CREATE, name), (RENAME, "other", name)):
        with refused("IDB05", match=taken_by) as error:
            admin.run(*attempt)
        assert name in (error.value.diag.message_primary or "")
        assert error.value.diag.message_hint
    assert superuser.row(WORLD) == before


@pytest.mark.parametrize(
    "match",
    [
        {"path": "analyst.secrets", "fields": ["word"], "optional": True},
        {"path": "analyst.*", "fields": ["*"], "optional": True},
        {"alternatives": [{"path": "shop.orders"}, {"path": "analyst.secrets"}]},
    ],
)
@pytest.mark.parametrize("how", ["created", "renamed"])
def test_nobody_gets_a_private_schema_that_others_have_claimed_already(admin, superuser, claim, match, how):
    """Whoever becomes analyst never agreed that the reporter reads its tables."""
    admin.run(CREATE, "other")
    claim(match)
    before = superuser.row(WORLD)
    attempt = (CREATE, "Analyst") if how == "created" else (RENAME, "other", "analyst")
    with refused("IDB05", match="claimed already") as error:
        admin.run(*attempt)
    diagnostic = error.value.diag
    assert "reporter" not in (diagnostic.message_primary or "")
    assert diagnostic.message_detail == "reporter (claims)"
    assert superuser.row(WORLD) == before
    # As the HINT has it.
    claim({"path": "shop.orders"})
    admin.run(*attempt)
    claim(match)


def test_a_stakeholder_may_be_renamed_to_a_schema_that_it_alone_claims(admin, claim):
    claim({"path": "analyst.secrets", "optional": True})
    admin.run(RENAME, "reporter", "analyst")


@pytest.mark.parametrize("name", ["nobody", "x" * 40, "it's", "shop", "", None])
def test_an_unknown_stakeholder_is_named(admin, name):
    calls = [
        (RENAME, name, "other"),
        (ROTATE, name),
        (DROP, name),
        ("SELECT integratedb_claim(%s, '{\"match\": []}')", name),
        ("SELECT integratedb_specification(%s)", name),
        ("SELECT * FROM integratedb_access(%s)", name),
    ]
    for call in calls:
        with refused("IDB04") as error:
            admin.run(*call)
        assert ("null" if name is None else name.replace("'", "''")) in (error.value.diag.message_primary or "")
        assert error.value.diag.message_hint


def test_a_stakeholder_that_is_rolled_back_leaves_nothing(admin, superuser):
    before = superuser.row(WORLD)
    with admin.transaction(force_rollback=True):
        admin.run(CREATE, "reporter")
    assert superuser.row(WORLD) == before


# rotate


def test_rotating_gives_a_new_password_and_the_old_one_is_worth_nothing(admin, connect):
    old = admin.dicts(CREATE, "reporter")[0]
    new = admin.dicts(ROTATE, "reporter")[0]
    assert (new["id"], new["name"], new["username"]) == (old["id"], "reporter", "reporter")
    assert connect("reporter", password=new["password"]).value("SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect("reporter", password=old["password"])


def test_rotating_sets_valid_until_anew_and_open_sessions_stay(admin, superuser, stakeholder):
    reporter = stakeholder("reporter")
    until = datetime(2031, 2, 3, tzinfo=UTC)
    valid_until = "SELECT rolvaliduntil::text FROM pg_roles WHERE rolname = 'reporter'"
    admin.run("SELECT integratedb_rotate_password(%s, %s)", "reporter", until)
    assert superuser.value(valid_until).startswith("2031-02-03")
    admin.run(ROTATE, "reporter")
    assert superuser.value(valid_until) == "infinity"
    assert reporter.value("SELECT 1") == 1


# rename


def test_a_rename_changes_name_role_and_schema_together_and_keeps_the_id(admin, superuser):
    old = admin.dicts(CREATE, "reporter")[0]
    new = admin.dicts(RENAME, "reporter", " Analyst ")[0]
    assert (new["id"], new["name"], new["username"]) == (old["id"], "analyst", "analyst")
    assert exists(superuser, "reporter") == (False, False)
    assert exists(superuser, "analyst") == (True, True)
    assert [row["name"] for row in admin.dicts("SELECT * FROM integratedb_stakeholders()")] == ["analyst"]


def test_a_rename_makes_a_new_password(admin, connect):
    old = admin.dicts(CREATE, "reporter")[0]
    new = admin.dicts(RENAME, "reporter", "analyst")[0]
    assert connect("analyst", password=new["password"]).value("SELECT current_user") == "analyst"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect("analyst", password=old["password"])


def test_a_rename_keeps_valid_until(admin, superuser):
    until = datetime(2031, 2, 3, tzinfo=UTC)
    admin.run("SELECT integratedb_create_stakeholder(%s, %s)", "reporter", until)
    admin.run(RENAME, "reporter", "analyst")
    assert superuser.value("SELECT rolvaliduntil FROM pg_roles WHERE rolname = 'analyst'") == until


def test_a_rename_keeps_claims_and_grants(admin, owner, claim, connect):
    claim(ORDERS)
    password = admin.dicts(RENAME, "reporter", "analyst")[0]["password"]
    analyst = connect("analyst", password=password)
    assert len(analyst.rows("SELECT id, status FROM shop.orders")) == 200
    assert admin.value("SELECT integratedb_specification('analyst')") == {"match": [ORDERS]}
    with refused("IDB01", match="analyst"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN status CASCADE")
    admin.run("SELECT integratedb_claim('analyst', '{\"match\": []}')")
    with refused("42501"):
        analyst.rows("SELECT id FROM shop.orders")


def test_a_rename_that_takes_a_schema_away_from_others_is_refused_at_commit(admin, superuser, stakeholder, claim):
    stakeholder("reporter").run("CREATE TABLE reporter.totals (day date)")
    claim({"path": "reporter.totals", "fields": ["day"]}, by="fulfilment")
    with refused("IDB01", match="fulfilment") as error, admin.transaction():
        admin.run(RENAME, "reporter", "analyst")
    assert "reporter.totals" in (error.value.diag.message_detail or "")
    assert exists(superuser, "reporter") == (True, True)


def test_a_rename_is_ddl_like_anybodys_in_the_audit_log(admin):
    admin.run(CREATE, "reporter")
    admin.run(RENAME, "reporter", "analyst")
    newest = admin.dicts("SELECT * FROM integratedb_ddl_events(max_results => 1)")[0]
    assert (newest["command_tag"], newest["object_identity"], newest["session_user_name"]) == (
        "ALTER SCHEMA",
        "analyst",
        ADMIN,
    )


def test_the_new_name_must_be_another_one(admin):
    admin.run(CREATE, "reporter")
    with refused("IDB05"):
        admin.run(RENAME, "reporter", "Reporter")


# drop


def test_dropping_takes_role_and_empty_schema_away(admin, superuser, claim):
    claim(ORDERS)
    assert admin.value(DROP, "reporter") is True
    assert exists(superuser, "reporter") == (False, False)
    assert admin.rows("SELECT * FROM integratedb_stakeholders()") == []
    for table in ("stakeholder", "specification", "claim", "claim_relation", "claim_column", "own_grant", "own_usage"):
        assert superuser.value(f"SELECT count(*) FROM integratedb.{table}") == 0, table


def test_a_schema_with_tables_survives_and_belongs_to_a_role_without_rights(admin, superuser, stakeholder):
    superuser.run(f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}")
    stakeholder("reporter").run("""
        CREATE TABLE reporter.totals (day date);
        CREATE FUNCTION reporter.today() RETURNS date LANGUAGE sql AS 'SELECT current_date';
        INSERT INTO reporter.totals VALUES ('2026-01-01');
    """)
    assert admin.value(DROP, "reporter") is False
    assert exists(superuser, "reporter") == (False, True)
    owners = superuser.rows("""
        SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'reporter'
        UNION ALL SELECT relowner::regrole::text FROM pg_class WHERE relname = 'totals'
        UNION ALL SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'today'
    """)
    assert owners == [("integratedb_archive",)] * 3
    assert superuser.rows("SELECT day::text FROM reporter.totals") == [("2026-01-01",)]


def test_what_others_claim_of_a_dropped_stakeholders_tables_they_keep(admin, stakeholder, claim, connect):
    stakeholder("reporter").run("CREATE TABLE reporter.totals (day date)")
    fulfilment = stakeholder("fulfilment")
    claim({"path": "reporter.totals", "fields": ["day"]}, by="fulfilment")
    assert admin.value(DROP, "reporter") is False
    assert fulfilment.rows("SELECT day FROM reporter.totals") == []
    assert admin.rows("SELECT * FROM integratedb_unmet_claims()") == []


def test_a_drop_that_takes_a_schema_away_from_others_is_refused_at_commit(admin, superuser, claim):
    admin.run(CREATE, "reporter")
    claim({"path": "reporter.*", "fields": ["*"]}, by="fulfilment")
    with refused("IDB01", match="fulfilment"), admin.transaction():
        admin.run(DROP, "reporter")
    assert exists(superuser, "reporter") == (True, True)


def test_dropping_ends_the_sessions_of_the_role_and_no_others(admin, stakeholder):
    sessions = [stakeholder("reporter"), stakeholder("fulfilment")]
    admin.run(DROP, "reporter")
    with pytest.raises(psycopg.OperationalError):
        sessions[0].run("SELECT 1")
    assert sessions[1].value("SELECT 1") == 1


def test_a_dropped_role_leaves_no_trace_in_any_access_list(admin, owner, superuser, stakeholder, claim):
    reporter = stakeholder("reporter")
    stakeholder("fulfilment")
    claim(ORDERS, {"path": "shop.*", "fields": ["*"]})
    owner.run("""
        GRANT SELECT, INSERT ON shop.products TO reporter WITH GRANT OPTION;
        GRANT USAGE ON SCHEMA shop TO reporter;
        ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO reporter;
        CREATE POLICY mine ON shop.customers FOR SELECT TO reporter USING (true);
    """)
    reporter.run("""
        GRANT SELECT ON shop.products TO fulfilment;
        ALTER DEFAULT PRIVILEGES IN SCHEMA reporter GRANT SELECT ON TABLES TO fulfilment;
        CREATE TABLE reporter.totals (day date);
        CREATE TYPE reporter.mood AS ENUM ('good');
    """)
    superuser.run(f"GRANT TEMPORARY ON DATABASE {DATABASE} TO reporter")
    role = role_oid(superuser, "reporter")
    traces = {place for (place,) in superuser.execute(TRACES, {"role": role})}
    assert {"pg_class", "pg_attribute", "pg_namespace", "pg_proc", "pg_default_acl", "pg_database"} <= traces

    admin.run(DROP, "reporter")
    assert superuser.execute(TRACES, {"role": role}).fetchall() == []
    assert exists(superuser, "reporter")[0] is False


def test_a_role_that_another_database_uses_is_kept_without_rights_here(admin, superuser, connect, claim):
    claim(ORDERS)
    password = admin.dicts(ROTATE, "reporter")[0]["password"]
    superuser.run("CREATE DATABASE elsewhere")
    connect(superuser.info.user, dbname="elsewhere").run("CREATE TABLE t (a int); GRANT SELECT ON t TO reporter")
    role = role_oid(superuser, "reporter")

    assert admin.value(DROP, "reporter") is True
    assert [warning for warning in admin.warnings() if "reporter" in warning and "elsewhere" in warning]
    assert exists(superuser, "reporter") == (True, False)
    traces = {place for (place,) in superuser.execute(TRACES, {"role": role})}
    assert traces == {"pg_shdepend"}
    assert connect("reporter", password=password, dbname="elsewhere").rows("SELECT a FROM t") == []
    with refused("IDB05", match="a role"):
        admin.run(CREATE, "reporter")


def test_a_stakeholder_without_its_role_can_still_be_dropped(admin, superuser, claim):
    claim(ORDERS)
    superuser.run("DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter")
    assert admin.value(DROP, "reporter") is True
    assert admin.rows("SELECT * FROM integratedb_stakeholders()") == []


def wait_for_its_lock(superuser: Session) -> None:
    """Until the drop waits for what another transaction holds."""
    for _ in range(1000):
        if superuser.rows("SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'object')"):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def archived_code(superuser: Session) -> list[tuple[str, bool, bool, bool]]:
    return superuser.rows("""
        SELECT p.proname, p.prosecdef, p.proconfig IS NOT NULL, has_function_privilege('public', p.oid, 'EXECUTE')
          FROM pg_proc AS p WHERE p.proowner = 'integratedb_archive'::regrole ORDER BY p.proname
    """)


@pytest.fixture
def friends(stakeholder, superuser, connect) -> tuple[Session, Session]:
    """Two sessions that act as the stakeholder and are not ended with those of its own login."""
    stakeholder("reporter").run("CREATE FUNCTION reporter.first() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    superuser.run("CREATE ROLE friend LOGIN IN ROLE reporter")
    return connect("friend", options="-c role=reporter"), connect("friend", options="-c role=reporter")


SECOND = "CREATE FUNCTION reporter.second() RETURNS text LANGUAGE sql AS 'SELECT current_user::text'"


def test_code_that_is_made_while_its_stakeholder_is_dropped_is_harmless_too(superuser, admin, friends):
    blocking, creating = friends
    blocking.run("BEGIN; ALTER FUNCTION reporter.first() COST 5")
    with ThreadPoolExecutor(1) as pool:
        dropping = pool.submit(admin.rows, DROP, "reporter")
        wait_for_its_lock(superuser)
        creating.run(SECOND)
        blocking.run("ROLLBACK")
        assert dropping.result(timeout=30) == [(False,)]
    assert archived_code(superuser) == [("first", True, True, False), ("second", True, True, False)]
    assert exists(superuser, "reporter") == (False, True)


def test_code_that_is_committed_after_the_drop_began_is_harmless_too(superuser, admin, friends):
    creating, _ = friends
    creating.run(f"BEGIN; {SECOND}")
    with ThreadPoolExecutor(1) as pool:
        dropping = pool.submit(admin.rows, DROP, "reporter")
        wait_for_its_lock(superuser)
        creating.run("COMMIT")
        assert dropping.result(timeout=30) == [(False,)]
    assert archived_code(superuser) == [("first", True, True, False), ("second", True, True, False)]
    [notice] = [n for n in admin.notices if n.message_detail]
    assert "function reporter.second()" in (notice.message_detail or "").splitlines()


def test_what_was_kept_of_another_one_is_not_told_again(admin, stakeholder):
    for name in ("reporter", "analyst"):
        stakeholder(name).run(f"CREATE TABLE {name}.kept (id integer)")
        admin.run(DROP, name)
    details = [notice.message_detail for notice in admin.notices if notice.message_detail]
    assert [("analyst.kept" in text, "reporter.kept" in text) for text in details] == [(False, True), (True, False)]


@pytest.fixture
def logins(admin, server) -> Iterator[list[Session]]:
    """``reporter`` logs in again and again, for as long as it can."""
    password = admin.value("SELECT password FROM integratedb_create_stakeholder('reporter')")
    sessions: list[Session] = []
    ended = False

    def log_in() -> None:
        where = {"host": server.tcp, "port": server.port, "dbname": DATABASE}
        while not ended:
            with suppress(psycopg.OperationalError):
                sessions.append(Session.open(**where, user="reporter", password=password))
            time.sleep(0.02)

    with ThreadPoolExecutor(1) as pool:
        trying = pool.submit(log_in)
        time.sleep(0.2)
        yield sessions
        ended = True
        trying.result()
    for session in sessions:
        session.close()


WITHOUT_ROLE = "SELECT pid FROM pg_stat_activity WHERE usename IS NULL AND backend_type = 'client backend'"


def test_sessions_that_begin_before_the_drop_is_committed_are_ended(superuser, admin, logins):
    with admin.transaction():
        admin.run(DROP, "reporter")
        before = len(logins)
        time.sleep(0.3)
        meanwhile = [(session.info.backend_pid,) for session in logins[before:]]
        assert meanwhile
    assert not set(meanwhile) & set(superuser.rows(WITHOUT_ROLE))
    # Those that log in while COMMIT is under way may stay: the next sync ends them.
    time.sleep(0.2)
    admin.run("SELECT integratedb_sync()")
    assert superuser.rows(WITHOUT_ROLE) == []


def test_a_name_is_free_again_after_a_drop(admin, stakeholder):
    stakeholder("reporter")
    admin.run(DROP, "reporter")
    assert stakeholder("reporter").value("SELECT current_user") == "reporter"


# list


def test_the_list_counts_matches_and_unmet_ones(admin, owner, claim):
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    claim(ORDERS, {"path": "shop.products"}, {"path": "shop.sales"}, by="reporter")
    claim(by="archiver")
    owner.run("ALTER TABLE shop.orders DROP COLUMN status CASCADE")
    rows = admin.dicts("SELECT * FROM integratedb_stakeholders()")
    assert list(rows[0]) == ["id", "name", "created_at", "claims", "notifications", "unmet"]
    counts = [(row["name"], row["claims"], row["notifications"], row["unmet"]) for row in rows]
    assert counts == [("archiver", 0, 0, 0), ("reporter", 3, 0, 1)]
    assert abs(datetime.now(UTC) - rows[0]["created_at"]) < timedelta(minutes=5)


def test_a_drop_names_what_of_others_calls_the_functions_that_are_left(admin, owner, stakeholder):
    reporter = stakeholder("reporter")
    reporter.run("""
        CREATE FUNCTION reporter.plain(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';
        CREATE TABLE reporter.own (t text, CHECK (reporter.plain(t) <> ''));
        GRANT USAGE ON SCHEMA reporter TO shop_owner
    """)
    owner.run("""
        CREATE TABLE shop.words (
          t text DEFAULT reporter.plain('A'), CONSTRAINT words_check CHECK (reporter.plain(t) <> ''));
        CREATE INDEX words_plain ON shop.words (reporter.plain(t));
        CREATE VIEW shop.plain_words AS SELECT reporter.plain(t) FROM shop.words
    """)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    (said,) = [notice for notice in admin.notices if (notice.message_primary or "").startswith("functions that cannot")]
    told = said.message_detail or ""
    assert [line.rsplit(" calls ", 1)[0] for line in told.splitlines()] == [
        "constraint words_check on table shop.words",
        "default value for column t of table shop.words",
        "index shop.words_plain",
        "rule _RETURN on view shop.plain_words",
    ]
