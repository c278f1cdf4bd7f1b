"""YAML by the rules of version 1.2, each value with its line, and no surprise left to the database."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integratedb_companion.contracts import yaml_source
from integratedb_companion.contracts.model import UnusableContractsError
from integratedb_companion.contracts.yaml_source import read, write

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda key: key != "<<"
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


@given(DOCUMENTS)
@example("1e3")
@example("no")
def test_what_is_written_is_read(document: Any) -> None:
    assert read(write(document), "file")[0] == document


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("on", "on"), ("y", "y"), ("true", True), ("~", None), ("", None), ("12:30", "12:30"), ("010", 10),
     ("2026-01-01", "2026-01-01"), ("0x1f", "0x1f"), ("1_0", "1_0"), ("1.5", 1.5), ("1e3", 1000.0), (".inf", ".inf")],
)  # fmt: skip
def test_plain_scalars_are_what_yaml_1_2_says(text: str, value: object) -> None:
    assert read(f"key: {text}", "file")[0] == {"key": value}


def test_every_value_has_its_line() -> None:
    _, lines = read("a:\n  - b: 1\n    c: &x [p,\n      q]\nd: *x\n", "file")
    assert lines["a",] == 1
    assert lines["a", 0, "b"] == 2
    assert lines["a", 0, "c", 1] == 4
    assert lines["d",] == 5


def test_json_is_read_too() -> None:
    assert read('{"match": [{"path": "s.t", "fields": ["*"]}]}', "file")[0] == {
        "match": [{"path": "s.t", "fields": ["*"]}]
    }


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{earlier}'] * 10)}]\n" for earlier, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3", 3, "stands twice"),
        ("a: [", 2, ""),
        ("a: 1\n--- \nb: 2", 2, "second document"),
        ("- &a [*a]", 1, "alias"),
        ("<<: {a: 1}", 1, "merge"),
        ("a: !!python/object/apply:os.system [x]", 1, ""),
        ("a: 1\nb: !secret x", 2, "tag"),
        ("? [a]\n: 1", 1, "key"),
        ("a: \x00", 1, "control"),
        (BOMB, None, "more than"),
        (f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 20)}]", 1, "more than"),
        ("x" * 10_000_001, None, "more than"),
        ("a: 1\nb: " + "[" * 100_000, 2, "nested too deeply"),
        ("a: 1\nb: " + "{a: " * 101, 2, "nested too deeply"),
        ("".join(" " * depth + "a:\n" for depth in range(101)), 101, "nested too deeply"),
        ("a0: &a0 x\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200)), None, "nested too deeply"),
        ("a: 1\nb: !!int abc", 2, "!!int"),
        ("a: !!int 0x1f", 1, "!!int"),
        (f"a: !!int {'9' * 5000}", 1, "!!int"),
        ("a: !!float abc", 1, "!!float"),
        ("a: !!float .nan", 1, "!!float"),
        ("a: !!bool abc", 1, "!!bool"),
        ("a: !!null abc", 1, "!!null"),
        ("a: !!binary abc", 1, "tag"),
        ("a: !!timestamp abc", 1, "tag"),
        ("a: 1e9999", 1, "too large"),
        ("a: 1\nb: \ud800", 2, "control"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(text: str, line: int | None, word: str) -> None:
    with pytest.raises(UnusableContractsError) as refusal:
        read(text, "file")
    [finding] = refusal.value.findings
    assert word in finding.message
    assert finding.file == "file"
    assert line in (None, finding.line)


def test_too_many_values_are_refused_before_they_take_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "MAX_VALUES", 1000)
    tracemalloc.start()
    try:
        with pytest.raises(UnusableContractsError) as refusal:
            read("[" + "a," * 100_000 + "a]", "file")
        assert "more than 1000 values" in refusal.value.findings[0].message
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_as_many_values_as_are_allowed_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "MAX_VALUES", 1000)
    value, _ = read("".join(f"a{number}: b\n" for number in range(999)), "file")
    assert len(value) == 999
