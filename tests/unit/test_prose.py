"""scripts/prose finds long sentences and hard wordings, and lets the number of findings of a page only fall."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

loader = SourceFileLoader("prose", str(ROOT / "scripts/prose"))
specification = importlib.util.spec_from_loader("prose", loader)
assert specification
prose = importlib.util.module_from_spec(specification)
sys.modules["prose"] = prose  # dataclasses look their module up
sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
loader.exec_module(prose)
sys.dont_write_bytecode = before


def long(words: int) -> str:
    return " ".join(["Word", *["word"] * (words - 1)]) + "."


def test_the_pages_hold_to_the_check() -> None:
    subprocess.run([sys.executable, ROOT / "scripts/prose"], check=True)


def test_a_sentence_may_have_25_words() -> None:
    assert prose.findings(long(25)) == []
    ((line, message),) = prose.findings(long(26))
    assert (line, message.split(":")[0]) == (1, "a sentence of 26 words")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(f"{long(20)} {long(20)}", id="two sentences"),
        pytest.param(f"{long(20)} `lower case` begins here", id="a sentence that begins with code"),
        pytest.param(
            f"{long(20)} [page.md](page.md) is a link that begins a sentence", id="one that begins with a link"
        ),
        pytest.param(f"(See below.) {long(24)}", id="a full stop in parentheses"),
        pytest.param(f"# Title\n{long(25)}", id="a heading and a paragraph"),
        pytest.param(f"- {long(20)[:-1]}\n- {long(20)[:-1]}", id="list items"),
        pytest.param(f"1. {long(20)[:-1]}\n2. {long(20)[:-1]}", id="numbered items"),
        pytest.param(f"Words before a list:\n\n- {long(25)[:-1]}", id="a paragraph and its list"),
        pytest.param(f"| {long(20)[:-1]} | {long(20)[:-1]} |", id="cells"),
        pytest.param(f"| `a | b \\| c` and more | {long(20)[:-1]} |", id="a bar in the code of a cell"),
        pytest.param(f"```text\n{long(40)}\n```", id="a block of code"),
        pytest.param(f"- item\n\n  ```text\n  {long(40)}\n  ```", id="a block of code in a list"),
        pytest.param(f"Before:\n\n    {long(40)}\n\nAfter.", id="an indented block of code"),
        pytest.param(f'<img alt="{long(40)}">', id="HTML"),
        pytest.param(f"{long(24)[:-1]} `{long(40)}`.", id="a code span is one word"),
        pytest.param(f"{long(24)[:-1]} [{long(40)}](page.md#there).", id="a link is one word"),
    ],
)
def test_no_long_sentence_is_found_in(page: str) -> None:
    assert prose.findings(page) == []


@pytest.mark.parametrize(
    ("page", "line"),
    [
        pytest.param(f"Short.\n\n{long(26)}", 3, id="a paragraph"),
        pytest.param("Short.\n" + long(26).replace(" ", "\n"), 2, id="a sentence over many lines"),
        pytest.param(f"- item\n- {long(26)}", 2, id="an item"),
        pytest.param(f"- Item.\n  {long(26)}", 2, id="the second sentence of an item"),
        pytest.param(f"- item\n\n    {long(26)}", 3, id="the second paragraph of an item"),
        pytest.param(f"| a | b |\n|---|---|\n| c | {long(26)} |", 3, id="a cell"),
        pytest.param(f"```\ncode\n```\n{long(26)}", 4, id="text after a block of code"),
        pytest.param(f"````\n```\n````\n{long(26)}", 4, id="text after a fence within a fence"),
        pytest.param(f"{long(13)[:-1]}, e.g. `x`, {long(13)}", 1, id="an abbreviation"),
        pytest.param(f"{long(13)[:-1]} ``a ` b. C`` {long(13)}", 1, id="a full stop in code"),
    ],
)
def test_a_long_sentence_is_found_in(page: str, line: int) -> None:
    assert [found for found, _ in prose.findings(page)] == [line]


@pytest.mark.parametrize(
    "sentence",
    [
        "The form is handed in by the owner.",
        "An admin hands it in.",
        "The slot is made anew.",
        "A lag of up to 64 kB is none: so much is moved on.",
        "It counts as none.",
        "The stakeholder is told of it.",
        "It tells of everything.",
        "Events on a channel that is well grow old too.",
        "Healthy is who answers on TCP.",
        "Nobody asks for what the schema has not.",
        "It says who would be hurt.",
        "All may read it, but for two roles.",
        "A token that is good no longer is refused.",
        "Whoever reads the table needs a policy.",
        "It refuses whatever would write.",
        "Nothing is to be done in the database.",
    ],
)
def test_a_hard_wording_is_found_in(sentence: str) -> None:
    ((line, message),) = prose.findings(sentence)
    assert (line, "rather" in message) == (1, True)


@pytest.mark.parametrize(
    "sentence",
    [
        "None of the roles is a superuser.",
        "The document is well formed.",
        "This is what the daemon reads.",
        "The handle is closed in time.",
        "Options of the server go on the command line.",
        "`is none` and `told` are code.",
    ],
)
def test_a_plain_wording_is_not_found_in(sentence: str) -> None:
    assert prose.findings(sentence) == []


def test_a_page_may_have_as_many_findings_as_before() -> None:
    found = {"page.md": [(1, "one"), (2, "two")]}
    assert list(prose.judge(found, {"page.md": 2})) == []


def test_a_page_with_more_findings_is_reported_line_by_line() -> None:
    problems = list(prose.judge({"page.md": [(1, "one"), (2, "two")]}, {"page.md": 1}))
    assert problems[:2] == ["page.md:1: one", "page.md:2: two"]
    assert "allows 1" in problems[2]


def test_a_page_that_is_not_named_may_have_no_finding() -> None:
    assert list(prose.judge({"new.md": [(1, "one")]}, {})) == ["new.md:1: one"]


@pytest.mark.parametrize("remaining", [[], [(1, "one")]], ids=["none", "fewer"])
def test_a_number_that_has_fallen_must_be_lowered(remaining: list[tuple[int, str]]) -> None:
    found = {"page.md": remaining}
    (problem,) = prose.judge(found, {"page.md": 2})
    assert "scripts/prose --lower" in problem
    lowered = prose.lowered(found, {"page.md": 2})
    assert list(prose.judge(found, lowered)) == []


def test_lowering_raises_no_number_and_adds_no_page() -> None:
    found = {"page.md": [(1, "one"), (2, "two")], "new.md": [(1, "one")]}
    assert prose.lowered(found, {"page.md": 1, "gone.md": 3}) == {"page.md": 1}
