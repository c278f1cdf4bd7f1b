"""The directory: who has it, what is kept in it, what is ready."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from integratedb_companion.common.errors import CommandError
from integratedb_companion.supervisor import holder
from integratedb_companion.supervisor.directory import Directory


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """A directory that does not exist yet, and neither does the one above."""
    return Directory(tmp_path / "above" / "data")


def test_nobody_holds_a_directory_before_and_after_a_claim(directory: Directory) -> None:
    assert directory.holder() is None
    with directory.claimed():
        held = directory.holder()
        assert held is not None
        assert held["pid"] == os.getpid()
    assert directory.holder() is None
    assert directory.lock.read_bytes() == b""


def test_a_claimed_directory_is_refused_to_others(directory: Directory) -> None:
    words = f"in use: .* pid {os.getpid()}, since 20"
    with directory.claimed(), pytest.raises(CommandError, match=words), Directory(directory.path).claimed():
        pass


def test_what_a_killed_holder_has_written_means_nothing(directory: Directory) -> None:
    with directory.claimed():
        pass
    directory.lock.write_text('{"pid": 1, "since": "long ago"}')
    assert directory.holder() is None
    with directory.claimed():
        pass


def test_a_file_is_private_and_replaced_as_a_whole(directory: Directory) -> None:
    with directory.claimed():
        directory.write(directory.passwords, {"root": "one"})
        before = directory.passwords.stat().st_ino
        directory.write(directory.passwords, {"root": "two"})
        assert directory.read(directory.passwords) == {"root": "two"}
        assert directory.passwords.stat().st_ino != before
        assert stat.S_IMODE(directory.passwords.stat().st_mode) == 0o600
        assert sorted(path.name for path in directory.path.iterdir()) == ["lock", "passwords.json"]


def test_a_file_that_is_not_json_is_named(directory: Directory) -> None:
    with directory.claimed():
        directory.settings.write_text("{")
        with pytest.raises(CommandError, match=r"settings.json: not JSON"):
            directory.read(directory.settings)


def test_only_root_lets_others_go_through_the_directory(directory: Directory) -> None:
    with directory.claimed():
        assert stat.S_IMODE(directory.path.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
        assert stat.S_IMODE(directory.path.parent.stat().st_mode) == 0o755


def part(name: str, *, ready: bool) -> dict[str, object]:
    return {"name": name, "ready": ready, "pid": 1, "ready_url": None}


@pytest.mark.parametrize(
    ("parts", "ready"),
    [
        ([], False),
        ([part("postgres", ready=True)], False),
        ([part("postgres", ready=True), part("serve", ready=True)], True),
        ([part("postgres", ready=False), part("serve", ready=True)], False),
    ],
)
def test_all_is_ready_when_the_last_part_is_among_the_ready_ones(
    directory: Directory, parts: list[dict[str, object]], ready: bool
) -> None:
    with directory.claimed():
        directory.write(directory.parts, {"parts": parts})
        assert holder.status(directory)["ready"] is ready
    assert holder.status(directory)["ready"] is False
