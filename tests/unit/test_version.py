"""The version is written in the control file; what must repeat it agrees."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def control_version() -> str:
    (version,) = re.findall(r"^default_version = '(.+)'$", (ROOT / "integratedb.control").read_text(), re.MULTILINE)
    return str(version)


def test_pgxn_metadata_has_the_version_of_the_control_file():
    metadata = json.loads((ROOT / "META.json").read_text())
    assert metadata["version"] == control_version()
    assert metadata["provides"]["integratedb"]["version"] == control_version()


def test_the_changelog_has_a_section_for_what_comes_or_for_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog or f"## [{control_version()}]" in changelog


def test_the_server_and_the_tests_have_one_graphql_core():
    installed, tested = (
        re.findall(r"^graphql-core==(\S+)", (ROOT / file).read_text(), re.MULTILINE)
        for file in ("plpython/graphql.txt", "tests/requirements.txt")
    )
    assert installed == tested
    assert len(installed) == 1
