"""Texts of others, made fit for a line of a terminal and for JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.common.outside_text import json_escaped, one_line

TEXTS = st.text(st.characters() | st.sampled_from("\n\r\t\x1b\x7f\u0085\u009b\u200b\u202e\u2028\U000e0041\ud800"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 株 ≤ 😀", "Zoë 株 ≤ 😀"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x00\x1b[31m\x7f\u009b", "\\x00\\x1b[31m\\x7f\\x9b"),
        ("a\u202eb\u2028\ufeff", "a\\u202eb\\u2028\\ufeff"),
        ("\U000e0041\ud800", "\\U000e0041\\ud800"),
    ],
)
def test_what_is_not_printable_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(TEXTS)
def test_a_line_is_one_line(text: str) -> None:
    assert one_line(text).isprintable()


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=5))
def test_json_says_the_same_and_is_printable(value: object) -> None:
    for indent in (None, 2):
        document = json_escaped(json.dumps(value, indent=indent, ensure_ascii=False))
        assert document.replace("\n", "").isprintable()
        assert json.loads(document) == value
