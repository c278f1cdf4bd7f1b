"""Where new credentials go: they are written before the COMMIT that makes them good, and taken back when that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

from psycopg import Connection
from psycopg.rows import TupleRow

from .model import ContractsError


class CredentialsError(ContractsError):
    """Credentials could not be written; the message is one line and holds no secret."""

    hint = "Nothing was changed."


@dataclass(frozen=True)
class Credentials:
    """How a stakeholder logs in; the password is nowhere else."""

    stakeholder: str
    username: str
    password: str
    host: str
    port: str
    dbname: str

    @property
    def uri(self) -> str:
        """The connection string that drivers take."""
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        database = quote(self.dbname, safe="")
        if self.host.startswith("/"):
            return (
                f"postgresql://{login}@/{database}?{urlencode({'host': self.host, 'port': self.port}, quote_via=quote)}"
            )
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{login}@{host}:{self.port}/{database}"

    def fields(self) -> dict[str, str]:
        """As they are stored, under the names that Postgres operators use too."""
        return {
            "username": self.username,
            "password": self.password,
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "uri": self.uri,
        }


def issued(connection: Connection[TupleRow], row: dict[str, str]) -> Credentials:
    """The credentials in a row of integratedb_create_stakeholder() and its like."""
    info = connection.info
    return Credentials(row["name"], row["username"], row["password"], info.host, str(info.port), info.dbname)


class Target(Protocol):
    """Where credentials go."""

    def prepare(self) -> None:
        """Find out what would stand in the way, before anything is changed. Error: CredentialsError."""

    def write(self, credentials: list[Credentials]) -> None:
        """Write all of them or none. Error: CredentialsError, and then nothing was written."""

    def undo(self) -> None:
        """Take back what was written: the database did not take the passwords. Error: CredentialsError."""

    def __str__(self) -> str:
        """Where that is, for people."""
