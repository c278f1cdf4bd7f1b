"""Makes a text fit for what we keep, log and print, whoever wrote it."""

from __future__ import annotations

from typing import Final

#: Longer ones are cut: nobody reads more, and whoever sends it decides how long it is.
LIMIT: Final = 500


#: Those that have a name of their own.
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    """The text with everything that is not printable written as an escape.

    Line breaks would write lines that look like ours. Control characters, those of C1 too, steer a terminal. What turns the
    direction of writing around, or has no width, makes one name look like another.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _NAMED.get(c) or _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_escaped(document: str) -> str:
    """A JSON document that says the same, with everything that is not printable in its texts written as JSON escapes.

    The line breaks between the parts of the document stay: within a text JSON has them escaped already.
    """
    if document.replace("\n", "").isprintable():
        return document
    return "".join(c if c.isprintable() or c == "\n" else _json_escape(c) for c in document)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def plain(text: str, limit: int = LIMIT) -> str:
    """The text in printable ASCII, on one line, cut to a length.

    ASCII, because the encoding of the database may have no more. What is not printable (NUL, escapes, halves of surrogate
    pairs) becomes "?".
    """
    shown = "".join(char if " " <= char <= "~" else "?" for char in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
