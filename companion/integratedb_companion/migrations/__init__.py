"""Validates claims at the end of migrations written in Python, and reports refusals in the tool's own style.

The package needs only the given connection: importing it imports neither the daemon's dependencies nor a tool.
"""

from __future__ import annotations

from integratedb_companion.migrations.validation import InvalidMigration, validate

__all__ = ["InvalidMigration", "validate"]
