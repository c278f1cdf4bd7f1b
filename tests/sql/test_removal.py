"""DROP EXTENSION: what is users' stays as it was, and what is left behind is said with the statements that drop it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, OWNER, Connect, make_shop, open_session
from tests.sql.test_restore import tool
from tests.support import Server, Session, refused

DATABASE = "postgres"
SLOT = "shop_notifications"
CLAIMS = {"match": [{"path": "shop.orders", "fields": ["id", "note"]}, {"path": "shop.products", "fields": ["*"]}]}

# Each of what an extension cannot own, by name.
OUTSIDE = """
SELECT 'role', rolname FROM pg_roles WHERE rolname !~ '^pg_'
UNION ALL SELECT 'publication', pubname FROM pg_publication
UNION ALL SELECT 'slot', slot_name FROM pg_replication_slots
UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'event trigger', evtname FROM pg_event_trigger
"""


def dump(server: Server, *options: str) -> str:
    """What pg_dump makes of the database, without the key that it draws."""
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", tool(server, "pg_dump", *options, DATABASE))


@pytest.fixture
def superuser(second_server: Server) -> Iterator[Session]:
    """The superuser of a cluster in which nothing else has the extension."""
    with open_session(second_server, "postgres", DATABASE) as session:
        yield session


def test_users_data_stays_and_the_notice_tells_how_to_remove_the_rest(
    second_server: Server, superuser: Session
) -> None:
    superuser.run("CREATE ROLE postgres_only")
    before = set(superuser.rows(OUTSIDE))
    make_shop(second_server, DATABASE)
    with open_session(second_server, ADMIN, DATABASE) as admin:
        for name in ("reporter", "archive"):
            admin.run("SELECT integratedb_create_stakeholder(%s)", name)
            admin.run("SELECT integratedb_claim(%s, %s)", name, Jsonb(CLAIMS))
        admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb(CLAIMS))
    with open_session(second_server, "archive", DATABASE) as archive:
        archive.run("CREATE TABLE archive.kept AS SELECT id FROM shop.orders")
    superuser.run("SELECT integratedb.daemon_slot_announced(%s)", SLOT)
    lsn = superuser.value("SELECT lsn::text FROM pg_create_logical_replication_slot(%s, 'pgoutput')", SLOT)
    superuser.run("SELECT integratedb.daemon_slot_created(%s, %s, '{}')", SLOT, lsn)

    promised = superuser.rows("SELECT object, statement FROM integratedb.leftovers()")
    schemas = ("--schema", "shop", "--schema", "archive")
    everything = dump(second_server, *schemas)
    assert "GRANT SELECT(note) ON TABLE shop.orders TO reporter" in everything
    rows = dump(second_server, "--schema", "shop", "--data-only")
    superuser.notices.clear()
    superuser.run("DROP EXTENSION integratedb")

    [notice] = [n for n in superuser.notices if "leaves behind" in n.message_primary]
    assert notice.message_detail == "\n".join(f"{object_}: {statement}" for object_, statement in promised)
    assert dump(second_server, *schemas) == everything
    with open_session(second_server, "reporter", DATABASE) as reporter:
        assert reporter.value("SELECT count(id) FROM shop.orders") == 200
        with refused("42501"):
            reporter.run("SELECT total FROM shop.orders")

    left = set(superuser.rows(OUTSIDE)) - before - {("role", OWNER), ("role", ADMIN), ("schema", "shop")}
    assert left == {
        ("role", "archive"),
        ("role", "integratedb_admin"),
        ("role", "integratedb_authenticator"),
        ("role", "integratedb_management"),
        ("role", "integratedb_archive"),
        ("role", "integratedb_daemon"),
        ("role", "reporter"),
        ("publication", "integratedb"),
        ("publication", "integratedb_append"),
        ("publication", "integratedb_control"),
        ("slot", SLOT),
        ("schema", "archive"),
        ("schema", "reporter"),
    }
    # As somebody would copy them: what stands behind the colon.
    for line in (notice.message_detail or "").splitlines():
        superuser.run(re.sub(r"^[^:]+: ", "", line))
    assert set(superuser.rows(OUTSIDE)) - before == {("role", OWNER), ("role", ADMIN), ("schema", "shop")}
    assert dump(second_server, "--schema", "shop", "--data-only") == rows
    superuser.run("CREATE EXTENSION integratedb")
    assert superuser.rows("SELECT * FROM integratedb_stakeholders()") == []


@pytest.mark.parametrize(
    ("statement", "is_told"),
    [
        ("drop extension if exists INTEGRATEDB", True),
        ("DROP EXTENSION plpython3u CASCADE", True),
        ("DROP EXTENSION hstore", False),
        ("DROP EXTENSION hstore /* not integratedb_other */ CASCADE", False),
    ],
)
def test_only_what_drops_the_extension_tells(connect: Connect, server: Server, statement: str, is_told: bool) -> None:
    superuser = connect(server.superuser)
    superuser.run("CREATE EXTENSION hstore")
    superuser.notices.clear()
    superuser.run(statement)
    assert any("leaves behind" in notice.message_primary for notice in superuser.notices) == is_told


def test_what_a_stakeholder_owns_elsewhere_is_kept_for_a_role_without_rights(
    second_server: Server, superuser: Session
) -> None:
    make_shop(second_server, DATABASE)
    superuser.run("SELECT integratedb_create_stakeholder('reporter')")
    superuser.run("CREATE TABLE shop.theirs AS SELECT 1 AS id; ALTER TABLE shop.theirs OWNER TO reporter")
    superuser.run("DROP EXTENSION integratedb")
    [notice] = [n for n in superuser.notices if "leaves behind" in n.message_primary]
    *lines, last = (re.sub(r"^[^:]+: ", "", line) for line in (notice.message_detail or "").splitlines())
    for statement in lines:
        superuser.run(statement)
    assert superuser.value("SELECT tableowner FROM pg_tables WHERE tablename = 'theirs'") == "integratedb_archive"
    with refused("2BP01"):
        superuser.run(last)
