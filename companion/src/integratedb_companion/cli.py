"""The command `integratedb`: which commands there are, each loaded when it is called."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click

PACKAGE = __package__


class Entry(NamedTuple):
    """Where a command is, and its line in the help: written here, so that the help imports none of them."""

    section: str
    module: str
    help: str


#: The attribute of the module that is the command is called as the command itself.
COMMANDS = {
    "daemon": Entry("Run", "commands.daemon", "Carry row changes to webhooks, Redis and WebSockets."),
}


class Commands(click.Group):
    """A group that imports the module of a command when that is called."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f".{COMMANDS[name].module}", PACKAGE), name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.help))
        width = max(map(len, COMMANDS))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="integratedb-companion", prog_name="integratedb")
def main() -> None:
    """The command line of a Postgres database with the IntegrateDB extension."""


if __name__ == "__main__":
    main()
