"""Who depends on a table or a column, and how."""

from __future__ import annotations

import pytest

from tests.support import refused

DEPENDENTS = "SELECT * FROM integratedb_dependents(%s, %s)"


@pytest.mark.parametrize(
    ("match", "path", "field", "dependency"),
    [
        ({"path": "shop.orders", "fields": ["id"]}, "shop.orders", "id", "required"),
        ({"path": "shop.orders", "fields": ["id"]}, "shop.orders", None, "required"),
        ({"path": "shop.orders", "fields": ["id"]}, "shop.orders", "note", None),
        ({"path": "shop.orders", "fields": ["id"]}, "shop.products", "id", None),
        ({"path": "shop.orders"}, "shop.orders", None, "required"),
        ({"path": "shop.orders"}, "shop.orders", "id", None),
        ({"path": "shop.orders", "fields": ["*"]}, "shop.orders", "note", "required"),
        ({"path": "shop.orders", "fields": ["id"], "optional": True}, "shop.orders", "id", "optional"),
        ({"path": "shop.orders", "fields": ["id"], "optional": True}, "shop.orders", None, "optional"),
        (
            {"path": "shop.orders", "fields": ["id", {"name": "note", "optional": True}]},
            "shop.orders",
            "note",
            "optional",
        ),
        (
            {"path": "shop.orders", "fields": [{"alternatives": ["state", "status"]}]},
            "shop.orders",
            "status",
            "alternative",
        ),
        ({"path": "shop.orders", "fields": [{"alternatives": ["state", "status"]}]}, "shop.orders", None, "required"),
        (
            {"path": "shop.orders", "fields": [{"alternatives": ["state", "status"]}]},
            "shop.orders",
            "state",
            "alternative",
        ),
        (
            {"alternatives": [{"path": "shop.later", "fields": ["a"]}, {"path": "shop.orders"}]},
            "shop.later",
            "a",
            "alternative",
        ),
        ({"alternatives": [{"path": "shop.later"}, {"path": "shop.orders"}]}, "shop.orders", None, "alternative"),
        (
            {"alternatives": [{"path": "shop.later"}, {"path": "shop.orders"}], "optional": True},
            "shop.orders",
            None,
            "optional",
        ),
        ({"path": "shop.*", "fields": ["*"]}, "shop.*", None, "required"),
        ({"path": "shop.*", "fields": ["*"]}, "shop.orders", "note", "required"),
        ({"path": "shop.*", "fields": ["*"]}, "shop.visits", None, "required"),
        ({"path": "shop.*", "fields": ["*"]}, "shop.visits_2026", None, None),
        ({"path": "shop.*", "fields": ["*"], "optional": True}, "shop.*", None, "optional"),
    ],
)
def test_a_dependency_is_required_an_alternative_or_optional(owner, claim, match, path, field, dependency):
    claim(match)
    expected = [] if dependency is None else [("reporter", "claims", dependency)]
    assert owner.rows(DEPENDENTS, path, field) == expected


def test_the_strictest_counts_where_there_are_several(owner, claim):
    claim(
        {"path": "shop.orders", "fields": ["id"], "optional": True},
        {"path": "shop.orders", "fields": [{"alternatives": ["id", "note"]}]},
    )
    assert owner.rows(DEPENDENTS, "shop.orders", "id") == [("reporter", "claims", "alternative")]
    claim({"path": "shop.orders", "fields": [{"name": "id", "optional": True}]}, {"path": "shop.*", "fields": ["*"]})
    assert owner.rows(DEPENDENTS, "shop.orders", "id") == [("reporter", "claims", "required")]


def test_every_stakeholder_has_its_row(owner, claim):
    for name in ("reporter", "fulfilment"):
        claim({"path": "shop.orders", "fields": ["id"]}, by=name)
    claim({"path": "shop.products"}, by="archiver")
    assert [row[0] for row in owner.rows(DEPENDENTS, "shop.orders", None)] == ["fulfilment", "reporter"]


def test_anybody_may_ask(superuser, connect, claim):
    superuser.run("CREATE ROLE shop_nobody LOGIN")
    claim({"path": "shop.orders"})
    assert connect("shop_nobody").rows(DEPENDENTS, "shop.orders", None) == [("reporter", "claims", "required")]


@pytest.mark.parametrize("path", ['shop."Order ""Items"""', '"shop"."Order ""Items"""'])
def test_a_path_may_be_quoted_as_in_a_specification(owner, claim, path):
    owner.run('CREATE TABLE shop."Order ""Items""" ("a b" integer)')
    claim({"path": 'shop."Order ""Items"""', "fields": ["a b"]}, {"path": "shop.orders"})
    assert owner.rows(DEPENDENTS, path, "a b") == [("reporter", "claims", "required")]
    assert owner.rows(DEPENDENTS, '"shop"."orders"', None) == [("reporter", "claims", "required")]
    assert owner.rows(DEPENDENTS, '"shop"."products"', None) == []


def test_a_schema_may_be_quoted_too(superuser, owner, claim):
    superuser.run('CREATE SCHEMA "Old Shop"')
    claim({"path": '"Old Shop".*', "fields": ["*"]}, {"path": "shop.*", "fields": ["*"]})
    for path in ('"Old Shop".*', '"shop".*'):
        assert owner.rows(DEPENDENTS, path, None) == [("reporter", "claims", "required")]


@pytest.mark.parametrize("path", ["orders", "shop.", "a.b.c", "shop.order items", 'shop."orders', "", "it's", None])
def test_what_is_no_path_is_refused_lest_nobody_be_the_answer(owner, path):
    with refused("22023") as error:
        owner.rows(DEPENDENTS, path, None)
    assert ("null" if path is None else path.replace("'", "''")) in (error.value.diag.message_primary or "")
    assert error.value.diag.message_hint


@pytest.mark.parametrize(
    ("path", "field", "code", "words", "hint"),
    [
        ("shop.ordrs", None, "42P01", "table or view shop.ordrs", "Did you mean shop.orders?"),
        ("shop.Orders", "id", "42P01", "table or view shop.Orders", "Did you mean shop.orders?"),
        ("shpo.orders", None, "42P01", "schema shpo", "Did you mean shop?"),
        ("shpo.*", None, "3F000", "schema shpo", "Did you mean shop?"),
        ("shop.orders", "staus", "42703", "column staus of shop.orders", "Did you mean status?"),
        ("shop.orders", "cmax", "42703", "column cmax of shop.orders", "Names are as in the catalog"),
        ("shop.zzz", None, "42P01", "shop.zzz", "Names are as in the catalog"),
        ("shop.later", "b", "42703", "column b of shop.later", "Names are as in the catalog"),
        ("shop.later", "delivered", "42703", "column delivered of shop.later", "Did you mean delivered_at?"),
    ],
)
def test_a_name_that_nothing_has_and_nobody_claims_is_an_error(owner, claim, path, field, code, words, hint):
    claim(
        {
            "alternatives": [
                {"path": "shop.later", "fields": ["delivered_at"]},
                {"path": "shop.orders", "fields": ["id"]},
            ]
        }
    )
    with refused(code) as error:
        owner.rows(DEPENDENTS, path, field)
    assert words in (error.value.diag.message_primary or "")
    assert hint in (error.value.diag.message_hint or "")


def test_a_name_that_is_claimed_need_not_be_there(owner, claim):
    claim(
        {"path": "shop.later", "fields": ["a"], "optional": True}, {"path": "gone.*", "fields": ["*"], "optional": True}
    )
    assert owner.rows(DEPENDENTS, "shop.later", "a") == [("reporter", "claims", "optional")]
    assert owner.rows(DEPENDENTS, "gone.*", None) == [("reporter", "claims", "optional")]


def test_what_nobody_depends_on_is_answered_by_no_row(owner, claim):
    claim({"path": "shop.orders", "fields": ["id"]})
    for path, field in (("shop.orders", "note"), ("shop.products", None), ("shop.*", None)):
        assert owner.rows(DEPENDENTS, path, field) == []
