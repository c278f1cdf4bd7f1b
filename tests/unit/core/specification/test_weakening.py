"""Which replacements of a specification ask for no more than the old one did."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.specification.intake import parse
from integratedb.specification.model import Alternative, Field, Match, Path, Specification
from integratedb.specification.weakening import is_weaker
from tests.unit.core import documents


def claims(*matches: Any) -> Specification:
    specification = parse({"match": list(matches)}, "claims")
    assert isinstance(specification, Specification), specification
    return specification


def orders(*fields: Any, **keys: Any) -> dict[str, Any]:
    return {"path": "shop.orders", "fields": list(fields), **keys}


def field(**keys: Any) -> dict[str, Any]:
    return orders({"name": "sku", **keys})


ITEMS = {"path": "shop.items", "fields": ["id"]}

WEAKER = {
    "the same": (orders("id"), orders("id")),
    "nothing at all": (orders("id"),),
    "a column less": (orders("id", "total"), orders("total")),
    "columns in another order": (orders("id", "total"), orders("total", "id")),
    "no column": (orders("id"), orders()),
    "a field becomes optional": (orders("id"), orders({"name": "id", "optional": True})),
    "a match becomes optional": (orders("id"), orders("id", optional=True)),
    "a promise is given up": (orders("id", until="2999-03-01"), orders("id")),
    "a promise is shortened": (orders("id", until="2999-03-01"), orders("id", until="2999-02-28")),
    "one match becomes two": (orders("id", "total"), orders("id"), orders("total")),
    "another spelling of a type": (field(type="int8[]"), field(type="pg_catalog._int8")),
    "a min_length becomes a length in the type": (
        field(type="varchar", min_length=40),
        field(type="character varying(40)"),
    ),
    "a length in the type shrinks": (field(type="varchar(40)"), field(type="varchar(20)")),
    "min_length shrinks": (field(min_length=40), field(min_length=20)),
    "unlimited becomes a limit": (field(min_length="unlimited"), field(min_length=20)),
    "nulls are coped with": (field(is_nullable=False), field(is_nullable=True)),
    "nulls are coped with where nothing was said": (field(), field(is_nullable=True)),
    "a name out of the wildcard": (orders("*"), orders("id")),
    "alternatives out of the wildcard": (orders("*"), orders({"alternatives": ["email", "e_mail"]})),
    "no column out of the wildcard": (orders("*"), orders()),
    "a unique key less": (
        orders("id", "number", unique=[["id"], ["number", "id"]]),
        orders("id", "number", unique=[["id", "number"]]),
    ),
    "a reference less": (orders("id", references=[{"fields": ["id"], "to": "shop.items"}]), orders("id")),
    "the same reference": (
        orders("id", references=[{"fields": ["id"], "to": "shop.items"}]),
        orders("id", references=[{"fields": ["id"], "to": '"shop".items'}]),
    ),
    "a field of a key becomes optional": (
        orders("id", unique=[["id"]]),
        orders({"name": "id", "optional": True}, unique=[["id"]]),
    ),
    "the whole schema": ({"path": "shop.*", "fields": ["*"]}, {"path": "shop.*", "fields": ["*"], "optional": True}),
    "fewer fields in an alternative": (
        {"alternatives": [orders("id", "total"), ITEMS]},
        {"alternatives": [orders("id"), {"path": "shop.items"}]},
    ),
}

STRONGER = {
    "a promise more": (orders("id"), orders("id", until="2999-03-01")),
    "a longer promise": (orders("id", until="2999-03-01"), orders("id", until="2999-03-02")),
    "another table": (orders("id"), ITEMS),
    "a table more": (orders("id"), orders("id"), ITEMS),
    "a column more": (orders("id"), orders("id", "total")),
    "the wildcard": (orders("id"), orders("*")),
    "the whole schema": (orders("*"), {"path": "shop.*", "fields": ["*"]}),
    "an optional field becomes required": (orders({"name": "id", "optional": True}), orders("id")),
    "an optional match becomes required": (orders(optional=True), orders()),
    "a length in the type grows": (field(type="varchar(20)"), field(type="varchar(40)")),
    "a length in the type where nothing was said": (field(type="varchar"), field(type="varchar(40)")),
    "a type of the same name in a schema": (field(type="text"), field(type="shop.text")),
    "min_length grows": (field(min_length=20), field(min_length=40)),
    "a limit becomes unlimited": (field(min_length=20), field(min_length="unlimited")),
    "a min_length where nothing was said": (field(), field(min_length=1)),
    "no min_length: the catalog's may be greater": (field(min_length=20), field()),
    "nulls no longer": (field(is_nullable=True), field(is_nullable=False)),
    "no is_nullable: the catalog's may be stricter": (field(is_nullable=True), field()),
    "another type": (field(type="text"), field(type="varchar")),
    "a type where nothing was said": (field(), field(type="text")),
    "no type: the catalog's may be stricter": (field(type="text"), field()),
    "a name out of the wildcard with a type": (orders("*"), field(type="text")),
    "a name out of the wildcard with a min_length": (orders("*"), field(min_length=1)),
    "a name out of the wildcard that is not null": (orders("*"), field(is_nullable=False)),
    "a field alternative more": (orders("id"), orders({"alternatives": ["id", "key"]})),
    "a field alternative less": (orders({"alternatives": ["id", "key"]}), orders("id")),
    "field alternatives in another order": (
        orders({"alternatives": ["id", "key"]}),
        orders({"alternatives": ["key", "id"]}),
    ),
    "an alternative more": (orders("id"), {"alternatives": [orders("id"), ITEMS]}),
    "an alternative less": ({"alternatives": [orders("id"), ITEMS]}, orders("id")),
    "alternatives in another order": (
        {"alternatives": [orders("id"), ITEMS]},
        {"alternatives": [ITEMS, orders("id")]},
    ),
    "a unique key more": (orders("id"), orders("id", unique=[["id"]])),
    "a unique key of fewer fields": (
        orders("id", "number", unique=[["id", "number"]]),
        orders("id", "number", unique=[["id"]]),
    ),
    "a reference more": (orders("id"), orders("id", references=[{"fields": ["id"], "to": "shop.items"}])),
    "a reference to a column where nothing was said": (
        orders("id", references=[{"fields": ["id"], "to": "shop.items"}]),
        orders("id", references=[{"fields": ["id"], "to": "shop.items", "to_fields": ["id"]}]),
    ),
    "fields of two matches in one": (orders("id"), orders("id", "total")),
}


@pytest.mark.parametrize("case", WEAKER)
def test_weaker(case: str) -> None:
    old, *new = WEAKER[case]
    assert is_weaker(claims(old), claims(*new))


@pytest.mark.parametrize("case", STRONGER)
def test_not_weaker(case: str) -> None:
    old, *new = STRONGER[case]
    assert is_weaker(claims(old), claims(*new)) is False


def test_a_reference_may_not_lose_the_match_that_it_follows() -> None:
    reference = orders("id", references=[{"fields": ["id"], "to": "shop.items"}])
    match = {"alternatives": [ITEMS, {"path": "shop.things", "fields": ["id"]}]}
    assert is_weaker(claims(reference, match), claims(reference, match))
    assert is_weaker(claims(reference, match), claims(match))
    assert not is_weaker(claims(reference, match), claims(reference))
    plain = {"path": "shop.items", "fields": ["id", "name"]}
    assert is_weaker(claims(reference, plain), claims(reference))
    assert is_weaker(claims(reference, plain), claims(reference, ITEMS))
    split = {"path": "shop.items", "fields": ["name", {"alternatives": ["id", "key"]}]}
    assert is_weaker(claims(reference, split), claims(reference, {**split, "fields": split["fields"][1:]}))
    assert not is_weaker(claims(reference, split), claims(reference, {**split, "fields": ["name"]}))


def test_the_fields_of_two_old_matches_do_not_make_one_new_match() -> None:
    assert not is_weaker(claims(orders("id"), orders("total")), claims(orders("id", "total")))


def test_nothing_is_weaker_than_nothing_but_nothing() -> None:
    assert is_weaker(claims(), claims())
    assert not is_weaker(claims(), claims(orders()))


def test_a_table_of_a_claimed_schema_may_be_named_when_the_baseline_has_it() -> None:
    old = claims({"path": "shop.*", "fields": ["*"]})
    for new in (claims(orders("*")), claims(orders("id")), claims(orders())):
        assert is_weaker(old, new, [Path("shop", "orders")])
        assert not is_weaker(old, new)
        assert not is_weaker(old, new, [Path("shop", "items")])


def test_alternatives_do_not_follow_from_a_claimed_schema() -> None:
    old = claims({"path": "shop.*", "fields": ["*"]})
    assert not is_weaker(old, claims({"alternatives": [orders("id"), ITEMS]}), [Path("shop", "orders")])


def test_a_table_in_the_baseline_is_not_for_the_taking_without_its_schema() -> None:
    assert not is_weaker(claims(orders("id")), claims(ITEMS), [Path("shop", "items")])
    assert not is_weaker(claims({"path": "other.*", "fields": ["*"]}), claims(ITEMS), [Path("shop", "items")])


# Notifications


def notifications(defined: Any = None, **keys: Any) -> Specification:
    document: dict[str, Any] = {"match": [orders("id", **keys)]}
    if defined is not None:
        document["channels"] = defined
    specification = parse(document, "notifications")
    assert isinstance(specification, Specification), specification
    return specification


@pytest.mark.parametrize(
    ("key", "old", "new", "weaker"),
    [
        ("events", ["INSERT", "UPDATE"], ["UPDATE"], True),
        ("events", ["*"], ["INSERT"], True),
        ("events", ["INSERT", "UPDATE", "DELETE", "TRUNCATE"], ["*"], True),
        ("events", ["INSERT"], ["INSERT", "DELETE"], False),
        ("events", ["INSERT"], ["*"], False),
        ("channels", ["a", "b"], ["b"], True),
        ("channels", ["*"], ["a"], True),
        ("channels", ["a"], ["b"], False),
        ("channels", ["a"], ["*"], False),
        ("channels", ["SOCKET"], ["a"], False),
    ],
)
def test_events_and_channels_may_only_become_fewer(key: str, old: list[str], new: list[str], weaker: bool) -> None:
    assert is_weaker(notifications(**{key: old}), notifications(**{key: new})) is weaker


def test_channels_are_left_out_or_the_same() -> None:
    socket = [{"type": "SOCKET"}]
    assert is_weaker(notifications(socket), notifications())
    assert is_weaker(notifications(socket), notifications(socket))
    assert not is_weaker(notifications(socket), notifications([]))
    assert not is_weaker(notifications(), notifications(socket))


def test_another_kind_is_never_weaker() -> None:
    assert is_weaker(claims(), Specification("notifications", ())) is False


# Generated


def _specification(document: Any) -> Specification:
    specification = parse(document, "claims")
    assert isinstance(specification, Specification), specification
    return specification


specifications = documents.claims.map(_specification)


@given(specifications)
def test_every_specification_is_weaker_than_itself(specification: Specification) -> None:
    assert is_weaker(specification, specification)


@given(specifications, st.data())
def test_dropping_and_softening_is_weaker(old: Specification, data: st.DataObject) -> None:
    matches = tuple(_softened(match, data) for match in old.match if data.draw(st.booleans()))
    assert is_weaker(old, old._replace(match=matches))


def _softened(match: Match, data: st.DataObject) -> Match:
    alternatives = tuple(
        alternative._replace(
            fields=tuple(
                field._replace(optional=field.optional or data.draw(st.booleans()))
                for field in alternative.fields
                if data.draw(st.booleans())
            ),
        )
        for alternative in match.alternatives
    )
    return match._replace(alternatives=alternatives, optional=match.optional or data.draw(st.booleans()))


@given(specifications, documents.column_names)
def test_a_column_more_is_never_weaker_unless_it_was_read(old: Specification, name: str) -> None:
    for match in old.match:
        first, *rest = match.alternatives
        if first.wildcard:
            continue
        more = first._replace(fields=(*first.fields, *_specification_fields(name)))
        new = old._replace(match=(match._replace(alternatives=(more, *rest)),))
        assert not is_weaker(old, new) or _reads(old, first.path, name)


def _specification_fields(name: str) -> tuple[Field, ...]:
    return _specification({"match": {"path": "a.b", "fields": [name]}}).match[0].alternatives[0].fields


def _columns(match: Match) -> list[tuple[Path, str]]:
    return [
        (alternative.path, column.name)
        for alternative in match.alternatives
        for field in alternative.fields
        for column in field.alternatives
    ]


def _reads(specification: Specification, path: Path, name: str) -> bool:
    alternatives: list[Alternative] = [one for match in specification.match for one in match.alternatives]
    return any(
        one.path == path
        and (one.wildcard or any(name == column.name for field in one.fields for column in field.alternatives))
        for one in alternatives
    )


def test_thousands_of_matches_of_one_table_are_not_compared_each_with_each() -> None:
    def numbered(order: range) -> Specification:
        return claims(*(orders("id", f"column_{number}") for number in order))

    began = time.process_time()
    assert is_weaker(numbered(range(5000)), numbered(range(4999, 0, -1)))
    assert not is_weaker(numbered(range(5000)), numbered(range(5000, 10000)))
    # It takes a few seconds, more on a busy machine; 25 million comparisons take minutes.
    assert time.process_time() - began < 40


def test_a_replacement_that_takes_too_many_comparisons_is_not_weaker() -> None:
    """Each match of the new one looks like each of the old one, and follows from the last one only."""
    names = [f"c{number}" for number in range(12)]
    old = claims(*(orders({"name": "sku", "min_length": number}, *names) for number in range(1, 3001)))
    new = claims(
        *(
            orders({"name": "sku", "min_length": 3000}, *(name for bit, name in enumerate(names) if number & 1 << bit))
            for number in range(3000)
        )
    )
    began = time.process_time()
    assert not is_weaker(old, new)
    assert time.process_time() - began < 10
