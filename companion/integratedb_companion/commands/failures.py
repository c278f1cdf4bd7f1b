"""Shows a failure: SQLSTATE and message, problems as a table, what to do; and determines the exit status."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import Any

import click
import psycopg

from integratedb_companion.common.errors import (
    STATUS_INTERNAL,
    STATUS_NO_CONNECTION,
    STATUS_REFUSED,
    STATUS_USAGE,
    CommandError,
)
from integratedb_companion.common.masking import masked
from integratedb_companion.common.output import print_table, say, say_labelled, styled, to_json
from integratedb_companion.common.refusals import structured
from integratedb_companion.contracts.model import ContractsError

#: SQLSTATEs of class 08, and of a server that shuts down.
CONNECTION_LOST = ("08", "57P")

#: Hints for SQLSTATEs for which the server has none.
HINTS = {
    "25006": "The server is a standby, or default_transaction_read_only is on for the login: ALTER ROLE ... SET, "
    "ALTER DATABASE ... SET and PGOPTIONS may say so."
}

#: Replaces the server's hint, which explains its DETAIL; here the DETAIL is a table.
OF_FAULTS = "Nothing was stored. Correct these places of the specification."

PROBLEM_COLUMNS = ("path", "field", "property", "expected", "actual", "message")


@dataclass(frozen=True)
class Failure:
    """What is shown of a failure."""

    status: int
    message: str
    sqlstate: str | None = None
    detail: str | None = None
    hint: str | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)


def show(problem: Exception, *, as_json: bool) -> int:
    """Show an exception on standard error, and return the exit status."""
    return show_failure(explain(problem), as_json=as_json)


def show_failure(failure: Failure, *, as_json: bool) -> int:
    """Show a failure on standard error, and return the exit status."""
    words = {name: masked(getattr(failure, name)) for name in ("message", "detail", "hint", "problems")}
    failure = replace(failure, **words)
    if as_json:
        shown = {
            "sqlstate": failure.sqlstate,
            "message": failure.message,
            "detail": failure.detail,
            "hint": failure.hint,
            "problems": failure.problems,
        }
        click.echo(to_json({"error": {name: value for name, value in shown.items() if value}}), err=True)
        return failure.status

    code = f"{failure.sqlstate} " if failure.sqlstate else ""
    say(f"{styled('integratedb:', fg='red', bold=True)} {styled(code, bold=True)}{styled(failure.message)}", err=True)
    if failure.problems:
        print_problems(failure.problems)
    elif failure.detail:
        say_labelled("DETAIL", failure.detail, err=True)
    if failure.hint:
        say_labelled("HINT", failure.hint, err=True)
    return failure.status


def print_problems(problems: list[dict[str, Any]]) -> None:
    """Print problems: those with a place in a file like a compiler, others as a table of the columns in use."""
    if all("file" in problem for problem in problems):
        for problem in problems:
            place = f"{problem['file']}:{problem['line']}:"
            code = f"{problem['sqlstate']} " if "sqlstate" in problem else ""
            say(f"{styled(place, bold=True)} {code}{styled(problem['message'])}", err=True)
        return
    names = dict.fromkeys(name for problem in problems for name in problem)
    ordered = [name for name in PROBLEM_COLUMNS if name in names] + [n for n in names if n not in PROBLEM_COLUMNS]
    columns = [name for name in ordered if any(problem.get(name) not in (None, "") for problem in problems)]
    print_table(columns, [[p.get(name) for name in columns] for p in problems], stream=sys.stderr, indent=2)


def explain(problem: Exception) -> Failure:
    """Convert an exception to the failure to show."""
    match problem:
        case CommandError():
            return Failure(problem.status, problem.message, hint=problem.hint, problems=problem.problems)
        case ContractsError():
            found = [finding.as_problem() for finding in problem.findings]
            return Failure(problem.status, str(problem), hint=problem.hint, problems=found)
        case psycopg.Error() if problem.sqlstate and not problem.sqlstate.startswith(CONNECTION_LOST):
            return _refusal(problem)
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return Failure(STATUS_NO_CONNECTION, f"the connection was lost: {' '.join(str(problem).split())}")
        case psycopg.DatabaseError() if type(problem) is psycopg.DatabaseError:  # libpq cannot read what it gets
            said = " ".join(str(problem).split())
            return Failure(STATUS_NO_CONNECTION, f"what answers there does not speak the protocol of Postgres: {said}")
        case psycopg.DataError():  # psycopg refused a value
            return Failure(STATUS_USAGE, str(problem))
        case OSError():
            return Failure(STATUS_USAGE, str(problem))
        case UnicodeError():
            return Failure(STATUS_USAGE, "an argument, a variable or a name of a file is not UTF-8")
        case _:
            return Failure(
                STATUS_INTERNAL,
                f"this should not have happened: {type(problem).__name__}: {problem}",
                hint="With INTEGRATEDB_DEBUG=1 in the environment it says where. Please report it.",
            )


def _refusal(problem: psycopg.Error) -> Failure:
    said = problem.diag
    problems = structured(said.message_detail)
    hint = OF_FAULTS if problems and problem.sqlstate == "IDB02" else said.message_hint
    return Failure(
        STATUS_REFUSED,
        said.message_primary or " ".join(str(problem).split()),
        sqlstate=problem.sqlstate,
        detail=None if problems else said.message_detail,
        hint=hint or HINTS.get(problem.sqlstate or ""),
        problems=problems,
    )
