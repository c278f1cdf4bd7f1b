"""Shows the first screen: what runs where, how to log in, one thing to try."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click

from integratedb_companion import __version__
from integratedb_companion.common.output import clean

from .database import ADMIN, DATABASE, OWNER, PEOPLE, ROOT, Database
from .demo import PEOPLE as OF_DEMO
from .demo import SHOP_ADMIN, SHOP_OWNER
from .launch import Owner
from .parts import Places
from .postgres import SUPERUSER


def first_screen(
    database: Database, places: Places, *, server_owner: Owner | None, parts_owner: Owner | None, is_new_root: bool
) -> Iterator[str]:
    """Return the lines."""
    bold = {"bold": True}
    directory = database.directory
    where = f"{database.parameters['host']}:{database.parameters['port']}"
    yield ""
    yield click.style(f"IntegrateDB {__version__} runs in {clean(str(directory.path))}", **bold)
    yield ""
    yield f"  Postgres {database.version:<10} {where}, database {clean(database.parameters['dbname'])}"
    yield f"  notifications       {places.url(places.daemon, 'ws')}"
    yield f"  data API            {places.url(places.api)}"
    yield f"  management API      {places.url(places.serve)}/api/v1/docs"
    yield f"  console             {places.url(places.serve)}/console"
    if server_owner is not None:
        all_of_it = "Postgres and the services run" if parts_owner is not None else "Postgres runs"
        yield f"  {all_of_it} as user {server_owner.name}"
    yield ""
    yield click.style("Log in", **bold)
    yield ""
    yield from _root(database, is_new=is_new_root)
    if database.is_ours:
        people = f"{SHOP_OWNER} or {SHOP_ADMIN}" if database.recalls("demo") else f"{OWNER} or {ADMIN}"
        yield f"  psql:                         . {shlex.quote(str(directory.variables))}; psql -U {people.split()[0]}"
        yield f"                                as {people}, or as the superuser {SUPERUSER}"
    if database.recalls("demo"):
        yield "  stakeholders of the demo:     reporter, mailer, parcels"
    yield f"  all passwords:                {clean(str(directory.passwords))}"
    yield ""
    yield click.style("Try", **bold)
    yield ""
    yield from _example(database)
    yield ""
    yield f"Ctrl-C stops it, and so does integratedb stop --data {shlex.quote(str(directory.path))}."
    yield ""


def _root(database: Database, *, is_new: bool) -> Iterator[str]:
    if is_new:
        yield f"  management API, console:      user {ROOT}, password {database.passwords.of(ROOT)}"
        yield "                                (shown this once)"
    elif database.recalls("root_is_ours"):
        yield f"  management API, console:      user {ROOT}, whose password is kept below"
    else:
        yield "  management API, console:      the users that it had before"


def _example(database: Database) -> Iterator[str]:
    to_psql = f"  . {shlex.quote(str(database.directory.variables))}"
    if database.recalls("demo") and database.is_ours:
        yield to_psql
        yield f"  psql -U {SHOP_OWNER} -c 'ALTER TABLE shop.customers RENAME COLUMN email TO e_mail'"
        yield "  It is refused, because mailer claims the column. integratedb dependents shop.customers tells who else."
    elif database.is_ours:
        yield to_psql
        yield f"  psql -U {OWNER} -c 'CREATE TABLE customers (name text, email text)'"
        yield "  integratedb stakeholder add mailer"
        yield """  echo '{"match": [{"path": "public.customers", "fields": ["email"]}]}' | integratedb claim mailer -"""
        yield f"  psql -U {OWNER} -c 'ALTER TABLE customers DROP COLUMN email'     It is refused: mailer claims it."
    else:
        yield "  integratedb status --dsn ..., with the connection string that you gave"


def write_login_files(database: Database) -> None:
    """Write libpq's password file of people's roles, and the variables that lead psql and integratedb here."""
    if not database.is_ours:
        return
    directory, parameters = database.directory, database.parameters
    people = [SUPERUSER, *PEOPLE, *(OF_DEMO if database.recalls("demo") else ())]
    known = database.passwords.known()
    place = f"127.0.0.1:{parameters['port']}:*"
    directory.write(directory.pgpass, "".join(f"{place}:{role}:{known[role]}\n" for role in people if role in known))
    variables = {
        "PGHOST": "127.0.0.1",
        "PGPORT": parameters["port"],
        "PGDATABASE": DATABASE,
        "PGUSER": SHOP_ADMIN if database.recalls("demo") else ADMIN,
        "PGPASSFILE": str(directory.pgpass),
    }
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    directory.write(directory.variables, text, 0o644)
