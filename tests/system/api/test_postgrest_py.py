"""`postgrest` of PyPI, unmodified: its calls in order, and what each must answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from postgrest import CountMethod, SyncPostgrestClient
from postgrest.exceptions import APIError
from postgrest.types import ReturnMethod

from tests.system.api.harness import Api, token
from tests.system.api.reference import ids

EXACT = CountMethod.exact
MINIMAL = ReturnMethod.minimal


class Calls:
    """The calls of a client; each is a request that is not yet sent."""

    def __init__(self, db: Any) -> None:
        self.db = db  # a SyncPostgrestClient, whose rpc() is declared for texts only

    def people(self) -> Any:
        return self.db.from_("people").select("id").order("id")

    def todos(self) -> Any:
        return self.db.from_("todos")

    def films(self, columns: str) -> Any:
        return self.db.from_("films").select(columns)


Make = Callable[[Calls], Any]
#: What makes a request, and its data; data and count; or the code of its error.
CASES: list[tuple[str, Make, Any]] = [
    ("select", lambda c: c.films("id, title").eq("id", 1), [{"id": 1, "title": "Arrival Hall"}]),
    (
        "alias and cast",
        lambda c: c.films("name:title, year::text").eq("id", 1),
        [{"name": "Arrival Hall", "year": "1990"}],
    ),
    ("json path", lambda c: c.db.from_("people").select("data->phones->0->>no").eq("id", 2), [{"no": "512"}]),
    (
        "embed",
        lambda c: c.films("title, directors(last_name)").eq("id", 1),
        [{"title": "Arrival Hall", "directors": {"last_name": "Berg"}}],
    ),
    (
        "hint",
        lambda c: (
            c.db.from_("orders").select("name, b:addresses!billing(city), s:addresses!shipping(city)").eq("id", 1)
        ),
        [{"name": "Filter", "b": {"city": "Oslo"}, "s": {"city": "Rome"}}],
    ),
    ("ambiguous", lambda c: c.db.from_("orders").select("addresses(city)"), "PGRST201"),
    (
        "inner",
        lambda c: c.films("id, directors!inner(last_name)").eq("directors.last_name", "Cole"),
        [{"id": 3, "directors": {"last_name": "Cole"}}],
    ),
    ("spread", lambda c: c.films("id, ...directors(director:last_name)").eq("id", 1), [{"id": 1, "director": "Berg"}]),
    ("count in an embed", lambda c: c.films("id, roles(count)").eq("id", 1), [{"id": 1, "roles": [{"count": 2}]}]),
    (
        "limit of an embed",
        lambda c: (
            c.films("id, actors(id)").eq("id", 1).order("id", foreign_table="actors").limit(1, foreign_table="actors")
        ),
        [{"id": 1, "actors": ids(1)}],
    ),
    ("neq", lambda c: c.people().neq("id", 1), ids(2, 3, 4)),
    ("gt", lambda c: c.people().gt("age", 20), ids(3)),
    ("gte and lt", lambda c: c.people().gte("age", 15).lt("age", 30), ids(1, 2)),
    ("lte", lambda c: c.people().lte("age", 15), ids(1)),
    ("is", lambda c: c.people().is_("last_name", None), ids(4)),
    ("is true", lambda c: c.people().is_("student", True), ids(1, 4)),
    ("not is", lambda c: c.people().not_.is_("last_name", "null"), ids(1, 2, 3)),
    ("like", lambda c: c.people().like("first_name", "J%"), ids(1, 2, 3)),
    ("ilike", lambda c: c.people().ilike("first_name", "j_m"), ids(3)),
    ("like all", lambda c: c.people().like_all_of("last_name", "O%,%n"), ids(3)),
    ("like any", lambda c: c.people().like_any_of("last_name", "O%,P%"), ids(1, 2, 3)),
    ("ilike all", lambda c: c.people().ilike_all_of("last_name", "o%,%N"), ids(3)),
    ("ilike any", lambda c: c.people().ilike_any_of("last_name", "o%,p%"), ids(1, 2, 3)),
    ("in", lambda c: c.people().in_("first_name", ["John", "Zoe", "a,b(c)"]), ids(1, 4)),
    ("in of nothing", lambda c: c.people().in_("id", []), []),
    ("not in", lambda c: c.people().not_.in_("id", [1, 2]), ids(3, 4)),
    ("fts", lambda c: c.people().fts("bio", "cat"), ids(1, 3)),
    ("plfts", lambda c: c.people().plfts("bio", "fat cats"), ids(1)),
    ("phfts", lambda c: c.people().phfts("bio", "fat cats"), ids(1)),
    ("wfts", lambda c: c.people().wfts("bio", "cat -rat"), ids(1)),
    (
        "text search",
        lambda c: (
            c.db.from_("people")
            .select("id")
            .text_search("bio", "cat -rat", {"type": "web_search", "config": "english"})
        ),
        ids(1),
    ),
    ("contains", lambda c: c.people().contains("tags", ["new"]), ids(1)),
    ("contains json", lambda c: c.people().contains("data", {"blood": "A-"}), ids(1, 4)),
    ("contained by", lambda c: c.people().contained_by("tags", ["red", "new", "blue"]), ids(1, 2, 3)),
    ("overlaps", lambda c: c.people().ov("tags", ["red", "blue"]), ids(1, 2)),
    ("range gt", lambda c: c.people().range_gt("period", (1, 6)), ids(2)),
    ("range gte", lambda c: c.people().range_gte("period", (5, 15)), ids(2)),
    ("range lt", lambda c: c.people().range_lt("period", (10, 20)), ids(1)),
    ("range lte", lambda c: c.people().range_lte("period", (1, 10)), ids(1)),
    ("range adjacent", lambda c: c.people().range_adjacent("period", (9, 12)), ids(1)),
    ("match", lambda c: c.people().match({"first_name": "Jane", "age": 20}), ids(2)),
    ("or", lambda c: c.people().or_("age.lt.18,and(age.gt.21,student.is.null)"), ids(1, 3)),
    (
        "or in an embed",
        lambda c: (
            c.films("id, roles(character)")
            .eq("id", 1)
            .or_("character.eq.Clerk,character.eq.No", reference_table="roles")
        ),
        [{"id": 1, "roles": [{"character": "Clerk"}]}],
    ),
    ("filter", lambda c: c.people().filter("id", "in", "(1,3)"), ids(1, 3)),
    ("order", lambda c: c.db.from_("people").select("id").order("age", desc=True, nullsfirst=False), ids(3, 2, 1, 4)),
    ("range", lambda c: c.people().range(1, 2), ids(2, 3)),
    ("limit and offset", lambda c: c.people().limit(2).offset(1), ids(2, 3)),
    ("single", lambda c: c.db.from_("clients").select("name").eq("id", 42).single(), {"name": "Acme"}),
    ("single of many", lambda c: c.db.from_("clients").select("name").single(), "PGRST116"),
    ("maybe single", lambda c: c.db.from_("clients").select("name").eq("id", 42).maybe_single(), {"name": "Acme"}),
    ("csv", lambda c: c.db.from_("clients").select("*").order("id").csv(), "id,name\n42,Acme\n43,Bolt\n"),
    ("count", lambda c: c.db.from_("people").select("id", count=EXACT).order("id").limit(1), (ids(1), 4)),
    (
        "estimated",
        lambda c: c.db.from_("people").select("id", count=CountMethod.estimated).order("id").limit(1),
        (ids(1), 4),
    ),
    ("head", lambda c: c.db.from_("people").select("id", count=EXACT, head=True), ([], 4)),
    ("strip nulls", lambda c: c.films("id, year").eq("id", 4).strip_nulls(), ids(4)),
    ("unknown column", lambda c: c.films("nothing"), "42703"),
    ("unknown table", lambda c: c.db.from_("nothing").select("*"), "PGRST205"),
    # Writing; a later call sees what an earlier one has left.
    (
        "insert",
        lambda c: c.todos().insert({"id": 1, "task": "one", "slug": "a"}).select("id", "task"),
        [{"id": 1, "task": "one"}],
    ),
    ("insert minimal", lambda c: c.todos().insert({"id": 2, "task": "two"}, returning=MINIMAL), []),
    (
        "insert many",
        lambda c: c.todos().insert([{"id": 3, "task": "three"}, {"id": 4, "task": "four"}], count=EXACT).select("id"),
        (ids(3, 4), 2),
    ),
    (
        "insert defaults",
        lambda c: c.todos().insert([{"id": 5, "task": "five"}, {"id": 6}], default_to_null=False).select("id", "task"),
        [{"id": 5, "task": "five"}, {"id": 6, "task": "nothing"}],
    ),
    ("insert again", lambda c: c.todos().insert({"id": 1}), "23505"),
    ("insert null", lambda c: c.todos().insert({"id": 7, "task": None}), "23502"),
    (
        "upsert",
        lambda c: c.todos().upsert({"id": 1, "task": "ONE"}).select("id", "task", "slug"),
        [{"id": 1, "task": "ONE", "slug": "a"}],
    ),
    (
        "upsert on conflict",
        lambda c: c.todos().upsert({"id": 1, "slug": "a", "done": True}, on_conflict="slug").select("id", "done"),
        [{"id": 1, "done": True}],
    ),
    (
        "upsert ignoring",
        lambda c: (
            c.todos().upsert([{"id": 1, "task": "no"}, {"id": 8, "task": "eight"}], ignore_duplicates=True).select("id")
        ),
        ids(8),
    ),
    ("update", lambda c: c.todos().update({"done": True}).eq("id", 2).select("id", "done"), [{"id": 2, "done": True}]),
    (
        "update many",
        lambda c: c.todos().update({"done": True}, count=EXACT, returning=MINIMAL).in_("id", [3, 4]),
        ([], 2),
    ),
    ("update too many", lambda c: c.todos().update({"done": False}).gt("id", 0).max_affected(1), "PGRST124"),
    ("delete", lambda c: c.todos().delete().eq("id", 4).select("id"), ids(4)),
    ("delete counted", lambda c: c.todos().delete(count=EXACT, returning=MINIMAL).in_("id", [5, 6]), ([], 2)),
    ("delete too many", lambda c: c.todos().delete().gt("id", 0).max_affected(2), "PGRST124"),
    ("left", lambda c: c.todos().select("id").order("id"), ids(1, 2, 3, 8)),
    ("delete all", lambda c: c.todos().delete(returning=MINIMAL).gt("id", 0), []),
    # Functions and schemas
    ("rpc", lambda c: c.db.rpc("add_them", {"a": 1, "b": 2}), 3),
    ("rpc get", lambda c: c.db.rpc("add_them", {"a": 1, "b": 2}, get=True), 3),
    ("rpc rows", lambda c: c.db.rpc("best_films", {}).select("id").order("id").limit(1), ids(1)),
    ("rpc count", lambda c: c.db.rpc("best_films", {}, count=EXACT, head=True), ([], 2)),
    ("rpc void", lambda c: c.db.rpc("do_nothing", {}), []),
    ("rpc unknown", lambda c: c.db.rpc("no_such_function", {}), "PGRST202"),
    ("rpc error", lambda c: c.db.rpc("plain_error", {}), "P0001"),
    ("schema", lambda c: c.db.schema("archive").from_("films").select("title"), [{"title": "Old Reel"}]),
    ("back", lambda c: c.db.schema("cinema").from_("films").select("id").eq("id", 1), ids(1)),
    ("hidden schema", lambda c: c.db.schema("hidden").from_("things").select("*"), "PGRST106"),
]


def sent(request: Any) -> Any:
    """Send a request; give its data, its data and its count, or the code of its error."""
    try:
        answer = request.execute()
    except APIError as error:
        return error.code
    if answer is None or isinstance(answer, str):
        return answer
    return answer.data if answer.count is None else (answer.data, answer.count)


@pytest.fixture(scope="module")
def answers(clients_api: Api) -> Iterator[dict[str, Any]]:
    """What the calls have answered, in their order."""
    headers = {"Authorization": f"Bearer {token(clients_api.place.user)}"}
    with SyncPostgrestClient(clients_api.url, schema="cinema", headers=headers) as db:
        yield {name: sent(make(Calls(db))) for name, make, _ in CASES}


def test_names_are_unique() -> None:
    assert len({name for name, _, _ in CASES}) == len(CASES) >= 80


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, _, expected in CASES])
def test_call(answers: dict[str, Any], name: str, expected: Any) -> None:
    assert answers[name] == expected
