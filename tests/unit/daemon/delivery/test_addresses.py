"""Which addresses are called: an address is compared by what it leads to, not by how it is written."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from integratedb_companion.daemon.delivery.addresses import AddressPolicy, AddressRefusedError


def policy(*networks: str) -> AddressPolicy:
    return AddressPolicy([ipaddress.ip_network(network) for network in networks])


#: 10.1.2.3 in every form that some system translates to the IPv4 address.
FORMS_OF_10_1_2_3 = [
    "10.1.2.3",
    "::ffff:10.1.2.3",  # mapped
    "::ffff:a01:203",
    "::10.1.2.3",  # compatible, RFC 4291
    "::ffff:0:10.1.2.3",  # translated, RFC 2765
    "64:ff9b::10.1.2.3",  # NAT64, RFC 6052
    "64:ff9b:1::10.1.2.3",  # NAT64 of a site, RFC 8215, as /96
    "64:ff9b:1:a01:2:300::",  # the same, as /48
    "2002:a01:203::1",  # 6to4
    "2001:0:1::f5fe:fdfc",  # Teredo: the client's address, inverted
    "fe80::5efe:10.1.2.3%eth0",  # ISATAP
    "2001:db8::200:5efe:10.1.2.3",
]


@pytest.mark.parametrize("address", FORMS_OF_10_1_2_3)
def test_a_denied_address_is_recognised_in_every_form(address: str) -> None:
    assert policy("10.0.0.0/8").refuses(address)
    assert policy("10.1.2.3/32").refuses(address)


@pytest.mark.parametrize("network", ["::ffff:10.0.0.0/104", "::ffff:10.1.2.3/128", "64:ff9b::10.1.0.0/112"])
@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"])
def test_a_denied_network_may_be_written_in_any_form_too(network: str, address: str) -> None:
    assert policy(network).refuses(address)


UNSPECIFIED = ["0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::", "::ffff:0:0:0", "2002::", "0.1.2.3"]


@pytest.mark.parametrize("address", UNSPECIFIED)
@pytest.mark.parametrize("network", ["127.0.0.0/8", "127.0.0.1/32", "::1/128", "::ffff:127.0.0.1/128"])
def test_an_unspecified_address_is_loopback(address: str, network: str) -> None:
    assert policy(network).refuses(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "::a9fe:a9fe",
        "fe80::1%eth0",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:0:169.254.0.1",
    ],
)
def test_link_local_addresses_are_always_denied(address: str) -> None:
    assert policy().refuses(address)


@pytest.mark.parametrize(
    "address", ["11.1.2.3", "::ffff:11.1.2.3", "2001:db8::1", "127.0.0.1", "::1", "64:ff9b::808:808", "192.168.1.1"]
)
def test_what_is_not_denied_may_be_called(address: str) -> None:
    assert not policy("10.0.0.0/8").refuses(address)


def test_what_is_no_address_is_not_called() -> None:
    assert policy().refuses("localhost")
    assert policy().refuses("")


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
def test_no_socket_is_made_for_a_denied_address(address: str) -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
    with pytest.raises(AddressRefusedError):
        policy("127.0.0.0/8").socket(info)
    policy("10.0.0.0/8").socket(info).close()
