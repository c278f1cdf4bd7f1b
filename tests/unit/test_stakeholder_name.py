"""Which names a stakeholder, its role and its schema may bear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.stakeholder_name import StakeholderNameError, normalise


@pytest.mark.parametrize(
    ("name", "normal"),
    [("reporter", "reporter"), ("  Reporter\n", "reporter"), ("_a9", "_a9"), ("x" * 32, "x" * 32), ("user", "user")],
)
def test_a_name_is_trimmed_and_lower_cased(name: str, normal: str) -> None:
    assert normalise(name) == normal


@pytest.mark.parametrize(
    "name", ["", " ", "9a", "a b", "a-b", 'a"b', "a'b", "a.b", "x" * 33, "größe", "\u212aelvin", "a\0"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(StakeholderNameError, match="letters a to z"):
        normalise(name)


@pytest.mark.parametrize(
    "name", ["public", "NONE", "pg_reader", "pg_", "integratedb", "integratedb_x", "information_schema"]
)
def test_reserved_names_are_refused(name: str) -> None:
    with pytest.raises(StakeholderNameError, match="reserved"):
        normalise(name)


@given(st.text())
def test_any_text_is_a_name_or_an_error(text: str) -> None:
    try:
        normal = normalise(text)
    except StakeholderNameError:
        return
    assert normalise(normal) == normal
