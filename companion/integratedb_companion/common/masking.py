"""Shows the secrets of this machine's environment to nobody: the names of their variables stand in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

#: What stands in a URL or a secret of a channel for each variable, by value: the environment's secrets are shown to nobody.
_SECRETS: dict[str, str] = {}


_SECRET_KEYS = ("url", "secret")


#: What is shorter is no secret, and would make messages unreadable.
_SHORTEST_SECRET = 4


def masked(value: Any) -> Any:
    """Give a text, or the texts in a document, with the variable's name in place of a value that is a channel's secret."""
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
    # What the daemon is to look up itself, and what stands for a variable that is not set, are no values.
    is_value = len(value) >= _SHORTEST_SECRET and not value.startswith("env:") and value != "unset"
    if is_value and where[-1:] and where[-1] in _SECRET_KEYS:
        pieces = _pieces(value)
        # Messages double a single quote.
        doubled = [piece.replace("'", "''") for piece in pieces]
        _SECRETS.update(dict.fromkeys([*pieces, *doubled], f"${{{name}}}"))


def _pieces(value: str) -> list[str]:
    """The value, and what the database shows of it, which redacts the password in a URL."""
    head, _, behind = value.partition("@")
    user, _, _ = head.rpartition(":") if behind else ("", "", "")
    pieces = [value]
    if len(behind) >= _SHORTEST_SECRET:
        pieces.append(behind)
    if re.search("://.", user):
        pieces.append(user)
    return pieces
