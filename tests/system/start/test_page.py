"""The session of docs/start.md is typed into a shell, and prints what the page says. DOCUMENTS_WRITE=1 writes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples import SAMPLE, Shell
from tests.system.harness import ROOT
from tests.system.start.harness import Start, environment

PAGE = ROOT / "docs/start.md"
BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SCREEN = re.compile(r"^```text\n(?P<screen>IntegrateDB .*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<answer>(?:(?!\$ ).*\n)*)", re.MULTILINE)
PORTS = {"serve": 4000, "api": 3000, "daemon": 4400}
HOME = "/home/ada/.local/share/integratedb/main"


@pytest.fixture
def shell(shop: Start) -> Iterator[Shell]:
    """A shell of a person who has the command in the PATH."""
    bindir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], text=True).strip()
    path = f"{Path(sys.executable).parent}:{bindir}:{os.environ['PATH']}"
    started = Shell(environment(PATH=path, PGTZ="UTC", PGCLIENTENCODING="UTF8"), shop.data)
    yield started
    started.end()


def as_typed(shop: Start, command: str) -> str:
    """The command, for what runs here."""
    for name, port in PORTS.items():
        command = command.replace(f":{port}", f":{shop.ports[name]}")
    return command.replace("~/.local/share/integratedb/main", str(shop.data))


def as_on_the_page(shop: Start, said: str) -> str:
    """What is printed, without what is another one in each run."""
    for name, port in PORTS.items():
        said = said.replace(f":{shop.ports[name]} ", f":{port}  ").replace(f":{shop.ports[name]}", f":{port}")
    said = said.replace(f":{shop.postgres_port}", ":15432").replace(str(shop.data), HOME)
    said = said.replace(shop.passwords["root"], SAMPLE)
    said = re.sub(r"(?m)^CONTEXT:.*\n(?:(?:PL/pgSQL|SQL).*\n)*", "", said)
    said = re.sub(r"(?m)^(  Postgres )[\d.]+ +", r"\g<1>15.8       ", said)
    said = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "2026-05-04T10:40:45+00:00", said)
    said = re.sub(r"^pid \d+", "pid 4711", said)
    said = re.sub(r"(?m)^(postgres|daemon|api|serve)( +)\d+ +(?=20)", lambda m: f"{m[1]}{m[2]}4712   ", said)
    said = re.sub(r"(?m)^(part +pid +) *since", r"\g<1>since", said)
    said = re.sub(r"(?m)^─{60,}$", "─" * 76, said)
    said = re.sub(r", died \d+ times", "", said)
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines())


def test_the_session_prints_what_the_page_says(shop: Start, shell: Shell) -> None:
    differences = []

    def command(entry: re.Match[str]) -> str:
        answer = as_on_the_page(shop, shell.run(as_typed(shop, entry["command"])))
        if answer != entry["answer"]:
            differences.append(f"$ {entry['command']}\n--- the page\n{entry['answer']}\n--- the shell\n{answer}")
        return f"$ {entry['command']}\n{answer}"

    def example(block: re.Match[str]) -> str:
        return f"```console\n{COMMAND.sub(command, block['body'])}```"

    written = BLOCK.sub(example, PAGE.read_text(encoding="utf-8"))
    if os.environ.get("DOCUMENTS_WRITE"):
        PAGE.write_text(written, encoding="utf-8")
    else:
        assert not differences, "\n\n".join(differences)


def test_the_first_screen_is_that_of_the_page(shop: Start) -> None:
    said = as_on_the_page(shop, shop.said)
    screen = said[said.index("IntegrateDB ") : said.index("Ctrl-C stops it")] + "Ctrl-C stops it"
    screen = re.sub(r"  Postgres and the services run as user .*\n", "", screen)
    page = SCREEN.search(PAGE.read_text(encoding="utf-8"))
    assert page is not None
    assert page["screen"].startswith(screen)
