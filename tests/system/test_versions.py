"""A daemon and an extension of different releases: the daemon says so at its start, and serves once they fit."""

from __future__ import annotations

import subprocess

from tests.system import processes
from tests.system.harness import Shop
from tests.unit.test_version import control_version

PRESENT = control_version()


def run(shop: Shop) -> subprocess.CompletedProcess[str]:
    """A daemon that should end by itself."""
    options = ["--listen", "127.0.0.1:0", "--dsn", shop.cluster.dsn(shop.database), "--slot", shop.slot]
    return processes.run(["daemon", *options], timeout_s=60)


def test_a_daemon_refuses_the_extension_of_an_older_release_until_it_is_updated(shop: Shop) -> None:
    with shop.cluster.session(shop.database) as superuser:
        # An older one cannot be made any more. What version it is, the daemon asks of the catalog.
        version = "UPDATE pg_extension SET extversion = %s WHERE extname = 'integratedb'"
        superuser.run(version, "0.1.0")
        refused = run(shop)
        assert refused.returncode == 2
        assert refused.stdout == ""
        (line,) = [line for line in refused.stderr.splitlines() if not line.startswith("{")]
        assert line == (
            f"integratedb: companion {PRESENT} does not fit "
            f"the extension integratedb 0.1.0 of database {shop.database}: "
            f"update the extension to {PRESENT.rpartition('.')[0]}.x: "
            f"ALTER EXTENSION integratedb UPDATE in {shop.database}, as a superuser"
        )
        assert superuser.rows("SELECT FROM pg_replication_slots WHERE slot_name = %s", shop.slot) == []

        superuser.run(version, PRESENT)
    shop.daemon()


def test_a_daemon_says_that_a_database_has_no_extension(shop: Shop) -> None:
    with shop.cluster.session(shop.database) as superuser:
        superuser.run("DROP EXTENSION integratedb CASCADE")
    refused = run(shop)
    assert refused.returncode == 2
    assert f"database {shop.database} has no extension integratedb: CREATE EXTENSION" in refused.stderr
