"""Finds the schemas that a user may neither name nor see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from .pool import Transaction
from .scopes import Scopes

PRIVATE: LiteralString = "SELECT integratedb.management_private_schemas(%(schemas)s::text[])"


async def outside(transaction: Transaction, scopes: Scopes, schemas: Iterable[str]) -> list[str]:
    """Return those of some schemas that are outside of a user's scopes."""
    if scopes.is_everything:
        return []
    named = sorted(set(schemas))
    return scopes.outside(named, await transaction.value(PRIVATE, schemas=named))
