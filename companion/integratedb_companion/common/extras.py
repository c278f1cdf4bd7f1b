"""Reports the missing extra of the distribution if a program's Python modules are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from integratedb_companion.common.configuration import ConfigurationError


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Import modules of an extra. Error: ConfigurationError, when one of them is not installed."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if problem.name is None or problem.name.startswith("integratedb"):
            raise
        raise ConfigurationError(
            f"the Python module {problem.name} is not installed; pip install 'integratedb[{extra}]' brings it"
        ) from None
