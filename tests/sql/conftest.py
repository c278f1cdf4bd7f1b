"""A fresh database with the shop and the extension for each test, and sessions on it as the roles that users have.

The server is the one that ``make test`` starts. pytest-postgresql's janitor makes the template once a session and each
test's database from it; its fixture factories are not used, because they want the server's address while this file is
imported, and without one would go for whatever listens on port 5432.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb
from pytest_postgresql.janitor import DatabaseJanitor

from tests.support import Server, Session, clone, given_dsns, worker_number

ROOT = Path(__file__).parents[2]
TEMPLATE = "shop_template"
DATABASE = "shop"
OWNER = "shop_owner"
ADMIN = "shop_admin"

Connect = Callable[..., Session]


@pytest.fixture(scope="session")
def server() -> Server:
    """The cluster of this run, or of this one of its workers."""
    dsns = given_dsns()
    if len(dsns) <= worker_number():
        pytest.exit(
            f"INTEGRATEDB_TEST_DSN names {len(dsns)} clusters, too few: run `make test`, or see tests/README.md",
            returncode=2,
        )
    parts = conninfo_to_dict(dsns[worker_number()])
    return Server(socket=str(parts["host"]), port=int(str(parts["port"])), superuser=str(parts["user"]))


def janitor(server: Server, name: str, **more: Any) -> DatabaseJanitor:
    """Who makes a database when entered, and drops it when left; one that a killed run left behind goes at once."""
    made = DatabaseJanitor(host=server.socket, port=server.port, user=server.superuser, dbname=name, **more)
    made.drop()
    return made


def open_session(server: Server, user: str, dbname: str, **more: Any) -> Session:
    """A session over the socket, or by password over TCP where there is one."""
    host = server.tcp if "password" in more else server.socket
    return Session.open(host=host, port=server.port, user=user, dbname=dbname, **more)


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """The shop of an ordinary owner, in a database that then gets the extension."""
    janitor(server, DATABASE)
    with janitor(server, TEMPLATE, as_template=True):
        make_shop(server, TEMPLATE)
        yield TEMPLATE


def make_shop(server: Server, dbname: str) -> None:
    """The shop of an ordinary owner in a database that is there, which then gets the extension, and its admin."""
    with open_session(server, server.superuser, dbname) as superuser:
        superuser.run(f"DROP ROLE IF EXISTS {OWNER}, {ADMIN}")
        superuser.run(f"CREATE ROLE {OWNER} LOGIN; CREATE SCHEMA shop AUTHORIZATION {OWNER}")
        with open_session(server, OWNER, dbname) as owner:
            owner.run((ROOT / "demo/shop.sql").read_text())
        try:
            superuser.run("CREATE EXTENSION integratedb CASCADE")
        except psycopg.Error as error:
            pytest.exit(
                f"CREATE EXTENSION integratedb: {error}\n(scripts/install installs what the source tree has)",
                returncode=2,
            )
        superuser.run(f"CREATE ROLE {ADMIN} LOGIN IN ROLE integratedb_admin")
        # The first sync or check of a database looks every name up, as after a restore. The copies need not.
        superuser.run("SELECT integratedb_sync(); DELETE FROM integratedb.ddl_event")


@pytest.fixture
def database(server: Server, template: str) -> Iterator[str]:
    """The test's own database. Roles, memberships and databases that the test adds to the cluster go with it."""
    with open_session(server, server.superuser, "postgres") as cluster:
        roles, databases = set(cluster.rows(ROLES)), set(cluster.rows(DATABASES))
        memberships = set(cluster.rows(MEMBERSHIPS))
        cluster.run(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        clone(cluster, DATABASE, template)
        yield DATABASE
        for (name,) in set(cluster.rows(DATABASES)) - databases:
            cluster.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for (name,) in set(cluster.rows(ROLES)) - roles:
            cluster.run(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
        for group, member in set(cluster.rows(MEMBERSHIPS)) - memberships:
            cluster.run(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(group), sql.Identifier(member)))


ROLES = "SELECT rolname FROM pg_catalog.pg_roles"
MEMBERSHIPS = "SELECT m.roleid::regrole::text, m.member::regrole::text FROM pg_catalog.pg_auth_members AS m"
DATABASES = "SELECT datname FROM pg_catalog.pg_database"


@pytest.fixture
def connect(server: Server, database: str) -> Iterator[Connect]:
    """``connect(user, password=..., dbname=..., ...)``: a session as any role, closed when the test ends."""
    sessions: list[Session] = []

    def connect(user: str, *, dbname: str = database, **more: Any) -> Session:
        sessions.append(open_session(server, user, dbname, **more))
        return sessions[-1]

    yield connect
    for session in sessions:
        session.close()


@pytest.fixture
def superuser(server: Server, connect: Connect) -> Session:
    """The superuser, for what only a superuser can do or see."""
    return connect(server.superuser)


@pytest.fixture
def owner(connect: Connect) -> Session:
    """The primary application's role: it owns schema shop, migrates it, and has no right on schema integratedb."""
    return connect(OWNER)


@pytest.fixture
def admin(connect: Connect) -> Session:
    """A member of integratedb_admin."""
    return connect(ADMIN)


@pytest.fixture
def created() -> set[str]:
    """The stakeholders that these fixtures have created."""
    return set()


@pytest.fixture
def stakeholder(admin: Session, connect: Connect, created: set[str]) -> Callable[[str], Session]:
    """``stakeholder(name)``: create it, and log in with the credentials it was given."""

    def create(name: str) -> Session:
        created.add(name)
        username, password = admin.row("SELECT username, password FROM integratedb_create_stakeholder(%s)", name)
        return connect(username, password=password)

    return create


@pytest.fixture
def claim(admin: Session, created: set[str]) -> Callable[..., Any]:
    """``claim(*matches, by="reporter")``: the stakeholder, created when it is new, claims these and nothing else."""

    def claim(*matches: dict[str, Any], by: str = "reporter") -> Any:
        # The list of stakeholders counts unmet matches, which takes longer to plan than the claim takes as a whole.
        role = "SELECT FROM pg_catalog.pg_roles WHERE rolname = %s"
        listed = "SELECT name FROM integratedb_stakeholders() WHERE name = %s"
        if by not in created and not (admin.rows(role, by) and admin.rows(listed, by)):
            admin.run("SELECT integratedb_create_stakeholder(%s)", by)
            created.add(by)
        return admin.value("SELECT integratedb_claim(%s, %s)", by, Jsonb({"match": list(matches)}))

    return claim


@pytest.fixture
def server_log(server: Server, database: str) -> Callable[[], str]:
    """What the server has logged since the test began."""
    log = Path(os.environ.get("INTEGRATEDB_TEST_LOG", f"{server.socket}/log"))
    start = log.stat().st_size

    def read() -> str:
        return log.read_bytes()[start:].decode(errors="replace")

    return read


@pytest.fixture
def second_server(tmp_path: Path) -> Iterator[Server]:
    """Another cluster, empty: where a dump is restored."""
    link = tmp_path / "cluster"
    started = subprocess.run([ROOT / "scripts/cluster", "start", link], check=True, capture_output=True, text=True)
    parts = conninfo_to_dict(started.stdout)
    yield Server(socket=str(parts["host"]), port=int(str(parts["port"])))
    subprocess.run([ROOT / "scripts/cluster", "stop", link], check=True)
