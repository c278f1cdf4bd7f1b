"""Defines what all commands share: options of the connection and the output, and failures with an exit status."""

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
    """A command that shows failures as text or JSON, without a traceback, and exits with the documented status."""

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

            # Errors about files contain the file name; others are about standard output.
            if isinstance(problem, OSError) and problem.filename is None:
                ctx.exit(unwritten(problem))
            ctx.exit(show(problem, as_json=bool(ctx.params.get("as_json"))))


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


class ListingGroup(Group):
    """A group whose command is `list` where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def command(name: str | None = None, **settings: Any) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command; its help text keeps the line breaks of paragraphs that begin with a backspace."""
    return click.command(name, cls=Command, **settings)


def connected(function: Decorated) -> Decorated:
    """Add the options that select the database."""
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
    """Ask for confirmation on a terminal; a script confirms by its call."""
    if not yes and sys.stdin.isatty() and not click.confirm(clean(question), err=True):
        raise CommandError("nothing was changed")
