"""Words for deprecations and waivers, and for the unmet claims that they allow."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb_companion.common.agreements import allowed_by, deprecation_line, reason_of

WAIVED = {"allowed": "waived", "waiver": {"until": "2027-03-01T00:00:00+00:00", "days_left": 1, "reason": "2.4"}}
DEPRECATED = {"allowed": "deprecated", "deprecation": {"at": "2026-11-01T08:00:00+00:00", "by": "shop_owner"}}


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (WAIVED, "waived until 2027-03-01 (1 day left): 2.4"),
        (DEPRECATED, "deprecated at 2026-11-01 by shop_owner"),
        (
            {"allowed": "deprecated", "deprecation": {**DEPRECATED["deprecation"], "message": "read shop.notes"}},  # type: ignore[dict-item]  # the constant's values have several types
            "deprecated at 2026-11-01 by shop_owner: read shop.notes",
        ),
        # Another problem of the same claim has no waiver of its own.
        ({"allowed": "waived"}, "waived"),
        ({"waiver": WAIVED["waiver"]}, None),
        ({}, None),
    ],
)
def test_a_problem_says_why_it_is_allowed(problem: dict[str, Any], words: str | None) -> None:
    assert reason_of(problem) == words


@pytest.mark.parametrize(
    ("problems", "allowed"),
    [
        ([WAIVED], "waived"),
        ([DEPRECATED, DEPRECATED], "deprecated"),
        ([WAIVED, {}], None),
        ([{}], None),
        ([], None),
    ],
)
def test_a_claim_is_allowed_with_all_of_its_problems(problems: list[Any], allowed: str | None) -> None:
    assert allowed_by({"problems": problems}) == allowed


def test_a_deprecation_without_a_date_says_so() -> None:
    row: dict[str, Any] = {
        "path": "shop.orders",
        "field": None,
        "message": None,
        "remove_after": None,
        "claimed_by": [],
    }
    assert deprecation_line(row) == "shop.orders is deprecated, no date"
