"""Bodies: how deep JSON may be, and which keys its rows have."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integratedb_companion.api.bodies import LARGE_BYTES, MAX_DEPTH, check_depth, scan_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.text('[]{}"\\x,', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('[]{}"\\x', max_size=4), inner, max_size=4),
    max_leaves=40,
)


@given(VALUES, st.integers(0, 100))
@example({"": []}, 63)
def test_depth_is_what_the_brackets_outside_of_texts_say(value: object, more: int) -> None:
    def depth(one: object) -> int:
        inner = one if isinstance(one, list) else list(one.values()) if isinstance(one, dict) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    text = ("[" * more + json.dumps(value) + "]" * more).encode()
    if depth(value) + more <= MAX_DEPTH:
        check_depth(text)
    else:
        with pytest.raises(ValueError, match="nested"):
            check_depth(text)


def test_rows_and_their_keys() -> None:
    assert scan_json(b'[{"a":1,"b":2},{"b":1,"a":2},{"a":1,"b":3}]') == (True, [("a", "b"), ("b", "a")], 3)
    assert scan_json(b'{"a":1}') == (False, [("a",)], 1)
    assert scan_json(b"[1]") == (True, [None], 1)
    for bad in (b"", b"{", b"NaN", b'{"a":\xff}', b"[" * 2000 + b"]" * 2000):
        with pytest.raises(ValueError, match=r".*"):
            scan_json(bad)


@pytest.mark.parametrize(
    "row",
    ['{"é😀": "x", "b": [{"é": 1}]}', '{"\\u00e9😀": "x", "b": {"c": 1}}', '{"\\u00e9\\ud83d\\ude00": "x", "b": 1}'],
)
def test_keys_of_large_documents_are_the_same(row: str) -> None:
    small = f"[{row}]".encode()
    large = f"[{', '.join([row] * (1 + LARGE_BYTES // len(row)))}]".encode()
    assert scan_json(small)[:2] == scan_json(large)[:2] == (True, [("é😀", "b")])


@pytest.mark.parametrize("end", [b"]}]", b'"', b"\xff", b", NaN]"])
def test_large_documents_that_are_no_json_are_refused(end: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        scan_json(b"[" + b", ".join([b'{"a": "\xc3\xa9"}'] * (LARGE_BYTES // 10)) + end)
