"""Runs the check: base, contracts, migrations, then the resulting state and the server's log.

The setting `enforcement` is `explicit` while the migrations run: a migration that would be refused causes a warning
only, so that one run reports all of them. The warnings are read from the server's log for two reasons:

- a migration tool may not show them;
- a later migration may repair what an earlier one broke, but production refuses the earlier one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from integratedb_companion.common.agreements import allowed_by, deprecation_line, reason_of
from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import Extension, opened, transaction
from integratedb_companion.common.output import clean_lines, say
from integratedb_companion.common.preflight import preflight
from integratedb_companion.common.session import EXTENSION
from integratedb_companion.contracts.model import Contract, Finding
from integratedb_companion.contracts.reading import files_in, read_contracts
from integratedb_companion.contracts.reconcile import Reconciliation
from integratedb_companion.contracts.variables import for_daemon

from .dumps import adapted, advice, missing_roles, readable, versions
from .model import Break, Report, Step, UnableError
from .postgres import LOG, Postgres
from .process import Runner
from .production import is_conninfo, take_over
from .server_log import Refusal, refusals

#: How much of a command's output a report contains.
KEPT_CHARACTERS = 4000

#: Finds an object that belongs neither to Postgres nor to an extension.
USER_OBJECTS = """
SELECT FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
   AND n.nspname OPERATOR(pg_catalog.!~) '^pg_'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid OPERATOR(pg_catalog.=) c.oid
                      AND d.deptype OPERATOR(pg_catalog.=) ANY (ARRAY['e', 'i']::pg_catalog."char"[]))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
                      AND d.objid OPERATOR(pg_catalog.=) n.oid
                      AND d.deptype OPERATOR(pg_catalog.=) 'e')
UNION ALL
SELECT FROM pg_catalog.pg_namespace AS n
 WHERE n.nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['public', 'information_schema']::pg_catalog.name[])
   AND n.nspname OPERATOR(pg_catalog.!~) '^pg_'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
                      AND d.objid OPERATOR(pg_catalog.=) n.oid
                      AND d.deptype OPERATOR(pg_catalog.=) 'e')
LIMIT 1
"""
#: Returns whether a schema of this name exists, and a role.
SCHEMA_AND_ROLE = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace AS n
                WHERE n.nspname OPERATOR(pg_catalog.=) %(name)s::pg_catalog.name),
       EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) %(name)s::pg_catalog.name)
"""
#: Used only on the throw-away server; on other servers a stakeholder is created.
REGISTER = """
INSERT INTO integratedb.stakeholder (name, role_oid)
SELECT r.rolname, r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) %(name)s::pg_catalog.name
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to try: each entry of base and migrations is a file or a shell command."""

    base: tuple[str, ...]
    contracts: Path | None
    migrations: tuple[str, ...]
    search_path: str | None = None
    data: tuple[str, ...] = ()


class StepFailedError(Exception):
    """A step failed; the report contains its output."""


class Check:
    """One check on a running server."""

    def __init__(self, plan: Plan, postgres: Postgres, report: Report, say: Say) -> None:
        self.plan, self.postgres, self.report, self.say = plan, postgres, report, say
        self.runner = Runner(postgres, say)
        self.contracts: dict[str, Contract] = {}
        self.uses_extension = False

    def run(self) -> None:
        """Run the steps up to the first failure; the state after the migrations is checked in any case."""
        try:
            with self._step("base") as said:
                self._base(said)
            with self._step("contracts"):
                self._contracts()
        except StepFailedError:
            return
        known = self._unmet()
        self.report.notes += [f"Unmet in the base already: {entry[0]} ({entry[1]}): {entry[3]}" for entry in known]
        events, position = self._events(), self._log_size()
        with suppress(StepFailedError), self._step("migrations") as said:
            for command in self.plan.migrations:
                self.runner.run(command, said)
        self._report_breaks(known, position)
        if self.plan.migrations and self._events() == events:
            self.report.notes.append(
                "The migrations changed nothing that could be seen: do they use DATABASE_URL, or PGHOST and its like?"
            )

    @contextmanager
    def _step(self, name: Literal["base", "contracts", "migrations"]) -> Iterator[list[str]]:
        said: list[str] = []
        begun = time.monotonic()
        self.say(f"== {name}")
        ok = False
        try:
            yield said
            ok = True
        except (UnableError, CommandError, psycopg.Error) as problem:
            hint = getattr(problem, "hint", None)
            message = f"{problem}\nHINT: {hint}" if hint else str(problem)
            said.append(f"{message}\n")
            self.say(message)
            raise StepFailedError from None
        finally:
            text = "".join(said)[-KEPT_CHARACTERS:]
            self.report.steps.append(Step(name, ok, round(time.monotonic() - begun, 2), text))

    def _base(self, said: list[str]) -> None:
        texts, names, search_path = self._texts()
        created = [readable(role, text) for text in texts.values() for role in missing_roles(text.splitlines())]
        self._create_roles(["postgres", *created], "".join(texts.values()))
        server, fences = self._server_version(), self.runner.knows_fences()
        for base in self.plan.base:
            begun = len(said)
            try:
                if base in texts:
                    self.runner.run_text(adapted(texts[base], server, fences=fences), names[base], said)
                else:
                    self.runner.run(base, said)
            except UnableError as problem:
                dumped = versions(texts.get(base, ""))
                hint = problem.hint or advice("".join(said[begun:]), server, dumped)
                raise UnableError(f"the base does not apply: {problem}", hint) from None
        if self.plan.base and self._is_empty():
            hint = (
                advice("".join(said), server, (None, None)) or "Does it write to PGHOST and its like, or DATABASE_URL?"
            )
            raise UnableError("the base is empty: it made no table, and no schema", hint)
        self._set_search_path(self.plan.search_path or search_path)
        self.uses_extension = self._install()

    def _texts(self) -> tuple[dict[str, str], dict[str, str], str | None]:
        """Return the dumps and scripts of the bases as text, their names, and the search_path of production."""
        texts, names, search_path = {}, {}, None
        for base in self.plan.base:
            if os.path.exists(base):
                texts[base], names[base] = self.runner.as_sql(Path(base)), base
            elif is_conninfo(base):
                taken = take_over(base, self.postgres.programs, self.plan.data)
                texts[base], names[base], search_path = taken.sql, taken.name, taken.search_path
        return texts, names, search_path

    def _server_version(self) -> int:
        with psycopg.connect(self.postgres.dsn) as connection:
            return connection.info.server_version // 10000

    def _is_empty(self) -> bool:
        with psycopg.connect(self.postgres.dsn) as connection:
            return connection.execute(USER_OBJECTS).fetchone() is None

    def _set_search_path(self, search_path: str | None) -> None:
        """Set the search_path of production, so that the migrations find their tables."""
        if search_path is None:
            return
        with psycopg.connect(self.postgres.dsn, autocommit=True) as connection:
            statement = "SELECT pg_catalog.set_config('search_path', %s::pg_catalog.text, false)"
            connection.execute(statement, (search_path,))
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET search_path FROM CURRENT").format(sql.Identifier(self.postgres.database))
            )

    def _create_roles(self, roles: list[str], script: str) -> None:
        """Create the roles that a dump expects; postgres as a superuser."""
        makes_postgres = "\nCREATE ROLE postgres;" in f"\n{script}"
        with psycopg.connect(self.postgres.dsn, autocommit=True) as connection, transaction(connection):
            existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_catalog.pg_roles")}
            for role in dict.fromkeys(roles):
                if role == "postgres" and not makes_postgres:
                    connection.execute("CREATE ROLE postgres SUPERUSER")
                elif role not in existing and role != "postgres":
                    connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))

    def _install(self) -> bool:
        """Install the extension if the base does not have it; returns whether the base has it."""
        with psycopg.connect(self.postgres.dsn, autocommit=True) as connection, transaction(connection):
            missing = [check for check in preflight(connection) if check.state == "missing"]
            if missing:
                cures = " ".join(check.cure or "" for check in missing)
                raise UnableError(f"the throw-away Postgres lacks {', '.join(c.name for c in missing)}. {cures}")
            if connection.execute(EXTENSION).fetchone() is not None:
                return True
            connection.execute("SET LOCAL search_path TO public")
            connection.execute("CREATE EXTENSION integratedb CASCADE")
        return False

    def _register_stakeholders(self, database: Extension) -> None:
        """Register the stakeholders of production whose claims the base does not contain.

        A dump without rows contains their schemas, and perhaps their roles, but not that they are stakeholders. Without
        the registration their names would count as taken.
        """
        known = {row["name"] for row in database.rows("integratedb_stakeholders")}
        for name in sorted(self.contracts.keys() - known):
            with transaction(database.connection):
                found = database.connection.execute(SCHEMA_AND_ROLE, {"name": name}).fetchone()
                assert found is not None
                has_schema, has_role = found
                if not has_schema:
                    continue
                if not has_role:
                    database.connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
                database.connection.execute(
                    sql.SQL("ALTER SCHEMA {name} OWNER TO {name}").format(name=sql.Identifier(name))
                )
                database.connection.execute(REGISTER, {"name": name})
                database.rows("integratedb_adopt_role", stakeholder=name)

    def _contracts(self) -> None:
        with opened(self.postgres.dsn, None) as database:
            # A dump names objects by the oids of another server, so the claims must be resolved again.
            database.rows("integratedb_sync")
            if self.plan.contracts is not None:
                contracts = read_contracts(files_in(self.plan.contracts), for_daemon(os.environ))
                self.contracts = {contract.stakeholder: contract for contract in contracts}
                if self.uses_extension:
                    self._register_stakeholders(database)
                run = Reconciliation(database, contracts, prune=False)
                with transaction(database.connection):
                    run.run()
                self.report.breaks += [self._not_met(finding) for finding in run.findings]
            self.report.notes += [
                deprecation_line(row) for row in database.rows("integratedb_deprecations") if row["claimed_by"]
            ]
            self.report.stakeholders = [row["name"] for row in database.rows("integratedb_stakeholders")]
            if not self.report.stakeholders:
                self.report.notes.append("There is no stakeholder, neither in the base nor by a contract.")
            database.rows("integratedb_configure", setting="enforcement", value="explicit")

    def _not_met(self, finding: Finding) -> Break:
        more = finding.more
        return Break(
            "contracts",
            str(more.get("stakeholder") or Path(finding.file).stem),
            str(more.get("kind") or "claims"),
            f"{finding.message} (before the migrations)",
            path=more.get("path"),
            column=more.get("field"),
            hint="A claim on what a migration brings is an alternative or optional until that has run.",
            file=finding.file,
            line=finding.line,
        )

    def _report_breaks(self, known: list[tuple[str, str, str, str]], position: int) -> None:
        """Report the claims that are unmet now, and those that were broken meanwhile and are met again."""
        final = self._unmet_rows()
        for row in final:
            for problem in row["problems"]:
                kind = _kind(row, problem)
                if (row["stakeholder"], kind, problem["path"], problem["message"]) in known:
                    continue
                if allowed_by(row) is not None:
                    self._allowed(row["stakeholder"], kind, problem)
                else:
                    self.report.breaks.append(self._break(row["stakeholder"], kind, problem, row["hint"]))
        reported = {(entry.stakeholder, entry.kind, entry.message) for entry in self.report.breaks}
        for refusal in refusals(self._log(position)):
            if not _is_reported(refusal, reported):
                problem = {"message": f"{refusal.message} ({_ON_THE_WAY[refusal.occasion]})"}
                self.report.breaks.append(self._break(refusal.stakeholder, refusal.kind, problem, None))

    def _allowed(self, stakeholder: str, kind: str, problem: dict[str, Any]) -> None:
        """Note a claim that the migrations break, and that production lets them break."""
        self.report.notes.append(f"Allowed: {stakeholder} ({kind}): {problem['message']} ({reason_of(problem)})")

    def _break(self, stakeholder: str, kind: str, problem: dict[str, Any], hint: str | None) -> Break:
        contract = self.contracts.get(stakeholder)
        path, column = problem.get("path"), problem.get("field")
        return Break(
            "migrations",
            stakeholder,
            kind,
            problem["message"],
            path=path,
            column=column,
            hint=hint,
            file=contract.file if contract else None,
            line=_line(contract, kind, path, column) if contract else None,
        )

    def _unmet(self) -> list[tuple[str, str, str, str]]:
        rows = self._unmet_rows()
        return [(row["stakeholder"], _kind(row, p), p["path"], p["message"]) for row in rows for p in row["problems"]]

    def _unmet_rows(self) -> list[dict[str, Any]]:
        with self._database() as database:
            return database.rows("integratedb_unmet_claims", max_results=None)

    def _events(self) -> int:
        with self._database() as database:
            return len(database.rows("integratedb_ddl_events", since=None, max_results=None))

    def _log_size(self) -> int:
        with self._database() as database:
            row = database.connection.execute(
                "SELECT size FROM pg_catalog.pg_stat_file(%s::pg_catalog.text)", (LOG,)
            ).fetchone()
            return int(row[0]) if row else 0

    def _log(self, position: int) -> str:
        with self._database() as database:
            row = database.connection.execute(
                "SELECT pg_catalog.pg_read_file(%s::pg_catalog.text, %s::pg_catalog.int8, size - %s::pg_catalog.int8)"
                " FROM pg_catalog.pg_stat_file(%s::pg_catalog.text)",
                (LOG, position, position, LOG),
            ).fetchone()
            return str(row[0]) if row else ""

    @contextmanager
    def _database(self) -> Iterator[Extension]:
        with opened(self.postgres.dsn, None) as database:
            yield database


_ON_THE_WAY = {
    "refused": "on the way; production refuses the transaction that does it",
    "overridden": "the migration overrides the claim",
}


def _is_reported(refusal: Refusal, reported: set[tuple[str, str, str]]) -> bool:
    return any(
        stakeholder == refusal.stakeholder and kind == refusal.kind and message in refusal.message
        for stakeholder, kind, message in reported
    )


def to_standard_error(line: str) -> None:
    """Print progress, without foreign control characters."""
    for part in clean_lines(line):
        say(part, err=True)


def _kind(row: Mapping[str, Any], problem: Mapping[str, Any]) -> str:
    """Return what is broken, as refusals word it: a kind of specification, or a saved query."""
    return f"query {problem['query']}" if "query" in problem else str(row["kind"])


def _line(contract: Contract, kind: str, path: str | None, column: str | None) -> int:
    query = kind.removeprefix("query ")
    return contract.line_of_query(query) if query != kind else contract.line_of_column(kind, path, column)
