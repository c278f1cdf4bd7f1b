"""Nodes leave or are lost, and one comes again. Two nodes are left at the end."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.system.cluster.harness import Nodes
from tests.system.harness import eventually


def test_the_primary_may_not_leave(nodes: Nodes) -> None:
    primary = nodes.primary()
    done = nodes.cluster("leave", node=primary, check=False)
    assert done.returncode == 1
    assert f"node {primary} is the primary" in done.stderr
    assert "switchover" in done.stderr


def test_a_running_node_is_not_taken_out_from_elsewhere(nodes: Nodes) -> None:
    primary = nodes.primary()
    name = next(name for name in "abc" if name != primary)
    done = nodes.cluster("leave", "--node", name, node=primary, check=False)
    assert done.returncode == 1
    assert f"node {name} runs" in done.stderr


def test_a_replica_leaves_and_its_directory_cannot_start(nodes: Nodes) -> None:
    name = next(name for name in "bc" if name != nodes.primary())
    keeper = nodes.primary()
    agent = nodes.pid(name, "agent")
    assert f"Node {name} has left." in nodes.cluster("leave", node=name).stdout
    eventually(lambda: name not in nodes.rows(keeper), timeout_s=2)
    eventually(lambda: len(nodes.status(keeper)["etcd"]) == 2, timeout_s=15)
    eventually(lambda: not Path(f"/proc/{agent}/cwd").is_dir(), timeout_s=30)
    assert nodes.processes(name) == []
    done = nodes.run("agent", "--dir", nodes.home(name), check=False)
    assert done.returncode == 2
    assert "has left its cluster" in done.stderr
    shutil.rmtree(nodes.home(name))
    nodes.join(name, to=keeper)


def test_a_lost_node_is_taken_out_and_learns_it_when_it_comes_back(nodes: Nodes) -> None:
    primary = nodes.primary()
    name = next(name for name in "bc" if name != primary)
    nodes.kill_all(name)
    eventually(lambda: nodes.rows(primary)[name]["role"] == "lost", timeout_s=40)
    found = nodes.cluster("status", node=primary, check=False)
    assert found.returncode == 1
    assert "lost" in found.stdout
    nodes.cluster("leave", "--node", name, node=primary)
    assert name not in nodes.rows(primary)  # the agent that was asked knows it at once
    # Its machine comes back: the node learns that it does not belong to the cluster any more.
    done = nodes.run("agent", "--dir", nodes.home(name), check=False)
    assert done.returncode == 2
    assert f"node {name} has left its cluster" in done.stderr
    assert nodes.processes(name) == []
    assert name not in nodes.rows(primary)
    print({what: round(seconds, 1) for what, seconds in nodes.took.items()})
