"""ALTER EXTENSION UPDATE, from every release: what is in place stays, and the catalog is that of a fresh install."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.installation import installation
from tests.sql.catalog import snapshot
from tests.sql.conftest import ADMIN, DATABASES, OWNER, ROLES, ROOT, Connect, open_session
from tests.support import Server, Session, refused
from tests.unit.test_version import control_version

PRESENT = control_version()
RELEASED = set(re.findall(r"  releases/([0-9.]+)/", (ROOT / "releases/frozen.sha256").read_text()))
VERSIONS = sorted({*RELEASED, PRESENT}, key=lambda version: [int(part) for part in version.split(".")])
PATHS = list(itertools.combinations(VERSIONS, 2))
TO_PRESENT = [version for version in VERSIONS if version != PRESENT]

CLAIMS = [
    {"path": "shop.orders", "fields": ["id", "note"]},
    {"path": "shop.products", "fields": ["*"]},
    {"path": "shop.customers", "fields": [{"alternatives": ["phone", "telephone"]}]},
    {"path": "shop.refunds", "fields": ["id"], "optional": True},
]
CHANNELS = [
    {"name": "hook", "type": "WEBHOOK", "url": "https://example.org/hook", "secret": "whsec_" + "a" * 32},
    {"name": "live", "type": "SOCKET"},
]

# What sync and checks at COMMIT write anew, and what the update itself leaves: its row in the log.
MOVING = {"ddl_event", "serialisation", "own_change"}

Shop = Callable[..., str]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A cluster on a copy of the server's files, in which earlier releases can be made."""
    with installation(with_extension=True) as copy:
        copy.add_releases()
        with copy.server() as server, open_session(server, server.superuser, "postgres") as superuser:
            superuser.run(f"CREATE ROLE integratedb_admin NOLOGIN; CREATE ROLE {OWNER} LOGIN")
            superuser.run(f"CREATE ROLE {ADMIN} LOGIN IN ROLE integratedb_admin")
            yield server


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    """``connect(user, dbname=...)``; the roles and databases that the test adds to the cluster go with it."""
    sessions: list[Session] = []

    def connect(user: str, *, dbname: str = "postgres", **more: Any) -> Session:
        sessions.append(open_session(server, user, dbname, **more))
        return sessions[-1]

    with open_session(server, server.superuser, "postgres") as cluster:
        roles, databases = set(cluster.rows(ROLES)), set(cluster.rows(DATABASES))
        yield connect
        for session in sessions:
            session.close()
        for (name,) in set(cluster.rows(DATABASES)) - databases:
            cluster.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for (name,) in set(cluster.rows(ROLES)) - roles:
            cluster.run(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def shop(server: Server, connect: Connect) -> Shop:
    """``shop(version)``: a database with the shop and that version of the extension; dropped after the test."""

    def make(version: str) -> str:
        name = "shop_" + version.replace(".", "_")
        with connect(server.superuser) as superuser:
            superuser.run(f"CREATE DATABASE {name}")
        superuser = connect(server.superuser, dbname=name)
        superuser.run(f"CREATE SCHEMA shop AUTHORIZATION {OWNER}")
        with open_session(server, OWNER, name) as owner:
            owner.run((ROOT / "demo/shop.sql").read_text())
        superuser.run(sql.SQL("CREATE EXTENSION integratedb VERSION {} CASCADE").format(sql.Literal(version)))
        return name

    return make


def hand_in(admin: Session, owner: Session, prefix: str) -> None:
    """Two stakeholders with claims and notifications, a claim that is unmet already, and a setting."""
    for name in ("reader", "listener"):
        admin.run("SELECT integratedb_create_stakeholder(%s)", prefix + name)
    admin.run("SELECT integratedb_claim(%s, %s)", f"{prefix}reader", Jsonb({"match": CLAIMS}))
    admin.run("SELECT integratedb_claim(%s, %s)", f"{prefix}listener", Jsonb({"match": {"path": "shop.order_lines"}}))
    notifications = {"match": [{"path": "shop.orders", "fields": ["id", "status"]}], "channels": CHANNELS}
    admin.run("SELECT integratedb_notify(%s, %s)", f"{prefix}listener", Jsonb(notifications))
    admin.run("SELECT integratedb_configure('ddl_event_retention', '30 days')")
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("ALTER TABLE shop.order_lines RENAME TO lines")
    admin.run("SELECT integratedb_configure('enforcement', 'commit')")


def update_to(version: str) -> sql.Composed:
    return sql.SQL("ALTER EXTENSION integratedb UPDATE TO {}").format(sql.Literal(version))


def version_of(session: Session) -> Any:
    return session.value("SELECT extversion FROM pg_extension WHERE extname = 'integratedb'")


def rows_in_place(superuser: Session) -> dict[str, list[dict[str, Any]]]:
    """All rows of the extension's tables, by table."""
    tables = superuser.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'integratedb'::regnamespace AND relkind = 'r'"
    )
    return {
        name: [
            row
            for (row,) in superuser.rows(
                sql.SQL("SELECT to_jsonb(t) FROM integratedb.{} AS t ORDER BY 1").format(sql.Identifier(name))
            )
        ]
        for (name,) in tables
        if name not in MOVING
    }


def assert_enforced(owner: Session, reader: Session) -> None:
    """What is claimed can be read and not broken; what is added follows; what was unmet before hinders nobody."""
    reader.run("SELECT id, note FROM shop.orders; SELECT * FROM shop.products; SELECT phone FROM shop.customers")
    for ddl in (
        "ALTER TABLE shop.orders DROP COLUMN note",
        "ALTER TABLE shop.products RENAME COLUMN sku TO code",
        "DROP TABLE shop.orders CASCADE",
        "REVOKE SELECT ON shop.orders FROM PUBLIC; ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE shop.orders REPLICA IDENTITY NOTHING",
    ):
        with refused("IDB01"):
            owner.run(ddl)
    owner.run("ALTER TABLE shop.products ADD COLUMN weight integer")
    reader.run("SELECT weight FROM shop.products")
    owner.run("CREATE TABLE shop.refunds (id integer)")
    reader.run("SELECT id FROM shop.refunds")
    owner.run("ALTER TABLE shop.lines ADD COLUMN origin text")


def test_every_release_has_its_path_and_they_all_lead_to_the_present_version(superuser):
    paths = superuser.rows(
        "SELECT source, target FROM pg_extension_update_paths('integratedb') WHERE path IS NOT NULL ORDER BY 1, 2"
    )
    assert RELEASED
    assert paths == sorted(PATHS)


@pytest.mark.parametrize(("source", "target"), PATHS)
def test_an_update_keeps_what_is_in_place_and_makes_what_a_fresh_install_makes(server, shop, connect, source, target):
    old = shop(source)
    admin, owner, superuser = (connect(user, dbname=old) for user in (ADMIN, OWNER, server.superuser))
    hand_in(admin, owner, "aa_")
    reader = connect("aa_reader", dbname=old)
    before = rows_in_place(superuser)
    assert before["claim"]
    assert before["channel"]

    # These sessions have run the Python and the plans of the old version; the first one runs the update too.
    asks = """SELECT count(*) FROM integratedb_check_spec('{"match": 1}')"""
    for session in (superuser, owner):
        assert session.value(asks) == 1
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    superuser.run(update_to(target))
    assert superuser.warnings() == []
    for session in (superuser, owner):
        assert session.value(asks) == 1
    package = "integratedb_" + target.replace(".", "_")
    superuser.run(
        "CREATE FUNCTION public.imported() RETURNS SETOF text LANGUAGE plpython3u AS 'import sys; return sys.modules'"
    )
    assert {name for (name,) in superuser.rows("SELECT imported()") if name.startswith(package)}
    superuser.run("DROP FUNCTION public.imported()")

    after = rows_in_place(superuser)
    # The daemon is told again, in the words of this version; what it was told before goes where there is none.
    told = {(row["stakeholder_id"], row["kind"]) for row in before.pop("control")}
    assert {(row["stakeholder_id"], row["kind"]) for row in after.pop("control")} == told
    kept = {
        name: [{key: row[key] for key in rows[0]} for row in after[name]] if rows else after[name]
        for name, rows in before.items()
    }
    assert kept == before
    log = superuser.rows("SELECT command_tag, object_identity FROM integratedb_ddl_events() ORDER BY occurred_at DESC")
    assert log[0] == ("ALTER EXTENSION", "integratedb")
    assert [tag for tag, identity in log if "integratedb." in (identity or "")] == []
    assert superuser.rows("SELECT FROM integratedb.own_change") == []

    fresh = shop_of_a_fresh_install(shop, connect, server, target)
    updated = snapshot(superuser, "aa_")
    difference = list(difflib.unified_diff(fresh, updated, "fresh", "updated", n=0, lineterm=""))
    assert not difference, "\n".join(difference)

    assert_enforced(owner, reader)
    with connect(OWNER, dbname=old) as another, refused("IDB01"):
        another.run("ALTER TABLE shop.orders DROP COLUMN note")


def shop_of_a_fresh_install(shop: Shop, connect: Connect, server: Server, version: str) -> list[str]:
    """Its snapshot, with the same in place."""
    fresh = shop(version)
    hand_in(connect(ADMIN, dbname=fresh), connect(OWNER, dbname=fresh), "zz_")
    return snapshot(connect(server.superuser, dbname=fresh), "zz_")


@pytest.mark.parametrize("source", TO_PRESENT)
def test_an_update_takes_secrets_out_of_the_audit_log(server, shop, connect, source):
    superuser = connect(server.superuser, dbname=shop(source))
    superuser.run("SELECT integratedb_create_stakeholder('listener')")
    document = sql.Literal(Jsonb({"match": {"path": "shop.orders"}, "channels": CHANNELS}))
    superuser.run(sql.SQL("SELECT integratedb_notify('listener', {})").format(document))
    superuser.run("CREATE TABLE shop.a (); CREATE ROLE somebody PASSWORD /* /* */ */ 's3cr3t'")
    superuser.run("CREATE TABLE shop.b (c text DEFAULT 'x')")
    kept = "SELECT string_agg(query, ' ') FROM integratedb.ddl_event"
    assert "whsec_" in superuser.value(kept)
    superuser.run(update_to(PRESENT))
    text = superuser.value(kept)
    assert "whsec_" not in text
    assert "CREATE TABLE shop.a (); CREATE ROLE somebody PASSWORD /* ... */ '***'" in text
    assert "CREATE TABLE shop.b (c text DEFAULT 'x')" in text


@pytest.mark.parametrize("source", TO_PRESENT)
def test_an_update_tells_the_daemon_which_role_a_stakeholder_is(server, shop, connect, source):
    database = shop(source)
    superuser, owner = (connect(user, dbname=database) for user in (server.superuser, OWNER))
    hand_in(superuser, owner, "aa_")
    superuser.run(update_to(PRESENT))
    states = superuser.rows("SELECT body FROM integratedb.control WHERE kind = 'state' ORDER BY id")
    assert states[-1][0]["role"] == superuser.value("SELECT 'aa_listener'::regrole::oid::bigint")
    # A migration finds nothing else to tell.
    owner.run("ALTER TABLE shop.orders ADD COLUMN elsewhere int")
    assert superuser.rows("SELECT body FROM integratedb.control WHERE kind = 'state' ORDER BY id") == states[-1:]


@pytest.mark.parametrize("source", TO_PRESENT)
def test_an_update_may_stand_among_other_statements_of_a_migration(server, shop, connect, source):
    database = shop(source)
    superuser, owner = (connect(user, dbname=database) for user in (server.superuser, OWNER))
    hand_in(superuser, owner, "aa_")
    with superuser.transaction():
        superuser.run("ALTER TABLE shop.customers RENAME COLUMN phone TO telephone")
        superuser.run(update_to(PRESENT))
        superuser.run("ALTER TABLE shop.products ADD COLUMN weight integer")
        superuser.run("CREATE TABLE shop.refunds (id integer)")
    assert superuser.warnings() == []
    assert version_of(superuser) == PRESENT
    connect("aa_reader", dbname=database).run(
        "SELECT telephone, weight FROM shop.customers, shop.products, shop.refunds"
    )


@pytest.mark.parametrize("source", TO_PRESENT)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_an_update_excuses_no_migration_of_its_transaction(server, shop, connect, source, before):
    database = shop(source)
    superuser, owner = (connect(user, dbname=database) for user in (server.superuser, OWNER))
    hand_in(superuser, owner, "aa_")
    statements = ["ALTER TABLE shop.orders DROP COLUMN note", update_to(PRESENT)]
    with refused("IDB01"), superuser.transaction():
        for statement in statements if before else reversed(statements):
            superuser.run(statement)
    assert version_of(superuser) == source
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


@pytest.mark.parametrize("source", TO_PRESENT)
def test_a_migration_that_is_under_way_during_an_update_is_judged(server, shop, connect, source):
    database = shop(source)
    superuser, owner = (connect(user, dbname=database) for user in (server.superuser, OWNER))
    hand_in(superuser, owner, "aa_")
    superuser.run("SET lock_timeout = '2s'")
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
        # An update that alters the table of the queue waits until the migration has ended.
        with contextlib.suppress(psycopg.errors.LockNotAvailable):
            superuser.run(update_to(PRESENT))
    superuser.run(update_to(PRESENT))
    assert version_of(superuser) == PRESENT


@pytest.mark.parametrize("source", TO_PRESENT)
def test_an_update_leaves_an_event_trigger_disabled_that_somebody_has_disabled(server, shop, connect, source):
    superuser = connect(server.superuser, dbname=shop(source))
    superuser.run("ALTER EVENT TRIGGER integratedb_sql_drop DISABLE")
    superuser.run(update_to(PRESENT))
    assert superuser.rows("SELECT evtname FROM pg_event_trigger WHERE evtenabled = 'D'") == [("integratedb_sql_drop",)]
