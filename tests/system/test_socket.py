"""WebSockets: who is let in, acknowledgement and replay, replacement, broadcast, and clients that misbehave."""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.system.harness import (
    DAEMON_PASSWORD,
    DAEMON_ROLE,
    SECRET,
    Daemon,
    Receiver,
    Shop,
    eventually,
    free_port,
    order_ids,
)


@contextmanager
def listen(
    shop: Shop, daemon: Daemon, channel: str = "SOCKET", password: str | None = None
) -> Iterator[ClientConnection]:
    credentials = f"{shop.stakeholder}:{shop.password if password is None else password}"
    headers = {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
    url = f"ws://127.0.0.1:{daemon.port}/v1/notifications/{channel}"
    with connect(url, additional_headers=headers, open_timeout=10, close_timeout=1, max_size=None) as connection:
        yield connection


def receive(connection: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(connection.recv(timeout=10)) for _ in range(count)]


def acknowledge(connection: ClientConnection, event: dict[str, Any]) -> None:
    connection.send(json.dumps({"ack": event["id"]}))


def nothing_comes(connection: ClientConnection, wait_s: float = 0.5) -> bool:
    try:
        connection.recv(timeout=wait_s)
    except TimeoutError:
        return True
    return False


def test_what_was_not_acknowledged_comes_again_after_a_reconnect(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    shop.insert(1, 5)
    with listen(shop, daemon) as consumer:
        events = receive(consumer, 5)
        assert order_ids(events) == [1, 2, 3, 4, 5]
        acknowledge(consumer, events[2])  # covers the first three
        eventually(lambda: shop.queued("SOCKET") == 2)
    with listen(shop, daemon) as consumer:
        again = receive(consumer, 2)
        assert again == events[3:]
        shop.insert(6, 6)
        [sixth] = receive(consumer, 1)
        acknowledge(consumer, sixth)
        eventually(lambda: shop.queued("SOCKET") == 0)
    with listen(shop, daemon) as consumer:
        assert nothing_comes(consumer)


def test_events_wait_in_the_database_while_nobody_is_connected_also_across_a_kill(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    shop.insert(1, 50)
    eventually(lambda: shop.queued("SOCKET") == 50)
    assert shop.status()[f"channel {shop.stakeholder}.SOCKET"] == "waiting"
    daemon.kill()
    daemon = shop.daemon()
    with listen(shop, daemon) as consumer:
        assert order_ids(receive(consumer, 50)) == list(range(1, 51))


def test_a_newer_consumer_replaces_the_older(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    with listen(shop, daemon) as older:
        shop.insert(1, 1)
        receive(older, 1)
        with listen(shop, daemon) as newer:
            assert order_ids(receive(newer, 1)) == [1]
            with pytest.raises(ConnectionClosed) as closed:
                older.recv(timeout=5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4000


def test_a_window_bounds_what_is_in_flight(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    shop.owner.run("INSERT INTO orders SELECT generate_series(1, 1500), 'x'")
    with listen(shop, daemon) as consumer:
        events = receive(consumer, 1000)
        assert nothing_comes(consumer)
        acknowledge(consumer, events[-1])
        assert order_ids(receive(consumer, 500)) == list(range(1001, 1501))


UNKNOWN_ACK = '{"ack": "00000001-FFFFFFFFFFFFFFFF-00000000"}'


@pytest.mark.parametrize(
    "frame",
    ["", "no JSON", "[]", '{"ack": 1}', '{"ack": "x"}', UNKNOWN_ACK, b"\xff", "[" * 50_000],
    ids=["empty", "text", "array", "number", "no id", "unknown id", "binary", "deep"],
)
def test_a_frame_that_is_no_acknowledgement_ends_the_connection_and_nothing_else(
    shop: Shop, frame: str | bytes
) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    shop.insert(1, 1)
    with listen(shop, daemon) as consumer:
        receive(consumer, 1)
        consumer.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            consumer.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4002
    with listen(shop, daemon) as consumer:
        [event] = receive(consumer, 1)
        acknowledge(consumer, event)
        acknowledge(consumer, event)  # twice is no mistake
        shop.insert(2, 2)
        assert order_ids(receive(consumer, 1)) == [2]


def test_who_is_let_in(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"}, {"name": "hook", "type": "REDIS", "url": "redis://127.0.0.1:1/0"})
    daemon = shop.daemon()
    for channel, password, status in (
        ("SOCKET", "wrong", 401),
        ("SOCKET", "", 401),
        ("other", None, 404),
        ("hook", None, 404),
        ("../../live", None, 404),
    ):
        with pytest.raises(InvalidStatus) as refused, listen(shop, daemon, channel, password):
            pass
        assert refused.value.response.status_code == status
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{daemon.port}/v1/notifications/SOCKET"):
        pass
    assert refused.value.response.status_code == 401
    with listen(shop, daemon):
        pass


def test_guessing_passwords_is_slowed_down(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    statuses = []
    for attempt in range(8):
        with pytest.raises(InvalidStatus) as refused, listen(shop, daemon, password=f"guess {attempt}"):
            pass
        statuses.append(refused.value.response.status_code)
    assert statuses == [401] * 5 + [429] * 3
    assert shop.password not in daemon.log_file.read_text()


def guess(daemon: Daemon, user: str, password: str, channel: str = "SOCKET") -> tuple[int, bytes, float]:
    """Give status, body and duration of an attempt."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    started_s = time.monotonic()
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"ws://127.0.0.1:{daemon.port}/v1/notifications/{channel}",
            additional_headers={"Authorization": f"Basic {credentials}"},
            open_timeout=10,
        ).close()
    return refused.value.response.status_code, bytes(refused.value.response.body or b""), time.monotonic() - started_s


def test_guesses_at_the_same_time_are_counted_before_they_are_tried(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    with ThreadPoolExecutor(40) as pool:
        statuses = [status for status, _, _ in pool.map(lambda n: guess(daemon, shop.stakeholder, f"{n}"), range(40))]
    assert statuses.count(401) == 5
    assert statuses.count(429) == 35


def test_the_answer_does_not_tell_whether_a_role_exists(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    shop.admin.run("CREATE ROLE somebody LOGIN PASSWORD 'known'")
    shop.admin.run("CREATE ROLE nobody_logs_in NOLOGIN PASSWORD 'known'")
    try:
        daemon = shop.daemon()
        answers = {
            user: guess(daemon, user, password)
            for user, password in {
                shop.stakeholder: "wrong",
                "somebody": "known",  # right, but no stakeholder: nobody finds that out here
                "nobody_logs_in": "known",
                "not_there": "known",
                "postgres": "",
                "x" * 200: "known",
            }.items()
        }
    finally:
        shop.admin.run("DROP ROLE somebody")
        shop.admin.run("DROP ROLE nobody_logs_in")
    assert len({(status, body) for status, body, _ in answers.values()}) == 1, answers
    times = [duration_s for _, _, duration_s in answers.values()]
    assert max(times) - min(times) < 0.2, answers


def test_idle_handshakes_do_not_starve_live(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    with ExitStack() as stack:
        for _ in range(3):
            for _ in range(600):
                stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port)))
            assert daemon.get("/live")[0] == 200
            assert daemon.get("/ready")[0] == 200
            with listen(shop, daemon):
                pass


def test_one_stakeholders_clients_leave_room_for_the_others(shop: Shop) -> None:
    shop.notify({"type": "SOCKET", "mode": "broadcast"})
    # As many files as the process may open at most.
    command = ["prlimit", "--nofile=400:400"]
    daemon = shop.daemon(wrapper=command)
    with ExitStack() as stack:
        refusals = []
        for _ in range(60):
            try:
                stack.enter_context(listen(shop, daemon))
            except InvalidStatus as refusal:
                refusals.append(refusal.response.status_code)
        assert refusals == [503] * 10
        assert daemon.get("/live")[0] == 200
    eventually(lambda: daemon.metric("integratedb_websocket_connections") == 0)
    with listen(shop, daemon):
        pass


def test_a_role_whose_sessions_wait_for_others_does_not_hold_up_logins(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    with ExitStack() as stack:
        dsn = make_conninfo(shop.cluster.dsn(shop.database), user=shop.stakeholder, password=shop.password)
        own = stack.enter_context(psycopg.connect(dsn))
        for setting, value in (("deferrable", "on"), ("isolation", "serializable"), ("read_only", "on")):
            own.execute(f"ALTER ROLE {shop.stakeholder} SET default_transaction_{setting} = '{value}'")
        own.commit()
        # As long as this transaction is open, a deferrable one waits for it.
        own.execute("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT FROM pg_class; SELECT pg_current_xact_id()")
        began_s = time.monotonic()
        with listen(shop, daemon):
            assert time.monotonic() - began_s < 2


def test_a_login_that_needs_no_password_proves_nothing(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    log = shop.directory / "trusting.log"
    dsn = f"host={shop.cluster.socket} port={shop.cluster.port} dbname={shop.database} user=companion"
    daemon = Daemon(dsn, shop.slot, log)
    shop.daemons.append(daemon)
    daemon.ready()
    with pytest.raises(InvalidStatus) as refused, listen(shop, daemon, password="anything"):
        pass
    # The client is not told: only an existing role gets so far.
    assert refused.value.response.status_code == 401
    eventually(lambda: any("without a password" in line["message"] for line in daemon.logs()))


@contextmanager
def another_server(port: int) -> Iterator[list[bytes]]:
    """A server that takes every name, and asks for the password as it is; gives what it is sent."""
    heard: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while data := self.request.recv(4096):
                    if data[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):  # may it be encrypted?
                        self.request.sendall(b"N")
                        continue
                    heard.append(data)
                    self.request.sendall(b"R\0\0\0\x08\0\0\0\x03")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield heard
        server.shutdown()


@pytest.mark.parametrize("how", ["service", "PGSERVICE", "hosts", "PGHOST"])
def test_passwords_of_clients_reach_the_daemons_own_server_and_no_other(shop: Shop, how: str) -> None:
    shop.notify({"type": "SOCKET"})
    other = free_port()
    login = {"dbname": shop.database, "user": DAEMON_ROLE, "password": DAEMON_PASSWORD}
    hosts = {
        "host": "127.0.0.1,127.0.0.1",
        "port": f"{other},{shop.cluster.port}",
        "target_session_attrs": "read-write",
    }
    service = shop.directory / "services"
    service.write_text("[shop]\n" + "".join(f"{name}={value}\n" for name, value in {**hosts, **login}.items()))
    environment = {"PGSERVICEFILE": str(service), "PGSERVICE": "shop" if how == "PGSERVICE" else ""}
    match how:
        case "service":
            # Where libpq goes by itself is another server too.
            dsn, environment = "service=shop", {**environment, "PGHOST": "127.0.0.1", "PGPORT": str(other)}
        case "PGSERVICE":
            dsn = ""
        case "hosts":
            dsn = make_conninfo(**hosts, **login)
        case _:
            dsn = make_conninfo(**login)
            environment |= {f"PG{name.upper().replace('_', '')}": value for name, value in hosts.items()}
    environment = {name: value for name, value in environment.items() if value}
    daemon = Daemon(dsn, shop.slot, shop.directory / "daemon.log", environment=environment)
    shop.daemons.append(daemon)
    daemon.ready()
    with another_server(other) as heard:
        with listen(shop, daemon):
            pass
        with pytest.raises(InvalidStatus), listen(shop, daemon, password="a wrong one"):
            pass
        assert heard == []


def test_a_login_has_to_wait_while_the_daemon_has_no_server(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    shop.cluster.stop_for_a_while()
    try:
        eventually(lambda: daemon.get("/ready")[0] == 503)

        def answer() -> Any:
            with pytest.raises(InvalidStatus) as refused, listen(shop, daemon):
                pass
            return refused.value.response

        late = eventually(lambda: found if (found := answer()).status_code == 503 else None)
        assert int(late.headers["Retry-After"]) > 0
    finally:
        shop.cluster.crash()
    daemon.ready()
    with listen(shop, daemon):
        pass


def test_broadcast_reaches_everybody_and_keeps_nothing(shop: Shop) -> None:
    shop.notify({"type": "SOCKET", "name": "live", "mode": "broadcast"})
    daemon = shop.daemon()
    shop.insert(1, 2)
    with ExitStack() as stack:
        clients = [stack.enter_context(listen(shop, daemon, "live")) for _ in range(3)]
        shop.insert(3, 12)
        for client in clients:
            assert order_ids(receive(client, 10)) == list(range(3, 13))
    assert shop.queued("live") == 0


def test_a_broadcast_client_that_does_not_read_is_sent_away_and_the_others_go_on(shop: Shop) -> None:
    shop.notify({"type": "SOCKET", "name": "live", "mode": "broadcast"})
    daemon = shop.daemon()
    credentials = base64.b64encode(f"{shop.stakeholder}:{shop.password}".encode()).decode()
    with socket.create_connection(("127.0.0.1", daemon.port)) as slow, listen(shop, daemon, "live") as good:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(
            b"GET /v1/notifications/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Authorization: Basic " + credentials.encode() + b"\r\n\r\n"
        )
        eventually(lambda: daemon.metric("integratedb_websocket_connections") == 2)
        for number in range(40):
            shop.owner.run("INSERT INTO orders VALUES (%s, repeat('x', 500000))", number)
            receive(good, 1)
        eventually(lambda: daemon.metric("integratedb_websocket_connections") == 1)
        shop.insert(1001, 1001)
        assert order_ids(receive(good, 1)) == [1001]


@pytest.mark.parametrize(("number", "length"), [(1, 8_000_000), (400, 60_000)])
def test_a_broadcast_client_that_reads_gets_long_events_and_many_at_once(shop: Shop, number: int, length: int) -> None:
    shop.notify({"type": "SOCKET", "name": "live", "mode": "broadcast"})
    daemon = shop.daemon()
    with listen(shop, daemon, "live") as client:
        eventually(lambda: daemon.metric("integratedb_websocket_connections") == 1)
        text = f"repeat('x', {length})"
        shop.owner.run(f"INSERT INTO orders SELECT n, {text} FROM generate_series(1, {number}) AS n")
        assert order_ids(receive(client, number)) == list(range(1, number + 1))
        shop.insert(1001, 1001)
        assert order_ids(receive(client, 1)) == [1001]


#: Opens connections, half of them with the beginning of a request, and holds them until told to end. In a process
#: of its own, as one may have but so many files open.
STRANGERS = """
import contextlib, socket, sys
held = []
for number in range(500):
    held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
    if number % 2:
        with contextlib.suppress(OSError):  # beyond so many, connections are dropped at once
            held[-1].sendall(b"GET /v1/notifications/SOCKET HTTP/1.1\\r\\n")
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def strangers(port: int, count: int) -> Iterator[None]:
    """So many connections that nobody logs in on."""
    with ExitStack() as stack:
        command = [sys.executable, "-c", STRANGERS, str(port)]
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            for _ in range(count // 500)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
        yield


def test_ten_thousand_connections_that_never_log_in_do_no_harm(shop: Shop) -> None:
    shop.notify({"name": "live", "type": "SOCKET"}, {"name": "wall", "type": "SOCKET", "mode": "broadcast"})
    daemon = shop.daemon()
    before = daemon.resident_mb()
    with listen(shop, daemon, "live") as consumer:
        with strangers(daemon.port, 10_000):
            shop.insert(1, 100)
            assert order_ids(receive(consumer, 100)) == list(range(1, 101))
            # Who has said nothing is sent away after five seconds, and there is room again.
            eventually(lambda: daemon.get("/live")[0] == 200, timeout_s=20)
            with listen(shop, daemon, "wall") as late:
                eventually(lambda: daemon.metric("integratedb_websocket_connections") == 2)
                shop.insert(101, 101)
                assert order_ids(receive(late, 1)) == [101]
        assert order_ids(receive(consumer, 1)) == [101]
    assert daemon.resident_mb() - before < 60


def test_a_paused_channel_lets_nobody_in_and_loses_nothing(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    with listen(shop, daemon) as consumer:
        shop.admin.run("SELECT integratedb_pause_channel(%s, 'SOCKET')", shop.stakeholder)
        with pytest.raises(ConnectionClosed):
            consumer.recv(timeout=5)
    shop.insert(1, 3)
    with pytest.raises(InvalidStatus), listen(shop, daemon):
        pass
    shop.admin.run("SELECT integratedb_resume_channel(%s, 'SOCKET')", shop.stakeholder)
    time.sleep(0.5)
    with listen(shop, daemon) as consumer:
        assert order_ids(receive(consumer, 3)) == [1, 2, 3]


@contextmanager
def deaf(shop: Shop, daemon: Daemon, channel: str = "live") -> Iterator[socket.socket]:
    """A client that is let in, and reads nothing of what is sent to it."""
    credentials = base64.b64encode(f"{shop.stakeholder}:{shop.password}".encode()).decode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", daemon.port))
        client.sendall(
            f"GET /v1/notifications/{channel} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Basic {credentials}\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.recv(1)
        assert b" 101 " in answer
        yield client


@pytest.mark.parametrize("deaf_for_s", [1, 26])
def test_a_consumer_that_does_not_read_holds_up_nobody_when_its_channel_changes(
    shop: Shop, receiver: Receiver, deaf_for_s: int
) -> None:
    hook = {"type": "WEBHOOK", "name": "hook", "url": receiver.url(), "secret": SECRET}
    shop.notify({"type": "SOCKET", "name": "live"}, hook)
    daemon = shop.daemon()
    with deaf(shop, daemon):
        eventually(lambda: daemon.metric("integratedb_websocket_connections") == 1)
        shop.owner.run("INSERT INTO orders SELECT n, repeat('x', 60000) FROM generate_series(1, 200) AS n")
        eventually(lambda: len(receiver.delivered()) >= 200)
        time.sleep(deaf_for_s)
        shop.admin.run("SELECT integratedb_pause_channel(%s, 'live')", shop.stakeholder)
        shop.insert(1000, 1000)
        eventually(lambda: order_ids(receiver.delivered())[-1] == 1000, timeout_s=6)


@pytest.mark.parametrize("mode", ["queue", "broadcast"])
def test_a_client_that_pings_and_reads_no_answer_takes_no_memory(shop: Shop, mode: str) -> None:
    shop.notify({"type": "SOCKET", "name": "live", "mode": mode})
    daemon = shop.daemon()
    ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
    with deaf(shop, daemon) as client:
        before = daemon.resident_mb()
        client.settimeout(10)
        sent = 0
        try:
            while sent < 100 << 20:
                client.sendall(ping * 4000)
                sent += len(ping) * 4000
        except OSError:
            pass  # sent away, or no longer read
        assert daemon.resident_mb() - before < 40


@pytest.mark.parametrize("opcode", [0x89, 0x8A, 0x81], ids=["pings", "pongs", "texts"])
def test_clients_that_send_without_end_hold_up_nobody(shop: Shop, receiver: Receiver, opcode: int) -> None:
    frame = bytes([opcode]) + b"\x80\0\0\0\0"
    hook = {"type": "WEBHOOK", "name": "hook", "url": receiver.url(), "secret": SECRET}
    shop.notify({"type": "SOCKET", "name": "live", "mode": "broadcast"}, hook)
    daemon = shop.daemon()
    ended = threading.Event()

    def send(client: socket.socket) -> None:
        client.settimeout(0.2)
        while not ended.is_set():
            with suppress(TimeoutError):
                client.send(frame * 40_000)

    def read(client: socket.socket) -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                client.recv(1 << 16)

    with ExitStack() as stack:
        clients = [stack.enter_context(deaf(shop, daemon)) for _ in range(8)]
        with ThreadPoolExecutor(16) as threads:
            done = [threads.submit(act, client) for client in clients for act in (send, read)]
            try:
                for number in range(1, 6):
                    assert daemon.get("/live")[0] == 200
                    shop.insert(number, number)
                    eventually(lambda: len(receiver.delivered()) == number, timeout_s=20)  # noqa: B023  # called at once
            finally:
                ended.set()
        for one in done:
            one.result()


@pytest.mark.parametrize("how", ["renamed", "dropped"])
def test_a_new_stakeholder_of_an_old_name_gets_nothing_of_the_old_one(shop: Shop, how: str) -> None:
    """However far behind the daemon is, which learns of it in the stream: Postgres has the new password at once."""
    shop.notify({"type": "SOCKET", "name": "live"})
    daemon = shop.daemon()
    shop.insert(1, 5)
    eventually(lambda: shop.queued("live") == 5)
    shop.owner.run("CREATE TABLE noise (id int, x text)")
    shop.owner.run("INSERT INTO noise SELECT n, repeat('x', 200) FROM generate_series(1, 600000) AS n")
    shop.owner.run("INSERT INTO orders SELECT n, 'x' FROM generate_series(10, 60000) AS n")
    if how == "renamed":
        shop.admin.run("SELECT integratedb_rename_stakeholder(%s, %s)", shop.stakeholder, f"{shop.stakeholder}_b")
    else:
        shop.admin.run("SELECT integratedb_drop_stakeholder(%s)", shop.stakeholder)
    password = shop.admin.value("SELECT password FROM integratedb_create_stakeholder(%s)", shop.stakeholder)
    with pytest.raises(InvalidStatus) as refused, listen(shop, daemon, "live", password=password) as client:
        receive(client, 1)
    assert refused.value.response.status_code == 401
    shop.password = password
    shop.notify({"type": "SOCKET", "name": "live"})
    shop.owner.run("INSERT INTO orders VALUES (100000, 'new')")

    def let_in() -> int:
        with suppress(InvalidStatus), listen(shop, daemon, "live") as client:
            return order_ids(receive(client, 1))[0]
        return 0

    # Not at each of the failures that a name is allowed.
    eventually(lambda: daemon.metric("integratedb_slot_lag_bytes") < 1_000_000)
    assert eventually(let_in) == 100_000


@pytest.mark.parametrize("says_nonsense", [False, True])
def test_a_consumer_that_reads_nothing_gives_way_to_a_newer_one(shop: Shop, says_nonsense: bool) -> None:
    shop.notify({"type": "SOCKET", "name": "live"})
    daemon = shop.daemon()
    shop.owner.run("INSERT INTO orders SELECT n, repeat('x', 60000) FROM generate_series(1, 200) AS n")
    eventually(lambda: shop.queued("live") == 200)
    with deaf(shop, daemon) as client:
        eventually(lambda: daemon.metric("integratedb_websocket_connections") == 1)
        if says_nonsense:
            client.sendall(b"\x81\x80\0\0\0\0")  # an empty frame is no acknowledgement, of which it is told in vain
        time.sleep(1)
        with listen(shop, daemon, "live") as newer:
            assert order_ids(receive(newer, 10)) == list(range(1, 11))


def test_the_daemon_is_not_ready_while_the_stream_waits(shop: Shop) -> None:
    shop.notify({"type": "SOCKET", "name": "live"})
    daemon = shop.daemon()
    with shop.cluster.session(shop.database) as somebody, somebody.transaction():
        somebody.run("LOCK TABLE integratedb.delivery IN EXCLUSIVE MODE")
        shop.owner.run("INSERT INTO orders SELECT n, repeat('x', 200000) FROM generate_series(1, 100) AS n")
        status, reason = eventually(lambda: (said := daemon.get("/ready"))[0] != 200 and said)
        assert (status, "the stream has been waiting" in reason) == (503, True)
        assert daemon.get("/live")[0] == 200
    eventually(lambda: daemon.get("/ready")[0] == 200)
    eventually(lambda: shop.queued("live") == 100)
