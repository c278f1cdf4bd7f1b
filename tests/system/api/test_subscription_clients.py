"""Unmodified clients subscribe: graphql-ws and Apollo of Node, and gql of Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.api.conftest import new_place
from tests.system.api.harness import Api, token
from tests.system.api.subscribing import Shop, new_shop
from tests.system.harness import ROOT, Cluster

NODE = ROOT / ".build/node"
GQL = ROOT / ".build/gql"
SCRIPTS = Path(__file__).parent / "scripts"
# The suites that run in images have no Node.
pytestmark = pytest.mark.skipif(
    not (NODE / "node_modules/graphql-ws").exists() or not GQL.exists(),
    reason="scripts/bootstrap --test installs the clients",
)


@pytest.fixture(scope="module")
def shop(data_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop of these tests."""
    with new_place(data_cluster) as place, new_shop(place, tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture(scope="module")
def live(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The service of these tests."""
    api = Api(shop.place, tmp_path_factory.mktemp("api") / "log", *shop.options())
    yield api
    assert api.stop() == 0


PROGRAM = str(ROOT / ".build/venv/bin/node")
COMMANDS = {
    "node": ([PROGRAM, str(SCRIPTS / "subscriptions.mjs")], {"NODE_DIRECTORY": str(NODE)}, 2),
    "gql": ([sys.executable, str(SCRIPTS / "subscriptions_gql.py")], {"PYTHONPATH": str(GQL)}, 1),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_clients_are_told_of_what_they_subscribe_to(shop: Shop, live: Api, name: str) -> None:
    command, environment, count = COMMANDS[name]
    given = [*command, live.url.replace("http", "ws", 1) + "/graphql", token(shop.stakeholder)]
    with subprocess.Popen(given, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        shop.superuser.run("INSERT INTO orders VALUES (1, 'other')")
        shop.superuser.run("INSERT INTO orders VALUES (2, 'watched')")
        told = json.loads(client.stdout.readline())
    assert client.wait() == 0
    shop.superuser.run("TRUNCATE orders")
    assert [(each["resync"], each["removedIds"]) for each in told] == [(False, [])] * count
    assert [[node["rowId"] for node in each["nodes"]] for each in told] == [[2]] * count
