"""Implements `integratedb check`: whether migrations may be merged."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click

from integratedb_companion.check.model import Report, Step, UnableError
from integratedb_companion.check.postgres import DockerPostgres, LocalPostgres, Postgres, running
from integratedb_companion.check.process import refuse_missing
from integratedb_companion.check.production import is_conninfo
from integratedb_companion.check.report import FORMATS
from integratedb_companion.check.run import Check, Plan, to_standard_error
from integratedb_companion.common.errors import STATUS_USAGE, CommandError
from integratedb_companion.common.output import say
from integratedb_companion.common.server_programs import find_programs

from .framework import command


def _formats(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, str | None]]:
    chosen = []
    for value in values or ("text",):
        name, colon, file = value.partition(":")
        if name not in FORMATS or (colon and not file):
            raise click.BadParameter(
                f"{value!r} is not one of {', '.join(FORMATS)}, or one of them with a file as in junit:FILE"
            )
        chosen.append((name, file or None))
    return chosen


@command()
@click.option(
    "--base",
    multiple=True,
    metavar="CONNINFO|FILE|CMD",
    help="Production's state: its connection string, a dump or script, or a shell command. Repeatable, in order.",
)
@click.option(
    "--contracts",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The contracts; those of the base apply too.",
)
@click.option(
    "--migrations",
    multiple=True,
    metavar="CMD|FILE",
    help="Runs the pending migrations: a shell command, or a script (*.sql). Repeatable, in order.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    callback=_formats,
    metavar="FORMAT[:FILE]",
    help="text, json, junit or github; repeatable.  [text]",
)
@click.option(
    "--bindir",
    metavar="DIR",
    help="The directory of initdb and postgres.  [by PG_CONFIG, PATH, or /usr/lib/postgresql]",
)
@click.option(
    "--docker", metavar="IMAGE", help="A container of an image with the extension, instead of local binaries."
)
@click.option(
    "--search-path",
    metavar="PATH",
    help="The search_path of migrations in production.  [that of the login of --base CONNINFO]",
)
@click.option(
    "--data",
    multiple=True,
    metavar="SCHEMA.TABLE",
    help="With --base CONNINFO: copy the rows of this table too; repeatable.",
)
@click.option("--database", default="integratedb_check", show_default=True, help="The name of the throw-away database.")
def check(
    base: tuple[str, ...],
    contracts: Path | None,
    migrations: tuple[str, ...],
    formats: list[tuple[str, str | None]],
    bindir: str | None,
    docker: str | None,
    search_path: str | None,
    data: tuple[str, ...],
    database: str,
) -> None:
    """Try pending migrations on a throw-away Postgres, and report which contracts they would break.

    The check starts a Postgres, restores production's state (--base), applies the contracts, runs the migrations, and
    inspects the result. It refuses no migration meanwhile, so one run reports all that would be refused, even if a
    migration tool hides its failure. The commands get PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE and DATABASE_URL
    in their environment. Secrets in contracts need not be set. Progress is printed to standard error, the report to
    standard output.

    Exit status: 0 no contract would break; 1 a contract would break, or the migrations fail; 2 the check failed.

    \b
    Examples:
      integratedb check --base schema.sql --contracts contracts/ --migrations migrations/0042.sql
      integratedb check --base "$PRODUCTION" --search-path 'shop, public' \\
          --contracts contracts/ --migrations 'alembic upgrade head'
      integratedb check --base roles.sql --base production.dump --migrations './manage.py migrate' \\
          --format github --format junit:report.xml
    """
    if not migrations and contracts is None:
        raise CommandError("nothing to check: give --migrations, --contracts or both", status=STATUS_USAGE)
    try:
        for given in (*base, *migrations):
            if not is_conninfo(given):
                refuse_missing(given)
    except UnableError as problem:
        raise CommandError(str(problem), status=STATUS_USAGE, hint=problem.hint) from None
    # A cancelled CI job gets SIGTERM, and the server must be removed then too.
    signal.signal(signal.SIGTERM, _interrupt)
    report = Report()
    begun = time.monotonic()
    try:
        postgres: Postgres = DockerPostgres(database, docker) if docker else LocalPostgres(database, _programs(bindir))
        to_standard_error("== postgres")
        with running(postgres):
            report.steps.append(Step("postgres", True, round(time.monotonic() - begun, 2)))
            Check(Plan(base, contracts, migrations, search_path, data), postgres, report, to_standard_error).run()
    except UnableError as problem:
        hint = f"\n{problem.hint}" if problem.hint else ""
        report.steps.append(Step("postgres", False, round(time.monotonic() - begun, 2), f"{problem}{hint}"))
        to_standard_error(f"{problem}{hint}")
    for name, file in formats:
        text = FORMATS[name](report)
        if file is not None:
            Path(file).write_text(click.unstyle(text) + "\n", encoding="utf-8")
        elif text:
            say(text)
    sys.exit(report.status)


def _programs(bindir: str | None) -> Path:
    """Find the server's programs. Error: UnableError."""
    try:
        return find_programs(bindir)
    except CommandError as problem:
        raise UnableError(problem.message, f"{problem.hint or ''} --docker IMAGE needs none here.".strip()) from None


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
