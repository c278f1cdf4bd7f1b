"""Lets long work be stopped: Postgres can cancel a statement only when the work asks it now and then.

Python code runs to its end whatever ``statement_timeout`` and ``pg_cancel_backend()`` say, unless it calls the server.
So every loop over what somebody wrote takes its entries by ``steps()``, and the seam says what to call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Entry = TypeVar("_Entry")

#: The slowest steps take some 50 microseconds, a call of the server takes 20.
STEPS_BETWEEN_CALLS = 200


class _State:
    """What to call, and how many steps are left until then; one for the process, which serves one session."""

    call: Callable[[], object] | None = None
    left: int = STEPS_BETWEEN_CALLS


@contextmanager
def checked_by(call: Callable[[], object]) -> Iterator[None]:
    """Within the block, call this now and then; it raises where the work shall stop."""
    before, _State.call = _State.call, call
    try:
        yield
    finally:
        _State.call = before


def step() -> None:
    """One step of a loop that may be long."""
    _State.left -= 1
    if _State.left <= 0:
        _State.left = STEPS_BETWEEN_CALLS
        if _State.call is not None:
            _State.call()


def steps(entries: Iterable[_Entry]) -> Iterator[_Entry]:
    """The entries, each of them a step."""
    for entry in entries:
        step()
        yield entry
