"""One start with the demo that most tests share, and a stopped directory of which each test has a copy."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.harness import free_port
from tests.system.start.harness import Start, copied, place

Started = Callable[..., Start]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests to one worker, so that what they share is started once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("start"))


@pytest.fixture(scope="session")
def shop() -> Iterator[Start]:
    """What runs after `integratedb start --demo`."""
    with place() as directory:
        started = Start(directory / "shop", "--demo")
        try:
            yield started.ready()
        finally:
            started.end()


@pytest.fixture(scope="session")
def stopped() -> Iterator[Start]:
    """A directory after its first start, which was stopped by Ctrl-C."""
    with place() as directory:
        started = Start(directory / "data")
        started.ready()
        started.stop(signal.SIGINT)
        yield started


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for the test's own."""
    with place() as made:
        yield made


@pytest.fixture
def start(directory: Path) -> Iterator[Started]:
    """``start(*options)``: a start in a new directory; ``of=`` copies a stopped one, ``api=`` fills api.toml."""
    running: list[Start] = []

    def begin(*options: str, of: Start | None = None, python: Path | str = sys.executable, **files: str) -> Start:
        data = directory / f"data{len(running)}"
        if of is not None:
            copied(of.data, data)
            options = ("--port-postgres", str(free_port()), *options)
        for name, text in files.items():
            (data / f"{name}.toml").write_text(text)
        running.append(Start(data, *options, python=python))
        return running[-1]

    yield begin
    for one in running:
        one.end()
