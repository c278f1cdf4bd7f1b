"""What becomes of values and names that are not UTF-8."""

from __future__ import annotations

import pytest

from integratedb_companion.daemon.stream.encodings import Encoding
from integratedb_companion.daemon.stream.pgoutput import (
    OMITTED,
    UNCHANGED,
    UNREADABLE,
    Column,
    Delete,
    Insert,
    Relation,
    Row,
    Update,
)

ASCII = Encoding("SQL_ASCII", "utf-8")
EUC_TW = Encoding("SQL_ASCII", "ascii")


@pytest.mark.parametrize("encoding", [ASCII, EUC_TW, Encoding("WIN1252", "cp1252")])
def test_a_value_that_cannot_be_read_is_left_out_and_no_other(encoding: Encoding) -> None:
    row: Row = [b"1", b"\x81\xff", None, UNCHANGED, b"plain"]
    expected: Row = [b"1", UNREADABLE, None, UNCHANGED, b"plain"]
    assert encoding.recode(Insert(7, row)) == Insert(7, expected)
    assert encoding.recode(Delete(7, row)) == Delete(7, expected)


def test_whether_a_value_that_cannot_be_read_has_changed_is_known() -> None:
    old: Row = [b"\xff", b"\xff", b"\xff", b"\xff"]
    new: Row = [b"\xff", b"\xfe", b"plain", UNCHANGED]
    recoded = ASCII.recode(Update(7, old, new))
    assert recoded == Update(7, [UNREADABLE] * 4, [UNREADABLE, OMITTED, b"plain", UNCHANGED])


def test_names_and_rows_of_our_own_are_never_left_out() -> None:
    name = b"caf\xe9".decode(errors="surrogateescape")
    recoded = EUC_TW.recode(Relation(7, "public", name, "d", (Column(name, 25, -1, True),)))
    assert recoded == Relation(7, "public", "caf?", "d", (Column("caf?", 25, -1, True),))
    assert EUC_TW.recode_all(Insert(7, [b"1", b'{"path": "caf\xe9"}', None])) == Insert(
        7, [b"1", b'{"path": "caf?"}', None]
    )
