"""Defines where new credentials go: a target writes them before the COMMIT, and removes them if the COMMIT fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

from psycopg import Connection
from psycopg.rows import TupleRow

from .model import ContractsError


class CredentialsError(ContractsError):
    """Credentials could not be written; the message is one line and contains no secret."""

    hint = "Nothing was changed."


@dataclass(frozen=True)
class Credentials:
    """The login of a stakeholder; no other object holds the password."""

    stakeholder: str
    username: str
    password: str
    host: str
    port: str
    dbname: str

    @property
    def uri(self) -> str:
        """The connection string for drivers."""
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        database = quote(self.dbname, safe="")
        if self.host.startswith("/"):
            return (
                f"postgresql://{login}@/{database}?{urlencode({'host': self.host, 'port': self.port}, quote_via=quote)}"
            )
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{login}@{host}:{self.port}/{database}"

    def fields(self) -> dict[str, str]:
        """The stored form, with the same names as Postgres operators use."""
        return {
            "username": self.username,
            "password": self.password,
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "uri": self.uri,
        }


def issued(connection: Connection[TupleRow], row: dict[str, str]) -> Credentials:
    """Return the credentials in a row of integratedb_create_stakeholder() and similar functions."""
    info = connection.info
    return Credentials(row["name"], row["username"], row["password"], info.host, str(info.port), info.dbname)


class Target(Protocol):
    """A place for credentials."""

    def prepare(self) -> None:
        """Check in advance whether writing will work. Error: CredentialsError."""

    def write(self, credentials: list[Credentials]) -> None:
        """Write all credentials or none. Error: CredentialsError, and then none are written."""

    def undo(self) -> None:
        """Remove the written credentials, because the database refused the passwords. Error: CredentialsError."""

    def __str__(self) -> str:
        """Describe the place for people."""
