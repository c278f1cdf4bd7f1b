"""The OpenAPI documents of a surface are valid, and say what the role may do."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from openapi_spec_validator import openapi_v2_spec_validator, openapi_v31_spec_validator

from integratedb.query.openapi.document import describe
from integratedb.query.openapi.swagger import convert
from integratedb.query.surface import Surface
from tests.unit.core.query.surfaces import SHOP

#: The validator goes with the jsonschema of Debian 12.
validates = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="openapi-spec-validator 0.5 cannot read its schemas with Python 3.14"
)


@validates
def test_the_document_is_openapi_3_1() -> None:
    document = describe(SHOP, "shop", version="1.2.3")
    assert list(openapi_v31_spec_validator.iter_errors(document)) == []
    assert document["info"]["version"] == "1.2.3"
    assert {"/projects", "/rpc/add_up", "/rpc/find_projects"} <= {*document["paths"]}
    assert {*document["paths"]["/projects"]} == {"get", "post", "put", "patch", "delete"}


@validates
def test_the_converted_document_is_swagger_2_0() -> None:
    document = convert(describe(SHOP, "shop", version="1.2.3", server="/rest/v1"))
    assert list(openapi_v2_spec_validator.iter_errors(document)) == []
    assert document["basePath"] == "/rest/v1"
    assert "type" not in document["definitions"]["projects"]["properties"]["data"]
    assert document["definitions"]["projects"]["properties"]["tags"]["items"] == {}


def test_what_a_function_returns_may_be_null() -> None:
    paths = describe(SHOP, "shop", version="1")["paths"]
    answer = paths["/rpc/add_up"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"type": ["integer", "null"], "format": "int32"}


@validates
def test_swagger_of_another_host() -> None:
    document = convert(describe(SHOP, "shop", version="1", server="https://api.example.org/v1"))
    assert (document["host"], document["schemes"], document["basePath"]) == ("api.example.org", ["https"], "/v1")
    assert list(openapi_v2_spec_validator.iter_errors(document)) == []


def without_rights(surface: Surface) -> Surface:
    """What the role may only read, and of clients only the id."""
    relations = {
        key: replace(
            relation,
            can_insert=False,
            can_update=False,
            can_delete=False,
            columns={
                name: replace(column, can_select=relation.name != "clients" or name == "id")
                for name, column in relation.columns.items()
            },
        )
        for key, relation in surface.relations.items()
    }
    return replace(surface, relations=relations, by_oid={each.oid: each for each in relations.values()})


def test_what_the_role_may_not_do_is_left_out() -> None:
    document = describe(without_rights(SHOP), "shop", version="1")
    assert {*document["paths"]["/clients"]} == {"get"}
    assert {*document["components"]["schemas"]["clients"]["properties"]} == {"id"}
    assert "email" not in str(document["paths"]["/clients"])
    assert not any(name.endswith((".insert", ".update")) for name in document["components"]["schemas"])


@validates
def test_a_part_of_the_document() -> None:
    document = describe(SHOP, "shop", version="1", path="/clients")
    assert [*document["paths"]] == ["/clients"]
    assert list(openapi_v31_spec_validator.iter_errors(document)) == []


@validates
@pytest.mark.parametrize("name", ["naïve table", "a/b", 'qu"ote'])
def test_names_that_components_cannot_have(name: str) -> None:
    relation = replace(SHOP.relations["shop", "clients"], name=name)
    relations = {key: each for key, each in SHOP.relations.items() if each.oid != relation.oid}
    surface = replace(
        SHOP, relations={**relations, ("shop", name): relation}, by_oid={**SHOP.by_oid, relation.oid: relation}
    )
    document = describe(surface, "shop", version="1")
    assert list(openapi_v31_spec_validator.iter_errors(document)) == []
    assert f"/{name}" in document["paths"]


def deprecating(surface: Surface) -> Surface:
    """With all projects deprecated, and each of their columns."""
    projects = surface.relations["shop", "projects"]
    note = "What is built\n@deprecated read plans"
    columns = {name: replace(column, comment=note) for name, column in projects.columns.items()}
    relations = {**surface.relations, ("shop", "projects"): replace(projects, comment=note, columns=columns)}
    return replace(surface, relations=relations)


@validates
def test_what_is_deprecated_is_told_in_both_versions() -> None:
    document = describe(deprecating(SHOP), "shop", version="1")
    assert list(openapi_v31_spec_validator.iter_errors(document)) == []
    operations, schema = document["paths"]["/projects"], document["components"]["schemas"]["projects"]
    assert {method: operation["deprecated"] for method, operation in operations.items()} == dict.fromkeys(
        ("get", "post", "put", "patch", "delete"), True
    )
    assert operations["get"]["description"] == "What is built\n\nDeprecated: read plans"
    assert schema["deprecated"] is True
    assert all(column["deprecated"] for column in schema["properties"].values())

    swagger = convert(document)
    assert list(openapi_v2_spec_validator.iter_errors(swagger)) == []
    assert swagger["paths"]["/projects"]["get"]["deprecated"] is True
    assert swagger["definitions"]["projects"]["x-deprecated"] is True
