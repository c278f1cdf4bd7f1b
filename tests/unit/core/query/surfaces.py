"""A small surface for tests of the compiler: clients, projects, tasks, and users who are members of projects."""

from __future__ import annotations

from dataclasses import replace

from integratedb.query.plan.types import BIGINT, BOOLEAN, JSONB, TEXT
from integratedb.query.surface import Argument, Column, Function, Junction, Relation, Relationship, Surface, Type

TEXTS = Type(1009, "text[]", "pg_catalog.text[]", "pg_catalog.text[]", "A", "base", is_array=True, element=TEXT.sql)
INTEGER = Type(23, "integer", "pg_catalog.int4", "pg_catalog.int4", "N", "base")
EMAIL = Type(
    20001,
    "shop.email",
    "shop.email",
    "pg_catalog.text",
    "S",
    "base",
    is_domain=True,
    to_json="shop.email_to_json",
    from_json="shop.json_to_email",
    from_text="shop.text_to_email",
)


def _columns(**types: Type) -> dict[str, Column]:
    return {
        name: Column(name, f'"{name}"', of, of.sql, can_insert=True, can_update=True, default=None)
        for name, of in types.items()
    }


def _relation(oid: int, name: str, columns: dict[str, Column], key: tuple[str, ...] = ("id",)) -> Relation:
    computed = {}
    if name == "projects":
        row = Type(30000, "shop.projects", "shop.projects", "shop.projects", "C", "composite")
        computed["label"] = Function(
            40000, "shop", "label", "shop.label", (Argument("", "", row),), TEXT, volatility="stable"
        )
    return Relation(
        oid,
        "shop",
        name,
        f'"shop"."{name}"',
        "table",
        columns,
        key,
        (key,),
        can_insert=True,
        can_update=True,
        can_delete=True,
        has_row_version=True,
        computed=computed,
    )


CLIENTS, PROJECTS, TASKS, USERS, MEMBERS, PEOPLE = range(1, 7)
RELATIONS = {
    ("shop", relation.name): relation
    for relation in (
        _relation(CLIENTS, "clients", _columns(id=INTEGER, name=TEXT, email=EMAIL)),
        _relation(
            PROJECTS,
            "projects",
            _columns(id=INTEGER, name=TEXT, client_id=INTEGER, data=JSONB, tags=TEXTS, done=BOOLEAN),
        ),
        _relation(TASKS, "tasks", _columns(id=INTEGER, title=TEXT, project_id=INTEGER, hours=BIGINT)),
        _relation(USERS, "users", _columns(id=INTEGER, name=TEXT)),
        _relation(MEMBERS, "members", _columns(user_id=INTEGER, project_id=INTEGER), ("user_id", "project_id")),
        _relation(PEOPLE, "people", _columns(id=INTEGER, name=TEXT, boss_id=INTEGER)),
    )
}


def _key(name: str, source: int, column: str, target: int) -> list[Relationship]:
    return [
        Relationship(name, source, target, True, ((column, "id"),), "m2o", references=True),
        Relationship(name, target, source, False, (("id", column),), "o2m"),
    ]


_ALL = [
    *_key("projects_client_id_fkey", PROJECTS, "client_id", CLIENTS),
    *_key("tasks_project_id_fkey", TASKS, "project_id", PROJECTS),
    *_key("members_user_id_fkey", MEMBERS, "user_id", USERS),
    *_key("members_project_id_fkey", MEMBERS, "project_id", PROJECTS),
    *_key("people_boss_id_fkey", PEOPLE, "boss_id", PEOPLE),
    Relationship(
        "members",
        PROJECTS,
        USERS,
        False,
        (),
        "m2m",
        junction=Junction(
            MEMBERS, "members_project_id_fkey", "members_user_id_fkey", (("id", "project_id"),), (("user_id", "id"),)
        ),
    ),
]

_ADD = Function(
    50000,
    "shop",
    "add_up",
    "shop.add_up",
    (Argument("a", '"a"', INTEGER), Argument("b", '"b"', INTEGER, has_default=True)),
    INTEGER,
)
_FIND = Function(
    50001,
    "shop",
    "find_projects",
    "shop.find_projects",
    (Argument("term", '"term"', TEXT),),
    TEXT,
    returns_set=True,
    relation=PROJECTS,
    volatility="stable",
)

SHOP = Surface(
    role="reader",
    schemas=("shop",),
    version="1",
    relations=RELATIONS,
    relationships={
        oid: tuple(r for r in _ALL if r.source == oid) for oid in (CLIENTS, PROJECTS, TASKS, USERS, MEMBERS, PEOPLE)
    },
    functions={("shop", "add_up"): (_ADD,), ("shop", "find_projects"): (_FIND,)},
    by_oid={relation.oid: relation for relation in RELATIONS.values()},
    types={of.name: of for of in (TEXT, INTEGER, BIGINT, BOOLEAN, JSONB)},
)


def surface_with(*names: str, columns: tuple[str, ...] = ("id",), comment: str | None = None) -> Surface:
    """Add relations to the shop."""
    relations = dict(SHOP.relations)
    for number, name in enumerate(names, 100):
        own = {
            column: Column(column, f'"c{place}"', TEXT, TEXT.sql, can_insert=True)
            for place, column in enumerate(columns)
        }
        key = columns[:1]
        relations["shop", name] = Relation(
            number, "shop", name, f'"shop"."t{number}"', "table", own, key, (key,), can_insert=True, comment=comment
        )
    by_oid = {relation.oid: relation for relation in relations.values()}
    return replace(SHOP, relations=relations, by_oid=by_oid)
