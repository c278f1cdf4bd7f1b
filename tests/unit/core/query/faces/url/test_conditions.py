"""Entity tags in conditions of requests."""

from __future__ import annotations

import pytest

from integratedb.query.faces.url.conditions import is_known, tags


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, ()),
        ("", ()),
        ("*", ("*",)),
        ('"a"', ("a",)),
        ('W/"a", "b,c" ,"d"', ("a", "b,c", "d")),
        ('""', ("",)),
        ("a", ()),
        ('"a" "b"', ()),
        ('"a", b, "c"', ("a",)),
    ],
)
def test_tags(header: str | None, found: tuple[str, ...]) -> None:
    assert tags(header) == found


def test_what_a_client_has() -> None:
    assert is_known("*", "x")
    assert is_known('W/"x", "y"', "x")
    assert not is_known('"xy"', "x")
    assert not is_known(None, "x")
