"""What a service shows to the daemon: signed for a moment, with a secret that no key can be computed from."""

from __future__ import annotations

import pytest

from integratedb_companion.common.feed_tokens import FeedTokenError, check, key_of, secret_of, sign

SECRET = secret_of(b"k" * 32)
KEYS = {"one": SECRET}


def test_a_token_is_good_for_a_minute_and_each_is_another() -> None:
    header, other = sign("one", SECRET, 1000), sign("one", SECRET, 1000)
    assert key_of(header) == "one"
    assert check(header, KEYS, 1060) != check(other, KEYS, 941)
    for now_s in (1061.5, 939.5):
        with pytest.raises(FeedTokenError):
            check(header, KEYS, now_s)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer a.b.c.d",
        "Integratedb-Feed",
        "Integratedb-Feed one.1000.nonce",
        "Integratedb-Feed one.1000.nonce.\xff",
        "Integratedb-Feed one.²000.nonce.mac",
        sign("one", secret_of(b"x" * 32), 1000),
        sign("other", SECRET, 1000),
        sign("one", SECRET, 1000).replace(".1000.", ".1001."),
        sign("one", SECRET, 1000) + "0",
    ],
)
def test_what_no_service_signed_is_refused(header: str | None) -> None:
    with pytest.raises(FeedTokenError):
        check(header, KEYS, 1000)


def test_the_secret_is_not_the_key() -> None:
    assert SECRET != b"k" * 32
    assert len(SECRET) == 32
