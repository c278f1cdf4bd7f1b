"""A migration tool's project in a directory of its own, its command line, and its recipe."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.sql.conftest import ROOT

PROJECTS = ROOT / "tests/tools/projects"
RECIPES = ROOT / "docs/recipes"
PASSWORD = "shop"
COLUMNS = """
    SELECT format('shop.%s.%s', table_name, column_name)
      FROM information_schema.columns
     WHERE table_schema = 'shop' AND table_name IN ('customers', 'orders')
       AND column_name IN ('vat', 'channel', 'email', 'email_address')
     ORDER BY 1
"""


@dataclass(frozen=True)
class Tool:
    """How a tool is run, where it writes down what it has run, and what it calls the two migrations."""

    name: str
    command: str
    recorded: str
    versions: tuple[list[object], list[object]]  # what is recorded after the first migration, and after both
    status: tuple[int, int] = (1, 1)  # of a refusal: at COMMIT, and by the call
    first: str | None = None  # the command for the first migration, where it is another one
    driver: str = "postgresql"
    creates_schemas: bool = False

    def recipe(self) -> str:
        """Give the text of its page."""
        return (RECIPES / f"{self.name}.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Run:
    """What a command printed, on either stream, and its exit status."""

    status: int
    output: str

    def says(self, lines: list[str]) -> None:
        """Assert that it printed these lines in this order; ``...`` stands for anything, in a line or for lines."""
        printed = iter(self.output.splitlines())
        for line in lines:
            pattern = ".*".join(re.escape(part) for part in line.rstrip().split("..."))
            assert line.strip() == "..." or any(re.fullmatch(pattern, other.rstrip()) for other in printed), (
                f"not printed, or not in this order: {line}\n--- printed\n{self.output}"
            )


class Project:
    """A copy of a tool's project: what both variants share, and the migrations of one of them."""

    def __init__(self, tool: Tool, variant: str, directory: Path, environment: dict[str, str]) -> None:
        self.tool, self.directory = tool, directory
        self.held_back: dict[Path, bytes] = {}
        self.environment = environment
        if (PROJECTS / tool.name / "base").exists():
            self.add("base")
        self.add(variant)
        (directory / "node_modules").symlink_to(ROOT / ".build/node/node_modules")

    def add(self, part: str) -> None:
        """Copy a part of the project, over what is there."""
        shutil.copytree(PROJECTS / self.tool.name / part, self.directory, dirs_exist_ok=True)

    def hold_back(self) -> None:
        """Leave the second migration out, as if nobody had written it yet."""
        for path in [path for path in self.directory.rglob("*rename*") if "node_modules" not in path.parts]:
            self.held_back[path] = path.read_bytes()
            path.unlink()
        for path in self.directory.glob("drizzle/meta/_journal.json"):
            self.held_back[path] = path.read_bytes()
            journal = json.loads(path.read_text())
            path.write_text(json.dumps(journal | {"entries": journal["entries"][:1]}))
        for path in self.directory.glob("sqitch.plan"):
            self.held_back[path] = path.read_bytes()
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))

    def write_second(self) -> None:
        """Add it."""
        for path, content in self.held_back.items():
            path.write_bytes(content)

    def run(self, command: str) -> Run:
        """Run a command of the recipe in the project, as one would type it."""
        finished = subprocess.run(
            ["bash", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            text=True,
        )
        return Run(finished.returncode, re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", finished.stdout))


def environment(port: int, dbname: str, driver: str) -> dict[str, str]:
    """The variables that the recipes assume, with the tools that the tests install first on the PATH."""
    bindir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], text=True).strip()
    return {
        "PATH": f"{ROOT}/.build/venv/bin:{ROOT}/.build/node/node_modules/.bin:{bindir}:/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/tmp"),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": "shop_owner",
        "PGPASSWORD": PASSWORD,
        "PGDATABASE": dbname,
        "DATABASE_URL": f"{driver}://shop_owner:{PASSWORD}@127.0.0.1:{port}/{dbname}",
    }


BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^`(?P<path>[^`\s]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def answers(page: str, command: str) -> list[list[str]]:
    """Give what a page shows as printed by a command, each time that it does."""
    found = []
    for block in BLOCK.finditer(page):
        if block["kind"] == "console":
            asked, *answer = block["text"].splitlines()
            if asked == f"$ {command}":
                found.append(answer)
    return found
