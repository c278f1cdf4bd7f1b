"""The rows of integratedb.surface() become a surface."""

from __future__ import annotations

from typing import Any

from integratedb.query.reading import read
from integratedb.query.surface import Junction, Surface

INTEGER, TEXT, VOID = 23, 25, 2278
TYPES = [
    {"oid": INTEGER, "name": "integer", "short": "int4", "sql": "pg_catalog.int4", "category": "N", "castable": True},
    {"oid": TEXT, "name": "text", "short": "text", "sql": "pg_catalog.text", "category": "S", "castable": True},
    {"oid": VOID, "name": "void", "short": "void", "sql": "pg_catalog.void", "category": "P"},
]


def column(number: int, name: str, type_: int = INTEGER, **more: Any) -> dict[str, Any]:
    return {"number": number, "name": name, "sql": name, "type": type_, "can_select": True, **more}


def relation(oid: int, name: str, *columns: dict[str, Any], keys: tuple[tuple[int, ...], ...] = ()) -> dict[str, Any]:
    return {
        "relation": {
            "oid": oid,
            "schema": "shop",
            "name": name,
            "sql": f"shop.{name}",
            "kind": "table",
            "columns": list(columns),
            "keys": [{"primary": place == 0, "columns": list(key)} for place, key in enumerate(keys)],
            "can_select": True,
            "can_insert": False,
            "can_update": False,
            "can_delete": False,
            "row_security": False,
            "is_plain": True,
            "comment": None,
            "has_row_version": True,
        }
    }


def row_type(oid: int, name: str, of: int) -> dict[str, Any]:
    return {
        "type": {
            "oid": oid,
            "name": name,
            "sql": name,
            "base": name,
            "category": "C",
            "kind": "composite",
            "relation": of,
        }
    }


def foreign_key(name: str, source: int, columns: list[int], target: int, targets: list[int]) -> dict[str, Any]:
    return {
        "foreign_key": {
            "name": name, "source": source, "columns": columns, "target": target, "target_columns": targets,
        }
    }  # fmt: skip


def function(name: str, returns: int, *arguments: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {
        "function": {
            "oid": 1,
            "schema": "shop",
            "name": name,
            "sql": f"shop.{name}",
            "arguments": [
                {"name": each, "sql": each, "type": type_, "has_default": False, "variadic": False}
                for each, type_ in arguments
            ],
            "returns": returns,
            "returns_set": False,
            "one_row": False,
            "columns": [],
            "volatility": "stable",
            "comment": None,
            "settings": None,
            **more,
        }
    }


def surface(*rows: dict[str, Any]) -> Surface:
    head = {"role": "app", "schemas": ["shop"], "version": "1.2", "comments": {"shop": "All"}, "further": [7]}
    types = [{"type": {"base": each["sql"], "kind": "base", **each}} for each in TYPES]
    return read([{"surface": head}, *types, *rows])


PEOPLE = relation(1, "people", column(1, "id"), column(2, "name", TEXT), keys=((1,),))
PETS = relation(2, "pets", column(1, "id"), column(2, "owner"), keys=((1,),))
OWNER = foreign_key("pets_owner_fkey", 2, [2], 1, [1])


def test_the_head_says_whose_and_which_surface_it_is():
    empty = surface()
    assert (empty.role, empty.schemas, empty.version, empty.comments, empty.further) == (
        "app", ("shop",), "1.2", {"shop": "All"}, (7,),
    )  # fmt: skip


def test_a_relation_has_columns_and_keys_by_name():
    people = surface(relation(1, "people", column(1, "id"), column(3, "email"), keys=((1,), (3,)))).relations[
        "shop", "people"
    ]
    assert list(people.columns) == ["id", "email"]
    assert people.primary_key == ("id",)
    assert people.keys == (("id",), ("email",))


def test_a_key_with_a_column_that_the_role_does_not_see_is_left_out():
    people = surface(relation(1, "people", column(2, "name"), keys=((1,), (1, 2), (2,)))).relations["shop", "people"]
    assert people.primary_key == ()
    assert people.keys == (("name",),)


def test_a_modified_type_is_declared_with_its_modifier():
    columns = (
        surface(
            relation(
                1, "people", column(1, "id"), column(2, "code", TEXT, modified="character varying(9)", max_length=9)
            )
        )
        .by_oid[1]
        .columns
    )
    assert (columns["id"].declared, columns["id"].declared_name) == ("pg_catalog.int4", "integer")
    assert (columns["code"].declared, columns["code"].max_length) == ("character varying(9)", 9)


def test_a_foreign_key_gives_one_relationship_in_each_direction():
    read_ = surface(PEOPLE, PETS, OWNER)
    (to_owner,) = read_.relationships[2]
    (to_pets,) = read_.relationships[1]
    assert (to_owner.kind, to_owner.to_one, to_owner.references, to_owner.pairs) == (
        "m2o",
        True,
        True,
        (("owner", "id"),),
    )
    assert (to_pets.kind, to_pets.to_one, to_pets.references, to_pets.pairs) == (
        "o2m",
        False,
        False,
        (("id", "owner"),),
    )


def test_unique_referencing_columns_make_it_one_to_one():
    passports = relation(2, "passports", column(1, "person"), keys=((1,),))
    read_ = surface(PEOPLE, passports, foreign_key("f", 2, [1], 1, [1]))
    assert [(each.kind, each.to_one) for each in (*read_.relationships[1], *read_.relationships[2])] == [
        ("o2o", True)
    ] * 2


def test_no_relationship_goes_by_a_column_that_the_role_may_not_read():
    pets = relation(2, "pets", column(1, "id"), column(2, "owner", can_select=False, can_insert=True))
    assert surface(PEOPLE, pets, OWNER).relationships == {}


def test_a_relation_whose_key_has_two_foreign_keys_connects_many_to_many():
    links = relation(3, "links", column(1, "person"), column(2, "pet"), keys=((1, 2),))
    keys = foreign_key("person_fk", 3, [1], 1, [1]), foreign_key("pet_fk", 3, [2], 2, [1])
    (_, through) = surface(PEOPLE, PETS, links, *keys).relationships[1]
    assert (through.kind, through.target, through.to_one) == ("m2m", 2, False)
    assert through.junction == Junction(3, "person_fk", "pet_fk", (("id", "person"),), (("pet", "id"),))


def test_without_such_a_key_nothing_is_connected():
    links = relation(3, "links", column(1, "person"), column(2, "pet"), keys=((1,),))
    keys = foreign_key("person_fk", 3, [1], 1, [1]), foreign_key("pet_fk", 3, [2], 2, [1])
    kinds = [each.kind for each in surface(PEOPLE, PETS, links, *keys).relationships[2]]
    assert kinds == ["o2m"]


def test_one_foreign_key_of_a_table_and_its_view_connects_nothing():
    links = relation(3, "links", column(1, "person"), keys=((1,),))
    keys = foreign_key("fk", 3, [1], 1, [1]), foreign_key("fk", 3, [1], 2, [1])
    assert [each.kind for each in surface(PEOPLE, PETS, links, *keys).relationships[1]] == ["o2o"]


def test_a_function_of_a_row_is_a_computed_field():
    people = surface(row_type(101, "shop.people", 1), PEOPLE, function("initials", TEXT, ("", 101))).by_oid[1]
    assert list(people.computed) == ["initials"]


def test_a_function_of_a_row_that_returns_rows_of_the_surface_is_a_relationship():
    rows = row_type(101, "shop.people", 1), row_type(102, "shop.pets", 2), PEOPLE, PETS
    many = surface(*rows, function("young", 102, ("", 101), returns_set=True)).relationships[1]
    one = surface(*rows, function("first", 102, ("", 101), returns_set=True, one_row=True)).relationships[1]
    assert [(each.name, each.kind, each.to_one, each.target) for each in (*many, *one)] == [
        ("young", "computed", False, 2),
        ("first", "computed", True, 2),
    ]


def test_what_returns_a_relation_of_the_surface_has_no_columns_of_its_own():
    columns = [{"name": "id", "sql": "id", "type": INTEGER}]
    rows = row_type(101, "shop.people", 1), function("adults", 101, columns=columns)
    (seen,) = surface(*rows, PEOPLE).functions["shop", "adults"]
    (unseen,) = surface(*rows).functions["shop", "adults"]
    assert (seen.relation, list(seen.columns)) == (1, [])
    assert (unseen.relation, list(unseen.columns)) == (None, ["id"])


def test_overloads_are_together_and_only_settings_of_a_transaction_are_kept():
    settings = ["statement_timeout=5s", "search_path=shop, public", "default_transaction_isolation=serializable"]
    read_ = surface(function("f", VOID), function("f", TEXT, ("a", INTEGER), settings=settings))
    first, second = read_.functions["shop", "f"]
    assert (first.is_void, second.is_void) == (True, False)
    assert second.settings == {"statement_timeout": "5s", "default_transaction_isolation": "serializable"}


def test_a_short_name_of_a_type_never_hides_a_whole_one():
    types = surface(
        {"type": {"oid": 9, "name": "shop.text", "short": "text", "sql": "shop.text", "base": "shop.text",
                  "category": "E", "kind": "enum", "labels": ["a"], "castable": True}}
    ).types  # fmt: skip
    assert (types["text"].oid, types["shop.text"].labels, types["int4"].oid) == (TEXT, ("a",), INTEGER)
    assert "void" not in types
