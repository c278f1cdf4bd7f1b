"""Nothing that comes from outside ends the daemon, stops another channel, or gets into what is kept and logged."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.system.conftest import slot_is_dropped
from tests.system.harness import SECRET, Daemon, Receiver, Shop, eventually, order_ids, resolving
from tests.system.hostile import HTTP_ANSWERS, MARK, REDIS_ANSWERS, raw_server, send

PASSWORD = "hunter2hunter2"


def answer_by_path(connection: socket.socket, request: bytes) -> None:
    path = request.split(b" ")[1].decode().strip("/")
    data, times = HTTP_ANSWERS[path]
    if times == 0:
        time.sleep(15)
    send(connection, data, times)


@contextlib.contextmanager
def accepting(answer: Callable[[socket.socket], socket.socket]) -> Iterator[tuple[int, list[socket.socket]]]:
    """Listen, and keep connections open. Gives the port, and the connections."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(answer(listening.accept()[0]))
                    if len(kept) > 400:  # the client has given it up
                        kept.pop(0).close()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield int(listening.getsockname()[1]), kept
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for connection in kept:
        connection.close()


def good(receiver: Receiver) -> dict[str, Any]:
    return {"name": "good", "type": "WEBHOOK", "url": receiver.url("/good"), "secret": SECRET}


def assert_lives(shop: Shop, daemon: Daemon, receiver: Receiver, number: int) -> None:
    """The daemon still reads, and a channel that is healthy gets what happens now."""
    assert daemon.process.poll() is None, daemon.log_file.read_text()[-4000:]
    shop.insert(number, number)
    eventually(
        lambda: number in order_ids(receiver.delivered("/good")) or daemon.process.poll() is not None, timeout_s=20
    )
    assert daemon.process.poll() is None, daemon.log_file.read_text()[-4000:]
    assert daemon.get("/live")[0] == 200


def assert_in_our_own_words(shop: Shop, daemon: Daemon, *not_said: str) -> None:
    """What is kept and logged are texts of ours: printable, short, and without what came from outside."""
    said = [text for fact, text in shop.status().items() if "channel " in fact]
    said += [row[0] for row in shop.admin.rows("SELECT error FROM integratedb.delivery WHERE error IS NOT NULL")]
    for text in said:
        assert re.fullmatch("[ -~]{0,300}", text), text
    log = daemon.log_file.read_text(errors="strict")
    for secret in (MARK, MARK.upper(), PASSWORD, *not_said):
        assert not any(secret in text for text in said), said
        assert secret not in log
    assert all(line.startswith("{") for line in log.splitlines()), log
    for line in log.splitlines():
        json.loads(line)


def wait_for_failures(shop: Shop, daemon: Daemon, names: list[str], timeout_s: float = 60) -> None:
    """Wait until each of the channels has failed or paused, or the daemon has died."""

    def left() -> set[str]:
        status = shop.status()
        return {
            name
            for name in names
            if f"channel {shop.stakeholder}.{name} last error" not in status
            and not status[f"channel {shop.stakeholder}.{name}"].startswith("paused")
        }

    with contextlib.suppress(AssertionError):
        eventually(lambda: not left() or daemon.process.poll() is not None, timeout_s=timeout_s)
    assert daemon.process.poll() is None, daemon.log_file.read_text()[-4000:]
    assert left() == set()


def test_whatever_a_webhook_answers(shop: Shop, receiver: Receiver) -> None:
    with raw_server(answer_by_path) as port:
        hostile = [
            {"name": name, "type": "WEBHOOK", "secret": SECRET, "timeout": 2, "max_attempts": 1}
            | {"url": f"http://user:{PASSWORD}@127.0.0.1:{port}/{name}"}
            for name in HTTP_ANSWERS
        ]
        shop.notify(*hostile, good(receiver))
        daemon = shop.daemon()
        before_mb = daemon.resident_mb()
        shop.insert(1, 1)
        wait_for_failures(shop, daemon, list(HTTP_ANSWERS), 30)
        assert_lives(shop, daemon, receiver, 2)
        assert daemon.resident_mb("VmHWM") < before_mb + 100
        assert_in_our_own_words(shop, daemon, SECRET)


#: Answers that never end: what is sent first, and then again and again.
ENDLESS = {
    "heads": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "answers": (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 2000),
    "chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 10_000),
}


@pytest.mark.parametrize("kind", list(ENDLESS))
def test_answers_without_end_hold_up_no_other_channel(shop: Shop, receiver: Receiver, kind: str) -> None:
    first, then = ENDLESS[kind]

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(then)

    with raw_server(answer) as port:
        hostile = {"type": "WEBHOOK", "secret": SECRET, "concurrency": 4, "url": f"http://127.0.0.1:{port}/"}
        shop.notify(*({**hostile, "name": f"c{n}"} for n in range(8)), good(receiver))
        daemon = shop.daemon()
        before_mb = daemon.resident_mb()
        shop.insert(1, 40)
        for number in range(41, 47):
            began_s = time.monotonic()
            assert_lives(shop, daemon, receiver, number)
            assert time.monotonic() - began_s < 6
            time.sleep(0.3)
        assert daemon.resident_mb("VmHWM") < before_mb + 100


def open_files(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))


def test_receivers_that_do_not_end_the_encryption_keep_no_connection(shop: Shop, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)]
    command += ["-out", str(certificate), "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encryption.load_cert_chain(certificate, key)

    def answer(connection: socket.socket) -> socket.socket:
        encrypted = encryption.wrap_socket(connection, server_side=True)
        encrypted.recv(1 << 16)
        encrypted.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        return encrypted

    with accepting(answer) as (port, kept):
        shop.notify({"name": "c", "type": "WEBHOOK", "secret": SECRET, "url": f"https://127.0.0.1:{port}/"})
        daemon = shop.daemon(environment={"SSL_CERT_FILE": str(certificate)})
        before = open_files(daemon)
        shop.insert(1, 60)
        eventually(lambda: daemon.metric("integratedb_events_delivered_total") == 60)
        eventually(lambda: open_files(daemon) <= before + 10, timeout_s=10)
        assert len(kept) == 60


@pytest.mark.parametrize("kind", ["WEBHOOK", "REDIS"])
def test_encrypted_connections_take_little_memory(shop: Shop, kind: str) -> None:
    with accepting(lambda connection: connection) as (port, _):
        if kind == "REDIS":
            channels = [{"name": f"c{n}", "type": kind, "url": f"rediss://127.0.0.1:{port}/"} for n in range(80)]
        else:
            channel: dict[str, Any] = {"type": kind, "url": f"https://127.0.0.1:{port}/", "secret": SECRET}
            channel |= {"timeout": 3, "concurrency": 50}
            channels = [{**channel, "name": f"c{n}"} for n in range(6)]
        shop.notify(*channels)
        daemon = shop.daemon()
        before = open_files(daemon)
        before_mb = daemon.resident_mb()
        shop.insert(1, 300)
        # The second attempt of a webhook uses all of its connections at once.
        expected = 80 if kind == "REDIS" else 250
        eventually(lambda: open_files(daemon) >= before + expected)
        time.sleep(2)  # until each has begun to encrypt
        assert daemon.resident_mb("VmHWM") < before_mb + 45
        daemon.kill()


@pytest.mark.parametrize("kind", ["webhook", "redis"])
def test_names_that_nobody_answers_for_hold_up_no_other_channel(shop: Shop, receiver: Receiver, kind: str) -> None:
    other = f"{shop.stakeholder}_other"
    shop.admin.run("SELECT FROM integratedb_create_stakeholder(%s)", other)
    scheme, more = {"webhook": ("http", {"secret": SECRET}), "redis": ("redis", {})}[kind]
    silent = [{"name": f"c{n}", "type": kind.upper(), "url": f"{scheme}://n{n}.silent", **more} for n in range(100)]
    match = [{"path": "public.orders", "fields": ["*"]}]
    shop.admin.run("SELECT integratedb_notify(%s, %s)", other, Jsonb({"match": match, "channels": silent}))
    shop.notify({**good(receiver), "url": f"http://known:{receiver.port}/good"})
    daemon = shop.daemon(environment=resolving(shop.directory, known=["127.0.0.1"]))
    shop.insert(1, 1)
    eventually(lambda: order_ids(receiver.delivered("/good")), timeout_s=20)
    eventually(lambda: daemon.metric("integratedb_delivery_failures_total") > 50)
    assert_lives(shop, daemon, receiver, 2)
    assert daemon.stop(timeout_s=15) == 0


def test_whatever_a_redis_answers(shop: Shop, receiver: Receiver) -> None:
    with ExitStack() as stack:
        hostile = []
        for name, (data, times) in REDIS_ANSWERS.items():

            def answer(connection: socket.socket, _: bytes, data: bytes = data, times: int = times) -> None:
                if times == 0:
                    time.sleep(15)
                send(connection, data, times)

            port = stack.enter_context(raw_server(answer))
            url = f"redis://user:{PASSWORD}@127.0.0.1:{port}/0"
            hostile.append({"name": name, "type": "REDIS", "url": url, "max_attempts": 1})
        shop.notify(*hostile, good(receiver))
        daemon = shop.daemon()
        before_mb = daemon.resident_mb()
        shop.insert(1, 1)
        # A Redis that keeps silent has ten seconds.
        wait_for_failures(shop, daemon, list(REDIS_ANSWERS), 40)
        assert_lives(shop, daemon, receiver, 2)
        assert daemon.resident_mb("VmHWM") < before_mb + 100
        assert_in_our_own_words(shop, daemon)


#: Each a url and a variable's value that it stands for.
VALUES_THAT_ARE_NOT_USED = {
    "prefix": ("env:INTEGRATEDB_DSN", "http://ignored/"),
    # What an earlier version stored, and what a stakeholder left that was renamed.
    "others": ("env:INTEGRATEDB_SECRET_OTHERS__X", "http://ignored/"),
    "older": ("env:INTEGRATEDB_SECRET_OLDER", "http://ignored/"),
    "no_url": (None, f"host=db password={PASSWORD}"),
    "no_host": (None, f"http://:{PASSWORD}@/"),
    "spaces": (None, f"http://127.0.0.1/ {PASSWORD}"),
    "crlf": (None, f"http://127.0.0.1/\r\nx: {PASSWORD}"),
    "crlf_encoded": (None, f"http://u:%0d%0a{PASSWORD}@127.0.0.1/"),
    "scheme": (None, f"file:///{PASSWORD}"),
    "port": (None, f"http://127.0.0.1:{PASSWORD}/"),
    "nested": (None, "env:INTEGRATEDB_SECRET_Y"),
    "redacted": (None, "http://u:********@127.0.0.1/"),
    "empty": (None, ""),
}


@pytest.mark.parametrize("kind", ["WEBHOOK", "REDIS", "secret"])
def test_the_value_of_a_variable_is_checked_before_it_is_used(shop: Shop, receiver: Receiver, kind: str) -> None:
    own = f"INTEGRATEDB_SECRET_{shop.stakeholder.upper()}__"
    environment = {"INTEGRATEDB_SECRET_Y": receiver.url("/nested")}
    environment |= {
        text.removeprefix("env:"): receiver.url("/leaked") for text, _ in VALUES_THAT_ARE_NOT_USED.values() if text
    }
    hostile = []
    for name, (_, value) in VALUES_THAT_ARE_NOT_USED.items():
        variable = own + name.upper()
        environment[variable] = value.replace("http://", "redis://") if kind == "REDIS" else value
        channel = {"name": name, "type": "REDIS" if kind == "REDIS" else "WEBHOOK", "url": f"env:{variable}"}
        if kind == "WEBHOOK":
            channel["secret"] = SECRET
        elif kind == "secret":
            channel |= {"url": receiver.url(), "secret": f"env:{variable}"}
        hostile.append(channel)
    shop.notify(*hostile, good(receiver))
    # As an earlier version stored it.
    for name, (text, _) in VALUES_THAT_ARE_NOT_USED.items():
        if text:
            shop.admin.run(
                """UPDATE integratedb.channel SET settings = settings || jsonb_build_object(%s::text, %s::text)
                    WHERE name = %s""",
                "secret" if kind == "secret" else "url",
                text,
                name,
            )
    shop.admin.run("SELECT integratedb_sync()")
    daemon = shop.daemon(environment=environment)
    shop.insert(1, 1)
    wait_for_failures(shop, daemon, list(VALUES_THAT_ARE_NOT_USED))
    assert_lives(shop, daemon, receiver, 2)
    assert_in_our_own_words(shop, daemon)
    assert {request.path for request in receiver.requests} == {"/good"}
    status = shop.status()
    for name in ("prefix", "others", "older"):
        assert own in status[f"channel {shop.stakeholder}.{name} last error"]
    if kind != "secret":
        assert f"{own}NO_URL" in status[f"channel {shop.stakeholder}.no_url last error"]


def test_no_password_reaches_the_log_from_a_dsn_that_cannot_be_read() -> None:
    from tests.system.test_command import run

    for dsn in (f"host=db password=se {PASSWORD}", f"postgresql://u:a@{PASSWORD}@127.0.0.1:1/db"):
        result = run("--dsn", dsn)
        assert result.returncode == 2
        assert PASSWORD not in result.stderr
        assert "dsn" in result.stderr


# Rows

#: Texts of json that jsonb, or a parser of JSON, cannot take.
JSON_TEXTS = [
    r'"\u0000"',
    r'{"\u0000": "\u0000"}',
    r'"\ud800"',
    r'"\udc00\ud800"',
    "1e1000000",
    "-1e1000000",
    "1e-1000000",
    "9" * 20_000,
    "0." + "1" * 30_000,
    "[" * 900 + "]" * 900,
    '{"a":' * 900 + "1" + "}" * 900,
    '{"a": 1, "a": 2}',
    "  [1 ,\n2 ]  ",
    json.dumps("x" * 300_000),
    json.dumps({"type": "integratedb.events.lost", "data": {"count": 10**30}}),
]


def notify_of_docs(shop: Shop, receiver: Receiver, *channels: dict[str, Any]) -> None:
    match = [{"path": "public.orders", "fields": ["*"], "channels": ["good"]}]
    match += [{"path": "public.docs", "fields": ["*"], "channels": [channel["name"]]} for channel in channels]
    shop.notify(*channels, good(receiver), match=match)


def test_json_of_any_text_in_a_queue_beyond_its_limits(shop: Shop, receiver: Receiver) -> None:
    shop.owner.run("CREATE TABLE docs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body json)")
    notify_of_docs(shop, receiver, {"name": "late", "type": "SOCKET", "max_queue_bytes": 20_000})
    daemon = shop.daemon()
    for _ in range(2):
        for text in JSON_TEXTS:
            shop.owner.run("INSERT INTO docs (body) VALUES (%s)", text)
    lost = f"channel {shop.stakeholder}.late lost"
    eventually(lambda: int(shop.status().get(lost, 0)) >= 10 or daemon.process.poll() is not None, timeout_s=30)
    assert_lives(shop, daemon, receiver, 1)
    before = int(shop.status()[lost])
    for text in JSON_TEXTS:
        shop.owner.run("INSERT INTO docs (body) VALUES (%s)", text)
    eventually(lambda: int(shop.status().get(lost, 0)) > before or daemon.process.poll() is not None, timeout_s=30)
    time.sleep(4)  # it looks every three seconds
    rows = shop.admin.dicts("SELECT * FROM integratedb_deliveries(%s, 'late', NULL)", shop.stakeholder)
    told = [row["event"] for row in rows if isinstance(row["event"], dict)]
    assert told[0]["type"] == "integratedb.events.lost"
    assert told[0]["data"]["count"] == int(shop.status()[lost])
    assert told[0]["source"] == f"/integratedb/{shop.database}"
    assert daemon.metric("integratedb_events_lost_total") == int(shop.status()[lost])
    assert_lives(shop, daemon, receiver, 2)


def test_what_waits_can_be_looked_at_whatever_it_is(shop: Shop, receiver: Receiver) -> None:
    shop.owner.run("CREATE TABLE docs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body json)")
    notify_of_docs(shop, receiver, {"name": "late", "type": "SOCKET"})
    daemon = shop.daemon()
    for text in JSON_TEXTS:
        shop.owner.run("INSERT INTO docs (body) VALUES (%s)", text)
    eventually(lambda: shop.queued("late") == len(JSON_TEXTS))
    rows = shop.admin.rows("SELECT event::text FROM integratedb_deliveries(%s, 'late', NULL)", shop.stakeholder)
    assert len(rows) == len(JSON_TEXTS)
    as_they_are_sent = 0
    for text, (shown,) in zip(JSON_TEXTS, rows, strict=True):
        event = json.loads(shown, parse_int=str)
        if isinstance(event, str):  # what jsonb cannot hold
            assert text[:1000] in event
            as_they_are_sent += 1
        else:
            assert event["data"]["record"]["body"] == json.loads(text, parse_int=str)
    assert as_they_are_sent == 8
    assert_lives(shop, daemon, receiver, 1)


def make_deep_types(shop: Shop) -> None:
    """Domains, arrays and composites in each other, and a composite that doubles with each level."""
    shop.owner.run(
        """
        DO $$
        BEGIN
          CREATE DOMAIN d0 AS int;
          CREATE DOMAIN a0 AS int[];
          CREATE TYPE c0 AS (a int);
          CREATE TYPE w0 AS (a int, b int);
          FOR n IN 1..1500 LOOP
            EXECUTE format('CREATE DOMAIN d%s AS d%s', n, n - 1);
          END LOOP;
          FOR n IN 1..300 LOOP
            EXECUTE format('CREATE DOMAIN a%s AS a%s[]', n, n - 1);
            EXECUTE format('CREATE TYPE c%s AS (a c%s)', n, n - 1);
          END LOOP;
          FOR n IN 1..18 LOOP
            EXECUTE format('CREATE TYPE w%s AS (a w%s, b w%s)', n, n - 1, n - 1);
          END LOOP;
        END $$"""
    )


def test_types_of_any_depth(shop: Shop, receiver: Receiver) -> None:
    make_deep_types(shop)
    shop.owner.run("CREATE TABLE docs (id d1500 PRIMARY KEY, a a300, c c300, w w18, cs c300[], n c1, m a1)")
    notify_of_docs(shop, receiver, {"name": "late", "type": "WEBHOOK", "url": receiver.url("/late"), "secret": SECRET})
    daemon = shop.daemon()
    shop.owner.run("INSERT INTO docs VALUES (7, '{}', NULL, '(,)', '{}', '(\"(1)\")', '{\"{1,2}\"}')")
    eventually(lambda: receiver.delivered("/late") or daemon.process.poll() is not None, timeout_s=30)
    assert_lives(shop, daemon, receiver, 1)
    [event] = receiver.delivered("/late")
    assert event["data"]["record"]["id"] == 7
    assert event["data"]["record"]["n"] == {"a": {"a": 1}}
    assert event["data"]["record"]["m"] == [[1, 2]]
    body = shop.admin.value("SELECT max(octet_length(body::text)) FROM integratedb.control")
    assert body < 1_000_000
    daemon.kill()  # what is in force is read in another way at the start
    assert_lives(shop, shop.daemon(), receiver, 2)


def test_rows_of_any_size(shop: Shop, receiver: Receiver) -> None:
    shop.owner.run("CREATE TABLE docs (id int PRIMARY KEY, a text, b text, c text)")
    shop.owner.run("ALTER TABLE docs REPLICA IDENTITY FULL")
    receiver.behave = lambda path: 503 if path == "/bad" else 204
    notify_of_docs(
        shop,
        receiver,
        {"name": "late", "type": "WEBHOOK", "url": receiver.url("/late"), "secret": SECRET},
        {"name": "bad", "type": "WEBHOOK", "url": receiver.url("/bad"), "secret": SECRET},
    )
    daemon = shop.daemon()
    before_mb = daemon.resident_mb()
    # Each of its characters takes six in JSON.
    shop.owner.run(r"INSERT INTO docs VALUES (1, repeat(E'\001', 60000000), 'b', repeat('c', 8000000))")
    shop.owner.run(r"UPDATE docs SET b = 'B'")
    shop.owner.run(r"UPDATE docs SET a = 'A'")
    shop.owner.run(r"DELETE FROM docs")
    eventually(lambda: len(receiver.delivered("/late")) == 4 or daemon.process.poll() is not None)
    assert_lives(shop, daemon, receiver, 1)
    inserted, first, second, deleted = (event["data"] for event in receiver.delivered("/late"))
    assert set(inserted["record"]) == {"id", "b", "c"}
    assert inserted["unavailable"] == ["a"]
    assert (first["record"]["b"], first["unavailable"], first["old"]["b"]) == ("B", ["a"], "b")
    assert (second["record"]["a"], "a" in second["old"], "a" in second["changed"]) == ("A", False, True)
    assert deleted["old"]["b"] == "B"
    assert daemon.resident_mb("VmHWM") < before_mb + 500


# Sessions and databases that are set otherwise

HOSTILE_SETTINGS = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "postgres_verbose",
    "TimeZone": "Asia/Kathmandu",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "quote_all_identifiers": "on",
    "xmlbinary": "hex",
    "search_path": "evil, public, pg_catalog",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_session_timeout": "500ms",
    "idle_in_transaction_session_timeout": "1ms",
    "client_encoding": "LATIN1",
    "synchronous_commit": "off",
}

#: What a function of another schema, or of another type, could take over; each makes itself known.
EVIL = """
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.raise() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$;
CREATE FUNCTION evil.current_database() RETURNS text LANGUAGE sql AS $$ SELECT evil.raise()::text $$;
CREATE FUNCTION evil.pg_current_wal_lsn() RETURNS text LANGUAGE sql AS $$ SELECT evil.raise()::text $$;
CREATE FUNCTION evil.getdatabaseencoding() RETURNS text LANGUAGE sql AS $$ SELECT evil.raise()::text $$;
CREATE DOMAIN evil.pg_lsn AS text CHECK (evil.raise() = 0);
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.raise() = 0);
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (evil.raise() = 0);
CREATE FUNCTION evil.fails(name, text) RETURNS bool LANGUAGE sql AS $$ SELECT evil.raise() = 0 $$;
CREATE OPERATOR evil.= (FUNCTION = evil.fails, LEFTARG = name, RIGHTARG = text);
CREATE FUNCTION integratedb.daemon_slot(varchar) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.daemon_reserve(text, text) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.daemon_report(int, text, text, int, float8) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.daemon_report(smallint, varchar, varchar, smallint, float8) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.delivery_load(int, pg_catalog.pg_lsn, int, int) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.delivery_load(smallint, pg_catalog.pg_lsn, smallint, smallint) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.delivery_settle(smallint, pg_catalog.pg_lsn[], bigint[]) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.delivery_dead(smallint, pg_catalog.pg_lsn[], bigint[], varchar) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.daemon_enforce_limits(smallint, pg_catalog.pg_lsn, smallint, smallint) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.daemon_enforce_limits(smallint, pg_catalog.pg_lsn, smallint, int) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
CREATE FUNCTION integratedb.daemon_pause(smallint, varchar) RETURNS int
  LANGUAGE sql AS $$ SELECT evil.raise() $$;
"""


def test_settings_of_the_database_and_objects_of_others_change_nothing(shop: Shop, receiver: Receiver) -> None:
    shop.owner.run(
        """CREATE TABLE docs (id int PRIMARY KEY, at timestamptz, day date, took interval, size float8, body bytea,
                              price money, relation regclass, "select" regtype)"""
    )
    receiver.behave = lambda path: {"/bad": 500, "/gone": 410}.get(path, 204)
    hooks = [
        {"name": name, "type": "WEBHOOK", "url": receiver.url(f"/{name}"), "secret": SECRET, "max_attempts": 1}
        for name in ("late", "bad", "gone")
    ]
    notify_of_docs(shop, receiver, *hooks)
    insert = """INSERT INTO docs VALUES (%s, '2024-02-29 04:05:06.789+00', '2024-02-29',
                                         '1 day 02:03', 0.1, '\\xff00', 12.5,
                                         'public.docs', '"char"')"""
    shop.owner.run("INSERT INTO docs SELECT n FROM generate_series(1001, 1010) AS n")  # before there is a slot
    shop.admin.run(EVIL)
    for schema in ("integratedb", "evil"):
        shop.admin.run(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO companion")
    for name, value in HOSTILE_SETTINGS.items():
        shop.admin.run(f"ALTER DATABASE {shop.database} SET {name} = {value if name == 'search_path' else repr(value)}")
    daemon = shop.daemon()
    shop.owner.run(insert, 1)
    eventually(lambda: receiver.delivered("/late") or daemon.process.poll() is not None)
    record = receiver.delivered("/late")[0]["data"]["record"]
    assert record == {
        "id": 1,
        "at": "2024-02-29T04:05:06.789+00:00",
        "day": "2024-02-29",
        "took": "P1DT2H3M",
        "size": 0.1,
        "body": "\\xff00",
        "price": "$12.50",
        "relation": "public.docs",
        "select": '"char"',
    }
    eventually(lambda: shop.status().get(f"channel {shop.stakeholder}.bad dead") == "1")
    eventually(lambda: shop.status()[f"channel {shop.stakeholder}.gone"].startswith("paused: "))
    assert_lives(shop, daemon, receiver, 1)
    daemon.kill()
    daemon = shop.daemon()
    assert_lives(shop, daemon, receiver, 2)
    time.sleep(4)
    assert "captured" not in daemon.log_file.read_text()
    assert not [line for line in daemon.logs() if line["level"] in ("error", "critical") and "fault" in line]


def test_who_holds_the_lock_of_the_extension_holds_up_no_channel(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda path: 410 if path == "/gone" else 204
    gone = {"name": "gone", "type": "WEBHOOK", "url": receiver.url("/gone"), "secret": SECRET}
    shop.notify(gone, {"name": "late", "type": "SOCKET"}, good(receiver))
    daemon = shop.daemon()
    with shop.cluster.session(shop.database) as holder, holder.transaction():
        holder.run("SELECT integratedb.take_lock()")
        shop.insert(1, 1)
        eventually(lambda: any(request.path == "/gone" for request in receiver.requests))
        assert_lives(shop, daemon, receiver, 2)
        eventually(lambda: shop.queued("late") == 2, timeout_s=20)
    eventually(lambda: shop.status()[f"channel {shop.stakeholder}.gone"].startswith("paused: "))


@pytest.mark.parametrize(
    ("encoding", "byte"),
    # Python does not know the last.
    [("WIN1252", r"\201"), ("SQL_ASCII", r"\377"), ("LATIN1", r"\351"), ("EUC_TW", r"\304\343")],
)
def test_text_that_is_no_utf_8(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, encoding: str, byte: str
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "UTF8")  # of the sessions below: the client library cannot speak EUC_TW
    name = f"{shop.database}_encoded"
    with shop.cluster.session("postgres") as superuser:
        superuser.run(f"CREATE DATABASE {name} OWNER shop_owner TEMPLATE template0 ENCODING {encoding} LOCALE 'C'")
    other = None
    try:
        with shop.cluster.session(name) as admin, shop.cluster.session(name, "shop_owner") as owner:
            for session in (admin, owner):
                session.run("SET client_encoding = 'SQL_ASCII'")
            admin.run("CREATE EXTENSION integratedb CASCADE")
            owner.run("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
            owner.run("CREATE TABLE docs (id bigint PRIMARY KEY, a text, b json, c text[])")
            admin.run("SELECT FROM integratedb_create_stakeholder('encoded')")
            other = Shop(shop.cluster, name, "encoded", "", f"{shop.slot}_encoded", owner, admin, shop.directory)
            late = {"name": "late", "type": "WEBHOOK", "url": receiver.url("/late"), "secret": SECRET}
            bad = {"name": "bad", "type": "WEBHOOK", "url": receiver.url("/bad"), "secret": SECRET, "max_attempts": 1}
            receiver.behave = lambda path: 500 if path == "/bad" else 204
            notify_of_docs(other, receiver, late, bad)
            daemon = other.daemon()
            shop.daemons.append(daemon)
            owner.run(
                f"INSERT INTO docs VALUES (1, E'a{byte}', E'[\"b{byte}\"]', ARRAY[E'c{byte}', 'd'])",
            )
            eventually(lambda: receiver.delivered("/late") or daemon.process.poll() is not None, timeout_s=20)
            data = receiver.delivered("/late")[0]["data"]
            if encoding == "LATIN1":
                assert data["record"] == {"id": 1, "a": "aé", "b": ["bé"], "c": ["cé", "d"]}
                assert "unavailable" not in data
            else:
                assert data["record"] == {"id": 1}
                assert data["unavailable"] == ["a", "b", "c"]
            dead = "SELECT count(*) FROM integratedb.delivery WHERE dead_at IS NOT NULL"
            eventually(lambda: admin.rows(dead) == [(1,)], timeout_s=20)
            owner.run("INSERT INTO orders VALUES (1, 'new')")
            eventually(lambda: order_ids(receiver.delivered("/good")) == [1])
            daemon.kill()
            daemon = other.daemon()
            shop.daemons.append(daemon)
            owner.run("INSERT INTO orders VALUES (2, 'new')")
            eventually(lambda: order_ids(receiver.delivered("/good"))[-1:] == [2])
            daemon.kill()
    finally:
        with shop.cluster.session("postgres") as superuser:
            eventually(lambda: slot_is_dropped(superuser, f"{shop.slot}_encoded"))
            superuser.run(f"DROP DATABASE {name} WITH (FORCE)")
            superuser.run("DROP OWNED BY encoded")
            superuser.run("DROP ROLE encoded")
