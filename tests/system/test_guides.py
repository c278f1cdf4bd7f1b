"""The pages about the data API: their examples are run in their order, by psql and a shell, and print what is there.

The blocks are those of demo/story.md: ``sql`` that begins with ``-- as <role>``, ``console``, and hidden commands. Each
page begins in an empty Postgres. The ports 3000 and 3001 of a page are free ones of this machine.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.tell import Stage, Step, steps
from tests.examples import SAMPLE, stable
from tests.system.harness import ROOT, Cluster, free_port

PAGES = ["data-api.md", "graphql.md", "queries-as-data.md", "row-security.md", "from-postgrest.md", "saved-queries.md"]
#: Whether the page configures the service by PostgREST's names only.
BY_FILE = re.compile(r"^server-port", re.MULTILINE)
#: A block of these languages whose first line names a file is that file.
FILE = re.compile(r"^```(?:ini|toml)\n# (?P<name>[\w.-]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


class Ports:
    """The ports of the page, and those of this run."""

    def __init__(self) -> None:
        self.pairs = [("3000", str(free_port())), ("3001", str(free_port())), ("5432", "")]

    def filled_in(self, text: str) -> str:
        """Return a text of the page with the ports of this run."""
        for page, here in self.pairs:
            text = re.sub(rf"\b{page}\b", here, text)
        return text

    def as_on_the_page(self, text: str) -> str:
        """Return what was printed with the ports of the page."""
        for page, here in self.pairs:
            text = re.sub(rf"\b{here}\b", page, text)
        return text


@pytest.fixture
def empty_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A Postgres in which nothing is yet."""
    started = Cluster(tmp_path / "cluster")
    yield started
    started.stop()


def run(stage: Stage, step: Step, ports: Ports) -> str:
    """Run a step, and give what is printed for it."""
    text = ports.filled_in(step.text)
    for password in stage.passwords.values():
        text = text.replace(SAMPLE, password)
    return ports.as_on_the_page(stable(stage.run(Step(step.kind, text, step.role))))


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_of_a_page_print_what_it_says(name: str, empty_cluster: Cluster) -> None:
    page = ROOT / "docs" / name
    text = page.read_text(encoding="utf-8")
    ports = Ports()
    ports.pairs[2] = ("5432", str(empty_cluster.port))
    written, end, differences, count = "", 0, [], 0
    path = str(Path(sys.executable).parent)
    with Stage(empty_cluster.socket, empty_cluster.port, linestyle="ascii", path=path) as stage:
        for file in FILE.finditer(text):
            (stage.directory / file["name"]).write_text(ports.filled_in(file["body"]))
        if not BY_FILE.search(text):
            listen, admin = ports.pairs[0][1], ports.pairs[1][1]
            stage.shell.run(f"export INTEGRATEDB_API_LISTEN=127.0.0.1:{listen}")
            stage.shell.run(f"export INTEGRATEDB_API_ADMIN_LISTEN=127.0.0.1:{admin}")
        stage.shell.run("export INTEGRATEDB_API_WORKERS=1" if not BY_FILE.search(text) else ":")
        for step in steps(text):
            if step.kind in ("chapter", "prose"):
                continue
            answer = run(stage, step, ports)
            if step.kind == "hidden" or step.answer is None:
                assert step.kind != "hidden" or answer == "", f"{step.text}\n{answer}"
                assert "ERROR:" not in answer, f"{step.text}\n{answer}"
                continue
            count += 1
            said = f"{answer}\n" if answer else ""
            if said != step.answer:
                differences.append(f"{step.text}\n--- the page\n{step.answer}\n--- here\n{said}")
            written += text[end : step.span[0]] + said
            end = step.span[1]
    assert count > 3
    if os.environ.get("DOCUMENTS_WRITE"):
        page.write_text(written + text[end:], encoding="utf-8")
    else:
        assert not differences, "\n\n".join(differences)
