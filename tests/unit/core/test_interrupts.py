"""Long work in Python asks now and then whether it shall stop: how often, whatever the document is like."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from integratedb import interrupts
from integratedb.expansion.catalog import Column, Member
from integratedb.expansion.expand import ExpandedDocument, expand
from integratedb.specification.intake import parse, parse_text, shorten
from integratedb.specification.model import Path, Specification
from integratedb.specification.weakening import is_weaker

#: What a document of a megabyte may hold; each is one of the ways to make it long.
LONG: dict[str, Any] = {
    "matches": {"match": [{"path": f"a.t{number}", "fields": ["id"]} for number in range(10_000)]},
    "alternatives": {"match": {"alternatives": [{"path": f"a.t{number}"} for number in range(10_000)]}},
    "fields": {"match": {"path": "a.b", "fields": [f"c{number}" for number in range(60_000)]}},
    "typed fields": {
        "match": {"path": "a.b", "fields": [{"name": f"c{number}", "type": "int[]"} for number in range(25_000)]}
    },
    "field alternatives": {
        "match": {"path": "a.b", "fields": [{"alternatives": [f"c{number}" for number in range(60_000)]}]}
    },
    "small arrays": {
        "match": [
            {"path": f"a.t{number}", "fields": [{"alternatives": ["x", "y"]}, {"alternatives": ["y", "x"]}]}
            for number in range(9_000)
        ]
    },
    "wrong fields": {"match": {"path": "a.b", "fields": [5] * 60_000}},
    "unknown keys": {"match": {"path": "a.b", **{f"k{number}": 1 for number in range(60_000)}}},
}


class EmptyCatalog:
    """A catalog without anything."""

    def find(self, paths: Iterable[Path]) -> Mapping[Path, Member]:
        return {}

    def members(self, schemas: Iterable[str]) -> Mapping[str, Sequence[Member]]:
        return {}

    def columns(self, relations: Iterable[int]) -> Mapping[int, tuple[Column, ...]]:
        return {}

    def named_columns(self, names: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], Column]:
        return {}

    def exact_types(self, names: Iterable[str]) -> Mapping[str, str]:
        return {}


def work(written: Any) -> None:
    """All that is done to a document in Python."""
    specification = parse_text(json.dumps(written), "claims")
    if isinstance(specification, Specification):
        shorten(specification)
        is_weaker(specification, specification)
        document = ExpandedDocument()
        for batch in expand(dict(enumerate(specification.match)), EmptyCatalog()):
            document.add(batch)
        document.text()


@pytest.mark.parametrize("document", LONG.values(), ids=LONG)
def test_long_work_asks_at_least_every_second(document: Any) -> None:
    longest, before = 0.0, time.process_time()

    def ask() -> None:
        nonlocal longest, before
        now = time.process_time()
        longest, before = max(longest, now - before), now

    # The collector goes through all objects of the process, those of other tests too.
    gc.disable()
    try:
        with interrupts.checked_by(ask):
            work(document)
            ask()
    finally:
        gc.enable()
    assert longest < 1


def refuse() -> None:
    """As the server does for a statement that was cancelled."""
    raise TimeoutError


def test_long_work_stops_where_it_is_told_to() -> None:
    with interrupts.checked_by(refuse), pytest.raises(TimeoutError):
        parse(LONG["matches"], "claims")


def test_outside_of_the_block_nobody_is_asked() -> None:
    asked: list[int] = []
    with interrupts.checked_by(lambda: asked.append(1)):
        list(interrupts.steps(range(interrupts.STEPS_BETWEEN_CALLS * 3)))
    assert len(asked) == 3
    list(interrupts.steps(range(interrupts.STEPS_BETWEEN_CALLS * 3)))
    assert len(asked) == 3


def test_what_was_asked_before_is_asked_again_after_a_block() -> None:
    calls: list[str] = []

    def calling(name: str) -> Callable[[], None]:
        return lambda: calls.append(name)

    with interrupts.checked_by(calling("outer")):
        with interrupts.checked_by(calling("inner")):
            list(interrupts.steps(range(interrupts.STEPS_BETWEEN_CALLS)))
        list(interrupts.steps(range(interrupts.STEPS_BETWEEN_CALLS)))
    assert calls == ["inner", "outer"]
