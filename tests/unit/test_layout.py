"""The unit tests stand where the modules do that they test."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def folders(root: Path) -> set[str]:
    """Those that have Python, by their paths in root; root itself is not among them."""
    found = (path.parent.relative_to(root) for path in root.rglob("*.py"))
    return {path.as_posix() for path in found if path.parts}


def test_every_folder_of_tests_is_that_of_a_package() -> None:
    of_the_core = {f"core/{folder}" for folder in folders(ROOT / "plpython/integratedb")}
    assert folders(HERE) <= of_the_core | {"core"} | folders(ROOT / "companion/integratedb_companion")
