"""Who has most gives way to who has less, and nobody gives way to who has as much."""

from __future__ import annotations

import pytest

from integratedb_companion.api.subscriptions.shares import Shares


def shares(*held: tuple[str, str, int]) -> Shares[tuple[str, str, int]]:
    """Return shares of roles and callers."""
    made: Shares[tuple[str, str, int]] = Shares()
    for role, caller, count in held:
        for number in range(count):
            made.add((role, caller, number), role, caller)
    return made


@pytest.mark.parametrize(
    ("held", "role", "caller", "ended"),
    [
        # A role that has nothing gets the place of the role that has most: the newest of the caller who has most.
        ([("web", "ann", 5), ("web", "bob", 4), ("app", "cy", 3)], "new", "dee", ("web", "ann", 4)),
        ([("web", "ann", 5), ("app", "cy", 4)], "app", "cy", None),
        ([("web", "ann", 6), ("app", "cy", 4)], "app", "cy", ("web", "ann", 5)),
        # So does a caller of the role that has most, or as much.
        ([("web", "ann", 5), ("app", "cy", 5)], "web", "bob", ("web", "ann", 4)),
        ([("web", "ann", 2), ("web", "bob", 1)], "web", "bob", None),
        ([("web", "ann", 5)], "web", "ann", None),
        ([], "web", "ann", None),
    ],
)
def test_who_has_most_gives_way(
    held: list[tuple[str, str, int]], role: str, caller: str, ended: tuple[str, str, int] | None
) -> None:
    assert shares(*held).to_end(role, caller, lambda _: True) == ended


def test_what_may_not_end_stays_and_what_has_ended_does_not_count() -> None:
    made = shares(("web", "ann", 5))
    assert made.to_end("app", "cy", lambda item: item[2] < 2) == ("web", "ann", 1)
    assert made.to_end("app", "cy", lambda _: False) is None
    for number in range(1, 5):
        made.remove(("web", "ann", number))
    made.remove(("web", "ann", 1))
    assert len(made) == 1
    assert made.to_end("app", "cy", lambda _: True) is None
