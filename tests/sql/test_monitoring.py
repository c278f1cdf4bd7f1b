"""The panels: what they show, to whom, without secrets, and how a session is cancelled."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.sql.conftest import ADMIN, OWNER, Connect, open_session
from tests.support import Server, Session, refused

PANELS = [
    "locks",
    "sessions",
    "xmin",
    "connections",
    "statements",
    "replication",
    "slots",
    "wraparound",
    "wal",
    "cache",
    "channels",
]


def panel(session: Session, name: str) -> list[dict[str, Any]]:
    return session.dicts(f"SELECT * FROM integratedb_monitor_{name}()")


@pytest.mark.parametrize("name", PANELS)
def test_admins_read_a_panel_and_nobody_else_does(admin: Session, owner: Session, stakeholder: Any, name: str) -> None:
    panel(admin, name)
    for session in (owner, stakeholder("reporter")):
        with refused("42501"):
            panel(session, name)


def waiting(admin: Session, number: int) -> list[dict[str, Any]]:
    for _ in range(100):
        rows = panel(admin, "locks")
        if len(rows) >= number:
            return rows
        time.sleep(0.05)
    raise AssertionError(rows)


def test_who_waits_for_whom_is_a_tree_without_secrets(admin: Session, owner: Session, connect: Connect) -> None:
    owner.run("SET application_name = 'holder'; BEGIN; LOCK TABLE shop.orders")
    others = [connect(OWNER, application_name=f"waiter {n}") for n in (1, 2)]
    threads = [
        threading.Thread(target=others[0].run, args=("SELECT 'it is s3cret' FROM shop.orders LIMIT 1",)),
        threading.Thread(
            target=others[1].run, args=("BEGIN; LOCK TABLE shop.customers; SELECT FROM shop.orders; COMMIT",)
        ),
    ]
    for thread in threads:
        thread.start()
    rows = waiting(admin, 3)
    assert [(row["depth"], row["application"]) for row in rows] == [(0, "holder"), (1, "waiter 1"), (1, "waiter 2")]
    top, first, _ = rows
    assert top["waits_for"] is None
    assert top["state"] == "idle in transaction"
    assert first["waits_for"] == top["pid"]
    assert first["path"] == [top["pid"], first["pid"]]
    assert first["wait"] == "Lock: relation"
    assert first["seconds"] >= 0
    assert "FROM shop.orders" in first["query"]
    assert "s3cret" not in str(rows)
    owner.run("ROLLBACK")
    for thread in threads:
        thread.join()
    assert panel(admin, "locks") == []


def test_sessions_show_who_keeps_old_rows(admin: Session, owner: Session, superuser: Session) -> None:
    superuser.run("SET application_name = 'other'")
    owner.run("SET application_name = 'old'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM shop.orders")
    superuser.run("CREATE TABLE public.newer (); DROP TABLE public.newer")
    rows = {row["application"]: row for row in panel(admin, "sessions")}
    assert rows["old"]["holds_xmin"]
    assert rows["old"]["state"] == "idle in transaction"
    assert not rows["other"]["holds_xmin"]
    assert panel(admin, "xmin")[0]["name"] == f"pid {rows['old']['pid']} of {OWNER}"


def test_statements_of_other_databases_and_values_are_left_out(admin: Session, server: Server, owner: Session) -> None:
    owner.run("SELECT 'pass word', set_config('a.b', 'hidden', false)")
    with open_session(server, server.superuser, "postgres") as elsewhere:
        elsewhere.run("SELECT 'somewhere else'")
        rows = panel(admin, "sessions")
    text = str(rows)
    assert "pass word" not in text
    assert "hidden" not in text
    assert "somewhere else" not in text
    assert {row["query"] for row in rows if row["database"] == "postgres"} == {None}


def test_without_pg_stat_statements_the_panel_is_empty_and_says_so(admin: Session) -> None:
    admin.notices.clear()
    assert panel(admin, "statements") == []
    assert [notice.message_primary for notice in admin.notices] == [
        "pg_stat_statements is not available in this database, so no statements are counted"
    ]


def test_a_function_of_somebody_else_is_not_taken_for_pg_stat_statements(
    superuser: Session, owner: Session, admin: Session
) -> None:
    superuser.run(
        "CREATE TABLE public.marks (); GRANT ALL ON public.marks TO PUBLIC; CREATE SCHEMA stats; "
        "GRANT ALL ON SCHEMA stats TO PUBLIC"
    )
    superuser.run("CREATE EXTENSION pg_stat_statements SCHEMA stats")
    owner.run(
        "CREATE FUNCTION stats.pg_stat_statements(text) RETURNS SETOF integer LANGUAGE sql AS 'INSERT INTO "
        "public.marks DEFAULT VALUES RETURNING 1';"
        "CREATE FUNCTION shop.pg_stat_statements(boolean) RETURNS SETOF integer LANGUAGE sql AS 'INSERT INTO "
        "public.marks DEFAULT VALUES RETURNING 1'"
    )
    admin.run("SET search_path = shop, stats, public")
    panel_rows = admin.rows("SELECT * FROM public.integratedb_monitor_statements()")
    assert panel_rows == []  # the library is not loaded
    name = superuser.value("SELECT integratedb.statements_schema()")
    assert name is None
    assert superuser.rows("SELECT * FROM public.marks") == []


def test_statements_are_counted_by_role_without_values(second_server: Server, tmp_path: Path) -> None:
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    bindir = subprocess.check_output([os.environ["PG_CONFIG"], "--bindir"], text=True).strip()
    data = (tmp_path / "cluster").resolve() / "data"
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_preload_libraries = 'pg_stat_statements'\n")
    again = [f"{bindir}/pg_ctl", "restart", "--silent", "--wait", "--pgdata", str(data)]
    again += ["--log", f"{data.parent}/log", "--options", f"-p {second_server.port}"]
    subprocess.run([*as_owner, *again], check=True, cwd="/")
    with open_session(second_server, second_server.superuser, "postgres") as superuser:
        superuser.run('CREATE EXTENSION integratedb CASCADE; CREATE SCHEMA "st\'s"')
        superuser.run('CREATE EXTENSION pg_stat_statements SCHEMA "st\'s"')
        superuser.run(
            "SELECT integratedb_create_stakeholder('reporter'); CREATE ROLE boss LOGIN IN ROLE integratedb_admin"
        )
        superuser.run("CREATE ROLE other PASSWORD 'topsecret'")
        with open_session(second_server, "reporter", "postgres") as reporter:
            for number in range(3):
                reporter.run(f"SELECT {number} AS counted WHERE 'hidden' <> ''")
        with open_session(second_server, "boss", "postgres") as boss:
            rows = panel(boss, "statements")
            assert len(boss.rows("SELECT FROM integratedb_monitor_statements(2)")) == 2
    [mine] = [row for row in rows if row["role"] == "reporter" and "AS counted" in row["query"]]
    assert (mine["is_stakeholder"], mine["calls"], mine["rows"]) == (True, 3, 3)
    assert [row["query"] for row in rows if "CREATE ROLE other" in row["query"]] == ["CREATE ROLE other PASSWORD '***'"]
    assert "topsecret" not in str(rows)
    assert "hidden" not in str(rows)


def test_slots_and_replication_show_what_is_kept(superuser: Session, admin: Session) -> None:
    superuser.run("SELECT pg_create_physical_replication_slot('panel', true)")
    try:
        [slot] = [row for row in panel(admin, "slots") if row["name"] == "panel"]
        assert slot["kind"] == "physical"
        assert slot["kept_bytes"] >= 0
        assert slot["limit_bytes"] is None
        assert not slot["active"]
        assert not slot["is_ours"]
    finally:
        superuser.run("SELECT pg_drop_replication_slot('panel')")


def test_counts_of_the_server(admin: Session) -> None:
    facts = {row["fact"]: row["value"] for row in panel(admin, "wal")}
    assert facts["wal"] > 0
    assert facts["checkpoints by time"] is not None
    assert facts["temporary files"] is not None
    kinds = {row["kind"] for row in panel(admin, "wraparound")}
    assert kinds == {"database", "table"}
    assert len(admin.rows("SELECT FROM integratedb_monitor_wraparound(3) WHERE kind = 'table'")) == 3
    [mine] = [row for row in panel(admin, "connections") if row["role"] == ADMIN]
    assert mine["connections"] <= mine["total"] <= mine["most"]
    assert {row["kind"] for row in panel(admin, "cache")} == {"database", "tables", "indexes"}


def test_a_channel_shows_its_queue_and_no_secret(admin: Session, superuser: Session) -> None:
    admin.run("SELECT integratedb_create_stakeholder('reporter')")
    admin.run(
        """SELECT integratedb_notify('reporter', '{"match": [{"path": "shop.orders", "fields": ["id"]}],
           "channels": [{"name": "hook", "type": "WEBHOOK", "url": "https://h.example/?key=s3cret",
                         "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}]}')"""
    )
    superuser.run(
        "INSERT INTO integratedb.delivery (channel_id, commit_lsn, position, key, event, committed_at)"
        " SELECT id, '0/1', 0, '', '{}', now() FROM integratedb.channel"
    )
    [row] = panel(admin, "channels")
    assert (row["stakeholder"], row["channel"], row["state"], row["queued"], row["dead"]) == (
        "reporter",
        "hook",
        "ok",
        1,
        0,
    )
    assert "s3cret" not in str(row)
    assert "MDEyMzQ1" not in str(row)


# Cancelling


def test_an_admin_cancels_a_statement_or_ends_a_session_and_the_audit_log_has_it(
    admin: Session, owner: Session
) -> None:
    owner.run("SET application_name = 'slow'")
    pid = owner.info.backend_pid
    caught: list[psycopg.Error] = []

    def sleep() -> None:
        try:
            owner.run("SELECT pg_sleep(20)")
        except psycopg.Error as error:
            caught.append(error)

    thread = threading.Thread(target=sleep)
    thread.start()
    time.sleep(0.3)
    assert admin.value("SELECT integratedb_cancel(%s)", pid) == f"pid {pid}, {OWNER}, active: slow"
    thread.join(timeout=10)
    assert [error.sqlstate for error in caught] == ["57014"]
    assert admin.value("SELECT integratedb_cancel(%s, terminate => true)", pid) == f"pid {pid}, {OWNER}, idle: slow"
    with pytest.raises(psycopg.OperationalError):
        owner.run("SELECT 1")
    assert admin.value("SELECT integratedb_cancel(%s)", pid) is None
    log = admin.rows("SELECT session_user_name, command_tag, reason FROM integratedb_ddl_events() ORDER BY id")
    assert log == [
        (ADMIN, "INTEGRATEDB CANCEL", f"pid {pid}, {OWNER}, active: slow"),
        (ADMIN, "INTEGRATEDB TERMINATE", f"pid {pid}, {OWNER}, idle: slow"),
    ]


def test_the_audit_log_may_forget_a_cancelled_session_but_the_server_log_does_not(
    admin: Session, owner: Session, server_log: Any
) -> None:
    pid = owner.info.backend_pid
    admin.run("BEGIN")
    admin.run("SELECT integratedb_cancel(%s, true)", pid)
    admin.run("ROLLBACK")
    assert f"integratedb_cancel: terminated by {ADMIN}: pid {pid}" in server_log()


def test_sessions_of_superusers_and_processes_of_the_server_are_left_alone(admin: Session, superuser: Session) -> None:
    pid = superuser.info.backend_pid
    for terminate in (False, True):
        with refused("42501", match="a session of a superuser"):
            admin.run("SELECT integratedb_cancel(%s, %s)", pid, terminate)
    [writer] = [
        row[0] for row in superuser.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    ]
    for session in (admin, superuser):
        with refused("42501", match="a process of the server"):
            session.run("SELECT integratedb_cancel(%s, true)", writer)
    assert superuser.value("SELECT 1") == 1
    assert admin.value("SELECT integratedb_cancel(%s)", admin.info.backend_pid) is None
    assert admin.value("SELECT integratedb_cancel(NULL)") is None


def test_only_admins_cancel(owner: Session, stakeholder: Any, connect: Connect) -> None:
    pid = connect(OWNER).info.backend_pid
    for session in (owner, stakeholder("reporter")):
        with refused("42501"):
            session.run("SELECT integratedb_cancel(%s)", pid)
