"""What is dumped from PostgreSQL 15 is enforced and told of on 17 and 18, whichever version's pg_dump dumped it."""

from __future__ import annotations

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
from tests.docker.support import MAJORS, PASSWORD, eventually, postgres

OLDEST, *NEWER = MAJORS

# As the admin of the new server does it: the roles first, then the database; on either machine.
RESTORE = """
createdb --host=new shop
pg_dumpall --host=old --roles-only | psql --quiet --host=new --dbname=postgres
pg_dump --host=old {format} shop | {restore}
"""
PLAIN = {"format": "", "restore": "psql --quiet --host=new --dbname=shop --set=ON_ERROR_STOP=1 --single-transaction"}
CUSTOM = {"format": "--format=custom", "restore": "pg_restore --host=new --dbname=shop --exit-on-error"}


@pytest.mark.skipif(not NEWER, reason="needs the images of two versions")
@pytest.mark.parametrize("form", [PLAIN, CUSTOM], ids=["plain", "custom"])
@pytest.mark.parametrize("tools", ["new", "old"])
@pytest.mark.parametrize("major", NEWER)
def test_a_dump_of_the_oldest_version_is_enforced_and_told_of_on_a_newer_one(major: str, tools: str, form) -> None:
    with (
        Network() as network,
        postgres(OLDEST, network=network, name="old", INTEGRATEDB_DAEMON_PASSWORD=DAEMON_PASSWORD) as old,
        postgres(major, network=network, name="new") as new,
        bus(network) as client,
    ):
        where = {"new": new, "old": old}[tools]
        skip_unless_a_plain_table_passes(old, new, where)
        mailer = make_shop(old)
        with daemon(network, "old"):
            place_order(old, "before")
            eventually(lambda: told(client) == ["before"], message="the old server's order")
        client.flushall()

        where.run(RESTORE.format(**form), PGUSER="postgres", PGPASSWORD=PASSWORD)

        assert_enforced(new, mailer)
        with daemon(network, "new"):
            place_order(new, "after")
            eventually(lambda: told(client) == ["after"], message="the new server's order")
