"""A standby of a cluster, for the tests of promotions and failovers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support import Session
from tests.system.harness import Cluster, eventually, free_port

BINDIR = Path(
    subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], check=True, capture_output=True, text=True)
    .stdout.strip()
)  # fmt: skip


def as_owner(*command: str | Path) -> None:
    """Run a command as the user that owns the servers."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    # Without a pipe: a server that the command starts would keep it open.
    subprocess.run([*prefix, *command], check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Standby(Cluster):
    """A streaming copy of a cluster, in its directory."""

    def __init__(self, primary: Cluster, slot: str | None = None, use: Callable[[], None] = lambda: None) -> None:
        """`slot`: a logical slot that it gets a copy of, in the way that Patroni copies slots below PostgreSQL 17.

        `use` makes the slot move on: it must need no WAL from before the base backup.
        """
        self.socket, self.port = f"{primary.socket}/standby", free_port()
        as_owner(
            *(BINDIR / "pg_basebackup", "--pgdata", f"{self.socket}/data", "--write-recovery-conf"),
            *("--checkpoint", "fast", "--host", primary.socket, "--port", str(primary.port), "--username", "postgres"),
        )
        if slot is not None:
            with primary.session("postgres") as session:
                start = session.value("SELECT pg_current_wal_lsn()::text")
                look = "SELECT restart_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s"
                while not session.value(look, start, slot):
                    use()
                    session.run("CHECKPOINT")
            slots = "data/pg_replslot"
            as_owner("cp", "-a", f"{primary.socket}/{slots}/{slot}", f"{self.socket}/{slots}/")
        options = f"-p {self.port} -c unix_socket_directories={self.socket} -c cluster_name=standby"
        as_owner(
            *(BINDIR / "pg_ctl", "start", "--silent", "--wait", "--pgdata", f"{self.socket}/data"),
            *("--log", f"{self.socket}/log", "--options", options),
        )

    def catch_up(self, primary: Session) -> None:
        """Wait until it has replayed what the primary has written."""
        lsn = primary.value("SELECT pg_current_wal_lsn()::text")
        with self.session("postgres") as session:
            eventually(lambda: session.value("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn), message="replay")

    def promote(self) -> None:
        """Make it the primary."""
        as_owner(BINDIR / "pg_ctl", "promote", "--silent", "--wait", "--pgdata", f"{self.socket}/data")

    def stop(self) -> None:
        """Stop it; its files go with those of the primary."""
        as_owner(BINDIR / "pg_ctl", "stop", "--silent", "--mode", "immediate", "--pgdata", f"{self.socket}/data")
