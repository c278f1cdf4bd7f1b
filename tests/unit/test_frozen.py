"""Releases stay as they were, and what has been added to the state since then is in the update from the last one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tests.unit.test_version import control_version

ROOT = Path(__file__).parents[2]
LIST = ROOT / "sql/releases/frozen.sha256"


def frozen() -> dict[str, str]:
    """The checksum of each released file."""
    return {path: digest for digest, path in (line.split("  ", 1) for line in LIST.read_text().splitlines())}


def number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def last_release() -> str:
    """The last release before the present version."""
    versions: list[str] = re.findall(r"sql/releases/integratedb--([0-9.]+)\.sql$", "\n".join(frozen()), re.MULTILINE)
    return max((version for version in versions if number(version) < number(control_version())), key=number)


def test_released_files_are_as_they_were() -> None:
    changed = [
        path
        for path, digest in frozen().items()
        if not (ROOT / path).exists() or hashlib.sha256((ROOT / path).read_bytes()).hexdigest() != digest
    ]
    assert changed == [], "a released file never changes; docs/releasing.md says where a change belongs"


def test_every_file_of_a_release_is_frozen() -> None:
    there = {str(path.relative_to(ROOT)) for path in ROOT.glob("plpython/releases/*/*") if path.is_file()}
    assert {path for path in frozen() if path.startswith("plpython/")} == there
    for version in {path.split("--")[1].removesuffix(".sql") for path in frozen() if path.count("--") == 1}:
        assert f"plpython/releases/integratedb_{version.replace('.', '_')}/spec.py" in there


def test_the_update_from_the_last_release_includes_every_new_state_file() -> None:
    new = {f"sql/state/{path.name}" for path in ROOT.glob("sql/state/*.sql")} - set(frozen())
    update = ROOT / f"sql/upgrades/{last_release()}--{control_version()}.sql"
    included = re.findall(r"^#include (sql/state/\S+)$", update.read_text(), re.MULTILINE)
    assert included == sorted(new)
