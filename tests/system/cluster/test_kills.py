"""Changes of the primary under a writer, wanted and not: acknowledged commits stay, and writes go on soon."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from tests.system.cluster.harness import Nodes, Writer
from tests.system.harness import eventually

#: Twice the goals of the design, because the machine of the tests does other things too.
GOALS_S = {
    "switchover": 6,
    "postmaster": 10,
    "patroni and postmaster": 16,
    "patroni": 2,
    "agent": 2,
    "etcd": 2,
    "fence": 25,
}


def report(what: str, writer: Writer) -> None:
    """Print the figures, which `-s` shows."""
    lost = writer.lost()
    print(f"\n{what}: {writer.gap_s:.2f} s without writes, {len(writer.acknowledged)} acknowledged, {len(lost)} lost")
    assert not lost
    assert writer.gap_s < GOALS_S[what]


def test_a_dry_run_says_who_and_how_long(nodes: Nodes) -> None:
    plan = json.loads(nodes.cluster("switchover", "--dry-run", "--json").stdout)
    assert (plan["from"], plan["to"], plan["done"]) == (nodes.primary(), nodes.sync_standby(), False)
    assert plan["reasons"] == []
    assert 2 < plan["read_only_s"] < 5
    assert nodes.primary() == plan["from"]


def test_a_switchover_is_refused_with_all_reasons(nodes: Nodes) -> None:
    primary, sync = nodes.primary(), nodes.sync_standby()
    other = next(name for name in "abc" if name not in (primary, sync))
    reasons = {
        primary: f"node {primary} is the primary already",
        other: f"node {other} is not the synchronous standby",
        "z": "there is no node z",
    }
    for name, reason in reasons.items():
        for options in (["--dry-run"], ["--yes"]):
            done = nodes.cluster("switchover", name, *options, check=False)
            assert done.returncode == 1
            assert reason in done.stderr
    assert "the time has passed" in nodes.cluster("switchover", "--at", "2020-01-01T00:00:00Z", check=False).stderr
    assert nodes.primary() == primary


def test_a_switchover_loses_nothing(nodes: Nodes) -> None:
    target = nodes.sync_standby()
    with Writer(nodes) as writer:
        said = nodes.cluster("switchover", target, "--yes", node="c").stdout
        writer.goes_on(30)
    assert said.startswith(f"Node {target} is the primary after ")
    assert nodes.primary() == target
    report("switchover", writer)


def test_a_killed_postmaster_fails_over(nodes: Nodes) -> None:
    old = nodes.primary()
    with Writer(nodes) as writer:
        nodes.kill(old, "postgres")
        writer.goes_on(40)
    assert nodes.primary() != old
    report("postmaster", writer)


def test_a_killed_patroni_is_started_at_once_and_postgres_goes_on(nodes: Nodes) -> None:
    primary = nodes.primary()
    before, postmaster = nodes.pid(primary, "patroni"), nodes.pid(primary, "postgres")
    with Writer(nodes) as writer:
        nodes.kill(primary, "patroni")
        eventually(lambda: nodes.pid(primary, "patroni") != before, timeout_s=2)
        writer.goes_on(5)
    eventually(lambda: nodes.ask(primary, "/ready")[0] == 200, timeout_s=20)
    assert nodes.primary() == primary
    assert nodes.pid(primary, "postgres") == postmaster
    report("patroni", writer)


def test_patroni_and_postmaster_killed_together_fail_over(nodes: Nodes) -> None:
    old = nodes.primary()
    with Writer(nodes) as writer:
        nodes.kill(old, "patroni", "postgres")
        writer.goes_on(40)
    report("patroni and postmaster", writer)


def test_a_patroni_that_does_not_come_back_gives_the_primary_away(nodes: Nodes) -> None:
    """Postgres would go on as a second primary; the agent stops it before another one is made."""
    old = nodes.primary()
    configuration = nodes.home(old) / "patroni.yml"
    good = configuration.read_bytes()
    postmaster = nodes.pid(old, "postgres")
    with Writer(nodes) as writer:
        configuration.write_text("scope: [")
        nodes.kill(old, "patroni")
        try:
            eventually(
                lambda: not Path(f"/proc/{postmaster}/cwd").exists(), timeout_s=15, message="Postgres was stopped"
            )
            writer.goes_on(40)
        finally:
            configuration.write_bytes(good)
    assert nodes.primary(next(name for name in "abc" if name != old)) != old
    report("fence", writer)


def test_a_killed_agent_stops_nothing_and_the_next_one_takes_over(nodes: Nodes) -> None:
    primary = nodes.primary()
    parts = {part: nodes.pid(primary, part) for part in ("etcd", "patroni", "postgres")}
    with Writer(nodes) as writer:
        nodes.kill(primary, "agent")
        writer.goes_on(5)
        # Any agent answers for the cluster.
        found = nodes.status(primary)
        assert found["primary"] == primary
        nodes.run(
            "cluster", "new", "--config", nodes.configuration(), "--dir", nodes.home("a")
        ) if primary == "a" else (nodes.join(primary, token=""))
        writer.goes_on(5)
    assert {part: nodes.pid(primary, part) for part in parts} == parts
    report("agent", writer)


def test_a_killed_etcd_is_started_again(nodes: Nodes) -> None:
    primary = nodes.primary()
    before = nodes.pid(primary, "etcd")
    with Writer(nodes) as writer:
        nodes.kill(primary, "etcd")
        eventually(lambda: nodes.pid(primary, "etcd") != before, timeout_s=5)
        writer.goes_on(10)
    assert nodes.primary() == primary
    report("etcd", writer)


def test_a_stopped_agent_hands_the_primary_over(nodes: Nodes) -> None:
    old = nodes.primary()
    agent = nodes.pid(old, "agent")
    with Writer(nodes) as writer:
        nodes.kill(old, "agent", number=signal.SIGTERM)
        try:
            eventually(lambda: not Path(f"/proc/{agent}/cwd").is_dir(), timeout_s=60, message="the agent has ended")
            writer.goes_on(30)
            assert nodes.processes(old) == []
        finally:
            nodes.start_agent(old)
    assert nodes.primary() != old
    report("switchover", writer)


# The last one: for a ttl after it, the replicas wait for the primary that had called them meanwhile.
def test_all_of_etcd_gone_stops_no_writes(nodes: Nodes) -> None:
    """`failsafe_mode`: the primary goes on while it reaches all nodes. The agents would start a killed etcd again."""
    primary = nodes.primary()
    pids = [nodes.pid(name, "etcd") for name in "abc"]
    with Writer(nodes) as writer:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(22)  # longer than the ttl
            writer.goes_on(5)
            found = nodes.status()
            assert not found["quorum"]
            plan = nodes.cluster("switchover", "--dry-run", check=False)
            assert "etcd has no majority" in plan.stderr
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        writer.goes_on(10)
        eventually(lambda: nodes.primary() == primary, timeout_s=20)
        writer.goes_on(5)
    report("etcd", writer)
