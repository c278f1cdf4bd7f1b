"""For migrations written in Python: asks at their end whether they break a claim, and says so in the tool's own style.

Needs nothing but the connection that it is given: importing it imports neither the daemon's dependencies nor a tool.
"""

from __future__ import annotations

from integratedb_companion.migrations.validation import InvalidMigration, validate

__all__ = ["InvalidMigration", "validate"]
