"""`make demo` tells demo/story.md: its answers are those of the page, and on a terminal it waits for its reader."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.tell import PAGE, Screen, Stage, as_meant, steps, tell
from tests.examples import stable
from tests.system.command_line.conftest import Terminal
from tests.system.harness import ROOT, Cluster

#: What an event has that is another one in each run.
UNSTABLE = [
    (re.compile(r'("id": ?)"00000001-[0-9A-F]{16}-([0-9A-F]{8})"'), r'\1"00000001-00000000016B3748-\2"'),
    (re.compile(r'("time": ?)"[^"]*"'), r'\1"2026-05-04T10:40:45.684768Z"'),
    (re.compile(r'("lsn": ?)"[^"]*"'), r'\1"0/16B3748"'),
    (re.compile(r'("xid": ?)\d+'), r"\g<1>731"),
    (re.compile(r"v1,[\w+/]{43}="), "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
    (re.compile(r"^\d{13}-0$", re.MULTILINE), "1777891245684-0"),
]


def as_on_the_page(answer: str) -> str:
    answer = stable(answer)
    for pattern, sample in UNSTABLE:
        answer = pattern.sub(sample, answer)
    return answer


@pytest.fixture
def empty_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A Postgres in which nothing is yet."""
    started = Cluster(tmp_path / "cluster")
    yield started
    started.stop()


def test_the_story_has_the_answers_of_its_page(empty_cluster: Cluster) -> None:
    page = PAGE.read_text(encoding="utf-8")
    written, end, differences = "", 0, []
    path = str(Path(sys.executable).parent)
    with Stage(empty_cluster.socket, empty_cluster.port, linestyle="ascii", path=path) as stage:
        for step, answer in tell(page, stage, Screen(is_terminal=False, pauses=False)):
            if step.answer is None:
                assert answer == "", f"{step.text}\n{answer}"
                continue
            said = f"{as_on_the_page(answer)}\n" if answer else ""
            if said != step.answer:
                differences.append(f"{step.text}\n--- the page\n{step.answer}\n--- the demo\n{said}")
            written += page[end : step.span[0]] + said
            end = step.span[1]
    if os.environ.get("DOCUMENTS_WRITE"):
        PAGE.write_text(written + page[end:], encoding="utf-8")
    else:
        assert not differences, "\n\n".join(differences)


def test_an_answer_that_is_an_error_where_the_page_has_none_is_not_as_meant() -> None:
    told = [step for step in steps(PAGE.read_text(encoding="utf-8")) if step.kind == "sql"]
    refused = [step for step in told if "ERROR:" in (step.answer or "")]
    assert len(refused) == 2
    assert all(as_meant(step, step.answer or "") for step in told)
    assert not any(as_meant(step, "ALTER TABLE") for step in refused)
    assert not as_meant(told[0], "ERROR:  relation does not exist")
    assert not as_meant(told[0], "")


def test_a_hidden_step_that_prints_something_is_not_as_meant() -> None:
    hidden = [step for step in steps(PAGE.read_text(encoding="utf-8")) if step.kind == "hidden"]
    assert hidden
    assert all(as_meant(step, "") for step in hidden)
    assert not any(as_meant(step, "sh: 1: redis-server: not found") for step in hidden)


def test_on_a_terminal_it_waits_before_each_chapter_and_ends_with_how_to_go_on(empty_cluster: Cluster) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TERM": "xterm"}
    command = [sys.executable, "-m", "demo.tell", empty_cluster.socket]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment) as process:
        os.close(theirs)
        terminal = Terminal(process, ours)
        try:
            shown = terminal.expect("Enter: the next chapter.", timeout_s=60)
            assert "1. A database with one application" in shown
            assert "2. Another application" not in shown
            terminal.type("\n")
            terminal.expect("2. Another application says what it needs", timeout_s=60)
            terminal.type("a\n")
            shown = terminal.expect("starts afresh", timeout_s=120)
            assert terminal.end() == 0
        finally:
            process.kill()
    assert shown.count("Enter: the next chapter.") == 2
    assert "3. New rows arrived at a webhook" in shown
    assert f"integratedb start --demo --data {empty_cluster.socket}/start" in shown
    for role in ("user=shop_owner", "user=shop_admin", "user=postgres", "postgresql://reporter:"):
        assert role in shown, role


def test_it_ends_with_three_lines_of_what_was_seen() -> None:
    *_, last = steps(PAGE.read_text(encoding="utf-8"))
    assert [len(line) <= 100 for line in last.text.splitlines()] == [True] * 3
