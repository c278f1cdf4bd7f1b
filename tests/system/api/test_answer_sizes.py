"""An answer has a most of bytes, which the statement itself keeps; streams have none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.api.harness import Api, Place, unique

LIMIT = 20_480


@pytest.fixture(scope="module")
def small(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A service of short answers."""
    started = Api(place, tmp_path_factory.mktemp("api") / "log", "--max-answer", "20kB")
    yield started
    started.stop()


def refused(answer: Any) -> bool:
    """Whether the answer was too large."""
    return answer.status_code == 400 and answer.json()["code"] == "IDB09" and "20480 bytes" in answer.json()["message"]


def test_an_answer_of_too_many_bytes_is_refused(small: Api, place: Place) -> None:
    assert len(small.send("GET", "/people?limit=100").content) < LIMIT
    assert refused(small.send("GET", "/people?limit=1000"))
    assert refused(small.send("POST", "/query", {"from": "people"}, role=place.user))
    answer = small.send("POST", "/graphql", {"query": "{ peopleNodes { nodes { name age } } }"}, role=place.user)
    assert answer.json()["errors"][0]["extensions"]["code"] == "IDB09"


@pytest.mark.parametrize("media", ["application/json", "application/vnd.pgrst.array+json;nulls=stripped", "text/plain"])
def test_each_form_of_an_answer_has_the_limit(small: Api, place: Place, media: str) -> None:
    function = unique("many")
    place.superuser.run(
        f"CREATE FUNCTION {function}(size int) RETURNS text LANGUAGE sql STABLE RETURN repeat('x', size);"
    )
    headers = {"Accept": media}
    assert small.send("GET", f"/rpc/{function}?size=19000", headers=headers).status_code == 200
    assert refused(small.send("GET", f"/rpc/{function}?size=20481", headers=headers))


def test_all_answers_of_a_request_together_have_the_limit(small: Api, place: Place) -> None:
    one = {"from": "people", "limit": 100}
    assert small.send("POST", "/query", [one, one], role=place.user).status_code == 200
    assert refused(small.send("POST", "/query", [one] * 6, role=place.user))
    fields = " ".join(f"a{n}: peopleNodes(first: 100) {{ nodes {{ name age }} }}" for n in range(9))
    answer = small.send("POST", "/graphql", {"query": f"{{ {fields} }}"}, role=place.user)
    assert answer.json()["errors"][0]["extensions"]["code"] == "IDB09", answer.text[:500]


def test_a_write_with_too_large_an_answer_is_undone(small: Api, place: Place) -> None:
    prefer = {"Prefer": "return=representation"}
    answer = small.send("PATCH", "/people?id=lt.1000", {"age": 1000}, role=place.user, headers=prefer)
    assert refused(answer)
    assert small.get("/people?age=eq.1000") == []


def test_headers_that_a_function_sets_count_too(small: Api, place: Place) -> None:
    function = unique("headers")
    place.superuser.run(
        f"CREATE FUNCTION {function}() RETURNS text LANGUAGE sql VOLATILE RETURN"
        " left(set_config('response.headers', repeat(' ', 30000) || '[]', true), 1);"
    )
    assert refused(small.send("POST", f"/rpc/{function}", {}, role=place.user))


def test_a_stream_has_no_limit(small: Api) -> None:
    for media in ("text/csv", "application/x-ndjson"):
        answer = small.send("GET", "/people?select=id,name", headers={"Accept": media})
        assert (answer.status_code, len(answer.content) > LIMIT) == (200, True)


def test_a_short_query_does_not_fill_the_memory_of_the_service(api: Api, place: Place) -> None:
    """Each step of it doubles a text: 256 MB at the end."""
    start = {"select": [[{"call": ["concat", {"value": "x" * 16}]}, "x"]], "from": "people", "limit": 1}
    steps: list[Any] = [["w0", start]]
    for n in range(24):
        doubled = [{"call": ["concat", {"field": "x"}, {"field": "x"}]}, "x"]
        steps.append([f"w{n + 1}", {"select": [doubled], "from": f"w{n}", "limit": 1}])
    [worker] = api.workers()
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # the highest memory is measured anew
    answer = api.send("POST", "/query", {"with": steps, "from": "w24"}, role=place.user)
    highest = next(line for line in Path(f"/proc/{worker}/status").read_text().splitlines() if "VmHWM" in line)
    assert (answer.status_code, answer.text[:300].count("IDB09")) == (400, 1), answer.text[:300]
    assert int(highest.split()[1]) < 250_000
