"""A physical standby: what can be read there, what is refused how, and that everything works once it is promoted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, hint, refused
from tests.system.harness import DAEMON_PASSWORD, DAEMON_ROLE, Cluster, Daemon, Receiver, eventually
from tests.system.standbys import Standby

# One primary for all of them.
pytestmark = pytest.mark.xdist_group("standby")

CLAIMS = {"match": [{"path": "public.orders", "fields": ["id", "status"]}, {"path": "public.notes", "fields": ["*"]}]}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with an owner's tables, a stakeholder with claims and notifications, and one claim that is unmet."""
    cluster = Cluster(tmp_path_factory.mktemp("primary") / "link")
    try:
        with cluster.session("postgres") as superuser:
            superuser.run("CREATE ROLE shop_owner LOGIN")
            superuser.run("CREATE DATABASE shop OWNER shop_owner")
            superuser.run(f"CREATE ROLE {DAEMON_ROLE} LOGIN REPLICATION PASSWORD '{DAEMON_PASSWORD}'")
        with cluster.session("shop") as admin, cluster.session("shop", "shop_owner") as owner:
            admin.run("CREATE EXTENSION integratedb CASCADE")
            admin.run(f"GRANT integratedb_daemon TO {DAEMON_ROLE}")
            admin.run("GRANT CREATE ON SCHEMA public TO shop_owner")
            owner.run("CREATE TABLE orders (id bigint PRIMARY KEY, status text, total numeric)")
            owner.run("CREATE TABLE notes (note varchar(40) NOT NULL); INSERT INTO notes VALUES ('read me')")
            admin.run("SELECT integratedb_create_stakeholder('reporter')")
            admin.run("ALTER ROLE reporter PASSWORD NULL")
            admin.run("SELECT integratedb_claim('reporter', %s)", Jsonb(CLAIMS))
            with admin.transaction():
                admin.run("SELECT integratedb_override('a trial')")
                admin.run("ALTER TABLE orders DROP COLUMN status")
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def standby(primary: Cluster) -> Iterator[Standby]:
    """A standby of it, which the test may promote."""
    copy = Standby(primary)
    try:
        yield copy
    finally:
        copy.stop()
        shutil.rmtree(copy.socket)


def notify(admin: Session, url: str) -> None:
    """Ask for the notes to be told to a webhook."""
    spec = {
        "match": [{"path": "public.orders", "fields": ["*"]}],
        "channels": [{"name": "hook", "type": "WEBHOOK", "url": url, "secret": SECRET}],
    }
    admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb(spec))


# What the operator of a standby asks; also what a reporting application asks there of itself.
READS = [
    "SELECT * FROM integratedb_unmet_claims()",
    "SELECT * FROM integratedb_unmet_claims(max_results => NULL)",
    "SELECT * FROM integratedb_stakeholders()",
    "SELECT integratedb_specification('reporter')",
    "SELECT integratedb_specification('reporter', 'notifications')",
    "SELECT * FROM integratedb_access('reporter')",
    "SELECT * FROM integratedb_dependents('public.notes', 'note')",
    "SELECT * FROM integratedb_ddl_events(max_results => NULL)",
    "SELECT * FROM integratedb_deliveries('reporter', 'hook', 10)",
    """SELECT * FROM integratedb_check_spec('{"match": {"path": "notes"}}')""",
    "SELECT * FROM integratedb.leftovers()",
]

# Each needs to write, if only to take it back.
WRITES = [
    """SELECT integratedb_claim('reporter', '{"match": []}')""",
    """SELECT integratedb_notify('reporter', '{"match": []}')""",
    """SELECT * FROM integratedb_check_spec('{"match": {"path": "public.notes"}}')""",
    "SELECT integratedb_sync()",
    "SELECT integratedb_validate_migration()",
    "SELECT integratedb_override('a trial')",
    "SELECT integratedb_create_stakeholder('auditor')",
    "SELECT integratedb_rename_stakeholder('reporter', 'auditor')",
    "SELECT integratedb_rotate_password('reporter')",
    "SELECT integratedb_drop_stakeholder('reporter')",
    "SELECT integratedb_configure('enforcement', 'explicit')",
    "SELECT integratedb_pause_channel('reporter', 'hook')",
    "SELECT integratedb_resume_channel('reporter', 'hook')",
    "SELECT integratedb_redeliver('reporter', 'hook')",
]


def test_a_standby_answers_questions_as_the_primary_does_and_refuses_the_rest(
    primary: Cluster, standby: Standby
) -> None:
    with primary.session("shop") as there:
        notify(there, "http://127.0.0.1:9/hook")
        standby.catch_up(there)
        with standby.session("shop") as here:
            for question in READS:
                assert here.rows(question) == there.rows(question), question
            assert len(here.rows(READS[0])) == 1
            facts: dict[str, str] = dict(here.rows("SELECT * FROM integratedb_status()"))
            assert (facts["claims"], facts["unmet"], facts["lock holder"]) == ("2", "1", "nobody")
            for statement in WRITES:
                with refused("25006", match="this server is a standby") as refusal:
                    here.run(statement)
                assert "on the primary" in hint(refusal), statement
            # A preview runs the statements themselves, and what they say is Postgres' own.
            with refused("25006", match="cannot execute ALTER TABLE"):
                here.run("SELECT * FROM integratedb_preview_migration('ALTER TABLE notes DROP COLUMN note')")
    with standby.session("shop", "reporter") as reporter:
        assert reporter.value("SELECT note FROM notes") == "read me"
        assert reporter.value("SELECT count(*) FROM integratedb_unmet_claims()") == 1
        assert reporter.value("SELECT count(*) FROM integratedb_access('reporter')") == 3


def test_a_read_only_transaction_is_told_what_it_is(primary: Cluster) -> None:
    with primary.session("shop") as admin:
        admin.run("SET default_transaction_read_only = on")
        assert len(admin.rows("SELECT * FROM integratedb_unmet_claims()")) == 1
        with refused("25006", match="this transaction is read-only") as refusal:
            admin.run("SELECT integratedb_sync()")
        assert "READ WRITE" in hint(refusal)


def test_after_promotion_claims_are_enforced_and_taken(primary: Cluster, standby: Standby) -> None:
    with primary.session("shop") as there:
        standby.catch_up(there)
    standby.promote()
    with standby.session("shop", "shop_owner") as owner, standby.session("shop") as admin:
        with refused("IDB01", match="a claim of reporter"):
            owner.run("ALTER TABLE notes DROP COLUMN note")
        # What was unmet before is a warning, and the column that comes back is granted.
        owner.run("ALTER TABLE orders ADD COLUMN status text")
        assert admin.rows("SELECT * FROM integratedb_unmet_claims()") == []
        assert admin.value("SELECT value FROM integratedb_status() WHERE fact = 'armed'") == "yes"
        owner.run("CREATE TABLE visits (page text)")
        admin.run("SELECT integratedb_create_stakeholder('auditor')")
        claims = {"match": {"path": "public.visits", "fields": ["page"]}}
        admin.run("SELECT integratedb_claim('auditor', %s)", Jsonb(claims))
        with refused("IDB01", match="a claim of auditor"):
            owner.run("ALTER TABLE visits RENAME COLUMN page TO url")
    with standby.session("shop", "reporter") as reporter:
        assert reporter.rows("SELECT id, status FROM orders WHERE id > 100") == []


def test_after_promotion_the_daemon_says_that_its_slot_is_gone_until_the_gap_is_accepted(
    primary: Cluster, standby: Standby, receiver: Receiver, tmp_path: Path
) -> None:
    with primary.session("shop") as there:
        notify(there, receiver.url())
        daemon = Daemon(primary.dsn("shop"), "integratedb", tmp_path / "first.log").ready()
        there.run("INSERT INTO orders VALUES (1, 10)")
        eventually(lambda: len(receiver.delivered()) == 1)
        assert daemon.stop() == 0
        there.run("INSERT INTO orders VALUES (2, 20)")
        standby.catch_up(there)

    # Before the promotion it cannot do its work there, says so, and waits.
    early = Daemon(standby.dsn("shop"), "integratedb", tmp_path / "early.log", "--accept-gap")
    eventually(lambda: early.get("/ready") == (503, "the server is a standby\n"))
    assert "this server is a standby" in early.log_file.read_text()
    assert early.stop() == 0

    standby.promote()
    refused_start = Daemon(standby.dsn("shop"), "integratedb", tmp_path / "second.log")
    assert refused_start.exit_status() == 3
    assert "slot 'integratedb' is gone" in refused_start.log_file.read_text()

    daemon = Daemon(standby.dsn("shop"), "integratedb", tmp_path / "third.log", "--accept-gap").ready()
    try:
        with standby.session("shop") as here:
            here.run("INSERT INTO orders VALUES (3, 30)")
        eventually(lambda: len(receiver.delivered()) == 3)
        first, lost, third = receiver.delivered()
        assert first["data"]["record"]["id"] == 1
        assert (lost["type"], lost["data"]["reason"]) == ("integratedb.events.lost", "slot_lost")
        assert third["data"]["record"]["id"] == 3
        assert daemon.stop() == 0
    finally:
        daemon.kill()
