"""The same for Django: an operation for the end of a migration, and a receiver for the end of all of them."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.operations.base import Operation

from integratedb_companion.migrations.validation import CALL, InvalidMigration, validate

__all__ = ["ValidateContracts", "validate_after_migrate"]


class ValidateContracts(Operation):
    """The last of a migration's ``operations``: the migration fails, and is undone, when a claim is unmet.

    missing_ok: do nothing in a database without the extension, such as the one that Django's test runner makes.
    Does nothing in a database that is not Postgres. Forwards and backwards do the same. Raises CommandError.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, *, missing_ok: bool = False) -> None:
        self.missing_ok = missing_ok

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing about the models."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Validate; `sqlmigrate` prints the statement instead."""
        if schema_editor.connection.vendor != "postgresql":
            return
        if schema_editor.collect_sql:
            schema_editor.execute(CALL)
        else:
            _validate(schema_editor.connection, self.missing_ok)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Validate too: undoing a migration is one."""
        self.database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """What `migrate --plan` and `sqlmigrate` print."""
        return "Validate that no stakeholder's claim is broken"


def validate_after_migrate(sender: Any, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Receive ``post_migrate``: `manage.py migrate` fails when a claim is unmet, though the migrations have been committed.

    That is for a database whose setting ``enforcement`` is ``explicit``; anywhere else COMMIT has refused them before.
    Raises CommandError.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        _validate(connection, missing_ok=False)


def _validate(connection: Any, missing_ok: bool) -> None:
    """`manage.py` prints a CommandError as one message, and any other exception as a traceback."""
    try:
        validate(connection, missing_ok=missing_ok)
    except InvalidMigration as refusal:
        raise CommandError(str(refusal)) from None
