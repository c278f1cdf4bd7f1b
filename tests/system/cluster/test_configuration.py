"""The configuration in versions: what is refused, what each node makes of it, changes past the agents, and back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.system.cluster.harness import Nodes
from tests.system.harness import eventually


def config(nodes: Nodes, *arguments: str, node: str = "a", status: int = 0) -> Any:
    """Run a command of `cluster config`; its answer, or what it says when it is refused."""
    done = nodes.run("cluster", "config", *arguments, "--json", "--dir", nodes.home(node), check=False)
    assert done.returncode == status, f"{done.stdout}{done.stderr}"
    return json.loads(done.stderr if status else done.stdout)


def setting(nodes: Nodes, name: str) -> str:
    with nodes.superuser() as session:
        return str(session.value("SELECT current_setting(%s)", name))


def states(nodes: Nodes) -> set[tuple[int, str]]:
    return {(one["version"], one["state"]) for one in config(nodes, "show")["nodes"].values()}


def test_a_change_is_a_version_on_all_nodes_and_goes_back(nodes: Nodes) -> None:
    eventually(lambda: len(config(nodes, "show")["nodes"]) == 3, message="all nodes report")
    before = config(nodes, "show")["version"]
    old = setting(nodes, "work_mem")
    made = config(nodes, "set", "work_mem=71MB", "--why", "reports spill", node="b")
    assert (made["version"], made["restart"]) == (before + 1, None)
    eventually(lambda: setting(nodes, "work_mem") == "71MB", message="in force")
    eventually(lambda: states(nodes) == {(before + 1, "applied")}, message="applied on all nodes")
    newest, *_ = config(nodes, "history", node="c")
    assert (newest["why"], newest["foreign"]) == ("reports spill", False)
    assert "@" in newest["who"]
    [change] = newest["changes"]
    assert (change["name"], change["new"]) == ("postgresql.parameters.work_mem", "71MB")

    back = config(nodes, "rollback", str(before))
    assert back["version"] == before + 2
    assert config(nodes, "diff", str(before + 2), str(before))["changes"] == []
    eventually(lambda: setting(nodes, "work_mem") == old, message="as before")


def test_what_postgres_or_patroni_would_not_take_reaches_no_node(nodes: Nodes) -> None:
    before = config(nodes, "show")
    for assignment, said in (
        ("work_mem=banana", 'invalid value for parameter "work_mem": "banana"'),
        ("nonsense_guc=1", "unrecognized configuration parameter"),
        ("random_page_cost=-5", "-5 is outside the valid range"),
        ("shared_buffers=900GB", "could not map anonymous shared memory"),
        ("ttl=15", "ttl must be a whole number from 20 on"),
        ("wal_level=replica", "wal_level must be logical"),
    ):
        for options in ((), ("--dry-run",)):
            assert said in config(nodes, "set", assignment, *options, status=1)["error"]["message"]
    assert config(nodes, "show")["version"] == before["version"]
    assert config(nodes, "show")["document"] == before["document"]


def test_a_restart_is_named_with_its_order(nodes: Nodes) -> None:
    before = config(nodes, "show")["version"]
    plan = config(nodes, "set", "max_connections=240", "--dry-run")
    assert (plan["version"], plan["restart"]) == (None, "the standbys first, then the primary")
    assert config(nodes, "show")["version"] == before
    config(nodes, "set", "max_connections=240")
    eventually(lambda: states(nodes) == {(before + 1, "pending restart")}, message="restarts are pending")
    assert "max_connections 200 -> 240" in config(nodes, "show")["nodes"]["a"]["detail"]
    config(nodes, "rollback", str(before))
    eventually(lambda: states(nodes) == {(before + 2, "applied")}, message="nothing is pending")


def test_a_change_past_the_agents_is_recorded_and_can_be_taken_back(nodes: Nodes) -> None:
    before = config(nodes, "show")["version"]
    body = {"postgresql": {"parameters": {"work_mem": "banana"}}}
    url = nodes.primary()
    login = ("patroni", nodes.secrets()["patroni"])
    assert nodes.ask(url, "/config", port="patroni", method="PATCH", body=body, login=login)[0] == 200
    eventually(lambda: config(nodes, "show")["version"] == before + 1, message="a foreign version")
    newest, *_ = config(nodes, "history")
    assert (newest["foreign"], newest["who"]) == (True, "")
    eventually(lambda: {state for _, state in states(nodes)} == {"refused"}, message="each node says so")
    assert 'invalid value for parameter "work_mem"' in config(nodes, "show")["nodes"]["b"]["detail"]
    config(nodes, "rollback", str(before))
    eventually(lambda: states(nodes) == {(before + 2, "applied")}, message="as before")


def test_of_two_changes_at_once_one_is_refused_or_both_are_versions(nodes: Nodes) -> None:
    before = config(nodes, "show")["version"]
    token = nodes.secrets()["admin_token"]
    bodies = [{"patch": {"postgresql": {"parameters": {"work_mem": f"{size}MB"}}}, "who": "two"} for size in (61, 62)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda node, body: nodes.ask(node, "/config", method="POST", body=body, token=token), "ab", bodies)
        )
    statuses = sorted(answer[0] for answer in answers)
    assert statuses in ([201, 201], [201, 409])
    assert config(nodes, "show")["version"] == before + statuses.count(201)
    config(nodes, "rollback", str(before))
