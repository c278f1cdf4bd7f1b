"""Releases stay as they were, and what has been added to the state since then is in the update from the last one."""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import Path

from tests.unit.test_version import control_version

ROOT = Path(__file__).parents[2]
LIST = ROOT / "releases/frozen.sha256"


def frozen() -> dict[str, str]:
    """The checksum of each released file."""
    return {path: digest for digest, path in (line.split("  ", 1) for line in LIST.read_text().splitlines())}


def number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def releases() -> list[str]:
    """The versions that are released, in order."""
    return sorted({path.split("/")[1] for path in frozen() if path.startswith("releases/")}, key=number)


def last_release() -> str:
    """The last release before the present version."""
    return max((version for version in releases() if number(version) < number(control_version())), key=number)


def test_released_files_are_as_they_were() -> None:
    changed = [
        path
        for path, digest in frozen().items()
        if not (ROOT / path).exists() or hashlib.sha256((ROOT / path).read_bytes()).hexdigest() != digest
    ]
    assert changed == [], "a released file never changes; docs/releasing.md says where a change belongs"


def test_every_file_of_a_release_is_frozen() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "releases").rglob("*") if path.is_file()}
    assert {path for path in frozen() if path.startswith("releases/")} == there - {str(LIST.relative_to(ROOT))}


def test_a_release_is_reached_from_the_one_before_and_has_its_python() -> None:
    first, *later = releases()
    scripts = {path.removeprefix("releases/") for path in frozen() if re.match(r"releases/.*\.sql$", path)}
    steps = {f"{new}/integratedb--{old}--{new}.sql" for old, new in itertools.pairwise(releases())}
    assert steps <= scripts, "an update leads to each release from the one before"
    installs = {path for path in scripts if path.count("--") == 1}
    assert installs == {f"{first}/integratedb--{first}.sql"}, "what updates lead to is not kept twice"
    for version in (first, *later):
        assert any(path.startswith(f"releases/{version}/python/") for path in frozen())


def test_the_update_from_the_last_release_includes_every_new_state_file() -> None:
    new = {f"sql/state/{path.name}" for path in ROOT.glob("sql/state/*.sql")} - set(frozen())
    update = ROOT / f"sql/upgrades/{last_release()}--{control_version()}.sql"
    included = re.findall(r"^#include (sql/state/\S+)$", update.read_text(), re.MULTILINE)
    assert included == sorted(new)
