"""What the tests of a real server share: a connection that is short to use, and how a refusal is asserted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow, dict_row

Query = str | sql.SQL | sql.Composed


def given_dsns() -> list[str]:
    """The clusters that INTEGRATEDB_TEST_DSN names, one a line."""
    return os.environ.get("INTEGRATEDB_TEST_DSN", "").splitlines()


def worker_number() -> int:
    """Which of the run's workers this is, from 0. Roles belong to a whole cluster, so each has its own."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@dataclass(frozen=True)
class Server:
    """The cluster that the tests run on; over its socket everybody is trusted, over TCP roles log in by password."""

    socket: str
    port: int
    superuser: str = "postgres"
    tcp: str = "127.0.0.1"


@dataclass(frozen=True)
class Notice:
    """What the server said beside a result; libpq frees its own record of it when the handler returns."""

    severity_nonlocalized: str
    message_primary: str
    message_detail: str | None
    message_hint: str | None

    @classmethod
    def copy(cls, notice: psycopg.errors.Diagnostic) -> Self:
        """Keep the four fields."""
        return cls(
            notice.severity_nonlocalized or "", notice.message_primary or "", notice.message_detail, notice.message_hint
        )


class Session(psycopg.Connection[TupleRow]):
    """A connection as one role, in autocommit: a migration of several statements is ``with session.transaction():``."""

    notices: list[Notice]

    @classmethod
    def open(cls, **parameters: Any) -> Self:
        """Connect, and keep what the server says beside its results."""
        session = cls.connect(autocommit=True, **parameters)
        session.notices = []
        session.add_notice_handler(lambda notice: session.notices.append(Notice.copy(notice)))
        return session

    def run(self, query: Query, *values: Any) -> None:
        """Execute; without values the text may hold several statements."""
        self.execute(query, values or None)

    def value(self, query: Query, *values: Any) -> Any:
        """Give the first column of the only row."""
        return self.row(query, *values)[0]

    def row(self, query: Query, *values: Any) -> TupleRow:
        """Give the only row."""
        (row,) = self.rows(query, *values)
        return row

    def rows(self, query: Query, *values: Any) -> list[TupleRow]:
        """Give all rows, as tuples."""
        return self.execute(query, values or None).fetchall()

    def dicts(self, query: Query, *values: Any) -> list[dict[str, Any]]:
        """Give all rows, each by column name."""
        with self.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values or None).fetchall()

    def processor_s(self) -> float:
        """Give for how long the session's server process has kept a processor busy; what else runs does not count."""
        return int(Path(f"/proc/{self.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9

    def warnings(self) -> list[str]:
        """Give the messages of the warnings so far."""
        return [notice.message_primary for notice in self.notices if notice.severity_nonlocalized == "WARNING"]


def clone(session: Session, name: str, template: str) -> None:
    """Create a database from a template, by copying its files: writing all of it to the WAL takes twice the time."""
    strategy = "STRATEGY file_copy" if session.info.server_version >= 150000 else ""
    names = sql.Identifier(name), sql.Identifier(template)
    session.run(sql.SQL("CREATE DATABASE {} TEMPLATE {} " + strategy).format(*names))


@contextmanager
def refused(sqlstate: str, match: str | None = None) -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """Assert that the block is refused with this SQLSTATE; ``.value.diag`` then has message, detail and hint."""
    with pytest.raises(psycopg.Error, match=match) as caught:
        yield caught
    assert caught.value.sqlstate == sqlstate, f"SQLSTATE {caught.value.sqlstate}, not {sqlstate}: {caught.value}"


def detail(refusal: pytest.ExceptionInfo[psycopg.Error]) -> str:
    """The DETAIL of a refusal."""
    return refusal.value.diag.message_detail or ""


def hint(refusal: pytest.ExceptionInfo[psycopg.Error]) -> str:
    """The HINT of a refusal."""
    return refusal.value.diag.message_hint or ""
