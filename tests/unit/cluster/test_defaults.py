"""The defaults: times that Patroni takes, sizes from the memory, who may log in, and the files that say so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from integratedb_companion.cluster import defaults, rendering
from integratedb_companion.cluster.layout import SECRETS, Layout
from integratedb_companion.cluster.settings import PROFILES, from_document, moved

SETTINGS = from_document({"node": {"name": "a", "address": "10.0.0.1"}, "memory": "16GB", "database": "shop"})
LAYOUT = Layout(Path("/node"))
PASSWORDS = {name: f"secret of {name}" for name in SECRETS}


@pytest.mark.parametrize("profile", PROFILES)
def test_patroni_takes_the_times_of_each_profile(profile: str) -> None:
    times = defaults.TIMES[profile]
    assert times["ttl"] >= 20
    assert times["loop_wait"] + 2 * times["retry_timeout"] <= times["ttl"]


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ("512MB", {"shared_buffers": "128MB", "effective_cache_size": "384MB", "work_mem": "4MB"}),
        ("16GB", {"shared_buffers": "4GB", "effective_cache_size": "12GB", "work_mem": "20MB"}),
        ("512GB", {"shared_buffers": "128GB", "work_mem": "64MB", "maintenance_work_mem": "2GB"}),
    ],
)
def test_sizes_follow_the_memory(memory: str, expected: dict[str, str]) -> None:
    settings = from_document({"node": {"name": "a", "address": "10.0.0.1"}, "memory": memory})
    sizes = {size.name: size.value for size in defaults.sizes(settings.memory_bytes)}
    assert expected.items() <= sizes.items()


def test_every_size_says_why() -> None:
    assert all(size.reason for size in defaults.sizes(1 << 30))


def test_synchronous_replication_fails_over_at_once() -> None:
    assert defaults.dynamic(SETTINGS)["primary_start_timeout"] == 0
    assert defaults.dynamic(moved(SETTINGS, synchronous=False))["primary_start_timeout"] > 0


def test_the_slot_of_the_daemon_is_ignored() -> None:
    (ignored,) = defaults.dynamic(SETTINGS)["ignore_slots"]
    assert ignored == {"name": "integratedb", "type": "logical", "database": "shop", "plugin": "pgoutput"}


def test_nobody_is_let_in_without_a_password_or_without_tls() -> None:
    lines = [line.split() for line in defaults.host_based_access(SETTINGS)]
    assert {line[0] for line in lines} == {"local", "hostssl"}
    assert all("scram-sha-256" in line for line in lines)


def test_the_replication_user_is_let_in_locally() -> None:
    """Without that no replica is ever promoted."""
    assert "local replication all scram-sha-256" in defaults.host_based_access(SETTINGS)


def test_roles_of_nodes_need_a_certificate_before_the_line_of_everybody() -> None:
    lines = defaults.host_based_access(SETTINGS)
    everybody = lines.index("hostssl all all 0.0.0.0/0 scram-sha-256")
    for role in (defaults.SUPERUSER, defaults.REPLICATION, defaults.REWIND):
        at = next(at for at, line in enumerate(lines) if line.split()[2] == role)
        assert lines[at].endswith("clientcert=verify-ca")
        assert at < everybody


def test_parameters_of_the_file_replace_defaults() -> None:
    settings = moved(SETTINGS, parameters={"wal_sender_timeout": "30s", "shared_buffers": "1GB"})
    assert defaults.dynamic(settings)["postgresql"]["parameters"]["wal_sender_timeout"] == "30s"
    shared = defaults.dynamic(settings)["postgresql"]["parameters"]
    assert shared["shared_buffers"] == "1GB"
    local = rendering.patroni(settings, LAYOUT, PASSWORDS, [], shared)["postgresql"]["parameters"]
    # Patroni would prefer what its file has.
    assert not local.keys() & shared.keys()
    assert "work_mem" in local


def test_patroni_and_etcd_speak_tls_with_certificates_only() -> None:
    patroni = rendering.patroni(SETTINGS, LAYOUT, PASSWORDS, ["10.0.0.1:2379"], {})
    assert patroni["restapi"]["verify_client"] == "required"
    assert patroni["restapi"]["authentication"]["password"] == PASSWORDS["patroni"]
    assert patroni["etcd3"]["protocol"] == "https"
    for login in patroni["postgresql"]["authentication"].values():
        assert login["sslmode"] == "verify-full"
    etcd = rendering.etcd(SETTINGS, LAYOUT, "10.0.0.1")
    for what in ("client-transport-security", "peer-transport-security"):
        assert etcd[what]["client-cert-auth"] is True
    assert all(value.startswith("https://") for name, value in etcd.items() if name.endswith("-urls"))


def test_the_file_of_etcd_has_no_secret_and_turns_its_gateway_on() -> None:
    text = yaml.safe_dump(rendering.etcd(SETTINGS, LAYOUT, "10.0.0.1"))
    assert not [secret for secret in PASSWORDS.values() if secret in text]
    assert "enable-grpc-gateway: true" in text


def test_a_joining_node_uses_the_members_that_exist() -> None:
    joining = moved(SETTINGS, name="b", initial_cluster="a=https://10.0.0.1:2380,b=https://10.0.0.2:2380")
    assert rendering.etcd(SETTINGS, LAYOUT, "10.0.0.1")["initial-cluster-state"] == "new"
    assert rendering.etcd(joining, LAYOUT, "10.0.0.2")["initial-cluster-state"] == "existing"


def test_etcd_listens_on_the_address_of_a_name_and_is_known_by_the_name() -> None:
    named = rendering.etcd(moved(SETTINGS, address="a.example.org"), LAYOUT, "fd00::1")
    assert named["listen-client-urls"] == "https://[fd00::1]:2379"
    assert named["advertise-client-urls"] == "https://a.example.org:2379"
