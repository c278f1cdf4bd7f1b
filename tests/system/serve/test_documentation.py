"""docs/management-api.md: its session is typed as it stands, by bash and curl, and answers what the page says.

``DOCUMENTS_WRITE=1 scripts/pytest tests/system/serve/test_documentation.py`` writes the answers into the page.
"""

from __future__ import annotations

import json
import os
import re
import subprocess

import httpx
import pytest

from integratedb_companion.commands.serve import serve
from tests.support import refused
from tests.system.harness import ROOT
from tests.system.serve.harness import Place, Service

PAGE = ROOT / "docs/management-api.md"
BLOCK = re.compile(r"^```sh\n(?P<code>.*?)^```\n(\n```json\n(?P<answer>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:4000"
END = "\x01"

# What is another one in each run.
VARIABLE = [
    (re.compile(r'("password": )"[^"]{32}"'), r'\1"kJ3nE0x9-Yb2qLr7_TzWc5vHs8Ud1Ma4"'),
    (re.compile(r'("(?:token|refreshToken)": )"[^"]+"'), r'\1"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."'),
    (re.compile(r'("created_at": )"[^"]+"'), r'\1"2026-11-20T09:30:00.000000Z"'),
]


def stable(answer: str) -> str:
    """Give an answer as the page shows it."""
    shown = json.dumps(json.loads(answer), indent=2)
    # Short values on one line.
    shown = re.sub(r"[\[{]\n\s+[^\[\]{}]*?\n\s*[\]}]", lambda found: one_line(found[0]), shown)
    for pattern, replacement in VARIABLE:
        shown = pattern.sub(replacement, shown)
    return shown


def one_line(part: str) -> str:
    """Give a list or object without lists or objects in it on one line, where it is not too long for that."""
    joined = re.sub(r"\s*\n\s*", " ", part)
    joined = re.sub(r"^([\[{]) ", r"\1", re.sub(r" ([\]}])$", r"\1", joined))
    return joined if len(joined) < 100 else part


@pytest.fixture
def session(fresh: Place, start_service) -> tuple[Place, Service]:
    """A database with the shop, and a service that nobody has used."""
    fresh.superuser.run("CREATE SCHEMA shop AUTHORIZATION shop_owner")
    fresh.owner.run((ROOT / "demo/shop.sql").read_text())
    return fresh, start_service(fresh.dsn, "--preview-dsn", fresh.owner_dsn)


def test_the_session_answers_what_the_page_says(session: tuple[Place, Service]) -> None:
    place, service = session
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) > 8
    script = "set -e\n" + "".join(f"{block['code']}printf '{END}'\n" for block in blocks)
    ran = subprocess.run(
        ["bash", "-c", script.replace(ADDRESS, service.url)], capture_output=True, text=True, check=True, timeout=120
    )
    answers = iter(ran.stdout.split(END))
    raw: list[str] = []

    def check(block: re.Match[str]) -> str:
        answer = next(answers)
        raw.append(answer)
        question = f"```sh\n{block['code']}```\n"
        return question if block["answer"] is None else f"{question}\n```json\n{stable(answer)}\n```\n"

    written = BLOCK.sub(check, text)
    if os.environ.get("DOCUMENTS_WRITE"):
        PAGE.write_text(written, encoding="utf-8")
    else:
        assert written == text
    credentials = json.loads(raw[-1])["data"]["credentials"]
    breaking_migration(place, credentials)


def breaking_migration(place: Place, credentials: dict[str, str]) -> None:
    """Log in with the credentials of the page; what it has claimed cannot be migrated away."""
    with place.stakeholder_session(**credentials) as reporter:
        reporter.rows("SELECT id, status FROM shop.orders")
        with refused("42501"):
            reporter.rows("SELECT * FROM shop.orders")
    with refused("IDB01", "reporter"):
        place.owner.run("ALTER TABLE shop.orders RENAME COLUMN status TO state")


def test_the_page_has_every_request_of_the_openapi_document(service: Service) -> None:
    table = PAGE.read_text(encoding="utf-8").split("## Requests")[1].split("## Refusals")[0]
    documented = set()
    for cell in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE):
        methods = re.findall(r"\b(GET|POST|PUT|DELETE)\b", cell)
        paths = re.findall(r"(/[\w/:-]+)", re.sub(r"\{.*", "", cell))
        documented |= {(method, path) for method in methods for path in paths}
    paths = httpx.get(f"{service.url}/api/v1/openapi.json").json()["paths"]
    there = {(method.upper(), re.sub(r"\{(\w+)\}", r":\1", path)) for path, found in paths.items() for method in found}
    assert documented == there


def test_the_options_are_those_of_the_command() -> None:
    table = PAGE.read_text(encoding="utf-8").split("| option |")[1].split("\n\n")[0]
    options = [option for row in table.splitlines() for option in re.findall(r"`(--[a-z-]+)", row.split("|")[1])]
    assert options == [option for parameter in serve.params for option in parameter.opts]
