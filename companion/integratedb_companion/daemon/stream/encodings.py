"""Converts the stream of a database in another encoding to UTF-8.

The server sends the stream in the database's encoding. If the server converted, one value with invalid bytes would end
the stream, again at each attempt.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final

from .pgoutput import OMITTED, UNREADABLE, Column, Delete, Insert, Message, Relation, Row, Update, Value

#: Replaces invalid bytes in names. It is ASCII, because the encoding may not have another replacement character.
_REPLACEMENT: Final = "?"
codecs.register_error("integratedb", lambda problem: (_REPLACEMENT, _end(problem)))


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding: its name for the server, and its codec in Python (None for UTF-8)."""

    name: str
    codec: str | None

    def recode(self, message: Message) -> Message:
        """Convert a message to UTF-8, without the values that contain invalid bytes."""
        if self.codec is None:
            return message
        match message:
            case Insert(relid, new):
                return Insert(relid, self._row(new))
            case Update(relid, old, new):
                return self._update(relid, old, new)
            case Delete(relid, old):
                return Delete(relid, self._row(old))
            case Relation():
                return self._relation(message)
        return message

    def recode_all(self, message: Insert) -> Insert:
        """Convert a row of the extension's own tables to UTF-8; invalid bytes are replaced, and no value is omitted."""
        if self.codec is None:
            return message
        return Insert(message.relid, [self._replaced(v) if isinstance(v, bytes) else v for v in message.new])

    def _update(self, relid: int, old: Row | None, new: Row) -> Update:
        after = self._row(new)
        if old is not None:
            # The comparison also works for a value that cannot be decoded.
            after = [
                OMITTED if value is UNREADABLE and new[index] != old[index] else value
                for index, value in enumerate(after)
            ]
        return Update(relid, None if old is None else self._row(old), after)

    def _relation(self, relation: Relation) -> Relation:
        columns = tuple(
            Column(self._name(column.name), column.type_oid, column.type_modifier, column.key)
            for column in relation.columns
        )
        schema, name = self._name(relation.schema), self._name(relation.name)
        return Relation(relation.relid, schema, name, relation.identity, columns)

    def _row(self, row: Row) -> Row:
        return [self._value(value) if isinstance(value, bytes) else value for value in row]

    def _value(self, value: bytes) -> Value:
        assert self.codec is not None
        if value.isascii():
            return value
        try:
            return value.decode(self.codec).encode()
        except UnicodeError:
            return UNREADABLE

    def _name(self, name: str) -> str:
        """Convert a name that pgoutput.py decoded as UTF-8, with its invalid bytes preserved."""
        return self._replaced(name.encode(errors="surrogateescape")).decode()

    def _replaced(self, value: bytes) -> bytes:
        assert self.codec is not None
        return value if value.isascii() else value.decode(self.codec, "integratedb").encode(errors="replace")


def _end(problem: UnicodeError) -> int:
    assert isinstance(problem, UnicodeDecodeError)
    return problem.end


UTF8: Final = Encoding("UTF8", None)
