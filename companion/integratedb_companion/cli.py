"""Defines the command `integratedb`: its commands, each of which is loaded when it is called."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click

PACKAGE = __package__


class Entry(NamedTuple):
    """The module of a command, and its line in the help, which therefore need not import the module."""

    section: str
    module: str
    help: str


#: The module's attribute with the command's name is the command.
COMMANDS = {
    "start": Entry("All of it", "commands.start", "Run Postgres, the daemon, the data API and the management API."),
    "stop": Entry("All of it", "commands.start", "Stop them."),
    "init": Entry("Set up", "commands.setup", "Install the extension, or report what is missing."),
    "completion": Entry("Set up", "commands.completion", "Print the completion script for a shell."),
    "stakeholder": Entry("Applications", "commands.stakeholders", "add, list, rename, rotate, drop."),
    "claim": Entry("Applications", "commands.specifications", "Submit the claims of a stakeholder."),
    "notify": Entry("Applications", "commands.specifications", "Submit the notifications of a stakeholder."),
    "access": Entry("Applications", "commands.status", "List what a stakeholder can actually read."),
    "preview": Entry("Migrations", "commands.migrations", "Report the claims that statements would break."),
    "dependents": Entry("Migrations", "commands.migrations", "List the dependents of a table or column."),
    "unmet": Entry("Migrations", "commands.migrations", "List the claims that are not satisfied."),
    "sync": Entry("Migrations", "commands.migrations", "Update the claims to the current schema."),
    "check": Entry("Migrations", "commands.check", "Try pending migrations on a throw-away Postgres."),
    "lease": Entry("Applications", "commands.leases", "Lend a temporary login that acts as a stakeholder."),
    "leases": Entry("Applications", "commands.leases", "list, renew, revoke."),
    "request": Entry("Agreements", "commands.requests", "Ask for claims that others must grant; approve, reject."),
    "deprecation": Entry("Agreements", "commands.deprecations", "Announce that a table or column will be removed."),
    "waiver": Entry("Agreements", "commands.waivers", "Let migrations break one dependency for a time."),
    "plan": Entry("Contracts as code", "commands.contracts", "Show what applying contracts would change."),
    "apply": Entry("Contracts as code", "commands.contracts", "Bring the database into the contracts' state."),
    "export": Entry("Contracts as code", "commands.contracts", "Write the current state as contracts."),
    "lint": Entry("Contracts as code", "commands.contracts", "Check contracts without a database."),
    "schema": Entry("Contracts as code", "commands.contracts", "Print the JSON Schema of a contract."),
    "status": Entry("Operation", "commands.status", "Show settings, counts and channels; with --data the parts."),
    "advice": Entry("Operation", "commands.advice", "List what should be changed, with the cure."),
    "unlock": Entry("Operation", "commands.status", "End the session that holds the lock."),
    "log": Entry("Operation", "commands.status", "Print the audit log of schema changes."),
    "daemon": Entry("Operation", "commands.daemon", "Deliver row changes to webhooks, Redis and WebSockets."),
    "serve": Entry("Operation", "commands.serve", "Serve the management API over HTTP."),
    "api": Entry("Operation", "commands.api", "Serve the data API over HTTP."),
    "cluster": Entry("Cluster", "commands.cluster", "new, join, status, switchover, token, discovery, leave."),
    "agent": Entry("Cluster", "commands.agent", "Supervise etcd and Patroni on a node, and serve their state."),
    "new": Entry("Cluster", "commands.new", "Make a cluster or a node: short forms of cluster new and join."),
}


class Commands(click.Group):
    """A group that imports the module of a command when the command is called."""

    def main(self, *arguments: Any, **settings: Any) -> Any:
        """Run a command, and exit with its status."""
        from .commands import streams

        streams.complete()
        try:
            return super().main(*arguments, **settings)
        except SystemExit as end:
            raise SystemExit(streams.finish(end.code if isinstance(end.code, int) else 0)) from None
        except OSError as problem:  # the help could not be written
            raise SystemExit(streams.unwritten(problem)) from None

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        from integratedb_companion.common.configuration import ConfigurationError
        from integratedb_companion.common.extras import needing

        try:
            with needing("cluster" if COMMANDS[name].section == "Cluster" else name):
                module = importlib.import_module(f".{COMMANDS[name].module}", PACKAGE)
        except ConfigurationError as problem:
            raise click.UsageError(str(problem)) from None
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.help))
        width = max(map(len, COMMANDS))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


@click.group(cls=Commands, context_settings={"help_option_names": ["--help"]})
@click.version_option(package_name="integratedb", prog_name="integratedb")
def main() -> None:
    """Several applications share one Postgres database without breaking each other.

    Every command calls the functions of the extension; --help after a command shows examples. The database is found as
    psql finds it: -h, -p, -U, -d, --dsn, or PGHOST, PGDATABASE, PGSERVICE and similar variables.

    \b
    Exit status: 0 done; 1 refused, unmet, or a claim would break; 2 wrong
    usage; 3 plan: there are changes; 5 no connection.
    """


if __name__ == "__main__":
    main()
