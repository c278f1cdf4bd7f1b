"""Unmodified clients and tools of GraphQL: scripts/graphql.mjs runs those of Node, and gql is Python's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.api.conftest import new_place
from tests.system.api.harness import Api, Place, token
from tests.system.api.test_graphql import BLOG
from tests.system.harness import ROOT, Cluster

NODE = ROOT / ".build/node/node_modules"
GQL = ROOT / ".build/gql"
# The suites that run in images have no Node.
pytestmark = pytest.mark.skipif(
    not (NODE / "graphql-http").exists() or not GQL.exists(), reason="scripts/bootstrap --test installs the clients"
)
SCRIPTS = Path(__file__).parent / "scripts"
PAGE = ROOT / "companion/integratedb_companion/api/graphql.html"

_STATUS = "the present draft has 422 for what is no request, the audits' has 400"
_TYPE = "the present draft has application/graphql-response+json for a client that takes anything"
_SUCCESS = "the present draft has 4xx for what is not executed, with either media type"
#: The audits of graphql-http that only advise ("SHOULD" and "MAY") and do not pass, and why: its draft is older.
NOT_PASSED = {
    **dict.fromkeys(("423L", "3E3A", "86EE"), _STATUS),
    **{f"{audit}{number}": _STATUS for audit, count in (("LKJ", 4), ("6C0", 4)) for number in range(count)},
    **{f"{audit}{number}": _STATUS for audit in ("476", "58B") for number in range(4)},
    **dict.fromkeys(("47DE", "80D8"), _TYPE),
    **dict.fromkeys(("572B", "FDE2", "7B9B"), _SUCCESS),
}


@pytest.fixture(scope="module")
def blog(data_cluster: Cluster) -> Iterator[Place]:
    """The blog of test_graphql.py."""
    with new_place(data_cluster) as made:
        made.superuser.run(BLOG)
        made.superuser.run(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {made.user}")
        made.superuser.run(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {made.user}")
        yield made


@pytest.fixture(scope="module")
def service(blog: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    started = Api(blog, tmp_path_factory.mktemp("api") / "log")
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def answers(service: Api, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script has printed."""
    given = [f"{service.url}/graphql", token(service.place.user), str(tmp_path_factory.mktemp("relay")), str(PAGE)]
    done = subprocess.run(
        [ROOT / ".build/venv/bin/node", SCRIPTS / "graphql.mjs", *given],
        env={**os.environ, "NODE_DIRECTORY": str(ROOT / ".build/node")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["urql", "apollo"])
def test_clients_read_page_by_page_and_write(answers: dict[str, Any], name: str) -> None:
    first, second, made, gone, wrong = answers[name]
    assert (first, second) == (["First", "Second"], ["Third", "Fourth"])
    assert (made, gone) == (f"of {name}", 1)
    [message] = wrong
    assert "Cannot query field 'nothing'" in message


def test_graphql_js_and_the_generator_of_types_take_the_schema(answers: dict[str, Any]) -> None:
    assert answers["problems"] == []
    assert answers["codegen"] == [True, True]


def test_the_compiler_of_relay_takes_the_schema(answers: dict[str, Any]) -> None:
    assert answers["relay"] == [0, ""]


def test_the_audits_of_graphql_over_http(answers: dict[str, Any]) -> None:
    assert len(answers["audits"]) > 50
    assert [audit for audit in answers["audits"] if audit[1] == "error"] == []
    missed = {number: f"{status}: {name}" for number, status, name in answers["audits"] if status != "ok"}
    assert missed.keys() == NOT_PASSED.keys(), missed


def test_the_page_for_browsers_describes_a_type(answers: dict[str, Any], service: Api) -> None:
    assert {"id", "rowId", "headline", "price", "userByAuthorId"} < {*answers["page"]}
    page = service.send("GET", "/graphql", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_gql(service: Api) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "graphql_gql.py", f"{service.url}/graphql", token(service.place.user)],
        env={**os.environ, "PYTHONPATH": str(GQL)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # It reads the schema, and validates by itself.
    assert found.pop("unknown").startswith("Cannot query field 'nothing' on type 'Query'.")
    assert found == {
        "first": ["First", "Second"],
        "second": ["Third", "Fourth"],
        "made": "of gql",
        "gone": 1,
        "taken": ["23505"],
    }
