"""Builds the events of many rows of one table together, from whole columns. Pure.

The events are the same as those of events.Projection, which builds them one by one. Here the work that is the same for
all rows is done once, and the rest runs in C: what stands between the values is joined once, then zip() and join() make
the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Final

from integratedb_companion.daemon.stream.rows import NULL, Column

from .json_columns import ColumnConverter, JsonColumn, column_converter, with_nulls

if TYPE_CHECKING:
    from .events import Entry, Transaction

_BLOCK: Final = 0x1000
#: The last three digits of positions.
_LOW_DIGITS: Final = [b"%03X" % number for number in range(_BLOCK)]


def position_digits(first: int, count: int) -> list[bytes]:
    """Return the digits of successive positions, as event ids have them."""
    digits: list[bytes] = []
    while len(digits) < count:
        block, start = divmod(first + len(digits), _BLOCK)
        high = b"%05X" % block
        digits += [high + low for low in _LOW_DIGITS[start : start + count - len(digits)]]
    return digits


class EventRuns:
    """Builds events of one kind of change, INSERT or UPDATE, whose rows come without old rows."""

    def __init__(self, head: bytes, columns: Sequence[Entry], key_columns: Sequence[Entry] = ()) -> None:
        """`head`: what follows the id, up to the time. `key_columns`: those that the event repeats as the old row."""
        self._head = head
        self._columns = [(index, name, column_converter(convert)) for index, name, convert in columns]
        self._key_columns = [(index, name) for index, name, _ in key_columns]
        #: The columns in which nulls were found: only for these is it worth looking at each value for a null.
        self._with_nulls: set[int] = set()

    def payloads(
        self, transaction: Transaction, position_digits: Sequence[bytes], columns: Sequence[Column]
    ) -> list[bytes] | None:
        """Build the events of rows that stand at these positions; None where a value is unchanged, so absent."""
        while True:
            try:
                return self._payloads(transaction, position_digits, columns)
            except TypeError:
                # Joining raises it: an absent value is an integer.
                if not self._found_nulls(columns):
                    return None

    def _found_nulls(self, columns: Sequence[Column]) -> bool:
        """Note the columns with nulls; returns whether there are any that were not noted before."""
        found = {index for index, _, _ in self._columns if NULL in [v for v in columns[index] if type(v) is int]}
        new = found - self._with_nulls
        self._with_nulls |= new
        return bool(new)

    def _payloads(
        self, transaction: Transaction, position_digits: Sequence[bytes], columns: Sequence[Column]
    ) -> list[bytes]:
        converted = {index: self._convert(index, convert, columns[index]) for index, _, convert in self._columns}
        pieces: list[Iterable[bytes]] = [repeat(transaction.head), position_digits]
        between = self._head + transaction.time + b'","data":{"record":'
        between = _add_object(pieces, between, [(name, converted[index]) for index, name, _ in self._columns])
        between += b',"old":'
        if self._key_columns:
            between = _add_object(pieces, between, [(name, converted[index]) for index, name in self._key_columns])
        else:
            between += b"null"
        pieces.append(repeat(between + b',"changed":null' + transaction.tail))
        return list(map(b"".join, zip(*pieces, strict=False)))

    def _convert(self, index: int, convert: ColumnConverter, values: Column) -> JsonColumn:
        if index in self._with_nulls:
            return with_nulls(convert, values, NULL)
        return convert(values)  # type: ignore[arg-type]  # an integer among them ends in TypeError


def _add_object(pieces: list[Iterable[bytes]], between: bytes, fields: Iterable[tuple[bytes, JsonColumn]]) -> bytes:
    """Add a JSON object to the pieces of the events; takes and returns what stands before the next values."""
    between += b"{"
    separator = b""
    for name, (before, values, after) in fields:
        pieces += (repeat(between + separator + name + before), values)
        between, separator = after, b","
    return between + b"}"
