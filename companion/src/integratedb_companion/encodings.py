"""Makes UTF-8 of what a database of another encoding streams.

The server sends the stream as the database has it. Would the server convert, one value with bytes that stand for no
character would end the stream, at each attempt again.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final

from .pgoutput import Column, Delete, Insert, Message, Relation, Row, Update

#: In place of bytes that stand for no character. In ASCII, because the database may have no other replacement.
_REPLACEMENT: Final = "?"
codecs.register_error("integratedb", lambda problem: (_REPLACEMENT, _end(problem)))


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by the server's name and, unless it is UTF-8 already, by Python's."""

    name: str
    codec: str | None

    def recode(self, message: Message) -> Message:
        """The message in UTF-8."""
        if self.codec is None:
            return message
        match message:
            case Insert(relid, new):
                return Insert(relid, self._row(new))
            case Update(relid, old, new):
                return Update(relid, None if old is None else self._row(old), self._row(new))
            case Delete(relid, old):
                return Delete(relid, self._row(old))
            case Relation():
                return self._relation(message)
        return message

    def _relation(self, relation: Relation) -> Relation:
        columns = tuple(
            Column(self._name(column.name), column.type_oid, column.type_modifier, column.key)
            for column in relation.columns
        )
        schema, name = self._name(relation.schema), self._name(relation.name)
        return Relation(relation.relid, schema, name, relation.identity, columns)

    def _row(self, row: Row) -> Row:
        return [self._value(value) if isinstance(value, bytes) else value for value in row]

    def _name(self, name: str) -> str:
        """A name that pgoutput.py read as UTF-8, keeping the bytes that are none."""
        return self._value(name.encode(errors="surrogateescape")).decode()

    def _value(self, value: bytes) -> bytes:
        assert self.codec is not None
        return value if value.isascii() else value.decode(self.codec, "integratedb").encode(errors="replace")


def _end(problem: UnicodeError) -> int:
    assert isinstance(problem, UnicodeDecodeError)
    return problem.end


UTF8: Final = Encoding("UTF8", None)
