"""Bodies: nobody's is read before it is known who sends it, and they are bounded in length, number and time."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.system.serve.harness import Client, Place, Raw, Service, login_body, unique

MAX_BODY_BYTES = 5 << 20
MAX_STRANGER_BYTES = 16 << 10
JSON = {"Content-Type": "application/json"}
AT_ONCE = 10
TOO_LONG = {"detail": "Content Too Large"}

#: Who logs in has no token yet.
WITHOUT_TOKEN = {"/auth/login", "/auth/renew", "/session"}


def head(method: str, path: str, *headers: str) -> str:
    return "\n".join(
        [f"{method} /api/v1{path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    )


def requests_with_bodies(service: Service) -> list[tuple[str, str]]:
    document = httpx.get(f"{service.url}/api/v1/openapi.json").json()
    return [
        (method.upper(), path.replace("{id}", "1").replace("{kind}", "claims"))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation and path not in WITHOUT_TOKEN
    ]


@pytest.mark.parametrize(
    "framing", [f"Content-Length: {MAX_BODY_BYTES}", "Content-Length: 99999999999", "Transfer-Encoding: chunked"]
)
@pytest.mark.parametrize("more", [[], ["Authorization: Bearer x"], ["Expect: 100-continue"]])
def test_without_a_token_the_answer_does_not_wait_for_the_body(
    service: Service, root: Client, framing: str, more: list[str]
) -> None:
    asked = requests_with_bodies(service)
    assert len(asked) == 19
    for method, path in asked:
        raw = Raw.open(service.port, head(method, path, framing, *more))
        assert raw.answer(5).startswith("HTTP/1.1 401 "), (method, path)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"user": {}}', b'{"user": {"username": "x"}}', b"\xff" * 9000])
def test_a_first_user_is_not_asked_for_twice_whatever_the_body(service: Service, root: Client, content: bytes) -> None:
    for headers in (JSON, {"Content-Type": "text/plain"}, {**JSON, "Content-Encoding": "gzip"}):
        service.client().refused(401, "POST", "/users", content=content, headers=headers)


def test_the_first_user_has_a_short_body(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn)
    content = b'{"user": ' + b" " * MAX_STRANGER_BYTES + b"}"
    assert service.client().refused(413, "POST", "/users", content=content, headers=JSON) == TOO_LONG
    service.bootstrap()


def test_a_body_of_a_user_may_have_5_mb_and_that_of_a_stranger_16_kb(service: Service, root: Client) -> None:
    def filled(size: int) -> bytes:
        return b'{"data": "' + b"x" * (size - 12) + b'"}'

    for asking, path, limit in (
        (root, "/stakeholders", MAX_BODY_BYTES),
        (service.client(), "/auth/renew", MAX_STRANGER_BYTES),
    ):
        assert asking.send("POST", path, content=filled(limit), headers=JSON).status_code == 422
        assert asking.refused(413, "POST", path, content=filled(limit + 1), headers=JSON) == TOO_LONG


def test_a_body_that_does_not_say_its_length_is_cut_off(service: Service, root: Client) -> None:
    def chunks(size: int) -> Iterator[bytes]:
        yield b'{"data": "'
        for _ in range(size // 4096):
            yield b"x" * 4096

    for asking, path in ((root, "/stakeholders"), (service.client(), "/auth/renew")):
        assert asking.refused(413, "POST", path, content=chunks(13 << 20), headers=JSON) == TOO_LONG
    raw = Raw.open(service.port, head("POST", "/auth/login", "Transfer-Encoding: chunked"))
    raw.send(b"4000\r\n" + b" " * 0x4000 + b"\r\n1\r\n \r\n")
    assert raw.status(5) == 413


def test_what_nobody_reads_is_taken_for_two_seconds(service: Service, root: Client) -> None:
    raw = Raw.open(service.port, head("POST", "/stakeholders", "Transfer-Encoding: chunked"))
    assert raw.status(5) == 401
    began = time.monotonic()
    while time.monotonic() - began < 10 and not raw.is_closed(0.1):
        raw.send(b"1\r\nx\r\n")
    assert time.monotonic() - began < 5


def test_a_body_that_is_expected_is_asked_for_once_it_is_known_whose_it_is(service: Service, root: Client) -> None:
    body = b'{"stakeholder": {"name": "1"}}'
    token = f"Authorization: Bearer {root.token}"
    raw = Raw.open(
        service.port, head("POST", "/stakeholders", "Expect: 100-continue", f"Content-Length: {len(body)}", token)
    )
    raw.connection.settimeout(5)
    assert raw.connection.recv(100).startswith(b"HTTP/1.1 100 ")
    raw.send(body)
    assert raw.status(5) == 422


def test_a_compressed_body_is_refused(service: Service, root: Client) -> None:
    content = gzip.compress(b'{"stakeholder": {"name": "x"}}')
    for coding in ("gzip", "deflate", "br", "zstd", "GZIP", "gzip, identity"):
        headers = {**JSON, "Content-Encoding": coding}
        errors = root.refused(415, "POST", "/stakeholders", content=content, headers=headers)
        assert "Content-Encoding" in errors["reason"]
    headers = {**JSON, "Content-Encoding": "identity"}
    root.refused(422, "POST", "/stakeholders", content=b'{"stakeholder": {"name": "1"}}', headers=headers)


@pytest.mark.parametrize(
    "value", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b"9" * 5000, b"-" + b"9" * 100_000, b"1e999999", b"NaN"]
)
def test_a_value_that_python_chokes_on_is_refused(service: Service, root: Client, value: bytes) -> None:
    path = f"/stakeholders/{root.stakeholder(unique('app'))['id']}/claims"
    for content in (b'{"data": {"match": ' + value + b"}}", b'{"data": {"match": [], "more": ' + value + b"}}"):
        answer = root.send("PUT", path, content=content, headers=JSON)
        assert answer.status_code in (400, 422), answer.text
    service.client(address="203.0.113.77").send(
        "POST", "/auth/login", content=b'{"data": ' + value[:9000] + b"}", headers=JSON
    )
    assert not [entry for entry in service.logs() if entry["level"] in ("error", "critical")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_json_is_utf_8_in_which_its_values_can_be_counted(root: Client, encoding: str) -> None:
    # Half of such a character is a quotation mark, where bytes are taken for ASCII.
    many = '{"data": {"match": ["\u2241", ' + "1," * 600_000 + ' 1, "\u2241"]}}'
    for text in ('{"data": {"match": []}}', many):
        content = text.encode(encoding)[: 5 << 20]
        headers = {"Content-Type": "application/json"}
        errors = root.refused(400, "PUT", "/stakeholders/1/claims", content=content, headers=headers)
        assert errors == {"detail": [["it is not JSON in UTF-8", "#"]]}


def test_a_body_of_many_values_is_refused_and_a_text_of_many_commas_is_not(root: Client) -> None:
    errors = root.refused(422, "POST", "/preview", content=b'{"data": [' + b"[]," * 200_000 + b"[]]}", headers=JSON)
    assert "more than 300000 values" in errors["detail"][0][0]
    root.data("POST", "/preview", {"data": f"SELECT $${',' * 400_000}$$"})
    errors = root.refused(422, "POST", "/stakeholders", {"stakeholder": {f"k{n}": 0 for n in range(1000)}})
    assert len(errors["detail"]) == 100


HOSTILE = {
    "arrays": b'{"data": {"match": [' + b"[]," * ((MAX_BODY_BYTES - 40) // 3) + b"[]]}}",
    "objects": b'{"data": {"match": [' + b'{"a":1},' * ((MAX_BODY_BYTES - 40) // 8) + b"[]]}}",
    "fewer arrays": b'{"data": {"match": [' + b"[]     ," * 149_000 + b" " * 4_000_000 + b"[]]}}",
    "texts": b'{"data": {"match": "' + "😀".encode() + b"x" * (MAX_BODY_BYTES - 40) + b'"}}',
    "a preview": b'{"data": "' + "😀".encode() + b"x" * (MAX_BODY_BYTES - 40) + b'"}',
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("with_token", [True, False])
def test_ten_bodies_at_once_take_less_than_three_times_their_size(
    fresh: Place, start_service, kind: str, with_token: bool
) -> None:
    service = start_service(fresh.dsn, "--preview-dsn", fresh.owner_dsn)
    root = service.bootstrap()
    path = "/preview" if kind == "a preview" else f"/stakeholders/{root.stakeholder(unique('app'))['id']}/claims"
    asking = root if with_token else service.client()

    def send(_: int) -> int:
        method = "POST" if kind == "a preview" else "PUT"
        try:
            status: int = asking.send(method, path, content=HOSTILE[kind], headers=JSON).status_code
            return status
        except httpx.TransportError:  # a client that goes on sending may see the end of the connection first
            return 0

    send(0)
    service.forget_peak()
    before = service.resident_mb("VmRSS")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        statuses = set(threads.map(send, range(AT_ONCE)))
    grown = service.resident_mb("VmHWM") - before
    print(f"{kind}, {'with' if with_token else 'without'} a token: {grown:.0f} MB, statuses {statuses}")
    assert statuses <= ({422, 503} if with_token else {401, 0})
    assert grown < (3 * AT_ONCE * MAX_BODY_BYTES / (1 << 20) if with_token else 12)


def test_slow_bodies_of_one_user_do_not_hold_up_others(service: Service, root: Client, user) -> None:
    app = root.stakeholder(unique("app"))
    path = f"/stakeholders/{app['id']}/claims"
    one = user()
    token = f"Authorization: Bearer {one.token}"
    for length in [MAX_BODY_BYTES] * 20 + [60_000] * 40:
        Raw.open(service.port, head("PUT", path, f"Content-Length: {length}", token), b"{")
    claim = {"data": {"match": [{"path": "public.orders", "fields": ["id"]}]}}
    began = time.monotonic()
    root.data("PUT", path, claim)
    long = b" " * 1_000_000
    assert root.send("PUT", path, content=b'{"data": {"match": []}}' + long, headers=JSON).status_code == 200
    assert time.monotonic() - began < 5
    service.client(address="203.0.113.9").refused(403, "POST", "/auth/login", login_body("nobody", "wrong"))


def test_slow_bodies_of_strangers_hold_up_nobody_and_end(service: Service, root: Client) -> None:
    slow = [Raw.open(service.port, head("POST", "/auth/login", "Content-Length: 16000"), b"{") for _ in range(32)]
    time.sleep(0.5)
    began = time.monotonic()
    # One address has as many; others have some left, and users their own.
    refused = Raw.open(service.port, head("POST", "/auth/login", "Content-Length: 16000"), b"{")
    assert refused.status(5) == 503
    service.client(address="203.0.113.10").refused(403, "POST", "/auth/login", login_body("nobody", "wrong"))
    root.data("GET", "/status")
    assert time.monotonic() - began < 5
    assert [raw.status(20) for raw in slow] == [408] * 32
    assert 8 < time.monotonic() - began < 20


def test_the_room_of_strangers_is_shared_out_by_networks_as_connections_are(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn, "--trusted-proxy", "127.0.0.1")
    service.bootstrap()
    for number in range(128):
        address = f"X-Forwarded-For: 2001:db8::{number % 4 + 1}"  # all of one /64
        Raw.open(service.port, head("POST", "/auth/login", "Content-Length: 16384", address), b"{")
    time.sleep(0.5)
    service.client(address="203.0.113.10").refused(403, "POST", "/auth/login", login_body("nobody", "wrong"))


def test_requests_that_wait_for_the_database_leave_connections_to_others(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn)
    root = service.bootstrap()
    new: dict[str, Any] = {"user": {"username": "one", "password": "a good password"}}
    one = service.client(root.data("POST", "/users", new, 201)["token"])
    path = f"/stakeholders/{root.stakeholder(unique('app'))['id']}/claims"
    claim = {"data": {"match": [{"path": "public.orders", "fields": ["id"]}]}}
    with ThreadPoolExecutor(30) as threads, fresh.owner.transaction():
        fresh.owner.run("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        waiting = [threads.submit(one.send, "PUT", path, claim) for _ in range(30)]
        time.sleep(1)
        began = time.monotonic()
        assert httpx.get(f"{service.url}/ready", timeout=30).status_code == 200
        root.data("GET", "/users")
        root.data("GET", "/dependents?path=public.orders")
        assert time.monotonic() - began < 3
    assert {answer.result().status_code for answer in waiting} <= {200, 503}
