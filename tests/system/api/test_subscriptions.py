"""Live subscriptions with a real daemon: complete, in order, and never more than a query would show."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query, print_type
from psycopg.types.json import Jsonb
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from integratedb_companion.common import feed_tokens
from tests.system.api.conftest import StartApi, new_place
from tests.system.api.harness import Api, Place, token
from tests.system.api.subscribing import OPENED, ORDERS, Shop, Slow, Subscriber, new_shop, notify
from tests.system.harness import Cluster, eventually


@pytest.fixture(scope="module")
def shop(data_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop of these tests."""
    with new_place(data_cluster) as place, new_shop(place, tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture(scope="module")
def live(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The service of these tests."""
    api = Api(shop.place, tmp_path_factory.mktemp("api") / "log", *shop.options(), "--connections", "5")
    yield api
    assert api.stop() == 0


@pytest.fixture(autouse=True)
def close_clients() -> Iterator[None]:
    """Disconnect the clients of a test."""
    yield
    while OPENED:
        OPENED.pop().close()


def test_a_subscriber_is_told_of_inserts_updates_and_deletes(shop: Shop, live: Api) -> None:
    subscriber = Subscriber.opened(live, shop.stakeholder)
    subscriber.subscribe()
    shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
    assert subscriber.next() == {"resync": False, "nodes": [{"rowId": 1, "status": "new"}], "removedIds": []}
    shop.superuser.run("UPDATE orders SET status = 'paid' WHERE id = 1")
    assert subscriber.next()["nodes"] == [{"rowId": 1, "status": "paid"}]
    shop.superuser.run("DELETE FROM orders WHERE id = 1")
    assert subscriber.next() == {"resync": False, "nodes": [], "removedIds": ["WyJvcmRlcnMiLCAiMSJd"]}


PLAIN = "subscription { ordersNodes { nodes { rowId status } removedIds } }"


def global_id(*key: str, name: str = "orders") -> str:
    """Return the global id of a row."""
    return base64.b64encode(json.dumps([name, *key]).encode()).decode()


def test_all_subscribers_are_told_of_all_rows_in_the_order_of_their_changes(shop: Shop, live: Api) -> None:
    subscribers = [Subscriber.opened(live, shop.stakeholder, sub=str(number % 3)) for number in range(9)]
    for subscriber in subscribers:
        subscriber.subscribe()
    for number in range(100, 160):
        shop.superuser.run("INSERT INTO orders VALUES (%s, 'new')", number)
    for subscriber in subscribers:
        told: list[int] = []
        while len(told) < 60:
            told += [node["rowId"] for node in subscriber.next()["nodes"]]
        assert told == [*range(100, 160)]


def test_a_transaction_of_many_rows_is_told_whole(shop: Shop, live: Api) -> None:
    subscriber = Subscriber.opened(live, shop.stakeholder)
    subscriber.subscribe()
    shop.superuser.run("INSERT INTO orders SELECT g, 'many' FROM generate_series(1000, 2999) AS g")
    told: list[int] = []
    while len(told) < 2000:
        told += [node["rowId"] for node in subscriber.next()["nodes"]]
    assert told == [*range(1000, 3000)]


def test_a_row_that_leaves_the_filter_is_removed_and_others_are_not_told(shop: Shop, live: Api) -> None:
    shop.superuser.run("INSERT INTO orders VALUES (200, 'open'), (201, 'open')")
    subscriber = Subscriber.opened(live, shop.stakeholder)
    query = """subscription ($status: String) {
      ordersNodes(filter: {status: {eq: $status}}) { nodes { rowId } removedIds resync } }"""
    subscriber.subscribe(query, status="open")
    shop.superuser.run("INSERT INTO orders VALUES (202, 'paid'), (203, 'open')")
    assert subscriber.next() == {"nodes": [{"rowId": 203}], "removedIds": [], "resync": False}
    shop.superuser.run("UPDATE orders SET status = 'paid' WHERE id = 203")
    assert subscriber.next()["removedIds"] == [global_id("203")]
    # The subscriber may know this row of a query.
    shop.superuser.run("UPDATE orders SET status = 'paid' WHERE id = 200")
    assert subscriber.next()["removedIds"] == [global_id("200")]
    shop.superuser.run("UPDATE orders SET note = 'again' WHERE id = 200")
    shop.superuser.run("UPDATE orders SET note = 'selected' WHERE id = 201")
    assert subscriber.next()["nodes"] == [{"rowId": 201}]


def test_a_row_whose_key_changes_is_another_row(shop: Shop, live: Api) -> None:
    subscriber = Subscriber.opened(live, shop.stakeholder)
    subscriber.subscribe()
    shop.superuser.run("INSERT INTO orders VALUES (300, 'new')")
    subscriber.next()
    shop.superuser.run("UPDATE orders SET id = 301 WHERE id = 300")
    told = subscriber.next()
    assert (told["nodes"], told["removedIds"]) == ([{"rowId": 301, "status": "new"}], [global_id("300")])


def test_truncate_lets_subscribers_read_anew(shop: Shop, live: Api) -> None:
    subscriber = Subscriber.opened(live, shop.stakeholder)
    subscriber.subscribe()
    shop.superuser.run("TRUNCATE orders")
    assert subscriber.next() == {"resync": True, "nodes": [], "removedIds": []}


def test_related_rows_fragments_and_aliases_are_those_of_a_query(shop: Shop, live: Api) -> None:
    subscriber = Subscriber.opened(live, shop.stakeholder)
    query = """subscription Watch($with: Boolean = true) {
      changed: ordersNodes { __typename rows: nodes { ...Row } gone: removedIds again: resync } }
      fragment Row on Orders { id rowId note @include(if: $with) __typename }"""
    subscriber.send(id="1", type="subscribe", payload={"query": query})
    expected = {"changed": {"__typename": "OrdersSubscriptionPayload", "rows": [], "gone": [], "again": True}}
    assert subscriber.receive()["payload"]["data"] == expected
    shop.superuser.run("INSERT INTO orders VALUES (400, 'new', E'two\\nlines')")
    [row] = subscriber.next()["rows"]
    assert row == {"id": global_id("400"), "rowId": 400, "note": "two\nlines", "__typename": "Orders"}


def test_nobody_is_told_what_a_policy_hides(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        shop.superuser.run("""
            ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON orders USING (owner = (SELECT current_setting('request.jwt.claim.sub', true)))""")
        shop.superuser.run("INSERT INTO orders VALUES (9, 'of ben', NULL, 'ben')")
        api = start_api(fresh, *shop.options())
        ann, ben = (Subscriber.opened(api, shop.stakeholder, sub=sub) for sub in ("ann", "ben"))
        for subscriber in (ann, ben):
            subscriber.subscribe()
        shop.superuser.run("INSERT INTO orders VALUES (1, 'of ann', NULL, 'ann'), (2, 'of ben', NULL, 'ben')")
        assert ann.next()["nodes"] == [{"rowId": 1, "status": "of ann"}]
        assert ben.next()["nodes"] == [{"rowId": 2, "status": "of ben"}]
        # Who saw the row learns that it is gone; nobody else learns of it.
        shop.superuser.run("UPDATE orders SET owner = 'ben' WHERE id = 1")
        assert ann.next() == {"resync": False, "nodes": [], "removedIds": [global_id("1")]}
        assert ben.next()["nodes"] == [{"rowId": 1, "status": "of ann"}]
        shop.superuser.run("DELETE FROM orders WHERE id = 2")
        assert ben.next()["removedIds"] == [global_id("2")]
        # It existed before the subscriptions, so nobody knows whether they saw it.
        shop.superuser.run("DELETE FROM orders WHERE id = 9")
        shop.superuser.run("INSERT INTO orders VALUES (3, 'of ann', NULL, 'ann')")
        assert ann.next()["nodes"] == [{"rowId": 3, "status": "of ann"}]


def test_a_policy_that_raises_ends_only_the_subscription_of_whom_it_concerns(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        shop.superuser.run("""
            CREATE FUNCTION judged() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
            BEGIN
              IF current_setting('request.jwt.claim.sub', true) = 'poisoned' THEN
                RAISE EXCEPTION 'no' USING ERRCODE = 'P0001';
              END IF;
              RETURN true;
            END $$;
            ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
            CREATE POLICY judged ON orders USING (judged())""")
        api = start_api(fresh, *shop.options())
        poisoned, healthy = (Subscriber.opened(api, shop.stakeholder, sub=sub) for sub in ("poisoned", "healthy"))
        for subscriber in (poisoned, healthy):
            subscriber.subscribe()
        shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
        assert healthy.next()["nodes"] == [{"rowId": 1, "status": "new"}]
        ended = poisoned.receive()
        assert (ended["type"], ended["payload"][0]["message"]) == ("error", "no")
        # The connection stays, and the client may try again.
        poisoned.subscribe(id_="1")
        shop.superuser.run("UPDATE orders SET status = 'paid'")
        assert healthy.next()["nodes"] == [{"rowId": 1, "status": "paid"}]
        assert poisoned.receive()["type"] == "error"


def test_a_subscriber_that_stops_reading_is_disconnected_and_harms_nobody(shop: Shop, live: Api) -> None:
    query = "subscription { ordersNodes { nodes { rowId note } resync } }"
    healthy, slow = Subscriber.opened(live, shop.stakeholder), Slow(live, shop.stakeholder, query)
    healthy.subscribe(query)
    eventually(lambda: live.metrics()["integratedb_api_subscriptions"] == 2)
    for number in range(500, 560):
        shop.superuser.run("INSERT INTO orders VALUES (%s, 'new', repeat('x', 200000))", number)
    told: list[int] = []
    while len(told) < 60:
        told += [node["rowId"] for node in healthy.next()["nodes"]]
    assert told == [*range(500, 560)]
    eventually(lambda: live.metrics()["integratedb_api_subscribers_too_slow_total"] == 1)
    assert slow.is_disconnected()
    eventually(lambda: live.metrics()["integratedb_api_subscriptions"] == 1)
    shop.superuser.run("DELETE FROM orders WHERE id >= 500")


def test_a_role_that_is_revoked_is_disconnected(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        shop.superuser.run("SELECT integratedb_allow_api(%s, false)", shop.stakeholder)
        shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
        assert subscriber.receive()["type"] == "error"
        assert subscriber.close_code() == 4403


def test_a_token_that_expires_ends_the_connection(shop: Shop, live: Api) -> None:
    # A token is accepted for 30 seconds longer.
    subscriber = Subscriber.opened(live, shop.stakeholder, exp=int(time.time()) - 28)
    subscriber.subscribe()
    began_s = time.monotonic()
    assert subscriber.close_code() == 4403
    assert time.monotonic() < began_s + 5


def test_a_migration_that_the_claim_allows_changes_nothing_for_subscribers(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        fields = ["id", {"alternatives": ["status", "state"]}]
        claim = Jsonb({"match": [{"path": "public.orders", "fields": fields}]})
        shop.superuser.run("SELECT integratedb_claim(%s, %s)", shop.stakeholder, claim)
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        shop.superuser.run("ALTER TABLE orders RENAME COLUMN status TO state")
        shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
        told = subscriber.next()
        # The surface is another one, so a client may want to look.
        while not told["nodes"]:
            assert told["resync"] is True
            told = subscriber.next()
        assert told["nodes"] == [{"rowId": 1, "status": "new"}]


def test_a_document_that_is_valid_no_more_ends_with_an_error_that_says_so(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        claim = Jsonb({"match": [{"path": "public.orders", "fields": ["id"]}]})
        shop.superuser.run("SELECT integratedb_claim(%s, %s)", shop.stakeholder, claim)
        shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
        ended = subscriber.receive()
        assert ended["type"] == "error"
        assert "Cannot query field 'status' on type 'Orders'" in ended["payload"][0]["message"]


def test_a_table_that_is_recreated_is_followed(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        with shop.superuser.transaction():
            shop.superuser.run("ALTER TABLE orders RENAME TO old_orders")
            shop.superuser.run("CREATE TABLE orders (id int PRIMARY KEY, status text, note text, owner text)")
        assert subscriber.next()["resync"] is True
        eventually(lambda: api.process.poll() is None)
        told: list[int] = []
        number = 0
        while 1 not in told:
            number += 1
            shop.superuser.run(
                "INSERT INTO orders VALUES (1, 'new') ON CONFLICT (id) DO UPDATE SET note = %s", str(number)
            )
            told += [node["rowId"] for node in subscriber.next()["nodes"]]


def test_after_the_daemon_was_away_subscribers_read_anew(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        shop.daemon.kill()
        shop.superuser.run("INSERT INTO orders VALUES (1, 'missed')")
        other = Subscriber.opened(api, shop.stakeholder)
        other.send(id="1", type="subscribe", payload={"query": PLAIN})
        refused = other.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "PGRSTX01")
        shop.start_daemon()
        told = subscriber.next(20)
        while not told["resync"]:
            told = subscriber.next(20)
        shop.superuser.run("INSERT INTO orders VALUES (2, 'new')")
        rows: list[int] = []
        while 2 not in rows:
            rows += [node["rowId"] for node in subscriber.next()["nodes"]]


def test_an_idle_subscriber_is_told_of_a_changed_surface_and_a_revoked_role(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        shop.superuser.run("ALTER TABLE orders ADD COLUMN more int")
        assert subscriber.next() == {"resync": True, "nodes": [], "removedIds": []}
        shop.superuser.run("SELECT integratedb_allow_api(%s, false)", shop.stakeholder)
        assert subscriber.receive()["type"] == "error"
        assert subscriber.close_code() == 4403


def test_a_key_of_several_columns_and_types(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        shop.superuser.run("""
            CREATE TYPE side AS ENUM ('left', 'very "right"');
            CREATE TABLE item (side side, code text, number numeric, doc json, PRIMARY KEY (side, code, number));
            CREATE TABLE dated (day date PRIMARY KEY);
            CREATE TABLE keyless (id int);""")
        paths: list[dict[str, Any]] = [
            {"path": f"public.{name}", "fields": ["*"]} for name in ("item", "dated", "keyless")
        ]
        shop.superuser.run("SELECT integratedb_claim(%s, %s)", shop.stakeholder, Jsonb({"match": paths}))
        match = [{**each, "events": ["INSERT"] if "keyless" in each["path"] else ["*"]} for each in paths]
        notify(shop.superuser, shop.stakeholder, *match)
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe("subscription { itemNodes { resync nodes { id code doc } removedIds } }")
        codes = ['a"b', "ü\\n", "", "{a,b}"]
        for code in codes:
            # JSON may have line breaks between its parts.
            rows = """('very "right"', %s, 1.50, E'{"a":\\n1}'), ('left', %s, 2, NULL)"""
            shop.superuser.run(f"INSERT INTO item VALUES {rows}", code, code)
        told: list[tuple[str, str]] = []
        while len(told) < 8:
            nodes = subscriber.next()["nodes"]
            told += [(node["id"], node["code"]) for node in nodes]
            assert [node["doc"] for node in nodes] == [{"a": 1}, None] * (len(nodes) // 2)
        assert [code for _, code in told] == [code for code in codes for _ in range(2)]
        shop.superuser.run("DELETE FROM item")
        removed: list[str] = []
        while len(removed) < 8:
            removed += subscriber.next()["removedIds"]
        assert removed == [id_ for id_, _ in told]
        # A date's text depends on settings, and rows without a key have no name.
        subscriber.send(id="2", type="subscribe", payload={"query": "subscription { datedNodes { resync } }"})
        refused = subscriber.receive()
        assert (refused["type"], refused["id"]) == ("error", "2")
        assert "Cannot query field 'datedNodes' on type 'Subscription'" in refused["payload"][0]["message"]


def test_only_the_events_that_the_stakeholder_is_notified_of_are_told(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        match = {"path": "public.orders", "fields": ["id"], "events": ["INSERT"]}
        notify(shop.superuser, shop.stakeholder, match)
        # Another one is notified of everything, so everything is in the stream.
        shop.superuser.run("SELECT integratedb_create_stakeholder('other')")
        notify(shop.superuser, "other", {"path": "public.orders", "fields": ["id"]})
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
        assert subscriber.next()["nodes"] == [{"rowId": 1, "status": "new"}]
        shop.superuser.run("UPDATE orders SET status = 'unseen'")
        shop.superuser.run("INSERT INTO orders VALUES (2, 'new')")
        assert subscriber.next()["nodes"] == [{"rowId": 2, "status": "new"}]
        shop.superuser.run("SELECT integratedb_drop_stakeholder('other')")


def test_the_schema_has_subscriptions_for_who_is_notified_only(shop: Shop, live: Api, api: Api) -> None:
    question = "{ __schema { subscriptionType { name fields { name args { name } type { ofType { name } } } } } }"

    def asked(of: Api, role: str) -> Any:
        return of.send("POST", "/graphql", {"query": question}, role=role).json()["data"]["__schema"]

    found = asked(live, shop.stakeholder)["subscriptionType"]
    assert found["name"] == "Subscription"
    [field] = found["fields"]
    assert (field["name"], field["type"]["ofType"]["name"]) == ("ordersNodes", "OrdersSubscriptionPayload")
    assert {each["name"] for each in field["args"]} == {"filter", "rowId", "status", "note", "owner"}
    assert asked(live, shop.place.user) == {"subscriptionType": None}
    # A service without a daemon has none.
    assert asked(api, api.place.user) == {"subscriptionType": None}


def test_the_schema_with_subscriptions_is_built_by_clients(shop: Shop, live: Api) -> None:
    question = {"query": get_introspection_query()}
    answer = live.send("POST", "/graphql", question, role=shop.stakeholder).json()
    schema = build_client_schema(answer["data"])
    assert schema.subscription_type is not None
    printed = print_type(schema.type_map["OrdersSubscriptionPayload"])
    assert "resync: Boolean!" in printed
    assert "nodes: [Orders!]!" in printed
    assert "removedIds: [ID!]!" in printed


def test_a_subscription_over_http_is_refused(shop: Shop, live: Api) -> None:
    answer = live.send("POST", "/graphql", {"query": ORDERS}, role=shop.stakeholder)
    assert answer.status_code == 422
    assert "graphql-transport-ws" in answer.json()["errors"][0]["message"]


def test_queries_and_mutations_are_answered_over_the_socket(shop: Shop, live: Api) -> None:
    client = Subscriber.opened(live, shop.stakeholder)
    client.send(id="q", type="subscribe", payload={"query": "{ ordersNodes(first: 0) { totalCount } }"})
    answer = client.receive()
    assert (answer["id"], answer["type"]) == ("q", "next")
    assert isinstance(answer["payload"]["data"]["ordersNodes"]["totalCount"], int)
    assert client.receive() == {"id": "q", "type": "complete"}
    client.send(id="w", type="subscribe", payload={"query": "{ nothing }"})
    refused = client.receive()
    assert (refused["id"], refused["type"]) == ("w", "error")
    assert "Cannot query field 'nothing'" in refused["payload"][0]["message"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("no JSON", 4400),
        ("[]", 4400),
        ('{"type": "unknown"}', 4400),
        ('{"type": "subscribe", "payload": {"query": "{ viewer { id } }"}}', 4400),
        ('{"id": "1", "type": "subscribe", "payload": {}}', 4400),
        ('{"type": "connection_init", "payload": []}', 4400),
        ('{"type": "connection_init"}', 4429),
        (b'{"type": "ping"}', 4400),
        ("[" * 100_000, 4400),
        (" " * 600_000, 4400),
    ],
)
def test_a_message_that_breaks_the_protocol_closes_the_connection(
    shop: Shop, live: Api, sent: str | bytes, code: int
) -> None:
    client = Subscriber.opened(live, shop.stakeholder)
    client.socket.send(sent)
    assert client.close_code() == code


def test_who_may_not_subscribe_is_disconnected_with_the_code_of_the_protocol(shop: Shop, live: Api) -> None:
    early = Subscriber(live)
    early.send(id="1", type="subscribe", payload={"query": ORDERS})
    assert early.close_code() == 4401
    forger = Subscriber(live)
    forger.send(type="connection_init", payload={"Authorization": "Bearer a.b.c"})
    assert forger.close_code() == 4403
    stranger = Subscriber(live)
    stranger.send(type="connection_init", payload={"headers": {"authorization": f"Bearer {token('postgres')}"}})
    assert stranger.close_code() == 4403
    old = Subscriber(live, subprotocols=["graphql-ws"])
    assert old.close_code() == 4406
    twice = Subscriber.opened(live, shop.stakeholder)
    twice.subscribe()
    twice.send(id="1", type="subscribe", payload={"query": ORDERS})
    assert twice.close_code() == 4409


def test_a_header_says_who_is_asking_too_and_nobody_is_anonymous(shop: Shop, live: Api) -> None:
    headers = {"Authorization": f"Bearer {token(shop.stakeholder)}"}
    client = Subscriber(live, additional_headers=headers)
    client.send(type="connection_init")
    assert client.receive() == {"type": "connection_ack"}
    client.subscribe()
    nobody = Subscriber(live)
    nobody.send(type="ping")
    nobody.send(type="connection_init", payload=None)
    assert [nobody.receive(), nobody.receive()] == [{"type": "pong"}, {"type": "connection_ack"}]
    nobody.send(id="1", type="subscribe", payload={"query": ORDERS})
    assert nobody.receive()["type"] == "error"


def test_an_id_can_be_used_again_after_complete(shop: Shop, live: Api) -> None:
    client = Subscriber.opened(live, shop.stakeholder)
    client.subscribe(id_="a")
    client.send(id="a", type="complete")
    shop.superuser.run("INSERT INTO orders VALUES (700, 'unseen')")
    client.subscribe(PLAIN.replace("removedIds", "resync"), id_="a")
    # Who does not select removedIds gets no message about that.
    shop.superuser.run("DELETE FROM orders WHERE id = 700")
    shop.superuser.run("INSERT INTO orders VALUES (701, 'seen')")
    assert client.next()["nodes"] == [{"rowId": 701, "status": "seen"}]


def test_only_a_service_of_the_database_is_fed(shop: Shop) -> None:
    url = f"ws://127.0.0.1:{shop.daemon.port}/v1/feed"

    def status(header: str | None) -> int:
        headers = {} if header is None else {"Authorization": header}
        with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers):
            pass
        return refused.value.response.status_code

    [(name, key)] = shop.superuser.rows("SELECT id::text, secret FROM integratedb.api_key")
    secret = feed_tokens.secret_of(bytes(key))
    genuine = feed_tokens.sign(name, secret, time.time())
    with connect(url, additional_headers={"Authorization": genuine}) as client:
        assert json.loads(client.recv()) == {"ready": True}
    for header in (
        None,
        "Basic cG9zdGdyZXM6",
        genuine,  # used before
        genuine[:-1] + ("0" if genuine[-1] != "0" else "1"),
        feed_tokens.sign(name, bytes(key), time.time()),  # the key itself is not the daemon's
        feed_tokens.sign(name, secret, time.time() - 120),
        feed_tokens.sign("other", secret, time.time()),
    ):
        assert status(header) == 401


def test_a_commit_that_sessions_do_not_see_yet_is_told_when_they_do(shop: Shop, live: Api) -> None:
    """The stream has a commit as soon as it is written. Here it waits for a standby that does not exist."""
    subscriber = Subscriber.opened(live, shop.stakeholder)
    subscriber.subscribe()
    superuser = shop.superuser
    with shop.place.cluster.session(shop.place.name) as writer:
        superuser.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        superuser.run("SELECT pg_reload_conf()")
        try:
            eventually(lambda: superuser.value("SHOW synchronous_standby_names") == "nobody")
            writer.run("SET synchronous_commit = on")
            inserting = threading.Thread(target=writer.run, args=("INSERT INTO orders VALUES (800, 'late')",))
            inserting.start()
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'INSERT%%'"
            eventually(lambda: superuser.value(waiting) == 1)
            with pytest.raises(TimeoutError):
                subscriber.receive(1)
        finally:
            superuser.run("ALTER SYSTEM RESET synchronous_standby_names")
            superuser.run("SELECT pg_reload_conf()")
        inserting.join()
    assert subscriber.next()["nodes"] == [{"rowId": 800, "status": "late"}]


def test_a_policy_that_takes_long_delays_nobody_else(start_api: StartApi, fresh: Place, tmp_path: Path) -> None:
    with new_shop(fresh, tmp_path) as shop:
        shop.superuser.run("""
            CREATE FUNCTION slept() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
            BEGIN
              PERFORM pg_sleep(2) WHERE current_setting('request.jwt.claim.sub', true) LIKE 'slow%';
              RETURN true;
            END $$;
            ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
            CREATE POLICY slept ON orders USING (slept())""")
        api = start_api(fresh, *shop.options())
        slow = [Subscriber.opened(api, shop.stakeholder, sub=f"slow {number}") for number in range(8)]
        healthy = Subscriber.opened(api, shop.stakeholder, sub="healthy")
        for subscriber in (*slow, healthy):
            subscriber.subscribe()
        # All of the slow ones read once before the service knows that they are slow.
        shop.superuser.run("INSERT INTO orders VALUES (1, 'first')")
        while not healthy.next(30)["nodes"]:
            pass
        for number in range(2, 5):
            began_s = time.monotonic()
            shop.superuser.run("INSERT INTO orders VALUES (%s, 'new')", number)
            assert healthy.next()["nodes"] == [{"rowId": number, "status": "new"}]
            assert time.monotonic() < began_s + 1.5
            # Requests have connections, too.
            assert api.send("GET", "/people?limit=1").status_code == 200
            assert time.monotonic() < began_s + 1.5
            time.sleep(0.3)


def test_a_service_that_missed_changes_lets_subscribers_read_anew(
    start_api: StartApi, fresh: Place, tmp_path: Path
) -> None:
    with new_shop(fresh, tmp_path) as shop:
        api = start_api(fresh, *shop.options())
        subscriber = Subscriber.opened(api, shop.stakeholder)
        subscriber.subscribe()
        # More than the daemon and the service keep: they hold neither the stream nor memory for it.
        shop.superuser.run("INSERT INTO orders SELECT g, 'many' FROM generate_series(1, 60000) AS g")
        told = subscriber.next(30)
        while not told["resync"]:
            told = subscriber.next(30)
        shop.superuser.run("INSERT INTO orders VALUES (100000, 'after')")
        rows: list[int] = []
        while 100000 not in rows:
            rows += [node["rowId"] for node in subscriber.next()["nodes"]]
