"""The grammar of claims: each form that is taken and what it means, each that is refused and where."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb.specification.document import show
from integratedb.specification.intake import MAX_MATCHES, parse, parse_text, shorten
from integratedb.specification.model import (
    UNLIMITED,
    Alternative,
    Field,
    FieldAlternative,
    Match,
    Path,
    Refusal,
    Specification,
)
from integratedb.specification.shape import MAX_REFUSALS
from tests.unit.core.documents import read_without_escapes

ORDERS = Path("shop", "orders")


def meaning(document: object) -> tuple[Match, ...]:
    specification = parse(document, "claims")
    assert isinstance(specification, Specification), specification
    assert specification.channels is None
    return specification.match


def fields(*written: Any) -> tuple[Field, ...]:
    (match,) = meaning({"match": [{"path": "shop.orders", "fields": list(written)}]})
    return match.alternatives[0].fields


def refusals(document: object) -> list[tuple[str, str]]:
    verdict = parse(document, "claims")
    assert isinstance(verdict, list), verdict
    return [(refusal.pointer, refusal.message) for refusal in verdict]


def refused(document: object, pointer: str, *words: str) -> None:
    """The document gets exactly one refusal, there, and its message has these words."""
    ((where, message),) = refusals(document)
    assert where == pointer
    assert read_without_escapes(message, document), message
    for word in words:
        assert word in message


def match(**keys: Any) -> dict[str, Any]:
    return {"match": [{"path": "shop.orders", **keys}]}


# What is taken


def test_a_single_match_is_an_array_of_one() -> None:
    assert meaning({"match": {"path": "shop.orders"}}) == meaning({"match": [{"path": "shop.orders"}]})


def test_an_empty_match_gives_everything_up() -> None:
    assert meaning({"match": []}) == ()


@pytest.mark.parametrize("keys", [{}, {"fields": None}, {"fields": []}])
def test_without_fields_only_the_table_is_claimed(keys: dict[str, Any]) -> None:
    assert meaning(match(**keys)) == (Match((Alternative(ORDERS),)),)


def test_the_wildcard_claims_every_column() -> None:
    assert meaning(match(fields=["*"])) == (Match((Alternative(ORDERS, wildcard=True),)),)


def test_a_whole_schema_is_claimed_with_the_wildcard() -> None:
    document = {"match": {"path": "shop.*", "fields": ["*"]}}
    assert meaning(document) == (Match((Alternative(Path("shop", None), wildcard=True),)),)


def test_a_quoted_star_is_a_table_of_that_name() -> None:
    assert meaning({"match": {"path": 'shop."*"'}}) == (Match((Alternative(Path("shop", "*")),)),)


def test_a_field_is_a_name_an_object_or_alternatives() -> None:
    assert fields("id", {"name": "total"}, {"alternatives": ["email", {"name": "e_mail", "type": "text"}]}) == (
        Field((FieldAlternative("id"),)),
        Field((FieldAlternative("total"),)),
        Field((FieldAlternative("email"), FieldAlternative("e_mail", type="text"))),
    )


def test_a_column_name_is_taken_exactly_as_written() -> None:
    assert fields("Order ID", 'a"b', " x")[0].alternatives[0].name == "Order ID"


def test_columns_may_be_called_like_the_keys_of_a_document() -> None:
    names = ["type", "name", "alternatives", "optional", "min_length", "fields"]
    assert [field.alternatives[0].name for field in fields(*names)] == names
    (field,) = fields({"alternatives": names})
    assert [alternative.name for alternative in field.alternatives] == names


def test_matches_and_fields_may_be_optional() -> None:
    (claim,) = meaning(match(optional=True, fields=[{"name": "id", "optional": True}, {"name": "total"}]))
    assert claim.optional
    assert [field.optional for field in claim.alternatives[0].fields] == [True, False]


def test_alternatives_keep_their_order() -> None:
    (claim,) = meaning({"match": {"alternatives": [{"path": "b.x", "fields": ["id"]}, {"path": "a.x"}]}})
    assert [alternative.path.schema for alternative in claim.alternatives] == ["b", "a"]


@pytest.mark.parametrize(("written", "value"), [(True, True), ("true", True), (False, False), ("false", False)])
def test_is_nullable_is_a_boolean_or_its_text(written: object, value: bool) -> None:
    assert fields({"name": "id", "is_nullable": written})[0].alternatives[0].is_nullable is value


@pytest.mark.parametrize(("written", "value"), [(1, 1), (40.0, 40), (2147483646, 2147483646), ("unlimited", UNLIMITED)])
def test_min_length_is_a_number_or_unlimited(written: object, value: int) -> None:
    min_length = fields({"name": "id", "min_length": written})[0].alternatives[0].min_length
    assert min_length == value
    assert type(min_length) is int


def test_a_type_is_normalised() -> None:
    assert fields({"name": "tags", "type": "text [3]"})[0].alternatives[0].type == "text[]"


def test_one_column_with_two_types_is_two_alternatives() -> None:
    (field,) = fields({"alternatives": [{"name": "id", "type": "int"}, {"name": "id", "type": "bigint"}]})
    assert [alternative.type for alternative in field.alternatives] == ["int", "bigint"]


def test_one_table_may_be_matched_twice() -> None:
    assert len(meaning({"match": [{"path": "shop.orders", "fields": [name]} for name in ("id", "note")]})) == 2


ID, NOTE = "id", {"name": "note", "min_length": 40}
SAME_MATCHES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"path": "shop.orders"}, {"path": '"shop"."orders"', "fields": []}),
    ({"path": "shop.*", "fields": ["*"]}, {"path": "shop.*", "fields": ["*"], "optional": False}),
    ({"path": "shop.orders", "fields": [ID, NOTE]}, {"path": "shop.orders", "fields": [NOTE, {"name": "id"}]}),
    ({"path": "shop.orders"}, {"alternatives": [{"path": "shop.orders"}]}),
    ({"alternatives": [{"path": "a.b"}, {"path": "a.c"}]}, {"alternatives": [{"path": "a.b"}, {"path": '"a".c'}]}),
]
OTHER_MATCHES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"path": "shop.orders"}, {"path": "shop.orders", "optional": True}),
    ({"path": "shop.orders", "fields": [ID]}, {"path": "shop.orders", "fields": [ID, NOTE]}),
    ({"path": "shop.orders", "fields": [NOTE]}, {"path": "shop.orders", "fields": [{**NOTE, "min_length": 41}]}),
    ({"path": "shop.orders", "fields": ["*"]}, {"path": "shop.orders"}),
    ({"alternatives": [{"path": "a.b"}, {"path": "a.c"}]}, {"alternatives": [{"path": "a.c"}, {"path": "a.b"}]}),
]


@pytest.mark.parametrize(("first", "second"), SAME_MATCHES)
def test_a_match_that_means_the_same_as_one_before_it_is_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    other = {"path": "shop.between"}
    refused({"match": [first, other, second]}, "#/match/2", "the same match stands before it, at #/match/0")


@pytest.mark.parametrize(("first", "second"), OTHER_MATCHES)
def test_matches_that_mean_something_else_each_are_taken(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert len(meaning({"match": [first, second]})) == 2


def test_more_matches_than_the_limit_are_refused_whatever_their_shape() -> None:
    tables = [{"path": f"shop.t{number}"} for number in range(MAX_MATCHES + 1)]
    assert len(meaning({"match": tables[:-1]})) == MAX_MATCHES
    refused({"match": tables}, "#/match", f"it has {MAX_MATCHES + 1} matches")
    refused({"match": [{"alternatives": tables}]}, "#/match", f"it has {MAX_MATCHES + 1} matches")
    refused({"match": [5] * (MAX_MATCHES + 1)}, "#/match", f"it has {MAX_MATCHES + 1} matches")


# The short form


@pytest.mark.parametrize(
    ("written", "short"),
    [
        ({"path": '"shop"."orders"', "fields": None, "optional": False}, {"path": "shop.orders"}),
        ({"alternatives": [{"path": "shop.orders"}]}, {"path": "shop.orders"}),
        ({"path": "a.b", "fields": [{"name": "id"}]}, {"path": "a.b", "fields": ["id"]}),
        ({"path": "a.b", "fields": [{"alternatives": ["id"]}]}, {"path": "a.b", "fields": ["id"]}),
        (
            {"path": "a.b", "fields": [{"alternatives": ["id"], "optional": True}]},
            {"path": "a.b", "fields": [{"name": "id", "optional": True}]},
        ),
        (
            {
                "path": "a.b",
                "fields": [
                    {"alternatives": ["id", {"name": "key"}], "optional": True},
                    {"alternatives": ["a", "b"], "optional": False},
                ],
            },
            {
                "path": "a.b",
                "fields": [{"alternatives": ["id", "key"], "optional": True}, {"alternatives": ["a", "b"]}],
            },
        ),
        (
            {"path": "a.b", "fields": [{"name": "id", "is_nullable": "true", "type": "int [ ]"}]},
            {"path": "a.b", "fields": [{"name": "id", "is_nullable": True, "type": "int[]"}]},
        ),
        (
            {"path": "a.b", "fields": [{"name": "id", "min_length": "unlimited"}]},
            {"path": "a.b", "fields": [{"name": "id", "min_length": "unlimited"}]},
        ),
        (
            {"alternatives": [{"path": "a.b"}, {"path": "c.d", "fields": ["*"]}], "optional": True},
            {"alternatives": [{"path": "a.b"}, {"path": "c.d", "fields": ["*"]}], "optional": True},
        ),
    ],
)
def test_the_short_form(written: dict[str, Any], short: dict[str, Any]) -> None:
    specification = parse({"match": written}, "claims")
    assert isinstance(specification, Specification)
    assert shorten(specification) == {"match": [short]}


# What is refused: the shape


@pytest.mark.parametrize(
    ("document", "shown"),
    [('{"match": []}', "'{"), (5, "5"), (None, "null"), (True, "true"), ([{"path": "a.b"}], "an array")],
)
def test_a_document_that_is_no_object_gets_one_refusal(document: object, shown: str) -> None:
    refused(document, "#", shown, "is not an object")


def test_a_document_without_match() -> None:
    refused({}, "#", "needs 'match'")


@pytest.mark.parametrize("value", [None, 5, "shop.orders", True])
def test_a_match_that_is_no_object(value: object) -> None:
    refused({"match": value}, "#/match", "is not an array or an object")


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"match": [], "matches": []}, "#/matches"),
        ({"match": [], "channels": []}, "#/channels"),
        (match(colour=1), "#/match/0/colour"),
        (match(events=["*"]), "#/match/0/events"),
        ({"match": {"path": "a.b", "x/y~": 1}}, "#/match/x~1y~0"),
        ({"match": {"alternatives": [{"path": "a.b", "optional": True}]}}, "#/match/alternatives/0/optional"),
        (match(fields=[{"name": "id", "length": 3}]), "#/match/0/fields/0/length"),
        (
            match(fields=[{"alternatives": [{"name": "id", "optional": True}]}]),
            "#/match/0/fields/0/alternatives/0/optional",
        ),
    ],
)
def test_an_unknown_key_is_refused_where_it_stands(document: object, pointer: str) -> None:
    refused(document, pointer, "is not allowed in", "allowed: ")


@pytest.mark.parametrize("key", ["path", "fields"])
def test_a_match_has_either_alternatives_or_a_path_and_fields(key: str) -> None:
    document = {"match": {"alternatives": [{"path": "a.b"}], key: {"path": "a.b", "fields": ["id"]}[key]}}
    refused(document, f"#/match/{key}", "a match with alternatives")


@pytest.mark.parametrize("key", ["name", "type", "min_length", "is_nullable"])
def test_a_field_has_either_alternatives_or_a_name_and_properties(key: str) -> None:
    values = {"name": "id", "type": "text", "min_length": 1, "is_nullable": True}
    document = match(fields=[{"alternatives": ["a", "b"], key: values[key]}])
    refused(document, f"#/match/0/fields/0/{key}", "a field with alternatives")


def test_a_match_without_path() -> None:
    refused({"match": [{"fields": ["id"]}]}, "#/match/0", "needs 'path'")


def test_a_field_without_name() -> None:
    refused(match(fields=[{"type": "text"}]), "#/match/0/fields/0", "needs 'name'")


@pytest.mark.parametrize("value", ["*", "id", {"name": "id"}, 5])
def test_fields_that_are_no_array(value: object) -> None:
    refused(match(fields=value), "#/match/0/fields", "is not an array or null")


@pytest.mark.parametrize("value", [None, 5, ["id"], True])
def test_a_field_that_is_neither_text_nor_object(value: object) -> None:
    refused(match(fields=["id", value]), "#/match/0/fields/1", "is not text or an object")


def test_alternatives_are_not_empty() -> None:
    refused({"match": {"alternatives": []}}, "#/match/alternatives", "it is empty")
    refused(match(fields=[{"alternatives": []}]), "#/match/0/fields/0/alternatives", "it is empty")


@pytest.mark.parametrize("value", ["true", 1, None])
def test_optional_is_a_boolean(value: object) -> None:
    refused(match(optional=value), "#/match/0/optional", "is not true or false")


@pytest.mark.parametrize("value", [0, -1, 1.5, 2147483647, "40", "UNLIMITED", True, None])
def test_min_length_is_nothing_else(value: object) -> None:
    document = match(fields=[{"name": "id", "min_length": value}])
    ((pointer, message),) = refusals(document)
    assert pointer == "#/match/0/fields/0/min_length"
    assert "a length of 1 or more, or 'unlimited'" in message


@pytest.mark.parametrize("value", [1, 0, "yes", "TRUE", None])
def test_is_nullable_is_nothing_else(value: object) -> None:
    refused(match(fields=[{"name": "id", "is_nullable": value}]), "#/match/0/fields/0/is_nullable", "true or false")


@pytest.mark.parametrize("value", ["", 5, None])
def test_a_name_is_a_text_that_is_not_empty(value: object) -> None:
    refused(match(fields=[{"name": value}]), "#/match/0/fields/0/name")


# What is refused: the rules that a schema cannot say


@pytest.mark.parametrize("path", ["orders", "a.b.c", "shop.order items", 'shop."x', "shop.orders\n"])
def test_what_is_no_path_is_refused(path: str) -> None:
    refused({"match": {"path": path}}, "#/match/path", "is not a table path")


@pytest.mark.parametrize("path", ["pg_catalog.pg_class", "pg_temp_3.x", "integratedb.claim", '"pg_x".*'])
def test_system_temporary_and_own_schemas_are_refused(path: str) -> None:
    refused({"match": {"path": path, "fields": ["*"]}}, "#/match/path", "cannot be claimed")


@pytest.mark.parametrize("keys", [{}, {"fields": ["id"]}])
def test_a_whole_schema_goes_only_with_the_wildcard(keys: dict[str, Any]) -> None:
    refused({"match": {"path": "shop.*", **keys}}, "#/match/path", "'fields': ['*']")


def test_a_whole_schema_has_no_alternatives() -> None:
    document = {"match": {"alternatives": [{"path": "shop.*", "fields": ["*"]}]}}
    refused(document, "#/match/alternatives/0/path", "inside alternatives")


@pytest.mark.parametrize(
    ("written", "pointer"),
    [
        (["*", "id"], "#/match/0/fields/0"),
        (["id", "*"], "#/match/0/fields/1"),
        ([{"name": "*"}], "#/match/0/fields/0/name"),
        ([{"alternatives": ["id", "*"]}], "#/match/0/fields/0/alternatives/1"),
    ],
)
def test_the_wildcard_stands_alone(written: list[Any], pointer: str) -> None:
    refused(match(fields=written), pointer, "'*'")


def test_a_name_longer_than_postgres_allows_is_refused() -> None:
    refused(match(fields=["ü" * 32]), "#/match/0/fields/0", "63 bytes")


def test_a_modifier_that_is_no_length_is_refused_with_a_hint_to_min_length() -> None:
    document = match(fields=[{"name": "at", "type": "timestamp(3)"}])
    refused(document, "#/match/0/fields/0/type", "'timestamp(3)'", "min_length")


def test_a_length_in_a_type_is_kept_as_written_and_agrees_with_min_length() -> None:
    assert fields({"name": "sku", "type": "varchar (40)"})[0].alternatives[0] == FieldAlternative("sku", "varchar(40)")
    assert fields({"name": "sku", "type": "varchar(40)", "min_length": 40})[0].alternatives[0].min_length == 40
    for other in (39, 41, "unlimited"):
        document = match(fields=[{"name": "sku", "type": "varchar(40)", "min_length": other}])
        refused(document, "#/match/0/fields/0/min_length", show(other), "the length that the type says")


@pytest.mark.parametrize("again", ["id", {"name": "id", "type": "text"}, {"alternatives": ["id"], "optional": True}])
def test_a_name_alone_stands_once_in_the_fields(again: object) -> None:
    refused(match(fields=["id", "total", again]), "#/match/0/fields/2", "'id'", "named once")


def test_the_same_names_as_alternatives_stand_once_in_the_fields() -> None:
    first = {"alternatives": ["id", "key"]}
    again = {"alternatives": [{"name": "id", "type": "text"}, "key"]}
    refused(match(fields=[first, again]), "#/match/0/fields/1", "'id'", "named once")
    assert len(fields(first, "id", {"alternatives": ["key", "id"]})) == 3


@pytest.mark.parametrize("again", ["id", {"name": "id"}])
def test_a_field_alternative_stands_once(again: object) -> None:
    refused(match(fields=[{"alternatives": ["id", again]}]), "#/match/0/fields/0/alternatives/1", "stands before")


def test_a_match_alternative_stands_once() -> None:
    document = {"match": {"alternatives": [{"path": "a.b"}, {"path": '"a"."b"', "fields": []}]}}
    refused(document, "#/match/alternatives/1", "stands before")


# What no document may hold


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\0", "NUL"),
        ("\ud800", "surrogate"),
        (10**400, "digits"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (b"", "no JSON"),
    ],
)
def test_what_postgres_cannot_store_is_refused(value: object, words: str) -> None:
    refused({"match": {"path": value}}, "#/match/path", words)


def test_an_absurdly_deep_document_is_refused() -> None:
    document: object = []
    for _ in range(100_000):
        document = [document]
    ((_, message),) = refusals({"match": document})
    assert "nested" in message


def test_a_text_is_parsed_as_the_document_in_it() -> None:
    assert parse_text('{"match": {"path": "a.b"}}', "claims") == parse({"match": {"path": "a.b"}}, "claims")
    assert parse_text("[]", "claims") == parse([], "claims")


@pytest.mark.parametrize(
    ("text", "pointer", "words"),
    [
        ('{"match": ' + "[" * 100_000 + "]" * 100_000 + "}", "#", "nested"),
        ('{"match": ' + "1" * 5000 + "}", "#/match", "finite"),
        ('{"match": ' + "1" * 200 + "}", "#/match", "not an array or an object"),
        ("{", "#", "not JSON"),
    ],
)
def test_a_text_that_python_cannot_read_is_refused(text: str, pointer: str, words: str) -> None:
    verdict = parse_text(text, "claims")
    assert isinstance(verdict, list)
    ((where, message),) = [(refusal.pointer, refusal.message) for refusal in verdict]
    assert where == pointer
    assert words in message


def test_a_key_that_postgres_cannot_store_is_refused_at_its_object() -> None:
    refused({"match": {"path": "a.b", "\0": 1}}, "#/match", "NUL")


def test_an_absurdly_long_key_is_refused_at_its_object() -> None:
    refused({"match": [], "x" * 1_000_000: 1}, "#", "is not allowed in")


def test_messages_stay_short_whatever_the_value() -> None:
    for value in ("x" * 1_000_000, list(range(100_000)), {"a": "b" * 1_000_000}):
        for document in (
            {"match": {"path": value}},
            {"match": value},
            value,
            match(fields=[{"name": "a", "type": value}]),
        ):
            assert all(len(message) < 400 for _, message in refusals(document))


def test_at_most_a_hundred_refusals_are_told() -> None:
    assert len(refusals(match(fields=[5] * 1000))) == MAX_REFUSALS
    assert len(refusals(match(fields=["id"] * 1000))) == MAX_REFUSALS
    assert len(refusals({"match": [], **{str(key): 1 for key in range(1000)}})) == MAX_REFUSALS


def test_all_problems_of_a_stage_are_told_at_once() -> None:
    document = {"match": [{"path": "orders"}, {"path": "pg_catalog.pg_class"}, {"path": "a.b", "fields": ["x", "x"]}]}
    assert [pointer for pointer, _ in refusals(document)] == ["#/match/0/path", "#/match/1/path", "#/match/2/fields/1"]


def test_an_unknown_kind_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="grants"):
        parse({"match": []}, "grants")


def test_a_refusal_is_plain_data() -> None:
    assert parse({}, "claims") == [Refusal("a specification needs 'match'", "#")]
