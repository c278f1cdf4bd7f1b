"""Random rows of random types through a real slot: the decoder reads what SQL says that they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from integratedb_companion.daemon.routing.json_values import (
    ArrayType,
    CompositeType,
    DomainType,
    TypeStructure,
    converter,
)
from integratedb_companion.daemon.stream import pgoutput
from integratedb_companion.daemon.stream.pgoutput import UNCHANGED, Value
from tests.support import Session

SLOT = "fuzz_stream"
WORDS = ("", "a b", "NULL", 'say "hi"', "back\\slash", "{x,y}", "(1,2)", "naïve ☃", "'", "\t\n", ",")


def _text(random: Random) -> str:
    # Long enough to be stored apart, and not to be made short by compression.
    return random.choice(WORDS) if random.random() < 0.9 else "".join(chr(random.randint(32, 800)) for _ in range(9000))


def _array(element: Callable[[Random], str]) -> Callable[[Random], str]:
    def array(random: Random) -> str:
        items = [
            "NULL" if random.random() < 0.2 else '"' + element(random).replace("\\", "\\\\").replace('"', '\\"') + '"'
            for _ in range(random.randint(0, 3))
        ]
        return "{" + ",".join(items) + "}"

    return array


def _one(*values: str) -> Callable[[Random], str]:
    return lambda random: random.choice(values)


def _integer(bits: int) -> Callable[[Random], str]:
    return lambda random: str(random.randint(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))


TYPES: dict[str, Callable[[Random], str]] = {
    "smallint": _integer(16),
    "integer": _integer(32),
    "bigint": _integer(64),
    "numeric": _one("0", "-0.000000000000000000000001", "1e40", "NaN", "Infinity", "12345678901234567890.50"),
    "double precision": _one("0.1", "-1e-300", "NaN", "-Infinity", "3"),
    "real": _one("0.1", "16777216", "1e30"),
    "boolean": _one("t", "f"),
    "text": _text,
    "varchar(9000)": _text,
    "char(5)": _one("", "ab", "abcde"),
    "bytea": _one("\\x", "\\x00ff27"),
    "date": _one("2026-11-20", "0044-03-15 BC", "infinity"),
    "timestamp": _one("2026-11-20 14:00:00.000001", "-infinity"),
    "timestamptz": _one("2026-11-20 14:00:00+05:45", "0044-03-15 BC", "infinity"),
    "time": _one("24:00:00", "12:34:56.789"),
    "interval": _one("1 year -2 mons 3 days -04:05:06.7", "0"),
    "uuid": _one("6d0f1c6e-0000-4000-8000-000000000000"),
    "jsonb": _one("null", '{"a": [1, 2.50, null, "x\\u00e9"]}', '"text"', "[]"),
    "json": _one('{"a" :  1, "a": 2}', "1e2"),
    "inet": _one("10.0.0.1/8", "::1"),
    "int4range": _one("empty", "[1,5)", "(,3]"),
    "bit varying": _one("", "10101"),
    "mood": _one("good", "rather bad"),
    "label": _text,
    "pair": _one("(1,x)", '(,"a ""q"" \\\\ ,")', '(2,"")'),
    "integer[]": _array(_integer(32)),
    "text[]": _array(lambda random: random.choice(WORDS)),
    "mood[]": _array(_one("good", "rather bad")),
    "pair[]": _array(_one("(1,x)", '(,"a b")')),
    "int4range[]": _array(_one("[1,5)", "empty")),
}


@pytest.fixture
def session(superuser: Session) -> Iterator[Session]:
    """A session with the settings that the daemon pins, a publication of everything in a schema, and a slot."""
    superuser.run(
        "SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; SET extra_float_digits = 1;"
        "SET bytea_output = 'hex'; SET synchronous_commit = on; CREATE SCHEMA rows; SET search_path = rows;"
        "CREATE TYPE mood AS ENUM ('good', 'rather bad'); CREATE DOMAIN label AS text;"
        'CREATE TYPE pair AS (a integer, "b c" text);'
        "CREATE PUBLICATION rows FOR TABLES IN SCHEMA rows"
    )
    superuser.run("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", SLOT)
    try:
        yield superuser
    finally:
        superuser.run("SELECT pg_drop_replication_slot(%s)", SLOT)


def structures(session: Session) -> dict[int, TypeStructure]:
    """Arrays, domains and composites, as the daemon is told of them."""
    found: dict[int, TypeStructure] = {}
    for oid, kind, element, delimiter, base, attributes in session.rows(
        "SELECT t.oid::bigint, t.typtype::text, t.typelem::bigint, e.typdelim::text, t.typbasetype::bigint,"
        " ARRAY(SELECT ARRAY[a.attname::text, a.atttypid::bigint::text] FROM pg_attribute AS a"
        "        WHERE a.attrelid = t.typrelid AND a.attnum > 0 ORDER BY a.attnum)"
        " FROM pg_type AS t LEFT JOIN pg_type AS e ON e.oid = t.typelem AND e.typarray = t.oid"
    ):
        if delimiter is not None:
            found[oid] = ArrayType(element, delimiter.encode())
        elif kind == "d":
            found[oid] = DomainType(base)
        elif kind == "c":
            found[oid] = CompositeType(tuple((name, int(type_)) for name, type_ in attributes))
    return found


def story(session: Session, random: Random) -> None:
    """A table, some rows that come, change and go, and what the slot has of them."""
    session.run("DROP TABLE IF EXISTS t")
    session.execute("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [SLOT])
    types = [random.choice(list(TYPES)) for _ in range(random.randint(1, 6))]
    names = [f"c{number}" for number in range(len(types))]
    session.run(
        f"CREATE TABLE t (id integer PRIMARY KEY, {', '.join(f'{n} {t}' for n, t in zip(names, types, strict=True))})"
    )
    full = random.random() < 0.5
    if full:
        session.run("ALTER TABLE t REPLICA IDENTITY FULL")
    known = structures(session)

    def values() -> list[str | None]:
        return [None if random.random() < 0.2 else TYPES[t](random) for t in types]

    def rows() -> dict[int, tuple[list[Value], Any]]:
        """Each row as the types' own text, and as JSON."""
        # The types' output functions; a cast to text is another thing for boolean and char(n).
        texts = ", ".join(f"CASE WHEN {n} IS DISTINCT FROM NULL THEN format('%%s', {n}) END" for n in names)
        return {
            row[0]: (
                [None if v is None else v.encode() for v in (str(row[0]), *row[2:])],
                json.loads(row[1], parse_float=Decimal),
            )
            for row in session.rows(f"SELECT id, to_jsonb(t)::text, {texts} FROM t WHERE id > %s", 0)
        }

    casts = ", ".join(f"%s::{t}" for t in types)
    changes: list[tuple[str, Any, Any]] = []
    present: dict[int, tuple[list[Value], Any]] = {}
    for _ in range(random.randint(1, 4)):
        with session.transaction():
            for _ in range(random.randint(1, 4)):
                before = present
                action = random.choice(["insert", "insert", "update", "update", "delete", "truncate"])
                if action == "insert":
                    number = max([0, *present]) + random.randint(1, 9)
                    session.run(f"INSERT INTO t VALUES (%s, {casts})", number, *values())
                    present = rows()
                    changes.append(("insert", None, present[number]))
                elif action == "truncate" and random.random() < 0.3:
                    session.run("TRUNCATE t")
                    present = {}
                    changes.append(("truncate", None, None))
                elif action == "update" and present:
                    number = random.choice(list(present))
                    changed = random.choice([*names, "id"])
                    new = max(present) + 1 if changed == "id" else TYPES[types[names.index(changed)]](random)
                    type_ = "integer" if changed == "id" else types[names.index(changed)]
                    session.run(f"UPDATE t SET {changed} = %s::{type_} WHERE id = %s", new, number)
                    present = rows()
                    changes.append(("update", before[number], present[max(present) if changed == "id" else number]))
                elif action == "delete" and present:
                    number = random.choice(list(present))
                    session.run("DELETE FROM t WHERE id = %s", number)
                    present = rows()
                    changes.append(("delete", before[number], None))
    note(f"{types}\n" + "\n".join(map(str, changes)))
    compare(session, changes, known, full)


def compare(session: Session, changes: list[tuple[str, Any, Any]], known: dict[int, TypeStructure], full: bool) -> None:
    """What the slot has, message by message."""
    arguments = f"'{SLOT}', NULL, NULL, 'proto_version', '1', 'publication_names', 'rows'"
    stream = [
        pgoutput.decode(data)
        for (data,) in session.rows(f"SELECT data FROM pg_logical_slot_get_binary_changes({arguments})")
    ]
    relations = {m.relid: m for m in stream if isinstance(m, pgoutput.Relation)}
    told = [m for m in stream if isinstance(m, pgoutput.Insert | pgoutput.Update | pgoutput.Delete | pgoutput.Truncate)]
    assert len(told) == len(changes)

    def same(row: list[Value], expected: tuple[list[Value], Any], relid: int) -> None:
        relation = relations[relid]
        assert len(row) == len(expected[0]) == len(relation.columns)
        for column, value, text in zip(relation.columns, row, expected[0], strict=True):
            if value is UNCHANGED:
                assert isinstance(text, bytes)
                assert len(text) > 2000
                continue
            assert value == text, column
            if isinstance(value, bytes):
                said = json.loads(converter(column.type_oid, known)(value), parse_float=Decimal)
                assert said == expected[1][column.name], column

    for message, (kind, old, new) in zip(told, changes, strict=True):
        assert type(message).__name__.lower() == kind
        if isinstance(message, pgoutput.Truncate):
            assert set(message.relids) <= set(relations)
            continue
        if isinstance(message, pgoutput.Insert | pgoutput.Update):
            same(message.new, new, message.relid)
        if isinstance(message, pgoutput.Update | pgoutput.Delete) and message.old is not None:
            if full:
                same(message.old, old, message.relid)
            else:
                assert message.old == [old[0][0], *([None] * (len(old[0]) - 1))]
        elif isinstance(message, pgoutput.Update):
            # Without FULL the key is told when it changed.
            assert not full
            assert old[0][0] == new[0][0]


def test_the_decoder_reads_what_sql_says(session: Session) -> None:
    configured = settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    configured(given(random=st.randoms(note_method_calls=False))(lambda random: story(session, random)))()
