"""A plan as text and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from integratedb_companion.contracts.difference import Change
from integratedb_companion.contracts.reconcile import Outcome
from integratedb_companion.contracts.rendering import as_json, as_text

DEPRECATION = {
    "path": "shop.orders", "field": "note", "message": "read shop.notes",
    "remove_after": datetime(2027, 3, 1, tzinfo=UTC), "days_left": 30, "claimed_by": ["reporter"],
}  # fmt: skip
WAIVER = {
    "stakeholder": "reporter", "path": "shop.orders", "field": None, "until": datetime(2027, 3, 1, tzinfo=UTC),
    "days_left": 1, "reason": "2.4 reads none", "unmet": True,
}  # fmt: skip


def test_a_plan_without_changes_is_one_line() -> None:
    lines = as_text(Outcome([], [], []), [], "dir")
    assert list(map(click.unstyle, lines)) == ["No changes: the database is as the contracts say."]
    assert "1 to remove" in list(as_text(Outcome([Change("a", "remove")], [], []), [], "dir"))[-1]


def test_a_plan_shows_what_the_contracts_depend_on_and_is_deprecated_or_waived() -> None:
    outcome = Outcome([], [], [], [DEPRECATION], [WAIVER])
    assert list(map(click.unstyle, as_text(outcome, [], "dir")))[:2] == [
        "shop.orders, column note, is deprecated, removal after 2027-03-01 (30 days left), claimed by reporter: "
        "read shop.notes",
        "shop.orders of reporter is waived until 2027-03-01 (1 day left), and unmet: 2.4 reads none",
    ]
    shown = as_json(outcome, [])
    assert (shown["deprecations"], shown["waivers"]) == ([DEPRECATION], [WAIVER])
