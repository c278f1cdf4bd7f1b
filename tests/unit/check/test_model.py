"""The exit status of a check."""

from __future__ import annotations

from integratedb_companion.check.model import Break, Report, Step


def step(ok: bool, name: str = "migrations", said: str = "") -> Step:
    return Step(name, ok, 1.0, said)  # type: ignore[arg-type]  # the name is one of the literals


def test_the_status_says_broken_before_unable() -> None:
    broken = Break("migrations", "a", "claims", "gone")
    assert Report([step(True)]).status == 0
    assert Report([step(False)]).status == 1
    assert Report([step(False, "base")]).status == 2
    assert Report([step(True)], [broken]).status == 1
