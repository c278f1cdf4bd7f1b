"""Lint says of a contract what the database would say, with the line, and shows no secret."""

from __future__ import annotations

from integratedb.specification.intake import parse as parse_specification
from integratedb_companion.contracts.lint import check_shapes
from integratedb_companion.contracts.reading import parse
from integratedb_companion.contracts.variables import environment

ANYTHING = environment({"A": "one", "EMPTY": ""})


def test_lint_finds_what_the_schema_refuses_and_shows_no_secret() -> None:
    text = """
stakeholder: Mailer
claims:
  match:
    - path: s.t
      fields: [id, {name: x, min_length: 0}]
notifications:
  match: []
  channels:
    - {name: h, type: WEBHOOK, url: 5, secret: 4711}
"""
    findings = check_shapes([parse(text, "file", ANYTHING)])
    assert [finding.line for finding in findings] == [2, 6, 10, 10]
    assert "4711" not in str(findings)
    # In the words of the database, which quotes values so that JSON needs no escapes.
    assert findings[0].message == "'Mailer' is not the name of a stakeholder"


def test_lint_quotes_as_the_database_does() -> None:
    text = """
stakeholder: mailer
claims:
  match:
    - {path: s.t, colour: red}
    - {fields: [id]}
    - {path: s.t, fields: [{name: a, min_length: it's}]}
"""
    documents = [parse(text, "file", ANYTHING)]
    said = [finding.message for finding in check_shapes(documents)]
    refusals = parse_specification(documents[0].claims, "claims")
    assert isinstance(refusals, list)
    assert said == [refusal.message for refusal in refusals]
    assert "'colour' is not allowed in" in said[0]
    assert "'it''s' is not" in said[2]
