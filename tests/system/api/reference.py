"""What PostgREST's references say of requests to the schema of reference.sql, in words of our own.

``SECTIONS`` has a list of cases a page of the references (https://docs.postgrest.org/en/v16/references/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any

from tests.system.api.harness import Api

OBJECT = {"Accept": "application/vnd.pgrst.object+json"}
FULL = {"Prefer": "return=representation"}


@dataclass(frozen=True)
class Case:
    """A request, and the answer: ``answer`` is a JSON value, bytes, None for an empty body, or anything (...)."""

    method: str
    path: str
    status: int
    answer: Any = ...
    #: Headers of the answer; None: it does not have this header.
    shown: Mapping[str, str | None] = field(default_factory=dict)
    send: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    #: Whether the request has the token of a user; else it is anonymous.
    user: bool = False

    def check(self, api: Api) -> None:
        """Send the request and compare."""
        role = api.place.user if self.user else None
        answer = api.send(self.method, self.path, self.body, headers=self.send, role=role)
        interesting = {name: answer.headers.get(name) for name in self.shown}
        told = f"{self.method} {self.path} {dict(self.send)}: {answer.status_code} {interesting} {answer.text}"
        assert answer.status_code == self.status, told
        if isinstance(self.answer, bytes) or self.answer is None:
            assert answer.content == (self.answer or b""), told
        elif not isinstance(self.answer, EllipsisType):
            assert answer.json() == self.answer, told
        for name, value in self.shown.items():
            assert answer.headers.get(name) == value, f"{name}: {told}"


def get(path: str, answer: Any = ..., status: int = 200, **more: Any) -> Case:
    """Give a case that reads."""
    return Case("GET", path, status, answer, **more)


def refused(
    method: str,
    path: str,
    status: int,
    code: str,
    message: str,
    details: Any = None,
    hint: str | None = None,
    **more: Any,
) -> Case:
    """Give a case that is an error."""
    shown = {"Content-Type": "application/json; charset=utf-8", **more.pop("shown", {})}
    body = {"code": code, "message": message, "details": details, "hint": hint}
    return Case(method, path, status, body, shown=shown, **more)


def ids(*numbers: int) -> list[dict[str, int]]:
    """Give rows that have an id only."""
    return [{"id": number} for number in numbers]


def people(query: str, *numbers: int) -> Case:
    """Give a case that finds these people."""
    return get(f"/people?select=id&order=id&{query}", ids(*numbers))


TABLES_VIEWS = [
    get("/clients", [{"id": 42, "name": "Acme"}, {"id": 43, "name": "Bolt"}]),
    Case("HEAD", "/clients", 200, None, {"Content-Range": "0-1/*", "Content-Type": "application/json; charset=utf-8"}),
    people("age=gte.18&student=is.true"),
    people("age=lt.18", 1),
    people("age=eq.20", 2),
    people("age=neq.20", 1, 3),
    people("age=gt.20", 3),
    people("age=lte.20", 1, 2),
    people("first_name=like.J*", 1, 2, 3),
    people("first_name=like.J%25n*", 1, 2),
    people("first_name=ilike.j*", 1, 2, 3),
    people("first_name=match.%5EJ[aio]", 1, 2, 3),
    people("first_name=imatch.%5Ej", 1, 2, 3),
    people("id=in.(1,3)", 1, 3),
    people("first_name=in.(%22John%22,Zoe)", 1, 4),
    people("id=in.()"),
    people("id=not.in.(1,3)", 2, 4),
    people("last_name=is.null", 4),
    people("last_name=is.NULL", 4),
    people("last_name=is.not_null", 1, 2, 3),
    people("last_name=not.is.null", 1, 2, 3),
    people("student=is.true", 1, 4),
    people("student=is.false", 2),
    people("student=is.unknown", 3),
    people("student=not.is.true", 2, 3),
    people("age=isdistinct.20", 1, 3, 4),
    people("tags=cs.{new}", 1),
    people("tags=cd.{red,new,blue}", 1, 2, 3),
    people("tags=ov.{red,blue}", 1, 2),
    people("data=cs.{%22blood%22:%22A-%22}", 1, 4),
    people("period=cs.[7,8]", 1, 3),
    people("period=ov.[12,13]", 2, 3),
    people("period=sl.[10,20)", 1),
    people("period=sr.[1,6)", 2),
    people("period=nxr.[1,10)", 1),
    people("period=nxl.[5,15)", 2, 3),
    people("period=adj.[10,12)", 1),
    people("or=(age.lt.18,age.gt.21)", 1, 3),
    people("not.and=(age.gte.0,age.lte.20)", 3),
    people("age=not.eq.20", 1, 3),
    people("grade=gte.90&student=is.true&or=(age.eq.15,not.and(age.gte.11,age.lte.17))", 1),
    people('or=(period.adj."[10,12)",period.cs."[12,13]")', 1, 2, 3),
    people("and=(or(age.eq.15,age.eq.30),student.is.true)", 1),
    people("or=(id.in.(1,2),first_name.eq.Zoe)", 1, 2, 4),
    people("or=(first_name.eq.%22a,b%22,id.eq.2)", 2),
    people("last_name=like(any).{O*,P*}", 1, 2, 3),
    people("last_name=like(all).{O*,*n}", 3),
    people("id=eq(any).{1,4}", 1, 4),
    people("id=not.eq(any).{1,4}", 2, 3),
    people("age=gt(all).{10,20}", 3),
    people("or=(last_name.ilike(any).{o*,p*},id.eq.4)", 1, 2, 3, 4),
    people("bio=fts(english).cat", 1, 3),
    people("bio=plfts(english).The%20Fat%20Cats", 1),
    people("bio=phfts(english).fat%20cats", 1),
    people("bio=wfts(english).cat%20-rat", 1),
    people("bio=not.wfts(english).cat", 2),
    people("bio=fts.cat%26rat", 3),
    people("data=phfts(simple).917", 1),
    get("/people?select=first_name,age&id=eq.1", [{"first_name": "John", "age": 15}]),
    get("/people?select=name:first_name&id=eq.1", [{"name": "John"}]),
    get("/people?select=id,data->>blood,data->phones&id=eq.1", [{"id": 1, "blood": "A-", "phones": [{"no": "917"}]}]),
    get("/people?select=data->phones->0->>no&id=eq.2", [{"no": "512"}]),
    get("/people?select=data->phones->-1->>no&id=eq.2", [{"no": "213"}]),
    people("data->>blood=eq.A-", 1, 4),
    people("data->age=gt.15", 2),
    people("data->phones->0->>no=eq.917", 1),
    people("or=(data->>blood.eq.O%2B,id.eq.3)", 2, 3),
    get("/people?select=id&order=data->>age.desc.nullslast,id.desc&limit=2", ids(2, 1)),
    get(
        "/countries?select=id,location->>lat,location->>long,primary_language:languages->0&location->lat=gte.19",
        [{"id": 5, "lat": "19.741755", "long": "-155.844437", "primary_language": "en"}],
    ),
    get("/countries?select=id&order=location->lat", ids(6, 5)),
    get("/people?select=first_name,age::text&id=eq.1", [{"first_name": "John", "age": "15"}]),
    get("/people?select=years:age::text&id=eq.1", [{"years": "15"}]),
    get("/people?select=id&order=age.desc,first_name.asc", ids(4, 3, 2, 1)),
    get("/people?select=id&order=age", ids(1, 2, 3, 4)),
    get("/people?select=id&order=age.nullsfirst", ids(4, 1, 2, 3)),
    get("/people?select=id&order=age.desc.nullslast", ids(3, 2, 1, 4)),
    # Insert
    Case("POST", "/clients", 201, None, {"Content-Type": None, "Location": None}, body={"id": 1, "name": "New"}),
    Case(
        "POST",
        "/people?select=id,first_name,age",
        201,
        [{"id": 200, "first_name": "J Doe", "age": 50}],
        {"Preference-Applied": "return=representation"},
        {"Content-Type": "application/x-www-form-urlencoded", **FULL},
        b"id=200&first_name=J+Doe&age=50",
    ),
    Case(
        "POST",
        "/people?select=first_name,age,bio",
        201,
        [{"first_name": "J Doe", "age": 62, "bio": ""}, {"first_name": "Jonas", "age": 10, "bio": None}],
        {},
        {"Content-Type": "text/csv", **FULL},
        b"first_name,age,bio\nJ Doe,62,\nJonas,10,NULL\n",
    ),
    Case(
        "POST",
        "/people?select=first_name",
        201,
        [{"first_name": "a"}, {"first_name": "b"}],
        {},
        FULL,
        [{"first_name": "a"}, {"first_name": "b"}],
    ),
    refused(
        "POST",
        "/people",
        400,
        "PGRST102",
        "All object keys must match",
        body=[{"first_name": "a"}, {"first_name": "b", "age": 3}],
    ),
    Case(
        "POST",
        "/todos?columns=id,task&select=id,task,slug",
        201,
        [{"id": 1, "task": "t", "slug": None}],
        {},
        FULL,
        {"id": 1, "task": "t", "slug": "ignored", "nothing": 1},
    ),
    Case("POST", "/todos", 201, [], {"Content-Range": "*/*"}, FULL, []),
    Case(
        "POST", "/people?select=id,student", 201, [{"id": 9, "student": False}], {}, FULL, {"id": 9, "first_name": "x"}
    ),
    # Update
    Case("PATCH", "/people?age=lt.18", 204, None, {"Content-Range": "0-0/*", "Content-Type": None}, body={"grade": 1}),
    Case("PATCH", "/people?age=lt.0", 204, None, {"Content-Range": "*/*"}, body={"grade": 1}),
    Case("PATCH", "/people?id=eq.1&select=id,grade", 200, [{"id": 1, "grade": 1}], {}, FULL, {"grade": 1}),
    Case(
        "PATCH",
        "/people?id=eq.1&select=id,grade&columns=grade",
        200,
        [{"id": 1, "grade": 1}],
        {},
        FULL,
        {"grade": 1, "id": 77},
    ),
    Case("PATCH", "/people?id=eq.1", 204, None, {}, body={}),
    Case("PATCH", "/people?id=eq.1&select=id", 200, [], {}, FULL, {}),
    # Upsert
    Case(
        "POST",
        "/clients",
        201,
        [{"id": 42, "name": "Acme II"}, {"id": 44, "name": "Cole"}],
        {"Preference-Applied": "resolution=merge-duplicates, return=representation"},
        {"Prefer": "resolution=merge-duplicates,return=representation"},
        [{"id": 42, "name": "Acme II"}, {"id": 44, "name": "Cole"}],
    ),
    Case(
        "POST",
        "/clients",
        200,
        [{"id": 42, "name": "Acme II"}],
        {},
        {"Prefer": "resolution=merge-duplicates,return=representation"},
        {"id": 42, "name": "Acme II"},
    ),
    Case(
        "POST",
        "/clients",
        201,
        [{"id": 44, "name": "Cole"}],
        {"Preference-Applied": "resolution=ignore-duplicates, return=representation"},
        {"Prefer": "resolution=ignore-duplicates,return=representation"},
        [{"id": 42, "name": "Acme II"}, {"id": 44, "name": "Cole"}],
    ),
    Case(
        "POST",
        "/people?columns=id,first_name&select=id,first_name",
        201,
        ...,
        {"Preference-Applied": "resolution=merge-duplicates, missing=default, return=representation"},
        {"Prefer": "resolution=merge-duplicates, missing=default, return=representation"},
        [{"id": 1, "first_name": "Existing"}, {"first_name": "New"}],
    ),
    Case(
        "POST",
        "/todos?on_conflict=slug&select=id,slug",
        201,
        [{"id": 1, "slug": "s"}],
        {},
        {"Prefer": "resolution=merge-duplicates,return=representation"},
        [{"id": 1, "slug": "s"}],
    ),
    Case("PUT", "/clients?id=eq.42", 204, None, {}, body={"id": 42, "name": "Acme II"}),
    Case("PUT", "/clients?id=eq.42", 200, [{"id": 42, "name": "Acme II"}], {}, FULL, {"id": 42, "name": "Acme II"}),
    Case("PUT", "/clients?id=eq.44", 201, None, {}, body={"id": 44, "name": "Cole"}),
    Case("PUT", "/clients?id=eq.44", 201, [{"id": 44, "name": "Cole"}], {}, FULL, {"id": 44, "name": "Cole"}),
    Case(
        "PUT", "/roles?film_id=eq.1&actor_id=eq.1", 204, None, {}, body={"film_id": 1, "actor_id": 1, "character": "x"}
    ),
    refused(
        "PUT",
        "/clients?name=eq.Acme",
        405,
        "PGRST105",
        "Filters must include all and only primary key columns with 'eq' operators",
        body={"id": 42, "name": "A"},
    ),
    refused(
        "PUT",
        "/clients?id=eq.42&limit=1",
        400,
        "PGRST114",
        "limit/offset querystring parameters are not allowed for PUT",
        body={"id": 42, "name": "A"},
    ),
    refused(
        "PUT",
        "/clients?id=eq.42",
        400,
        "PGRST115",
        "Payload values do not match URL in primary key column(s)",
        body={"id": 43, "name": "A"},
    ),
    # Delete
    Case("DELETE", "/nominations?rank=eq.5", 204, None, {"Content-Type": None}),
    Case(
        "DELETE",
        "/nominations?rank=eq.5&select=film_id,films(title)",
        200,
        [{"film_id": 2, "films": {"title": "Brass"}}],
        {},
        FULL,
    ),
    Case("DELETE", "/nominations?rank=eq.9", 204, None),
    Case("DELETE", "/nominations?rank=eq.9", 200, [], {}, FULL),
]

EMBEDDING = [
    get(
        "/films?select=title,directors(id,last_name)&id=eq.1",
        [{"title": "Arrival Hall", "directors": {"id": 1, "last_name": "Berg"}}],
    ),
    get("/films?select=title,director:directors(id)&id=eq.4", [{"title": "Drift", "director": None}]),
    get("/films?select=title,director:director_id(id)&id=eq.1", [{"title": "Arrival Hall", "director": {"id": 1}}]),
    get("/films?select=title,directors!film_director(id)&id=eq.1", [{"title": "Arrival Hall", "directors": {"id": 1}}]),
    get("/films?select=title,film_director(id)&id=eq.1", [{"title": "Arrival Hall", "film_director": {"id": 1}}]),
    get("/films?select=title,directors!director_id(id)&id=eq.1", [{"title": "Arrival Hall", "directors": {"id": 1}}]),
    get(
        "/directors?select=last_name,films(title)&order=id&films.order=title.desc",
        [
            {"last_name": "Berg", "films": [{"title": "Brass"}, {"title": "Arrival Hall"}]},
            {"last_name": "Cole", "films": [{"title": "Cold Soup"}]},
            {"last_name": "Dahl", "films": []},
        ],
    ),
    get(
        "/actors?select=first_name,films(title)&order=id&films.order=id",
        [
            {"first_name": "Eve", "films": [{"title": "Arrival Hall"}]},
            {"first_name": "Finn", "films": [{"title": "Arrival Hall"}, {"title": "Brass"}]},
            {"first_name": "Gus", "films": [{"title": "Cold Soup"}]},
        ],
    ),
    get(
        "/films?select=title,technical_specs(camera)&order=id&limit=3",
        [
            {"title": "Arrival Hall", "technical_specs": {"camera": "Arri"}},
            {"title": "Brass", "technical_specs": {"camera": "Bolex"}},
            {"title": "Cold Soup", "technical_specs": None},
        ],
    ),
    get(
        "/technical_specs?select=camera,films(title)&film_id=eq.1",
        [{"camera": "Arri", "films": {"title": "Arrival Hall"}}],
    ),
    # Computed relationships, and recursive ones by them
    get(
        "/employees?select=last_name,supervisees(last_name)&id=eq.1&supervisees.order=id",
        [{"last_name": "Taylor", "supervisees": [{"last_name": "Johnson"}, {"last_name": "Miller"}]}],
    ),
    get(
        "/employees?select=last_name,supervisor(last_name)&id=eq.3",
        [{"last_name": "Miller", "supervisor": {"last_name": "Taylor"}}],
    ),
    get(
        "/employees?select=last_name,supervisor(last_name)&order=supervisor(last_name).nullsfirst,id&limit=1",
        [{"last_name": "Taylor", "supervisor": None}],
    ),
    # Foreign keys that are ambiguous
    refused(
        "GET",
        "/orders?select=*,addresses(*)",
        300,
        "PGRST201",
        "Could not embed because more than one relationship was found for 'orders' and 'addresses'",
        [
            {
                "cardinality": "many-to-one",
                "embedding": "orders with addresses",
                "relationship": "billing using orders(billing_id) and addresses(id)",
            },
            {
                "cardinality": "many-to-one",
                "embedding": "orders with addresses",
                "relationship": "shipping using orders(shipping_id) and addresses(id)",
            },
        ],
        "Try changing 'addresses' to one of the following: 'addresses!billing', 'addresses!shipping'. "
        "Find the desired relationship in the 'details' key.",
    ),
    get(
        "/orders?select=name,billing:addresses!billing(city),shipping:addresses!shipping(city)&id=eq.1",
        [{"name": "Filter", "billing": {"city": "Oslo"}, "shipping": {"city": "Rome"}}],
    ),
    get(
        "/addresses?select=name,b:orders!billing(name),s:orders!shipping(name)&id=eq.1&b.order=id",
        [{"name": "North Road 1", "b": [{"name": "Filter"}, {"name": "Kettle"}], "s": [{"name": "Kettle"}]}],
    ),
    get("/addresses?select=name,orders!billing(name)&id=eq.2", [{"name": "South Road 2", "orders": []}]),
    # Partitions, views, functions
    get(
        "/box_office?select=bo_date,gross,films(title)&gross=gte.1000",
        [{"bo_date": "2021-02-05", "gross": 2000.00, "films": {"title": "Arrival Hall"}}],
    ),
    get(
        "/films?select=title,box_office(gross)&id=eq.1&box_office.order=gross",
        [{"title": "Arrival Hall", "box_office": [{"gross": 100.00}, {"gross": 2000.00}]}],
    ),
    get(
        "/nominations_view?select=film_title,roles(character)&rank=eq.5",
        [{"film_title": "Brass", "roles": [{"character": "Smith"}]}],
    ),
    get(
        "/nominations_view?select=film_title,films!nominations_film_id_fkey(language)&rank=eq.5",
        [{"film_title": "Brass", "films": {"language": "german"}}],
    ),
    get(
        "/nominations_view?select=film_title,films(language)&rank=eq.5",
        [{"film_title": "Brass", "films": {"language": "german"}}],
    ),
    get(
        "/nominations_view?select=film_title,actors(first_name)&rank=eq.5",
        [{"film_title": "Brass", "actors": [{"first_name": "Finn"}]}],
    ),
    get(
        "/rpc/best_films?select=title,directors(last_name)&title=like.*Hall*",
        [{"title": "Arrival Hall", "directors": {"last_name": "Berg"}}],
    ),
    Case(
        "POST",
        "/films?select=title,director:directors(first_name)",
        201,
        [{"title": "127 hours", "director": {"first_name": "Cleo"}}],
        {},
        FULL,
        {"id": 100, "director_id": 3, "title": "127 hours"},
    ),
    Case(
        "PATCH",
        "/films?select=title,directors(first_name)&id=eq.4",
        200,
        [{"title": "Drift", "directors": {"first_name": "Cleo"}}],
        {},
        FULL,
        {"director_id": 3},
    ),
    get(
        "/actors?select=roles(character,films(title,year))&id=eq.1",
        [{"roles": [{"character": "Clerk", "films": {"title": "Arrival Hall", "year": 1990}}]}],
    ),
    # Filters, order and limits of what is embedded
    get(
        "/films?select=id,actors(first_name)&id=eq.1&actors.order=last_name.desc,first_name",
        [{"id": 1, "actors": [{"first_name": "Finn"}, {"first_name": "Eve"}]}],
    ),
    get(
        "/films?select=id,roles(character)&id=in.(1,2)&order=id&roles.character=in.(Clerk,Smith)",
        [{"id": 1, "roles": [{"character": "Clerk"}]}, {"id": 2, "roles": [{"character": "Smith"}]}],
    ),
    get(
        "/films?select=id,roles(character)&id=in.(1,2)&order=id&roles.or=(character.eq.Clerk,character.eq.None)",
        [{"id": 1, "roles": [{"character": "Clerk"}]}, {"id": 2, "roles": []}],
    ),
    get(
        "/films?select=id,actors(id)&id=eq.1&actors.order=id&actors.limit=1&actors.offset=1",
        [{"id": 1, "actors": [{"id": 2}]}],
    ),
    get(
        "/films?select=id,a:competitions(name),b:competitions(name)&id=eq.1&a.year=eq.1990&b.year=eq.1991",
        [{"id": 1, "a": [], "b": [{"name": "Golden Reel"}]}],
    ),
    get(
        "/films?select=id,roles(character,actors(first_name))&id=eq.1&roles.actors.first_name=eq.Eve&roles.order=actor_id",
        [
            {
                "id": 1,
                "roles": [
                    {"character": "Clerk", "actors": {"first_name": "Eve"}},
                    {"character": "Guest", "actors": None},
                ],
            }
        ],
    ),
    get(
        "/films?select=id,actors(first_name)&order=id&actors.first_name=eq.Eve",
        [{"id": 1, "actors": [{"first_name": "Eve"}]}, *({"id": each, "actors": []} for each in (2, 3, 4))],
    ),
    get(
        "/films?select=id,actors!inner(first_name)&actors.first_name=eq.Eve",
        [{"id": 1, "actors": [{"first_name": "Eve"}]}],
    ),
    get(
        "/films?select=id,directors!inner(last_name)&directors.last_name=eq.Cole",
        [{"id": 3, "directors": {"last_name": "Cole"}}],
    ),
    get(
        "/films?select=id,roles!inner(actors!inner(id))&roles.actors.first_name=eq.Gus",
        [{"id": 3, "roles": [{"actors": {"id": 3}}]}],
    ),
    get(
        "/orders?select=id,addresses!billing!inner(city)&addresses.city=eq.Oslo&order=id",
        [{"id": 1, "addresses": {"city": "Oslo"}}, {"id": 2, "addresses": {"city": "Oslo"}}],
    ),
    get(
        "/films?select=id,actors(id)&actors=not.is.null&order=id&actors.order=id",
        [{"id": 1, "actors": ids(1, 2)}, {"id": 2, "actors": ids(2)}, {"id": 3, "actors": ids(3)}],
    ),
    get("/films?select=id,nominations()&nominations=is.null", ids(4)),
    get(
        "/films?select=id,actors(id),directors(id)&or=(actors.is.null,directors.is.null)",
        [{"id": 4, "actors": [], "directors": None}],
    ),
    get(
        "/films?select=id,actors(),directors()&directors.first_name=eq.Ben&actors.first_name=eq.Eve"
        "&or=(directors.not.is.null,actors.not.is.null)&order=id",
        ids(1, 3),
    ),
    get(
        "/films?select=id,act:actors(),actors(id)&act.first_name=eq.Eve&act=not.is.null&actors.order=id",
        [{"id": 1, "actors": ids(1, 2)}],
    ),
    get("/films?select=id,actors()&actors.first_name=eq.Eve&actors=not.is.null", ids(1)),
    get(
        "/films?select=id,directors(last_name)&order=directors(last_name).desc.nullslast,id",
        [
            {"id": 3, "directors": {"last_name": "Cole"}},
            {"id": 1, "directors": {"last_name": "Berg"}},
            {"id": 2, "directors": {"last_name": "Berg"}},
            {"id": 4, "directors": None},
        ],
    ),
    refused(
        "GET",
        "/films?select=id,actors(id)&order=actors(id)",
        400,
        "PGRST118",
        "A related order on 'actors' is not possible",
        "'films' and 'actors' do not form a many-to-one or one-to-one relationship",
    ),
    # Spread
    get(
        "/films?select=title,...directors(director:last_name)&id=in.(1,4)&order=id",
        [{"title": "Arrival Hall", "director": "Berg"}, {"title": "Drift", "director": None}],
    ),
    get(
        "/directors?select=first_name,...films(titles:title,years:year)&order=id&films.order=year.desc",
        [
            {"first_name": "Ada", "titles": ["Brass", "Arrival Hall"], "years": [1995, 1990]},
            {"first_name": "Ben", "titles": ["Cold Soup"], "years": [2001]},
            {"first_name": "Cleo", "titles": [], "years": []},
        ],
    ),
    get(
        "/directors?select=id,...films(titles:title,...technical_specs(sounds:sound),...roles(characters:character))"
        "&id=eq.1&films.order=year&films.roles.order=character.desc",
        [
            {
                "id": 1,
                "titles": ["Arrival Hall", "Brass"],
                "sounds": ["mono", None],
                "characters": [["Guest", "Clerk"], ["Smith"]],
            }
        ],
    ),
    get(
        "/films?select=title,actors:roles(character,...actors(first_name))&id=eq.2",
        [{"title": "Brass", "actors": [{"character": "Smith", "first_name": "Finn"}]}],
    ),
    get("/films?select=id,...directors!inner(last_name)&directors.last_name=eq.Cole", [{"id": 3, "last_name": "Cole"}]),
    refused(
        "GET",
        "/films?select=id,addresses(id)",
        400,
        "PGRST200",
        "Could not find a relationship between 'films' and 'addresses' in the schema cache",
        "Searched for a foreign key relationship between 'films' and 'addresses' in the schema 'cinema', "
        "but no matches were found.",
    ),
    refused(
        "GET",
        "/films?select=id,directors!nothing(id)",
        400,
        "PGRST200",
        "Could not find a relationship between 'films' and 'directors' in the schema cache",
        "Searched for a foreign key relationship between 'films' and 'directors' using the hint 'nothing' "
        "in the schema 'cinema', but no matches were found.",
    ),
    refused(
        "GET",
        "/films?select=id&actors.id=eq.1",
        400,
        "PGRST108",
        "'actors' is not an embedded resource in this request",
        None,
        "Verify that 'actors' is included in the 'select' query parameter.",
    ),
    get(
        "/clients?id=eq.42&select=id,name,projects{*}&projects.order=id",
        [
            {
                "id": 42,
                "name": "Acme",
                "projects": [
                    {"id": 1, "name": "Bridge", "client_id": 42},
                    {"id": 2, "name": "Tunnel", "client_id": 42},
                ],
            }
        ],
    ),
]

AGGREGATES = [
    get("/sales?select=amount.sum()", [{"sum": 60}]),
    get(
        "/sales?select=total:amount.sum(),mean:amount.avg(),least:amount.min(),most:amount.max()",
        [{"total": 60, "mean": 20, "least": 10, "most": 30}],
    ),
    get(
        "/sales?select=amount.sum(),sold_on&order=sold_on",
        [{"sum": 30, "sold_on": "2021-01-01"}, {"sum": 30, "sold_on": "2021-01-02"}],
    ),
    get("/sales?select=count(),regions:region.count()", [{"count": 3, "regions": 3}]),
    get("/people?select=count(),count_age:age.count()", [{"count": 4, "count_age": 3}]),
    get("/people?select=count", [{"count": 4}]),
    get("/people?select=data->age::numeric.sum()", [{"sum": 35}]),
    get("/sales?select=amount.avg()::text", [{"avg": "20.0000000000000000"}]),
    get("/sales?select=region,amount.avg()::int&region=eq.north", [{"region": "north", "avg": 15}]),
    get(
        "/sales?select=amount.sum(),films(title)&film_id=eq.1",
        [{"sum": 40, "films": {"title": "Arrival Hall"}}],
    ),
    get(
        "/sales?select=amount.sum(),...films(title)&film_id=eq.2",
        [{"sum": 20, "title": "Brass"}],
    ),
    get(
        "/films?select=title,sales(amount.sum(),sold_on)&id=eq.1&sales.order=sold_on",
        [
            {
                "title": "Arrival Hall",
                "sales": [{"sum": 10, "sold_on": "2021-01-01"}, {"sum": 30, "sold_on": "2021-01-02"}],
            }
        ],
    ),
    get(
        "/films?select=title,sales(count())&order=id&limit=2",
        [{"title": "Arrival Hall", "sales": [{"count": 2}]}, {"title": "Brass", "sales": [{"count": 1}]}],
    ),
    get(
        "/sales?select=sold_on,...films(year.max(),oldest:year.min())&order=sold_on",
        [
            {"sold_on": "2021-01-01", "max": 1995, "oldest": 1990},
            {"sold_on": "2021-01-02", "max": 1990, "oldest": 1990},
        ],
    ),
]

FUNCTIONS = [
    Case("POST", "/rpc/add_them", 200, 3, {"Content-Type": "application/json; charset=utf-8"}, body={"a": 1, "b": 2}),
    get("/rpc/add_them?a=1&b=2", 3),
    Case("HEAD", "/rpc/add_them?a=1&b=2", 200, None),
    get("/rpc/greet", "Hello, you"),
    get("/rpc/greet?name=Ann", "Hello, Ann"),
    Case("POST", "/rpc/greet", 200, "Hello, you"),
    Case("POST", "/rpc/mult_them", 200, 8, body={"x": 4, "y": 2}),
    Case("POST", "/rpc/text_length", 200, 5, {}, {"Content-Type": "text/plain"}, b"a,b c"),
    Case("POST", "/rpc/bytes_length", 200, 3, {}, {"Content-Type": "application/octet-stream"}, b"\0\1\2"),
    Case("POST", "/rpc/sum_list", 200, 6, body={"list": [1, 2, 3]}),
    get("/rpc/sum_list?list=%7B1,2,3%7D", 6),
    Case("POST", "/rpc/plus_one", 200, [2, 3], body={"v": [1, 2]}),
    get("/rpc/plus_one?v=1&v=2", [2, 3]),
    Case("POST", "/rpc/plus_one", 200, [2, 3], {}, {"Content-Type": "application/x-www-form-urlencoded"}, b"v=1&v=2"),
    Case("POST", "/rpc/add_them", 200, 3, {}, {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&b=2"),
    get(
        "/rpc/best_films?select=title,director:directors(last_name)&order=title",
        [
            {"title": "Arrival Hall", "director": {"last_name": "Berg"}},
            {"title": "Brass", "director": {"last_name": "Berg"}},
        ],
    ),
    get("/rpc/best_films?rating=gt.8&select=id", ids(2)),
    get("/rpc/best_films?select=id&title=like.*Hall", ids(1)),
    get("/rpc/best_films?select=id&order=id.desc&limit=1", ids(2), shown={"Content-Range": "0-0/*"}),
    get(
        "/rpc/best_films?select=id&limit=1&order=id",
        ids(1),
        206,
        send={"Prefer": "count=exact"},
        shown={"Content-Range": "0-0/2"},
    ),
    get("/rpc/first_film?select=id,title", {"id": 1, "title": "Arrival Hall"}),
    get("/rpc/one_film?select=id", ids(1)),
    get("/rpc/one_film?select=id", {"id": 1}, send=OBJECT),
    get("/rpc/numbers", [1, 2, 3]),
    get("/rpc/no_number", b"null"),
    get("/rpc/pairs", {"a": 1, "b": "x"}),
    get("/rpc/pair_rows?a=gt.1", [{"a": 2, "b": "y"}]),
    get("/rpc/pair_rows?select=b&order=a.desc", [{"b": "y"}, {"b": "x"}]),
    Case("POST", "/rpc/do_nothing", 204, None, {"Content-Type": None}),
    get("/rpc/area?w=3", 9),
    get("/rpc/area?w=3&h=4", 12),
    Case("POST", "/rpc/area", 200, 12, body={"w": 3, "h": 4}),
    Case(
        "POST",
        "/rpc/add_todo",
        200,
        {"id": 5, "task": "x", "done": False, "due": None, "slug": None},
        body={"id": 5, "task": "x"},
    ),
    Case("POST", "/rpc/add_todo?select=id,task", 200, {"id": 5, "task": "x"}, body={"id": 5, "task": "x"}),
    Case("POST", "/rpc/add_them?columns=a,b", 200, 3, body={"a": 1, "b": 2, "c": 9}),
    refused(
        "GET",
        "/rpc/torn?a=1",
        300,
        "PGRST203",
        "Could not choose the best candidate function between: cinema.torn(a => integer), cinema.torn(a => text)",
        None,
        "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
    ),
    refused(
        "GET",
        "/rpc/add_them?a=1&c=2",
        404,
        "PGRST202",
        "Could not find the function cinema.add_them(a, c) in the schema cache",
        "Searched for the function cinema.add_them with parameters a, c, "
        "but no matches were found in the schema cache.",
        "Perhaps you meant to call the function cinema.add_them(a, b)",
    ),
    Case("GET", "/rpc/add_todo?id=5&task=x", 405, ...),
    refused("DELETE", "/rpc/greet", 405, "PGRST101", "Cannot use the DELETE method on RPC"),
]

SCHEMAS = [
    get(
        "/films?select=title",
        [{"title": "Old Reel"}],
        send={"Accept-Profile": "archive"},
        shown={"Content-Profile": "archive"},
    ),
    get("/films?select=title&id=eq.1", [{"title": "Arrival Hall"}], shown={"Content-Profile": "cinema"}),
    get("/films?select=title&id=eq.1", [{"title": "Arrival Hall"}], send={"Accept-Profile": "cinema"}),
    Case(
        "POST",
        "/films",
        201,
        [{"id": 2, "title": "x"}],
        {"Content-Profile": "archive"},
        {"Content-Profile": "archive", **FULL},
        {"id": 2, "title": "x"},
    ),
    Case(
        "PATCH",
        "/films?id=eq.1",
        200,
        [{"id": 1, "title": "x"}],
        {},
        {"Content-Profile": "archive", **FULL},
        {"title": "x"},
    ),
    Case("DELETE", "/films?id=eq.1", 200, [{"id": 1, "title": "Old Reel"}], {}, {"Content-Profile": "archive", **FULL}),
    get("/rpc/greet", "archived", send={"Accept-Profile": "archive"}),
    Case("POST", "/rpc/greet", 200, "archived", {}, {"Content-Profile": "archive"}, {}),
    refused(
        "GET",
        "/films",
        406,
        "PGRST106",
        "Invalid schema: hidden",
        None,
        "Only the following schemas are exposed: cinema, archive",
        send={"Accept-Profile": "hidden"},
    ),
    refused(
        "POST",
        "/films",
        406,
        "PGRST106",
        "Invalid schema: hidden",
        None,
        "Only the following schemas are exposed: cinema, archive",
        send={"Content-Profile": "hidden"},
        body={},
    ),
]

COMPUTED_FIELDS = [
    get("/people?select=first_name,full_name&id=eq.1", [{"first_name": "John", "full_name": "John Oakes"}]),
    get("/people?select=id&full_name=like.*Pine", ids(2)),
    get("/people?select=id&order=full_name.desc&limit=1", ids(4)),
    get(
        "/people?select=*&id=eq.4",
        [
            {
                "id": 4,
                "first_name": "Zoe",
                "last_name": None,
                "age": None,
                "student": True,
                "grade": None,
                "data": {"blood": "A-"},
                "tags": None,
                "period": None,
                "bio": None,
            }
        ],
    ),
    Case(
        "POST", "/people?select=full_name", 201, [{"full_name": "A B"}], {}, FULL, {"first_name": "A", "last_name": "B"}
    ),
]

DOMAINS = [
    get("/paints?order=id", [{"id": 1, "shade": "#0000FF"}, {"id": 2, "shade": "#00FF00"}]),
    get("/paints?select=id,shade&shade=eq.%230000FF", [{"id": 1, "shade": "#0000FF"}]),
    get("/paints?select=id&shade=in.(%230000FF,%2300FF00)&order=id", ids(1, 2)),
    get("/paints?select=s:shade&id=eq.1", [{"s": "#0000FF"}]),
    Case("POST", "/paints", 201, [{"id": 3, "shade": "#FF0000"}], {}, FULL, {"id": 3, "shade": "#FF0000"}),
    Case("PATCH", "/paints?id=eq.1", 200, [{"id": 1, "shade": "#FF0000"}], {}, FULL, {"shade": "#FF0000"}),
    get("/paints?select=shade::int&id=eq.1", [{"shade": 255}]),
]

COUNT = {"Prefer": "count=exact"}
PAGINATION = [
    get("/people?select=id&order=id&limit=2&offset=1", ids(2, 3), shown={"Content-Range": "1-2/*"}),
    get(
        "/people?select=id&order=id",
        ids(1, 2, 3),
        send={"Range-Unit": "items", "Range": "0-2"},
        shown={"Content-Range": "0-2/*"},
    ),
    get("/people?select=id&order=id", ids(3, 4), send={"Range": "2-"}, shown={"Content-Range": "2-3/*"}),
    get("/people?select=id&order=id&limit=1", ids(1), 206, send=COUNT, shown={"Content-Range": "0-0/4"}),
    get("/people?select=id&order=id", ids(1, 2), 206, send={"Range": "0-1", **COUNT}, shown={"Content-Range": "0-1/4"}),
    Case("HEAD", "/people?select=id&limit=1", 206, None, {"Content-Range": "0-0/4"}, COUNT),
    get("/people?select=id", ..., send=COUNT, shown={"Content-Range": "0-3/4", "Preference-Applied": "count=exact"}),
    get("/people?select=id&id=eq.9", [], send=COUNT, shown={"Content-Range": "*/0"}),
    get("/people?select=id&limit=0", [], shown={"Content-Range": "*/*"}),
    get(
        "/people?select=id&order=id&limit=2",
        ids(1, 2),
        206,
        send={"Prefer": "count=estimated"},
        shown={"Content-Range": "0-1/4"},
    ),
    Case(
        "GET",
        "/people?select=id&order=id&limit=2",
        206,
        ids(1, 2),
        {"Preference-Applied": "count=planned"},
        {"Prefer": "count=planned"},
    ),
    refused(
        "GET",
        "/people?offset=10",
        416,
        "PGRST103",
        "Requested range not satisfiable",
        "An offset of 10 was requested, but there are only 4 rows.",
        send=COUNT,
        shown={"Content-Range": "*/4"},
    ),
    refused(
        "GET",
        "/people",
        416,
        "PGRST103",
        "Requested range not satisfiable",
        "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        send={"Range": "1-0"},
    ),
    refused(
        "GET",
        "/people?limit=-1",
        416,
        "PGRST103",
        "Requested range not satisfiable",
        "Limit should be greater than or equal to zero.",
    ),
    get("/nominations_view?select=rank", ..., send=COUNT, shown={"Content-Range": "0-2/3"}),
    Case("PATCH", "/people?id=lt.3", 204, None, {"Content-Range": "0-1/2"}, COUNT, {"grade": 1}),
    Case("DELETE", "/nominations?rank=gt.1", 204, None, {"Content-Range": "*/2"}, COUNT),
    Case(
        "POST", "/clients", 201, None, {"Content-Range": "*/2"}, COUNT, [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    ),
]

REPRESENTATION = [
    get(
        "/clients?id=eq.42",
        {"id": 42, "name": "Acme"},
        send=OBJECT,
        shown={"Content-Type": "application/vnd.pgrst.object+json; charset=utf-8"},
    ),
    get("/clients?id=eq.42", {"id": 42, "name": "Acme"}, send={"Accept": "application/vnd.pgrst.object"}),
    refused(
        "GET",
        "/clients?id=eq.1",
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        "The result contains 0 rows",
        send=OBJECT,
    ),
    refused(
        "GET",
        "/clients",
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        "The result contains 2 rows",
        send=OBJECT,
    ),
    get(
        "/films?select=id,year,rating&id=gte.3&order=id",
        [{"id": 3, "year": 2001, "rating": 5.0}, {"id": 4}],
        send={"Accept": "application/vnd.pgrst.array+json;nulls=stripped"},
        shown={"Content-Type": "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"},
    ),
    get(
        "/films?select=id,year&id=eq.4", {"id": 4}, send={"Accept": "application/vnd.pgrst.object+json;nulls=stripped"}
    ),
    get("/clients?order=id", ..., send={"Accept": "text/csv"}, shown={"Content-Type": "text/csv; charset=utf-8"}),
    get("/clients?id=eq.1", ..., send={"Accept": "text/csv"}),
    get("/clients?id=eq.42", [{"id": 42, "name": "Acme"}], send={"Accept": "*/*"}),
    get("/clients?id=eq.42", [{"id": 42, "name": "Acme"}], send={"Accept": "unknown/unknown, application/json"}),
    refused(
        "GET",
        "/clients",
        406,
        "PGRST107",
        "None of these media types are available: unknown/unknown",
        send={"Accept": "unknown/unknown"},
    ),
    refused(
        "POST",
        "/clients",
        400,
        "PGRST102",
        "Content-Type not acceptable: application/unknown",
        send={"Content-Type": "application/unknown"},
        body=b"x",
    ),
    Case(
        "POST",
        "/clients",
        201,
        {"id": 1, "name": "a"},
        {"Content-Type": "application/vnd.pgrst.object+json; charset=utf-8"},
        {**OBJECT, **FULL},
        {"id": 1, "name": "a"},
    ),
    refused(
        "PATCH",
        "/clients?id=gt.0",
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        "The result contains 2 rows",
        send={**OBJECT, **FULL},
        body={"name": "a"},
    ),
]

MEDIA_TYPES = [
    get("/rpc/page", b"<b>hi</b>", send={"Accept": "text/html"}, shown={"Content-Type": "text/html"}),
    get("/rpc/picture", b"\x89PNG", send={"Accept": "image/png"}, shown={"Content-Type": "image/png"}),
    get("/rpc/picture", ..., shown={"Content-Type": "application/json; charset=utf-8"}),
    get("/rpc/anything", b"any", send={"Accept": "what/ever"}, shown={"Content-Type": "text/x-any"}),
    get(
        "/rpc/greet", b"Hello, you", send={"Accept": "text/plain"}, shown={"Content-Type": "text/plain; charset=utf-8"}
    ),
    get(
        "/rpc/image",
        b"\x89PNG",
        send={"Accept": "application/octet-stream"},
        shown={"Content-Type": "application/octet-stream"},
    ),
]


def media(url: str, media_type: str, body: Any, shown: str | None = None, status: int = 200) -> Case:
    return get(url, body, status, send={"Accept": media_type}, shown={"Content-Type": shown or media_type})


#: By aggregates over the rows that a request asks for.
MEDIA_TYPES += [
    media("/films?order=id&id=lt.3", "application/vnd.titles", b"Arrival Hall;Brass;"),
    media("/films?order=id.desc&limit=1&offset=3", "application/vnd.titles", b"Arrival Hall;"),
    media("/films?id=eq.1", "application/vnd.titles", b"Arrival Hall;"),
    media("/films?select=*&id=eq.1", "application/vnd.titles", b"Arrival Hall;"),
    media("/films?id=lt.0", "application/vnd.titles", b""),
    # Functions that return rows of the table
    media("/rpc/best_films?order=id&limit=1", "application/vnd.titles", b"Arrival Hall;"),
    # It takes whole rows, so a selection of columns has none of its answers.
    Case("GET", "/films?select=title", 406, send={"Accept": "application/vnd.titles"}),
    # An aggregate of a schema that is not exposed is none.
    Case("GET", "/directors", 406, send={"Accept": "application/vnd.titles"}),
    # The preferred one that can be answered
    media(
        "/films?id=eq.1",
        "what/ever, application/vnd.titles;q=0.8, application/json;q=0.5",
        b"Arrival Hall;",
        "application/vnd.titles",
    ),
    # text/csv of this table is that of its aggregate, which also sets a header; of its columns, it is the usual one.
    get(
        "/exports?id=eq.42",
        b"\xef\xbb\xbfid,name\n42,Acme\n",
        send={"Accept": "text/csv"},
        shown={"Content-Type": "text/csv", "Content-Disposition": 'attachment; filename="exports.csv"'},
    ),
    media("/exports?id=eq.42&select=id,name", "text/csv", b"id,name\n42,Acme\n", "text/csv; charset=utf-8"),
    Case(
        "POST",
        "/exports",
        201,
        b"\xef\xbb\xbfid,name\n1,a\n",
        {"Content-Type": "text/csv"},
        {"Accept": "text/csv", **FULL},
        {"id": 1, "name": "a"},
    ),
    Case("POST", "/exports", 201, None, {}, {"Accept": "text/csv"}, {"id": 1, "name": "a"}),
    # Over any rows
    media("/films?id=eq.1&select=id,title", "application/vnd.keys", b"id,title;"),
    media("/clients?id=eq.42&select=name,projects(id)", "application/vnd.keys", b"name,projects;"),
    media("/rpc/add_them?a=1&b=2", "application/vnd.keys", b"add_them;"),
    Case("GET", "/films?id=eq.1&select=other_name:id", 400, send={"Accept": "application/vnd.keys"}),
    # The table's own wins over the one for any rows.
    media("/films?id=eq.1", "application/vnd.own", b"film;"),
    media("/films?id=eq.1&select=id", "application/vnd.own", b"any;"),
    media("/clients?id=eq.42", "application/vnd.own", b"any;"),
    # For all media types, before those that are ours, but not before a single object
    *(
        media("/any_films?id=lt.3&order=id", accepted, b"1;2;", "application/octet-stream")
        for accepted in ("*/*", "application/json", "text/csv", "what/ever")
    ),
    media(
        "/any_films?id=eq.1",
        "application/vnd.pgrst.object+json",
        ...,
        "application/vnd.pgrst.object+json; charset=utf-8",
    ),
    media("/any_films?id=eq.1&select=id", "application/json", [{"id": 1}], "application/json; charset=utf-8"),
    Case(
        "HEAD",
        "/films?id=eq.1",
        200,
        None,
        {"Content-Type": "application/vnd.titles"},
        {"Accept": "application/vnd.titles"},
    ),
    media(
        "/films",
        'application/vnd.pgrst.plan+json; for="application/vnd.titles"',
        ...,
        'application/vnd.pgrst.plan+json; for="application/vnd.titles"; charset=utf-8',
    ),
    Case("GET", "/directors", 406, send={"Accept": 'application/vnd.pgrst.plan+json; for="application/vnd.titles"'}),
]

PLAN = [
    get(
        "/clients?id=eq.42",
        ...,
        send={"Accept": "application/vnd.pgrst.plan"},
        shown={"Content-Type": 'application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8'},
    ),
    get(
        "/clients?id=eq.42",
        ...,
        send={"Accept": "application/vnd.pgrst.plan+json; options=analyze|verbose"},
        shown={
            "Content-Type": 'application/vnd.pgrst.plan+json; for="application/json"; '
            "options=analyze|verbose; charset=utf-8"
        },
    ),
    Case("DELETE", "/projects?id=eq.1", 200, ..., {}, {"Accept": "application/vnd.pgrst.plan+json"}),
    get("/rpc/add_them?a=1&b=2", ..., send={"Accept": "application/vnd.pgrst.plan+json"}),
]

OPTIONS = [
    Case("OPTIONS", "/people", 200, None, {"Allow": "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"}),
    Case("OPTIONS", "/keyless", 200, None, {"Allow": "OPTIONS,GET,HEAD,POST,PATCH,DELETE"}),
    Case("OPTIONS", "/nominations_view", 200, None, {"Allow": "OPTIONS,GET,HEAD"}),
    Case("OPTIONS", "/rpc/do_nothing", 200, None, {"Allow": "OPTIONS,POST"}),
    Case("OPTIONS", "/rpc/greet", 200, None, {"Allow": "OPTIONS,GET,HEAD,POST"}),
    Case("OPTIONS", "/", 200, None, {"Allow": "OPTIONS,GET,HEAD"}),
    Case("OPTIONS", "/nothing", 404),
]

TIMES = {"id": 1, "due": "2023-10-18T12:00:00Z"}
PREFERENCES = [
    refused(
        "GET",
        "/projects",
        400,
        "PGRST122",
        "Invalid preferences given with handling=strict",
        "Invalid preferences: foo, bar",
        send={"Prefer": "handling=strict, foo, bar"},
    ),
    get(
        "/projects",
        ...,
        send={"Prefer": "handling=lenient, foo, bar"},
        shown={"Preference-Applied": "handling=lenient"},
    ),
    Case(
        "POST",
        "/todos?select=due",
        201,
        [{"due": "2023-10-18T05:00:00-07:00"}],
        {"Preference-Applied": "return=representation, timezone=America/Los_Angeles"},
        {"Prefer": "timezone=America/Los_Angeles, return=representation"},
        TIMES,
    ),
    Case("POST", "/todos?select=due", 201, ..., {}, {"Prefer": "timezone=05:30, return=representation"}, TIMES),
    Case("GET", "/todos", 400, ..., {}, {"Prefer": "timezone=Jupiter/Red_Spot"}),
    Case(
        "POST",
        "/clients",
        201,
        None,
        {"Preference-Applied": "return=minimal", "Location": None},
        {"Prefer": "return=minimal"},
        {"id": 1, "name": "x"},
    ),
    Case(
        "POST",
        "/clients",
        201,
        None,
        {"Preference-Applied": "return=headers-only", "Location": "/clients?id=eq.1"},
        {"Prefer": "return=headers-only"},
        {"id": 1, "name": "x"},
    ),
    Case(
        "POST",
        "/roles",
        201,
        None,
        {"Location": "/roles?film_id=eq.4&actor_id=eq.1"},
        {"Prefer": "return=headers-only"},
        {"film_id": 4, "actor_id": 1},
    ),
    Case("POST", "/keyless", 201, None, {"Location": None}, {"Prefer": "return=headers-only"}, {"a": 4}),
    Case(
        "POST",
        "/clients",
        201,
        [{"id": 1, "name": "x"}],
        {"Preference-Applied": "return=representation, tx=rollback"},
        {"Prefer": "tx=rollback, return=representation"},
        {"id": 1, "name": "x"},
    ),
    Case(
        "POST",
        "/todos?columns=id,task,done&select=id,task,done",
        201,
        [{"id": 1, "task": "val1", "done": False}, {"id": 2, "task": "nothing", "done": True}],
        {"Preference-Applied": "missing=default, return=representation"},
        {"Prefer": "missing=default, return=representation"},
        [{"id": 1, "task": "val1"}, {"id": 2, "done": True}],
    ),
    Case(
        "POST", "/todos?columns=id,task,done&select=done", 201, [{"done": None}], {}, FULL, [{"id": 1, "task": "val1"}]
    ),
    refused(
        "DELETE",
        "/roles?film_id=gt.0",
        400,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        "The query affects 4 rows",
        send={"Prefer": "handling=strict, max-affected=2"},
    ),
    Case(
        "DELETE",
        "/roles?film_id=eq.1",
        204,
        None,
        {"Preference-Applied": "handling=strict, max-affected=2"},
        {"Prefer": "handling=strict, max-affected=2"},
    ),
    Case("DELETE", "/roles?film_id=gt.0", 204, None, {}, {"Prefer": "max-affected=2"}),
    refused(
        "POST",
        "/rpc/best_films",
        400,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        "The query affects 2 rows",
        send={"Prefer": "handling=strict, max-affected=1"},
    ),
    Case("POST", "/rpc/do_nothing", 400, ..., {}, {"Prefer": "handling=strict, max-affected=1"}),
]

URL_GRAMMAR = [
    get("/Weird%20Name?select=id,%22a.b%22,%22c,d%22", [{"id": 1, "a.b": "x", "c,d": "y,z"}]),
    get("/Weird%20Name?select=id&%22a.b%22=eq.x", ids(1)),
    get("/Weird%20Name?select=id&%22c,d%22=in.(%22y,z%22)", ids(1)),
    get("/Weird%20Name?select=%22select%22&%22select%22=in.(%22q%5C%22r%22)", [{"select": 'q"r'}]),
    get("/Weird%20Name?select=id&order=%22a.b%22", ids(1)),
    get("/people?select=id&first_name=eq.John%2BJim", []),
    get("/people?select=id&first_name=eq.%D9%85", []),
    get("/people?select=id,first_name&id=eq.1", [{"id": 1, "first_name": "John"}]),
]

TRANSACTIONS = [
    get("/rpc/setting?name=transaction_read_only", "on"),
    get("/rpc/setting?name=request.method", "GET"),
    get("/rpc/setting?name=request.path", "/rpc/setting"),
    Case("POST", "/rpc/setting", 200, "POST", body={"name": "request.method"}),
    get("/rpc/with_headers", 1, 202, shown={"Cache-Control": "public", "Set-Cookie": "a=1, b=2"}),
    refused(
        "GET",
        "/rpc/with_bad_headers",
        500,
        "PGRST111",
        "response.headers guc must be a JSON array composed of objects with a single key and a string value",
    ),
    refused("GET", "/rpc/with_bad_status", 500, "PGRST112", "response.status guc must be a valid status code"),
]

ERRORS = [
    refused("GET", "/rpc/payment_required", 402, "PT402", "Payment Required", "Quota exceeded", "Upgrade"),
    refused(
        "GET",
        "/rpc/custom_error",
        402,
        "123",
        "Payment Required",
        "Quota exceeded",
        "Upgrade",
        shown={"X-Powered-By": "Nerd Rage"},
    ),
    refused(
        "GET",
        "/rpc/bad_custom_error",
        500,
        "PGRST121",
        "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
        "Invalid JSON value for MESSAGE: 'no JSON'",
        "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.",
    ),
    refused("GET", "/rpc/plain_error", 400, "P0001", "I refuse!", "Pretty simple", "There is nothing you can do."),
    refused(
        "GET",
        "/flims",
        404,
        "PGRST205",
        "Could not find the table 'cinema.flims' in the schema cache",
        None,
        "Perhaps you meant the table 'cinema.films'",
    ),
    refused("GET", "/films?select=nothing", 400, "42703", "column films.nothing does not exist"),
    refused(
        "POST",
        "/films",
        400,
        "PGRST204",
        "Could not find the 'nothing' column of 'films' in the schema cache",
        body={"nothing": 1},
    ),
    refused("GET", "/a/b", 404, "PGRST125", "Invalid path specified in request URL"),
    refused(
        "GET",
        "/people?age=wrong.1",
        400,
        "PGRST100",
        '"failed to parse filter (wrong.1)" (line 1, column 1)',
        'unexpected "w" expecting "not" or operator (eq, gt, ...)',
    ),
    Case("GET", "/people?select=id,(", 400),
    refused("GET", "/people?age=eq.x", 400, "22P02", 'invalid input syntax for type integer: "x"'),
    refused(
        "POST",
        "/clients",
        409,
        "23505",
        'duplicate key value violates unique constraint "clients_pkey"',
        "Key (id)=(42) already exists.",
        body={"id": 42, "name": "x"},
    ),
    refused(
        "POST",
        "/projects",
        409,
        "23503",
        'insert or update on table "projects" violates foreign key constraint "projects_client_id_fkey"',
        'Key (client_id)=(1) is not present in table "clients".',
        body={"id": 42, "client_id": 1},
    ),
    Case("POST", "/films", 400, body={"id": 1}),
    refused(
        "POST",
        "/clients",
        400,
        "PGRST102",
        "Empty or invalid json",
        body=b"{",
        send={"Content-Type": "application/json"},
    ),
    Case("TRACE", "/clients", 405),
]

#: What the references only touch on, and PostgREST's clients rely on.
MORE_READS = [
    get("/clients?select=", [{}, {}]),
    people("or=(id.eq.1,id.eq.2)&id=gt.1", 2),
    people("id=gt.1&id=lt.3", 2),
    people("not.or=(id.eq.1,id.eq.2)", 3, 4),
    people("and=(id.gt.1,or(id.eq.2,id.eq.3),not.and(id.eq.3,age.eq.30))", 2),
    people("first_name=eq."),
    people("or=(data->phones->0->>no.eq.917,data->>blood.eq.O%2B)", 1, 2),
    people("or=(last_name.is.null,tags.cs.{new})", 1, 4),
    people("or=(id.in.(1,2),not.and(id.gt.1,id.lt.4))", 1, 2, 4),
    people("or=(period.is.null,period.not.sl.%22[10,20)%22)", 2, 3, 4),
    people("data->>nothing=is.null", 1, 2, 3, 4),
    people("tags=eq.{blue}", 2),
    people("tags=in.(%22{blue}%22,%22{red,new}%22)", 1, 2),
    refused(
        "GET",
        "/people?or=()",
        400,
        "PGRST100",
        '"failed to parse logic tree (())" (line 1, column 4)',
        'unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)',
    ),
    get("/clients?order=id&limit=1&offset=1", [{"id": 43, "name": "Bolt"}], shown={"Content-Range": "1-1/*"}),
    get("/clients?select=name&id=eq.42", ..., shown={"Content-Location": "/clients?id=eq.42&select=name"}),
    get("/projects?select=id,clients()&clients.name=eq.Bolt&clients=not.is.null", ids(3)),
    get(
        "/projects?select=id,...clients(client:name)&clients=not.is.null&order=id&limit=1",
        [{"id": 1, "client": "Acme"}],
    ),
    get(
        "/clients?select=id,projects(id)&projects.id=gt.1&order=id&projects.order=id",
        [{"id": 42, "projects": ids(2)}, {"id": 43, "projects": ids(3)}],
    ),
    get("/clients?select=id,p:projects(i:id)&p.id=eq.3&order=id", [{"id": 42, "p": []}, {"id": 43, "p": [{"i": 3}]}]),
    get("/clients?select=id,projects!inner()&projects.name=like.T*&order=id", ids(42, 43)),
    get(
        "/employees?select=last_name,boss:supervisor_id(last_name)&id=eq.2",
        [{"last_name": "Johnson", "boss": {"last_name": "Taylor"}}],
    ),
    get(
        "/films?select=title,directors(films(title))&id=eq.3",
        [{"title": "Cold Soup", "directors": {"films": [{"title": "Cold Soup"}]}}],
    ),
    get(
        "/roles?select=character,films(title),actors(first_name)&film_id=eq.1&order=actor_id&limit=1",
        [{"character": "Clerk", "films": {"title": "Arrival Hall"}, "actors": {"first_name": "Eve"}}],
    ),
    get("/countries?select=location&id=eq.6", [{"location": {"lat": 1.5, "long": 2.5}}]),
    get("/numbered", [{"id": 1, "word": "abc", "bits": "101"}]),
    get("/rpc/test", [{"test": "hello", "value": 1}]),
    Case("GET", "/clients?id=eq", 400),
    Case("GET", "/clients?select=id:name:x", 400),
    refused(
        "GET",
        "/clients?id=is.what",
        400,
        "PGRST100",
        '"failed to parse filter (is.what)" (line 1, column 4)',
        'unexpected "w" expecting isVal: (null, not_null, true, false, unknown)',
    ),
]

MORE_WRITES = [
    Case("POST", "/keyless", 201, [{"a": None, "b": None}], {}, FULL, {}),
    Case("POST", "/keyless", 201, [{"a": None, "b": None}] * 2, {}, FULL, [{}, {}]),
    Case("POST", "/keyless", 201, None, {}, {}, [{}]),
    Case("POST", "/keyless", 201, [{"a": None, "b": None}], {}, FULL, {"a": None}),
    Case("POST", "/numbered?select=word", 201, [{"word": "xyz"}], {}, FULL, {"word": "xyz"}),
    Case("POST", "/numbered?select=bits", 201, [{"bits": "111"}], {}, FULL, {"bits": "111"}),
    Case("POST", "/numbered", 400, body={"bits": "11111"}),
    Case(
        "POST",
        "/documents",
        201,
        [{"id": 1, "data": {"a": [1, {"b": None}]}}],
        {},
        FULL,
        {"id": 1, "data": {"a": [1, {"b": None}]}},
    ),
    Case("POST", "/documents?select=data", 201, [{"data": "text"}], {}, FULL, {"id": 1, "data": "text"}),
    Case("POST", "/documents?select=data", 201, [{"data": None}], {}, FULL, {"id": 1, "data": None}),
    Case(
        "POST",
        "/countries",
        201,
        [{"id": 1, "location": {"lat": 1, "long": 2}, "languages": ["a", "b"]}],
        {},
        FULL,
        {"id": 1, "location": {"lat": 1, "long": 2}, "languages": ["a", "b"]},
    ),
    Case(
        "POST",
        "/people?select=tags,period",
        201,
        [{"tags": ["x"], "period": "[1,5)"}],
        {},
        FULL,
        {"first_name": "a", "tags": "{x}", "period": "[1,4]"},
    ),
    Case(
        "POST",
        "/todo_list?columns=id,task,done",
        201,
        [{"id": 1, "task": "nothing", "done": True}],
        {},
        {"Prefer": "missing=default, return=representation"},
        [{"id": 1, "task": "nothing"}],
    ),
    Case(
        "POST",
        "/todo_list",
        201,
        None,
        {"Location": "/todo_list?id=eq.1"},
        {"Prefer": "return=headers-only"},
        {"id": 1, "task": "x"},
    ),
    Case("PATCH", "/todo_list?id=eq.9", 204, None, {}, {}, {"task": "x"}),
    Case(
        "POST",
        "/employees?select=id,boss:supervisor_id(last_name)",
        201,
        [{"id": 9, "boss": {"last_name": "Taylor"}}],
        {},
        FULL,
        {"id": 9, "supervisor_id": 1},
    ),
    Case(
        "POST",
        "/clients?select=id",
        201,
        b"id\n9\n",
        {"Content-Type": "text/csv; charset=utf-8"},
        {"Content-Type": "text/csv", "Accept": "text/csv", **FULL},
        b"id,name\n9,x\n",
    ),
    Case(
        "POST",
        "/films?select=id,directors(last_name)",
        201,
        [{"id": 9, "directors": None}],
        {},
        FULL,
        {"id": 9, "title": "x"},
    ),
    refused(
        "POST",
        "/clients",
        400,
        "PGRST102",
        "Empty or invalid json",
        body=b"",
        send={"Content-Type": "application/json"},
    ),
    refused(
        "POST",
        "/clients",
        400,
        "PGRST102",
        "All lines must have same number of fields",
        "Line 3 of the body has 1 fields, and the first line has 2.",  # PostgREST does not say which line
        body=b"id,name\n1,a\n2",
        send={"Content-Type": "text/csv"},
    ),
    refused(
        "POST",
        "/clients?columns=helicopter",
        400,
        "PGRST204",
        "Could not find the 'helicopter' column of 'clients' in the schema cache",
        body={"id": 1},
    ),
    Case("POST", "/clients?columns=", 400, body={"id": 1}),
    Case("POST", "/garlic?columns=helicopter", 404, body={"id": 1}),
    Case("PATCH", "/clients?id=eq.42&columns=helicopter", 400, body={"id": 1}),
    refused(
        "PATCH",
        "/clients?id=eq.42",
        400,
        "PGRST204",
        "Could not find the 'helicopter' column of 'clients' in the schema cache",
        body={"helicopter": 1},
    ),
    refused(
        "PATCH",
        "/clients?helicopter=eq.42",
        400,
        "42703",
        "column clients.helicopter does not exist",
        body={"name": "x"},
    ),
    Case(
        "PATCH",
        "/orders?id=eq.1&select=billing:addresses!billing(city)",
        200,
        [{"billing": {"city": "Rome"}}],
        {},
        FULL,
        {"billing_id": 2},
    ),
    Case(
        "PATCH",
        "/people?id=eq.1&select=tags,data",
        200,
        [{"tags": ["z"], "data": [1]}],
        {},
        FULL,
        {"tags": ["z"], "data": [1]},
    ),
    Case("PATCH", "/people?or=(id.eq.1,id.eq.2)&select=id", 200, ..., {"Content-Range": "0-1/*"}, FULL, {"grade": 1}),
    Case(
        "PATCH",
        "/people?id=lt.3&columns=student&select=id,student&order=id",
        200,
        [{"id": 1, "student": False}, {"id": 2, "student": False}],
        {},
        {"Prefer": "missing=default, return=representation"},
        {},
    ),
    Case("PUT", "/clients?id=eq.42&name=eq.x", 405, body={"id": 42, "name": "x"}),
    Case("PUT", "/clients", 405, body={"id": 42, "name": "x"}),
    Case("PUT", "/keyless?a=eq.1", 405, body={"a": 1}),
    Case(
        "DELETE", "/projects?id=eq.1&select=id,clients(name)", 200, [{"id": 1, "clients": {"name": "Acme"}}], {}, FULL
    ),
    Case("DELETE", "/projects?client_id=eq.42", 204, None, {"Content-Range": "*/2"}, {"Prefer": "count=exact"}),
    Case(
        "POST",
        "/clients?on_conflict=nothing",
        400,
        send={"Prefer": "resolution=merge-duplicates"},
        body={"id": 42, "name": "x"},
    ),
    Case(
        "POST",
        "/keyless",
        201,
        send={"Prefer": "resolution=merge-duplicates"},
        body={"a": 1},
        shown={"Preference-Applied": None},
    ),
]

MORE_CALLS = [
    get("/rpc/one_out?num=5", {"next": 6}),
    get("/rpc/in_out?num=5&word=x", {"num": 5, "word": "x"}),
    get("/rpc/one_column", [{"a": "A"}]),
    get("/rpc/mooded?val=glad", "glad"),
    Case("POST", "/rpc/ranged", 200, "[10,20)", body={"low": 10, "up": 20}),
    get("/rpc/three_defaults?b=4", 8),
    Case("POST", "/rpc/three_defaults", 200, 6, body={}),
    get("/rpc/words", []),
    get("/rpc/words?v=hi", ["hi"]),
    Case("POST", "/rpc/words", 200, [], {}, {"Content-Type": "application/x-www-form-urlencoded"}, b""),
    Case("POST", "/rpc/words", 200, ["hi"], {}, {"Content-Type": "application/x-www-form-urlencoded"}, b"v=hi"),
    get("/rpc/greet?name=ignored&name=world", "Hello, world"),
    get("/rpc/no_films", []),
    Case("POST", "/rpc/echo", 200, "object", body={"arg": {"a": 3}}),
    Case("POST", "/rpc/echo", 200, "string", body={"arg": "{"}),
    get("/rpc/Quoted%20Function?user=m&fullName=Michael%20Scott", "m is Michael Scott"),
    get("/rpc/film_of?id=1&select=id", ids(1)),
    get(
        "/rpc/film_of?id=1&select=title,director:directors(last_name)",
        [{"title": "Arrival Hall", "director": {"last_name": "Berg"}}],
    ),
    get("/rpc/add_them?a=3&b=4", 7, send={"Prefer": "count=exact"}, shown={"Content-Range": "0-0/1"}),
    get("/rpc/pairs", ..., send={"Prefer": "count=exact"}, shown={"Content-Range": "0-0/1"}),
    Case("HEAD", "/rpc/best_films", 200, None, {"Content-Range": "0-1/2"}, {"Prefer": "count=exact"}),
    get(
        "/rpc/best_films?order=id&select=id",
        ids(1),
        206,
        send={"Range": "0-0", "Prefer": "count=exact"},
        shown={"Content-Range": "0-0/2"},
    ),
    Case(
        "POST",
        "/rpc/best_films?order=id&select=id",
        200,
        ids(1, 2),
        {"Content-Range": "0-1/2"},
        {"Range": "0-0", "Prefer": "count=exact"},
    ),
    Case("POST", "/rpc/best_films?order=id&select=id&limit=1&offset=1", 200, ids(2), {"Content-Range": "1-1/*"}),
    get("/rpc/best_films?select=id&order=id", b"id\n1\n2\n", send={"Accept": "text/csv"}),
    Case("POST", "/rpc/greet", 400, send={"Content-Type": "application/json"}, body=b'{"name": '),
    Case("POST", "/rpc/greet", 400, send={"Content-Type": "audio/mpeg3"}, body=b'{"name": 1}'),
    get("/rpc/greet", ..., 406, send={"Accept": "audio/mpeg3"}),
    Case("PATCH", "/rpc/greet", 405),
    get("/rpc/asserted", ..., 500),
    get("/rpc/bad_status", ..., 500),
    refused(
        "GET",
        "/rpc/gret",
        404,
        "PGRST202",
        "Could not find the function cinema.gret without parameters in the schema cache",
        "Searched for the function cinema.gret without parameters, but no matches were found in the schema cache.",
        "Perhaps you meant to call the function cinema.greet",
    ),
    get("/rpc/untyped", [{"id": 42, "name": "Acme"}, {"id": 43, "name": "Bolt"}]),
]

#: What is answered otherwise than PostgREST does.
DIFFERENT = [
    # Aggregates in spreads to many are arrays as other columns are: PostgREST answers 400, PGRST127.
    get("/directors?select=id,...films(year.max())&order=id&limit=1", [{"id": 1, "max": [1995]}]),
    # Writes need a filter: PostgREST writes all rows.
    Case("DELETE", "/projects", 400),
    Case("PATCH", "/projects", 400, body={"name": "x"}),
]

SECTIONS: dict[str, list[Case]] = {
    "reads": MORE_READS,
    "writes": MORE_WRITES,
    "calls": MORE_CALLS,
    "different": DIFFERENT,
    "tables_views": TABLES_VIEWS,
    "resource_embedding": EMBEDDING,
    "aggregate_functions": AGGREGATES,
    "functions": FUNCTIONS,
    "schemas": SCHEMAS,
    "computed_fields": COMPUTED_FIELDS,
    "domain_representations": DOMAINS,
    "pagination_count": PAGINATION,
    "resource_representation": REPRESENTATION,
    "media_type_handlers": MEDIA_TYPES,
    "plan": PLAN,
    "options": OPTIONS,
    "preferences": PREFERENCES,
    "url_grammar": URL_GRAMMAR,
    "transactions": TRANSACTIONS,
    "errors": ERRORS,
}
