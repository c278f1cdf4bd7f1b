"""The name of a stakeholder, which is also that of its role and of its schema."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_RESERVED = frozenset({"public", "none", "information_schema"})


class StakeholderNameError(ValueError):
    """A text cannot name a stakeholder; the message says why, without repeating the text."""


def normalise(name: str) -> str:
    """The name trimmed and in lower case. Raises StakeholderNameError."""
    trimmed = name.strip()
    # ASCII first: lower() turns some letters of other alphabets, such as the Kelvin sign, into ASCII ones.
    normal = trimmed.lower() if trimmed.isascii() else trimmed
    if not _NAME.fullmatch(normal):
        raise StakeholderNameError('a name has 1 to 32 letters a to z, digits and "_", and does not begin with a digit')
    if normal in _RESERVED or normal.startswith(("pg_", "integratedb")):
        raise StakeholderNameError("the name is reserved: never public, none, information_schema, pg_* or integratedb*")
    return normal
