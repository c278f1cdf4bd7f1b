"""Replaces secrets from the environment with the names of their variables in all output."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

#: The replacement of each secret, by value: `${NAME}` for the variable that a channel's URL or secret came from.
_SECRETS: dict[str, str] = {}


_SECRET_KEYS = ("url", "secret")


#: A shorter value is not a secret, and replacing it would make messages unreadable.
_SHORTEST_SECRET = 4


def masked(value: Any) -> Any:
    """Return a text or a document, with the variable's name in place of each secret."""
    if isinstance(value, str):
        if not _SECRETS:
            return value
        longest_first = sorted(_SECRETS, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest_first)), lambda found: _SECRETS[found[0]], value)
    if isinstance(value, dict):
        return {key: masked(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [masked(entry) for entry in value]
    return value


def note_secret(name: str, value: str, where: Sequence[str | int]) -> None:
    # `env:NAME` is resolved by the daemon, and "unset" stands for a variable that is not set: neither is a secret.
    is_value = len(value) >= _SHORTEST_SECRET and not value.startswith("env:") and value != "unset"
    if is_value and where[-1:] and where[-1] in _SECRET_KEYS:
        pieces = _pieces(value)
        # Messages double a single quote.
        doubled = [piece.replace("'", "''") for piece in pieces]
        _SECRETS.update(dict.fromkeys([*pieces, *doubled], f"${{{name}}}"))


def _pieces(value: str) -> list[str]:
    """Return the value, and the parts of it that remain after the database has redacted the password in a URL."""
    head, _, behind = value.partition("@")
    user, _, _ = head.rpartition(":") if behind else ("", "", "")
    pieces = [value]
    if len(behind) >= _SHORTEST_SECRET:
        pieces.append(behind)
    if re.search("://.", user):
        pieces.append(user)
    return pieces
