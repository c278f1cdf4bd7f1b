"""The configuration of a cluster: what a file says, what is refused, and what a node keeps."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb_companion.cluster import documents
from integratedb_companion.cluster.settings import Ports, Settings, difference, from_document, moved
from integratedb_companion.common.configuration import ConfigurationError

NODE = {"name": "a", "address": "10.0.0.1"}

YAML = """
name: shop
node: {name: a, address: 10.0.0.1}
database: shop
ports: {etcd-peer: 12380}
memory: 16GB
allow: [10.0.0.0/8]
parameters: {random_page_cost: 1.1, jit: false}
"""
TOML = """
name = "shop"
database = "shop"
memory = "16GB"
allow = ["10.0.0.0/8"]
[node]
name = "a"
address = "10.0.0.1"
[ports]
etcd-peer = 12380
[parameters]
random_page_cost = 1.1
jit = false
"""
EDN = """
{:name "shop" :node {:name "a" :address "10.0.0.1"} :database "shop" ; a comment
 :ports {:etcd-peer 12380} :memory "16GB" :allow ["10.0.0.0/8"]
 :parameters {:random_page_cost 1.1 :jit false}}
"""


@pytest.mark.parametrize(("text", "suffix"), [(YAML, ".yaml"), (TOML, ".toml"), (EDN, ".edn")])
def test_three_notations_say_the_same(text: str, suffix: str) -> None:
    settings = from_document(documents.parsed(text, suffix))
    assert settings == Settings(
        cluster="shop",
        name="a",
        address="10.0.0.1",
        database="shop",
        ports=Ports(etcd_peer=12380),
        allow=("10.0.0.0/8",),
        parameters={"random_page_cost": "1.1", "jit": "off"},
        memory_bytes=16 << 30,
    )


def test_what_is_left_out_has_a_default() -> None:
    settings = from_document({"node": NODE})
    assert (settings.cluster, settings.database, settings.profile) == ("integratedb", "main", "fast")
    assert settings.synchronous
    assert settings.ports == Ports(8650, 8008, 2379, 2380, 5432)


def test_options_replace_the_file() -> None:
    settings = from_document({"node": NODE}, {"node.name": "b", "ports.agent": 1234, "database": None})
    assert (settings.name, settings.ports.agent, settings.database) == ("b", 1234, "main")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "node.name is missing: the file or --name must say it"),
        ({"node": {"name": "a"}}, "node.address is missing: the file or --address must say it"),
        ({"node": NODE, "databse": "x"}, "unknown option 'databse'; the nearest is database"),
        ({"node": {**NODE, "port": 1}}, "unknown option 'node.port'; node has name and address"),
        ({"node": NODE, "ports": {"peer": 1}}, "unknown option 'ports.peer'; ports has agent"),
        ({"node": NODE, "ports": {"etcd": 0}}, "ports.etcd 0: not a port from 1 to 65535"),
        ({"node": NODE, "ports": {"etcd": True}}, "ports.etcd True: not a port"),
        ({"node": NODE, "ports": {"etcd": 8650}}, "ports.agent and ports.etcd are both 8650"),
        ({"node": NODE, "ports": 1}, "ports must be a table"),
        ({"node": "a"}, "node must be a table with name and address"),
        ({"node": {**NODE, "name": "A"}}, "node.name 'A': not 1 to 40 lower-case letters"),
        ({"node": {**NODE, "name": "a/b"}}, "node.name 'a/b'"),
        ({"node": {**NODE, "address": "0.0.0.0"}}, "the other nodes cannot reach it"),
        ({"node": {**NODE, "address": "10.0.0.256"}}, "neither an address nor a host name"),
        ({"node": {**NODE, "address": "a b"}}, "neither an address nor a host name"),
        ({"node": NODE, "database": "postgres"}, "database 'postgres'"),
        ({"node": NODE, "database": "Shop"}, "database 'Shop'"),
        ({"node": NODE, "profile": "slow"}, "profile 'slow': not one of fast, calm"),
        ({"node": NODE, "synchronous": "yes"}, "synchronous must be true or false"),
        ({"node": NODE, "memory": "16"}, "memory '16': not a size"),
        ({"node": NODE, "allow": "10.0.0.0/8"}, "allow must be a list"),
        ({"node": NODE, "allow": ["10.0.0.1/8"]}, "allow: 10.0.0.1/8 has host bits set"),
        ({"node": NODE, "parameters": {"work mem": "1"}}, "'work mem' is not the name of a setting"),
        ({"node": NODE, "parameters": {"work_mem": "1\nfsync = off"}}, "parameters.work_mem must be one line"),
        ({"node": NODE, "parameters": {"work_mem": ["1"]}}, "must be a string, a number"),
        (["a"], "the configuration must be a table of options"),
    ],
)
def test_wrong_configuration_is_refused_in_one_line(document: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        from_document(document)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        ("a: [", ".yaml", "line 1"),
        ("a = ", ".toml", "Invalid value"),
        ("{:a", ".edn", ""),
        ("{}", ".txt", "the extension must be .yaml, .toml or .edn"),
        ("!!python/object/apply:os.system [id]", ".yaml", "could not determine a constructor"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text: str, suffix: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        documents.parsed(text, suffix)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_node_keeps_its_settings() -> None:
    settings = moved(from_document({"node": NODE}), peers=("10.0.0.2:8650",), votes=False)
    document = settings.as_json() | {"of_a_later_version": 1}
    assert Settings.from_json(document) == settings


def test_addresses_of_version_6_are_written_in_brackets() -> None:
    settings = from_document({"node": {"name": "a", "address": "[fd00::1]"}})
    assert settings.agent == "[fd00::1]:8650"
    assert settings.url(2379) == "https://[fd00::1]:2379"


def test_a_second_run_may_say_less_about_the_machine_and_nothing_else_about_the_cluster() -> None:
    first = moved(from_document({"node": NODE}), memory_bytes=1, bindir="/x")
    assert difference(first, from_document({"node": NODE})) == []
    assert difference(first, from_document({"node": NODE, "database": "other"})) == ["database"]
