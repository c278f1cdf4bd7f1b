"""Makes long work cancellable: Postgres can cancel Python code only when the code calls the server.

``statement_timeout`` and ``pg_cancel_backend()`` have no effect on Python code between its calls of the server. So
every loop over user input iterates through ``steps()``, and plpy_catalog.py supplies the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Entry = TypeVar("_Entry")

#: The slowest steps take about 50 microseconds, a call of the server 20.
STEPS_BETWEEN_CALLS = 200


class _State:
    """The function to call, and the steps left until then; one for the process, which serves one session."""

    call: Callable[[], object] | None = None
    left: int = STEPS_BETWEEN_CALLS


@contextmanager
def checked_by(call: Callable[[], object]) -> Iterator[None]:
    """Within the block, call this function at intervals; it raises to cancel the work."""
    before, _State.call = _State.call, call
    try:
        yield
    finally:
        _State.call = before


def step() -> None:
    """Count one step of a possibly long loop."""
    _State.left -= 1
    if _State.left <= 0:
        _State.left = STEPS_BETWEEN_CALLS
        if _State.call is not None:
            _State.call()


def steps(entries: Iterable[_Entry]) -> Iterator[_Entry]:
    """Return the entries, and count each as a step."""
    for entry in entries:
        step()
        yield entry
