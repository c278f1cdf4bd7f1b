"""The daemon on a cluster: the primary is killed under load; no event is lost, false, or repeated with another id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from tests.system.cluster.harness import Nodes, Writer
from tests.system.harness import DAEMON_PASSWORD, DAEMON_ROLE, SECRET, Daemon, Receiver, eventually


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook."""
    with Receiver().run() as running:
        yield running


@pytest.fixture
def daemon(nodes: Nodes, receiver: Receiver, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that knows all nodes, with a channel for what the writer writes."""
    with nodes.superuser() as admin:
        admin.run(f"CREATE ROLE {DAEMON_ROLE} LOGIN REPLICATION PASSWORD '{DAEMON_PASSWORD}'")
        admin.run(f"GRANT integratedb_daemon TO {DAEMON_ROLE}")
        admin.run("SELECT integratedb_create_stakeholder('reporter')")
        channel = {"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET}
        spec = {"match": [{"path": "public.written", "fields": ["*"]}], "channels": [channel]}
        admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb(spec))
    dsn = nodes.dsn(user=DAEMON_ROLE, password=DAEMON_PASSWORD, target_session_attrs="read-write")
    running = Daemon(dsn, "integratedb", tmp_path / "daemon.log").ready()
    yield running
    running.kill()
    with nodes.superuser() as admin:
        admin.run("SELECT integratedb_drop_stakeholder('reporter')")


def test_a_failover_loses_no_event(nodes: Nodes, daemon: Daemon, receiver: Receiver) -> None:
    eventually(
        lambda: all(row["slot"] == "ready" for row in nodes.rows().values()), timeout_s=90, message="copies of the slot"
    )
    old = nodes.primary()
    with Writer(nodes) as writer:
        nodes.kill(old, "postgres")
        writer.goes_on(40)
    assert nodes.primary() != old

    def told() -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        for event in receiver.delivered():
            found.setdefault(event["data"]["record"]["n"], set()).add(event["id"])
        return found

    eventually(lambda: set(writer.acknowledged) <= set(told()), timeout_s=60, message="all events")
    with nodes.superuser() as session:
        present = {row[0] for row in session.rows("SELECT n FROM public.written")}
    events = receiver.delivered()
    ids = [one for found in told().values() for one in found]
    repeats = len(events) - len(ids)
    print(f"\nnotifications: {len(writer.acknowledged)} acknowledged, {len(events)} events, 0 lost, {repeats} repeats")
    assert set(told()) <= present, "no event of a commit that does not exist"
    assert len(ids) == len(set(ids)) == len(told()), "one id for each row, and one row for each id"
    assert daemon.ready().process.poll() is None
    eventually(lambda: daemon.metric("integratedb_streaming") == 1, message="the daemon reads the stream")
