"""What all commands share: the options of the connection and of the output, and failures that end in an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from integratedb_companion.common.errors import STATUS_INTERRUPTED, CommandError
from integratedb_companion.common.flags import FLAGS, keep_flag
from integratedb_companion.common.output import clean

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose failures are shown without a traceback, as text or as JSON, and end in the documented status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            ctx.exit(STATUS_INTERRUPTED)
        except Exception as problem:
            if os.environ.get("INTEGRATEDB_DEBUG"):
                raise
            from .failures import show
            from .streams import unwritten

            # Faults of files name the file.
            if isinstance(problem, OSError) and problem.filename is None:
                ctx.exit(unwritten(problem))
            ctx.exit(show(problem, as_json=bool(ctx.params.get("as_json"))))


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def command(name: str | None = None, **settings: Any) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command; its help text keeps the line breaks of paragraphs that begin with a backspace."""
    return click.command(name, cls=Command, **settings)


def connected(function: Decorated) -> Decorated:
    """Add the options that say which database is meant."""
    for short, long, metavar, text in reversed(FLAGS.values()):
        function = click.option(short, long, metavar=metavar, help=text, expose_value=False, callback=keep_flag)(
            function
        )
    function = click.option(
        "-d",
        "--dbname",
        metavar="NAME",
        default=None,
        help="Name of the database, or a connection string, as in psql.",
    )(function)
    return click.option(
        "--dsn",
        metavar="CONNINFO",
        default="",
        envvar="INTEGRATEDB_DSN",
        help="Connection string or URI; libpq's PG* variables, service and password files work too.",
    )(function)


def json_output(function: Decorated) -> Decorated:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, errors included.")(function)


def confirm(question: str, *, yes: bool) -> None:
    """Ask, where there is a terminal to ask on; a script has said what it wants by calling."""
    if not yes and sys.stdin.isatty() and not click.confirm(clean(question), err=True):
        raise CommandError("nothing was changed")
