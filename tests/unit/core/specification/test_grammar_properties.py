"""The grammar of specifications, against generated documents: nothing raises, and shortening loses nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.specification.intake import parse, shorten
from integratedb.specification.model import Refusal, Specification
from integratedb.specification.reader import read
from integratedb.specification.shape import MAX_REFUSALS, schema
from tests.unit.core import documents
from tests.unit.core.documents import Document

written = st.one_of(
    st.tuples(documents.claims, st.just("claims")),
    st.tuples(documents.notifications(), st.just("notifications")),
)
nearly = st.one_of(
    st.tuples(documents.mutated(documents.claims), st.just("claims")),
    st.tuples(documents.mutated(documents.notifications()), st.just("notifications")),
)


def accepted(document: object, kind: str) -> Specification:
    specification = parse(document, kind)
    assert isinstance(specification, Specification), specification
    return specification


@given(written)
def test_expanding_then_shortening_loses_nothing(case: tuple[Document, str]) -> None:
    specification = accepted(*case)
    assert parse(shorten(specification), case[1]) == specification


@given(written)
def test_the_short_form_of_a_short_form_is_itself(case: tuple[Document, str]) -> None:
    short = shorten(accepted(*case))
    assert shorten(accepted(short, case[1])) == short


@given(written)
def test_a_stored_short_document_is_read_as_it_was_checked(case: tuple[Document, str]) -> None:
    specification = accepted(*case)
    stored = json.loads(json.dumps(shorten(specification)))
    assert read(stored, case[1]) == specification


@given(written)
def test_the_short_form_is_never_longer(case: tuple[Document, str]) -> None:
    document, kind = case
    in_array = document if isinstance(document["match"], list) else {**document, "match": [document["match"]]}
    short = shorten(accepted(document, kind))
    assert _nodes(short) <= _nodes(in_array)


@given(documents.json_values, st.sampled_from(["claims", "notifications"]))
def test_any_json_is_a_specification_or_gets_refusals(document: object, kind: str) -> None:
    _is_judged(document, kind)


@given(nearly)
def test_what_is_nearly_a_specification_is_one_or_gets_refusals(case: tuple[Any, str]) -> None:
    _is_judged(*case)


@given(nearly)
def test_what_is_accepted_can_be_stored(case: tuple[Any, str]) -> None:
    specification = parse(*case)
    if isinstance(specification, Specification):
        json.dumps(shorten(specification), allow_nan=False).encode()
        assert parse(shorten(specification), case[1]) == specification


@given(nearly)
def test_every_pointer_points_into_the_document(case: tuple[Any, str]) -> None:
    refusals = parse(*case)
    for refusal in refusals if isinstance(refusals, list) else []:
        place = case[0]
        for step in refusal.pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            place = place[int(step)] if isinstance(place, list) else place[step]


def _is_judged(document: object, kind: str) -> None:
    verdict = parse(document, kind)
    if isinstance(verdict, list):
        assert 1 <= len(verdict) <= MAX_REFUSALS
        for refusal in verdict:
            assert isinstance(refusal, Refusal)
            assert re.match(r"#(/|$)", refusal.pointer)
            assert 0 < len(refusal.message) < 400
            assert documents.read_without_escapes(refusal.message, document), refusal.message
            (refusal.message + refusal.pointer).encode()


def _nodes(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(1 + _nodes(entry) for entry in value.values())
    return 1 + sum(map(_nodes, value)) if isinstance(value, list) else 1


@pytest.mark.parametrize("kind", ["claims", "notifications"])
def test_the_published_schema_is_a_valid_json_schema(kind: str) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("kind", ["claims", "notifications"])
def test_every_title_reads_without_escapes_in_a_message(kind: str) -> None:
    def titles(part: Any) -> list[str]:
        inner = list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
        own = [part["title"]] if isinstance(part, dict) and isinstance(part.get("title"), str) else []
        return own + [title for entry in inner for title in titles(entry)]

    found = titles(schema(kind))
    assert len(found) > 10
    assert [title for title in found if '"' in title or "\\" in title] == []


@pytest.mark.parametrize("kind", ["claims", "notifications"])
def test_every_part_of_the_published_schema_has_a_title_for_messages_and_a_description_for_readers(kind: str) -> None:
    for name, part in schema(kind)["$defs"].items():
        assert part.get("title"), name
        assert part.get("description"), name


def test_both_published_schemas_say_the_same_of_what_they_share() -> None:
    claims, notifications = schema("claims")["$defs"], schema("notifications")["$defs"]
    own = {"match", "alternative", "unique", "references", "reference", "key_fields", "target", "target_fields"}
    assert own - set(claims) == set()
    assert {name: part for name, part in notifications.items() if name in claims and name not in own} == {
        name: part for name, part in claims.items() if name not in own
    }
