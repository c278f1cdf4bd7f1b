"""Three nodes: what they say, who may ask, and how a node gets in or not."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import stat
import subprocess
import time
import urllib.error
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from integratedb_companion.cluster.tokens import Token
from tests.support import Session
from tests.system.cluster.harness import ADDRESSES, DATABASE, Nodes


def test_status_shows_three_nodes_and_one_synchronous_standby(nodes: Nodes) -> None:
    found = nodes.status("b")
    assert found["well"]
    assert found["quorum"]
    assert found["primary"] == "a"
    assert [row["role"] for row in found["nodes"]] == ["primary", "replica", "replica"]
    assert sorted(row["sync"] for row in found["nodes"][1:]) == ["async", "sync"]
    assert len(found["etcd"]) == 3
    assert all(member["votes"] for member in found["etcd"])


def test_the_extension_is_on_every_node(nodes: Nodes) -> None:
    for name in "abc":
        with Session.open(conninfo=nodes.dsn(name)) as session:
            assert session.value("SELECT count(*) FROM pg_extension WHERE extname = 'integratedb'") == 1


def test_curl_gets_the_table(nodes: Nodes) -> None:
    answer = subprocess.run(
        ["curl", "-s", "--cacert", nodes.home("a") / "tls/ca.crt", "-H", "@-", f"https://{nodes.agent('c')}/status"],
        input=f"Authorization: Bearer {nodes.secrets()['read_token']}\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = answer.splitlines()
    assert lines[0].split() == ["name", "role", "address", "state", "timeline", "lag", "sync"]
    assert lines[1].split()[:2] == ["a", "primary"]
    assert len(lines) == 4


def test_reads_need_a_certificate_or_the_read_token(nodes: Nodes) -> None:
    assert nodes.ask("a", "/status", proof=False)[0] == 401
    assert nodes.ask("a", "/status", proof=False, token="wrong")[0] == 401
    assert nodes.ask("a", "/status", proof=False, token=nodes.secrets()["read_token"])[0] == 200
    assert nodes.ask("a", "/status")[0] == 200


def test_changes_need_the_admin_token(nodes: Nodes) -> None:
    body = {"dry_run": True}
    read, admin = nodes.secrets()["read_token"], nodes.secrets()["admin_token"]
    assert nodes.ask("a", "/switchover", method="POST", body=body)[0] == 401
    assert nodes.ask("a", "/switchover", method="POST", body=body, token=read)[0] == 401
    assert nodes.ask("a", "/switchover", method="POST", body=body, token=admin)[0] == 200


def test_a_wrong_body_is_refused_with_the_reason(nodes: Nodes) -> None:
    admin = nodes.secrets()["admin_token"]
    code, said = nodes.ask("a", "/switchover", method="POST", body={"whom": "b"}, token=admin)
    assert (code, said["errors"]["detail"]) == (400, "the body must be an object of to, at, dry_run, not 'whom'")
    code, said = nodes.ask("a", "/switchover", method="POST", body={"to": 1}, token=admin)
    assert (code, said["errors"]["detail"]) == (400, "to must be of type str")
    assert nodes.ask("a", "/nothing")[0] == 404


def test_patroni_and_etcd_refuse_whoever_has_no_certificate(nodes: Nodes) -> None:
    for port, path in (("patroni", "/patroni"), ("etcd", "/health")):
        assert nodes.ask("a", path, port=port)[0] == 200
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            nodes.ask("a", path, port=port, proof=False)


def test_patroni_takes_no_change_without_its_password(nodes: Nodes) -> None:
    assert nodes.ask("a", "/config", port="patroni", method="PATCH", body={"ttl": 60})[0] == 401


def test_postgres_wants_tls_of_applications_and_a_certificate_of_nodes(nodes: Nodes) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry .* no encryption"):
        psycopg.connect(nodes.dsn("a", sslmode="disable"))
    with pytest.raises(psycopg.OperationalError, match="client certificate"):
        psycopg.connect(nodes.dsn("a", user="postgres", password=nodes.secrets()["superuser"]))


def test_health_says_the_role_of_the_node_that_is_asked(nodes: Nodes) -> None:
    sync = nodes.sync_standby()
    expected = {"a": {"primary", "health", "read-only"}, sync: {"replica", "sync", "health", "read-only"}}
    for name, well in expected.items():
        for path in ("primary", "replica", "sync", "health", "read-only"):
            assert nodes.ask(name, f"/{path}")[0] == (200 if path in well else 503), (name, path)
    assert nodes.ask(sync, "/replica?lag=1MB")[0] == 200
    assert nodes.ask(sync, "/replica?lag=1%26MB")[0] == 400


def test_live_and_ready_need_no_login(nodes: Nodes) -> None:
    assert nodes.ask("b", "/live", proof=False) == (200, {"live": True})
    assert nodes.ask("b", "/ready", proof=False) == (200, {"ready": True, "problems": []})


def test_metrics_say_the_roles(nodes: Nodes) -> None:
    _, page = nodes.ask("c", "/metrics")
    assert 'integratedb_cluster_node_role{node="a",role="primary"} 1.0' in page
    assert "integratedb_cluster_well 1.0" in page


def test_discovery_leads_to_the_roles(nodes: Nodes) -> None:
    found = json.loads(nodes.cluster("discovery", "--json").stdout)
    login = {"user": "app", "password": "app-password", "sslrootcert": str(nodes.home("a") / "tls/ca.crt")}
    for purpose, is_standby in (("read-write", False), ("read-only", True), ("prefer-standby", True)):
        with psycopg.connect(make_conninfo(found[purpose], **login)) as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            assert row == (is_standby,), purpose
    assert f"server c {ADDRESSES['c']}:" in nodes.cluster("discovery", "--format", "haproxy").stdout
    assert f"{DATABASE}_ro = " in nodes.cluster("discovery", "--format", "pgbouncer").stdout


def test_no_secret_is_in_a_log_or_a_command_line(nodes: Nodes) -> None:
    secrets = list(nodes.secrets().values())
    for name in "abc":
        for log in (nodes.home(name) / "log").iterdir():
            text = log.read_text()
            assert not [secret for secret in secrets if secret in text], log
            assert "idbjoin1" not in text
    for pid in nodes.processes():
        line = Path(f"/proc/{pid}/cmdline").read_text()
        assert not [secret for secret in secrets if secret in line], line


def test_nobody_else_reads_the_keys(nodes: Nodes) -> None:
    for name in "abc":
        home = nodes.home(name)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        for file in ("secrets.json", "patroni.yml", "tls/node.key", "tls/ca.key"):
            assert stat.S_IMODE((home / file).stat().st_mode) == 0o600, file


def test_root_runs_nothing_of_it(nodes: Nodes) -> None:
    if os.geteuid() != 0:
        pytest.skip("the tests do not run as root")
    assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in nodes.processes())


def test_a_second_new_goes_on_and_changes_nothing(nodes: Nodes) -> None:
    before = nodes.secrets()
    done = nodes.run("cluster", "new", "--config", nodes.configuration(), "--dir", nodes.home("a"))
    assert "node a of cluster test exists" in done.stdout
    assert nodes.secrets() == before


def test_a_second_new_with_another_configuration_is_refused(nodes: Nodes) -> None:
    config = nodes.configuration()
    done = nodes.run("cluster", "new", "--config", config, "--database", "other", "--dir", nodes.home("a"), check=False)
    assert done.returncode == 1
    assert "has a node with another database" in done.stderr


def test_a_taken_port_is_named_with_its_option(nodes: Nodes) -> None:
    config = nodes.configuration()
    done = nodes.run("cluster", "new", "--config", config, "--dir", nodes.home("x"), check=False)
    assert done.returncode == 1
    assert f"port {nodes.ports['agent']} of 127.0.0.1, that of agent, is taken" in done.stderr
    assert "--port-agent PORT" in done.stderr


def test_a_token_lets_one_node_in(nodes: Nodes) -> None:
    token = nodes.token()
    nodes.join("d", "--no-agent", token=token)
    try:
        again = nodes.directory / "again"
        done = nodes.cluster(
            "join", nodes.agent("b"), "--token", token, *nodes.join_options("d"), node=again.name, check=False
        )
        assert done.returncode == 1
        assert "the cluster has a node d already" in done.stderr
        done = nodes.cluster(
            "join",
            nodes.agent("b"),
            "--token",
            token,
            *nodes.join_options("d"),
            "--name",
            "e",
            node=again.name,
            check=False,
        )
        assert done.returncode == 1
        assert "the token is used" in done.stderr
        # The answer to the first join may have been lost: its key proves that the same node asks again.
        for file in ("node.json", "secrets.json"):
            (nodes.home("d") / file).unlink()
        nodes.join("d", "--no-agent", token=token, to="b")
        # And then the directory knows all that it needs.
        nodes.join("d", "--no-agent", token="")
    finally:
        nodes.cluster("leave", "--node", "d")
        shutil.rmtree(nodes.home("d"))
    assert len(nodes.status()["nodes"]) == 3


def test_an_expired_token_is_refused(nodes: Nodes) -> None:
    token = nodes.token("--valid", "1s")

    time.sleep(1.2)
    done = nodes.join("d", "--no-agent", token=token, check=False)
    assert done.returncode == 1
    assert "the token is used, expired or unknown" in done.stderr


def test_a_token_of_another_authority_is_not_sent(nodes: Nodes) -> None:
    done = nodes.join("d", token=str(Token.draw(b"x" * 32)), check=False)
    assert done.returncode == 1
    assert "is not the one that made the token" in done.stderr


def test_what_is_no_token_is_refused_without_repeating_it(nodes: Nodes) -> None:
    done = nodes.join("d", token="hunter2", check=False)
    assert done.returncode == 2
    assert "this is not a token" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_name_of_another_node_is_refused_and_the_token_stays(nodes: Nodes) -> None:
    token = nodes.token()
    done = nodes.join("d", "--no-agent", "--name", "b", token=token, check=False)
    assert "the cluster has a node b already" in done.stderr
    secret = Token.read(token).secret
    assert nodes.ask("a", "/join", method="POST", body={}, proof=False, token=secret)[0] == 400


def test_the_short_forms_teach(nodes: Nodes) -> None:
    done = nodes.run(
        "new", "node", "--join", f"{nodes.agent('a')},{nodes.agent('b')}", "--dir", nodes.home("d"), check=False
    )
    assert done.returncode == 2
    assert "a join needs a token" in done.stderr
    assert "hipsterdb new cluster --config cluster.edn" in nodes.run("new", "cluster", "--help").stdout


def test_no_agent_is_an_exit_status_of_its_own(nodes: Nodes) -> None:
    home = nodes.directory / "moved"
    shutil.copytree(nodes.home("a") / "tls", home / "tls")
    shutil.copy(nodes.home("a") / "secrets.json", home)
    settings = json.loads((nodes.home("a") / "node.json").read_text())
    settings["ports"]["agent"] = 1
    settings["peers"] = []
    (home / "node.json").write_text(json.dumps(settings))
    done = nodes.cluster("status", node="moved", check=False)
    assert done.returncode == 5
    assert "no agent answers" in done.stderr
    shutil.rmtree(home)


def test_help_is_there_for_every_command(nodes: Nodes) -> None:
    for name in ("new", "join", "status", "switchover", "token", "discovery", "leave"):
        assert "Example" in nodes.run("cluster", name, "--help").stdout
