"""The schema of a surface: hostile and colliding names are withheld, and everything else works."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import print_schema, validate_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from integratedb.query.faces.graphql.schema import Schema, build_schema
from tests.unit.core.query.surfaces import SHOP, surface_with


def fields(schema: Schema, of: str = "Query") -> set[str]:
    found: Any = schema.graphql.type_map[of]
    return {*found.fields}


def test_each_relation_has_its_fields() -> None:
    schema = build_schema(SHOP)
    assert validate_schema(schema.graphql) == []
    assert {"projectsNodes", "projects", "projectsByRowId", "membersByUserIdAndProjectId", "findProjects"} <= fields(
        schema
    )
    assert {"id", "rowId", "clientsByClientId", "tasksNodesByProjectId", "label"} <= fields(schema, "Projects")
    assert {"peopleByBossId", "peopleNodesByBossId"} <= fields(schema, "People")
    assert schema.withheld == {}


@pytest.mark.parametrize(
    ("names", "columns", "missing", "reason"),
    [
        (("a_b", "aB"), ("id",), ("Query", "aBNodes"), "shop.aB and shop.a_b"),
        (("projects_connection",), ("id",), ("Query", "projectsConnectionNodes"), "shop.projects_connection"),
        (("page_info",), ("id",), ("Query", "pageInfoNodes"), "PageInfo"),
        (("string",), ("id",), ("Query", "stringNodes"), "String"),
        (("query",), ("id",), ("Query", "queryNodes"), "Query"),
        (("insert_projects_input",), ("id",), ("Query", "insertProjectsInputNodes"), "insert_projects_input"),
        (("ünï",), ("id",), ("Query", "ünïNodes"), "no name"),
        (("fine",), ("id", "row_id", "x"), ("Fine", "rowId"), "the column id and the column row_id"),
        (("fine",), ("é",), ("Query", "fineNodes"), "no column"),
        (("fine",), ("a b", "a_b", "x"), ("Fine", "aB"), "the column a b and the column a_b"),
    ],
)  # fmt: skip
def test_a_name_that_collides_is_withheld(
    names: tuple[str, ...], columns: tuple[str, ...], missing: tuple[str, str], reason: str
) -> None:
    schema = build_schema(surface_with(*names, columns=columns))
    assert validate_schema(schema.graphql) == []
    assert reason in schema.withheld[missing]
    owner, name = missing
    assert name not in fields(schema, owner)
    assert "usersNodes" in fields(schema)


def test_a_comment_renames_a_relation() -> None:
    schema = build_schema(surface_with("page_info", comment="@name leaf"))
    assert {"leafNodes", "leaf", "leafByRowId"} <= fields(schema)
    assert "Leaf" in schema.graphql.type_map


names = st.text(max_size=8) | st.sampled_from(
    ["Query", "user", "a_b", "aB", "id", "row_id", "first", "filter", "__x", "1a"]
)


@settings(max_examples=2 * settings.get_profile("integratedb").max_examples)
@given(
    st.lists(names, max_size=4, unique=True), st.lists(names, min_size=1, max_size=4, unique=True), st.none() | names
)
def test_no_names_break_the_schema_of_others(relations: list[str], columns: list[str], comment: str | None) -> None:
    given_names = [name for name in relations if ("shop", name) not in SHOP.relations]
    schema = build_schema(surface_with(*given_names, columns=tuple(columns), comment=comment))
    assert validate_schema(schema.graphql) == []
    assert print_schema(schema.graphql)
    assert {"projectsNodes", "tasksNodes"} <= fields(schema)
