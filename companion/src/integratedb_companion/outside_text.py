"""Makes a text fit for what we keep and log, whoever wrote it."""

from __future__ import annotations

from typing import Final

#: Longer ones are cut: nobody reads more, and whoever sends it decides how long it is.
LIMIT: Final = 500


def plain(text: str, limit: int = LIMIT) -> str:
    """The text in printable ASCII, on one line, cut to a length.

    ASCII, because the encoding of the database may have no more. What is not printable (NUL, escapes, halves of surrogate
    pairs) becomes "?".
    """
    shown = "".join(char if " " <= char <= "~" else "?" for char in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
