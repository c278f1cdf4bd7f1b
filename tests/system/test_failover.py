"""A failover while the daemon runs: no event is lost, none is told that the new primary takes back, no id means two."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import TEMPLATE, new_cluster
from tests.system.harness import DAEMON_PASSWORD, DAEMON_ROLE, SECRET, Cluster, Daemon, Receiver, Shop, eventually
from tests.system.standbys import Standby

pytestmark = pytest.mark.xdist_group("failover")

SLOT = "integratedb"
WRITE = "INSERT INTO orders VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET status = 'again'"


class Pair:
    """A primary, a standby that has a copy of the slot, and a daemon that knows both."""

    def __init__(self, primary: Cluster, receiver: Receiver, directory: Path) -> None:
        self.primary = primary
        with primary.session(TEMPLATE) as admin, primary.session(TEMPLATE, "shop_owner") as owner:
            owner.run("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
            password = admin.value("SELECT password FROM integratedb_create_stakeholder('reporter')")
            shop = Shop(primary, TEMPLATE, "reporter", password, SLOT, owner, admin, directory)
            shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
        # The daemon makes the slot before the standby exists, so that there is something to copy.
        first = Daemon(primary.dsn(TEMPLATE), SLOT, directory / "first.log").ready()
        self.standby = Standby(primary, slot=SLOT, use=lambda: self.write(-1, -1, "used"))
        first.stop()
        receiver.requests.clear()
        ports = f"{primary.port},{self.standby.port}"
        self.daemon = Daemon(
            f"host=127.0.0.1,127.0.0.1 port={ports} dbname={TEMPLATE} user={DAEMON_ROLE} password={DAEMON_PASSWORD}"
            " target_session_attrs=read-write connect_timeout=2",
            SLOT,
            directory / "daemon.log",
        ).ready()

    def write(self, first: int, last: int, status: str, server: Cluster | None = None) -> None:
        """Write orders, each in a transaction."""
        with (server or self.primary).session(TEMPLATE) as session:
            for number in range(first, last + 1):
                session.run(WRITE, number, status)

    def replicate_synchronously(self) -> None:
        """Have each COMMIT wait for the standby."""
        with self.primary.session("postgres") as superuser:
            superuser.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            superuser.run("SELECT pg_reload_conf()")
            state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            eventually(lambda: superuser.value(state) == 1, message="a synchronous standby")

    def stop_replicating(self) -> None:
        """Have the standby receive nothing from now on."""
        with self.standby.session("postgres") as superuser:
            superuser.run("ALTER SYSTEM SET primary_conninfo = ''")
            superuser.run("SELECT pg_reload_conf()")
            eventually(lambda: not superuser.rows("SELECT FROM pg_stat_wal_receiver"), message="no WAL receiver")

    def promote(self) -> None:
        """Make the standby the primary, for which no COMMIT waits for another one."""
        self.standby.promote()
        with self.standby.session("postgres") as superuser:
            superuser.run("ALTER SYSTEM SET synchronous_standby_names = ''")
            superuser.run("SELECT pg_reload_conf()")

    def signal_primary(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the primary."""
        file = Path(f"{self.primary.socket}/data/postmaster.pid")
        if not file.exists():
            return
        postmaster = int(file.read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def close(self) -> None:
        """End all of it."""
        self.daemon.kill()
        self.signal_primary(signal.SIGCONT)
        self.standby.stop()
        shutil.rmtree(self.standby.socket)


@pytest.fixture
def pair(receiver: Receiver, tmp_path: Path) -> Iterator[Pair]:
    """Two servers of its own for a test that loses one."""
    with new_cluster(tmp_path / "link") as cluster:
        made = Pair(cluster, receiver, tmp_path)
        try:
            yield made
        finally:
            made.close()


def rows(receiver: Receiver) -> dict[int, set[str]]:
    """The orders that the receiver was told of, each with the ids of its events; without those that moved the slot."""
    told: dict[int, set[str]] = {}
    for event in receiver.delivered():
        told.setdefault(event["data"]["record"]["id"], set()).add(event["id"])
    told.pop(-1, None)
    return told


def crash(pair: Pair) -> None:
    """The primary is gone at once."""
    pair.primary.stop_for_a_while()


def freeze(pair: Pair) -> None:
    """The primary does nothing any more, and its connections stay open."""
    pair.signal_primary(signal.SIGSTOP)


@pytest.mark.parametrize("lose", [crash, freeze])
def test_after_a_failover_the_daemon_goes_on_and_no_event_is_lost(
    pair: Pair, receiver: Receiver, lose: Callable[[Pair], None]
) -> None:
    process = pair.daemon.process.pid
    pair.replicate_synchronously()
    pair.write(1, 100, "before")
    lose(pair)
    pair.promote()
    pair.write(101, 200, "after", pair.standby)

    eventually(lambda: len(rows(receiver)) == 200, message="all orders")
    told = rows(receiver)
    assert all(len(ids) == 1 for ids in told.values()), "a repeat has the id that it had"
    assert {next(iter(told[number]))[:9] for number in range(1, 101)} == {"00000001-"}
    assert {next(iter(told[number]))[:9] for number in range(101, 201)} == {"00000002-"}
    assert len({next(iter(ids)) for ids in told.values()}) == 200
    assert (pair.daemon.ready().process.pid, pair.daemon.process.poll()) == (process, None)
    [again] = [line for line in pair.daemon.logs() if line["message"].startswith("attaching again")]
    assert "is now timeline 2 of system" in again["error"]
    with pair.standby.session(TEMPLATE) as superuser:
        slot = "SELECT timeline, ceiling_lsn >= confirmed_lsn FROM integratedb.daemon_slot(%s)"
        eventually(lambda: superuser.row(slot, SLOT) == (2, True))


def test_positions_that_are_used_again_have_other_ids(pair: Pair, receiver: Receiver) -> None:
    """Without synchronous replication a failover takes commits back; others stand at their positions then."""
    pair.stop_replicating()
    pair.write(1, 300, "taken back")
    eventually(lambda: len(rows(receiver)) == 300, message="what is taken back")
    taken_back = receiver.delivered()
    crash(pair)
    pair.promote()
    pair.write(1001, 1300, "real", pair.standby)

    eventually(lambda: len(rows(receiver)) == 600, message="what is real")
    ids: dict[str, Any] = {}
    for event in receiver.delivered():
        assert ids.setdefault(event["id"], event["data"]["record"]) == event["data"]["record"], "an id means one row"
    positions = {event["id"][9:] for event in taken_back}
    again = [event["id"] for event in receiver.delivered() if event["id"][9:] in positions]
    assert len(again) > 300, "positions are used again, or this test shows nothing"
    assert pair.daemon.process.poll() is None


def test_events_that_wait_for_a_receiver_and_were_taken_back_block_none_that_follow(
    pair: Pair, receiver: Receiver
) -> None:
    pair.stop_replicating()
    receiver.behave = lambda _: 503
    pair.write(1, 300, "taken back")
    with pair.primary.session(TEMPLATE) as superuser:
        kept = "SELECT count(*) FROM integratedb_deliveries('reporter', 'hook', 1000)"
        eventually(lambda: superuser.value(kept) > 100, message="events are kept in the database")
    crash(pair)
    pair.promote()
    pair.write(1001, 1100, "real", pair.standby)
    receiver.behave = lambda _: 204

    real = set(range(1001, 1101))
    eventually(lambda: real <= set(rows(receiver)), message="what is real")
    assert pair.daemon.process.poll() is None
    with pair.standby.session(TEMPLATE) as superuser:
        eventually(lambda: superuser.value(kept) == 0)


def test_nothing_is_told_before_the_synchronous_standby_has_it(pair: Pair, receiver: Receiver) -> None:
    pair.replicate_synchronously()
    pair.write(1, 1, "first")
    eventually(lambda: len(rows(receiver)) == 1)
    waits = "events wait for the synchronous standbys"
    eventually(lambda: any(line["message"] == waits for line in pair.daemon.logs()), message=waits)
    with pair.standby.session("postgres") as session:
        [[receives]] = session.rows("SELECT pid FROM pg_stat_wal_receiver")
    os.kill(receives, signal.SIGSTOP)
    try:
        with pair.primary.session(TEMPLATE) as session:
            session.run("SET synchronous_commit = local")
            session.run("INSERT INTO orders VALUES (2, 'nobody has it yet')")
        with pytest.raises(AssertionError, match="not within"):
            eventually(lambda: len(rows(receiver)) == 2, timeout_s=2)
    finally:
        os.kill(receives, signal.SIGCONT)
    eventually(lambda: len(rows(receiver)) == 2)
