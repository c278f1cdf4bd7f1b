"""Expansion without a server: what matches mean against a catalog that a test writes down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from integratedb.expansion.catalog import Column, Member
from integratedb.expansion.expand import (
    BATCH_COLUMNS,
    Batch,
    ClaimRow,
    ColumnRow,
    ExpandedDocument,
    KeyRow,
    RelationRow,
    expand,
)
from integratedb.specification.intake import parse
from integratedb.specification.model import UNLIMITED, Path, Specification

INT8 = ("pg_catalog.int8", 20, -1, 64)
VARCHAR_40 = ("pg_catalog.varchar", 1043, 44, 40)
TEXT = ("pg_catalog.text", 25, -1, UNLIMITED)
STATUS = ("shop.order_status", 50001, -1, UNLIMITED)


@dataclass(frozen=True)
class Relation:
    """A relation that a test writes down."""

    oid: int
    path: Path
    columns: tuple[Column, ...]


def relation(oid: int, path: str, **columns: tuple[str, int, int, int]) -> Relation:
    """A relation whose columns are nullable, but for ``id``."""
    schema, name = path.split(".")
    return Relation(
        oid,
        Path(schema, name),
        tuple(
            Column(name, attnum, type_, type_oid, modifier, limit, is_nullable=name != "id")
            for attnum, (name, (type_, type_oid, modifier, limit)) in enumerate(columns.items(), start=1)
        ),
    )


class WrittenCatalog:
    """A catalog of these relations; it counts how often it is asked."""

    def __init__(self, *relations: Relation, schemas: Iterable[str] = ("shop",)) -> None:
        self._columns = {found.oid: found.columns for found in relations}
        self._members = {found.path: Member(found.oid, found.path, len(found.columns)) for found in relations}
        self._schemas = set(schemas)
        self.questions = 0

    def find(self, paths: Iterable[Path]) -> Mapping[Path, Member]:
        self.questions += 1
        return {path: self._members[path] for path in paths if path in self._members}

    def members(self, schemas: Iterable[str]) -> Mapping[str, Sequence[Member]]:
        self.questions += 1
        return {
            name: [found for path, found in self._members.items() if path.schema == name]
            for name in schemas
            if name in self._schemas
        }

    def columns(self, relations: Iterable[int]) -> Mapping[int, tuple[Column, ...]]:
        self.questions += 1
        return {oid: self._columns[oid] for oid in relations}

    def named_columns(self, names: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], Column]:
        self.questions += 1
        wanted = set(names)
        return {
            (oid, column.name): column
            for oid, columns in self._columns.items()
            for column in columns
            if (oid, column.name) in wanted
        }

    def exact_types(self, names: Iterable[str]) -> Mapping[str, str]:
        self.questions += 1
        known = {"bigint": "pg_catalog.int8", "varchar": "pg_catalog.varchar", "text[]": "pg_catalog.text[]"}
        return {name: known[name] for name in names if name in known}


@dataclass(frozen=True)
class Claim:
    """A claim row with its relations, of whatever batch."""

    row: ClaimRow
    relations: tuple[RelationRow, ...]


def joined(batches: Iterable[Batch]) -> list[Claim]:
    """The claims with their relations."""
    found: dict[int, tuple[ClaimRow, list[RelationRow]]] = {}
    for batch in batches:
        found.update({claim.match: (claim, []) for claim in batch.claims})
        for row in batch.relations:
            found[row.match][1].append(row)
    return [Claim(claim, tuple(relations)) for claim, relations in found.values()]


ORDERS = relation(100, "shop.orders", id=INT8, status=STATUS, note=VARCHAR_40, remark=TEXT)


def expanded(*match: dict[str, Any], catalog: WrittenCatalog | None = None) -> list[Claim]:
    """The claim rows of these matches, against the orders unless the test brings a catalog."""
    specification = parse({"match": list(match)}, "claims")
    assert isinstance(specification, Specification), specification
    return joined(expand(dict(enumerate(specification.match)), catalog or WrittenCatalog(ORDERS)))


def column(*match: dict[str, Any]) -> ColumnRow:
    """The only column of the only relation."""
    (claim,) = expanded(*match)
    ((row,),) = [found.columns for found in claim.relations]
    return row


def test_a_named_column_is_filled_from_the_catalog() -> None:
    row = column({"path": "shop.orders", "fields": ["note"]})
    assert (row.type, row.min_length, row.is_nullable) == ("pg_catalog.varchar", 40, True)
    assert (row.attnum, row.type_oid, row.type_modifier) == (3, 1043, 44)


def test_a_column_without_a_limit_is_filled_as_unlimited() -> None:
    assert column({"path": "shop.orders", "fields": ["remark"]}).min_length == UNLIMITED


def test_what_the_specification_says_is_not_filled() -> None:
    row = column({"path": "shop.orders", "fields": [{"name": "note", "min_length": 10, "is_nullable": True}]})
    assert (row.min_length, row.is_nullable) == (10, True)


def test_a_missing_column_keeps_what_the_specification_says_and_has_no_identifier() -> None:
    row = column({"path": "shop.orders", "fields": [{"name": "later", "type": "bigint", "optional": True}]})
    assert (row.type, row.min_length, row.is_nullable) == ("pg_catalog.int8", None, None)
    assert (row.attnum, row.type_oid, row.type_modifier) == (None, None, None)


def test_a_column_that_does_not_fit_is_not_recorded_as_fitting() -> None:
    wrong_type = column({"path": "shop.orders", "fields": [{"name": "note", "type": "bigint"}]})
    too_short = column({"path": "shop.orders", "fields": [{"name": "note", "min_length": 41}]})
    for row in (wrong_type, too_short):
        assert row.attnum == 3
        assert (row.type_oid, row.type_modifier) == (None, None)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("bigint", "pg_catalog.int8"),
        ("text[]", "pg_catalog.text[]"),
        ("order_status", "order_status"),
        ("Order_Status", "order_status"),
        ('"Order Status"', '"Order Status"'),
        ("shop.order_status", "shop.order_status"),
        ("shop.order_status[]", "shop.order_status[]"),
        ('Shop."Order Status"', 'shop."Order Status"'),
        ("ARRAY", "ARRAY"),
        ("user-defined", "USER-DEFINED"),
    ],
)
def test_a_type_is_kept_as_the_catalog_spells_it(written: str, kept: str) -> None:
    assert column({"path": "shop.orders", "fields": [{"name": "later", "type": written}]}).type == kept


def test_each_alternative_of_a_field_is_a_row_and_knows_how_many_there_are() -> None:
    (claim,) = expanded({"path": "shop.orders", "fields": [{"alternatives": ["note", "later"], "optional": True}]})
    rows = claim.relations[0].columns
    assert [(row.field, row.field_alternative, row.choices, row.optional) for row in rows] == [
        (0, 0, 2, True),
        (0, 1, 2, True),
    ]


def test_a_star_claims_every_column_under_its_attribute_number() -> None:
    (claim,) = expanded({"path": "shop.orders", "fields": ["*"]})
    assert [(row.field, row.column_name) for row in claim.relations[0].columns] == [
        (1, "id"),
        (2, "status"),
        (3, "note"),
        (4, "remark"),
    ]


def test_a_star_on_a_relation_that_does_not_exist_claims_the_relation_alone() -> None:
    (claim,) = expanded({"path": "shop.later", "fields": ["*"], "optional": True})
    assert claim.row.optional
    assert [(found.path, found.relid, found.columns) for found in claim.relations] == [("shop.later", None, ())]


def test_each_alternative_is_a_relation_in_its_order() -> None:
    (claim,) = expanded({"alternatives": [{"path": "shop.later", "fields": ["id"]}, {"path": "shop.orders"}]})
    assert (claim.row.alternatives, claim.row.path, claim.row.wildcard_schema) == (2, "shop.later", None)
    assert [(found.alternative, found.path, found.relid) for found in claim.relations] == [
        (0, "shop.later", None),
        (1, "shop.orders", 100),
    ]


CUSTOMERS = relation(200, "shop.customers", id=INT8)
REFERENCE = {"fields": ["status"], "to": "shop.customers"}


def keys(*match: dict[str, Any]) -> tuple[KeyRow, ...]:
    """The keys of the only relation."""
    ((row,),) = [claim.relations for claim in expanded(*match, catalog=WrittenCatalog(ORDERS, CUSTOMERS))]
    return row.keys


def test_keys_are_rows_the_references_after_the_unique_keys() -> None:
    table = {"path": "shop.orders", "fields": ["id", "status"], "unique": [["id"], ["status", "id"]]}
    assert keys({**table, "references": [{**REFERENCE, "to_fields": ["id"]}]}) == (
        KeyRow(0, "unique", False, ("id",)),
        KeyRow(1, "unique", False, ("status", "id")),
        KeyRow(2, "references", False, ("status",), "shop", "customers", "shop.customers", ("id",), 200),
    )


def test_a_referenced_table_may_be_missing_and_its_primary_key_be_meant() -> None:
    (row,) = keys({"path": "shop.orders", "fields": ["id"], "references": [{"fields": ["id"], "to": "shop.later"}]})
    assert (row.to_path, row.to_fields, row.to_relid) == ("shop.later", None, None)


def test_a_key_with_an_optional_field_is_optional() -> None:
    fields = ["id", {"alternatives": ["status", "state"], "optional": True}]
    table = {"path": "shop.orders", "fields": fields, "unique": [["id"], ["id", "status"]], "references": [REFERENCE]}
    assert [row.optional for row in keys(table)] == [False, True, True]


def test_a_star_has_keys_too() -> None:
    assert keys({"path": "shop.orders", "fields": ["*"], "unique": [["note"]]}) == (
        KeyRow(0, "unique", False, ("note",)),
    )


def test_a_schema_stands_for_its_relations_with_all_their_columns() -> None:
    customers = relation(101, "shop.customers", id=INT8)
    (claim,) = expanded({"path": "shop.*", "fields": ["*"]}, catalog=WrittenCatalog(ORDERS, customers))
    assert (claim.row.wildcard_schema, claim.row.alternatives, claim.row.path) == ("shop", 1, "shop.*")
    assert [(found.relation_name, len(found.columns)) for found in claim.relations] == [("orders", 4), ("customers", 1)]


@pytest.mark.parametrize("schemas", [("shop",), ()])
def test_a_schema_that_is_empty_or_missing_has_no_relations(schemas: tuple[str, ...]) -> None:
    (claim,) = expanded({"path": "shop.*", "fields": ["*"]}, catalog=WrittenCatalog(schemas=schemas))
    assert (claim.row.wildcard_schema, claim.relations) == ("shop", ())


def test_the_catalog_is_asked_five_times_however_many_matches_there_are() -> None:
    catalog = WrittenCatalog(ORDERS)
    matches = [{"path": "shop.orders", "fields": [{"name": "note", "min_length": n}]} for n in range(1, 51)]
    assert len(expanded(*matches, catalog=catalog)) == 50
    assert catalog.questions == 5


def test_what_stands_for_many_columns_comes_in_batches() -> None:
    tables = [relation(number, f"shop.t{number}", **{f"c{n}": TEXT for n in range(500)}) for number in range(100, 140)]
    specification = parse({"match": [{"path": "shop.*", "fields": ["*"]}, {"path": "shop.later"}]}, "claims")
    assert isinstance(specification, Specification)
    batches = list(expand(dict(enumerate(specification.match)), WrittenCatalog(*tables)))
    sizes = [sum(len(row.columns) for row in batch.relations) for batch in batches]
    assert sum(sizes) == 20_000
    assert all(size <= BATCH_COLUMNS + 500 for size in sizes)
    whole, later = joined(batches)
    assert [row.path for row in whole.relations] == [f"shop.t{number}" for number in range(100, 140)]
    assert later.row.path == "shop.later"


def test_positions_are_those_of_the_whole_specification() -> None:
    specification = parse({"match": [{"path": "shop.orders"}, {"path": "shop.orders", "fields": ["id"]}]}, "claims")
    assert isinstance(specification, Specification)
    (claim,) = joined(expand({1: specification.match[1]}, WrittenCatalog(ORDERS)))
    assert (claim.row.match, claim.relations[0].match) == (1, 1)


def test_the_expanded_document_is_a_specification_again() -> None:
    written: list[dict[str, Any]] = [
        {
            "path": "shop.orders",
            "fields": ["id", {"alternatives": ["note", "later"]}],
            "unique": [["note", "id"]],
            "references": [{"fields": ["note"], "to": "shop.later"}],
        },
        {"alternatives": [{"path": "shop.later"}, {"path": "shop.orders", "fields": ["status"]}], "optional": True},
    ]
    specification = parse({"match": written}, "claims")
    assert isinstance(specification, Specification), specification
    document = ExpandedDocument()
    for batch in expand(dict(enumerate(specification.match)), WrittenCatalog(ORDERS)):
        document.add(batch)
    again = parse(json.loads(document.text()), "claims")
    assert isinstance(again, Specification), again
    assert joined(expand(dict(enumerate(again.match)), WrittenCatalog(ORDERS))) == expanded(*written)


def test_the_expanded_document_of_a_schema_lists_its_relations() -> None:
    document = ExpandedDocument()
    specification = parse({"match": [{"path": "shop.*", "fields": ["*"], "optional": True}]}, "claims")
    assert isinstance(specification, Specification), specification
    for batch in expand(dict(enumerate(specification.match)), WrittenCatalog(relation(1, "shop.a", id=INT8))):
        document.add(batch)
    (match,) = json.loads(document.text())["match"]
    assert (match["path"], match["optional"], [one["path"] for one in match["relations"]]) == (
        "shop.*",
        True,
        ["shop.a"],
    )
