"""Contracts are read from files: what they leave out, what is wrong, and what is no file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from integratedb_companion.contracts.model import UnusableContractsError
from integratedb_companion.contracts.reading import MAX_BYTES, files_in, parse, read_contracts
from integratedb_companion.contracts.variables import environment

ANYTHING = environment({"A": "one", "EMPTY": ""})


def test_what_a_contract_leaves_out_is_nothing() -> None:
    contract = parse("stakeholder: a\n", "file", ANYTHING)
    assert contract.claims == {"match": []}
    assert contract.notifications == {"match": [], "channels": []}


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UnusableContractsError) as refusal:
        parse("cliams: ${B}\nclaims: []\n", "file", ANYTHING)
    assert len(refusal.value.findings) == 4


@pytest.mark.parametrize("what", ["directory", "pipe", "link to a pipe", "link to a device", "link to a directory"])
def test_only_files_are_contracts(tmp_path: Path, what: str) -> None:
    path, elsewhere = tmp_path / "b.yaml", tmp_path / "elsewhere"
    (tmp_path / "a.yaml").write_text("stakeholder: mailer\n")
    if what == "pipe":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if what == "link to a device" else elsewhere)
    if what == "link to a pipe":
        os.mkfifo(elsewhere)
    elif what == "link to a directory":
        elsewhere.mkdir()
    with pytest.raises(UnusableContractsError) as refused:
        files_in(tmp_path)
    [finding] = refused.value.findings
    assert (finding.message, finding.file) == ("it is no file", str(path))


def test_links_to_files_are_contracts(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("stakeholder: mailer\n")
    (tmp_path / "a.yaml").symlink_to("elsewhere")
    (tmp_path / "gone.yaml").symlink_to("nowhere")  # told when it is read
    assert [path.name for path in files_in(tmp_path)] == ["a.yaml", "gone.yaml"]


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnusableContractsError) as refused:
        read_contracts([path, Path("/dev/zero")], environment({}))
    assert {finding.message for finding in refused.value.findings} == {f"there are more than {MAX_BYTES} bytes in it"}
    assert len(refused.value.findings) == 2
