"""Makes in the database what the parts need: the extension, a login with least privilege for each, the root user.

Each step looks first whether it was done, so an interrupted start is continued by the next one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import connect, transaction
from integratedb_companion.common.output import clean
from integratedb_companion.common.preflight import install, preflight
from integratedb_companion.common.session import EXTENSION

from .directory import Directory

#: The database of a Postgres of ours, and the roles of people there.
DATABASE, OWNER, ADMIN = "main", "main_owner", "main_admin"
ROOT: Final = "root"
#: The first libpq that can refuse to show a password to a server.
REQUIRES_AUTH: Final = 160_000
Say = Callable[[str], None]


@dataclass(frozen=True)
class Login:
    """A role that logs in: its attributes, and the groups that it is a member of."""

    attributes: str
    groups: tuple[str, ...] = ()


#: By the part whose login it is. docs/operations.md and docs/permissions.md have the reasons.
LOGINS: Final = {
    "daemon": Login("LOGIN REPLICATION", ("integratedb_daemon",)),
    "api": Login("LOGIN NOINHERIT", ("integratedb_authenticator",)),
    "serve": Login("LOGIN", ("integratedb_admin", "integratedb_management")),
}
#: In a Postgres of ours only: others have such roles already.
PEOPLE: Final = {OWNER: Login("LOGIN"), ADMIN: Login("LOGIN", ("integratedb_admin",))}


class Passwords:
    """The passwords of a directory. Each is written durably before it is used."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._known = directory.read(directory.passwords)

    def of(self, name: str) -> str:
        """Return a password, a new one at the first time."""
        if name not in self._known:
            self.keep({name: secrets.token_urlsafe(24)})
        return str(self._known[name])

    def known(self) -> dict[str, str]:
        """Return all passwords by name."""
        return dict(self._known)

    def keep(self, passwords: dict[str, str]) -> None:
        """Add passwords, durably."""
        self._known |= passwords
        self._directory.write(self._directory.passwords, self._known)

    def drop(self, names: Iterable[str]) -> None:
        """Forget passwords."""
        for name in names:
            self._known.pop(name, None)
        self._directory.write(self._directory.passwords, self._known)


class Database:
    """The database that the parts serve: one of ours, or that of --dsn."""

    def __init__(self, directory: Directory, *, is_ours: bool) -> None:
        self.directory, self.is_ours = directory, is_ours
        self.passwords = Passwords(directory)
        #: The parameters of its connections, without user and password.
        self.parameters: dict[str, str] = {}
        self.version = ""
        self._settings = directory.read(directory.settings)

    def login(self, part: str) -> str:
        """Return the name of a part's login. Roles belong to the server, so on a server of others it has a suffix."""
        names = self._settings.setdefault("logins", {})
        if part not in names:
            suffix = "" if self.is_ours else f"_{secrets.token_hex(3)}"
            names |= {name: f"integratedb_login_{name}{suffix}" for name in LOGINS}
            self.remember()
        return str(names[part])

    def remember(self, **settings: Any) -> None:
        """Keep decisions durably."""
        self._settings |= settings
        self.directory.write(self.directory.settings, self.directory.read(self.directory.settings) | self._settings)

    def recalls(self, name: str) -> Any:
        """Return a decision of an earlier start."""
        return self._settings.get(name)

    def dsn(self, role: str) -> str:
        """Return the connection string of a role whose password is known."""
        # While a Postgres of ours is down, another user may listen on its port, and ask for the password itself.
        proof = {"require_auth": "scram-sha-256"} if self.is_ours and pq.version() >= REQUIRES_AUTH else {}
        return make_conninfo("", **self.parameters, **proof, user=role, password=self.passwords.of(role))

    def create(self, conninfo: str) -> None:
        """Create the database of a Postgres of ours, owned by an ordinary role."""
        with connect(make_conninfo(conninfo, dbname="postgres"), None) as connection:
            with transaction(connection):
                self.create_roles(connection, PEOPLE)
            found = connection.execute("SELECT FROM pg_catalog.pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )

    def prepare(self, conninfo: str, say: Say) -> bool:
        """Make everything that is missing; return whether the root user was created now. Error: CommandError."""
        with connect(conninfo, None) as connection:
            info = connection.info
            self.parameters = _parameters(info)
            self.version = clean(str(info.parameter_status("server_version")).partition(" ")[0])
            self._extension(connection, say)
            with transaction(connection):
                names = {self.login(part): login for part, login in LOGINS.items()}
                people = {ADMIN: PEOPLE[ADMIN]} if self.is_ours else {}
                for role in self.create_roles(connection, names | people):
                    say(f"created login {role}")
            for role in names:
                self._check_password(connection, role, say)
            return self._root_user(connection)

    def _extension(self, connection: psycopg.Connection[TupleRow], say: Say) -> None:
        with transaction(connection):
            checks = list(preflight(connection))
            installed = connection.execute(EXTENSION).fetchone() is not None
        for check in checks:
            if check.state == "missing" or (check.name == "wal_level" and check.state != "ok"):
                raise CommandError(f"{check.name}: {check.found}", hint=check.cure)
        if not installed:
            say(f"creating the extension in database {connection.info.dbname}")
            install(connection, None, (), installed=False)

    def create_roles(self, connection: psycopg.Connection[TupleRow], wanted: dict[str, Login]) -> list[str]:
        """Create the roles that do not exist, and make them members of their groups; return those created."""
        created = []
        for role, login in wanted.items():
            name = sql.Identifier(role)
            if not _exists(connection, role):
                connection.execute(
                    sql.SQL("CREATE ROLE {} " + login.attributes + " PASSWORD {}").format(
                        name, self._verifier(connection, role)
                    )
                )
                created.append(role)
            for group in login.groups:
                member = "SELECT pg_catalog.pg_has_role(%s::name, %s::name, 'MEMBER')"
                if _exists(connection, group) and not _value(connection, member, role, group):
                    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), name))
        return created

    def _verifier(self, connection: psycopg.Connection[TupleRow], role: str) -> sql.Literal:
        """Return what Postgres stores of a password, so that no log of statements has the password."""
        verifier = connection.pgconn.encrypt_password(self.passwords.of(role).encode(), role.encode(), b"scram-sha-256")
        return sql.Literal(verifier.decode())

    def _check_password(self, connection: psycopg.Connection[TupleRow], role: str, say: Say) -> None:
        """Set the password of a part's login anew where it is not the known one, such as after a restore."""
        try:
            psycopg.connect(self.dsn(role), connect_timeout=10).close()
        except psycopg.OperationalError as problem:
            if "password authentication failed" not in str(problem):
                raise CommandError(f"login {role}: {' '.join(str(problem).split())}") from None
            with transaction(connection):
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), self._verifier(connection, role))
                )
            say(f"login {role} had another password; it has that of {self.directory.passwords} now")

    def _root_user(self, connection: psycopg.Connection[TupleRow]) -> bool:
        """Create the root user of the management API before the API listens, where anybody could create it."""
        if _value(connection, "SELECT integratedb.management_has_users()"):
            return False
        from integratedb_companion.serve.passwords import hashed

        # Noted first: after an interruption the user may exist, and is ours.
        self.remember(root_is_ours=True)
        digest = hashed(self.passwords.of(ROOT))
        with transaction(connection):
            connection.execute("SELECT integratedb.management_create_first_user(%s, %s)", [ROOT, digest])
        return True


def _parameters(info: psycopg.ConnectionInfo) -> dict[str, str]:
    """Return the parameters that lead to the same server and database, for other users."""
    own = (
        "user",
        "password",
        "passfile",
        "service",
        "options",
        "application_name",
        "connect_timeout",
        "client_encoding",
    )
    found = {name: value for name, value in info.get_parameters().items() if name not in own}
    return {"host": info.host, "port": str(info.port), **found, "dbname": info.dbname}


def _value(connection: psycopg.Connection[TupleRow], query: str, *values: Any) -> Any:
    row = connection.execute(query.encode(), values).fetchone()
    return row[0] if row else None


def _exists(connection: psycopg.Connection[TupleRow], role: str) -> bool:
    return _value(connection, "SELECT true FROM pg_catalog.pg_roles WHERE rolname = %s", role) is True
