"""Makes foreign texts safe to store, log and print."""

from __future__ import annotations

from typing import Final

#: Longer texts are cut, because their length is up to the sender, and nobody reads more.
LIMIT: Final = 500


#: Characters with a short escape.
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    """Return the text with everything that is not printable written as an escape.

    Line breaks would produce lines that look like the program's own. Control characters, including C1, control a
    terminal. Characters that reverse the direction of writing, or have no width, make one name look like another.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _NAMED.get(c) or _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_escaped(document: str) -> str:
    """Return an equivalent JSON document, with JSON escapes in place of everything that is not printable.

    The line breaks between the parts of the document stay, because JSON escapes those within a text.
    """
    if document.replace("\n", "").isprintable():
        return document
    return "".join(c if c.isprintable() or c == "\n" else _json_escape(c) for c in document)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def plain(text: str, limit: int = LIMIT) -> str:
    """Return the text in printable ASCII, on one line, cut to a length.

    ASCII is used because the encoding of the database may have no other characters. What is not printable (NUL,
    escapes, unpaired surrogates) becomes "?".
    """
    shown = "".join(char if " " <= char <= "~" else "?" for char in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
