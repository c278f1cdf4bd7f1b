"""Who the client of a proxy is: only what trusted proxies have added counts."""

from __future__ import annotations

import pytest

from integratedb_companion.api.messages import Head, Request
from integratedb_companion.api.proxies import Proxies

PROXIES = Proxies(["10.0.0.0/8", "fd00::/8"])


def told(peer: str, **headers: str) -> tuple[str, str]:
    given = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    request = Request("GET", "/", b"/", "", Head(given), peer)
    PROXIES.apply(request)
    return request.address, request.scheme


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.1.1.1", "198.51.100.7"),
        ("10.0.0.1", "10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, x'; DROP, 10.1.1.1", "10.1.1.1"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("fd00::1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("", "198.51.100.7", ""),
        ("10.0.0.1", ",".join(["198.51.100.7", *["10.0.0.2"] * 100_000]), "10.0.0.2"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(peer: str, chain: str, client: str) -> None:
    assert told(peer, x_forwarded_for=chain)[0] == client


@pytest.mark.parametrize(
    ("header", "client", "scheme"),
    [
        ("for=198.51.100.7;proto=https", "198.51.100.7", "https"),
        ('for="[2001:db8::1]:80"; by=10.0.0.1; Proto=HTTPS', "2001:db8::1", "https"),
        ("for=203.0.113.9, for=198.51.100.7;proto=http", "198.51.100.7", "http"),
        ('for="1.1.1.1, for=2.2.2.2", for=198.51.100.7', "198.51.100.7", "http"),
        ("for=_hidden;proto=https", "10.0.0.1", "https"),
        ("proto=gopher;for=198.51.100.7", "198.51.100.7", "http"),
        ('for="198.51.100.7', "10.0.0.1", "http"),
        ("=;=;", "10.0.0.1", "http"),
    ],
)
def test_forwarded(header: str, client: str, scheme: str) -> None:
    assert told("10.0.0.1", forwarded=header) == (client, scheme)


def test_the_scheme_is_that_of_the_last_proxy() -> None:
    assert told("10.0.0.1", x_forwarded_for="198.51.100.7", x_forwarded_proto="http, https")[1] == "https"
    assert told("10.0.0.1", x_forwarded_proto="https")[1] == "https"
    assert told("10.0.0.1", x_forwarded_for="198.51.100.7", x_forwarded_proto="javascript")[1] == "http"
    assert told("192.0.2.1", x_forwarded_proto="https", forwarded="for=1.1.1.1;proto=https") == ("192.0.2.1", "http")


def test_a_client_of_a_proxy_that_writes_one_header_cannot_use_the_other() -> None:
    assert told("10.0.0.1", x_forwarded_for="198.51.100.7", forwarded="for=1.1.1.1;proto=https") == (
        "198.51.100.7",
        "http",
    )


@pytest.mark.parametrize("text", ['"' * 32_000, 'a="\\' * 8_000, "a=b;" * 8_000, ",;=" * 10_000])
def test_long_headers_take_no_time(text: str) -> None:
    for name in ("forwarded", "x_forwarded_for"):
        assert told("10.0.0.1", **{name: text}) == ("10.0.0.1", "http")
