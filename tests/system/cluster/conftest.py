"""A cluster of three nodes on the loopback addresses of this machine, which all tests of the folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.cluster.harness import Nodes, place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests to one worker, so that the cluster is made once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="session")
def made() -> Iterator[Nodes]:
    """The cluster, as the commands have made it."""
    with place() as directory:
        nodes = Nodes(directory)
        try:
            nodes.new("a")
            nodes.join("b")
            nodes.join("c")
            nodes.make_application()
            yield nodes
        finally:
            nodes.end()


@pytest.fixture
def nodes(made: Nodes) -> Nodes:
    """The cluster, when it is well."""
    made.settle()
    return made
