"""Versions of the configuration: what a change does to the document, what is refused, which restarts it needs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.cluster import versions
from integratedb_companion.cluster.versions import Change, ConfigurationRefusedError, Version

DOCUMENT = {"ttl": 20, "loop_wait": 5, "retry_timeout": 5, "postgresql": {"parameters": {"max_connections": "200"}}}
DOCUMENTS = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.text(max_size=3)),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
).filter(lambda found: isinstance(found, dict))


def changes(**parameters: Any) -> list[Change]:
    new = versions.merged(DOCUMENT, {"postgresql": {"parameters": parameters}})
    return versions.diff(DOCUMENT, new)


@given(DOCUMENTS, DOCUMENTS)
def test_the_patch_between_two_documents_makes_one_of_the_other(old: Any, new: Any) -> None:
    made = versions.merged(old, versions.patch_between(old, new))
    assert made == new
    assert versions.diff(made, new) == []


def test_a_change_is_named_by_its_path() -> None:
    assert changes(work_mem="64MB", max_connections=None) == [
        Change("postgresql.parameters.max_connections", "200", None),
        Change("postgresql.parameters.work_mem", None, "64MB"),
    ]


def test_names_of_patroni_and_of_postgres_are_told_apart() -> None:
    assert versions.patch_of(["ttl=30", "synchronous_mode=off", "work_mem=64MB", "jit="]) == {
        "ttl": 30,
        "synchronous_mode": False,
        "postgresql": {"parameters": {"work_mem": "64MB", "jit": None}},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("work_mem", "'work_mem' is not NAME=VALUE"),
        ("=1", "'=1' is not NAME=VALUE"),
        ("ttl=long", "ttl must be a whole number, not 'long'"),
        ("failsafe_mode=perhaps", "failsafe_mode must be on or off, not 'perhaps'"),
    ],
)
def test_an_assignment_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigurationRefusedError) as refused:
        versions.patch_of([text])
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"ttl": 15}, "ttl must be a whole number from 20 on"),
        ({"ttl": "30"}, "ttl must be a whole number from 20 on"),
        ({"loop_wait": True}, "loop_wait must be a whole number from 1 on"),
        ({"retry_timeout": 9}, "loop_wait + 2 * retry_timeout is 23, more than ttl (20)"),
        ({"synchronous_mode": "perhaps"}, "synchronous_mode must be on or off"),
        ({"postgresql": {"parameters": {"wal_level": "replica"}}}, "wal_level must be logical"),
        ({"postgresql": {"parameters": {"a": "b\nc = d"}}}, "the value of a has a line break"),
        ({"postgresql": {"parameters": "work_mem=1"}}, "postgresql.parameters must be an object"),
    ],
)
def test_what_patroni_would_change_by_itself_is_refused(patch: dict[str, Any], said: str) -> None:
    versions.check(DOCUMENT)
    with pytest.raises(ConfigurationRefusedError) as refused:
        versions.check(versions.merged(DOCUMENT, patch))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "order"),
    [
        ({"work_mem": "64MB"}, None),
        ({"shared_buffers": "1GB"}, "the standbys first, then the primary"),
        ({"max_connections": "400"}, "the standbys first, then the primary"),
        ({"max_connections": "100"}, "the primary first, then the standbys"),
        ({"max_connections": "100", "shared_buffers": "1GB"}, "the primary first, then the standbys"),
    ],
)
def test_a_standby_never_has_less_than_its_primary(parameters: dict[str, str], order: str | None) -> None:
    assert versions.restart_order(changes(**parameters), ["max_connections", "shared_buffers"]) == order


def test_what_goes_up_and_down_at_once_needs_two_steps() -> None:
    old = versions.merged(DOCUMENT, {"postgresql": {"parameters": {"max_wal_senders": "20"}}})
    new = {"postgresql": {"parameters": {"max_wal_senders": "10", "max_connections": "400"}}}
    found = versions.restart_order(
        versions.diff(old, versions.merged(old, new)), ["max_connections", "max_wal_senders"]
    )
    assert found is not None
    assert found.startswith("not in one step")


def test_a_damaged_version_is_none() -> None:
    whole = Version(3, "2026-05-04", "ann", "why", foreign=False, document={}).as_json()
    assert Version.of(whole) == Version(3, "2026-05-04", "ann", "why", foreign=False, document={})
    for damaged in ({}, {**whole, "number": "3"}, {**whole, "more": 1}, {**whole, "document": []}):
        assert Version.of(damaged) is None
