"""New credentials and the transaction that makes them good: written before COMMIT, taken back when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow

from integratedb_companion.common.extension import transaction

from .credentials import Credentials, CredentialsError, Target
from .model import ContractsError


class CommitUnknownError(ContractsError):
    """The connection was lost during COMMIT: whether it happened can only be seen afterwards."""

    status = 5


class Handover:
    """The transaction under way, and the way for its credentials."""

    def __init__(self, target: Target | None, transaction: psycopg.Transaction) -> None:
        self._target, self._transaction = target, transaction
        self.written = False

    def write(self, credentials: list[Credentials]) -> None:
        """Write the credentials where they belong, if that is anywhere. Error: CredentialsError."""
        if self._target is not None and credentials:
            self._target.write(credentials)
            self.written = True

    def rollback(self) -> None:
        """Leave the block without a change."""
        raise psycopg.Rollback(self._transaction)


@contextmanager
def handover(connection: psycopg.Connection[TupleRow], target: Target | None) -> Iterator[Handover]:
    """A transaction; an error in it, or a refusal of its COMMIT, takes back what was written.

    Errors: CommitUnknownError, and then what was written stays, because the passwords may be good; CredentialsError when it
    could not be taken back; those of the block and of COMMIT.
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
        # Only an answer of the server says for sure that there was no COMMIT.
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
