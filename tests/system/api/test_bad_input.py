"""What clients send by mistake or malice: a clear error or a closed connection, and the others notice nothing."""

from __future__ import annotations

import base64
import errno
import json
import resource
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integratedb_companion.api import worker
from tests.system.api.harness import Api, Place, token
from tests.system.harness import eventually

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def others_are_unaffected(api: Api, place: Place) -> Iterator[None]:
    """After each test all connections of the pool answer, and nothing is logged as a fault of the service."""
    yield
    for _ in range(4):  # more than it has connections
        assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]
    assert eventually(lambda: place.running("") <= 1, timeout_s=20)
    assert not [line for line in api.logs() if line["message"] == "request failed"]


def unsigned(place: Place) -> str:
    """Make a token of algorithm none."""

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'role': place.user, 'exp': int(time.time()) + 60})}."


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"no JSON", 400, "PGRST102"),
        (b"", 400, "PGRST102"),
        (b"[" * 100_000 + b"]" * 100_000, 400, "PGRST102"),
        (b'{"body":' + b'{"a":' * 100 + b"1" + b"}" * 101, 400, "PGRST102"),
        (b'{"id": 900, "body": "a\x00b"}', 400, "PGRST102"),
        (b'{"id": 900, "body": "a\\u0000b"}', 400, "22P05"),
        (b'{"id": 900, "body": "\\ud800"}', 400, "PGRST102"),
        (b'{"id": 900, "body": "\xff"}', 400, "PGRST102"),
        (b'{"id": "many"}', 400, "22P02"),
        (b'{"nothing": 1}', 400, "PGRST204"),
        (b'[{"id": 900}, {"body": "x"}]', 400, "PGRST102"),
        (b"x" * 11_000_000, 413, "PGRST129"),
    ],
)  # fmt: skip
def test_bodies(api: Api, place: Place, body: bytes, status: int, code: str) -> None:
    answer = api.send("POST", "/notes", body, role=place.user, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert len(answer.content) < 2000
    assert place.superuser.value("SELECT count(*) FROM notes WHERE id = 900") == 0


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/people?nothing=eq.1", 400, "42703"),
        ("/people?id=near.1", 400, "PGRST100"),
        ("/people?or=(id.eq.1,id.eq.2", 400, "PGRST100"),
        ("/people?or=((((((id.eq.1)", 400, "PGRST100"),
        ("/people?and=" + "not.and(" * 3000, 400, "PGRST100"),
        ("/people?select=" + "a(" * 5000, 400, None),
        ("/people?name=eq.%00", 400, None),
        ("/people?name=eq.%ed%a0%80", 400, None),
        ("/people?name=eq.%ff", 400, None),
        ("/people?id=eq.many", 400, "22P02"),
        ("/people%00", 400, "PGRST100"),
        ("/pg_class", 404, "PGRST205"),
        ("/pg_catalog.pg_class", 404, "PGRST205"),
        ("/integratedb.claim", 404, "PGRST205"),
        ("/rpc/pg_sleep?seconds=1", 404, "PGRST202"),
        ("/rpc/surface?for_role=10", 404, "PGRST202"),
        ("/people?limit=-1", 416, "PGRST103"),
        ("/people?offset=99999999999999999999", 400, None),
    ],
)  # fmt: skip
def test_urls(api: Api, path: str, status: int, code: str | None) -> None:
    raw = api.raw("GET", path)
    head, _, body = raw.answer().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} "), (head + body)[:2000]
    assert code is None or json.loads(body)["code"] == code, body
    assert json.loads(body)["message"]
    assert len(body) < 45_000


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Range": "99999-100000", "Prefer": "count=exact"}, 416, "PGRST103"),
        ({"Range": "5-1"}, 416, "PGRST103"),
        ({"Accept": "image/png"}, 406, "PGRST107"),
        ({"Accept-Profile": "pg_catalog"}, 406, "PGRST106"),
        ({"Authorization": "Bearer"}, 401, None),
        ({"Authorization": "Bearer x"}, 401, "PGRST301"),
        ({"Authorization": "Bearer " + "x" * 20_000}, 401, "PGRST301"),
    ],
)
def test_headers(api: Api, headers: dict[str, str], status: int, code: str | None) -> None:
    answer = api.send("GET", "/people", headers=headers)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code, answer.text


def test_tokens(api: Api, place: Place) -> None:
    def status(text: str) -> int:
        answer = api.send("GET", "/people?id=eq.1", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code != 401 or answer.headers["www-authenticate"].startswith("Bearer")
        return answer.status_code

    assert status(unsigned(place)) == 401
    assert status(token(place.user, secret="the secret of another issuer, as long as it has to be")) == 401
    assert status(token("postgres")) == 403
    assert status(token("integratedb_admin")) == 403
    assert status(token("api_login")) == 403
    assert status(token("none")) == 403
    assert status(token("nobody\x00")) == 401
    assert status(token(place.user)) == 200


def test_idle_connections_are_only_files(api: Api) -> None:
    """As many as the test may open: 10,000 where it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = min(10_000, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, many + 400), hard))
    idle: list[socket.socket] = []
    try:
        for number in range(many):
            # Each loopback address has ports of its own.
            one = socket.create_connection(("127.0.0.1", api.port), 30, (f"127.0.0.{2 + number % 8}", 0))
            idle.append(one)
        began_s = time.monotonic()
        assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]
        assert time.monotonic() - began_s < 10
    finally:
        for one in idle:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_client_that_reads_nothing_of_a_long_answer_keeps_no_connection(api: Api, place: Place) -> None:
    place.superuser.run("CREATE OR REPLACE VIEW long AS SELECT repeat('x', 50000) AS t FROM generate_series(1, 1000)")
    place.superuser.run(f"GRANT SELECT ON long TO {place.anonymous}")
    for _ in range(4):  # more than it has connections
        raw = api.raw("GET", "/long?limit=900")
        assert raw.connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]
    assert len(api.send("GET", "/long?limit=900").content) > 45_000_000


def test_the_system_ends_connections_that_are_not_read() -> None:
    """A worker sets this on its listening socket; waiting for the service's own limit would take long."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert worker.end_unread(1.0) >= 1
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as unread:
            unread.settimeout(30)
            with pytest.raises(TimeoutError) as ended:
                unread.sendall(b"x" * 100_000_000)
            assert ended.value.errno == errno.ETIMEDOUT
