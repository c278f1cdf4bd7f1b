"""Settings that any user may change: none changes a verdict, a record or a message, and none breaks DDL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, OWNER, Connect
from tests.support import Session, refused

CLAIMS = {
    "match": [
        {"path": "shop.orders", "fields": ["id", {"name": "note", "min_length": 100}, "status", "total", "placed_at"]},
        {"path": "shop.products", "fields": ["*"]},
        {"path": "shop.customers", "fields": [{"name": "email", "type": "shop.email"}]},
        {"alternatives": [{"path": "shop.nowhere"}, {"path": "shop.sales", "fields": ["sku"]}]},
    ]
}
NOTIFICATIONS = {
    "match": [{"path": "shop.orders", "fields": ["id", "status"]}],
    "channels": [{"name": "live", "type": "SOCKET"}],
}
BREAKING = [
    "ALTER TABLE shop.orders DROP COLUMN note",
    "ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(20)",
    "ALTER TABLE shop.products RENAME COLUMN sku TO code",
    "ALTER DOMAIN shop.email RENAME TO address",
    "REVOKE SELECT (note) ON shop.orders FROM teller",
    "DROP MATERIALIZED VIEW shop.sales",
    "ALTER TABLE shop.orders REPLICA IDENTITY NOTHING",
]

# Postgres itself then refuses or ends what the story does, or they are of a transaction.
OUT_OF_REACH = {
    "default_transaction_read_only": "nothing can be written",
    "transaction_read_only": "the same",
    "transaction_isolation": "of a transaction",
    "transaction_deferrable": "of a transaction",
    "exit_on_error": "a test of its own: a refusal ends the session",
    "check_function_bodies": "test_restore.py",
    "row_security": "test_restore.py",
    "search_path": "tests of its own",
    "client_encoding": "a test of its own",
}
# What a text may be; numbers, switches and words are taken from pg_settings.
TEXTS = {
    "DateStyle": ["SQL, DMY", "German", "Postgres, YMD"],
    "TimeZone": ["Asia/Kolkata", "XXX+13"],
    "timezone_abbreviations": ["India"],
    "application_name": ["'; DROP TABLE x; --"],
    "default_text_search_config": ["pg_catalog.simple"],
    "default_table_access_method": [],
    "default_tablespace": ["pg_default"],
    "temp_tablespaces": ["pg_default"],
    "lc_monetary": ["C"],
    "lc_numeric": ["C"],
    "lc_time": ["C"],
    "local_preload_libraries": [],
    "restrict_nonsystem_relation_kind": ["view, foreign-table"],
    "plpgsql.extra_errors": ["all"],
    "plpgsql.extra_warnings": ["all"],
    "createrole_self_grant": ["set, inherit"],
}
# Of the levels of messages, those between are like their neighbours.
ENUMERATIONS = {"client_min_messages": ["debug5", "log", "error"]}
# What users may set in PostgreSQL 15, 16, 17 or 18, but not in all of them.
NOT_IN_EVERY_VERSION = {
    *("createrole_self_grant", "debug_logical_replication_streaming", "debug_parallel_query", "force_parallel_mode"),
    *("enable_distinct_reordering", "enable_group_by_reordering", "enable_presorted_aggregate"),
    *("enable_self_join_elimination", "event_triggers", "extension_control_path", "extension_destdir"),
    *("file_copy_method", "icu_validation_level", "io_combine_limit", "logical_replication_mode", "log_lock_failures"),
    *("md5_password_warnings", "scram_iterations", "track_cost_delay_timing", "transaction_timeout"),
    *("vacuum_buffer_usage_limit", "vacuum_max_eager_freeze_failure_rate", "vacuum_truncate"),
}
# Several that do more together: parallel plans for everything, plans without indexes.
TOGETHER = [
    "parallel_setup_cost=0 parallel_tuple_cost=0 min_parallel_table_scan_size=0 max_parallel_workers_per_gather=4",
    "enable_seqscan=off enable_indexscan=off enable_bitmapscan=off enable_nestloop=off enable_hashjoin=off",
    "enable_sort=off enable_hashagg=off from_collapse_limit=1 join_collapse_limit=1 work_mem=64",
    "jit_above_cost=0 jit_inline_above_cost=0 jit_optimize_above_cost=0",
]
HOSTILE = {
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "backslash_quote": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kolkata",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "xmloption": "document",
    "plpgsql.extra_errors": "all",
    "plpgsql.extra_warnings": "all",
    "enable_indexscan": "off",
    "enable_nestloop": "off",
    "default_transaction_isolation": "repeatable read",
    "gin_fuzzy_search_limit": "1",
    "lc_time": "C",
}

Record = list[Any]


def tell(owner: Session, admin: Session, superuser: Session) -> Record:
    """A stakeholder comes, migrations are tried, it goes; the answer is all that was said and recorded on the way."""
    record: Record = []

    def ask(session: Session, query: str, *values: Any) -> None:
        record.append((query, sorted(tuple(map(str, row)) for row in session.rows(query, *values))))

    superuser.run("DELETE FROM integratedb.ddl_event")
    for session in (owner, admin):
        session.run("SET statement_timeout = '20s'")
    admin.run("SELECT integratedb_create_stakeholder('teller', '2027-02-01 00:00:00+00')")
    record.append(superuser.value("SELECT extract(epoch FROM rolvaliduntil) FROM pg_roles WHERE rolname = 'teller'"))
    ask(admin, "SELECT integratedb_claim('teller', %s)", Jsonb(CLAIMS))
    ask(admin, "SELECT integratedb_notify('teller', %s)", Jsonb(NOTIFICATIONS))
    ask(admin, "SELECT integratedb_specification('teller'), integratedb_specification('teller', 'notifications')")
    for ddl in BREAKING:
        with pytest.raises(psycopg.Error) as caught:
            owner.run(ddl)
        said = caught.value.diag
        record.append((ddl, said.sqlstate, said.message_primary, said.message_detail, said.message_hint))
    for ddl in (
        'CREATE TABLE shop."Odd one" (id integer PRIMARY KEY, "a b" text DEFAULT \'x\')',
        "ALTER TABLE shop.products ADD COLUMN weight numeric(10, 2)",
        'ALTER TABLE shop."Odd one" RENAME COLUMN "a b" TO c',
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(300)",
        "GRANT SELECT ON shop.visits TO PUBLIC",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ):
        owner.run(ddl)
    ask(owner, "SELECT integratedb_sync(), integratedb_validate_migration()")
    ask(
        owner,
        "SELECT stakeholder, kind, path, problems, hint FROM integratedb_preview_migration(%s)",
        "ALTER TABLE shop.orders DROP COLUMN note, DROP COLUMN status CASCADE",
    )
    ask(owner, "SELECT * FROM integratedb_dependents('shop.orders')")
    ask(owner, 'SELECT * FROM integratedb_check_spec(\'{"match": [{"path": "shop.orders", "fields": [1]}]}\')')
    ask(owner, "SELECT count(*) FROM integratedb_unmet_claims()")
    ask(admin, "SELECT * FROM integratedb_access('teller') ORDER BY 1, 2, 3")
    with refused("IDB07"):
        admin.run("SELECT integratedb_configure('ddl_event_retention', '-1 day 23:00')")
    admin.run("SELECT integratedb_configure('ddl_event_retention', '1-2')")
    ask(admin, "SELECT fact, value FROM integratedb_status() WHERE fact <> 'lock holder'")
    with owner.transaction():
        owner.run("ALTER TABLE shop.products DROP COLUMN weight; SELECT integratedb_sync()")
    owner.run('DROP TABLE shop."Odd one"; REVOKE SELECT ON shop.visits FROM PUBLIC')
    with admin.transaction():
        admin.run("SELECT integratedb_override('because')")
    admin.run("SELECT integratedb_rename_stakeholder('teller', 'reader'); SELECT integratedb_rotate_password('reader')")
    ask(superuser, COLUMNS)
    admin.run("SELECT integratedb_drop_stakeholder('reader')")
    owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(200)")
    ask(
        admin,
        """SELECT session_user_name, command_tag, object_type, object_identity, query, reason
             FROM integratedb_ddl_events(NULL, NULL)""",
    )
    return record


COLUMNS = """
    SELECT r.schema_name, r.relation_name, to_jsonb(c) - 'id' - 'relation_id' - 'claim_id' - 'type_oid' - 'attnum'
      FROM integratedb.claim_column AS c JOIN integratedb.claim_relation AS r ON r.id = c.relation_id
     ORDER BY 1, 2, 3"""


def normal(record: Record) -> str:
    """What differs from one telling to the next: identifiers, and how long ago."""
    return re.sub(r"'id': \d+|\"id\": \d+|\d+ seconds?", "N", "\n".join(map(str, record)))


def hostile_values(superuser: Session) -> dict[str, list[str]]:
    """Every setting that any user may change, and what it may be set to."""
    superuser.run("LOAD 'plpgsql'")
    settings = superuser.dicts(
        "SELECT name, setting, vartype, min_val, max_val, enumvals FROM pg_settings WHERE context = 'user' ORDER BY 1"
    )
    values: dict[str, list[str]] = {}
    for setting in settings:
        name = setting["name"]
        if name in OUT_OF_REACH or name.endswith("_timeout") or name.startswith("debug_print"):
            continue
        match setting["vartype"]:
            case "bool":
                values[name] = ["off" if setting["setting"] == "on" else "on"]
            case "enum":
                allowed = ENUMERATIONS.get(name, setting["enumvals"])
                values[name] = [value for value in allowed if value != setting["setting"]]
            case "integer":
                values[name] = [setting["min_val"]]
            case "real":
                values[name] = [setting["min_val"], setting["max_val"]]
            case _:
                assert name in TEXTS, f"{name}: say in TEXTS what it may be set to"
                values[name] = TEXTS[name]
    return values


@cache
def told_before() -> list[str]:
    """What a worker keeps from its first test: a telling takes seconds, and is the same in each database."""
    return []


@pytest.fixture
def reference(owner: Session, admin: Session, superuser: Session) -> str:
    """What is said and recorded under ordinary settings."""
    if not told_before():
        told_before().append(normal(tell(owner, admin, superuser)))
    return told_before()[0]


def assign(session: Session, name: str, value: str) -> None:
    session.run("SELECT set_config(%s, %s, false)", name, value)


def in_groups(values: dict[str, list[str]], planning: set[str]) -> Iterator[dict[str, str]]:
    """Each value of each setting once, many settings at a time, because each telling of the story takes a second.

    Of those for the planner, too many together leave it no plan that ends soon.
    """
    for position in range(max(map(len, values.values()))):
        pairs = [(name, allowed[position]) for name, allowed in values.items() if len(allowed) > position]
        for size, some in (
            (8, [pair for pair in pairs if pair[0] in planning]),
            (100, [pair for pair in pairs if pair[0] not in planning]),
        ):
            for start in range(0, len(some), size):
                yield dict(some[start : start + size])


PARTS = 3
PLANNING = "SELECT name FROM pg_settings WHERE category LIKE 'Query Tuning%'"


@pytest.mark.parametrize("part", range(PARTS))
def test_no_setting_changes_what_is_said_and_done(owner, admin, superuser, reference, part):
    values = hostile_values(superuser)
    assert len(values) > 90
    differs = []
    planning = {name for (name,) in superuser.rows(PLANNING)}
    for group in list(in_groups(values, planning))[part::PARTS]:
        for session in (owner, admin):
            for name, value in group.items():
                assign(session, name, value)
        said = normal(tell(owner, admin, superuser))
        if said != reference:
            differs.append((group, difference(reference, said)))
        for session in (owner, admin):
            session.run("RESET ALL")
    assert differs == []


def difference(expected: str, actual: str) -> list[tuple[str, str]]:
    return [pair for pair in zip(expected.split("\n"), actual.split("\n"), strict=False) if pair[0] != pair[1]][:2]


@pytest.mark.parametrize("together", TOGETHER)
def test_nor_do_several_that_change_all_plans(owner, admin, superuser, reference, together):
    for session in (owner, admin):
        for pair in together.split():
            assign(session, *pair.split("="))
    assert normal(tell(owner, admin, superuser)) == reference


def options(settings: dict[str, str]) -> str:
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())


@pytest.fixture(params=["SET", "ALTER ROLE", "ALTER DATABASE", "options"])
def hostile(request: pytest.FixtureRequest, connect: Connect, superuser: Session) -> Iterator[tuple[Session, Session]]:
    """Sessions of the owner and the admin under many such settings at once, set in each way there is."""
    settings = dict(HOSTILE)
    if superuser.rows("SELECT FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'"):
        settings["restrict_nonsystem_relation_kind"] = "view, foreign-table"
    for name, value in settings.items():
        change = sql.SQL("SET {} = {}").format(sql.SQL(name), sql.Literal(value))
        if request.param == "ALTER ROLE":
            for role in (OWNER, ADMIN):
                superuser.run(sql.SQL("ALTER ROLE {} ").format(sql.Identifier(role)) + change)
        elif request.param == "ALTER DATABASE":
            superuser.run(sql.SQL("ALTER DATABASE shop ") + change)
    more = {"options": options(settings)} if request.param == "options" else {}
    sessions = connect(OWNER, **more), connect(ADMIN, **more)
    for session in sessions:
        for name, value in settings.items():
            if request.param == "SET":
                assign(session, name, value)
            session.run("SELECT 1")
        assert session.value("SHOW standard_conforming_strings") == "off"
    yield sessions
    for role in (OWNER, ADMIN):
        superuser.run(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(role)))


def test_nor_do_many_at_once_however_they_are_set(hostile, superuser, reference):
    owner, admin = hostile
    # A plan is made by the first call of a session, and read again by the next ones.
    for _ in range(2):
        assert normal(tell(owner, admin, superuser)) == reference


def test_an_api_of_hostile_settings_answers_too(connect, superuser):
    superuser.run(
        """CREATE ROLE server LOGIN IN ROLE integratedb_management, integratedb_admin;
           CREATE ROLE daemon LOGIN IN ROLE integratedb_daemon"""
    )
    server, daemon = connect("server", options=options(HOSTILE)), connect("daemon", options=options(HOSTILE))
    user_id = server.value("SELECT integratedb.management_create_first_user('root', '$argon2id$v=19$x')")
    assert server.rows("SELECT id, username, created_at::text FROM integratedb.management_users(0, 10)")
    assert server.rows("SELECT username, token_secret FROM integratedb.management_user_by_id(%s)", user_id)
    assert server.value("SELECT attempt IS NOT NULL FROM integratedb.management_login_attempted('root', '::1')")
    daemon.run("SELECT integratedb.daemon_check()")
    assert daemon.value("SELECT count(*) FROM integratedb.daemon_failures()") == 0


def test_where_an_error_ends_the_session_ours_do_not(connect, admin, claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    fragile = connect(OWNER)
    fragile.run("SET exit_on_error = on")
    fragile.run("ALTER TABLE shop.orders ADD COLUMN a text")
    assert (
        len(fragile.rows("SELECT * FROM integratedb_preview_migration('ALTER TABLE shop.orders DROP COLUMN note')"))
        == 1
    )
    fragile.run("SELECT integratedb_sync()")
    chief = connect(ADMIN)
    chief.run("SET exit_on_error = on")
    chief.run("SELECT integratedb_configure('ddl_event_retention', '30 days')")
    with refused("IDB01"):
        fragile.run("ALTER TABLE shop.orders DROP COLUMN note")
    assert owner.value("SELECT count(note) >= 0 FROM shop.orders")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "WIN1251"])
def test_a_client_encoding_changes_no_verdict(owner, claim, encoding):
    claim({"path": "shop.orders", "fields": ["note"]})
    owner.run(f"SET client_encoding = '{encoding}'")
    owner.run("CREATE TABLE shop.a (id integer)")
    with pytest.raises(psycopg.Error, match="invalid migration"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


def test_a_search_path_with_hostile_objects_changes_no_verdict(owner, claim):
    """A temporary schema comes before pg_catalog where nobody says otherwise."""
    claim({"path": "shop.orders", "fields": ["note"]})
    for ddl in (
        'CREATE TEMP TABLE pg_class (oid oid, relname name, relnamespace oid, relkind "char")',
        "CREATE TEMP TABLE pg_settings (name text, source text)",
        "CREATE TEMP TABLE claim (id bigint)",
        "CREATE TEMP TABLE own_change (xid xid8)",
        "CREATE TEMP TABLE queued_check AS SELECT pg_current_xact_id() AS xid",
        "CREATE FUNCTION pg_temp.current_query() RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
    ):
        owner.run(ddl)
    for path in ("pg_temp, pg_catalog, public", "pg_temp, shop", ""):
        owner.run("SELECT set_config('search_path', %s, false)", path)
        owner.run("CREATE TABLE shop.a (id integer); DROP TABLE shop.a")
        with refused("IDB01"):
            owner.run("ALTER TABLE shop.orders DROP COLUMN note")


def test_every_function_with_the_owners_rights_pins_the_settings(superuser):
    """One home says which: what a single function lacks was forgotten by it."""
    pinned = superuser.rows("""
        SELECT p.proname, array_agg(split_part(c, '=', 1) ORDER BY c)
          FROM pg_proc AS p
          JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
          JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
         CROSS JOIN unnest(p.proconfig) AS c
         WHERE p.prosecdef GROUP BY p.oid""")
    assert len(pinned) > 50
    # Two look at the search_path of the session, and hand all else to functions with one of their own.
    looking = {"on_ddl_command_end", "on_sql_drop"}
    assert {name for name, names in pinned if "search_path" not in names} == looking
    common = set.intersection(*(set(names) for _, names in pinned))
    assert {"standard_conforming_strings", "quote_all_identifiers", "exit_on_error"} <= common
    # Without workers nothing forces a parallel plan, whatever the setting for that is called.
    assert "max_parallel_workers_per_gather" in common
    assert not {"check_function_bodies", "row_security"} & set().union(*(names for _, names in pinned))


def test_a_function_pins_no_setting_that_another_version_of_postgres_does_not_have(superuser):
    """CREATE FUNCTION ... SET takes known names only, and pg_upgrade creates each function as it was."""
    pinned = superuser.rows("""
        SELECT DISTINCT split_part(c, '=', 1)
          FROM pg_proc AS p
          JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
          JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
         CROSS JOIN unnest(p.proconfig) AS c""")
    assert {name for (name,) in pinned} & NOT_IN_EVERY_VERSION == set()
