"""What a version of Postgres changes is tested on every version, in the image that users get.

`make test` runs all tests, on the version of this machine. That version is left out here where others are asked for.
The newest version runs what a version can change: CHANGES and SYSTEM_CHANGES. A version between these two has each
change in a form that one of them has. It runs only what reads its own catalogs and files: IN_BETWEEN. Before a release,
all tests run on all versions: `INTEGRATEDB_WHOLE_SUITES=1 make test-docker`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping

import pytest

from tests.docker.conftest import CLOSING_LINE
from tests.docker.support import MAJORS, ROOT, Container

# The unit tests need no server, but their Python is the one that the server embeds. Two suites run at a time, each with
# two workers: what scripts/test runs at once on two processors, and a bit.
RUN = "scripts/cluster run --count 2 scripts/pytest --numprocesses auto --dist loadgroup --durations=10"
# How the companion is packaged, what the management API says to any request whatever, and what a browser shows, is the
# same on every version; the images have no browser.
ELSEWHERE = (
    "--ignore=tests/system/test_package.py --ignore=tests/system/serve/test_fuzz.py --ignore=tests/system/console"
)


def of_this_machine() -> str:
    """The major version that `make test` uses here; nothing where there is none."""
    found = shutil.which("pg_config")
    version = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout if found else ""
    return "".join(re.findall(r"PostgreSQL ([0-9]+)", version))


#: What a version of Postgres changes, and which tests see it.
CHANGES = {
    "command tags, their objects, and what needs no check": (
        "test_command_tags",
        "test_harmless_ddl",
        "test_breaking_ddl",
    ),
    "catalogs, and the text of parse trees that readability follows": ("test_readability", "test_temporary"),
    "what plpgsql_check knows, privileges, predefined roles": ("test_privileges", "test_access"),
    "built-in functions": ("test_builtins",),
    "settings that sessions have, and their names": ("test_session_settings", "test_set_constraints"),
    "pg_dump and its restore, updates of the extension": ("test_restore", "test_upgrade", "test_packaging"),
    "statistics views that the panels and the advisers read": ("test_monitoring", "test_advice"),
    "when triggers fire and locks are taken at COMMIT": ("test_enforcement", "test_races"),
    "publications, replica identity, generated columns": ("test_notify", "test_hints"),
}
SYSTEM_CHANGES = {
    "the replication protocol, and slots": ("test_stream", "test_faults", "test_standby"),
    "what dumps and poolers see": ("command_line/test_check", "command_line/test_pooler"),
}
IN_BETWEEN = (
    *("sql/test_command_tags", "sql/test_privileges", "sql/test_readability", "sql/test_session_settings"),
    *("sql/test_restore", "sql/test_upgrade", "sql/test_builtins", "sql/test_monitoring"),
    *("sql/test_advice", "system/test_stream"),
)


def files(folder: str, changes: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The files of some changes."""
    return [f"{folder}/{name}" for names in changes.values() for name in names]


def command(*chosen: str) -> str:
    """Runs these files."""
    return " ".join([RUN, *(f"tests/{file}.py" for file in chosen)])


WHOLE = {"sql": f"{RUN} tests/unit tests/sql", "system": f"{RUN} tests/system {ELSEWHERE}"}
CHANGED = {
    "sql": command(*files("sql", CHANGES)),
    "system": f"{command(*files('system', SYSTEM_CHANGES))} tests/unit/core",
}


def suites() -> list[tuple[str, str, str]]:
    """What runs on which major version, the longest first."""
    here = of_this_machine()
    majors = [major for major in MAJORS if major != here] or MAJORS
    if os.environ.get("INTEGRATEDB_WHOLE_SUITES"):
        return [(major, name, WHOLE[name]) for major in majors for name in WHOLE]
    newest = max(majors, key=int)
    is_between = [major for major in majors if here and int(here) < int(major) < int(newest)]
    rest = [(major, name, CHANGED[name]) for major in majors if major not in is_between for name in CHANGED]
    return rest + [(major, "catalogs", command(*IN_BETWEEN)) for major in is_between]


def test_what_a_version_changes_is_there() -> None:
    chosen = [*files("sql", CHANGES), *files("system", SYSTEM_CHANGES), *IN_BETWEEN]
    assert [file for file in chosen if not (ROOT / f"tests/{file}.py").exists()] == []


@pytest.mark.parametrize(("major", "suite", "command"), suites(), ids=lambda value: value if len(value) < 10 else "")
def test_a_suite_passes(major: str, suite: str, command: str, record_property) -> None:
    log = ROOT / f".build/docker/{suite}-{major}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    container = Container(f"integratedb-test:{major}").with_kwargs(init=True, shm_size="6g")
    container.with_command(["bash", "-c", command])
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
