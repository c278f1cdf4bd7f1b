"""Unique keys and references of a claim: which are taken, what they mean, which are refused and where."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb.specification.intake import parse, shorten
from integratedb.specification.model import Alternative, Path, Reference, Refusal, Specification
from integratedb.specification.names import named_by

CUSTOMERS = Path("shop", "customers")


def orders(**keys: Any) -> dict[str, Any]:
    return {"path": "shop.orders", "fields": ["id", "customer_id", {"alternatives": ["email", "e_mail"]}], **keys}


def accepted(*match: dict[str, Any]) -> Specification:
    specification = parse({"match": list(match)}, "claims")
    assert isinstance(specification, Specification), specification
    return specification


def only_alternative(match: dict[str, Any]) -> Alternative:
    ((alternative,),) = [match.alternatives for match in accepted(match).match]
    return alternative


def refused(match: dict[str, Any], pointer: str, message: str, kind: str = "claims") -> None:
    assert parse({"match": [match]}, kind) == [Refusal(message, pointer)]


def reference(**keys: Any) -> dict[str, Any]:
    return orders(references=[{"fields": ["customer_id"], "to": "shop.customers", **keys}])


def test_unique_keys_and_references_of_a_match() -> None:
    found = only_alternative(
        orders(
            unique=[["id"], ["customer_id", "email"]],
            references=[
                {"fields": ["customer_id"], "to": '"shop".customers'},
                {"fields": ["customer_id", "email"], "to": "shop.customers", "to_fields": ["id", "email"]},
            ],
        )
    )
    assert found.unique == (("id",), ("customer_id", "email"))
    assert found.references == (
        Reference(("customer_id",), CUSTOMERS),
        Reference(("customer_id", "email"), CUSTOMERS, ("id", "email")),
    )


def test_each_alternative_has_its_own_keys() -> None:
    (match,) = accepted(
        {"alternatives": [orders(unique=[["id"]]), {"path": "shop.sales", "fields": ["no"], "unique": [["no"]]}]}
    ).match
    assert [alternative.unique for alternative in match.alternatives] == [(("id",),), (("no",),)]


def test_under_a_star_any_column_may_be_named() -> None:
    assert only_alternative({"path": "shop.orders", "fields": ["*"], "unique": [["any"]]}).unique == (("any",),)


def test_empty_keys_are_no_keys_and_the_short_form_leaves_them_out() -> None:
    assert shorten(accepted(orders(unique=[], references=[]))) == {"match": [orders()]}


def test_the_short_form_has_the_keys_where_they_stand() -> None:
    document = orders(unique=[["id"]], references=[{"fields": ["id"], "to": "shop.customers", "to_fields": ["id"]}])
    assert shorten(accepted(document)) == {"match": [document]}


def test_a_referenced_table_is_named_by_the_specification() -> None:
    assert named_by(accepted(reference()))["relations"] == [["shop", "orders"], ["shop", "customers"]]


def test_matches_that_differ_in_their_keys_are_not_the_same() -> None:
    accepted(orders(), orders(unique=[["id"]]), reference())


def test_the_order_of_keys_and_of_their_fields_makes_no_other_match() -> None:
    first, second = orders(unique=[["id", "email"], ["id"]]), orders(unique=[["id"], ["email", "id"]])
    assert parse({"match": [first, second]}, "claims") == [
        Refusal("the same match stands before it, at #/match/0", "#/match/1")
    ]


NO_FIELD = "is not among the fields: a key is made of fields that are claimed"


@pytest.mark.parametrize(
    ("match", "pointer", "message"),
    [
        (orders(unique=[["id", "total"]]), "unique/0/1", f"'total' {NO_FIELD}"),
        (orders(unique=[["e_mail"]]), "unique/0/0", f"'e_mail' {NO_FIELD}"),
        ({"path": "a.b", "unique": [["id"]]}, "unique/0/0", f"'id' {NO_FIELD}"),
        (orders(unique=[["*"]]), "unique/0/0", f"'*' {NO_FIELD}"),
        (
            {"path": "a.b", "fields": ["*"], "unique": [["*"]]},
            "unique/0/0",
            "'*' is no column: a key is made of columns by name",
        ),
        (orders(unique=[["id", "id"]]), "unique/0/1", "'id' stands before it"),
        (
            {"path": "a.b", "fields": ["x", {"alternatives": ["x", "y"]}], "unique": [["x"]]},
            "unique/0/0",
            "'x' is the first name of several fields; a key needs one",
        ),
        (orders(unique=[["id"], ["id"]]), "unique/1", "the same key stands before it"),
        (orders(unique=[[]]), "unique/0", "it is empty; expected an array of 1 to 32 field names such as ['email']"),
        (
            orders(unique=["id"]),
            "unique/0",
            "'id' is not an array; expected an array of 1 to 32 field names such as ['email']",
        ),
        (
            {"path": "a.b", "fields": ["*"], "unique": [[f"c{n}" for n in range(33)]]},
            "unique/0",
            "an array is not an array of 1 to 32 field names such as ['email']",
        ),
        (reference(fields=["total"]), "references/0/fields/0", f"'total' {NO_FIELD}"),
        (
            reference(to="customers"),
            "references/0/to",
            "'customers' is not a table path: the schema is missing: a path is schema.table",
        ),
        (reference(to="shop.*"), "references/0/to", "'shop.*' stands for many tables; a reference is to one"),
        (
            reference(to="pg_catalog.pg_class"),
            "references/0/to",
            "'pg_catalog.pg_class' cannot be referenced: pg_catalog is a system schema",
        ),
        (
            reference(to_fields=["id", "no"]),
            "references/0/to_fields",
            "2 columns are referenced by 1 field(s); each field references one",
        ),
        (
            reference(to_fields=["é" * 40]),
            "references/0/to_fields/0",
            f"'{'é' * 40}' is no column: a name has at most 63 bytes in Postgres",
        ),
        (
            orders(references=[{"fields": ["id", "email"], "to": "a.b", "to_fields": ["x", "x"]}]),
            "references/0/to_fields/1",
            "'x' stands before it",
        ),
        (orders(references=[{"to": "a.b"}]), "references/0", "a reference needs 'fields'"),
        (
            orders(references=[{"fields": ["id"], "to": "a.b", "on_delete": "cascade"}]),
            "references/0/on_delete",
            "'on_delete' is not allowed in a reference; allowed: 'fields', 'to', 'to_fields'",
        ),
        (
            orders(references=[{"fields": ["id"], "to": "a.b"}, {"fields": ["id"], "to": '"a".b'}]),
            "references/1",
            "the same reference stands before it",
        ),
        (
            {"path": "shop.*", "fields": ["*"], "references": [{"fields": ["id"], "to": "a.b"}]},
            "references",
            "'shop.*' stands for many tables; a key is of one",
        ),
    ],
)
def test_what_is_refused(match: dict[str, Any], pointer: str, message: str) -> None:
    refused(match, f"#/match/0/{pointer}", message)


def test_a_match_with_alternatives_has_no_keys_of_its_own() -> None:
    refused(
        {"alternatives": [orders()], "unique": [["id"]]},
        "#/match/0/unique",
        "'unique' is not allowed in a match with alternatives; allowed: 'alternatives', 'optional', 'until'",
    )


def test_notifications_have_no_keys() -> None:
    refused(
        {"path": "shop.orders", "fields": ["id"], "unique": [["id"]]},
        "#/match/0/unique",
        "'unique' is not allowed in a match without alternatives;"
        " allowed: 'path', 'fields', 'optional', 'until', 'events', 'channels'",
        kind="notifications",
    )
