"""Receivers, clients and rows that are random: the daemon lives, and a channel that is healthy gets everything.

`FUZZ_SECONDS=600` does it for longer. A failure names the seed, and `FUZZ_SEED` does the same again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import socket
import threading
import time
from contextlib import ExitStack
from typing import Any

from tests.system.harness import SECRET, Daemon, Receiver, Shop, eventually, order_ids
from tests.system.hostile import HTTP_ANSWERS, REDIS_ANSWERS, raw_server, send
from tests.system.test_hostile import JSON_TEXTS, assert_in_our_own_words, assert_lives, good

SECONDS = min(float(os.environ.get("FUZZ_SECONDS", "10")), 600)
PIECES = [
    b"\r\n",
    b"\0",
    b"\xff",
    b":",
    b" ",
    b"$",
    b"*",
    b"-",
    b"+",
    b"HTTP/1.1 ",
    b"200",
    b"410",
    b"1" * 20,
    b"\xed\xa0\x80",
]
WEBHOOKS, BUSES = 12, 12


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Change a few of the first bytes, cut, repeat or insert something."""
    changed = bytearray(data[:20_000])
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(min(len(changed), 200) + 1)
        match chance.randrange(5):
            case 0 if changed:
                changed[at % len(changed)] = chance.randrange(256)
            case 1:
                changed[at:at] = chance.choice(PIECES)
            case 2:
                del changed[at : at + chance.randrange(1, 20)]
            case 3:
                changed[at:at] = changed[: chance.randrange(1, 50)] * chance.randrange(1, 20)
            case 4:
                changed += chance.randbytes(chance.randrange(1, 50))
    return bytes(changed)


def random_json(chance: random.Random, depth: int = 0) -> str:
    """A text that json takes: of any numbers and escapes, nested."""
    match chance.randrange(8 if depth < 6 else 5):
        case 0:
            return chance.choice(["true", "false", "null", *JSON_TEXTS])
        case 1:
            return f"{chance.randrange(-(10**9), 10**9)}e{chance.randrange(-(10**7), 10**7)}"
        case 2:
            return f'"\\u{chance.randrange(0x10000):04x}"'
        case 3:
            return json.dumps("".join(chr(chance.randrange(1, 0xD800)) for _ in range(chance.randrange(30))))
        case 4:
            return "9" * chance.randrange(1, 500)
        case 5 | 6:
            return "[" + ",".join(random_json(chance, depth + 1) for _ in range(chance.randrange(4))) + "]"
        case _:
            keys = (random_json(chance, 9) for _ in range(chance.randrange(4)))
            return "{" + ",".join(f"{json.dumps(key)}:{random_json(chance, depth + 1)}" for key in keys) + "}"


def talk(chance: random.Random, daemon: Daemon, shop: Shop) -> None:
    """Log in on the socket, or do not, and say random things."""
    credentials = base64.b64encode(f"{shop.stakeholder}:{shop.password}".encode())
    request = (
        b"GET /v1/notifications/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Authorization: Basic " + credentials + b"\r\n\r\n"
    )
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", daemon.port), 2) as peer:
        peer.settimeout(0.3)
        well_formed = chance.random() < 0.6
        send(peer, request if well_formed else mutated(chance, request))
        if well_formed:
            peer.recv(500)
        for _ in range(chance.randrange(4)):
            payload = chance.choice(
                [b'{"ack": "%s"}' % chance.randbytes(9).hex().encode(), chance.randbytes(30), b"[" * 100]
            )
            mask = chance.randbytes(4)
            frame = bytes([chance.choice([0x81, 0x82, 0x88, 0x89, 0x01, 0x80, 0xFF, chance.randrange(256)])])
            frame += bytes([0x80 | len(payload)]) + mask
            frame += bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
            send(peer, frame if chance.random() < 0.7 else mutated(chance, frame))
        with contextlib.suppress(TimeoutError):
            peer.recv(5000)


def test_random_receivers_clients_and_rows(shop: Shop, receiver: Receiver) -> None:
    seed = int(os.environ.get("FUZZ_SEED", "20261129"))
    print(f"FUZZ_SEED={seed}")
    chance = random.Random(seed)
    lock = threading.Lock()
    answers: dict[str, list[tuple[bytes, int]]] = {
        "WEBHOOK": list(HTTP_ANSWERS.values()),
        "REDIS": list(REDIS_ANSWERS.values()),
    }

    def answering(kind: str) -> Any:
        def answer(connection: socket.socket, _: bytes) -> None:
            with lock:
                data, times = chance.choice(answers[kind])
                said = mutated(chance, data)
            send(connection, said, min(times, 20))

        return answer

    shop.owner.run("CREATE TABLE docs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body json)")
    with ExitStack() as stack:
        ports = {kind: stack.enter_context(raw_server(answering(kind))) for kind in answers}
        channels: list[dict[str, Any]] = [
            {"name": f"hook{n}", "type": "WEBHOOK", "secret": SECRET, "timeout": 1, "max_attempts": 1 + n % 3}
            | {"url": f"http://127.0.0.1:{ports['WEBHOOK']}/{n}", "max_queue_bytes": 20_000}
            for n in range(WEBHOOKS)
        ]
        channels += [
            {
                "name": f"bus{n}",
                "type": "REDIS",
                "url": f"redis://127.0.0.1:{ports['REDIS']}/0",
                "max_attempts": 1 + n % 3,
            }
            | {"max_queue_bytes": 20_000}
            for n in range(BUSES)
        ]
        live = {"name": "live", "type": "SOCKET", "max_queue_bytes": 20_000}
        match = [{"path": "public.orders", "fields": ["*"]}]
        match.append({"path": "public.docs", "fields": ["*"], "channels": [c["name"] for c in [*channels, live]]})
        shop.notify(*channels, live, good(receiver), match=match)
        daemon = shop.daemon()
        before_mb = daemon.resident_mb()
        until_s = time.monotonic() + SECONDS
        number = 0
        while time.monotonic() < until_s:
            number += 1
            shop.insert(number, number)
            with lock:
                text = random_json(chance)
            shop.owner.run("INSERT INTO docs (body) VALUES (%s)", text)
            talk(chance, daemon, shop)
            if number % 20 == 0:  # what is changed holds the stream up for a second where a receiver hangs
                channel = chance.choice(channels)
                shop.admin.run("SELECT integratedb_resume_channel(%s, %s)", shop.stakeholder, channel["name"])
                shop.admin.run("SELECT integratedb_redeliver(%s, %s)", shop.stakeholder, channel["name"])
            assert daemon.process.poll() is None, daemon.log_file.read_text()[-4000:]
        assert_lives(shop, daemon, receiver, number + 1)
        orders = [event for event in receiver.delivered("/good") if event["subject"] == "public.orders"]
        assert set(order_ids(orders)) == set(range(1, number + 2))
        for channel in [*channels, live]:
            shop.admin.rows(
                "SELECT event::text FROM integratedb_deliveries(%s, %s, NULL)", shop.stakeholder, channel["name"]
            )
        assert daemon.metric("integratedb_delivery_failures_total") > 20
        assert daemon.resident_mb("VmHWM") < before_mb + 150
        assert_in_our_own_words(shop, daemon, SECRET)
        # No fault of ours: whatever a receiver answers is expected.
        assert not [line for line in daemon.logs() if "fault" in line and line["level"] == "error"]
        eventually(lambda: daemon.get("/ready")[0] == 200)
