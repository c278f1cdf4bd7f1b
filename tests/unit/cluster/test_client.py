"""How commands read addresses, and what they make of answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from integratedb_companion.cluster.client import checked, split_addresses
from integratedb_companion.cluster.layout import Layout
from integratedb_companion.common.errors import CommandError


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a:1", ["a:1"]),
        ("a", ["a:8650"]),
        ("a:1,b:2", ["a:1", "b:2"]),
        ("a, b", ["a:8650", "b:8650"]),
        ("[fd00::1]:1", ["[fd00::1]:1"]),
        ("[fd00::1]", ["[fd00::1]:8650"]),
    ],
)
def test_addresses_are_read(text: str, addresses: list[str]) -> None:
    assert split_addresses(text, 8650) == addresses


@pytest.mark.parametrize("text", ["", "a:b", "a:0", "a:65536", "a:1,,b:1"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(CommandError, match="is not HOST:PORT") as refusal:
        split_addresses(text, 8650)
    assert refusal.value.status == 2


def test_a_refusal_keeps_its_hint() -> None:
    with pytest.raises(CommandError) as refusal:
        checked(409, {"errors": {"detail": "no", "hint": "do this"}})
    assert (refusal.value.message, refusal.value.hint, refusal.value.status) == ("no", "do this", 1)
    with pytest.raises(CommandError, match="HTTP status 502"):
        checked(502, "a page of a proxy")


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(CommandError, match="was not made by integratedb cluster"):
        Layout(tmp_path).create()


def test_a_directory_with_a_long_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="too long for the path of a socket"):
        Layout(tmp_path / ("x" * 90)).create()


def test_a_missing_node_is_a_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no node of a cluster") as refusal:
        Layout(tmp_path).read_settings()
    assert refusal.value.status == 2


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.settings.write_text("{}")
    with pytest.raises(CommandError, match=r"node\.json is damaged"):
        layout.read_settings()
    layout.secrets.write_text("no json")
    with pytest.raises(CommandError, match=r"secrets\.json: not JSON"):
        layout.read_secrets()


def test_one_agent_a_directory(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert not layout.agent_runs()
    with layout.claimed():
        assert layout.agent_runs()
        with pytest.raises(CommandError, match="an agent runs"), layout.claimed():
            pass
    assert not layout.agent_runs()
