"""META.json keeps to the PGXN Meta Spec 1.0.0, and tells what is there."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
METADATA: dict[str, Any] = json.loads((ROOT / "META.json").read_text())
SCHEMA = json.loads((Path(__file__).parent / "pgxn-meta.schema.json").read_text())


def problems(metadata: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(metadata)]


def test_the_metadata_keeps_to_the_specification() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert problems(METADATA) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "a"),
        ("name", "two words"),
        ("version", "0.2"),
        ("version", "v0.2.0"),
        ("abstract", " "),
        ("maintainer", []),
        ("license", "PostgreSQL"),
        ("provides", {}),
        ("provides.integratedb.version", None),
        ("provides.integratedb.file", "/etc/passwd"),
        ("prereqs.runtime.requires.PostgreSQL", "15"),
        ("prereqs.runtime.requires.PostgreSQL", 15),
        ("prereqs.runtime.needs", {"plpgsql": 0}),
        ("prereqs.production", {"requires": {"plpgsql": 0}}),
        ("meta-spec.version", "2.0.0"),
        ("tags", ["a/b"]),
        ("tags", []),
        ("release_status", "beta"),
        ("resources", {"repository": "https://example.org/"}),
        ("home", "https://example.org/"),
    ],
)
def test_what_the_specification_does_not_allow_is_found(path: str, value: Any) -> None:
    changed = copy.deepcopy(METADATA)
    *outer, last = path.split(".")
    part = changed
    for key in outer:
        part = part[key]
    if value is None:
        del part[last]
    else:
        part[last] = value
    assert problems(changed) != []


def test_what_it_names_is_there() -> None:
    control = (ROOT / "integratedb.control").read_text()
    assert METADATA["provides"].keys() == {METADATA["name"]}
    for extension in METADATA["provides"].values():
        assert (ROOT / extension["file"]).is_file()
        assert (ROOT / extension["docfile"]).is_file()
    (required,) = re.findall(r"^requires = '(.+)'$", control, re.MULTILINE)
    assert METADATA["prereqs"]["runtime"]["requires"].keys() == {"PostgreSQL", *required.split(", ")}
