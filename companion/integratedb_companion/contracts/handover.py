"""Ties new credentials to their transaction: written before its COMMIT, removed if there is no COMMIT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow

from integratedb_companion.common.extension import transaction

from .credentials import Credentials, CredentialsError, Target
from .model import ContractsError


class CommitUnknownError(ContractsError):
    """The connection was lost during COMMIT, and whether the COMMIT happened is unknown."""

    status = 5


class Handover:
    """The transaction under way, and the target of its credentials."""

    def __init__(self, target: Target | None, transaction: psycopg.Transaction) -> None:
        self._target, self._transaction = target, transaction
        self.written = False

    def write(self, credentials: list[Credentials]) -> None:
        """Write the credentials to the target, if there is one. Error: CredentialsError."""
        if self._target is not None and credentials:
            self._target.write(credentials)
            self.written = True

    def rollback(self) -> None:
        """Leave the block and roll back."""
        raise psycopg.Rollback(self._transaction)


@contextmanager
def handover(connection: psycopg.Connection[TupleRow], target: Target | None) -> Iterator[Handover]:
    """Run a transaction; an error in it, or a failed COMMIT, removes the written credentials.

    Errors: those of the block and of COMMIT; CredentialsError when the credentials could not be removed;
    CommitUnknownError, and then the credentials stay, because the passwords may be valid.
    """
    under_way: Handover | None = None
    committing = False
    try:
        with transaction(connection) as begun:
            under_way = Handover(target, begun)
            yield under_way
            committing = True
    except BaseException as problem:
        if target is None or under_way is None or not under_way.written:
            raise
        # Only an error from the server proves that there was no COMMIT.
        if committing and not (isinstance(problem, psycopg.Error) and problem.sqlstate):
            unknown = CommitUnknownError(f"the connection was lost during COMMIT: {str(problem).strip()}")
            unknown.hint = f"Whether it happened is not known. The credentials are in {target}: see whether they work."
            raise unknown from None
        try:
            target.undo()
        except CredentialsError as second:
            failed = CredentialsError(f"{str(problem).strip()}; and the credentials could not be taken back: {second}")
            failed.hint = f"The database was not changed. The passwords in {target} are void."
            raise failed from None
        raise
