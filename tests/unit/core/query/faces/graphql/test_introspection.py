"""Questions about the schema have the answers that graphql-core gives, and types are made when they are looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    execute_sync,
    get_introspection_query,
    get_named_type,
    introspection_types,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from integratedb.query.faces.graphql import lazy
from integratedb.query.faces.graphql.compiling import compile_operation
from integratedb.query.faces.graphql.documents import Documents, InvalidError
from integratedb.query.faces.graphql.schema import Schema, build_schema
from integratedb.query.faces.graphql.variables import Variables
from integratedb.query.surface import Column, Relation, Surface, Type
from tests.unit.core.query.surfaces import SHOP, surface_with

MOOD = Type(30001, "shop.mood", "shop.mood", "shop.mood", "E", "enum", labels=("very happy", "sad"))


def commented(surface: Surface) -> Surface:
    """Add comments, a deprecation and an enum."""
    relations = dict(surface.relations)
    tasks = relations["shop", "tasks"]
    columns = dict(tasks.columns)
    columns["title"] = replace(columns["title"], comment='What is "done".\n\n100 %s %\n@deprecated Use \\ "name".')
    columns["mood"] = Column("mood", '"mood"', MOOD, MOOD.sql, can_insert=True, can_update=True)
    relations["shop", "tasks"] = replace(tasks, columns=columns, comment="To do: ü")
    by_oid = {relation.oid: relation for relation in relations.values()}
    return replace(surface, relations=relations, by_oid=by_oid)


SCHEMA = build_schema(commented(SHOP))


def eager(schema: Schema) -> GraphQLSchema:
    """Return the schema as graphql-core makes it."""
    whole = schema.graphql
    types = [of for of in whole.type_map.values() if of.name not in introspection_types]
    roots = (whole.query_type, whole.mutation_type, whole.subscription_type)
    return GraphQLSchema(*roots, types=types, directives=whole.directives)


def asked(schema: Schema, document: str, **variables: Any) -> Any:
    """Return our answer."""
    read = Documents().read(document, schema)
    wanted = read.operation(None)
    compiled = compile_operation(read, wanted, Variables(schema.graphql, wanted, variables), schema, 10)
    return ordered(json.loads(compiled.assemble(())))


def expected(schema: Schema, document: str, **variables: Any) -> Any:
    """Return graphql-core's answer."""
    found = execute_sync(eager(schema), parse(document), variable_values=variables)
    assert found.errors is None
    return ordered(found.data)


def ordered(data: Any) -> Any:
    """Order types, whose order means nothing."""
    if isinstance(data, dict):
        return {key: ordered(value) for key, value in data.items()}
    if isinstance(data, list):
        return sorted((ordered(each) for each in data), key=json.dumps)
    return data


@pytest.mark.parametrize("more", [{}, {"input_value_deprecation": True, "specified_by_url": True}])
def test_the_usual_question(more: dict[str, bool]) -> None:
    document = get_introspection_query(directive_is_repeatable=True, schema_description=True, **more)
    found = asked(SCHEMA, document)
    assert found == expected(SCHEMA, document)
    assert {"Mood", "MoodFilter", "Tasks", "__Type"} <= {of["name"] for of in found["__schema"]["types"]}


def test_the_usual_question_of_a_schema_with_subscriptions() -> None:
    notified = {
        key: replace(relation, notified=frozenset({"INSERT"} if relation.name != "tasks" else ()))
        for key, relation in commented(SHOP).relations.items()
    }
    surface = replace(SHOP, relations=notified, by_oid={relation.oid: relation for relation in notified.values()})
    schema = build_schema(surface, subscriptions=True)
    document = get_introspection_query(directive_is_repeatable=True, schema_description=True)
    found = asked(schema, document)
    assert found == expected(schema, document)
    assert found["__schema"]["subscriptionType"]["name"] == "Subscription"
    told = {of["name"] for of in found["__schema"]["types"] if of["name"].endswith("SubscriptionPayload")}
    assert "ProjectsSubscriptionPayload" in told
    assert "TasksSubscriptionPayload" not in told


def test_the_usual_question_makes_no_types_of_relations(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = build_schema(commented(SHOP))
    monkeypatch.setattr(Schema, "whole", None)
    made: list[str] = []
    parts = lazy._Type._all_parts

    def noted(of: lazy._Type) -> Any:
        made.append(of.name)
        return parts(of)

    monkeypatch.setattr(lazy._Type, "_all_parts", noted)
    asked(schema, get_introspection_query())
    assert not {*made} & {"Tasks", "TasksConnection", "TasksFilter", "InsertTasksInput", "Projects"}
    assert {"Query", "Mutation"} <= {*made}


def selection(of: GraphQLObjectType, depth: int, lists: int) -> st.SearchStrategy[str]:
    """Generate what is selected of an object of the schema of schemas."""
    choices: list[st.SearchStrategy[str]] = [st.sampled_from(["__typename", "kind: __typename"])]
    for name, field in of.fields.items():
        inner: Any = get_named_type(field.type)
        listed = lists + (name in ("fields", "inputFields", "interfaces", "possibleTypes", "enumValues", "types"))
        arguments = st.just("")
        if "includeDeprecated" in field.args:
            arguments = st.sampled_from(["", "(includeDeprecated: true)", "(includeDeprecated: $all)"])
        alias = st.sampled_from(["", "", f"a_{name}: "])
        directive = st.sampled_from(["", "", "", " @skip(if: $all)", " @include(if: $all)"])
        if not isinstance(inner, GraphQLObjectType):
            choices.append(st.tuples(alias, st.just(name), directive).map("".join))
        elif depth < 5 and listed <= 2:
            within = selection(inner, depth + 1, listed)
            choices.append(
                st.tuples(alias, st.just(name), arguments, directive, st.just(" { "), within, st.just(" }")).map(
                    "".join
                )
            )
    return st.lists(st.one_of(choices), min_size=1, max_size=4).map(" ".join)


_META: Any = introspection_types
questions = st.one_of(
    selection(_META["__Schema"], 1, 0).map(lambda each: f"__schema {{ {each} }}"),
    st.tuples(
        st.sampled_from(["Tasks", "TasksFilter", "Mood", "Node", "Int", "None", "__Type", "ProjectsConnection"]),
        selection(_META["__Type"], 1, 0),
    ).map(lambda each: f'__type(name: "{each[0]}") {{ {each[1]} }}'),
)


@given(questions, st.booleans())
def test_any_question(question: str, flag: bool) -> None:
    document = f"query Q($all: Boolean = true) {{ {question} __typename }}"
    try:
        found = asked(SCHEMA, document, all=flag)
    except InvalidError:
        # Selections that conflict, and questions about the types of types.
        return
    assert found == expected(SCHEMA, document, all=flag)


names = st.text(max_size=8) | st.sampled_from(["Query", "user", "a_b", "aB", "id", "row_id", "first", "filter", "__x"])


@given(st.lists(names, max_size=4, unique=True), st.lists(names, min_size=1, max_size=4, unique=True), names)
def test_any_names(relations: list[str], columns: list[str], comment: str) -> None:
    given_names = [name for name in relations if ("shop", name) not in SHOP.relations]
    schema = build_schema(surface_with(*given_names, columns=tuple(columns), comment=comment))
    document = get_introspection_query(input_value_deprecation=True)
    assert asked(schema, document) == expected(schema, document)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_type_is_one_object_however_it_is_found(is_first: bool) -> None:
    all_names = [*SCHEMA.graphql.type_map]
    schema = build_schema(commented(SHOP)).graphql
    if is_first:
        by_name = {name: schema.type_map.get(name) for name in all_names}
        whole = {of.name: of for of in schema.type_map.values()}
    else:
        whole = {of.name: of for of in schema.type_map.values()}
        by_name = {name: schema.type_map.get(name) for name in all_names}
    assert [name for name in all_names if by_name[name] is not whole[name]] == []
    assert schema.type_map.get("TasksNone") is None
    assert schema.type_map.get("NoneFilter") is None


def many_tables(number: int) -> Surface:
    """A surface of many relations."""
    [people] = [relation for (_, name), relation in SHOP.relations.items() if name == "people"]
    relations: dict[tuple[str, str], Relation] = {}
    for each in range(number):
        name = f"table_{each}"
        relations["shop", name] = replace(people, oid=1000 + each, name=name, sql=f'"shop"."{name}"')
    by_oid = {relation.oid: relation for relation in relations.values()}
    return replace(SHOP, relations=relations, by_oid=by_oid, relationships={}, functions={})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the types that are made."""
    found: list[str] = []
    own = lazy._Type.__init__

    def counted(self: Any, name: str, *others: Any) -> None:
        found.append(name)
        own(self, name, *others)

    monkeypatch.setattr(lazy._Type, "__init__", counted)
    return found


def test_a_document_makes_the_types_that_it_touches(made: list[str]) -> None:
    schema = build_schema(many_tables(300))
    document = (
        "query Q($f: Table7Filter) { table7Nodes(filter: $f) { nodes { ...P } } } "
        "fragment P on Table7 { rowId } mutation M($i: UpdateTable8Input!) { updateTable8(input: $i) { __typename } }"
    )
    read = Documents().read(document, schema)
    wanted = read.operation("M")
    compile_operation(read, wanted, Variables(schema.graphql, wanted, {"i": {"rowId": 1, "newName": "a"}}), schema, 10)
    assert {*made} >= {"Table7", "Table7Filter", "UpdateTable8Input"}
    assert len(made) < 60


def test_a_question_leaves_nothing_in_the_schema(made: list[str]) -> None:
    schema = build_schema(many_tables(50))
    before = len(made)
    asked(schema, "{ __schema { types { name } } }")
    asked_for = len(made) - before
    assert asked_for > 500
    asked(schema, '{ __type(name: "Table9") { name } }')
    assert "Table20" not in made[before + asked_for :]


def test_a_wrapper_is_no_type_of_its_own() -> None:
    assert SCHEMA.graphql.type_map.get("Int!") is None
    assert isinstance(SCHEMA.graphql.type_map["Node"].fields["id"].type, GraphQLNonNull)
