"""The examples of a page of documentation, run by psql in their order; what it prints must be what the page says.

A block of ``sql`` whose first line is ``-- as <role>`` is run in a psql of its own, as that role, in the test's shop
database; ``-- as <role>, session <n>`` runs it in a psql that stays open for the later blocks of that session. The
block of ``text`` after it is what psql prints. Without one the block must print no ERROR. Blocks of other languages,
and of ``sql`` without that first line, are prose.

``DOCUMENTS_WRITE=1 scripts/pytest tests/sql/test_docs.py`` writes what psql prints into the pages.

The demo (``demo/tell.py``) tells its page by the sessions and the shell of this module. On a bare machine only the
standard library is there, so this module imports nothing else.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support import Server

BLOCK = re.compile(
    r"^```sql\n-- as (?P<role>\w+)(, session (?P<session>\w+))?[^\n]*\n(?P<code>.*?)^```\n"
    r"(\n```text\n(?P<answer>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
END = "\x01 end of the block \x01"

# What is another one in each run, in the width that it has.
PASSWORD = re.compile(r"(\w+) +[|│] ([A-Za-z0-9_-]{32}) *$", re.MULTILINE)
SAMPLE = "kJ3nE0x9-Yb2qLr7_TzWc5vHs8Ud1Ma4"
# Times of messages, to the minute. The pages show them as if the example had been run at SAMPLE_TIME.
TIME = re.compile(r"\b(\d{4}-\d\d-\d\d) \d\d:\d\d UTC\b")
SAMPLE_TIME = datetime(2026, 5, 4, 10, 40, tzinfo=UTC)


def as_if_sampled(found: re.Match[str]) -> str:
    """Give a time as many days after SAMPLE_TIME as it is after today."""
    days = datetime.strptime(found[1], "%Y-%m-%d").date() - datetime.now(UTC).date()
    return f"{SAMPLE_TIME + days:%Y-%m-%d %H:%M} UTC"


def stable(answer: str) -> str:
    """Give the answer without what is another one in each run."""
    masked = PASSWORD.sub(lambda found: found[0].replace(found[2], SAMPLE), answer)
    masked = TIME.sub(as_if_sampled, masked)
    return "\n".join(line.rstrip() for line in masked.strip("\n").splitlines())


# How to start psql as a role that has this password, or none: the command line, and its environment.
Login = Callable[[str, str | None], tuple[list[str], dict[str, str]]]


def local(server: Server, database: str) -> Login:
    """The psql of this machine; roles with a password log in over TCP."""
    bindir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], text=True).strip()

    def login(role: str, password: str | None) -> tuple[list[str], dict[str, str]]:
        host = server.socket if password is None else server.tcp
        conninfo = f"host={host} port={server.port} user={role} dbname={database}"
        variables = {"PGPASSWORD": password or "", "PGCLIENTENCODING": "UTF8", "PGTZ": "UTC"}
        return [f"{bindir}/psql", "--no-psqlrc", "--no-password", conninfo], os.environ | variables

    return login


class Psql:
    """A psql as one role, that is given one block after another."""

    def __init__(self, command: list[str], environment: dict[str, str], cwd: Path | None) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=cwd,
        )
        self.say(r"\set SHOW_CONTEXT never")

    def say(self, block: str) -> str:
        """Run a block, and give what is printed for it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{block}\n\\echo {END}\n")
        self.process.stdin.flush()
        answer = ""
        for line in self.process.stdout:
            if line.strip() == END:
                return answer
            answer += line
        raise AssertionError(f"psql ended with status {self.process.wait()}: {answer}")

    def end(self) -> None:
        """Log out."""
        self.process.communicate()


class Shell:
    """One shell, that is given one command after another."""

    def __init__(self, environment: dict[str, str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            ["/bin/sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        """Run a command, and give what it prints."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{{ {command}\n}} < /dev/null\necho '{END}'\n")
        self.process.stdin.flush()
        answer = ""
        for line in self.process.stdout:
            if line.rstrip("\n") == END:
                break
            answer += line
        return answer

    def end(self) -> None:
        """End the shell and every process that it has left running."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.communicate()


@contextmanager
def sessions() -> Iterator[dict[str, Psql]]:
    """The sessions that stay open, which end with the page."""
    opened: dict[str, Psql] = {}
    yield opened
    for psql in opened.values():
        psql.end()


def run_examples(page: Path, server: Server, database: str) -> None:
    """Run a page by the psql of this machine; every answer must be what the page says."""
    run_examples_by(page, local(server, database))


def run_examples_by(page: Path, login: Login, cwd: Path | None = None) -> None:
    """Run a page by psql sessions that are started like this, in this directory."""
    text = page.read_text(encoding="utf-8")
    passwords: dict[str, str] = {}
    differences: list[str] = []

    with sessions() as opened:

        def check(block: re.Match[str]) -> str:
            role, name = block["role"], block["session"]
            psql = opened.get(name or "") or Psql(*login(role, passwords.get(role)), cwd)
            if name:
                opened[name] = psql
            answer = psql.say(block["code"])
            if not name:
                psql.end()
            passwords.update(PASSWORD.findall(answer))
            question = block[0][: block.end("code") - block.start()] + "```\n"
            if block["answer"] is None:
                assert "ERROR:" not in answer, f"{page.name}: {block['code']}\n{answer}"
                return question
            if stable(answer) != block["answer"].strip("\n"):
                differences.append(
                    f"{page.name}: {block['code']}\n--- the page\n{block['answer']}\n--- psql\n{stable(answer)}"
                )
            return f"{question}\n```text\n{stable(answer)}\n```\n"

        written = BLOCK.sub(check, text)

    if os.environ.get("DOCUMENTS_WRITE"):
        page.write_text(written, encoding="utf-8")
    else:
        assert not differences, "\n\n".join(differences)
        assert "```text" not in BLOCK.sub("", text), f"{page.name} has an answer without its question"
