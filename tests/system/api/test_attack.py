"""What code in the database may try against the clients of the service, and what callers may try against each other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from integratedb_companion.api.connection import UNCLEAN
from tests.system.api.harness import Api, Place, unique


@pytest.fixture(scope="module")
def one_connection(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A service with one connection, so that each request has the session of the one before."""
    started = Api(place, tmp_path_factory.mktemp("api") / "log", "--connections", "1")
    yield started
    assert started.stop() == 0


def session_of(place: Place, api: Api) -> int:
    """Return the process of the service's only connection."""
    name = unique("process")
    place.superuser.run(f"CREATE FUNCTION {name}() RETURNS int LANGUAGE sql STABLE AS 'SELECT pg_backend_pid()'")
    return int(api.get(f"/rpc/{name}"))


def answer_of_function(api: Api, place: Place, body: str, *more: tuple[str, str]) -> httpx.Response:
    """Call a function with this body in PL/pgSQL, and a second request on the same connection."""
    name = unique("chosen")
    place.superuser.run(f"CREATE FUNCTION {name}() RETURNS json LANGUAGE plpgsql VOLATILE AS $f$BEGIN {body} END$f$")
    with httpx.Client(timeout=30) as http:
        answer = http.post(f"{api.url}/rpc/{name}", json={}, headers=dict(more))
        # An answer that ends elsewhere than it says would be taken for this one, or for a part of it.
        assert http.get(f"{api.url}/people?id=eq.1&select=id").json() == [{"id": 1}]
    return answer


@pytest.mark.parametrize(
    "header",
    [
        {"Content-Length": "0"},
        {"content-length": "500"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "close"},
        {"Upgrade": "h2c"},
        {"x-a": "b\r\nset-cookie: a=b"},
        {"x-a": "\ud800"},
        {"a b": "c"},
        {"": "c"},
        {"é": "c"},
    ],
)
@pytest.mark.parametrize("how", ["setting", "error"])
def test_sql_chooses_no_header_that_breaks_the_connection(
    api: Api, place: Place, header: dict[str, str], how: str
) -> None:
    if how == "setting":
        chosen = json.dumps([header])
        body = f"PERFORM set_config('response.headers', $h${chosen}$h$, true); RETURN '{{\"a\": 1}}';"
    else:
        message, detail = '{"code": "X", "message": "m"}', json.dumps({"status": 400, "headers": header})
        body = f"RAISE SQLSTATE 'PGRST' USING MESSAGE = $h${message}$h$, DETAIL = $h${detail}$h$;"
    answer = answer_of_function(api, place, body)
    assert (answer.status_code, answer.json()["code"]) == (500, "PGRST111" if how == "setting" else "PGRST121")


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"code": "x\r\nset-cookie: a=b", "message": "m"}, 400),
        ({"code": "é €", "message": "m"}, 400),
        ({"code": "x", "message": "\ud800"}, 500),
    ],
)
def test_any_code_and_message_can_be_raised(api: Api, place: Place, message: dict[str, str], status: int) -> None:
    said, detail = json.dumps(message), '{"status": 400, "headers": {}}'
    answer = answer_of_function(
        api, place, f"RAISE SQLSTATE 'PGRST' USING MESSAGE = $h${said}$h$, DETAIL = $h${detail}$h$;"
    )
    assert answer.status_code == status
    assert answer.json()["code"] == (message["code"] if status == 400 else "PGRST121")
    assert "set-cookie" not in answer.headers
    assert answer.headers["proxy-status"] == "integratedb; error=PGRST121"


@pytest.mark.parametrize(
    ("setting", "chosen", "code"),
    [("status", "repeat('9', 5000)", "PGRST112"), ("headers", "repeat('[', 100000)", "PGRST111")],
    ids=["many digits", "deep"],
)
def test_sql_chooses_nothing_that_python_cannot_read(
    api: Api, place: Place, setting: str, chosen: str, code: str
) -> None:
    answer = answer_of_function(api, place, f"PERFORM set_config('response.{setting}', {chosen}, true); RETURN '{{}}';")
    assert (answer.status_code, answer.json()["code"]) == (500, code)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_with_a_status_without_a_body_has_none(api: Api, place: Place, status: int) -> None:
    chosen = answer_of_function(
        api, place, f"PERFORM set_config('response.status', '{status}', true); RETURN '{{\"a\": 1}}';"
    )
    raised = answer_of_function(api, place, f"RAISE SQLSTATE 'PT{status}' USING MESSAGE = 'no body';")
    assert [(one.status_code, one.content) for one in (chosen, raised)] == [(status, b"")] * 2


def test_a_column_with_the_name_of_an_alias_is_only_a_column(api: Api, place: Place) -> None:
    """An alias alone would be that column where the whole row is meant: another function, and other answers."""
    table, function = unique("aliases"), unique("shown")
    letters = [f"{letter}_{number}" for letter in "tsewbvag" for number in range(1, 6)]
    names = [*letters, *"wrnvj", "c1", "found", "body", "status"]
    columns = ", ".join(f"{name} text DEFAULT '{name}'" for name in names)
    place.superuser.run(
        f"CREATE TABLE {table} (id int PRIMARY KEY, parent int REFERENCES {table}, {columns});"
        f"CREATE FUNCTION {function}({table}) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.id::text';"
        f"CREATE FUNCTION {function}(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'captured'$$;"
        f"CREATE FUNCTION {function}_below({table}) RETURNS SETOF {table} LANGUAGE sql STABLE AS"
        f" 'SELECT * FROM {table} AS x WHERE x.parent = $1.id';"
        f"CREATE FUNCTION {function}_all() RETURNS SETOF {table} LANGUAGE sql STABLE AS 'SELECT * FROM {table}';"
        f"GRANT ALL ON {table} TO {place.user}"
    )
    whole = {name: name for name in names}
    returned = {"Prefer": "return=representation"}
    made = api.send(
        "POST", f"/{table}?select=*,{function}", [{"id": 1}, {"id": 2}], role=place.user, headers=returned
    ).json()
    assert made == [{"id": number, "parent": None, **whole, function: str(number)} for number in (1, 2)]
    path = f"/{table}?id=eq.2&select=id,t_1,{function},below:{function}_below(s_1)"
    changed = api.send("PATCH", path, {"parent": 1}, role=place.user, headers=returned).json()
    assert changed == [{"id": 2, "t_1": "t_1", function: "2", "below": []}]
    path = f"/{table}?select={','.join(names)},{function},below:{function}_below(s_1,s_2)&id=eq.1"
    below = {"below": [{"s_1": "s_1", "s_2": "s_2"}]}
    assert api.get(path, role=place.user) == [{**whole, function: "1", **below}]
    assert api.get(f"/rpc/{function}_all?select=id,{function}&id=eq.1", role=place.user) == [{"id": 1, function: "1"}]
    lines = api.send("GET", f"/{table}?select=s_1&limit=1", role=place.user, headers={"Accept": "application/x-ndjson"})
    assert lines.json() == {"s_1": "s_1"}


JSON = {"Content-Type": "application/json"}
#: What code of a request does to its session, and what would show it to the next request.
TRACES = {
    "a claim": (
        "set_config('request.jwt.claim.sub', 'ann', false)",
        "coalesce(current_setting('request.jwt.claim.sub', true), '')",
    ),
    "a setting": ("set_config('lock_timeout', '7', false)", "current_setting('lock_timeout')"),
    "the encoding": ("set_config('client_encoding', 'LATIN1', false)", "current_setting('client_encoding')"),
    "no policies": ("set_config('row_security', 'off', false)", "current_setting('row_security')"),
    "headers": ("""set_config('response.headers', '[{"x-evil": "1"}]', false)""", "''"),
    "a status": ("set_config('response.status', '418', false)", "''"),
    "a role": ("set_config('role', '{user}', false)", "current_setting('role')"),
    "a lock": ("pg_advisory_lock(418)", "(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND objid = 418)"),
}


@pytest.mark.parametrize("trace", TRACES)
def test_a_request_leaves_no_trace_in_its_session(one_connection: Api, place: Place, trace: str) -> None:
    change, shows = (part.replace("{user}", place.user) for part in TRACES[trace])
    changes, looks = unique("changes"), unique("looks")
    place.superuser.run(
        f"CREATE FUNCTION {changes}() RETURNS text LANGUAGE sql VOLATILE AS $f$SELECT {change}::text$f$"
    )
    place.superuser.run(f"CREATE FUNCTION {looks}() RETURNS text LANGUAGE sql STABLE AS $f$SELECT {shows}::text$f$")
    before = one_connection.get(f"/rpc/{looks}")
    one_connection.send("POST", f"/rpc/{changes}", {}, role=place.user)
    after = one_connection.send("GET", f"/rpc/{looks}")
    assert (after.status_code, after.json()) == (200, before)
    assert "x-evil" not in after.headers


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMP TABLE people (id int)",
        # What the service reads to notice temporary objects must not become a setting that exists.
        f"BEGIN PERFORM set_config('{UNCLEAN}', 'x', false); EXCEPTION WHEN OTHERS THEN NULL; END;"
        " CREATE TEMP TABLE people (id int)",
        "EXECUTE 'DECLARE kept CURSOR WITH HOLD FOR SELECT * FROM people'",
        "DEALLOCATE ALL",
        "LISTEN attack; NOTIFY attack",
    ],
    ids=["temporary table", "temporary table behind a setting", "cursor", "deallocate", "listen"],
)
def test_a_session_that_a_request_has_spoilt_is_replaced(one_connection: Api, place: Place, statement: str) -> None:
    name, count = unique("spoils"), unique("counts")
    place.superuser.run(
        f"CREATE FUNCTION {name}() RETURNS int LANGUAGE plpgsql VOLATILE AS $f$BEGIN {statement}; RETURN 1; END$f$;"
        f"CREATE FUNCTION {count}() RETURNS bigint LANGUAGE plpgsql STABLE AS"
        " $f$BEGIN RETURN (SELECT count(*) FROM people); END$f$"
    )
    assert one_connection.get(f"/rpc/{count}") == 2000
    before = session_of(place, one_connection)
    assert one_connection.send("POST", f"/rpc/{name}", {}, role=place.user).json() == 1
    assert [one_connection.get(f"/rpc/{count}") for _ in range(3)] == [2000] * 3
    assert session_of(place, one_connection) != before


def test_a_key_that_is_null_has_no_location(api: Api, place: Place) -> None:
    name = unique("keys")
    place.superuser.run(
        f"CREATE TABLE {name} (id int PRIMARY KEY); CREATE VIEW {name}_view AS SELECT * FROM {name};"
        f"CREATE FUNCTION {name}_nulled() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.id = NULL; RETURN NEW; END';"
        f"CREATE TRIGGER nulled INSTEAD OF INSERT ON {name}_view FOR EACH ROW EXECUTE FUNCTION {name}_nulled();"
        f"GRANT ALL ON {name}_view TO {place.user}"
    )
    made = api.send("POST", f"/{name}_view", {"id": 1}, role=place.user, headers={"Prefer": "return=headers-only"})
    assert (made.status_code, made.headers.get("location")) == (201, None)


def test_a_long_body_does_not_stop_other_requests(api: Api, place: Place) -> None:
    """It cannot be written, so all of its time is that of reading it."""
    rows = b",".join(b'{"id":%d,"body":"x"}' % number for number in range(250_000))
    body = b"[" + rows + b',{"id":1}]'
    waits_s = []
    with ThreadPoolExecutor() as pool, httpx.Client(timeout=60) as http:
        began_s = time.monotonic()
        long = pool.submit(api.send, "POST", "/notes", body, role=place.user, headers=JSON)
        while not long.done():
            asked_s = time.monotonic()
            assert http.get(f"{api.url}/people?id=eq.1&select=id").json() == [{"id": 1}]
            waits_s.append(time.monotonic() - asked_s)
        took_s = time.monotonic() - began_s
        assert (long.result().status_code, long.result().json()["message"]) == (400, "All object keys must match")
    assert max(waits_s) < took_s / 2


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"[" + b"[]," * 600_000 + b"[]]", "application/json"), (b"a=1&" * 20_000, "application/x-www-form-urlencoded")],
    ids=["JSON", "a form"],
)
def test_a_body_of_many_parts_is_refused(api: Api, place: Place, body: bytes, media_type: str) -> None:
    answer = api.send("POST", "/notes", body, role=place.user, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")
    assert answer.json()["message"] in ("Empty or invalid json", "The form has more than 10000 fields")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/people?id=eq.1", {"Prefer": "timezone=nowhere"}),
        ("POST", "/people", {}),
        ("DELETE", "/people?id=eq.1", {}),
        ("GET", "/nothing", {}),
        ("GET", "/rpc/raised?state=IDB08&message=m&detail=d", {}),
        ("GET", "/rpc/raised?state=26000&message=m&detail=d", {}),
    ],
)
def test_requests_that_fail_do_not_cause_surfaces_to_be_read(
    api: Api, method: str, path: str, headers: dict[str, str]
) -> None:
    api.get("/people?id=eq.1")
    before = api.metrics()["integratedb_api_surfaces_read_total"]
    for _ in range(3):
        answer = api.send(method, path, {"id": 1} if method == "POST" else None, headers=headers)
        assert answer.status_code in (400, 401, 404)
    assert api.metrics()["integratedb_api_surfaces_read_total"] == before > 0
