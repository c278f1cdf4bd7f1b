"""What comes through: every type as to_jsonb() has it, schema and specification changes in their order, partitions."""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.system.harness import RedisServer, Shop, eventually, order_ids

TYPES = {
    "bool": ["true", "false"],
    "smallint": ["-32768"],
    "integer": ["2147483647"],
    "bigint": ["9223372036854775807", "-9007199254740993"],
    "numeric": ["12345678901234567890.12345678901234567890", "'NaN'", "'Infinity'", "-0.5", "1e-10"],
    "numeric(10,2)": ["1.10"],
    "real": ["1.5", "'NaN'", "3.4e38"],
    "double precision": ["1e300", "'-Infinity'", "0.1", "123456789.123456789"],
    "money": ["'12.34'"],
    "text": ["'naïve \"quoted\" \\ \u2028 é'", "''", "E'tab\\tnew\\nline'"],
    "varchar(10)": ["'abc'"],
    "char(5)": ["'ab'"],
    '"char"': ["'x'"],
    "name": ["'a name'"],
    "bytea": ["'\\xdeadbeef00'", "''"],
    "date": ["'2024-02-29'", "'infinity'", "'0044-03-15 BC'"],
    "time": ["'04:05:06.789'"],
    "timetz": ["'04:05:06+02'"],
    "timestamp": ["'2024-02-29 04:05:06.789'", "'-infinity'", "'0044-03-15 12:00 BC'"],
    "timestamptz": ["'2024-02-29 04:05:06.789+02'", "'infinity'", "'0044-03-15 12:00+00 BC'"],
    "interval": ["'1 year 2 days 03:04:05.6'"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    "json": ['\'{"b": 1, "a": [null, true, 1.10]}\''],
    "jsonb": ['\'{"b": 12345678901234567890, "a": "\\\\u00e9"}\'', "'null'", "'\"text\"'"],
    "xml": ["'<a b=\"c\">d</a>'"],
    "inet": ["'192.168.0.1/24'"],
    "cidr": ["'10.0.0.0/8'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "bit(3)": ["B'101'"],
    "varbit": ["B'10101'"],
    "point": ["'(1,2)'"],
    "box": ["'(1,2),(3,4)'"],
    "path": ["'[(1,2),(3,4)]'"],
    "circle": ["'<(1,2),3>'"],
    "tsvector": ["'a fat cat'"],
    "tsquery": ["'fat & cat'"],
    "int4range": ["'[1,5)'", "'empty'"],
    "tstzrange": ["'[2024-01-01 00:00+00,2024-02-01 00:00+00)'"],
    "int4multirange": ["'{[1,2),[5,6)}'"],
    "oid": ["42"],
    "pg_lsn": ["'0/16B3748'"],
    "int[]": ["'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'", "'[0:1]={5,6}'"],
    "text[]": ["""'{"a \\"q\\" \\\\\\\\","NULL",NULL,"{x}",""}'"""],
    "bool[]": ["'{t,f}'"],
    "numeric[]": ["'{1.10,NaN}'"],
    "timestamptz[]": ["'{2024-01-01 00:00+00}'"],
    "jsonb[]": ["ARRAY['{\"a\": [1, 2]}'::jsonb, 'null']"],
    "box[]": ["ARRAY['(1,2),(3,4)'::box, '(0,0),(1,1)']"],
    "mood": ["'happy'"],
    "mood[]": ["'{sad,happy}'"],
    "positive": ["12"],
    "positive[]": ["'{1,2}'"],
    "pair": ["ROW(1, 'a \"b\", (c)')", "ROW(NULL, '')", "ROW(1, NULL)"],
    "pair[]": ["ARRAY[ROW(1, 'x, \"y\" \\z')::pair, NULL]"],
    "nested": ["ROW(ROW(1, 'in \"ner\"'), ARRAY[true, NULL], '{\"k\": [1]}')"],
}


def events(client: Any) -> list[dict[str, Any]]:
    return [orjson.loads(fields[b"event"]) for _, fields in client.xrange("orders")]


def raw(client: Any) -> list[Any]:
    return [json.loads(fields[b"event"], parse_int=str, parse_float=str) for _, fields in client.xrange("orders")]


@pytest.fixture
def bus(redis_server: RedisServer, redis_client: Any) -> dict[str, Any]:
    """A channel."""
    return {"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"}


def test_every_type_comes_as_to_jsonb_has_it(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.owner.run("CREATE TYPE mood AS ENUM ('sad', 'happy')")
    shop.owner.run("CREATE DOMAIN positive AS bigint CHECK (value > 0)")
    shop.owner.run("CREATE TYPE pair AS (a int, b text)")
    shop.owner.run("CREATE TYPE nested AS (p pair, flags bool[], j jsonb)")
    columns = [
        (f"c{n}_{m}", type_, value) for n, (type_, values) in enumerate(TYPES.items()) for m, value in enumerate(values)
    ]
    shop.owner.run("CREATE TABLE kinds (id int PRIMARY KEY, " + ", ".join(f"{c} {t}" for c, t, _ in columns) + ")")
    shop.notify(bus, match=[{"path": "public.kinds", "fields": ["*"]}])
    shop.daemon()
    shop.owner.run("INSERT INTO kinds VALUES (1, " + ", ".join(v for _, _, v in columns) + ")")
    shop.owner.run("INSERT INTO kinds VALUES (2)")
    eventually(lambda: len(raw(redis_client)) == 2)
    full, empty = (event["data"]["record"] for event in raw(redis_client))
    shop.owner.run("SET timezone = 'UTC'; SET intervalstyle = 'iso_8601'; SET bytea_output = hex")
    expected = json.loads(
        shop.owner.value("SELECT to_jsonb(k)::text FROM kinds AS k WHERE id = 1"), parse_int=str, parse_float=str
    )
    # to_jsonb() cannot carry what json looked like, and writes floating-point numbers its own way.
    different = {
        f"{type_}: {expected[column]!r} came as {full[column]!r}"
        for column, type_, _ in columns
        if full[column] != expected[column] and not same_number(full[column], expected[column])
    }
    assert different == set()
    assert {value for column, value in empty.items() if column != "id"} == {None}


def same_number(left: Any, right: Any) -> bool:
    try:
        return float(left) == float(right) and "e" in f"{left}{right}".lower()
    except (TypeError, ValueError):
        return False


def test_schema_changes_take_effect_where_they_stand_in_the_stream(
    shop: Shop, bus: dict[str, Any], redis_client: Any
) -> None:
    shop.notify(bus)
    assert shop.daemon().stop() == 0  # all of this happens while nobody reads
    shop.insert(1, 1)
    shop.owner.run("ALTER TABLE orders ADD COLUMN note text DEFAULT 'n'")
    shop.insert(2, 2)
    with shop.owner.transaction():
        shop.owner.run("ALTER TABLE orders ALTER COLUMN note TYPE varchar(30)")
        shop.owner.run("SELECT integratedb_sync()")
    with shop.owner.transaction():
        shop.owner.run("ALTER TABLE orders DROP COLUMN note")
        shop.owner.run("SELECT integratedb_sync()")
    shop.insert(3, 3)
    shop.daemon()
    got = eventually(lambda: events(redis_client) if len(events(redis_client)) >= 6 else None)
    assert [event["data"].get("record", event["data"].get("changes")) for event in got] == [
        {"id": 1, "status": "new"},
        [{"change": "column_added", "column": "note", "new": {"type": "pg_catalog.text", "nullable": True}}],
        {"id": 2, "status": "new", "note": "n"},
        [
            {
                "change": "column_changed",
                "column": "note",
                "old": {"type": "pg_catalog.text", "nullable": True},
                "new": {"type": "pg_catalog.varchar", "nullable": True},
            }
        ],
        [{"change": "column_gone", "column": "note", "old": {"type": "pg_catalog.varchar", "nullable": True}}],
        {"id": 3, "status": "new"},
    ]
    assert {event["type"] for event in got} == {"integratedb.row.insert", "integratedb.schema.changed"}
    assert got[1]["data"]["gap"] is False


@pytest.mark.parametrize("ddl", ["ADD COLUMN note text", "ALTER COLUMN status TYPE text[] USING ARRAY[status]"])
def test_what_is_changed_and_written_in_one_transaction_is_a_gap(
    shop: Shop, bus: dict[str, Any], redis_client: Any, ddl: str
) -> None:
    shop.notify(bus)
    shop.daemon()
    shop.insert(1, 2)
    eventually(lambda: len(events(redis_client)) == 2)
    with shop.owner.transaction():
        shop.owner.run(f"ALTER TABLE orders {ddl}")
        shop.owner.run("SELECT integratedb_sync()")
        shop.owner.run(f"UPDATE orders SET {'note' if 'note' in ddl else 'status[1]'} = 'filled'")
    shop.insert(3, 3) if "note" in ddl else shop.owner.run("INSERT INTO orders VALUES (3, '{new}')")
    got = eventually(lambda: events(redis_client)[2:] if len(events(redis_client)) >= 6 else None)
    assert [event["type"].rpartition(".")[2] for event in got] == ["update", "update", "changed", "insert"]
    assert got[2]["data"]["gap"] is True
    record = {"id": 3, "status": "new", "note": None} if "note" in ddl else {"id": 3, "status": ["new"]}
    assert got[3]["data"]["record"] == record


COMPOSITES = (
    "CREATE TYPE inner_part AS (a int, b text)",
    "CREATE TYPE part AS (n int, i inner_part)",
    "CREATE DOMAIN part_domain AS part CHECK ((VALUE).n > 0)",
    "CREATE TABLE other (x int, y int)",
    "CREATE TABLE parent (p int)",
    "CREATE TABLE child () INHERITS (parent)",
    "CREATE TYPE gone AS ENUM ('g')",
    "CREATE TYPE holder AS (h int, g gone)",
)


@pytest.mark.parametrize(
    ("type_name", "ddl", "before", "after"),
    [
        (
            "part",
            "ALTER TYPE part ADD ATTRIBUTE m int",
            ["(1,)", {"n": 1, "i": None}],
            ["(1,,2)", {"n": 1, "i": None, "m": 2}],
        ),
        ("part", "ALTER TYPE part DROP ATTRIBUTE i", ["(1,)", {"n": 1, "i": None}], ["(2)", {"n": 2}]),
        (
            "part",
            "ALTER TYPE part RENAME ATTRIBUTE n TO k",
            ["(1,)", {"n": 1, "i": None}],
            ["(2,)", {"k": 2, "i": None}],
        ),
        ("part", "ALTER TYPE part RENAME TO parts", ["(1,)", {"n": 1, "i": None}], ["(2,)", {"n": 2, "i": None}]),
        # The form of what is in it.
        (
            "part[]",
            "ALTER TYPE inner_part ADD ATTRIBUTE c bool[]",
            ['{"(1,\\"(1,)\\")"}', [{"n": 1, "i": {"a": 1, "b": None}}]],
            ['{"(1,\\"(1,,)\\")"}', [{"n": 1, "i": {"a": 1, "b": None, "c": None}}]],
        ),
        (
            "part_domain",
            "ALTER TYPE inner_part ADD ATTRIBUTE c bool[]",
            ['(1,"(1,)")', {"n": 1, "i": {"a": 1, "b": None}}],
            ['(1,"(1,,{t})")', {"n": 1, "i": {"a": 1, "b": None, "c": [True]}}],
        ),
        # The row of another table, also where it gets a column from its parent, or from a type.
        (
            "other",
            "ALTER TABLE other ADD COLUMN z int",
            ["(1,2)", {"x": 1, "y": 2}],
            ["(1,2,3)", {"x": 1, "y": 2, "z": 3}],
        ),
        ("other[]", "ALTER TABLE other DROP COLUMN x", ['{"(1,2)"}', [{"x": 1, "y": 2}]], ["{(2)}", [{"y": 2}]]),
        ("child", "ALTER TABLE parent ADD COLUMN q int", ["(1)", {"p": 1}], ["(1,2)", {"p": 1, "q": 2}]),
        ("holder", "DROP TYPE gone CASCADE", ["(1,g)", {"h": 1, "g": "g"}], ["(2)", {"h": 2}]),
        ("text", "ALTER TABLE boxes ALTER v TYPE part USING NULL", ["x", "x"], ["(1,)", {"n": 1, "i": None}]),
        ("text", "ALTER TABLE boxes ALTER v TYPE int[] USING NULL", ["x", "x"], ["{1,2}", [1, 2]]),
        # A type that nobody was notified of before is altered again.
        (
            "text",
            "ALTER TABLE boxes ALTER v TYPE part USING NULL; ALTER TYPE part RENAME ATTRIBUTE n TO k",
            ["x", "x"],
            ["(1,)", {"k": 1, "i": None}],
        ),
    ],
)
def test_types_that_are_altered_and_written_in_one_transaction(
    shop: Shop, bus: dict[str, Any], redis_client: Any, type_name: str, ddl: str, before: list[Any], after: list[Any]
) -> None:
    for statement in COMPOSITES:
        shop.owner.run(statement)
    shop.owner.run(f"CREATE TABLE boxes (id int PRIMARY KEY, v {type_name})")
    shop.notify(bus, match=[{"path": "public.boxes", "fields": ["*"]}])
    daemon = shop.daemon()
    shop.owner.run("INSERT INTO boxes VALUES (1, %s)", before[0])
    with shop.owner.transaction():
        shop.owner.run("INSERT INTO boxes VALUES (2, %s)", before[0])
        try:
            with shop.owner.transaction():
                shop.owner.run("DELETE FROM boxes")
                shop.owner.run(ddl)
                shop.owner.run("INSERT INTO boxes VALUES (3, %s)", after[0])
                raise InterruptedError
        except InterruptedError:
            pass
        shop.owner.run("INSERT INTO boxes VALUES (4, %s)", before[0])
        shop.owner.run("DELETE FROM boxes")
        shop.owner.run(ddl)
        shop.owner.run("INSERT INTO boxes VALUES (5, %s)", after[0])
        shop.owner.run("SELECT integratedb_sync()")  # the columns that "*" stands for may change
    shop.owner.run("INSERT INTO boxes VALUES (6, %s)", after[0])

    def told() -> list[Any]:
        return [event["data"]["record"] for event in events(redis_client) if event["type"].endswith(".insert")]

    eventually(lambda: len(told()) == 5)
    assert daemon.stop() == 0
    shop.owner.run("INSERT INTO boxes VALUES (7, %s)", after[0])
    shop.daemon()
    eventually(lambda: len(told()) == 6)
    assert [(record["id"], record["v"]) for record in told()] == [
        *((number, before[1]) for number in (1, 2, 4)),
        *((number, after[1]) for number in (5, 6, 7)),
    ]


def test_a_type_that_passes_the_bound_within_a_transaction(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    def numbers(prefix: str, count: int) -> str:
        return ", ".join(f"{prefix}{number} int" for number in range(count))

    for number in range(3):
        shop.owner.run(f"CREATE TYPE wide{number} AS ({numbers('w', 1500)})")
    shop.owner.run("CREATE TYPE part AS (n int)")
    shop.owner.run("CREATE TABLE boxes (id int PRIMARY KEY, v part, w0 wide0, w1 wide1, w2 wide2)")
    shop.notify(bus, match=[{"path": "public.boxes", "fields": ["*"]}])
    shop.admin.run("SELECT integratedb_create_stakeholder(%s)", "also_" + shop.stakeholder)
    spec = {"match": [{"path": "public.boxes", "fields": ["id", "v"]}], "channels": [{**bus, "stream": "also"}]}
    shop.admin.run("SELECT integratedb_notify(%s, %s)", "also_" + shop.stakeholder, Jsonb(spec))
    daemon = shop.daemon()
    more = ", ".join(f"ADD ATTRIBUTE m{number} int" for number in range(1590))
    nulls = {f"m{number}": None for number in range(1590)}
    long = "(1" + "," * 1590 + ")"

    def insert(number: int, value: str) -> None:
        shop.owner.run("INSERT INTO boxes VALUES (%s, %s)", number, value)

    insert(1, "(1)")
    # Out of the bound: by its new form until COMMIT, as text after that.
    with shop.owner.transaction():
        shop.owner.run(f"ALTER TYPE part {more}")
        insert(2, long)
    insert(3, long)
    # Beyond it, though another stakeholder is told of the type.
    with shop.owner.transaction():
        shop.owner.run("ALTER TYPE part RENAME ATTRIBUTE n TO k")
        insert(4, long)
    insert(5, long)
    # Into it: from COMMIT on.
    with shop.owner.transaction():
        shop.owner.run("ALTER TABLE boxes DROP COLUMN w2")
        shop.owner.run("SELECT integratedb_sync()")
        insert(6, long)
    insert(7, long)

    def told(stream: str) -> dict[int, Any]:
        got = [orjson.loads(fields[b"event"]) for _, fields in redis_client.xrange(stream)]
        records = [event["data"]["record"] for event in got if event["type"].endswith(".insert")]
        return {record["id"]: record["v"] for record in records}

    eventually(lambda: set(told("orders")) >= set(range(1, 8)) and set(told("also")) >= set(range(1, 8)))
    assert daemon.stop() == 0
    insert(8, long)
    shop.daemon()
    eventually(lambda: 8 in told("orders") and 8 in told("also"))
    first, then = {"n": 1, **nulls}, {"k": 1, **nulls}
    assert told("orders") == {1: {"n": 1}, 2: first, 3: long, 4: long, 5: long, 6: long, 7: then, 8: then}
    assert told("also") == {1: {"n": 1}, 2: first, 3: first, 4: then, 5: then, 6: then, 7: then, 8: then}


def test_what_a_transaction_tells_of_types_is_bounded(shop: Shop, bus: dict[str, Any]) -> None:
    columns = ", ".join(f"{'c' * 50}{number} int" for number in range(1000))
    shop.owner.run(f"CREATE TABLE other ({columns})")
    shop.owner.run("CREATE TABLE boxes (id int PRIMARY KEY, v other)")
    shop.notify(bus, match=[{"path": "public.boxes", "fields": ["*"]}])
    assert shop.daemon().stop() == 0
    with shop.owner.transaction():
        for number in range(100):
            shop.owner.run(f"ALTER TABLE other ADD COLUMN d{number} int")
    size, rows = shop.admin.row(
        "SELECT sum(octet_length(body::text)), count(*) FROM integratedb.control WHERE kind = 'types'"
    )
    assert 3_000_000 < size < 4_100_000
    assert 10 < rows < 100
    # The next transaction is another one.
    assert shop.admin.value("SELECT count(*) FROM integratedb.type_change") == 0
    shop.owner.run("ALTER TABLE other ADD COLUMN e int")
    assert shop.admin.value("SELECT count(*) FROM integratedb.control WHERE kind = 'types'") == rows + 1


def test_specifications_take_effect_from_their_commit_on(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.notify(bus, match=[{"path": "public.orders", "fields": ["id"], "events": ["INSERT"]}])
    assert shop.daemon().stop() == 0
    shop.insert(1, 1)
    shop.notify(bus, match=[{"path": "public.orders", "fields": ["status"], "events": ["INSERT", "UPDATE"]}])
    shop.insert(2, 2)
    shop.owner.run("UPDATE orders SET status = 'x' WHERE id = 2")
    shop.notify(bus, match=[{"path": "public.orders", "fields": ["id"], "events": ["DELETE"]}])
    shop.insert(3, 3)
    shop.owner.run("DELETE FROM orders WHERE id = 3")
    killed = shop.daemon()
    eventually(lambda: len(events(redis_client)) >= 4)
    killed.kill()
    shop.daemon()
    shop.owner.run("DELETE FROM orders WHERE id = 2")
    eventually(lambda: events(redis_client)[-1]["data"]["old"] == {"id": 2})
    once = {event["id"]: event["data"] for event in events(redis_client)}
    assert [(data["record"], data["old"]) for data in once.values()] == [
        ({"id": 1}, None),
        ({"status": "new"}, None),
        ({"status": "x"}, None),
        (None, {"id": 3}),
        (None, {"id": 2}),
    ]


def test_a_running_daemon_follows_new_channels(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.notify({"type": "SOCKET"})
    shop.daemon()
    shop.insert(1, 1)
    shop.notify(bus)
    shop.insert(2, 2)
    eventually(lambda: order_ids(events(redis_client)) == [2])
    shop.notify({**bus, "stream": "elsewhere"})
    shop.insert(3, 3)
    eventually(lambda: redis_client.xlen("elsewhere") == 1)
    shop.notify(match=[])
    shop.insert(4, 4)
    assert shop.admin.rows("SELECT FROM integratedb.published WHERE publication <> 'integratedb_control'") == []


def test_a_table_made_anew_goes_on_and_the_gap_is_told(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.notify(bus)
    shop.daemon()
    shop.insert(1, 1)
    with shop.owner.transaction():
        shop.owner.run("DROP TABLE orders")
        shop.owner.run("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
        shop.insert(2, 2)
    shop.insert(3, 3)
    got = eventually(lambda: events(redis_client) if len(events(redis_client)) >= 3 else None)
    assert [event["type"].rsplit(".", 1)[1] for event in got] == ["insert", "changed", "insert"]
    assert got[1]["data"]["gap"] is True
    assert got[1]["data"]["changes"] == [{"change": "table_recreated"}]
    assert order_ids([got[0], got[2]]) == [1, 3]


def test_partitions_tell_of_their_root(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.owner.run("CREATE TABLE sales (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)")
    shop.owner.run("CREATE TABLE sales_1 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')")
    shop.notify(bus, match=[{"path": "public.sales", "fields": ["*"]}])
    shop.daemon()
    shop.owner.run("INSERT INTO sales VALUES (1, '2024-01-02')")
    shop.owner.run("CREATE TABLE sales_2 PARTITION OF sales FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')")
    shop.owner.run("INSERT INTO sales VALUES (2, '2024-02-02')")
    shop.owner.run("UPDATE sales SET id = 3 WHERE id = 2")
    shop.owner.run("DELETE FROM sales WHERE id = 1")
    got = eventually(lambda: events(redis_client) if len(events(redis_client)) >= 4 else None)
    assert {event["subject"] for event in got} == {"public.sales"}
    assert [(event["data"]["record"] or {}).get("id") for event in got] == [1, 2, 3, None]


def test_what_is_done_to_single_partitions(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.owner.run("CREATE TABLE sales (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)")
    for month in (1, 2):
        bounds = f"FROM ('2024-0{month}-01') TO ('2024-0{month + 1}-01')"
        shop.owner.run(f"CREATE TABLE sales_{month} PARTITION OF sales FOR VALUES {bounds}")
    shop.notify(bus, match=[{"path": "public.sales", "fields": ["*"]}])
    shop.daemon()
    shop.owner.run("INSERT INTO sales VALUES (1, '2024-01-02')")
    # A row that moves is deleted in one partition and inserted in the other.
    shop.owner.run("UPDATE sales SET day = '2024-02-02'")
    # Nothing tells of these, nor of what happens to a partition that is detached.
    shop.owner.run("TRUNCATE sales_2")
    shop.owner.run("ALTER TABLE sales DETACH PARTITION sales_2")
    shop.owner.run("INSERT INTO sales_2 VALUES (2, '2024-02-03')")
    shop.owner.run("ALTER TABLE sales ATTACH PARTITION sales_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')")
    shop.owner.run("TRUNCATE sales")
    got = eventually(lambda: events(redis_client) if len(events(redis_client)) >= 4 else None)
    kinds = [event["type"].rpartition(".")[2] for event in got]
    assert kinds == ["insert", "delete", "insert", "truncate"]
    assert got[1]["data"]["old"] == {"id": 1, "day": "2024-01-02"}
    assert got[2]["data"]["record"] == {"id": 1, "day": "2024-02-02"}


def test_an_unchanged_toasted_value_is_named_and_not_made_up(
    shop: Shop, bus: dict[str, Any], redis_client: Any
) -> None:
    shop.owner.run("ALTER TABLE orders ALTER COLUMN status SET STORAGE EXTERNAL")
    shop.notify(bus)
    shop.daemon()
    shop.owner.run("INSERT INTO orders VALUES (1, repeat('x', 10000))")
    shop.owner.run("UPDATE orders SET id = 2")
    shop.owner.run("ALTER TABLE orders REPLICA IDENTITY FULL")
    shop.owner.run("UPDATE orders SET id = 3")
    shop.owner.run("TRUNCATE orders")
    got = eventually(lambda: events(redis_client) if len(events(redis_client)) >= 4 else None)
    _, default, full, truncated = (event["data"] for event in got if event["type"].startswith("integratedb.row"))
    assert default["record"] == {"id": 2}
    assert default["unavailable"] == ["status"]
    assert (default["old"], default["changed"]) == ({"id": 1}, ["id"])
    assert full["record"] == {"id": 3, "status": "x" * 10_000}
    assert full["changed"] == ["id"]
    assert (truncated["record"], truncated["old"]) == (None, None)


def sales(shop: Shop, bus: dict[str, Any], *leaves: str) -> None:
    """Partitioned by kind, with these statements about the partitions a and b; notified of."""
    shop.owner.run(
        "CREATE TABLE sales (id int, kind text, note text, more text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind)"
    )
    shop.owner.run("CREATE TABLE sales_a PARTITION OF sales FOR VALUES IN ('a')")
    # Where it is not the first column that counts.
    shop.owner.run("CREATE TABLE sales_b (more text, note text, kind text NOT NULL, gone int, id int NOT NULL)")
    shop.owner.run("ALTER TABLE sales_b DROP COLUMN gone")
    shop.owner.run("ALTER TABLE sales ATTACH PARTITION sales_b FOR VALUES IN ('b')")
    for statement in leaves:
        shop.owner.run(statement)
    shop.notify(bus, match=[{"path": "public.sales", "fields": ["*"]}])


def row_events(redis_client: Any, number: int) -> list[dict[str, Any]]:
    """What so many updates and deletes say of the rows before."""

    def told() -> list[dict[str, Any]]:
        return [event["data"] for event in events(redis_client) if event["type"].endswith((".update", ".delete"))]

    return list(eventually(lambda: told() if len(told()) >= number else None))


FULL_A, FULL_B = (f"ALTER TABLE sales_{leaf} REPLICA IDENTITY FULL" for leaf in "ab")
FULL_ROOT = "ALTER TABLE sales REPLICA IDENTITY FULL"
BY_NOTE_B = (
    "ALTER TABLE sales_b ALTER note SET NOT NULL",
    "CREATE UNIQUE INDEX sales_note ON sales_b (note)",
    "ALTER TABLE sales_b REPLICA IDENTITY USING INDEX sales_note",
)
KEY_A, KEY_B = {"id": 1, "kind": "a"}, {"id": 1, "kind": "b"}
ALL_A, ALL_B = KEY_A | {"note": "x", "more": "m"}, KEY_B | {"note": "x", "more": "m"}
NOBODY_KNOWS = (None, None)


@pytest.mark.parametrize(
    ("identities", "of_a", "of_b"),
    [
        ([], (KEY_A, None), (KEY_B, None)),
        # It does not reach the partitions.
        ([FULL_ROOT], (KEY_A, None), (KEY_B, None)),
        ([FULL_A, FULL_B], (ALL_A, ["note"]), (ALL_B, ["note"])),
        ([FULL_ROOT, FULL_A, FULL_B], (ALL_A, ["note"]), (ALL_B, ["note"])),
        # What has a value beyond the key is all there.
        ([FULL_A], (ALL_A, ["note"]), (KEY_B, None)),
        ([FULL_ROOT, FULL_B], (KEY_A, None), (ALL_B, ["note"])),
        # An UPDATE that says nothing of the row before left id and kind, or note, as it was.
        ([*BY_NOTE_B], NOBODY_KNOWS, ({"note": "x"}, ["note"])),
        ([FULL_ROOT, *BY_NOTE_B], NOBODY_KNOWS, ({"note": "x"}, ["note"])),
        ([FULL_A, *BY_NOTE_B], (ALL_A, ["note"]), ({"note": "x"}, ["note"])),
    ],
)
def test_partitions_tell_what_their_own_replica_identity_tells(
    shop: Shop, bus: dict[str, Any], redis_client: Any, identities: list[str], of_a: Any, of_b: Any
) -> None:
    sales(shop, bus, *identities)
    shop.daemon()
    shop.owner.run("INSERT INTO sales VALUES (1, 'a', 'x', 'm'), (1, 'b', 'x', 'm')")
    for leaf in "ab":
        shop.owner.run("UPDATE sales SET note = 'y' WHERE kind = %s", leaf)
    got = row_events(redis_client, 2)
    assert [(data["old"], data["changed"]) for data in got] == [of_a, of_b]
    assert [data["record"]["note"] for data in got] == ["y", "y"]


def test_nulls_of_a_partition_are_told_where_all_of_the_old_row_is(
    shop: Shop, bus: dict[str, Any], redis_client: Any
) -> None:
    sales(shop, bus, FULL_A, FULL_B)
    shop.daemon()
    shop.owner.run("INSERT INTO sales VALUES (1, 'a')")
    shop.owner.run("UPDATE sales SET note = 'y'")
    shop.owner.run("ALTER TABLE sales_b REPLICA IDENTITY DEFAULT")
    shop.owner.run("UPDATE sales SET note = NULL")
    shop.owner.run("UPDATE sales SET note = 'z'")
    shop.owner.run("DELETE FROM sales")
    got = row_events(redis_client, 4)
    empty = KEY_A | {"note": None, "more": None}
    assert [data["old"] for data in got] == [empty, empty | {"note": "y"}, KEY_A, empty | {"note": "z"}]
    # The third may have been written to the other partition, for all that the stream says.
    assert [data["changed"] for data in got] == [["note"], ["note"], None, None]


def test_an_identity_that_changes_in_the_transaction_that_writes(
    shop: Shop, bus: dict[str, Any], redis_client: Any
) -> None:
    sales(shop, bus, FULL_A, FULL_B)
    shop.daemon()
    shop.owner.run("INSERT INTO sales VALUES (1, 'a', 'x', 'm')")
    with shop.owner.transaction():
        shop.owner.run("UPDATE sales SET note = 'y'")
        shop.owner.run("ALTER TABLE sales_a REPLICA IDENTITY DEFAULT")
        shop.owner.run("UPDATE sales SET note = 'z'")
        shop.owner.run("UPDATE sales SET id = 2")
        shop.owner.run("ALTER TABLE sales_a REPLICA IDENTITY FULL")
        shop.owner.run("UPDATE sales SET id = 1")
    shop.owner.run("UPDATE sales SET more = NULL")
    got = row_events(redis_client, 5)
    assert [(data["old"], data["changed"]) for data in got] == [
        (ALL_A, ["note"]),
        (KEY_A, None),
        (KEY_A, ["id"]),
        (ALL_A | {"id": 2, "note": "z"}, ["id"]),
        (ALL_A | {"note": "z"}, ["more"]),
    ]


def test_partitions_of_partitions_that_come_and_go(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    sales(shop, bus, FULL_A, FULL_B)
    shop.daemon()
    shop.owner.run("INSERT INTO sales VALUES (1, 'a', 'x', 'm')")
    shop.owner.run("CREATE TABLE sales_c PARTITION OF sales FOR VALUES IN ('c', 'd') PARTITION BY LIST (kind)")
    shop.owner.run("CREATE TABLE sales_d PARTITION OF sales_c FOR VALUES IN ('d')")
    shop.owner.run("UPDATE sales SET note = NULL")
    shop.owner.run("UPDATE sales SET more = NULL")
    # Now it is not known any more: it might be a row of sales_d.
    shop.owner.run("UPDATE sales SET more = 'n'")
    shop.owner.run("ALTER TABLE sales DETACH PARTITION sales_c")
    shop.owner.run("UPDATE sales SET more = 'o' WHERE kind = 'a'")
    shop.owner.run("UPDATE sales SET more = NULL WHERE kind = 'a'")
    shop.owner.run("UPDATE sales SET more = 'p' WHERE kind = 'a'")
    got = row_events(redis_client, 6)
    row = KEY_A | {"note": None, "more": None}
    assert [(data["old"], data["changed"]) for data in got] == [
        (ALL_A, ["note"]),
        (row | {"more": "m"}, ["more"]),
        (KEY_A, None),
        (row | {"more": "n"}, ["more"]),
        (row | {"more": "o"}, ["more"]),
        (row, ["more"]),
    ]


def test_foreign_partitions_stand_against_nothing(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.admin.run("CREATE EXTENSION file_fdw")
    shop.admin.run("CREATE SERVER files FOREIGN DATA WRAPPER file_fdw")
    shop.owner.run("CREATE TABLE sales (id int, kind text, note text) PARTITION BY LIST (kind)")
    shop.owner.run("CREATE TABLE sales_a PARTITION OF sales FOR VALUES IN ('a')")
    shop.owner.run("ALTER TABLE sales_a REPLICA IDENTITY FULL")
    shop.admin.run(
        "CREATE FOREIGN TABLE sales_old PARTITION OF sales FOR VALUES IN ('old') "
        "SERVER files OPTIONS (filename '/dev/null')"
    )
    assert shop.admin.value("SELECT integratedb.leaf_identities('sales'::regclass)") == {
        "full": True,
        "common": None,
        "any": [],
    }


def test_a_long_key_is_not_reported_as_changed(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.owner.run("CREATE TABLE docs (id text PRIMARY KEY, body text)")
    shop.owner.run("ALTER TABLE docs ALTER id SET STORAGE EXTERNAL, ALTER body SET STORAGE EXTERNAL")
    shop.notify(bus, match=[{"path": "public.docs", "fields": ["*"]}])
    shop.daemon()
    key, body = "k" * 2500, "b" * 5000
    shop.owner.run("INSERT INTO docs VALUES (%s, %s)", key, body)
    shop.owner.run("UPDATE docs SET body = 'short'")
    shop.owner.run("UPDATE docs SET body = %s", body)
    shop.owner.run("UPDATE docs SET id = 'k' || id")
    shop.owner.run("DELETE FROM docs")
    got = row_events(redis_client, 4)
    assert [data["record"] for data in got] == [
        {"id": key, "body": "short"},
        {"id": key, "body": body},
        {"id": "k" + key},
        None,
    ]
    assert [data["old"] for data in got] == [{"id": key}, {"id": key}, {"id": key}, {"id": "k" + key}]
    assert [data["changed"] for data in got] == [None, None, ["id"], None]
    assert [data.get("unavailable") for data in got] == [None, None, ["body"], None]


def test_beyond_its_limits_a_queue_loses_its_oldest_events_and_says_so(shop: Shop, redis_client: Any) -> None:
    shop.notify({"type": "SOCKET", "max_queue_bytes": 20_000})
    daemon = shop.daemon()
    shop.insert(1, 100)
    lost = eventually(lambda: shop.status().get(f"channel {shop.stakeholder}.SOCKET lost"), timeout_s=60)
    assert daemon.metric("integratedb_events_lost_total") == int(lost)
    rows = shop.admin.dicts("SELECT * FROM integratedb_deliveries(%s, 'SOCKET', NULL)", shop.stakeholder)
    assert rows[0]["event"]["type"] == "integratedb.events.lost"
    assert rows[0]["event"]["data"]["count"] == int(lost)
    assert [row["event"]["data"]["record"]["id"] for row in rows[1:]] == list(range(int(lost) + 1, 101))

    # What is kept is counted on across a restart, and nothing is dropped that need not be.
    daemon.kill()
    daemon = shop.daemon()
    shop.insert(101, 110)
    eventually(lambda: int(shop.status()[f"channel {shop.stakeholder}.SOCKET lost"]) > int(lost), timeout_s=60)
    time.sleep(4)  # it looks every three seconds
    rows = shop.admin.dicts("SELECT * FROM integratedb_deliveries(%s, 'SOCKET', NULL)", shop.stakeholder)
    lost = shop.status()[f"channel {shop.stakeholder}.SOCKET lost"]
    assert [row["event"]["data"]["record"]["id"] for row in rows[1:]] == list(range(int(lost) + 1, 111))
    kept = shop.admin.value("SELECT sum(octet_length(event)) FROM integratedb.delivery")
    assert 18_000 < kept <= 20_000


def test_the_daemon_reads_nothing_but_its_functions(shop: Shop) -> None:
    with shop.cluster.session(shop.database, "companion") as daemon:
        for table in ("channel", "control", "delivery", "specification", "slot"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                daemon.rows(f"SELECT * FROM integratedb.{table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            daemon.rows("SELECT * FROM orders")
        for call in ("integratedb_notify(%s, '{\"match\": []}')", "integratedb_pause_channel(%s, 'x')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                daemon.run(f"SELECT {call}", shop.stakeholder)
