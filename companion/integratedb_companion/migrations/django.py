"""Integrates the validation into Django: an operation for the end of a migration, and a receiver for the end of all."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.operations.base import Operation

from integratedb_companion.migrations.validation import CALL, InvalidMigration, validate

__all__ = ["ValidateContracts", "validate_after_migrate"]


class ValidateContracts(Operation):
    """The last of a migration's ``operations``: the migration fails, and is rolled back, when a claim is unmet.

    missing_ok: do nothing in a database without the extension, such as the one that Django's test runner creates.
    The operation does nothing in a database that is not Postgres. It does the same forwards and backwards. Raises
    CommandError.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, *, missing_ok: bool = False) -> None:
        self.missing_ok = missing_ok

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Leave the models unchanged."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Validate; `sqlmigrate` prints the statement instead."""
        if schema_editor.connection.vendor != "postgresql":
            return
        if schema_editor.collect_sql:
            schema_editor.execute(CALL)
        else:
            _validate(schema_editor.connection, self.missing_ok)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Validate too, because undoing a migration is a migration."""
        self.database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """Return what `migrate --plan` and `sqlmigrate` print."""
        return "Validate that no stakeholder's claim is broken"


def validate_after_migrate(sender: Any, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Receive ``post_migrate``: `manage.py migrate` fails when a claim is unmet, after the migrations are committed.

    Use it in a database whose setting ``enforcement`` is ``explicit``; in others COMMIT has already refused the
    migrations. Raises CommandError.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        _validate(connection, missing_ok=False)


def _validate(connection: Any, missing_ok: bool) -> None:
    """Raise CommandError, which `manage.py` prints as one message; it prints other exceptions as a traceback."""
    try:
        validate(connection, missing_ok=missing_ok)
    except InvalidMigration as refusal:
        raise CommandError(str(refusal)) from None
