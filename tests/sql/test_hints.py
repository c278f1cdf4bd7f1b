"""Every HINT helps: each is provoked, what it says is done, and then what was refused succeeds.

The inventory is read from the sources. A new HINT without a scenario fails ``test_every_hint_has_a_scenario``. Write a
function with the decorator ``@gives("how the HINT begins")``. It provokes the HINT, runs the statements in it as
they stand there (``found`` takes them out of it), and then what was refused.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, DATABASE, OWNER, Connect
from tests.support import Server, Session

ROOT = Path(__file__).parents[2]

# The inventory

LITERAL = re.compile(r"'((?:[^']|'')*)'")
#: A string, or a word that opens or closes an expression.
TOKEN = re.compile(r"'(?:[^']|'')*'|\bCASE\b|\bEND\b")


def sources() -> Iterator[str]:
    """The SQL of the extension, without comments."""
    for file in sorted((ROOT / "sql/code").glob("*/*.sql")):
        yield re.sub(r"(?m)^\s*--.*$", "", file.read_text())


def expression(text: str, start: int) -> str:
    """An argument, or the rest of a statement, up to the comma, bracket or semicolon that ends it."""
    depth, place = 0, start
    while place < len(text):
        if text[place] == "'":
            literal = LITERAL.match(text, place)
            assert literal is not None
            place = literal.end()
            continue
        depth += (text[place] == "(") - (text[place] == ")")
        if depth < 0 or (depth == 0 and text[place] in ",;"):
            break
        place += 1
    return text[start:place]


def case_before(text: str, end: int) -> str:
    """The CASE expression that ends here."""
    depth = 0
    for token in reversed(list(TOKEN.finditer(text, 0, end))):
        depth += {"END": 1, "CASE": -1}.get(token[0], 0)
        if depth == 0:
            return text[token.start() : end]
    raise AssertionError(text[end - 80 : end])


def expressions(text: str) -> Iterator[str]:
    """Every expression that makes a HINT, or a part of one."""
    for place in re.finditer(r"(?i)\bhint\s*(?:=>|=)\s*|\bconcat_ws\(E'\\n',|\bRETURN ROW\(", text):
        yield expression(text, place.end()) if "hint" in place[0].lower() else bracket(text, place.end())
    for place in re.finditer(r"(?<=END)\)*\sAS (?:hint|cure)\b", text):
        yield case_before(text, place.start())
    for view in re.findall(r"(?s)VIEW integratedb\.notification_problem AS(.*?);\n", text):
        yield " ".join(f"'{literal}'" for literal in LITERAL.findall(view) if literal.startswith(("ALTER", "Leave")))
    for body in re.findall(r"(?s)FUNCTION integratedb\.(?:problems_of|obstacles)\(.*?\n\$\$;", text):
        yield " ".join(f"'{literal}'" for literal in LITERAL.findall(body) if re.match("CREATE|GRANT|claim ", literal))
    for body in re.findall(r"(?s)FUNCTION integratedb\.rename_hint\(.*?\$\$;", text):
        yield " ".join(f"'{literal}'" for literal in LITERAL.findall(body) if "passes" in literal)


def bracket(text: str, start: int) -> str:
    """What stands in the brackets; of a refusal as a row, the HINT is what comes last."""
    parts = []
    while True:
        parts.append(expression(text, start))
        start += len(parts[-1]) + 1
        if text[start - 1] != ",":
            return parts[-1] if "integratedb.refusal" in text[start : start + 25] else " ".join(parts)


def inventory() -> set[str]:
    """The texts of all HINTs as the sources have them, with places for names."""
    return {
        literal.replace("''", "'")
        for text in sources()
        for made in expressions(text)
        for literal in LITERAL.findall(made)
        if " " in literal
        and len(literal) > 10
        and not literal.startswith((" ", ","))
        and literal != "a single partition"
    }


# The scenarios


@dataclass
class World:
    """A database with the shop, sessions as the roles that users have, and the HINTs that were given."""

    superuser: Session
    owner: Session
    admin: Session
    connect: Connect
    stakeholder: Callable[[str], Session]
    claim: Callable[..., Any]
    heard: list[str] = field(default_factory=list)

    def refused(self, session: Session, statement: str, *values: Any) -> str:
        """Run what is refused; give the HINT."""
        with pytest.raises(psycopg.Error) as caught:
            session.run(statement, *values)
        hint = caught.value.diag.message_hint
        assert hint, caught.value
        self.heard.append(hint)
        if session.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            session.rollback()
        return hint

    def told(self, session: Session, statement: str) -> str:
        """Run what succeeds with a WARNING or a NOTICE; give its HINT."""
        session.notices.clear()
        session.run(statement)
        hints = [notice.message_hint for notice in session.notices if notice.message_hint]
        self.heard += hints
        return "\n".join(hints)


Scenario = Callable[[World], None]
SCENARIOS: dict[str, Scenario] = {}

#: HINTs whose scenario needs more than one server, a broken one or large types: the test that does what they say.
ELSEWHERE = {
    "Do it on the primary.": "tests/system/test_standby.py::test_a_standby_answers_questions_as_the_primary_does",
    "Name all servers in --dsn": "tests/system/test_standby.py::test_after_promotion_the_daemon_says",
    "Notify of fewer columns of": "tests/sql/test_notify.py::test_who_passes_the_bound_of_types_is_warned_once",
    "New columns are not granted yet.": "tests/sql/test_python_missing.py::test_the_next_sync_makes_up_for_it",
    "REVOKE CREATE ON SCHEMA": "tests/sql/test_escalation.py::test_the_extension_is_not_installed_where_others_may",
    "DROP ROUTINE": "tests/sql/test_escalation.py::test_functions_that_could_capture_calls_are_refused_and_reported",
    "To replace the key:": "tests/sql/test_api_keys.py::test_a_rotation_keeps_the_tokens_of_the_old_key",
    "Read the surface again": "tests/sql/test_surface_version.py::test_a_request_compares_it_under_any_role_and_on_any",
    "The values of all rows are a list": "tests/sql/test_data_queries.py::test_a_result_of_many_rows_is_no_value",
    "Filter by columns with an index": "tests/system/api/test_data.py::test_a_query_of_too_high_a_cost_is_refused",
    "All changes of the request were undone.": "tests/system/api/test_graphql.py::test_mutations_of_a_document_are_one",
    "All changes of the request were undone. Narrow": "tests/system/api/test_graphql.py::test_bulk_mutations_touch_at",
    "Where the server runs, install it": "tests/sql/test_graphql.py::test_a_server_without_the_library_names_the_cure",
    "Ask for fewer rows or columns.": "tests/system/api/test_answer_sizes.py::test_a_stream_has_no_limit",
    "Nothing was changed. End that transaction and try again": "tests/sql/test_leases.py::test_a_renewal_does_not_wait",
    "Another request would take its place.": "tests/sql/test_requests.py::test_nobody_withdraws_by_a_request_what",
    "The role cannot log in. The daemon": "tests/sql/test_leases.py::test_what_others_claim_of_its_objects",
    "Once it is dropped, and no": "tests/sql/test_removal.py::test_users_data_stays_and_the_notice_tells_how_to_remove",
}


def gives(*beginnings: str) -> Callable[[Scenario], Scenario]:
    """The scenario gives these HINTs, each known by how it begins."""

    def register(scenario: Scenario) -> Scenario:
        for beginning in beginnings:
            assert beginning not in SCENARIOS, beginning
            SCENARIOS[beginning] = scenario
        return scenario

    return register


def found(pattern: str, hint: str) -> str:
    """The statement in a HINT that matches."""
    match = re.search(pattern, hint)
    assert match is not None, hint
    return match[0]


def claims(*matches: Any) -> Jsonb:
    """A document of claims."""
    return Jsonb({"match": list(matches)})


CLAIM = "SELECT integratedb_claim('reporter', %s)"
NOTIFY = "SELECT integratedb_notify('reporter', %s)"
NOTE = {"path": "shop.orders", "fields": ["note"]}
SYNC = r"SELECT integratedb_sync\(\)"
OVERRIDE = r"SELECT integratedb_override\('[^']*'\)"
DROP_NOTE = "ALTER TABLE shop.orders DROP COLUMN note"


# Who is asking


@gives(
    "Write a query as data",
    "docs/queries-as-data.md describes them",
    "SELECT integratedb_openapi() shows",
    "The versions are 3.1",
    "Write a request",
    "Write a document",
)
def what_the_data_api_cannot_read(world: World) -> None:
    world.owner.run("SET search_path = shop, public; CREATE TABLE shop.people (id integer, age integer)")
    world.owner.run("INSERT INTO shop.people VALUES (1, 20)")
    hint = world.refused(world.owner, "SELECT integratedb_query(NULL)")
    world.owner.run("ALTER TABLE shop.people ADD COLUMN name text")
    query = found(r"\{.*\}", hint)
    assert world.owner.value("SELECT integratedb_query(%s)", query) == [{"id": 1, "name": None}]
    hint = world.refused(world.owner, """SELECT integratedb_query('{"from": []}')""")
    assert world.owner.value(found(r"SELECT integratedb_openapi\(\)", hint))["openapi"] == "3.1.0"
    hint = world.refused(world.owner, "SELECT integratedb_translate('url', NULL)")
    assert world.owner.value(found(r"SELECT integratedb_openapi\(\)", hint))["openapi"] == "3.1.0"
    world.refused(world.owner, "SELECT integratedb_openapi('4')")
    assert world.owner.value("SELECT integratedb_openapi('2.0')")["swagger"] == "2.0"
    hint = world.refused(world.owner, "SELECT integratedb_graphql(NULL)")
    assert world.owner.value(found(r"SELECT integratedb_graphql\('.*'\)", hint)) == {"data": {"__typename": "Query"}}
    hint = world.refused(world.owner, "SELECT integratedb_rest(NULL, '/people')")
    assert world.owner.row(found(r"SELECT \* FROM integratedb_rest\('.*'\)", hint))[0] == 200


@gives("Index expressions, statistics and materialised views cannot call")
def code_that_runs_for_maintenance(world: World) -> None:
    reporter = world.stakeholder("reporter")
    # Named whole: from PostgreSQL 17 on, maintenance has a search_path of its own.
    body = "SELECT count(*)::integer * 0 + n FROM public.integratedb_access('reporter')"
    reporter.run(f"""
        CREATE FUNCTION reporter.spy(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ {body} $$;
        CREATE TABLE reporter.bait AS SELECT 1 AS n;
        CREATE MATERIALIZED VIEW reporter.told AS SELECT reporter.spy(n) FROM reporter.bait WITH NO DATA;
    """)
    world.refused(world.superuser, "REFRESH MATERIALIZED VIEW reporter.told")
    reporter.run(
        "DROP MATERIALIZED VIEW reporter.told; CREATE VIEW reporter.told AS SELECT reporter.spy(n) FROM reporter.bait"
    )
    assert reporter.rows("SELECT * FROM reporter.told") == [(1,)]


@gives("Call functions of IntegrateDB that ask who the caller is outside of triggers")
def a_trigger_that_asks(world: World) -> None:
    reporter = world.stakeholder("reporter")
    reporter.run("""
        CREATE TABLE reporter.t (n integer);
        CREATE FUNCTION reporter.f() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN PERFORM integratedb_access('reporter'); RETURN NEW; END $$;
        CREATE TRIGGER t BEFORE INSERT ON reporter.t FOR EACH ROW EXECUTE FUNCTION reporter.f();
    """)
    world.refused(reporter, "INSERT INTO reporter.t VALUES (1)")
    reporter.run("DROP TRIGGER t ON reporter.t; INSERT INTO reporter.t VALUES (1)")
    assert reporter.rows("SELECT * FROM integratedb_access('reporter')")


@gives("Call functions of IntegrateDB in another transaction than")
def a_cursor_that_is_held(world: World) -> None:
    world.stakeholder("reporter")
    declare = "DECLARE c CURSOR WITH HOLD FOR SELECT 1"
    world.admin.run(f"BEGIN; {declare}")
    world.refused(world.admin, "SELECT integratedb_claim('reporter', NULL)")
    world.admin.run(f"BEGIN; {declare}; CLOSE c; SELECT integratedb_specification('reporter'); COMMIT")
    world.admin.run(f"BEGIN; {declare}; COMMIT")
    world.admin.run("SELECT integratedb_specification('reporter')")


@gives("RESET ROLE, or SET ROLE again")
def a_role_that_was_renamed(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run("CREATE ROLE pool LOGIN; GRANT reporter TO pool")
    pool = world.connect("pool")
    pool.run("SET ROLE reporter")
    world.admin.run("SELECT integratedb_rename_stakeholder('reporter', 'analyst')")
    hint = world.refused(pool, "SELECT integratedb_specification('analyst')")
    pool.run(found("RESET ROLE", hint))
    pool.run(found("SET ROLE", hint) + " analyst")
    assert pool.value("SELECT integratedb_specification('analyst')") == {"match": []}


@gives("Call %s() in the statement itself")
def code_that_a_statement_does_not_name(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run(
        "CREATE FUNCTION public.deploy() RETURNS void LANGUAGE sql AS "
        "$$ SELECT integratedb_configure('enforcement', 'commit') $$"
    )
    hint = world.refused(world.admin, "SELECT deploy()")
    world.admin.run("SELECT deploy() " + found(r"/\*.*\*/", hint))
    world.admin.run("SELECT " + found(r"integratedb_\w+", hint) + "('enforcement', 'commit')")


@gives("BEGIN READ WRITE, or SET default_transaction_read_only")
def a_transaction_that_is_read_only(world: World) -> None:
    world.admin.run("SET default_transaction_read_only = on")
    hint = world.refused(world.admin, "SELECT integratedb_sync()")
    world.admin.run(found("BEGIN READ WRITE", hint) + "; SELECT integratedb_sync(); COMMIT")
    world.admin.run(found("SET default_transaction_read_only = off", hint))
    world.admin.run("SELECT integratedb_sync()")


# The lock


@gives("Nothing was changed. Run the transaction again. An admin ends the holder")
def somebody_holds_the_lock(world: World) -> None:
    world.claim(NOTE)
    holder = world.connect(ADMIN)
    holder.run("BEGIN; SELECT integratedb_sync()")
    world.owner.run("SET lock_timeout = '200ms'")
    statement = "ALTER TABLE shop.orders ADD COLUMN extra integer"
    hint = world.refused(world.owner, statement)
    assert str(holder.info.backend_pid) in world.admin.value(found(r"SELECT integratedb_\w+\(\)", hint))
    world.owner.run("SET lock_timeout = 0")
    world.owner.run(statement)


@gives("Nothing was changed. Run the transaction again. An admin sees by")
def a_snapshot_that_is_older_than_a_migration(world: World) -> None:
    world.claim()
    world.admin.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    world.owner.run("CREATE TABLE shop.more (id integer); SELECT integratedb_sync()")
    world.connect(ADMIN).run(CLAIM, claims(NOTE))
    hint = world.refused(world.admin, CLAIM, claims(NOTE))
    facts: dict[str, str] = dict(world.admin.rows(found(r"SELECT \* FROM integratedb_status\(\)", hint)))
    assert facts["lock holder"] == "nobody"
    world.admin.run(CLAIM, claims(NOTE))


@gives("As a superuser or its owner, in this database: ROLLBACK PREPARED")
def a_prepared_transaction_holds_the_lock(world: World) -> None:
    world.claim(NOTE)
    world.superuser.run(f"GRANT {OWNER} TO {ADMIN}")
    chief = world.connect(ADMIN)
    chief.run("BEGIN; CREATE TABLE shop.more (id integer); ALTER TABLE shop.orders ADD COLUMN extra integer")
    chief.run("ALTER TABLE shop.more OWNER TO shop_owner; SELECT integratedb_sync()")
    chief.run("PREPARE TRANSACTION 'it''s'")
    hint = world.refused(world.admin, "SELECT integratedb_end_lock_holder()")
    world.superuser.run(found("ROLLBACK PREPARED '.*'", hint))
    world.owner.run("SET lock_timeout = '5s'; ALTER TABLE shop.orders ADD COLUMN extra integer")


@gives("Nothing was changed. Run the transaction again; a migration of that table may be")
def a_table_to_claim_is_locked(world: World) -> None:
    world.claim()
    world.owner.run("BEGIN; LOCK TABLE shop.orders")
    world.admin.run("SET lock_timeout = '200ms'")
    world.refused(world.admin, CLAIM, claims(NOTE))
    world.owner.run("COMMIT")
    world.admin.run(CLAIM, claims(NOTE))


@gives("Nothing was changed. Run the transaction again; a migration or VACUUM")
def a_table_to_notify_of_is_locked(world: World) -> None:
    world.claim()
    world.owner.run("BEGIN; LOCK TABLE shop.orders IN SHARE UPDATE EXCLUSIVE MODE")
    world.admin.run("SET lock_timeout = '200ms'")
    world.refused(world.admin, NOTIFY, claims(NOTE))
    world.owner.run("COMMIT")
    world.admin.run(NOTIFY, claims(NOTE))


@gives("Nothing was changed. Run the transaction again.")
def a_table_to_publish_is_locked(world: World) -> None:
    world.admin.run("SELECT integratedb_create_stakeholder('reporter')")
    world.admin.run(NOTIFY, claims({"path": "shop.*", "fields": ["*"]}))
    world.owner.run("CREATE TABLE shop.late (id integer PRIMARY KEY)")
    drop = "ALTER TABLE shop.late DROP CONSTRAINT late_pkey"
    holder = world.connect(OWNER)
    holder.run("BEGIN; LOCK TABLE shop.order_lines IN SHARE UPDATE EXCLUSIVE MODE")
    world.admin.run("SET lock_timeout = '200ms'")
    hint = world.refused(world.admin, NOTIFY, claims({"path": "shop.late"}))
    holder.run("COMMIT")
    assert "Run the transaction again" in hint
    world.admin.run(NOTIFY, claims({"path": "shop.late"}))
    world.refused(world.owner, drop)


@gives("Nothing was changed. SELECT * FROM pg_locks")
def what_a_stakeholder_owns_is_locked(world: World) -> None:
    reporter = world.stakeholder("reporter")
    reporter.run("CREATE TABLE reporter.totals (day date)")
    reporter.run("BEGIN; LOCK TABLE reporter.totals; PREPARE TRANSACTION 'hold'")
    world.admin.run("SELECT integratedb_configure('lock_timeout', '300 ms')")
    hint = world.refused(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    assert world.superuser.rows(found(r"SELECT \* FROM pg_locks", hint))
    assert world.superuser.rows(found(r"SELECT \* FROM pg_prepared_xacts", hint))
    world.superuser.run("ROLLBACK PREPARED 'hold'")
    world.admin.run("SELECT integratedb_drop_stakeholder('reporter')")


@gives("COMMIT it. Members of integratedb_admin may prepare")
def a_migration_that_is_prepared(world: World) -> None:
    world.claim(NOTE)
    world.owner.run("BEGIN; CREATE TABLE shop.more ()")
    hint = world.refused(world.owner, "PREPARE TRANSACTION 'later'")
    world.owner.run("BEGIN; CREATE TABLE shop.more ()")
    world.owner.run(found("COMMIT", hint))
    world.superuser.run(f"GRANT CREATE ON SCHEMA shop TO {ADMIN}")
    world.admin.run("BEGIN; CREATE TABLE shop.most ()")
    world.admin.run("PREPARE TRANSACTION 'later'")
    world.admin.run("COMMIT PREPARED 'later'")


# Stakeholders and their roles


@gives("Take them away first: ALTER ROLE")
def a_stakeholder_with_powers(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run("ALTER ROLE reporter CREATEDB; GRANT pg_read_all_data TO reporter")
    hint = world.refused(world.admin, "SELECT * FROM integratedb_rotate_password('reporter')")
    world.superuser.run(found("ALTER ROLE [A-Za-z_ ]+", hint))
    world.superuser.run("REVOKE pg_read_all_data " + found("FROM reporter", hint))
    world.admin.run("SELECT * FROM integratedb_rotate_password('reporter')")


@gives("If role %1$I is to be the stakeholder's")
def a_role_made_again(world: World) -> None:
    for again in (False, True):
        world.admin.run("SELECT integratedb_create_stakeholder('reporter')")
        world.superuser.run(
            "DROP OWNED BY reporter; DROP ROLE reporter" + ("; CREATE ROLE reporter LOGIN" if again else "")
        )
        hint = world.refused(world.admin, "SELECT * FROM integratedb_rotate_password('reporter')")
        if not again:
            world.superuser.run(found("CREATE ROLE reporter LOGIN", hint))
        world.admin.run(found(r"SELECT integratedb_adopt_role\('reporter'\)", hint))
        world.admin.run("SELECT * FROM integratedb_rotate_password('reporter')")
        world.admin.run("SELECT integratedb_drop_stakeholder('reporter')")


@gives("CREATE ROLE %I LOGIN first, or restore the roles")
def a_role_to_adopt_that_is_not_there(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run("DROP OWNED BY reporter; DROP ROLE reporter")
    hint = world.refused(world.admin, "SELECT integratedb_adopt_role('reporter')")
    world.superuser.run(found("CREATE ROLE reporter LOGIN", hint))
    world.admin.run("SELECT integratedb_adopt_role('reporter')")


@gives("Restore the roles (pg_dumpall --roles-only)")
def a_role_that_is_granted_nothing(world: World) -> None:
    world.claim(NOTE)
    world.superuser.run("DROP OWNED BY reporter; DROP ROLE reporter")
    hint = world.told(world.admin, "SELECT integratedb_sync()")
    world.superuser.run(found("CREATE ROLE reporter LOGIN", hint))
    world.admin.run(found(r"SELECT integratedb_adopt_role\('reporter'\)", hint))
    assert world.connect("reporter").rows("SELECT note FROM shop.orders LIMIT 1")
    assert world.told(world.admin, "SELECT integratedb_sync()") == ""


@gives("ALTER ROLE integratedb_archive NOLOGIN", "; REVOKE integratedb_archive FROM")
def an_archive_that_somebody_can_use(world: World) -> None:
    world.stakeholder("reporter").run("CREATE TABLE reporter.totals (day date)")
    world.superuser.run(f"GRANT integratedb_archive TO {OWNER}; ALTER ROLE integratedb_archive LOGIN")
    try:
        hint = world.refused(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
        world.superuser.run(hint.removesuffix("."))
        world.admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    finally:
        world.superuser.run(f"ALTER ROLE integratedb_archive NOLOGIN; REVOKE integratedb_archive FROM {OWNER}")


@gives("A name is trimmed and lower-cased")
def a_name_that_is_none(world: World) -> None:
    world.refused(world.admin, "SELECT integratedb_create_stakeholder('2nd')")
    world.admin.run("SELECT integratedb_create_stakeholder(' The_2nd ')")


@gives("An admin lists them with SELECT")
def a_stakeholder_that_nobody_knows(world: World) -> None:
    hint = world.refused(world.admin, "SELECT integratedb_access('reporter')")
    assert world.admin.rows(found(r"SELECT \* FROM integratedb_stakeholders\(\)", hint)) == []
    create = found(r"SELECT \* FROM integratedb_create_stakeholder\(name\)", hint)
    world.admin.run(create.replace("name", "'reporter'"))
    world.admin.run("SELECT integratedb_access('reporter')")


@gives("A stakeholder needs its name for itself")
def a_name_that_is_taken(world: World) -> None:
    world.refused(world.admin, "SELECT integratedb_create_stakeholder('shop')")
    world.admin.run("SELECT integratedb_create_stakeholder('shop_reader')")


@gives("Choose another name. Or submit the specifications in DETAIL")
def a_name_whose_schema_is_claimed(world: World) -> None:
    kept = {"path": "later.t", "optional": True}
    world.claim(kept)
    world.refused(world.admin, "SELECT integratedb_create_stakeholder('later')")
    world.admin.run("SELECT integratedb_create_stakeholder('another')")
    world.admin.run(CLAIM, claims())
    world.admin.run("SELECT integratedb_create_stakeholder('later')")
    world.admin.run(CLAIM, claims(kept))


@gives("Set variables that begin with INTEGRATEDB_SECRET_")
def a_renamed_stakeholder_with_variables(world: World) -> None:
    world.stakeholder("reporter")
    hook = {"type": "WEBHOOK", "url": "https://x.example/", "secret": "env:INTEGRATEDB_SECRET_REPORTER__HOOK"}
    world.admin.run(NOTIFY, Jsonb({"match": [], "channels": [hook]}))
    hint = world.told(world.admin, "SELECT integratedb_rename_stakeholder('reporter', 'analyst')")
    hook["secret"] = "env:" + found(r"INTEGRATEDB_SECRET_\w+__", hint) + "HOOK"
    call = "SELECT " + found(r"integratedb_notify\(", hint) + "'analyst', %s)"
    world.admin.run(call, Jsonb({"match": [], "channels": [hook]}))
    assert world.told(world.admin, "SELECT integratedb_rotate_password('analyst')") == ""


@gives("Let no superuser or admin read or write these")
def what_still_runs_code_of_who_is_gone(world: World) -> None:
    world.owner.run("CREATE FUNCTION shop.alive() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'")
    reporter = world.stakeholder("reporter")
    world.owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    reporter.run("CREATE VIEW reporter.v AS SELECT shop.alive()")
    hint = world.told(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    look = found(r"SELECT pg_get_viewdef\(", hint) + "'reporter.v'::regclass)"
    assert "alive" in world.superuser.value(look)
    world.superuser.run(found("DROP", hint) + " VIEW reporter.v")


@gives("Their owners drop them, or let them call")
def what_calls_functions_of_who_is_gone(world: World) -> None:
    reporter = world.stakeholder("reporter")
    reporter.run("CREATE FUNCTION reporter.f(n bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
    reporter.run(f"GRANT USAGE ON SCHEMA reporter TO {OWNER}")
    world.owner.run("CREATE TABLE shop.checked (n bigint CHECK (reporter.f(n)))")
    world.told(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.owner.run("INSERT INTO shop.checked VALUES (1)")
    world.owner.run("ALTER TABLE shop.checked DROP CONSTRAINT checked_n_check; INSERT INTO shop.checked VALUES (1)")


@gives("Give it another owner first: ALTER DATABASE")
def a_role_that_owns_the_database(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run(f"ALTER DATABASE {DATABASE} OWNER TO reporter")
    hint = world.refused(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    alter = found(r"ALTER DATABASE \.\.\. OWNER TO", hint).replace("...", DATABASE)
    world.superuser.run(f"{alter} {world.superuser.info.user}")
    world.admin.run("SELECT integratedb_drop_stakeholder('reporter')")


@gives("There: DROP OWNED BY")
def a_role_that_is_used_elsewhere(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run("CREATE DATABASE elsewhere")
    there = world.connect(world.superuser.info.user, dbname="elsewhere")
    there.run("CREATE SCHEMA kept AUTHORIZATION reporter")
    hint = world.told(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    there.run(found("DROP OWNED BY reporter", hint))
    there.run(found("DROP ROLE reporter", hint))
    there.close()
    world.admin.run("SELECT integratedb_create_stakeholder('reporter')")


@gives("Nothing was changed. REVOKE %I FROM these roles")
def a_role_that_others_go_on_using(world: World) -> None:
    """In each round that takes away what the role owns, somebody makes something more."""
    world.stakeholder("reporter").run("CREATE TABLE reporter.totals (day date)")
    world.superuser.run("""
        CREATE ROLE pool LOGIN;
        GRANT reporter TO pool;
        CREATE FUNCTION public.go_on() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (SELECT FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid
                      WHERE r.rolname = 'reporter') THEN
            EXECUTE format('CREATE SCHEMA %I AUTHORIZATION reporter', 's' || clock_timestamp());
          END IF;
        END $$;
        CREATE EVENT TRIGGER go_on ON ddl_command_end WHEN TAG IN ('DROP OWNED', 'ALTER SCHEMA', 'REVOKE')
          EXECUTE FUNCTION public.go_on()""")
    hint = world.refused(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    world.superuser.run(found("REVOKE reporter FROM", hint) + " pool")
    world.admin.run("SELECT integratedb_drop_stakeholder('reporter')")


@gives("That role has no rights. A superuser looks")
def what_is_kept_of_who_is_gone(world: World) -> None:
    world.stakeholder("reporter").run("CREATE TABLE reporter.totals (day date); CREATE TABLE reporter.more (day date)")
    hint = world.told(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    world.superuser.run("ALTER SCHEMA reporter OWNER TO shop_owner")
    world.superuser.run(found(r"ALTER TABLE \.\.\. OWNER TO", hint).replace("...", "reporter.totals") + f" {OWNER}")
    world.superuser.run("DROP TABLE reporter.more")
    assert world.owner.rows("SELECT * FROM reporter.totals") == []


# Specifications


@gives("The kinds are claims and notifications", "The kinds are claims, notifications and queries")
def a_kind_that_is_none(world: World) -> None:
    world.stakeholder("reporter")
    hint = world.refused(world.admin, "SELECT integratedb_specification('reporter', 'claim')")
    for kind in (found("claims", hint), found("notifications", hint), found("queries", hint)):
        world.admin.run("SELECT integratedb_specification('reporter', %s)", kind)
    hint = world.refused(world.admin, "SELECT * FROM integratedb_check_spec('{\"match\": []}', 'queries')")
    for kind in (found("claims", hint), found("notifications", hint)):
        world.admin.run("SELECT * FROM integratedb_check_spec('{\"match\": []}', %s)", kind)


# Saved queries

SAVE = "SELECT integratedb_save_query('reporter', 'notes', %s)"
NOTES = Jsonb({"select": ["note"], "from": "shop.orders"})
DROP_QUERY = r"SELECT integratedb_drop_query\('reporter', '\w+'\)"


@gives("docs/saved-queries.md describes", "SELECT name FROM integratedb_queries", "Drop those that nobody asks")
def a_query_that_cannot_be_saved_or_dropped(world: World) -> None:
    world.stakeholder("reporter")
    world.refused(world.admin, SAVE, None)
    hint = world.refused(world.admin, SAVE, Jsonb({"select": ["note"], "from": 1}))
    assert "{" + '"select"' in (ROOT / found(r"docs/[\w-]+\.md", hint)).read_text()
    world.admin.run(SAVE, NOTES)
    hint = world.refused(world.admin, "SELECT integratedb_drop_query('reporter', 'note')")
    [(name,)] = world.admin.rows(found(r"SELECT name FROM integratedb_queries\('reporter'\)", hint))
    world.superuser.run(
        "INSERT INTO integratedb.saved_query (stakeholder_id, name, face, query, schemas, reading)"
        " SELECT stakeholder_id, 'q' || n, face, query, schemas, reading"
        " FROM integratedb.saved_query, generate_series(1, 499) AS n"
    )
    another = SAVE.replace("notes", "another")
    hint = world.refused(world.admin, another, NOTES)
    world.admin.run(found(DROP_QUERY, hint).replace("'name'", f"'{name}'"))
    world.admin.run(another, NOTES)


@gives("Name the columns that the query returns")
def queries_that_read_too_many_columns(world: World) -> None:
    world.stakeholder("reporter")
    columns = ", ".join(f"c{one} integer" for one in range(1_599))
    for number in range(7):
        world.owner.run(f"CREATE TABLE shop.wide_{number} (id integer PRIMARY KEY, {columns})")
    wide = [{"select": ["*"], "from": f"shop.wide_{number}"} for number in range(7)]
    world.admin.run(SAVE, Jsonb({"union-all": wide[:6]}))
    another = SAVE.replace("notes", "another")
    hint = world.refused(world.admin, another, Jsonb(wide[6]))
    world.admin.run(found(DROP_QUERY, hint).replace("'name'", "'notes'"))
    world.admin.run(another, Jsonb(wide[6]))


@gives("SELECT integratedb_adopt_role(%L) gives it one.")
def a_query_of_a_stakeholder_without_a_role(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run("DROP OWNED BY reporter; DROP ROLE reporter")
    hint = world.refused(world.admin, SAVE, NOTES)
    world.superuser.run("CREATE ROLE reporter LOGIN")
    world.admin.run(found(r"SELECT integratedb_adopt_role\('reporter'\)", hint))
    world.admin.run(SAVE, NOTES)


@gives("save query %s again without")
def a_column_of_a_query(world: World) -> None:
    world.stakeholder("reporter")
    world.admin.run(SAVE, NOTES)
    hint = world.refused(world.owner, DROP_NOTE)
    assert "save query notes again without shop.orders.note" in hint
    world.admin.run(found(DROP_QUERY, hint))
    world.owner.run(DROP_NOTE)


@gives("%s in the claims, save query")
def a_renamed_column_of_a_query(world: World) -> None:
    world.stakeholder("reporter")
    world.admin.run(SAVE, NOTES)
    rename = "ALTER TABLE shop.orders RENAME COLUMN note TO remark"
    hint = world.refused(world.owner, rename)
    field = json.loads(found(r"\{.*\}(?= instead of)", hint))
    world.admin.run(CLAIM, claims({"path": "shop.orders", "fields": [field]}))
    assert "save query notes again" in hint
    world.admin.run(SAVE, NOTES)
    world.owner.run(rename)


@gives("Ask the stakeholder or a member of integratedb_admin. Whoever owns")
def claims_of_somebody_else(world: World) -> None:
    world.claim(NOTE)
    world.refused(world.owner, CLAIM, claims())
    world.admin.run(CLAIM, claims())
    world.owner.run(CLAIM, claims(NOTE))
    world.owner.run(CLAIM, claims())


@gives("Ask a member of integratedb_admin, or whoever owns", "schema.* and relations that do not exist yet need")
def claims_that_cannot_be_granted(world: World) -> None:
    reporter = world.stakeholder("reporter")
    for match in (NOTE, {"path": "shop.*", "fields": ["*"]}, {"path": "shop.later", "optional": True}):
        world.refused(reporter, CLAIM, claims(match))
        world.admin.run(CLAIM, claims(match))
        reporter.run(CLAIM, claims())
    world.owner.run(CLAIM, claims(NOTE))


@gives("Ask a member of integratedb_admin.")
def what_is_for_admins(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run(f"GRANT EXECUTE ON FUNCTION integratedb_access(text) TO {OWNER}")
    world.refused(world.owner, "SELECT * FROM integratedb_access('reporter')")
    world.admin.run("SELECT * FROM integratedb_access('reporter')")


@gives("It was: %s.")
def a_trigger_of_a_view_that_a_stakeholder_leaves(world: World) -> None:
    reporter = world.stakeholder("reporter")
    world.owner.run("""
        CREATE FUNCTION shop.ignored() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        GRANT USAGE ON SCHEMA shop TO reporter""")
    reporter.run("""
        CREATE VIEW reporter.v AS SELECT 1 AS i;
        CREATE TRIGGER t INSTEAD OF INSERT ON reporter.v FOR EACH ROW EXECUTE FUNCTION shop.ignored()""")
    hint = world.told(world.admin, "SELECT integratedb_drop_stakeholder('reporter')")
    world.superuser.run(found(r"CREATE TRIGGER t .*\)", hint))
    world.superuser.run("INSERT INTO reporter.v VALUES (1)")


@gives("Whoever takes a claim over answers for it.")
def a_claim_that_is_not_the_callers_to_take_over(world: World) -> None:
    world.stakeholder("reporter")
    world.admin.run(CLAIM, claims(NOTE))
    world.superuser.run(f"GRANT EXECUTE ON FUNCTION integratedb_adopt_claim(text, text) TO {OWNER}")
    world.refused(world.owner, "SELECT integratedb_adopt_claim('reporter', 'claims')")
    world.admin.run("SELECT integratedb_adopt_claim('reporter', 'claims')")


@gives("CREATE OR REPLACE VIEW %I.%I with another query")
def a_view_that_reads_itself(world: World) -> None:
    world.stakeholder("reporter")
    world.owner.run("CREATE VIEW shop.a AS SELECT id FROM shop.orders")
    world.owner.run("CREATE OR REPLACE VIEW shop.a AS SELECT id FROM shop.a")
    claim = claims({"path": "shop.a", "fields": ["id"]})
    replace = found(r"CREATE OR REPLACE VIEW shop\.a", world.refused(world.admin, CLAIM, claim))
    world.owner.run(f"{replace} AS SELECT id FROM shop.orders")
    world.admin.run(CLAIM, claim)


@gives("DETAIL says what is wrong, and where: [words, JSON pointer] of each fault", "Correct these places")
def what_is_no_specification(world: World) -> None:
    world.stakeholder("reporter")
    hint = world.refused(world.admin, CLAIM, Jsonb({"match": [{"path": "orders"}]}))
    check = found(r"SELECT \* FROM integratedb_check_spec\(spec\)", hint).replace("spec)", "%s)")
    (problem,) = world.admin.dicts(check, Jsonb({"match": [{"path": "orders"}]}))
    assert problem["pointer"] == "#/match/0/path"
    assert world.admin.rows(check, claims(NOTE)) == []
    world.admin.run(CLAIM, claims(NOTE))


@gives('Nothing was stored. Claim what is read by name, in place of "*"')
def what_stands_for_too_much(world: World) -> None:
    world.stakeholder("reporter")
    columns = ", ".join(f"c{number} integer" for number in range(1500))
    world.owner.run(
        "DO $$ BEGIN FOR i IN 1 .. 14 LOOP EXECUTE format('CREATE TABLE shop.t%s ("
        + columns
        + ")', i); END LOOP; END $$"
    )
    every = [{"path": "shop.*", "fields": ["*"], "optional": optional} for optional in (True, False)]
    many = [
        *every,
        *(
            {"alternatives": [{"path": f"shop.t{a}", "fields": ["*"]}, {"path": f"shop.t{b}", "fields": ["*"]}]}
            for a in range(1, 15)
            for b in range(1, 15)
            if a != b
        ),
    ]
    world.refused(world.admin, CLAIM, claims(*many))
    world.admin.run(CLAIM, claims({"path": "shop.t1", "fields": ["c1"]}))


@gives("Nothing was stored. Claim what exists; add what does not exist")
def what_does_not_exist(world: World) -> None:
    world.stakeholder("reporter")
    later = {"path": "shop.later"}
    world.refused(world.admin, CLAIM, claims(later))
    for match in (NOTE, {"alternatives": [later, {"path": "shop.orders"}]}, {**later, "optional": True}):
        world.admin.run(CLAIM, claims(match))


VIEWS = """
    CREATE ROLE shop_views;
    GRANT shop_views TO shop_owner;
    GRANT USAGE, CREATE ON SCHEMA "user" TO shop_views;
"""
#: Each with what it is made of, and how its HINT begins; its names have upper case, or are key words.
UNREADABLE = {
    "CREATE POLICY": ('CREATE TABLE "user"."New" (id integer); ALTER TABLE "user"."New" ENABLE ROW LEVEL SECURITY',),
    "GRANT SELECT": (
        'CREATE VIEW "user"."New" AS SELECT "Id" AS id FROM "user"."Orders"',
        'ALTER VIEW "user"."New" OWNER TO shop_views',
    ),
    "GRANT UPDATE": (
        'CREATE TABLE "user"."Locked" AS SELECT 1 AS "Id"; GRANT SELECT ON "user"."Locked" TO shop_views',
        'CREATE VIEW "user"."New" AS SELECT "Id" AS id FROM "user"."Locked" FOR UPDATE',
        'ALTER VIEW "user"."New" OWNER TO shop_views',
    ),
    "GRANT EXECUTE": (
        """CREATE FUNCTION "user"."F"(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n'""",
        'REVOKE EXECUTE ON FUNCTION "user"."F" FROM PUBLIC',
        'CREATE VIEW "user"."New" AS SELECT "user"."F"("Id") AS id FROM "user"."Orders"',
    ),
}


def unreadable(world: World) -> Iterator[tuple[str, str]]:
    """A schema, and what it gets that its stakeholder cannot read: statements, and how that which helps begins."""
    world.stakeholder("reporter")
    world.superuser.run('ALTER SCHEMA shop RENAME TO "user"' + ";" + VIEWS)
    world.owner.run('ALTER TABLE "user".orders RENAME TO "Orders"')
    world.owner.run('ALTER TABLE "user"."Orders" RENAME COLUMN id TO "Id"')
    for cure, statements in UNREADABLE.items():
        yield "; ".join(statements), cure
        world.admin.run(CLAIM, claims())
        world.owner.run(f'DROP {"TABLE" if "POLICY" in cure else "VIEW"} "user"."New"')


READ_NEW = 'SELECT id FROM "user"."New"'


@gives("SELECT integratedb_sync() tries it again.")
def what_a_schema_gets_and_its_stakeholder_cannot_read(world: World) -> None:
    for statements, cure in unreadable(world):
        world.admin.run(CLAIM, claims({"path": "user.*", "fields": ["*"]}))
        hint = world.told(world.owner, f"BEGIN; {statements}; COMMIT")
        world.owner.run(found(cure + r" .*?(?=, or|; then)", hint))
        world.owner.run(found(SYNC, hint))
        world.connect("reporter").run(READ_NEW)


@gives(
    "; then it can be claimed.",
    "Nothing was stored. ",
    "GRANT SELECT%s ON %s TO %s",
    "GRANT UPDATE ON %s TO %s",
    "GRANT EXECUTE ON FUNCTION %s TO %s",
)
def what_cannot_be_read_and_is_claimed(world: World) -> None:
    new = claims({"path": "user.New", "fields": ["id"]})
    for statements, cure in unreadable(world):
        world.owner.run(statements)
        hint = world.refused(world.admin, CLAIM, new)
        world.owner.run(found(cure + r" .*?(?=, or|; then)", hint))
        world.admin.run(CLAIM, new)
        world.connect("reporter").run(READ_NEW)


@gives("SELECT integratedb_adopt_claim(%L, %L);")
def what_nobody_could_grant(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run("CREATE ROLE departing LOGIN IN ROLE integratedb_admin")
    with world.connect("departing") as departing:
        departing.run(CLAIM, claims({"path": "shop.*", "fields": ["*"]}))
        departing.run(NOTIFY, claims({"path": "shop.*", "fields": ["*"]}))
    world.superuser.run("DROP ROLE departing")
    hint = world.told(world.owner, "CREATE TABLE shop.later (id integer PRIMARY KEY)")
    calls = re.findall(r"SELECT integratedb_adopt_claim\([^)]*\)", hint)
    assert len(calls) == 2
    for call in calls:
        world.admin.run(call)
    world.connect("reporter").run("SELECT id FROM shop.later")


@gives("whoever submitted the claim could not grant it; an admin takes it over first")
def what_its_submitter_could_not_grant_any_more(world: World) -> None:
    world.stakeholder("reporter")
    world.superuser.run("CREATE ROLE other; GRANT USAGE, CREATE ON SCHEMA shop TO other")
    world.owner.run(CLAIM, claims({"path": "shop.orders", "fields": ["id"]}))
    anew = """
        DROP TABLE shop.orders CASCADE;
        SET ROLE other;
        CREATE TABLE shop.orders (id bigint NOT NULL);
        RESET ROLE
    """
    hint = world.refused(world.superuser, f"BEGIN; {anew}; COMMIT")
    world.admin.run(found(r"SELECT integratedb_adopt_claim\([^)]*\)", hint))
    world.superuser.run(f"BEGIN; {anew}; COMMIT")
    world.connect("reporter").run("SELECT id FROM shop.orders")


@gives("SELECT integratedb_specification(%L, %L) shows what it has.")
def what_cannot_be_taken_over(world: World) -> None:
    world.claim(NOTE)
    for kind, count in (("notifications", 0), ("claim", None)):
        hint = world.refused(world.admin, "SELECT integratedb_adopt_claim('reporter', %s)", kind)
        if count is not None:
            shown = world.admin.value(found(r"SELECT integratedb_specification\([^)]*\)", hint))
            assert len(shown["match"]) == count
    world.admin.run("SELECT integratedb_adopt_claim('reporter', 'claims')")


@gives("Nothing was stored. What is temporary ends")
def what_rests_on_something_temporary(world: World) -> None:
    world.stakeholder("reporter")
    world.owner.run("CREATE FUNCTION pg_temp.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    world.owner.run("CREATE VIEW shop.passing AS SELECT pg_temp.one() AS one")
    world.refused(world.admin, CLAIM, claims({"path": "shop.passing"}))
    world.owner.run("CREATE FUNCTION shop.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    world.owner.run("CREATE OR REPLACE VIEW shop.passing AS SELECT shop.one() AS one")
    world.admin.run(CLAIM, claims({"path": "shop.passing"}))


@gives("Give up claims on it that nobody needs (integratedb_dependents)")
def a_list_of_grantees_that_is_full(world: World) -> None:
    # Postgres compresses the list, so one grantee less is not always room for another one.
    idle = [f"idle_{number}" for number in range(12)]
    for name in idle:
        world.claim({"path": "shop.products", "fields": ["sku"]}, by=name)
    world.claim()
    fill = """
        SET session_replication_role = replica;
        DO $$
        DECLARE step integer := 256; filled integer := 0;
        BEGIN
          EXECUTE (SELECT string_agg(format('CREATE ROLE full_%s', i), '; ') FROM generate_series(1, 2600) AS i);
          WHILE step > 0 LOOP
            BEGIN
              EXECUTE format('GRANT SELECT (sku) ON shop.products TO %s',
                (SELECT string_agg(format('full_%s', filled + i), ', ') FROM generate_series(1, step) AS i));
              filled := filled + step;
            EXCEPTION WHEN program_limit_exceeded THEN step := step / 2;
            END;
          END LOOP;
        END $$;
        RESET session_replication_role"""
    world.superuser.run(fill)
    try:
        sku = claims({"path": "shop.products", "fields": ["sku"]})
        hint = world.refused(world.admin, CLAIM, sku)
        call = "SELECT stakeholder FROM " + found(r"integratedb_dependents", hint) + "('shop.products', 'sku')"
        assert [name for (name,) in world.admin.rows(call)] == sorted(idle)
        world.owner.run("CREATE VIEW shop.skus AS SELECT sku FROM shop.products")
        world.admin.run(CLAIM, claims({"path": "shop.skus", "fields": ["sku"]}))
        world.admin.run(CLAIM, claims())
        for name in idle:
            world.admin.run("SELECT integratedb_claim(%s, %s)", name, claims())
        world.admin.run(CLAIM, sku)
    finally:
        world.superuser.run("""
            SET session_replication_role = replica;
            DROP TABLE shop.products CASCADE;
            DO $$ BEGIN
              EXECUTE (SELECT format('DROP ROLE %s', string_agg(rolname, ', ')) FROM pg_roles WHERE rolname ~ '^full_');
            END $$""")


# Migrations


@gives(
    "keep %s until %s has moved on",
    "claim an alternative to %s, make it optional, or give it up",
    "Author of the migration: %s.",
    "Stakeholder %s: %s.",
    "Admin: SELECT integratedb_override",
)
def a_column_that_is_dropped(world: World) -> None:
    world.superuser.run(f"GRANT {OWNER} TO {ADMIN}")
    world.claim(NOTE)
    hint = world.refused(world.owner, DROP_NOTE)
    (row,) = world.owner.dicts(found(r"SELECT \* FROM integratedb_dependents\([^)]*\)", hint))
    assert row["stakeholder"] == "reporter"
    override = found(r"SELECT integratedb_override\('reason'\)", hint)
    with world.admin.transaction(force_rollback=True):
        world.admin.run(f"{override}; {DROP_NOTE}; SELECT integratedb_validate_migration()")
    world.admin.run(f"BEGIN; {DROP_NOTE}; {override}; COMMIT")
    world.owner.run("ALTER TABLE shop.orders ADD COLUMN note text, ADD COLUMN remark text")
    alternatives = {"alternatives": ["note", "remark"]}
    for match in ({**NOTE, "fields": [alternatives]}, {**NOTE, "optional": True}):
        world.admin.run(CLAIM, claims(NOTE))
        world.refused(world.owner, DROP_NOTE)
        world.admin.run(CLAIM, claims(match))
        world.owner.run(DROP_NOTE)
        world.owner.run("ALTER TABLE shop.orders ADD COLUMN note text")
    world.admin.run(CLAIM, claims(NOTE))
    world.admin.run(CLAIM, claims())
    world.owner.run(DROP_NOTE)


@gives("claim %s instead of %s in the fields of")
def a_column_that_is_renamed(world: World) -> None:
    world.claim({"path": "shop.orders", "fields": ["id", {"name": "note", "type": "varchar"}]})
    rename = "ALTER TABLE shop.orders RENAME COLUMN note TO remark"
    hint = world.refused(world.owner, rename)
    wanted = found(r"claim (\{.*?\}) instead of", hint).removeprefix("claim ").removesuffix(" instead of")
    world.admin.run(
        "SELECT integratedb_claim('reporter', jsonb_build_object('match', jsonb_build_array("
        "jsonb_build_object('path', 'shop.orders', 'fields', jsonb_build_array('id', %s::jsonb)))))",
        wanted,
    )
    world.owner.run(rename)


@gives('claim {"alternatives": [{"path": %s, ...}')
def a_table_that_is_renamed(world: World) -> None:
    world.claim(NOTE)
    rename = "ALTER TABLE shop.orders RENAME TO purchases"
    hint = world.refused(world.owner, rename)
    wanted = found(r'\{"alternatives".*\]\}', hint).replace("...", '"fields": ["note"]')
    world.admin.run("SELECT integratedb_claim('reporter', jsonb_build_object('match', %s::jsonb))", wanted)
    world.owner.run(rename)


EMAIL = {"path": "shop.customers", "fields": ["email"], "unique": [["email"]]}
CUSTOMER = {
    "path": "shop.orders",
    "fields": ["customer_id"],
    "references": [{"fields": ["customer_id"], "to": "shop.customers"}],
}
DROP_EMAIL_KEY = "ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key"
DROP_CUSTOMER_KEY = "ALTER TABLE shop.orders DROP CONSTRAINT orders_customer_id_fkey"


@gives(
    "ALTER TABLE %I.%I ADD UNIQUE",
    "ALTER TABLE %I.%I ADD FOREIGN KEY",
    "ALTER TABLE %I.%I VALIDATE CONSTRAINT",
    "keep the unique key %s of %s until",
    "keep the foreign key %s of %s until",
)
def a_key_that_is_given_back(world: World) -> None:
    world.claim()
    world.owner.run(f"{DROP_EMAIL_KEY}; {DROP_CUSTOMER_KEY}")
    for match, add in (
        (EMAIL, "ALTER TABLE [^;]* ADD UNIQUE [^;]*"),
        (CUSTOMER, "ALTER TABLE [^;]* ADD FOREIGN KEY [^;]*"),
    ):
        world.owner.run(found(add, world.refused(world.admin, CLAIM, claims(match))))
        world.admin.run(CLAIM, claims(match))
    world.admin.run(CLAIM, claims(EMAIL, CUSTOMER))
    hint = world.refused(world.owner, DROP_EMAIL_KEY)
    world.owner.run(f"BEGIN; {DROP_EMAIL_KEY}; {found('ALTER TABLE .* ADD UNIQUE [^.]*', hint)}; COMMIT")
    hint = world.refused(world.owner, DROP_CUSTOMER_KEY)
    again = found(r"ALTER TABLE .* ADD FOREIGN KEY .*\)", hint)
    world.owner.run(f"BEGIN; {DROP_CUSTOMER_KEY}; {again}; COMMIT")
    hint = world.refused(world.owner, f"BEGIN; {DROP_CUSTOMER_KEY}; {again} NOT VALID; COMMIT")
    validate = found(r"ALTER TABLE \S+ VALIDATE CONSTRAINT \w+", hint)
    world.owner.run(f"BEGIN; {DROP_CUSTOMER_KEY}; {again} NOT VALID; {validate}; COMMIT")


@gives('leave %s out of the "%s" of %s if nothing relies on it')
def a_key_that_nothing_relies_on(world: World) -> None:
    world.claim(EMAIL)
    hint = world.refused(world.owner, DROP_EMAIL_KEY)
    assert found(r'leave \["email"\] out of the "unique" of shop.customers', hint)
    world.admin.run(CLAIM, claims({**EMAIL, "unique": []}))
    world.owner.run(DROP_EMAIL_KEY)


@gives(
    'claim {"alternatives": [{"path": %s}, {"path": %s}]} beside it, and references to %s follow',
    "keep %s, which %s references, as it is until",
)
def a_referenced_table_that_is_renamed(world: World) -> None:
    world.claim(CUSTOMER)
    rename = "ALTER TABLE shop.customers RENAME TO people"
    hint = world.refused(world.owner, rename)
    beside = found(r'\{"alternatives".*\]\}', hint)
    world.admin.run(
        "SELECT integratedb_claim('reporter', jsonb_build_object('match', jsonb_build_array(%s::jsonb, %s::jsonb)))",
        Jsonb(CUSTOMER),
        beside,
    )
    world.owner.run(rename)


@gives("Make another unique index of the same columns first; or DROP INDEX")
def an_index_of_a_claimed_key_that_is_dropped_concurrently(world: World) -> None:
    world.owner.run(
        'CREATE UNIQUE INDEX "Phones" ON shop.customers (phone); CREATE INDEX other ON shop.customers (phone)'
    )
    world.claim({"path": "shop.customers", "fields": ["phone"], "unique": [["phone"]]})
    drop = 'DROP INDEX CONCURRENTLY shop."Phones"'
    hint = world.refused(world.owner, drop)
    world.refused(world.owner, found(r'DROP INDEX shop\."Phones"', hint))
    world.owner.run(found("DROP INDEX CONCURRENTLY", hint) + " shop.other")
    world.owner.run("CREATE UNIQUE INDEX more ON shop.customers (phone)")
    world.owner.run(drop)


@gives(
    'SELECT integratedb_sync() in the same transaction, if it must be: %s is claimed by "*"',
    'claim by name what it reads, instead of by "*"',
)
def a_column_under_a_star(world: World) -> None:
    star = {"path": "shop.orders", "fields": ["*"]}
    for match in (star, {"path": "shop.*", "fields": ["*"]}):
        world.claim(match)
        drop = "ALTER TABLE shop.orders DROP COLUMN note"
        hint = world.refused(world.owner, drop)
        world.owner.run(f"BEGIN; {drop}; {found(SYNC, hint)}; COMMIT")
        world.owner.run("ALTER TABLE shop.orders ADD COLUMN note varchar(200)")
    world.claim(star)
    world.refused(world.owner, drop)
    world.claim({"path": "shop.orders", "fields": ["id"]})
    world.owner.run(drop)
    # Of what is gone as a whole, a sync leaves the claim as it was; but a table of a schema goes out of "*".
    world.owner.run("CREATE TABLE shop.kept (id integer)")
    world.claim({"path": "shop.*", "fields": ["*"]})
    hint = world.refused(world.owner, "DROP TABLE shop.kept")
    world.owner.run(f"BEGIN; DROP TABLE shop.kept; {found(SYNC, hint)}; COMMIT")
    world.owner.run("CREATE TABLE shop.kept (id integer)")
    world.claim({"path": "shop.kept", "fields": ["*"]})
    assert not re.search(SYNC, world.refused(world.owner, "DROP TABLE shop.kept"))
    world.superuser.run(f"CREATE SCHEMA other AUTHORIZATION {OWNER}")
    world.claim({"path": "other.*", "fields": ["*"]})
    assert not re.search(SYNC, world.refused(world.owner, "DROP SCHEMA other"))


@gives("SELECT integratedb_sync() in the same transaction gives the privilege back")
def a_privilege_that_is_revoked(world: World) -> None:
    world.claim(NOTE)
    for revoke in ("REVOKE SELECT (note) ON shop.orders FROM reporter", "REVOKE USAGE ON SCHEMA shop FROM reporter"):
        hint = world.refused(world.owner, revoke)
        world.owner.run(f"BEGIN; {revoke}; {found(SYNC, hint)}; COMMIT")
        assert world.superuser.rows("SELECT * FROM integratedb_unmet_claims()") == []


@gives("claim %s too, which is read with its rights")
def a_view_that_reads_with_the_rights_of_its_reader(world: World) -> None:
    world.owner.run('CREATE TABLE shop."New" (id integer); CREATE VIEW shop.seen AS SELECT id FROM shop."New"')
    seen = {"path": "shop.seen", "fields": ["id"]}
    world.claim(seen)
    secure = "ALTER VIEW shop.seen SET (security_invoker = on)"
    hint = world.refused(world.owner, secure)
    world.claim(seen, {"path": found(r"(?<=claim )\S+(?= too)", hint), "fields": ["id"]})
    world.owner.run(secure)
    world.connect("reporter").run("SELECT id FROM shop.seen")


@gives("give the claim on %s up if nothing reads it any more, and the migration passes")
def a_privilege_or_rows_that_nobody_needs(world: World) -> None:
    for number in range(3):
        world.claim(NOTE)
        statement = (
            "REVOKE SELECT (note) ON shop.orders FROM reporter",
            "REVOKE USAGE ON SCHEMA shop FROM reporter",
            "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        )[number]
        hint = world.refused(world.owner, statement)
        assert found(r"(?<=give the claim on ).*?(?= up if)", hint) in ("shop.orders", "shop.orders.note")
        world.claim()
        world.owner.run(statement)


@gives("CREATE POLICY %I ON")
def rows_that_are_secured(world: World) -> None:
    world.superuser.run('ALTER SCHEMA shop RENAME TO "user"')
    world.owner.run('ALTER TABLE "user".orders RENAME TO "Orders"')
    world.claim({"path": "user.Orders", "fields": ["note"]})
    secure = 'ALTER TABLE "user"."Orders" ENABLE ROW LEVEL SECURITY'
    hint = world.refused(world.owner, secure)
    policy = found(r"CREATE POLICY .* USING \(true\)", hint)
    world.owner.run(f"BEGIN; {secure}; {policy}; COMMIT")
    assert world.connect("reporter").rows('SELECT note FROM "user"."Orders" LIMIT 1')


@gives("Author of the migration: make what it uses in a schema that stays")
def a_migration_to_something_temporary(world: World) -> None:
    world.owner.run("CREATE VIEW shop.open AS SELECT id, 1 AS one FROM shop.orders")
    world.claim({"path": "shop.open", "fields": ["one"]})
    view = "CREATE OR REPLACE VIEW shop.open AS SELECT id, {}.one() AS one FROM shop.orders"
    function = "CREATE FUNCTION {}.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
    world.owner.run(function.format("pg_temp"))
    hint = world.refused(world.owner, view.format("pg_temp"))
    world.owner.run(function.format("shop"))
    world.owner.run(view.format("shop"))
    world.superuser.run(f"GRANT {OWNER} TO {ADMIN}")
    world.admin.run(function.format("pg_temp"))
    override = found(r"SELECT integratedb_override\('reason'\)", hint)
    world.admin.run(f"BEGIN; {override}; {view.format('pg_temp')}; COMMIT")


@gives("SELECT * FROM integratedb_unmet_claims() lists them")
def a_break_that_is_explicit(world: World) -> None:
    world.claim(NOTE)
    world.admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    hint = world.told(world.owner, DROP_NOTE)
    assert len(world.owner.rows(found(r"SELECT \* FROM integratedb_unmet_claims\(\)", hint))) == 1
    world.owner.run("ALTER TABLE shop.orders ADD COLUMN note varchar(200)")
    assert world.owner.rows(found(r"SELECT \* FROM integratedb_unmet_claims\(\)", hint)) == []


@gives("A preview runs the statements and rolls them back")
def a_preview_of_what_cannot_be_rolled_back(world: World) -> None:
    world.claim(NOTE)
    preview = "SELECT * FROM integratedb_preview_migration(%s)"
    concurrently = "CREATE INDEX CONCURRENTLY ON shop.orders (note); "
    world.refused(world.owner, preview, concurrently + DROP_NOTE)
    assert len(world.owner.rows(preview, DROP_NOTE)) == 1
    world.owner.run(concurrently)


@gives("SELECT integratedb_override('incident 4711: ...')")
def an_override_without_a_reason(world: World) -> None:
    world.superuser.run(f"GRANT {OWNER} TO {ADMIN}")
    world.claim(NOTE)
    hint = world.refused(world.admin, "SELECT integratedb_override('')")
    world.admin.run(f"BEGIN; {DROP_NOTE}; {found(OVERRIDE, hint)}; COMMIT")


@gives(
    "SELECT cache_key, detail FROM integratedb_advice()",
    "SELECT integratedb_mute_advice(%L, 'append only",
    "SELECT integratedb_mute_advice(%L, '...', now()",
)
def muting_without_a_key_a_reason_or_a_time_to_come(world: World) -> None:
    hint = world.refused(world.admin, "SELECT integratedb_mute_advice(NULL, 'why')")
    findings = world.admin.rows(found(r"SELECT cache_key, detail FROM integratedb_advice\(\)", hint))
    key = next(key for key, _ in findings if key.startswith("no_primary_key:"))
    hint = world.refused(world.admin, "SELECT integratedb_mute_advice(%s, '')", key)
    world.admin.run(found(r"SELECT integratedb_mute_advice\(.*?\)", hint))
    hint = world.refused(world.admin, "SELECT integratedb_mute_advice(%s, 'why', '2001-01-01')", key)
    world.admin.run(found(r"SELECT integratedb_mute_advice\(.*'\)", hint))
    assert key not in {row[0] for row in world.admin.rows("SELECT cache_key FROM integratedb_advice()")}


@gives("SELECT name FROM integratedb_advisers()")
def an_adviser_that_does_not_exist(world: World) -> None:
    hint = world.refused(world.admin, "SELECT * FROM integratedb_advice(adviser => 'no_primary_keys')")
    names = [name for (name,) in world.admin.rows(found(r"SELECT name FROM integratedb_advisers\(\)", hint))]
    [name] = [name for name in names if "no_primary_key" in name]
    assert world.admin.rows("SELECT * FROM integratedb_advice(adviser => %s)", name)


@gives("As a superuser: SELECT pg_catalog.")
def cancelling_a_superuser(world: World) -> None:
    pid = world.superuser.info.backend_pid
    hint = world.refused(world.admin, "SELECT integratedb_cancel(%s)", pid)
    with world.connect(world.superuser.info.user) as other:
        assert other.value(found(r"SELECT pg_catalog.*\)", hint)) is True


@gives("Sessions that can be ended:")
def cancelling_a_process_of_the_server(world: World) -> None:
    pid = world.superuser.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    hint = world.refused(world.admin, "SELECT integratedb_cancel(%s)", pid)
    with world.connect(OWNER) as other:
        others = other.info.backend_pid
        assert others in [row[0] for row in world.admin.rows(found(r"SELECT .*\(\)", hint))]
        assert world.admin.value("SELECT integratedb_cancel(%s, true)", others)


@gives("In one transaction: BEGIN")
def an_override_that_is_alone(world: World) -> None:
    world.superuser.run(f"GRANT {OWNER} TO {ADMIN}")
    world.claim(NOTE)
    hint = world.told(world.admin, "SELECT integratedb_override('reason')")
    world.refused(world.admin, DROP_NOTE)
    steps = found("BEGIN; .* COMMIT", hint)
    world.admin.run(steps.replace("the migration", DROP_NOTE))


@gives("Drop what you mean by its name")
def the_schema_that_the_extension_is_in(world: World) -> None:
    world.superuser.run(f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}")
    world.owner.run("CREATE TABLE public.mine (); CREATE VIEW public.seen AS SELECT 1; CREATE SCHEMA other")
    hint = world.refused(world.owner, "DROP SCHEMA public CASCADE")
    for statement, name in (("DROP TABLE", "public.mine"), ("DROP VIEW", "public.seen"), ("DROP SCHEMA", "other")):
        world.owner.run(f"{found(statement, hint)} {name} CASCADE")
    world.superuser.run(found("DROP EXTENSION integratedb", hint))


# Questions


@gives("A path is schema.table, each part as in the catalog, or double-quoted")
def a_path_that_is_none(world: World) -> None:
    world.owner.run('CREATE TABLE shop."Order Items" ()')
    hint = world.refused(world.admin, "SELECT * FROM integratedb_dependents('order items')")
    path = found(r'shop\."Order Items"', hint)
    world.admin.run("SELECT * FROM integratedb_dependents(%s)", path)
    world.admin.run("SELECT * FROM integratedb_dependents('shop.*')")


@gives(
    "Did you mean ",
    "A path is schema.table, each part as in the catalog.",
    "Names are as in the catalog: upper",
    "Names are as in the catalog, without quotes",
)
def a_name_that_is_misspelt(world: World) -> None:
    world.owner.run('CREATE TABLE shop."ORDERLINES" ("Id" integer)')
    ask = "SELECT * FROM integratedb_dependents(%s, %s)"
    for path, column, cure in (
        ("shpo.orders", None, "{}.orders"),
        ("shop.ordrs", None, "{}"),
        ("shop.orders", "noet", "{}"),
        ("nowhere_near.it", None, None),
        ("shop.nothing_like_it", None, None),
        ("shop.orders", "nothing_like_it", None),
    ):
        hint = world.refused(world.admin, ask, path, column)
        if cure is not None:
            near = cure.format(found(r"(?<=Did you mean )[^?]*", hint))
            world.admin.run(ask, path if column else near, near if column else None)
    world.admin.run(ask, "shop.ORDERLINES", "Id")


@gives(
    "The settings are enforcement (commit, explicit)",
    "commit refuses a migration that breaks a claim; explicit",
    "An interval greater than zero, such as",
    "An interval greater than zero, of 1 year at most",
    "An interval from 100 ms to 1 hour",
    "advisory: deprecations only inform",
)
def a_setting_that_is_none(world: World) -> None:
    configure = "SELECT integratedb_configure(%s, %s)"
    settings = world.refused(world.admin, configure, "retention", "90 days")
    for setting in re.findall(r"(\w+) \(", settings):
        hint = world.refused(world.admin, configure, setting, "-1")
        word = {"enforcement": "explicit", "deprecation": "binding"}.get(setting)
        value = found(word, hint) if word else found(r"(?<=such as ).*(?=\.)", hint)
        world.admin.run(configure, setting, value)


# Notifications


NOTIFICATIONS = """
    CREATE TABLE shop.keyless (v text, w text NOT NULL, twice text GENERATED ALWAYS AS (v || v) STORED);
    CREATE TABLE shop.keyed (id integer PRIMARY KEY, v text);
    CREATE TABLE shop.whole (id integer, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE shop.part PARTITION OF shop.whole FOR VALUES FROM (1) TO (9);
    CREATE VIEW shop.seen AS SELECT v FROM shop.keyed;
"""


@gives(
    "Name the partitioned table.",
    "Name the tables that its rows come from.",
    "ALTER TABLE %s REPLICA IDENTITY FULL, or ADD PRIMARY KEY",
    "Leave the column out",
)
def what_cannot_be_notified(world: World) -> None:
    world.stakeholder("reporter")
    world.owner.run(NOTIFICATIONS)
    world.refused(world.admin, NOTIFY, claims({"path": "shop.part"}))
    world.admin.run(NOTIFY, claims({"path": "shop.whole"}))
    world.refused(world.admin, NOTIFY, claims({"path": "shop.seen"}))
    world.admin.run(NOTIFY, claims({"path": "shop.keyed"}))
    hint = world.refused(world.admin, NOTIFY, claims({"path": "shop.keyless", "fields": ["v"]}))
    world.admin.run(NOTIFY, claims({"path": "shop.keyless", "fields": ["v"], "events": ["INSERT", "TRUNCATE"]}))
    world.admin.run(NOTIFY, claims())
    alter = found("ALTER TABLE [a-z.]+ ", hint)
    world.owner.run(alter + found("ADD PRIMARY KEY", hint) + " (w)")
    world.admin.run(NOTIFY, claims({"path": "shop.keyless", "fields": ["v"]}))
    world.refused(world.admin, NOTIFY, claims({"path": "shop.keyless", "fields": ["v", "twice"]}))
    world.admin.run(NOTIFY, claims({"path": "shop.keyless", "fields": ["*"]}))


@gives("ALTER TABLE %s REPLICA IDENTITY DEFAULT with a primary key")
def an_identity_with_generated_columns(world: World) -> None:
    if world.superuser.info.server_version < 180000:
        pytest.skip("before Postgres 18 an identity may have generated columns")
    world.stakeholder("reporter")
    world.owner.run(NOTIFICATIONS)
    world.owner.run("ALTER TABLE shop.keyless REPLICA IDENTITY FULL")
    hint = world.refused(world.admin, NOTIFY, claims({"path": "shop.keyless", "fields": ["v"]}))
    alter = found(r"ALTER TABLE [a-z.]+ REPLICA IDENTITY DEFAULT", hint)
    world.owner.run(f"{alter}; ALTER TABLE shop.keyless ADD PRIMARY KEY (w)")
    world.admin.run(NOTIFY, claims({"path": "shop.keyless", "fields": ["v"]}))


@gives("Author of the migration: %s")
def an_identity_that_is_taken_away(world: World) -> None:
    world.stakeholder("reporter")
    world.owner.run(NOTIFICATIONS)
    world.admin.run(NOTIFY, claims({"path": "shop.keyed", "fields": ["v"]}))
    drop = "ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey"
    hint = world.refused(world.owner, drop)
    alter = found(r"(?<=Author of the migration: )ALTER TABLE [a-z.]+ REPLICA IDENTITY FULL", hint)
    world.owner.run(f"BEGIN; {drop}; {alter}; COMMIT")
    world.owner.run("INSERT INTO shop.keyed VALUES (1, 'a'); UPDATE shop.keyed SET v = 'b'; DELETE FROM shop.keyed")


@gives("For UPDATE and DELETE, which are asked for where they can be told")
def a_table_that_is_told_in_part(world: World) -> None:
    world.stakeholder("reporter")
    world.admin.run(NOTIFY, claims({"path": "shop.*", "fields": ["*"]}))
    published = "SELECT pubname FROM pg_publication_tables WHERE schemaname = 'shop' AND tablename = %s"
    for name, cure in (("Later", "ADD PRIMARY KEY"), ("last", "REPLICA IDENTITY FULL")):
        hint = world.told(world.owner, f'CREATE TABLE shop."{name}" (v text)')
        assert world.superuser.value(published, name) == "integratedb_append"
        alter = found(r"ALTER TABLE .*? (?=ADD)", hint) + found(cure, hint)
        world.owner.run(alter + (" (v)" if "KEY" in cure else ""))
        assert world.superuser.value(published, name) == "integratedb"


@gives("Give the table another identity first")
def an_index_that_is_dropped_concurrently(world: World) -> None:
    world.stakeholder("reporter")
    world.owner.run("""
        CREATE TABLE shop.coded (code text NOT NULL, v text);
        CREATE UNIQUE INDEX "Coded" ON shop.coded (code);
        ALTER TABLE shop.coded REPLICA IDENTITY USING INDEX "Coded"; CREATE INDEX other ON shop.coded (v)""")
    world.admin.run(NOTIFY, claims({"path": "shop.coded", "fields": ["v"]}))
    drop = 'DROP INDEX CONCURRENTLY shop."Coded"'
    hint = world.refused(world.owner, drop)
    world.refused(world.owner, found(r'DROP INDEX shop\."Coded"', hint))
    world.owner.run(found("DROP INDEX CONCURRENTLY", hint) + " shop.other")
    world.owner.run(found(r"ALTER TABLE [^;]*", hint))
    world.owner.run(drop)


@gives("Rename it and tell its subscribers, or DROP PUBLICATION")
def a_publication_of_our_name(world: World) -> None:
    world.superuser.run(f"""
        DROP EXTENSION integratedb;
        DROP PUBLICATION integratedb, integratedb_append, integratedb_control;
        GRANT CREATE ON DATABASE {DATABASE} TO {OWNER}""")
    world.owner.run("CREATE PUBLICATION integratedb FOR TABLE shop.orders WHERE (id > 1)")
    hint = world.refused(world.superuser, "CREATE EXTENSION integratedb")
    with world.owner.transaction(force_rollback=True):
        world.owner.run("ALTER PUBLICATION integratedb RENAME TO ours")
    world.owner.run(found(r"DROP PUBLICATION \w+", hint))
    world.superuser.run("CREATE EXTENSION integratedb")


@gives('Leave "channels" out')
def channels_of_an_owner(world: World) -> None:
    world.stakeholder("reporter")
    socket = {"match": [NOTE], "channels": [{"type": "SOCKET"}]}
    world.refused(world.owner, NOTIFY, Jsonb(socket))
    world.owner.run(NOTIFY, claims(NOTE))
    world.admin.run(NOTIFY, Jsonb(socket))


@gives("What they publish follows the specifications")
def a_publication_that_somebody_alters(world: World) -> None:
    world.stakeholder("reporter")
    hint = world.refused(world.superuser, "ALTER PUBLICATION integratedb ADD TABLE shop.orders")
    world.admin.run("SELECT " + found(r"integratedb_notify\(", hint) + "'reporter', %s)", claims(NOTE))
    world.superuser.run("CREATE PUBLICATION ours FOR TABLE shop.orders")


@gives("Its channels: ", "It has none: integratedb_notify() defines them")
def a_channel_that_is_not_there(world: World) -> None:
    world.stakeholder("reporter")
    pause = "SELECT integratedb_pause_channel('reporter', %s)"
    hint = world.refused(world.admin, pause, "live")
    call = "SELECT " + found(r"integratedb_notify\(", hint) + "'reporter', %s)"
    world.admin.run(call, Jsonb({"match": [], "channels": [{"type": "SOCKET", "name": "lively"}]}))
    hint = world.refused(world.admin, pause, "live")
    world.admin.run(pause, found(r"(?<=Its channels: )\w+", hint))


# The management API, whose role calls these


@gives(
    "SELECT * FROM integratedb.management_users(NULL, NULL)",
    "Log in as root. The first user to be created is root",
    "Create another user with these scopes",
    "Change its name and password instead",
)
def users_of_the_api(world: World) -> None:
    api = world.superuser
    password = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA"
    root = api.value("SELECT integratedb.management_create_first_user('root', %s)", password)
    world.refused(api, "SELECT integratedb.management_create_first_user('other', %s)", password)
    hint = world.refused(api, "SELECT integratedb.management_delete_user(4711)")
    assert len(api.rows(found(r"SELECT \* FROM integratedb.management_users\(NULL, NULL\)", hint))) == 1
    scopes = Jsonb({"stakeholders": ["reporter"], "schemas": ["shop"]})
    world.refused(api, "SELECT integratedb.management_change_user(%s, NULL, NULL, true, %s)", root, scopes)
    other = api.value("SELECT integratedb.management_create_user('other', %s, %s)", password, scopes)
    world.refused(api, "SELECT integratedb.management_delete_user(%s)", root)
    api.run("SELECT integratedb.management_change_user(%s, 'chief', %s, false, NULL)", root, password)
    api.run("SELECT integratedb.management_delete_user(%s)", other)


# The tests


# What is deprecated, and what is waived


@gives(
    "Deprecate tables, views and columns, one by one", "Its owner %I and members", "Give a time in the future, such as"
)
def a_deprecation_that_is_refused(world: World) -> None:
    world.refused(world.owner, "SELECT integratedb_deprecate('shop.*')")
    world.refused(world.stakeholder("reporter"), "SELECT integratedb_deprecate('shop.orders')")
    hint = world.refused(world.owner, "SELECT integratedb_deprecate('shop.orders', 'note', now())")
    time = found(r"now\(\) \+ interval '30 days'", hint)
    world.owner.run(f"SELECT integratedb_deprecate('shop.orders', 'note', {time})")
    world.owner.run("SELECT integratedb_deprecate('shop.orders', 'note', NULL)")


@gives("Say in a sentence what to read instead")
def a_message_that_is_long(world: World) -> None:
    world.refused(world.owner, "SELECT integratedb_deprecate('shop.orders', 'note', NULL, repeat('read it. ', 200))")
    world.owner.run(
        "SELECT integratedb_deprecate('shop.orders', 'note', NULL, 'read shop.notes: https://example.com/42')"
    )


@gives("Claims name it, but only what exists")
def a_deprecation_of_what_does_not_exist(world: World) -> None:
    world.claim({"path": "shop.orders", "fields": [{"alternatives": ["note", "remark"]}]})
    world.refused(world.owner, "SELECT integratedb_deprecate('shop.orders', 'remark')")
    world.owner.run("ALTER TABLE shop.orders ADD COLUMN remark text")
    world.owner.run("SELECT integratedb_deprecate('shop.orders', 'remark')")


@gives("Claim something else in time.")
def a_claim_on_what_is_deprecated(world: World) -> None:
    world.owner.run("SELECT integratedb_deprecate('shop.orders', 'note')")
    world.stakeholder("reporter")
    hint = world.told(
        world.admin,
        """SELECT integratedb_claim('reporter', '{"match": {"path": "shop.orders", "fields": ["note"]}}')""",
    )
    assert len(world.admin.rows(found(r"SELECT \* FROM integratedb_deprecations\(\)", hint))) == 1
    assert not world.told(world.admin, """SELECT integratedb_claim('reporter', '{"match": {"path": "shop.orders"}}')""")


@gives("Give the time when the dependency counts again", "Say why the dependency may be broken")
def a_waiver_without_end_or_reason(world: World) -> None:
    world.claim(NOTE)
    waive = "SELECT integratedb_waive('reporter', 'shop.orders', 'note', {}, {})"
    time = found(r"now\(\) \+ interval '14 days'", world.refused(world.admin, waive.format("NULL", "'why'")))
    reason = found(r"'reporter [^']*'", world.refused(world.admin, waive.format(time, "''")))
    world.admin.run(waive.format(time, reason))


@gives("SELECT * FROM integratedb_dependents(%s) lists who does")
def a_waiver_of_what_nobody_claims(world: World) -> None:
    world.claim(NOTE, by="fulfilment")
    world.stakeholder("reporter")
    waive = "SELECT integratedb_waive(%s, 'shop.orders', 'note', now() + interval '1 day', 'why')"
    hint = world.refused(world.admin, waive, "reporter")
    ((name, *_),) = world.admin.rows(found(r"SELECT \* FROM integratedb_dependents\([^)]*\)", hint))
    world.admin.run(waive, name)


@gives("SELECT id, stakeholder, path, field FROM integratedb_waivers() lists them")
def a_waiver_that_does_not_exist(world: World) -> None:
    world.claim(NOTE)
    world.admin.run("SELECT integratedb_waive('reporter', 'shop.orders', 'note', now() + interval '1 day', 'why')")
    hint = world.refused(world.admin, "SELECT integratedb_end_waiver(0)")
    ((number, *_),) = world.admin.rows(found(r"SELECT id.*integratedb_waivers\(\)", hint))
    world.admin.run("SELECT integratedb_end_waiver(%s)", number)


# What is requested


REQUEST = "SELECT integratedb_request_claim('reporter', %s)"
APPROVE = "SELECT integratedb_approve_request(%s)"


@gives(
    'Leave "channels" out: those that an admin defined stay. An admin',
    "Say in a sentence what needs it",
    "Nothing was stored. Ask for what exists",
    "The states are open, approved",
)
def a_request_that_is_refused(world: World) -> None:
    reporter = world.stakeholder("reporter")
    world.refused(reporter, REQUEST, Jsonb({"match": [NOTE], "channels": []}))
    world.refused(
        reporter, "SELECT integratedb_request_claim('reporter', %s, 'claims', repeat('x', 2000))", claims(NOTE)
    )
    world.refused(reporter, REQUEST, claims({"path": "shop.orders", "fields": ["later"]}))
    reporter.run(REQUEST, claims({"path": "shop.orders", "fields": [{"alternatives": ["later", "note"]}]}))
    hint = world.refused(reporter, "SELECT * FROM integratedb_requests('closed')")
    for state in re.findall(r"open|approved|rejected|withdrawn|null", hint):
        reporter.run(f"SELECT * FROM integratedb_requests({'NULL' if state == 'null' else repr(state)})")


@gives("SELECT id, stakeholder, kind FROM integratedb_requests() lists", "It cannot be decided again.")
def a_request_that_is_not_open(world: World) -> None:
    reporter = world.stakeholder("reporter")
    reporter.run(REQUEST, claims(NOTE))
    hint = world.refused(world.owner, APPROVE, 0)
    ((number, *_),) = world.owner.rows(found(r"SELECT id.*integratedb_requests\(\)", hint))
    world.owner.run(APPROVE, number)
    hint = world.refused(world.owner, APPROVE, number)
    call = found(r"SELECT integratedb_request_claim\(stakeholder, spec\)", hint)
    reporter.run(call.replace("(stakeholder, spec)", "('reporter', %s)"), claims(NOTE))


@gives(
    "Those who own what it names, and members", "Say what the stakeholder can do instead", "Those who asked for it, the"
)
def a_decision_of_others(world: World) -> None:
    reporter, other = world.stakeholder("reporter"), world.stakeholder("fulfilment")
    number = reporter.value(REQUEST, claims(NOTE))
    hint = world.refused(reporter, APPROVE, number)
    missing = reporter.value(found(r"SELECT missing FROM integratedb_requests\(\)", hint))
    assert missing["shop.orders"] == OWNER
    hint = world.refused(other, "SELECT integratedb_withdraw_request(%s)", number)
    assert found(r"SELECT integratedb_reject_request\(id, note\)", hint)
    hint = world.refused(world.owner, "SELECT integratedb_reject_request(%s, NULL)", number)
    world.owner.run("SELECT integratedb_reject_request(%s, %s)", number, found("(?<=').*(?=')", hint))


@gives("Ask anew: SELECT integratedb_request_claim(%L, spec, %L)")
def a_specification_that_changed_since_the_request(world: World) -> None:
    reporter = world.stakeholder("reporter")
    number = reporter.value(REQUEST, claims(NOTE))
    world.claim({"path": "shop.products"})
    hint = world.refused(world.owner, APPROVE, number)
    ((document,),) = reporter.rows(found(r"SELECT specification FROM integratedb_requests\(\)", hint))
    call = found(r"SELECT integratedb_request_claim\('reporter', spec, 'claims'\)", hint).replace("spec", "%s")
    world.owner.run(APPROVE, reporter.value(call, Jsonb(document)))


# Leases


@gives(
    "Give an interval that ends before, such as",
    "Say what the login is for",
    "SELECT id, username, valid_until FROM integratedb_leases()",
    "Lease again: SELECT * FROM integratedb_lease(stakeholder)",
)
def a_lease_that_is_refused(world: World) -> None:
    world.stakeholder("reporter")
    lease = "SELECT * FROM integratedb_lease('reporter', %s::interval, %s)"
    hint = world.refused(world.admin, lease, "25 hours", None)
    world.admin.run(lease, found(r"(?<=such as )[^.]*", hint), None)
    world.refused(world.admin, lease, "1 hour", "x" * 1001)
    hint = world.refused(world.admin, "SELECT integratedb_revoke_lease(0)")
    [(number, _, _)] = world.admin.rows(found(r"SELECT .* FROM integratedb_leases\(\)", hint))
    world.superuser.run("UPDATE integratedb.lease SET valid_until = now() - interval '1 s'")
    hint = world.refused(world.admin, "SELECT integratedb_renew_lease(%s)", number)
    world.admin.run(found(r"SELECT \* FROM integratedb_lease\(", hint) + "'reporter')")
    for (one,) in world.admin.rows("SELECT id FROM integratedb_leases()"):
        world.admin.run("SELECT integratedb_revoke_lease(%s)", one)


def known(literal: str) -> list[str]:
    return [beginning for beginning in (*SCENARIOS, *ELSEWHERE, WAL_LEVEL) if literal.startswith(beginning)]


WAL_LEVEL = "ALTER SYSTEM SET wal_level = logical"


def test_every_hint_has_a_scenario() -> None:
    texts = inventory()
    assert len(texts) > 60
    assert sorted(text for text in texts if not known(text)) == [], "write a scenario: see the top of this file"
    unused = [
        key
        for key in (*SCENARIOS, *ELSEWHERE)
        if not any(text.startswith(key.lstrip("; ")) or text.startswith(key) for text in texts)
    ]
    assert unused == [], "no HINT begins like that any more"


def test_the_tests_elsewhere_are_there() -> None:
    for place in ELSEWHERE.values():
        file, name = place.split("::")
        assert f"def {name}" in (ROOT / file).read_text(), place


def test_python_gives_no_hints_of_its_own() -> None:
    """Python returns refusals as rows; SQL, which raises them, has the HINTs."""
    for file in (ROOT / "plpython/integratedb").rglob("*.py"):
        if "query" in file.parts or file.name == "entry.py":
            continue  # requests of the data API are refused by the face that words them
        assert not re.search(r"\bhint\b", file.read_text(), re.IGNORECASE), file


@pytest.mark.parametrize("scenario", dict.fromkeys(SCENARIOS.values()), ids=lambda scenario: scenario.__name__)
def test_a_hint_helps(
    scenario: Scenario,
    superuser: Session,
    owner: Session,
    admin: Session,
    connect: Connect,
    stakeholder: Callable[[str], Session],
    claim: Callable[..., Any],
) -> None:
    world = World(superuser, owner, admin, connect, stakeholder, claim)
    scenario(world)
    for beginning, registered in SCENARIOS.items():
        if registered is scenario:
            # With names in the places for them.
            pattern = re.sub(r"%(?:\d\\?\$)?[sIL]", ".*", re.escape(beginning).replace(r"\$", "$"))
            assert any(re.search(pattern, hint) for hint in world.heard), (beginning, world.heard)


def test_wal_level_is_set_as_the_hint_says(second_server: Server, tmp_path: Path) -> None:
    def restart() -> None:
        as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        bindir = subprocess.check_output([os.environ["PG_CONFIG"], "--bindir"], text=True).strip()
        data = (tmp_path / "cluster").resolve() / "data"
        again = [f"{bindir}/pg_ctl", "restart", "--silent", "--wait", "--pgdata", str(data)]
        again += ["--log", f"{data.parent}/log", "--options", f"-p {second_server.port}"]
        subprocess.run([*as_owner, *again], check=True, cwd="/")

    def session() -> Session:
        user = second_server.superuser
        return Session.open(host=second_server.socket, port=second_server.port, user=user, dbname="postgres")

    with session() as superuser:
        superuser.run("CREATE EXTENSION integratedb CASCADE")
        superuser.run("ALTER SYSTEM SET wal_level = replica")
    restart()
    with session() as superuser:
        with pytest.raises(psycopg.Error) as caught:
            superuser.run("SELECT integratedb.daemon_check()")
        hint = caught.value.diag.message_hint or ""
        assert hint.startswith(WAL_LEVEL)
        superuser.run(found("ALTER SYSTEM SET wal_level = logical", hint))
    restart()
    with session() as superuser:
        superuser.run("SELECT integratedb.daemon_check()")
