"""pg_upgrade takes a cluster of PostgreSQL 15 to 17 and 18, where it is enforced and told of without anything of 15."""

from __future__ import annotations

from pathlib import Path

import pytest
from testcontainers.core.network import Network

from tests.docker.shop import (
    DAEMON_PASSWORD,
    assert_enforced,
    bus,
    daemon,
    make_shop,
    place_order,
    skip_unless_a_plain_table_passes,
    told,
)
from tests.docker.support import MAJORS, PASSWORD, Container, eventually, image, postgres

OLDEST, *NEWER = MAJORS

UPGRADE = f"""
cd /tmp
echo "$POSTGRES_PASSWORD" > password
initdb --pgdata=/var/lib/postgresql/upgraded --pwfile=password --locale=C.UTF-8 --encoding=UTF8 --data-checksums
pg_upgrade --old-bindir=/usr/lib/postgresql/{OLDEST}/bin --new-bindir="$(pg_config --bindir)" \\
    --old-datadir=/var/lib/postgresql/data --new-datadir=/var/lib/postgresql/upgraded
cp /var/lib/postgresql/data/postgresql.conf /var/lib/postgresql/data/pg_hba.conf /var/lib/postgresql/upgraded
"""
REMOVE_THE_OLD = f"rm -rf /usr/lib/postgresql/{OLDEST} /usr/share/postgresql/{OLDEST} /old"
START = "pg_ctl start --silent --wait --pgdata=/var/lib/postgresql/upgraded --log=/tmp/log"


@pytest.mark.skipif(not NEWER, reason="needs the images of two versions")
@pytest.mark.parametrize("major", NEWER)
def test_an_upgraded_cluster_is_enforced_and_told_of_without_the_old_programs(major: str) -> None:
    tag = f"integratedb-test:upgrade-{OLDEST}-{major}"
    arguments = {"OLD": f"integratedb:{OLDEST}", "NEW": f"integratedb:{major}", "OLD_MAJOR": OLDEST}
    with (
        Network() as network,
        bus(network) as client,
        image(tag, Path(__file__).with_name("pg_upgrade.Dockerfile"), **arguments),
        postgres(OLDEST, network=network, name="old", INTEGRATEDB_DAEMON_PASSWORD=DAEMON_PASSWORD) as old,
    ):
        with postgres(major, network=network, name="new") as empty:
            skip_unless_a_plain_table_passes(old, empty, empty)
        mailer = make_shop(old)
        with daemon(network, "old"):
            place_order(old, "before")
            eventually(lambda: told(client) == ["before"], message="the old server's order")
        client.flushall()
        (volume,) = (mount["Name"] for mount in old.inspect()["Mounts"])
        old.get_wrapped_container().stop(timeout=60)

        container = Container(tag).with_exposed_ports(5432).with_network(network).with_network_aliases("new")
        container.with_env("POSTGRES_PASSWORD", PASSWORD).with_command(["sleep", "infinity"])
        container.with_volume_mapping(volume, "/var/lib/postgresql/data", "rw").with_kwargs(init=True)
        with container as new:
            new.run(UPGRADE, LD_LIBRARY_PATH="/old/lib")
            new.run(REMOVE_THE_OLD, user="root")
            new.run(START)
            assert_enforced(new, mailer)
            # The slot stayed behind, as it does before 17: a human says that what it had not told is lost.
            with daemon(network, "new", "--accept-gap"):
                place_order(new, "after")
                eventually(lambda: told(client) == ["after"], message="the new server's order")
