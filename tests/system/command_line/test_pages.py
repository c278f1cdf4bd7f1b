"""The examples of docs/command-line.md and docs/contracts.md are run by a shell, and print what is written there.

A block whose first line names a file (``# contracts/mailer.yaml``, ``-- 0042.sql``) is that file. A block of
``console`` is commands after ``$`` and what they print. ``DOCUMENTS_WRITE=1`` writes that into the pages.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples import Shell
from tests.system.command_line.conftest import ELSEWHERE, Place
from tests.system.harness import ROOT

BLOCK = re.compile(r"^```(?P<language>yaml|sql|console)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:#|--) (?P<name>[\w./-]+\.(?:yaml|sql))\n")
COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<answer>(?:(?!\$ ).*\n)*)", re.MULTILINE)

#: What is another one in each run.
UNSTABLE: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00"), "2026-05-04 10:40:45+00:00"),
    (re.compile(r"^(ok +|FAILED +)(\w+) +\d+\.\d s$", re.MULTILINE), lambda m: f"{m[1]}{m[2].ljust(10)}    1.0 s"),
    (re.compile(r"^(ok +PostgreSQL: ).*$", re.MULTILINE), r"\g<1>15.8"),
]


def shell(place: Place) -> Shell:
    """One shell for all commands of a page, as the admin."""
    kept = {name: value for name, value in os.environ.items() if not ELSEWHERE.fullmatch(name)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return Shell(kept | place.environment("shop_admin") | {"PATH": path, "PGTZ": "UTC"}, place.directory)


def stable(answer: str) -> str:
    """Give the answer without what is another one in each run."""
    for pattern, replacement in UNSTABLE:
        answer = pattern.sub(replacement, answer)
    return answer


@pytest.mark.parametrize("page", ["command-line.md", "contracts.md"])
def test_the_examples_of_a_page_print_what_it_says(page: str, place: Place) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (place.directory / "schema.sql").write_text("CREATE SCHEMA shop;\n" + (ROOT / "demo/shop.sql").read_text())
    with place.session() as superuser:
        superuser.run("ALTER ROLE shop_admin SET timezone = 'UTC'")
    running = shell(place)
    differences = []
    count = 0

    def example(block: re.Match[str]) -> str:
        nonlocal count
        file = FILE.match(block["body"])
        if file:
            target = place.directory / file["name"]
            target.parent.mkdir(exist_ok=True)
            target.write_text(block["body"].removeprefix(file[0]))
        if block["language"] != "console":
            return block[0]

        def command(entry: re.Match[str]) -> str:
            nonlocal count
            count += 1
            answer = stable(running.run(entry["command"]))
            if answer != entry["answer"]:
                differences.append(f"$ {entry['command']}\n--- the page\n{entry['answer']}\n--- the shell\n{answer}")
            return f"$ {entry['command']}\n{answer}"

        return f"```console\n{COMMAND.sub(command, block['body'])}```"

    written = BLOCK.sub(example, text)
    running.end()
    assert count > 8
    if os.environ.get("DOCUMENTS_WRITE"):
        (ROOT / "docs" / page).write_text(written, encoding="utf-8")
    else:
        assert not differences, "\n\n".join(differences)
