"""Fills in the shop of the demo: its tables, its roles, and the contracts of its stakeholders."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from psycopg import sql

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import opened, transaction
from integratedb_companion.contracts import reconcile
from integratedb_companion.contracts.credentials import Credentials
from integratedb_companion.contracts.reading import files_in, read_contracts
from integratedb_companion.contracts.variables import environment

from .database import OWNER, Database, Login

SCHEMA = "shop"
SHOP_OWNER, SHOP_ADMIN = "shop_owner", "shop_admin"
PEOPLE = {SHOP_OWNER: Login("LOGIN"), SHOP_ADMIN: Login("LOGIN", ("integratedb_admin",))}
#: The stakeholders that the data API may act as.
OVER_HTTP = ("mailer", "reporter")
TABLES = """
    SELECT pg_catalog.pg_get_userbyid(n.nspowner) AS owner, pg_catalog.to_regclass('shop.sales') IS NOT NULL AS is_whole
      FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'shop'
"""


def files_of_demo() -> Path:
    """Return the directory of the demo's files: in an installed package, or in the source tree beside it."""
    packaged = Path(str(files(__package__))) / "demo"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "demo"


class _Kept:
    """Keeps the credentials of new stakeholders in the passwords of the directory, before COMMIT."""

    def __init__(self, database: Database) -> None:
        self._passwords = database.passwords
        self._written: list[str] = []

    def __str__(self) -> str:
        return "the passwords of the directory"

    def prepare(self) -> None:
        """Do nothing: the directory was written to already."""

    def write(self, credentials: list[Credentials]) -> None:
        """Keep the passwords."""
        self._written = [entry.username for entry in credentials]
        self._passwords.keep({entry.username: entry.password for entry in credentials})

    def undo(self) -> None:
        """Forget passwords that the database has refused."""
        self._passwords.drop(self._written)


def fill_in(database: Database, conninfo: str, say: Callable[[str], None]) -> None:
    """Fill in the demo once; later starts leave it as it has become. Error: CommandError."""
    if database.recalls("demo"):
        return
    with opened(conninfo, None) as extension:
        connection = extension.connection
        found = connection.execute(TABLES).fetchone()
        if found is not None and (found[0] != SHOP_OWNER or not found[1]):
            raise CommandError(
                f"--demo: database {extension.name} has a schema {SCHEMA} of its own", hint="Leave --demo out."
            )
        say("filling in the shop of the demo")
        if found is None:
            # Tables and all rows, or nothing.
            with transaction(connection):
                database.create_roles(connection, PEOPLE)
                owner = sql.Identifier(SHOP_OWNER)
                connection.execute(sql.SQL("CREATE SCHEMA shop AUTHORIZATION {}").format(owner))
                if database.is_ours:  # the role that previews migrations
                    connection.execute(sql.SQL("GRANT {} TO {}").format(owner, sql.Identifier(OWNER)))
                connection.execute(sql.SQL("SET LOCAL ROLE {}").format(owner))
                connection.execute((files_of_demo() / "shop.sql").read_text(encoding="utf-8").encode())
        contracts = read_contracts(files_in(files_of_demo() / "contracts"), environment({}))
        reconcile.apply(extension, contracts, _Kept(database), prune=False)
        for stakeholder in OVER_HTTP:
            with transaction(connection):
                schema = sql.Identifier(extension.schema)
                connection.execute(sql.SQL("SELECT {}.integratedb_allow_api(%s)").format(schema), [stakeholder])
    database.remember(demo=True)
