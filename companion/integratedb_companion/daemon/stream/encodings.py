"""Makes UTF-8 of what a database of another encoding streams.

The server sends the stream as the database has it. Would the server convert, one value with bytes that stand for no
character would end the stream, at each attempt again.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final

from .pgoutput import OMITTED, UNREADABLE, Column, Delete, Insert, Message, Relation, Row, Update, Value

#: In names, in place of bytes that stand for no character. In ASCII, because the database may have no other replacement.
_REPLACEMENT: Final = "?"
codecs.register_error("integratedb", lambda problem: (_REPLACEMENT, _end(problem)))


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by the name that the server is asked for and, unless it is UTF-8 already, by Python's."""

    name: str
    codec: str | None

    def recode(self, message: Message) -> Message:
        """The message in UTF-8. A value with bytes that stand for no character is left out."""
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
        """A row of our own in UTF-8, whatever names of others it holds: none of it is left out."""
        if self.codec is None:
            return message
        return Insert(message.relid, [self._replaced(v) if isinstance(v, bytes) else v for v in message.new])

    def _update(self, relid: int, old: Row | None, new: Row) -> Update:
        after = self._row(new)
        if old is not None:
            # Whether a value has changed is known, also of one that cannot be read.
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
        """A name that pgoutput.py read as UTF-8, keeping the bytes that are none."""
        return self._replaced(name.encode(errors="surrogateescape")).decode()

    def _replaced(self, value: bytes) -> bytes:
        assert self.codec is not None
        return value if value.isascii() else value.decode(self.codec, "integratedb").encode(errors="replace")


def _end(problem: UnicodeError) -> int:
    assert isinstance(problem, UnicodeDecodeError)
    return problem.end


UTF8: Final = Encoding("UTF8", None)
