"""Nothing that comes from outside ends the daemon, stops another channel, or gets into what is kept and logged."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from tests.system.harness import SECRET, Daemon, Receiver, Shop, eventually, order_ids
from tests.system.hostile import HTTP_ANSWERS, MARK, REDIS_ANSWERS, raw_server, send

PASSWORD = "hunter2hunter2"


def answer_by_path(connection: socket.socket, request: bytes) -> None:
    path = request.split(b" ")[1].decode().strip("/")
    data, times = HTTP_ANSWERS[path]
    if times == 0:
        time.sleep(15)
    send(connection, data, times)


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
    "no_url": ("env:INTEGRATEDB_SECRET_X", f"host=db password={PASSWORD}"),
    "no_host": ("env:INTEGRATEDB_SECRET_X", f"http://:{PASSWORD}@/"),
    "spaces": ("env:INTEGRATEDB_SECRET_X", f"http://127.0.0.1/ {PASSWORD}"),
    "crlf": ("env:INTEGRATEDB_SECRET_X", f"http://127.0.0.1/\r\nx: {PASSWORD}"),
    "crlf_encoded": ("env:INTEGRATEDB_SECRET_X", f"http://u:%0d%0a{PASSWORD}@127.0.0.1/"),
    "scheme": ("env:INTEGRATEDB_SECRET_X", f"file:///{PASSWORD}"),
    "port": ("env:INTEGRATEDB_SECRET_X", f"http://127.0.0.1:{PASSWORD}/"),
    "nested": ("env:INTEGRATEDB_SECRET_X", "env:INTEGRATEDB_SECRET_Y"),
    "redacted": ("env:INTEGRATEDB_SECRET_X", "http://u:********@127.0.0.1/"),
    "empty": ("env:INTEGRATEDB_SECRET_X", ""),
}


@pytest.mark.parametrize("kind", ["WEBHOOK", "REDIS", "secret"])
def test_the_value_of_a_variable_is_checked_before_it_is_used(shop: Shop, receiver: Receiver, kind: str) -> None:
    environment, hostile = {"INTEGRATEDB_SECRET_Y": receiver.url("/nested")}, []
    for name, (text, value) in VALUES_THAT_ARE_NOT_USED.items():
        variable = f"INTEGRATEDB_SECRET_{name.upper()}"
        environment[variable] = value.replace("http://", "redis://") if kind == "REDIS" else value
        channel = {"name": name, "type": "REDIS" if kind == "REDIS" else "WEBHOOK", "url": f"env:{variable}"}
        if kind == "WEBHOOK":
            channel["secret"] = SECRET
        elif kind == "secret":
            channel |= {"url": receiver.url(), "secret": f"env:{variable}"}
        hostile.append(channel)
        if text == "env:INTEGRATEDB_DSN":
            channel["secret" if kind == "secret" else "url"] = "env:INTEGRATEDB_SECRET_LATER"
    shop.notify(*hostile, good(receiver))
    # As an earlier version stored it.
    shop.admin.run(
        """UPDATE integratedb.channel SET settings = settings
             || jsonb_build_object(%s::text, 'env:INTEGRATEDB_DSN') WHERE name = 'prefix'""",
        "secret" if kind == "secret" else "url",
    )
    daemon = shop.daemon(environment=environment)
    shop.insert(1, 1)
    wait_for_failures(shop, daemon, list(VALUES_THAT_ARE_NOT_USED))
    assert_lives(shop, daemon, receiver, 2)
    assert_in_our_own_words(shop, daemon)
    assert {request.path for request in receiver.requests} == {"/good"}
    status = shop.status()
    assert "INTEGRATEDB_SECRET_" in status[f"channel {shop.stakeholder}.prefix last error"]
    if kind != "secret":
        assert "INTEGRATEDB_SECRET_NO_URL" in status[f"channel {shop.stakeholder}.no_url last error"]


def test_no_password_reaches_the_log_from_a_dsn_that_cannot_be_read() -> None:
    from tests.system.test_command import run

    for dsn in (f"host=db password=se {PASSWORD}", f"postgresql://u:a@{PASSWORD}@127.0.0.1:1/db"):
        result = run("--dsn", dsn)
        assert result.returncode == 2
        assert PASSWORD not in result.stderr
        assert "dsn" in result.stderr
