"""What is in force comes in control rows, whose form is checked."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb_companion.daemon.state import StateError, parse_state, parse_types


@pytest.mark.parametrize("body", [{}, {"types": 1}, {"types": {"x": {}}}, {"types": {"25": {"kind": "new"}}}])
def test_types_of_another_form_are_refused_and_not_guessed(body: dict[str, Any]) -> None:
    with pytest.raises(StateError):
        parse_types(body)


def test_a_control_row_of_an_unknown_form_is_refused() -> None:
    with pytest.raises(StateError):
        parse_state({"id": 1, "stakeholder": "x", "channels": [{"id": 1}], "routes": [], "types": {}})
