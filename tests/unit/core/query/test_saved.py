"""Saved queries: what they read, what stays of a surface, and that no value of a parameter becomes structure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.faces.url import UrlError, UrlSettings, parse
from integratedb.query.plan.reading import Read, Reading, Reference, reading_from
from integratedb.query.problems import ProblemError
from integratedb.query.request import Value
from integratedb.query.saved.compiling import check, check_values, compile_data, seen_by
from integratedb.query.saved.forms import NAME, read_saved
from integratedb.query.saved.narrowing import narrowed
from integratedb.query.saved.templates import Template
from integratedb.query.surface import Relationship, Surface
from integratedb.specification.derived import Wanted, derive
from integratedb.specification.model import Path
from tests.unit.core.query.surfaces import PROJECTS, SHOP, TASKS

TASKS_OF_PROJECTS = {
    "select": ["name"],
    "from": "projects",
    "where": ["=", {"field": "id"}, {"param": "id"}],
    "embed": [{"relation": "tasks", "select": ["title"]}],
}


def reading(document: Any, surface: Surface = SHOP) -> Reading:
    return check(read_saved("q", document, ("shop",)), surface).reading


def test_what_is_read_has_the_columns_of_both_sides_of_a_foreign_key() -> None:
    assert reading(TASKS_OF_PROJECTS).relations == (
        Read("shop", "projects", ("id", "name")),
        Read("shop", "tasks", ("project_id", "title"), references=(_to_projects(),)),
    )


def _to_projects() -> Reference:
    return Reference(("project_id",), ("shop", "projects"), ("id",))


def test_what_is_read_survives_json() -> None:
    for document in (TASKS_OF_PROJECTS, {"rest": "GET /projects?select=name,users(*),tasks(id)"}):
        read = reading(document)
        assert read.links
        assert reading_from(json.loads(json.dumps(read.as_json()))) == read


def test_a_computed_field_reads_the_whole_row() -> None:
    [read] = reading({"select": ["label"], "from": "projects"}).relations
    assert read.is_whole


# What stays of a surface.


def test_a_narrowed_surface_has_nothing_else() -> None:
    seen = narrowed(SHOP, reading(TASKS_OF_PROJECTS))
    assert {name: [*relation.columns] for (_, name), relation in seen.relations.items()} == {
        "projects": ["id", "name"],
        "tasks": ["title", "project_id"],
    }
    assert [one.name for those in seen.relationships.values() for one in those] == ["tasks_project_id_fkey"]


def with_relationships(*made: Relationship) -> Surface:
    return replace(SHOP, relationships={PROJECTS: made})


def test_another_foreign_key_makes_nothing_ambiguous_and_a_new_name_changes_nothing() -> None:
    saved = read_saved("q", TASKS_OF_PROJECTS, ("shop",), reading(TASKS_OF_PROJECTS))
    known = next(one for one in SHOP.relationships[PROJECTS] if one.target == TASKS)
    renamed, second = replace(known, name="renamed"), replace(known, name="second", pairs=(("name", "title"),))
    with pytest.raises(ProblemError):
        compile_data(saved, with_relationships(renamed, second), {"id": 1})
    seen = narrowed(with_relationships(renamed, second), saved.reading)
    assert [one.name for one in seen.relationships[PROJECTS]] == [known.name]
    compile_data(saved, seen, {"id": 1})


def test_a_unique_key_that_is_added_later_makes_no_object_of_an_array() -> None:
    read = reading(TASKS_OF_PROJECTS)
    known = next(one for one in SHOP.relationships[PROJECTS] if one.target == TASKS)
    unique = replace(known, kind="o2o", to_one=True)
    [seen] = narrowed(with_relationships(unique), read).relationships[PROJECTS]
    assert (seen.kind, seen.to_one) == ("o2m", False)
    one_row = reading(TASKS_OF_PROJECTS, with_relationships(unique))
    assert not narrowed(with_relationships(known), one_row).relationships


# Documents of GraphQL.

FIELDS = "query($show: Boolean!) { projectsNodes { nodes { name @include(if: $show) clientsByClientId { id } } } }"
DOCUMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "{ tasksNodes { nodes { title } } }": {"tasks": ("id", "title")},
    FIELDS: {"clients": ("id",), "projects": ("client_id", "id", "name")},
    FIELDS.replace("@include", "@skip"): {"clients": ("id",), "projects": ("client_id", "id", "name")},
    "{ projectsByRowId(rowId: 1) { done } }": {"projects": ("done", "id")},
    "query($id: ID!) { tasks(id: $id) { title } }": {"tasks": ("id", "title")},
    "query($id: ID!) { node(id: $id) { ... on Tasks { title } ...U } } fragment U on Users { name }": {
        "tasks": ("id", "title"),
        "users": ("id", "name"),
    },
    "{ projectsNodes(filter: {tasksNodesByProjectId: {every: {hours: {gt: 1}}}}) { totalCount } }": {
        "projects": ("id",),
        "tasks": ("hours", "project_id"),
    },
    "query($f: TasksToManyFilter!) { projectsNodes(filter: {tasksNodesByProjectId: $f}) { totalCount } }": {
        "projects": ("id",),
        "tasks": ("project_id",),
    },
    "query($h: BigIntFilter) { tasksNodes(filter: {hours: $h}) { totalCount } }": {"tasks": ("hours", "id")},
    "query($f: TasksFilter, $o: TasksOrdering!) { tasksNodes(filter: $f, orderBy: $o) { totalCount } }": {
        "tasks": ("id",)
    },
    "query($a: Cursor, $b: Cursor, $f: Int, $l: Int) { tasksNodes(after: $a, before: $b, first: $f, last: $l)"
    " { pageInfo { endCursor } } }": {"tasks": ("id",)},
    "{ tasksNodes(orderBy: TITLE) { aggregate { max { hours } } edges { cursor } } }": {
        "tasks": ("hours", "id", "title")
    },
    '{ findProjects(term: "x") { nodes { name } } }': {"projects": ("id", "name")},
    "mutation($i: InsertTasksInput!) { insertTasks(input: $i) { clientMutationId } }": {
        "tasks": ("hours", "id", "project_id", "title")
    },
    "mutation($t: String) { updateTasks(input: {rowId: 1, newTitle: $t}) { tasks { hours } } }": {
        "tasks": ("hours", "id", "title")
    },
    "mutation($f: TasksFilter!) { deleteTasksNodes(filter: $f) { nodes { title } } }": {"tasks": ("title",)},
    "query A { tasksNodes { totalCount } } query B { usersNodes { nodes { name } } }": {
        "tasks": ("id",),
        "users": ("id", "name"),
    },
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_uses_what_it_reads_and_needs_nothing_else(document: str) -> None:
    saved = read_saved("q", {"graphql": document}, ("shop",))
    checked = check(saved, SHOP)
    assert {one.name: one.columns for one in checked.reading.relations} == DOCUMENTS[document]
    assert reading_from(json.loads(json.dumps(checked.reading.as_json()))) == checked.reading
    saved = replace(saved, reading=checked.reading)
    assert check(saved, seen_by(saved, SHOP)).reading == checked.reading


def test_a_document_relies_on_the_keys_that_it_goes_by() -> None:
    read = reading({"graphql": "{ projectsNodes { nodes { clientsByClientId { id } } } }"})
    clients, projects = read.relations
    assert (clients.unique, projects.unique) == ((("id",),), (("id",),))
    assert projects.references == (Reference(("client_id",), ("shop", "clients"), ("id",)),)
    assert [link.name for link in read.links] == ["projects_client_id_fkey"]


def test_another_key_that_is_added_later_changes_no_order() -> None:
    saved = read_saved("q", {"graphql": "{ tasksNodes { nodes { title } } }"}, ("shop",))
    saved = replace(saved, reading=check(saved, SHOP).reading)
    relations = dict(SHOP.relations)
    known = relations["shop", "tasks"]
    columns = {**known.columns, "id": replace(known.columns["id"], nullable=False)}
    tasks = replace(known, columns=columns, primary_key=("title",), keys=(("title",), ("id",)))
    relations["shop", "tasks"] = tasks
    changed = replace(SHOP, relations=relations, by_oid={**SHOP.by_oid, TASKS: tasks})
    assert check(saved, seen_by(saved, changed)).statement == check(saved, SHOP).statement
    assert check(saved, changed).statement != check(saved, SHOP).statement


def test_variables_with_a_default_may_be_left_out() -> None:
    document = "query($a: Int!, $b: Int, $c: Int! = 1, $d: Int!) { tasksNodes(first: $a) { totalCount } }"
    saved = read_saved("q", {"graphql": document, "variables": {"d": 1}}, ())
    assert saved.parameters() == {"a": True, "b": False, "c": False, "d": False}


# Parameters.


def test_the_names_of_parameters_are_known_and_others_are_refused() -> None:
    document = {"query": TASKS_OF_PROJECTS, "params": {"id": 1}}
    saved = read_saved("q", document, ("shop",))
    assert saved.names() == {"id"}
    compile_data(saved, SHOP, {})
    with pytest.raises(DocumentError, match="has no parameter"):
        check_values(saved, saved.names(), {"ids": 1})
    with pytest.raises(DocumentError, match="is not given"):
        compile_data(read_saved("q", TASKS_OF_PROJECTS, ("shop",)), SHOP, {})


PLACES = (
    "name=eq.{{x}}",
    "name=not.like.*{{x}}*",
    "or=(name.eq.{{x}},id.eq.1)",
    "and=(id.gt.1,or(name.like.{{x}},id.eq.{{x}}))",
    "id=in.({{x}},2)",
    "select=id,tasks(id)&tasks.title=eq.{{x}}",
    "tasks.or=(title.eq.{{x}},id.eq.2)&select=tasks(id)",
    "data->>a=eq.{{x}}",
    "tags=cs.{{x}}",
)
texts = st.text() | st.text(alphabet="(),.\"\\{}*&=%+'; abcnotlimtd0123", max_size=20)


@pytest.mark.parametrize("place", PLACES)
@given(value=texts)
def test_no_value_in_a_url_becomes_structure(place: str, value: str) -> None:
    template = Template(f"GET /projects?{place}")
    expected, _ = shape(template, "plain")
    try:
        found, values = shape(template, value)
    except (UrlError, ProblemError):
        return  # the value itself is refused
    assert found == expected
    assert any(value in one or value.replace("*", "%") in one for one in values if isinstance(one, str | list))


def shape(template: Template, value: str) -> tuple[str, Sequence[Any]]:
    path, query = template.filled({"x": value})
    parsed = parse("GET", path, query, {}, None, UrlSettings(schemas=("shop",)))
    values: list[Any] = list(parsed.holes)
    return repr(without_values(parsed.query, values)), values


def without_values(part: Any, values: list[Any]) -> Any:
    if isinstance(part, Value):
        values.append(part.value)
        return "value"
    if isinstance(part, tuple):
        return tuple(without_values(each, values) for each in part)
    if is_dataclass(part) and not isinstance(part, type):
        return type(part).__name__, *(without_values(getattr(part, one.name), values) for one in fields(part))
    return part


@pytest.mark.parametrize(
    "query",
    [
        "select={{x}}",
        "select=id,{{x}}",
        "select=tasks({{x}})",
        "order={{x}}",
        "tasks.order=id.{{x}}",
        "name={{x}}",
        "{{x}}=eq.1",
        "n{{x}}=eq.1",
        "or={{x}}",
        "or=({{x}}.eq.1,id.eq.2)",
        "or=(name.{{x}}.1,id.eq.2)",
        "or=(name.eq.a{{x}},id.eq.2)",
        "id=in.{{x}}",
        "done=is.{{x}}",
        "limit=1{{x}}",
        "columns={{x}}",
        "%6Frder=id.{{x}}",
        "name=eq{{x}}",
        "{{x}}",
    ],
)
def test_a_parameter_in_the_place_of_no_value_is_refused(query: str) -> None:
    with pytest.raises(DocumentError):
        Template(f"GET /projects?{query}")


@pytest.mark.parametrize("name", ["a", "_a", "a-1", "a" * 63])
def test_a_name_of_a_query(name: str) -> None:
    assert NAME.fullmatch(name)


# What is derived.


def test_alternatives_are_those_of_the_claims() -> None:
    wanted = Wanted(Path("shop", "people"), Path("shop", "persons"), ("id", "mail"))
    claims = [
        {
            "alternatives": [
                {"path": "shop.people", "fields": ["id", {"alternatives": ["mail", "email"], "optional": True}]},
                {"path": "shop.persons", "fields": ["id"]},
                {"path": "shop.others", "fields": ["id"]},
                {"path": "shop.all", "fields": ["*"]},
            ]
        }
    ]
    assert derive("q", [wanted], [claims]) == [
        {
            "alternatives": [
                {"path": "shop.people", "fields": ["id", {"alternatives": ["mail", "email"]}]},
                {"path": "shop.persons", "fields": ["id", "mail"]},
                {"path": "shop.all", "fields": ["id", "mail"]},
            ],
            "query": "q",
        }
    ]
