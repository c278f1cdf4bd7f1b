"""The published JSON Schema of queries as data says what the reader says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from integratedb.query.faces.data.documents import read_document
from integratedb.query.faces.data.grammar import query_schema
from integratedb.query.faces.data.problems import DocumentError
from tests.sql.test_data_queries import EXPRESSIONS, QUERIES, TALK

ROOT = Path(__file__).parents[5]
VALIDATOR = Draft202012Validator(query_schema())
ANY_PARAMS: dict[str, Any] = {"param1": "a", "param2": 2, "name": "x"}


def test_the_published_schema_is_that_of_the_reader() -> None:
    """Else: python -m integratedb.query.faces.data.grammar > docs/query.schema.json, with PYTHONPATH=plpython."""
    path = ROOT / "docs/query.schema.json"
    text = json.dumps(query_schema(), indent=2, ensure_ascii=False) + "\n"
    assert path.read_text() == text
    Draft202012Validator.check_schema(query_schema())


@pytest.mark.parametrize("document", [document for document, _ in QUERIES.values()] + [TALK])
def test_every_example_is_valid_and_can_be_read(document: Any) -> None:
    VALIDATOR.validate(document)
    read_document(document, ANY_PARAMS)


@pytest.mark.parametrize("expression", [expression for expression, _ in EXPRESSIONS])
def test_every_expression_is_valid_and_can_be_read(expression: Any) -> None:
    document = {"select": [[expression, "x"]], "from": "people", "where": ["is", expression, None]}
    VALIDATOR.validate(document)
    read_document(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        7,
        [],
        {"select": ["id"]},
        {"from": "people", "raw": "SELECT 1"},
        {"from": []},
        {"from": {"raw": "x"}},
        {"select": [{"raw": "x"}], "from": "people"},
        {"select": [["id", {"value": "x"}]], "from": "people"},
        {"from": "people", "where": ["=", {"field": "id"}, {"a": 1}]},
        {"from": "people", "where": ["=", {"field": "id"}, [1, 2]]},
        {"from": "people", "where": ["=", {"field": "id"}]},
        {"from": "people", "where": ["; DROP TABLE x", 1, 2]},
        {"from": "people", "where": ["in", {"field": "id"}, []]},
        {"from": "people", "where": ["is", {"field": "id"}, 1]},
        {"from": "people", "where": ["exists", {"from": "people"}]},
        {"from": "people", "where": "true"},
        {"from": "people", "limit": -1},
        {"from": "people", "limit": "1"},
        {"from": "people", "modifiers": ["all"]},
        {"from": "people", "order-by": [["id", "downwards"]]},
        {"from": "people", "order-by": "id"},
        {"union": [{"from": "people"}]},
        {"with": [["a"]], "from": "a"},
        {"insert-into": "people", "values": []},
        {"insert-into": "people", "values": [{}]},
        {"update": "people", "where": True},
        {"query": {"from": "people"}, "explain": "yes"},
        {"query": {"from": "people"}, "limit": 1},
        {"from": "people", "where": ["=", {"field": "id"}, {"call": []}]},
        {"from": "people", "where": ["=", {"field": "id"}, {"case": []}]},
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(document: Any) -> None:
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(DocumentError):
        read_document(document)
