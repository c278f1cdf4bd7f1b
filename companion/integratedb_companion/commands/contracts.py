"""Implements `integratedb plan`, `apply`, `export`, `lint` and `schema`: contracts as code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from psycopg import IsolationLevel

from integratedb_companion.common.errors import STATUS_CHANGES, STATUS_USAGE, CommandError
from integratedb_companion.common.extension import opened, transaction
from integratedb_companion.common.output import print_json, print_table, progress, say, styled, to_json
from integratedb_companion.contracts import reconcile
from integratedb_companion.contracts.exporting import SCHEMA_FILE, contract_text
from integratedb_companion.contracts.lint import check_shapes
from integratedb_companion.contracts.model import KINDS, Contract, UnusableContractsError
from integratedb_companion.contracts.reading import files_in, read_contracts
from integratedb_companion.contracts.reconcile import Outcome
from integratedb_companion.contracts.rendering import as_json as plan_as_json
from integratedb_companion.contracts.rendering import as_text
from integratedb_companion.contracts.schema import contract_schema
from integratedb_companion.contracts.variables import environment, for_daemon
from integratedb_companion.contracts.writing import write_files

from .framework import command, confirm, connected, json_output
from .stakeholders import credentials_option, find_target

#: With fewer contracts no progress bar is shown, because the work is short.
MANY_CONTRACTS = 20

DIRECTORY = click.argument("directory", type=click.Path(path_type=Path))


def selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select stakeholders."""
    function = click.option("--prune", is_flag=True, help="Drop the stakeholders that have no contract.")(function)
    return click.option(
        "--only", multiple=True, metavar="NAME", help="This stakeholder only; repeatable. Not with --prune."
    )(function)


@command()
@DIRECTORY
@selection
@connected
@json_output
def plan(directory: Path, only: tuple[str, ...], prune: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Show what applying the contracts in DIRECTORY would change. Nothing is changed.

    Each difference is submitted and rolled back. So what the database would refuse is refused here, with the file and
    the line. Exit status: 0 no changes; 3 changes; 1 the database refuses a contract.

    \b
    Examples:
      integratedb plan contracts/
      integratedb plan contracts/ --json | jq '.changes[].stakeholder'
    """
    contracts = _contracts(directory, only, prune=prune)
    with opened(dsn, dbname) as database:
        outcome = reconcile.plan(database, contracts, prune=prune, progress=_progress("planning"))
    if as_json:
        print_json(plan_as_json(outcome, _unmanaged(outcome, only)))
    else:
        _show(outcome, only, directory)
    if outcome.changes:
        raise click.exceptions.Exit(STATUS_CHANGES)


@command()
@DIRECTORY
@selection
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@credentials_option
@connected
@json_output
def apply(
    directory: Path,
    only: tuple[str, ...],
    prune: bool,
    yes: bool,
    where: str | None,
    dsn: str,
    dbname: str | None,
    as_json: bool,
) -> None:
    """Bring the database into the state of the contracts in DIRECTORY, in one transaction.

    On a terminal the command shows the plan and asks first. Equal parts stay untouched: a second run changes nothing.
    The credentials of new stakeholders are written before the COMMIT; if that fails, nothing is changed. Stakeholders
    without a contract are kept, unless --prune is given.

    \b
    Examples:
      integratedb apply contracts/
      integratedb apply contracts/ --yes --credentials credentials.json
      integratedb apply contracts/ --yes --credentials vault:secret/integratedb/shop
      integratedb apply contracts/ --yes --credentials k8s:secrets.yaml && kubectl apply -f secrets.yaml
    """
    contracts = _contracts(directory, only, prune=prune)
    target = find_target(where)
    with opened(dsn, dbname) as database:
        expected = None
        if sys.stdin.isatty() and not yes:
            planned = reconcile.plan(database, contracts, prune=prune, progress=_progress("planning"))
            if planned.changes:
                _show(planned, only, directory, err=True)
                confirm(f"Apply this to database {database.name}?", yes=False)
            expected = planned.changes

        def show_outcome(outcome: Outcome) -> None:
            """Print the outcome before COMMIT, because a password that cannot be shown must not become valid."""
            shown = plan_as_json(outcome, _unmanaged(outcome, only))
            if as_json:
                if target is None:
                    shown["credentials"] = {entry.stakeholder: entry.fields() for entry in outcome.credentials}
                click.echo(to_json(shown))
                return
            if expected is None:
                _show(outcome, only, directory)
            if target is None and outcome.credentials:
                rows = [[entry.username, entry.password, entry.uri] for entry in outcome.credentials]
                print_table(["username", "password", "uri"], rows)
                say("This is the only time that the passwords are shown.", err=True)
            sys.stdout.flush()

        outcome = reconcile.apply(
            database,
            contracts,
            target,
            prune=prune,
            expected=expected,
            progress=_progress("applying"),
            before_commit=show_outcome,
        )
    if not outcome.changes:
        if as_json:
            print_json(plan_as_json(outcome, _unmanaged(outcome, only)))
        else:
            _show(outcome, only, directory)
    elif not as_json:
        if target is not None and outcome.credentials:
            say(f"New credentials are in {target}: {', '.join(entry.stakeholder for entry in outcome.credentials)}.")
        say(styled("Applied.", fg="green", bold=True))


@command()
@DIRECTORY
@click.option("--force", is_flag=True, help="Replace existing files with other content.")
@connected
@json_output
def export(directory: Path, force: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Write every stakeholder's contract into DIRECTORY, as the database has it now.

    Secrets are shown to nobody: each becomes a variable such as ${STAKEHOLDER_CHANNEL_SECRET}, which you set. The
    command also writes the JSON Schema by which editors complete contracts. Right after it, plan finds no change.

    \b
    Example:
      integratedb export contracts/ && git add contracts/
    """
    with (
        opened(dsn, dbname) as database,
        transaction(database.connection, isolation=IsolationLevel.REPEATABLE_READ, read_only=True),
    ):
        variables: set[str] = set()
        files = {SCHEMA_FILE: to_json(contract_schema()) + "\n"}
        for row in database.rows("integratedb_stakeholders"):
            claims, notifications = (
                database.value("integratedb_specification", stakeholder=row["name"], kind=kind) for kind in KINDS
            )
            saved = database.rows("integratedb_queries", stakeholder=row["name"])
            queries = {one["name"]: one["query"] for one in saved}
            files[f"{row['name']}.yaml"] = contract_text(row["name"], claims, notifications, variables, queries)
    write_files(directory, files, ours=(SCHEMA_FILE,), force=force)
    if as_json:
        print_json({"files": [str(directory / name) for name in files], "variables": sorted(variables)})
        return
    count = len(files) - 1
    say(f"{count} {'contract' if count == 1 else 'contracts'} written to {directory}.")
    if variables:
        say("Set these for plan and apply; nobody is shown the secrets:")
        for name in sorted(variables):
            say(f"  {name}")


@command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_output
def lint(paths: tuple[Path, ...], as_json: bool) -> None:
    """Check contracts without a database: YAML, keys, and the form that the JSON Schema requires.

    PATHS are files or directories. Variables need not be set. Only plan checks whether tables and columns exist.

    \b
    Examples:
      integratedb lint contracts/
      git diff --cached --name-only -- 'contracts/*.yaml' | xargs integratedb lint
    """
    files = [file for path in paths for file in (files_in(path) if path.is_dir() else [path])]
    contracts = read_contracts(files, for_daemon({}))
    findings = check_shapes(contracts)
    if findings:
        raise UnusableContractsError(findings)
    if as_json:
        print_json({"files": [str(file) for file in files]})
    else:
        say(f"{len(files)} {'contract is' if len(files) == 1 else 'contracts are'} well formed.")


@command()
def schema() -> None:
    """Print the JSON Schema of a contract, for editors.

    The first line of a contract names the schema: # yaml-language-server: $schema=contract.schema.json

    \b
    Example:
      integratedb schema > contracts/contract.schema.json
    """
    print_json(contract_schema())


def _contracts(directory: Path, only: tuple[str, ...], *, prune: bool) -> list[Contract]:
    if only and prune:
        raise CommandError("--only and --prune exclude each other", status=STATUS_USAGE)
    contracts = read_contracts(files_in(directory), environment(os.environ))
    missing = set(only) - {contract.stakeholder for contract in contracts}
    if missing:
        raise CommandError(f"no contract in {directory} is of {', '.join(sorted(missing))}", status=STATUS_USAGE)
    return [contract for contract in contracts if not only or contract.stakeholder in only]


def _unmanaged(outcome: Outcome, only: tuple[str, ...]) -> list[str]:
    return [] if only else outcome.unmanaged


def _show(outcome: Outcome, only: tuple[str, ...], directory: Path, *, err: bool = False) -> None:
    for line in as_text(outcome, _unmanaged(outcome, only), str(directory)):
        say(line, err=err)


def _progress(label: str) -> Callable[[list[Contract]], Iterable[Contract]]:
    return lambda contracts: progress(contracts, label) if len(contracts) >= MANY_CONTRACTS else contracts
