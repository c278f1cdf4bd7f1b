"""Long bodies of NDJSON and CSV are inserted batch by batch: all or nothing, and in bounded memory."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from integratedb_companion.api.lines import BATCH_BYTES
from tests.support import Session
from tests.system.api.conftest import StartApi
from tests.system.api.harness import Api, Place, token
from tests.system.harness import eventually

TABLE = """
CREATE TABLE events (
  id int PRIMARY KEY,
  name text NOT NULL,
  at int DEFAULT 7,
  owner text DEFAULT current_setting('request.jwt.claim.sub', true)
);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events USING (owner = (SELECT current_setting('request.jwt.claim.sub', true)));
"""
#: So that three batches are needed.
ROWS = 3 * BATCH_BYTES // 60
LONG = "n" * 40


@pytest.fixture(scope="module")
def events(place: Place) -> Iterator[Session]:
    """A table whose rows belong to the subject of the token."""
    place.superuser.run(TABLE + f"GRANT ALL ON events TO {place.user}")
    yield place.superuser
    place.superuser.run("DROP TABLE events")


@pytest.fixture(autouse=True)
def nothing_is_left(events: Session, place: Place) -> Iterator[None]:
    """After each test no transaction is open, and the table is empty."""
    yield
    assert eventually(lambda: all(state == "idle" for _, state, _ in place.sessions()), timeout_s=20)
    events.run("TRUNCATE events")


def ndjson(numbers: Iterator[int] | range) -> Iterator[bytes]:
    return (json.dumps({"id": number, "name": LONG}).encode() + b"\n" for number in numbers)


def csv(numbers: range) -> Iterator[bytes]:
    yield b'"id",name\r\n'
    for number in numbers:
        yield f'{number},"a ""line\nbreak"" {LONG}"\r\n'.encode()


def post(api: Api, place: Place, body: Any, kind: str = "application/x-ndjson", **more: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token(place.user, sub='ann')}", "Content-Type": kind, **more}
    path = headers.pop("path", "/events")
    with httpx.Client(timeout=120) as http:
        return http.post(f"{api.url}{path}", content=body, headers=headers)


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/csv"])
def test_a_long_body_is_one_transaction_of_the_caller(api: Api, place: Place, events: Session, kind: str) -> None:
    lines = (csv if kind == "text/csv" else ndjson)(range(ROWS))
    answer = post(api, place, b"".join(lines), kind, Prefer="count=exact")
    assert (answer.status_code, answer.headers["content-range"], answer.content) == (201, f"*/{ROWS}", b"")
    [row] = events.rows("SELECT count(*), count(DISTINCT xmin::text), min(owner), max(owner), max(id) FROM events")
    assert row == (ROWS, 1, "ann", "ann", ROWS - 1)
    if kind == "text/csv":
        assert events.value("SELECT min(name) FROM events") == f'a "line\nbreak" {LONG}'


@pytest.mark.parametrize(
    ("last", "status", "code", "details"),
    [
        (b"no JSON\n", 400, "PGRST102", f"Line {ROWS + 1} of the body is no JSON."),
        (b"[1]\n", 400, "PGRST102", f"Line {ROWS + 1} of the body is no object."),
        (b'{"id": -1}\n', 400, "PGRST102", f"Line {ROWS + 1} of the body has other keys than the first row."),
        (b'\n\n{"id": -1, "name": "\xff"}\n', 400, "PGRST102", f"Line {ROWS + 3} of the body is no JSON."),
        (b'{"id": "many", "name": ""}\n', 400, "22P02", f" to {ROWS + 1} of the body were being inserted."),
        (b'{"id": 0, "name": ""}\n', 409, "23505", f" to {ROWS + 1} of the body were being inserted."),
        (b'{"id": -1, "name": null}', 400, "23502", f" to {ROWS} of the body were being inserted."),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_nothing_is_inserted(
    api: Api, place: Place, events: Session, last: bytes, status: int, code: str, details: str
) -> None:
    answer = post(api, place, b"".join([*ndjson(range(ROWS)), last]))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert details in answer.json()["details"]
    assert events.value("SELECT count(*) FROM events") == 0


@pytest.mark.parametrize(
    ("last", "details"),
    [
        (b"1\n", f"Line {2 * ROWS + 2} of the body has 1 fields, and the first line has 2."),
        (b'1,a"b\n', f"Line {2 * ROWS + 2} of the body has a quotation mark where none can be."),
        (b'1,"a', f"Line {2 * ROWS + 2} of the body has a quotation mark where none can be."),
    ],
)
def test_a_bad_line_of_csv_is_named(api: Api, place: Place, events: Session, last: bytes, details: str) -> None:
    answer = post(api, place, b"".join([*csv(range(ROWS)), last]), "text/csv")
    assert (answer.status_code, answer.json()["details"]) == (400, details)
    assert events.value("SELECT count(*) FROM events") == 0


def test_preferences_count_for_all_lines(api: Api, place: Place, events: Session) -> None:
    body = b"".join(json.dumps({"id": n, "name": LONG, "other": n}).encode() + b"\n" for n in range(ROWS))
    more = {"path": "/events?columns=id,name,at", "Prefer": "missing=default"}
    assert post(api, place, body, **more).status_code == 201
    assert events.rows("SELECT count(*), min(at), max(at) FROM events") == [(ROWS, 7, 7)]
    assert post(api, place, b"".join(ndjson(range(ROWS)))).status_code == 409
    merged = post(api, place, b"".join(ndjson(range(ROWS))), Prefer="resolution=merge-duplicates")
    assert merged.status_code == 200  # no row is new
    undone = post(api, place, b"".join(ndjson(range(ROWS, 2 * ROWS))), Prefer="tx=rollback")
    assert undone.status_code == 201
    assert events.value("SELECT count(*) FROM events") == ROWS


def test_policies_and_triggers_apply_to_each_batch(api: Api, place: Place, events: Session) -> None:
    events.run("CREATE TABLE seen (rows int)")
    events.run(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " 'BEGIN INSERT INTO public.seen SELECT count(*) FROM new; RETURN NULL; END'"
    )
    trigger = "CREATE TRIGGER see AFTER INSERT ON events REFERENCING NEW TABLE AS new EXECUTE FUNCTION see()"
    events.run(trigger)
    try:
        assert post(api, place, b"".join(ndjson(range(ROWS)))).status_code == 201
        statements, rows = events.row("SELECT count(*), sum(rows) FROM seen")
        assert (statements > 2, rows) == (True, ROWS)
        # The last line is somebody else's.
        lines = (line.replace(b"}", b', "owner": "ann"}') for line in ndjson(range(ROWS, 2 * ROWS)))
        refused = post(api, place, b"".join([*lines, b'{"id": -1, "name": "", "owner": "eve"}']))
        assert (refused.status_code, refused.json()["code"]) == (403, "42501")
        assert events.row("SELECT count(*), sum(rows) FROM seen") == (statements, rows)
    finally:
        events.run("DROP TABLE seen; DROP FUNCTION see() CASCADE")


def test_what_must_be_whole_has_the_limit_of_a_body(api: Api, place: Place, events: Session) -> None:
    body = b"".join(ndjson(range(200_000)))
    assert len(body) > 10 << 20
    refused = post(api, place, body, Prefer="return=representation")
    assert (refused.status_code, refused.json()["code"]) == (413, "PGRST129")
    line = b'{"id": 1, "name": "' + b"x" * (11 << 20) + b'"}\n'
    refused = post(api, place, b"".join(ndjson(range(2, 9000))) + line)
    assert (refused.status_code, refused.json()["code"]) == (413, "PGRST129")
    assert refused.json()["message"] == f"Line 8999 of the body is longer than {10 << 20} bytes"
    assert post(api, place, body).status_code == 201
    assert events.value("SELECT count(*) FROM events") == 200_000


@pytest.mark.parametrize("framing", ["Content-Length: 90000000", "Transfer-Encoding: chunked"])
def test_a_client_that_hangs_up_leaves_nothing(api: Api, place: Place, events: Session, framing: str) -> None:
    body = b"".join(ndjson(range(ROWS)))
    if framing.startswith("Transfer"):
        body = b"%x\r\n%s\r\n" % (len(body), body)
    raw = api.raw(
        "POST", "/events", framing, "Content-Type: application/x-ndjson", role=place.user, sub="ann", body=body
    )
    assert eventually(lambda: any(state == "idle in transaction" for _, state, _ in place.sessions()))
    raw.connection.close()
    assert eventually(lambda: all(state == "idle" for _, state, _ in place.sessions()), timeout_s=20)
    assert events.value("SELECT count(*) FROM events") == 0


def test_a_client_that_stops_sending_is_cut(api: Api, place: Place, events: Session) -> None:
    headers = ("Content-Length: 90000000", "Content-Type: application/x-ndjson")
    raw = api.raw("POST", "/events", *headers, role=place.user, sub="ann", body=b"".join(ndjson(range(ROWS))))
    began_s = time.monotonic()
    assert raw.answer().startswith("HTTP/1.1 408 ")
    assert time.monotonic() - began_s < 20
    assert events.value("SELECT count(*) FROM events") == 0


def test_long_bodies_leave_connections_for_others(api: Api, place: Place) -> None:
    """The service has three connections, of which one may be occupied by long bodies."""
    headers = ("Content-Length: 90000000", "Content-Type: application/x-ndjson")
    body = b"".join(ndjson(range(ROWS)))
    clients = [api.raw("POST", "/events", *headers, role=place.user, sub="ann", body=body) for _ in range(4)]
    assert eventually(lambda: any(state == "idle in transaction" for _, state, _ in place.sessions()))
    for _ in range(10):
        assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]
    assert sum(state == "idle in transaction" for _, state, _ in place.sessions()) == 1
    for client in clients:
        client.connection.close()


def test_a_client_waits_for_postgres(api: Api, place: Place, events: Session) -> None:
    with events.transaction():
        events.run("LOCK TABLE events")
        raw = api.raw(
            "POST", "/events", "Content-Length: 90000000", "Content-Type: text/csv", role=place.user, sub="ann"
        )
        raw.connection.setblocking(False)
        sent, until_s = 0, time.monotonic() + 2
        part = b"".join(csv(range(10_000)))
        while time.monotonic() < until_s:
            try:
                sent += raw.connection.send(part)
            except BlockingIOError:
                time.sleep(0.01)
        raw.connection.close()
    assert sent < 16 << 20, sent  # what the system's buffers hold


def test_a_migration_of_another_table_changes_nothing(api: Api, place: Place, events: Session) -> None:
    def lines() -> Iterator[bytes]:
        yield b"".join(ndjson(range(ROWS)))
        assert eventually(lambda: any(state == "idle in transaction" for _, state, _ in place.sessions()))
        events.run("ALTER TABLE people ADD note text; ALTER TABLE people DROP note")
        yield b"".join(ndjson(range(ROWS, 2 * ROWS)))

    assert post(api, place, lines()).status_code == 201
    assert events.value("SELECT count(*) FROM events") == 2 * ROWS


def resident_bytes(pid: int, name: str = "VmRSS") -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(name))


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/csv"])
def test_memory_does_not_grow_with_the_body(start_api: StartApi, place: Place, events: Session, kind: str) -> None:
    api = start_api(place, "--max-body", "1MB")
    [worker] = api.workers()
    lines = csv if kind == "text/csv" else ndjson
    assert post(api, place, b"".join(lines(range(ROWS))), kind).status_code == 201
    events.run("TRUNCATE events")
    before = resident_bytes(worker)
    given = iter(lines(range(500_000)))
    parts = iter(lambda: b"".join(itertools.islice(given, 1000)), b"")
    assert post(api, place, parts, kind).status_code == 201
    assert events.value("SELECT count(*) FROM events") == 500_000
    assert resident_bytes(worker, "VmHWM") - before < 12 << 20
