"""Logging in, tokens, and how often a password may be guessed."""

from __future__ import annotations

import base64
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.system.serve.harness import (
    ROOT_NAME,
    ROOT_PASSWORD,
    Client,
    Place,
    Service,
    login_body,
    unique,
)

FORBIDDEN = {"detail": "Forbidden"}


def test_a_login_gives_what_creating_the_user_gave(service: Service, root: Client) -> None:
    session = service.client().data("POST", "/auth/login", login_body(ROOT_NAME, ROOT_PASSWORD))
    assert session.keys() == {"id", "token", "refreshToken"}
    assert service.client(session["token"]).data("GET", f"/users/{session['id']}")["username"] == ROOT_NAME


def test_a_wrong_password_and_a_wrong_name_are_refused_alike(service: Service, root: Client) -> None:
    asking = service.client(address="192.0.2.1")
    assert asking.refused(403, "POST", "/auth/login", login_body(ROOT_NAME, "wrong")) == FORBIDDEN
    assert asking.refused(403, "POST", "/auth/login", login_body("nobody", "wrong")) == FORBIDDEN


def test_a_wrong_name_takes_as_long_as_a_wrong_password(service: Service, root: Client) -> None:
    def duration_s(name: str, number: int) -> float:
        asking = service.client(address=f"192.0.2.{number}")
        began = time.perf_counter()
        asking.refused(403, "POST", "/auth/login", login_body(name, "wrong password"))
        return time.perf_counter() - began

    durations = [(duration_s(ROOT_NAME, n), duration_s(unique("nobody"), n)) for n in range(10, 18)]
    known, unknown = (statistics.median(column) for column in zip(*durations, strict=True))
    assert 0.5 < unknown / known < 2


def test_ten_wrong_guesses_a_minute_and_nobody_else_is_locked_out(service: Service, root: Client, user) -> None:
    name = unique("guessed")
    root.data("POST", "/users", {"user": {"username": name, "password": "a good password"}}, 201)
    guesser, elsewhere = service.client(address="198.51.100.7"), service.client(address="198.51.100.8")
    for _ in range(10):
        guesser.refused(403, "POST", "/auth/login", login_body(name, "wrong"))
    refused = guesser.send("POST", "/auth/login", login_body(name, "a good password"))
    assert refused.status_code == 429
    assert refused.json() == {"errors": {"detail": "Too Many Requests"}}
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    elsewhere.data("POST", "/auth/login", login_body(name, "a good password"))
    guesser.data("POST", "/auth/login", login_body(ROOT_NAME, ROOT_PASSWORD))


def test_guesses_at_a_user_who_does_not_exist_are_limited_too(service: Service, root: Client) -> None:
    guesser, name = service.client(address="198.51.100.20"), unique("nobody")
    for _ in range(10):
        guesser.refused(403, "POST", "/auth/login", login_body(name, "wrong"))
    guesser.refused(429, "POST", "/auth/login", login_body(name, "wrong"))


def test_guesses_at_names_that_somebody_makes_up_are_limited_for_the_address(
    service: Service, root: Client, place: Place
) -> None:
    address = "198.51.100.40"
    guesser = service.client(address=address)
    for _ in range(30):
        guesser.refused(403, "POST", "/auth/login", login_body(unique("made_up"), "wrong"))
    refused = guesser.send("POST", "/auth/login", login_body(unique("made_up"), "wrong"))
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    for _ in range(20):
        guesser.refused(429, "POST", "/auth/login", login_body(unique("made_up"), "wrong"))
    rows = place.superuser.value(
        "SELECT count(*) FROM integratedb.management_login_attempt WHERE address = %s", address
    )
    assert rows == 31
    service.log_in(ROOT_NAME, ROOT_PASSWORD, "198.51.100.41")


def test_who_is_locked_out_of_one_name_does_not_use_up_the_guesses_of_the_address(
    service: Service, root: Client
) -> None:
    guesser, name = service.client(address="198.51.100.42"), unique("nobody")
    for _ in range(10):
        guesser.refused(403, "POST", "/auth/login", login_body(name, "wrong"))
    for _ in range(30):
        guesser.refused(429, "POST", "/auth/login", login_body(name, "wrong"))
    guesser.data("POST", "/auth/login", login_body(ROOT_NAME, ROOT_PASSWORD))


def test_guesses_that_come_at_once_are_counted_one_by_one(service: Service, root: Client) -> None:
    def guess(_: int) -> int:
        asking = service.client(address="198.51.100.9")
        return asking.send("POST", "/auth/login", login_body(ROOT_NAME, "wrong")).status_code

    with ThreadPoolExecutor(24) as threads:
        statuses = sorted(threads.map(guess, range(24)))
    assert statuses == [403] * 10 + [429] * 14


def test_right_logins_are_not_counted(service: Service, root: Client) -> None:
    for _ in range(12):
        service.log_in(ROOT_NAME, ROOT_PASSWORD, "198.51.100.10")


def test_after_a_minute_one_may_guess_again(service: Service, root: Client, place: Place) -> None:
    guesser, name = service.client(address="198.51.100.30"), unique("nobody")
    for _ in range(10):
        guesser.refused(403, "POST", "/auth/login", login_body(name, "wrong"))
    guesser.refused(429, "POST", "/auth/login", login_body(name, "wrong"))
    place.superuser.run(
        """UPDATE integratedb.management_login_attempt
              SET attempted_at = ARRAY(SELECT t - interval '61 s' FROM unnest(attempted_at) AS t)
            WHERE username = %s""",
        name,
    )
    guesser.refused(403, "POST", "/auth/login", login_body(name, "wrong"))


def test_ipv6_addresses_of_one_network_are_one_guesser(service: Service, root: Client) -> None:
    name = unique("nobody")
    for number in range(10):
        asking = service.client(address=f"2001:db8::{number:x}")
        asking.refused(403, "POST", "/auth/login", login_body(name, "wrong"))
    service.client(address="2001:db8::ffff").refused(429, "POST", "/auth/login", login_body(name, "wrong"))
    service.client(address="2001:db8:0:1::1").refused(403, "POST", "/auth/login", login_body(name, "wrong"))


def test_an_address_that_a_client_makes_up_does_not_count_without_a_trusted_proxy(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn)
    for number in range(10):
        asking = service.client(address=f"192.0.2.{number}")
        asking.refused(403, "POST", "/auth/login", login_body("nobody", "wrong"))
    service.client(address="192.0.2.99").refused(429, "POST", "/auth/login", login_body("nobody", "wrong"))


def test_a_refresh_token_is_good_once(service: Service, root: Client) -> None:
    first = service.client().data("POST", "/auth/login", login_body(ROOT_NAME, ROOT_PASSWORD))

    def renew(_: int) -> Any:
        return service.client().send("POST", "/auth/renew", {"data": first["refreshToken"]})

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(renew, range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    (second,) = [answer.json()["data"] for answer in answers if answer.status_code == 200]
    assert second.keys() == {"id", "token", "refreshToken"}
    service.client(second["token"]).data("GET", "/status")
    service.client().data("POST", "/auth/renew", {"data": second["refreshToken"]})


def test_each_token_is_good_for_its_own_use_only(service: Service, root: Client) -> None:
    session = service.client().data("POST", "/auth/login", login_body(ROOT_NAME, ROOT_PASSWORD))
    service.client(session["refreshToken"]).refused(401, "GET", "/status")
    assert service.client().refused(403, "POST", "/auth/renew", {"data": session["token"]}) == FORBIDDEN


def test_tokens_live_for_4_and_12_hours(service: Service, root: Client) -> None:
    session = service.client().data("POST", "/auth/login", login_body(ROOT_NAME, ROOT_PASSWORD))
    for token, hours in ((session["token"], 4), (session["refreshToken"], 12)):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == hours * 3600


@pytest.fixture
def secret(place: Place, root: Client) -> bytes:
    """What root's tokens are signed with."""
    return bytes(place.superuser.value("SELECT token_secret FROM integratedb.management_user WHERE root"))


def claims_of(token: str, **changed: Any) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False}) | changed


def test_a_request_with_two_tokens_is_refused(service: Service, root: Client) -> None:
    for second in (root.token, "x"):
        headers = [("Authorization", f"Bearer {root.token}"), ("Authorization", f"Bearer {second}")]
        assert httpx.get(f"{service.url}/api/v1/status", headers=headers).status_code == 401


def test_the_algorithm_is_not_the_tokens_to_choose(service: Service, root: Client, secret: bytes) -> None:
    good = claims_of(str(root.token))
    for algorithm in ("HS384", "HS512"):
        service.client(jwt.encode(good, 2 * secret, algorithm)).refused(401, "GET", "/status")
    _, payload, signature = str(root.token).split(".")
    for name in ("none", "None", "NONE", "nOnE", "RS256", "ES256"):
        other = base64.urlsafe_b64encode(json.dumps({"alg": name, "typ": "JWT"}).encode()).rstrip(b"=").decode()
        for end in (signature, ""):
            service.client(f"{other}.{payload}.{end}").refused(401, "GET", "/status")


def test_forged_and_expired_tokens_are_refused(service: Service, root: Client, user, secret: bytes) -> None:
    assert root.token
    good = claims_of(root.token)
    service.client(jwt.encode(good, secret, "HS256")).data("GET", "/status")
    now = int(time.time())
    forged = [
        jwt.encode(good, "", "none"),
        jwt.encode(good, b"x" * 32, "HS256"),
        jwt.encode(good | {"exp": now - 1}, secret, "HS256"),
        jwt.encode({name: value for name, value in good.items() if name != "exp"}, secret, "HS256"),
        jwt.encode(good | {"aud": "other"}, secret, "HS256"),
        jwt.encode(good | {"iss": "other"}, secret, "HS256"),
        jwt.encode(good | {"sub": "999999"}, secret, "HS256"),
        jwt.encode(good | {"sub": "9" * 30}, secret, "HS256"),
        jwt.encode(good | {"sub": "x"}, secret, "HS256"),
        root.token[:-4] + "AAAA",
        "x",
        "a.b.c",
    ]
    for token in forged:
        answer = service.client(token).send("GET", "/status")
        assert answer.status_code == 401, token
        assert answer.json() == {"errors": {"detail": "Unauthorized"}}
        assert answer.headers["www-authenticate"] == "Bearer"
    assert user().token


@pytest.mark.parametrize("header", ["", "Bearer", "Basic cm9vdDpyb290", "Token x", "Bearer a b"])
def test_anything_but_a_bearer_token_is_refused(service: Service, root: Client, header: str) -> None:
    service.client().refused(401, "GET", "/status", headers={"Authorization": header})


def test_the_passwords_are_hashed_and_reach_neither_log(service: Service, root: Client, place: Place, user) -> None:
    user()
    hashes = [value for (value,) in place.superuser.rows("SELECT password_hash FROM integratedb.management_user")]
    assert all(value.startswith("$argon2id$v=19$") for value in hashes)
    said = service.log_file.read_text() + Path(f"{place.cluster.socket}/log").read_text()
    for secret in (ROOT_PASSWORD, "a good password", root.token or "-"):
        assert secret not in said
