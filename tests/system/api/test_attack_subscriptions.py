"""What clients, owners of tables, and peers that are no daemon may try against subscriptions of others."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.system.api.conftest import StartApi
from tests.system.api.harness import Place
from tests.system.api.subscribing import OPENED, ORDERS, Slow, Subscriber, new_shop
from tests.system.api.test_attack_pool import memory_mb
from tests.system.harness import eventually


@pytest.fixture(autouse=True)
def close_clients() -> Iterator[None]:
    """Disconnect the clients of a test."""
    yield
    while OPENED:
        OPENED.pop().close()


class Impostor:
    """Who answers in the place of the daemon: confirms each watch, and says what a test wants it to say."""

    def __init__(self, port: int, xids: list[int] | None = None) -> None:
        self.connections: list[ServerConnection] = []
        self.watches: list[int] = []
        self._xids = xids or []
        self._server = serve(self._answer, "127.0.0.1", port)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        with contextlib.suppress(Exception):
            for frame in connection:
                message = json.loads(frame)
                self.watches += [watch[0] for watch in message.get("watch", ())]
                if "mark" in message:
                    connection.send(json.dumps({"changes": [[message["mark"], "M", self._xids, 0]]}))

    def tell(self, *changes: list[Any]) -> None:
        """Tell of changes."""
        self.connections[-1].send(json.dumps({"changes": list(changes)}))

    def end(self) -> None:
        """Stop, and disconnect everybody."""
        self._server.shutdown()
        for connection in self.connections:
            connection.close()


def future(place: Place) -> int:
    """Return the number of a transaction that begins much later."""
    return int(place.superuser.value("SELECT pg_current_xact_id()::text::bigint + 1000000"))


def test_a_transaction_of_the_future_holds_up_nothing_for_long(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        shop.daemon.stop()
        impostor = Impostor(shop.daemon.port)
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        impostor.tell([impostor.watches[0], "I", ["1"], future(fresh), 1])
        time.sleep(0.5)
        shop.superuser.run("INSERT INTO orders VALUES (7, 'seen')")
        impostor.tell([impostor.watches[0], "I", ["7"], 3, 1])
        # Nobody knows what the first change is.
        assert subscriber.next(20)["resync"]
        impostor.tell([impostor.watches[0], "I", ["1"], future(fresh), 1])
        impostor.end()
        shop.start_daemon()
        began_s = time.monotonic()
        while not (told := subscriber.next(20))["resync"]:
            pass
        assert time.monotonic() < began_s + 8
        shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
        while not (told := subscriber.next())["nodes"]:
            pass
        assert told["nodes"] == [{"rowId": 1, "status": "new"}]


def test_a_subscription_that_waits_for_a_transaction_of_the_future_is_refused(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        shop.daemon.stop()
        impostor = Impostor(shop.daemon.port, [future(fresh)])
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.send(id="1", type="subscribe", payload={"query": ORDERS})
        answer = subscriber.receive(20)
        assert answer["payload"][0]["extensions"] == {"code": "PGRSTX01"}
        impostor.end()
        shop.start_daemon()
        subscriber.subscribe(id_="2")


def test_a_key_of_another_type_is_missing_and_ends_nothing(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        superuser = shop.superuser
        with superuser.transaction():
            superuser.run("SELECT integratedb_override('another type')")
            superuser.run("ALTER TABLE orders ALTER COLUMN id TYPE text")
        superuser.run("INSERT INTO orders VALUES ('abc', 'new')")
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        with superuser.transaction():
            superuser.run("SELECT integratedb_override('another type')")
            superuser.run("DELETE FROM orders")
            superuser.run("ALTER TABLE orders ALTER COLUMN id TYPE int USING 1")
        told = subscriber.next()
        while not told["resync"]:
            told = subscriber.next()
        superuser.run("INSERT INTO orders VALUES (5, 'after')")
        while not (told := subscriber.next())["nodes"]:
            pass
        assert told["nodes"] == [{"rowId": 5, "status": "after"}]


def test_a_right_on_the_key_that_is_taken_away_ends_with_an_error(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe("subscription { ordersNodes { resync nodes { status } } }")
        with shop.superuser.transaction():
            shop.superuser.run("SELECT integratedb_override('a right less')")
            shop.superuser.run(f"REVOKE SELECT (id) ON orders FROM {shop.stakeholder}")
        shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
        message = subscriber.receive(20)
        assert message["type"] == "error", message


def test_long_rows_for_clients_that_do_not_read_do_not_fill_the_memory(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        query = "subscription { ordersNodes { resync nodes { rowId note } } }"
        slow = [Slow(api, shop.stakeholder, query) for _ in range(60)]
        eventually(lambda: api.metrics()["integratedb_api_subscriptions"] == 60)
        before_mb = memory_mb(api)
        shop.superuser.run("INSERT INTO orders SELECT 1, 'long', repeat('x', 12000000)")
        highest_mb = 0.0
        for _ in range(80):
            highest_mb = max(highest_mb, memory_mb(api))
            time.sleep(0.1)
        assert highest_mb - before_mb < 450
        healthy = Subscriber.opened(api, shop.stakeholder)
        healthy.subscribe()
        shop.superuser.run("INSERT INTO orders VALUES (2, 'short')")
        assert healthy.next()["nodes"] == [{"rowId": 2, "status": "short"}]
        assert slow


def test_a_hundred_thousand_operations_of_one_client(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        healthy = Subscriber.opened(api, shop.stakeholder)
        healthy.subscribe()
        before_mb = memory_mb(api)
        client = Subscriber.opened(api, shop.stakeholder)
        reading = threading.Thread(target=client.close_code, daemon=True)
        reading.start()
        with contextlib.suppress(Exception):
            for number in range(100_000):
                query = ORDERS.replace("status", f"a{number}: status")
                client.send(id=str(number), type="subscribe", payload={"query": query})
                if number % 3 == 0:
                    client.send(id=str(number), type="complete")
        began_s = time.monotonic()
        shop.superuser.run("INSERT INTO orders VALUES (2, 'short')")
        assert healthy.next(30)["nodes"] == [{"rowId": 2, "status": "short"}]
        assert time.monotonic() < began_s + 5
        assert memory_mb(api, "VmHWM") < before_mb + 100


def test_who_begins_many_subscriptions_holds_up_no_other_caller(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        has_ended = threading.Event()

        def flood(place: int) -> None:
            client = Subscriber.opened(api, shop.stakeholder, sub="greedy")
            threading.Thread(target=client.close_code, daemon=True).start()
            with contextlib.suppress(Exception):
                for number in itertools.count():
                    query = ORDERS.replace("status", f"a{place}_{number}: status")
                    client.send(id=str(number), type="subscribe", payload={"query": query})
                    client.send(id=str(number), type="complete")
                    if number % 50 == 0 and has_ended.wait(0.01):
                        return

        for place in range(6):
            threading.Thread(target=flood, args=(place,), daemon=True).start()
        time.sleep(3)
        took_s = []
        for _ in range(3):
            began_s = time.monotonic()
            Subscriber.opened(api, shop.stakeholder, sub="modest").subscribe()
            took_s.append(time.monotonic() - began_s)
        has_ended.set()
        assert min(took_s) < 2, took_s
