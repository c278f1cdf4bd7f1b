"""A plan as text."""

from __future__ import annotations

import click

from integratedb_companion.contracts.difference import Change
from integratedb_companion.contracts.rendering import as_text


def test_a_plan_without_changes_is_one_line() -> None:
    assert list(map(click.unstyle, as_text([], [], "dir"))) == ["No changes: the database is as the contracts say."]
    assert "1 to remove" in list(as_text([Change("a", "remove")], [], "dir"))[-1]
