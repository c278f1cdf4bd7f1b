"""The whole of the tests pass on every version of Postgres, each in the image that users get.

The version of this machine's own Postgres is left out where others are asked for: `make test` runs the same on it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time

import pytest

from tests.docker.conftest import CLOSING_LINE
from tests.docker.support import MAJORS, ROOT, Container

# The unit tests need no server, but their Python is the one that the server embeds. Two suites run at a time, each with
# two workers: what scripts/test runs at once on two processors, and a bit.
RUN = "scripts/cluster run --count 2 scripts/pytest --numprocesses auto --dist loadgroup --durations=10"
# How the companion is packaged, and what the management API says to any request whatever, is the same on every version.
ELSEWHERE = "--ignore=tests/system/test_package.py --ignore=tests/system/serve/test_fuzz.py"


def of_this_machine() -> str:
    """The major version that `make test` uses here; nothing where there is none."""
    found = shutil.which("pg_config")
    version = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout if found else ""
    return "".join(re.findall(r"PostgreSQL ([0-9]+)", version))


ELSEWHERE_MAJORS = [major for major in MAJORS if major != of_this_machine()] or MAJORS
SUITES = {"sql": f"{RUN} tests/unit tests/sql", "system": f"{RUN} tests/system {ELSEWHERE}"}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("major", ELSEWHERE_MAJORS)
def test_a_suite_passes(major: str, suite: str, record_property) -> None:
    log = ROOT / f".build/docker/{suite}-{major}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    container = Container(f"integratedb-test:{major}").with_kwargs(init=True, shm_size="6g")
    container.with_command(["bash", "-c", SUITES[suite]])
    began = time.monotonic()
    with container, log.open("wb") as output:
        for chunk in container.get_wrapped_container().logs(stream=True, follow=True):
            output.write(chunk)
            output.flush()
        status = container.ended()
    printed = log.read_text(errors="replace").rstrip()
    closing = printed.rsplit("\n", 1)[-1].strip("= ")
    record_property(CLOSING_LINE, f"PostgreSQL {major}, {suite}: {closing} ({time.monotonic() - began:.0f} s)")
    assert status == 0, printed[-20_000:]
    assert re.match(r"\d+ passed", closing), closing
