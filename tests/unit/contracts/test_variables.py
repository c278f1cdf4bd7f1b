"""Variables in contracts: what is replaced, what stays, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.specification.intake import parse as parse_specification
from integratedb.specification.model import Specification
from integratedb_companion.contracts.reading import parse
from integratedb_companion.contracts.variables import environment, escape, for_daemon, interpolate

ANYTHING = environment({"A": "one", "EMPTY": ""})


def interpolated(text: str) -> tuple[Any, list[str]]:
    value, findings = interpolate(text, ANYTHING, "file", {(): 7})
    return value, [f"{finding.line}: {finding.message}" for finding in findings]


def test_variables_are_replaced_and_dollars_stay() -> None:
    assert interpolated("x${A}y${A}") == ("xoneyone", [])
    assert interpolated("$A costs $5 $$ $${A}") == ("$A costs $5 $$ ${A}", [])


@pytest.mark.parametrize("text", ["${B}", "${EMPTY}", "${a b}", "${}", "${A", "${1}"])
def test_a_variable_that_is_not_there_is_told_with_its_line(text: str) -> None:
    _, [message] = interpolated(text)
    assert message.startswith("7: ")


@given(st.text())
def test_an_escaped_text_is_read_back(text: str) -> None:
    assert interpolated(escape(text)) == (text, [])


def test_where_no_secret_is_used_the_documents_are_well_formed_without_them() -> None:
    text = """
stakeholder: a
notifications:
  match: []
  channels:
    - {name: h, type: WEBHOOK, url: "${URL}", secret: "${S}"}
    - {name: r, type: REDIS, url: "redis://user:${PW}@host/0"}
"""
    contract = parse(text, "file", for_daemon({}))
    assert isinstance(parse_specification(contract.notifications, "notifications"), Specification)
