"""Connections: those over which nothing is asked do not keep others out, and what is no HTTP is refused as such."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack, suppress

import httpx
import pytest

from tests.system.harness import eventually
from tests.system.serve.harness import Client, Place, Raw, Service
from tests.system.serve.test_command import make_certificate

FILES = 400
HEAD = "GET /live HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("sent", [b"", b"GET /live HT", HEAD.encode(), (HEAD + "\r\n").encode()])
def test_idle_connections_do_not_keep_others_out(
    fresh: Place, start_service, tmp_path, scheme: str, sent: bytes
) -> None:
    options: list[str] = []
    if scheme == "https":
        make_certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
        options = ["--tls-certificate", str(tmp_path / "certificate.pem"), "--tls-key", str(tmp_path / "key.pem")]
    service = start_service(fresh.dsn, *options, scheme=scheme, files=FILES)
    idle = []
    for _ in range(2 * FILES):
        idle.append(Raw.open(service.port))
        idle[-1].send(sent)

    def is_live() -> bool:
        with suppress(httpx.TransportError):  # on a busy machine, room is still being made
            return httpx.get(f"{service.url}/live", verify=False, timeout=5).text == "live\n"
        return False

    eventually(is_live, timeout_s=20)
    began = time.monotonic()
    for _ in range(5):
        assert httpx.get(f"{service.url}/live", verify=False, timeout=5).text == "live\n"
    assert httpx.get(f"{service.url}/ready", verify=False, timeout=5).status_code == 200
    assert time.monotonic() - began < 5
    assert not [entry for entry in service.logs() if entry["level"] in ("error", "critical")]


HEAD_OF_ANSWER = b"HTTP/1.1 200 OK\r\n"
LONG = b"GET /api/v1/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"


def deaf_client(port: int, address: str) -> socket.socket:
    """A client that asks for more than the buffers in between hold."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.bind((address, 0))
    client.settimeout(5)
    with suppress(OSError):
        client.connect(("127.0.0.1", port))
        client.sendall(LONG * 20)
    return client


def test_answers_that_nobody_reads_do_not_keep_others_out(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn, files=FILES)
    with ExitStack() as stack:
        # From several networks, each of which has its share.
        for number in range(FILES):
            stack.enter_context(deaf_client(service.port, f"127.0.0.{10 + number % 4}"))

        def is_live() -> bool:
            with suppress(httpx.TransportError):  # they are being answered, as far as the buffers hold it
                return httpx.get(f"{service.url}/live", timeout=5).text == "live\n"
            return False

        eventually(is_live, timeout_s=20)
        began = time.monotonic()
        for _ in range(5):
            assert httpx.get(f"{service.url}/live", timeout=5).text == "live\n"
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_nobody_reads_ends_its_connection(fresh: Place, start_service, tmp_path, scheme: str) -> None:
    options: list[str] = []
    if scheme == "https":
        make_certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
        options = ["--tls-certificate", str(tmp_path / "certificate.pem"), "--tls-key", str(tmp_path / "key.pem")]
    service = start_service(fresh.dsn, *options, scheme=scheme)
    with ExitStack() as stack:
        client = stack.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", service.port))
        client.settimeout(20)
        if scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client = stack.enter_context(context.wrap_socket(client))
        client.sendall(LONG * 20)
        time.sleep(14)
        heads, tail = 0, b""
        with suppress(ConnectionError, ssl.SSLError):
            while data := client.recv(65_536):
                heads += (tail + data).count(HEAD_OF_ANSWER)
                tail = data[1 - len(HEAD_OF_ANSWER) :]
        assert 0 < heads < 20


def test_an_answer_that_is_read_slowly_comes_whole(service: Service) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", service.port))
        client.settimeout(5)
        client.sendall(LONG * 5)
        heads, began, tail = 0, time.monotonic(), b""
        while heads < 5:
            if time.monotonic() - began < 14:
                time.sleep(0.2)
            data = client.recv(65_536)
            assert data
            heads += (tail + data).count(HEAD_OF_ANSWER)
            tail = data[1 - len(HEAD_OF_ANSWER) :]
        assert time.monotonic() - began > 12


def test_a_head_that_does_not_come_in_10_seconds_ends_the_connection(service: Service) -> None:
    silent, begun, slow = Raw.open(service.port), Raw.open(service.port), Raw.open(service.port)
    begun.send(HEAD.encode())
    second = Raw.open(service.port)
    second.send((HEAD + "\r\n").encode())
    assert second.status(5) == 200
    second.send(HEAD.encode())
    began = time.monotonic()
    while time.monotonic() - began < 20 and not slow.is_closed(0.5):
        slow.send(b"x")
    assert 5 < time.monotonic() - began < 15
    for raw in (silent, begun, second):
        assert raw.is_closed(5)


def test_a_connection_is_kept_for_the_next_request(service: Service) -> None:
    raw = Raw.open(service.port)
    for _ in range(3):
        raw.send((HEAD + "\r\n").encode())
        assert raw.status(5) == 200
        time.sleep(0.2)


SMUGGLED = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = "POST /api/v1/auth/login HTTP/1.1\nHost: x\nContent-Type: application/json"


@pytest.mark.parametrize(
    "head",
    [
        f"{CHUNKED}\nContent-Length: 5\nTransfer-Encoding: chunked",
        f"{CHUNKED}\nTransfer-Encoding: chunked\nContent-Length: 5",
        f"{CHUNKED}\nContent-Length: 5\nContent-Length: 6",
        f"{CHUNKED}\nContent-Length: 5, 6",
        f"{CHUNKED}\nContent-Length: +5",
        f"{CHUNKED}\nContent-Length: -5",
        f"{CHUNKED}\nContent-Length: 0x5",
        f"{CHUNKED}\nTransfer-Encoding: xchunked",
        f"{CHUNKED}\nTransfer-Encoding: chunked, identity",
        f"{CHUNKED}\nTransfer-Encoding: gzip, chunked",
        f"{CHUNKED}\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked",
        f"{CHUNKED}\nTransfer-Encoding : chunked",
        f"{CHUNKED}\nTransfer-Encoding:\x0bchunked",
        f"{CHUNKED.replace('1.1', '1.0')}\nTransfer-Encoding: chunked",
        "GET /live HTTP/1.1",
        "GET /live HTTP/1.1\nHost: x\nHost: y",
        "GET  /live HTTP/1.1\nHost: x",
        "GET /live\x00 HTTP/1.1\nHost: x",
        "GET /live HTTP/1.1\nHost: x\nBad\x00: y",
        "GET /live HTTP/3.0\nHost: x",
        "nonsense",
        f"GET /live HTTP/1.1\nHost: x\nX-Long: {'x' * 70_000}",
    ],
)
def test_a_request_that_two_servers_might_read_differently_is_refused(service: Service, head: str) -> None:
    raw = Raw.open(service.port, head, b"0\r\n\r\n" + SMUGGLED.encode())
    raw.connection.settimeout(5)
    said = raw.answer(5)
    assert said.partition(" ")[2].startswith(("400 ", "431 ", "501 ", "505 ")), said
    assert '{"errors":' in said.replace(": ", ":")
    assert "nosniff" in said.lower()
    assert raw.is_closed(5)
    assert "live" not in said


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/docs/../../../etc/passwd",
        "/api/v1/docs/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/docs//etc/passwd",
        "//api/v1/status",
        "/api/v1//status",
        "/api/v1/status/",
        "/api/v1/./status",
        "/api/v1/docs/../status",
        "/api/v1/status;x",
        "/api/v1/status%00",
        "/API/v1/status",
        "/api/v1/%73tatus%2f",
        "http://elsewhere/api/v1/status",
    ],
)
def test_another_spelling_of_a_path_is_another_path(service: Service, root: Client, path: str) -> None:
    raw = Raw.open(service.port, f"GET {path} HTTP/1.1\nHost: x\nAuthorization: Bearer {root.token}")
    assert raw.status(5) == 404


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get", "GETS", "HEAD", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(service: Service, root: Client, method: str) -> None:
    raw = Raw.open(service.port, f"{method} /api/v1/status HTTP/1.1\nHost: x\nAuthorization: Bearer {root.token}")
    assert raw.status(5) in (400, 405)


def test_a_header_does_not_choose_the_method(root: Client) -> None:
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert root.send("GET", "/sync", headers={name: "POST"}).status_code == 405


def test_a_local_service_is_no_part_of_a_site_that_lets_its_name_lead_here(fresh: Place, start_service) -> None:
    service = start_service(fresh.dsn)
    for host in ("127.0.0.1:4000", "localhost:4000", "console.localhost", "[::1]:4000", "shop"):
        assert httpx.get(f"{service.url}/live", headers={"Host": host}).status_code == 200, host
    new = {"user": {"username": "root", "password": "correct horse battery"}}
    for host in (
        "rebound.example.com",
        "rebound.example.com.:4000",
        "127.0.0.1.example.com",
        "x.localhost.example.com",
    ):
        assert httpx.get(f"{service.url}/console/", headers={"Host": host}).status_code == 421, host
        assert httpx.post(f"{service.url}/api/v1/users", json=new, headers={"Host": host}).status_code == 421, host
    assert fresh.superuser.value("SELECT count(*) FROM integratedb.management_user") == 0
    # A proxy passes on the name by which it is reached.
    behind = start_service(fresh.dsn, "--trusted-proxy", "127.0.0.1")
    assert httpx.get(f"{behind.url}/live", headers={"Host": "shop.example.com"}).status_code == 200
