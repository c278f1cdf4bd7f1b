"""Implements `integratedb claim` and `notify`, which submit a specification from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import psycopg

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import Extension, opened
from integratedb_companion.common.masking import masked
from integratedb_companion.common.output import print_json, say
from integratedb_companion.common.refusals import structured
from integratedb_companion.contracts.model import Contract
from integratedb_companion.contracts.reading import STANDARD_INPUT, read_document, read_standard_input, read_text
from integratedb_companion.contracts.variables import environment

from .framework import command, connected, json_output

DRY_RUN = click.option("--dry-run", is_flag=True, help="Report the refusals; store nothing.")
#: The code of rows that warn, in integratedb_check_spec().
DEPRECATED = "01000"
FILE = click.argument("file", type=click.Path(allow_dash=True))


@command()
@click.argument("stakeholder")
@FILE
@DRY_RUN
@connected
@json_output
def claim(stakeholder: str, file: str, dry_run: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Submit the claims of STAKEHOLDER from FILE or standard input (-); they replace its earlier claims.

    The file is a specification in JSON or YAML; docs/specification.md describes the grammar. ${NAME} in a text stands
    for an environment variable. With --json the claims are printed in expanded form, with every property filled in.

    \b
    Examples:
      integratedb claim mailer claims.yaml
      echo '{"match": {"path": "shop.customers", "fields": ["name", "email"]}}' | integratedb claim mailer -
      integratedb claim mailer claims.yaml --dry-run
    """
    _submit("claims", stakeholder, file, dry_run, dsn, dbname, as_json)


@command()
@click.argument("stakeholder")
@FILE
@DRY_RUN
@connected
@json_output
def notify(stakeholder: str, file: str, dry_run: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Submit the notifications of STAKEHOLDER, and its channels, from FILE or standard input (-).

    The file is a specification of kind notifications in JSON or YAML; docs/notifications.md describes it.
    ${NAME} in a text stands for an environment variable: a secret need not be in the file.

    \b
    Examples:
      integratedb notify fulfilment notifications.yaml
      FULFILMENT_SECRET=whsec_... integratedb notify fulfilment notifications.yaml
    """
    _submit("notifications", stakeholder, file, dry_run, dsn, dbname, as_json)


def _submit(kind: str, stakeholder: str, file: str, dry_run: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    text, name = (read_standard_input(), STANDARD_INPUT) if file == "-" else (read_text(Path(file)), file)
    document, contract = read_document(text, name, environment(os.environ))
    if not isinstance(document, dict):
        raise CommandError(f"{name}: a specification is an object with the key match", status=2)
    with opened(dsn, dbname) as database:
        if dry_run:
            _check(database, kind, document, contract, as_json=as_json)
            return
        function = "integratedb_claim" if kind == "claims" else "integratedb_notify"
        try:
            expanded = database.value(function, stakeholder=stakeholder, spec=document)
        except psycopg.Error as refusal:
            problems = structured(refusal.diag.message_detail)
            if not problems or refusal.sqlstate not in ("IDB02", "IDB03"):
                raise
            shown = [{"sqlstate": refusal.sqlstate, **_placed(contract, kind, problem)} for problem in problems]
            title = (refusal.diag.message_primary or "").partition(":")[0]
            raise CommandError(title, problems=shown, hint="Nothing was stored.") from None
    if as_json:
        if "channels" in expanded:
            expanded["channels"] = masked(expanded["channels"])
        print_json(expanded)
    else:
        count = len(expanded["match"])
        say(f"{stakeholder}: {count} {'match' if count == 1 else 'matches'} stored.")


def _check(database: Extension, kind: str, document: dict[str, Any], contract: Contract, *, as_json: bool) -> None:
    found = database.rows("integratedb_check_spec", spec=document, kind=kind)
    rows = [row for row in found if row["code"] != DEPRECATED]
    if not as_json:
        for row in found:
            if row["code"] == DEPRECATED:
                say(f"Deprecated: {row['message']}")
    if rows and not as_json:
        problems = [{k: v for k, v in row.items() if v is not None and k != "code"} for row in rows]
        shown = [{"sqlstate": row["code"], **_placed(contract, kind, p)} for row, p in zip(rows, problems, strict=True)]
        raise CommandError("it would be refused", problems=shown)
    if as_json:
        print_json(masked(found))
    else:
        say("It would be accepted, if you may submit it.")
    if rows:
        raise click.exceptions.Exit(1)


def _placed(contract: Contract, kind: str, problem: dict[str, Any]) -> dict[str, Any]:
    if "pointer" in problem:
        line = contract.line_of_pointer(kind, problem["pointer"])
    else:
        line = contract.line_of_column(kind, problem.get("path"), problem.get("field"))
    return {"file": contract.file, "line": line, **problem}
