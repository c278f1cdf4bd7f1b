"""Contracts without a database: variables, the schema, lint, differences, exports, connection strings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from psycopg.conninfo import conninfo_to_dict

from integratedb.specification.channels import redact
from integratedb.specification.document import show
from integratedb.specification.intake import parse as parse_specification
from integratedb.specification.model import Specification
from integratedb_companion.common.masking import masked
from integratedb_companion.contracts.credentials import Credentials
from integratedb_companion.contracts.difference import Change, compare
from integratedb_companion.contracts.exporting import REDACTED, contract_text
from integratedb_companion.contracts.lint import check_shapes
from integratedb_companion.contracts.model import UnusableContractsError
from integratedb_companion.contracts.reading import MAX_BYTES, files_in, parse, read_contracts
from integratedb_companion.contracts.rendering import as_text
from integratedb_companion.contracts.schema import contract_schema
from integratedb_companion.contracts.variables import environment, escape, for_daemon, interpolate

ROOT = Path(__file__).parents[3]
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


def test_the_published_schema_is_made_of_the_extensions() -> None:
    """Else: integratedb schema > docs/contract.schema.json."""
    assert json.loads((ROOT / "docs/contract.schema.json").read_text()) == contract_schema()
    Draft202012Validator.check_schema(contract_schema())


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    whole = contract_schema()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [v for k, v in part.items() if k == "$ref"] + [r for v in part.values() for r in references(v)]
        return [r for v in part for r in references(v)] if isinstance(part, list) else []

    assert {reference.removeprefix("#/$defs/") for reference in references(whole)} <= whole["$defs"].keys()


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


def test_a_secret_is_masked_also_where_a_message_doubles_its_quotes() -> None:
    secret = "it's a secret"
    parse("stakeholder: a\nnotifications: {match: [], channels: [{secret: '${S}'}]}\n", "f", environment({"S": secret}))
    assert (
        masked(f"'{secret}' is odd, {show(secret)} is not a channel name")
        == "'${S}' is odd, '${S}' is not a channel name"
    )


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


def test_what_a_contract_leaves_out_is_nothing() -> None:
    contract = parse("stakeholder: a\n", "file", ANYTHING)
    assert contract.claims == {"match": []}
    assert contract.notifications == {"match": [], "channels": []}


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UnusableContractsError) as refusal:
        parse("cliams: ${B}\nclaims: []\n", "file", ANYTHING)
    assert len(refusal.value.findings) == 4


MATCH = {"path": "s.t", "fields": ["a"]}


def test_equal_matches_fall_out_and_the_rest_is_paired_by_table() -> None:
    other = {"path": "s.t", "fields": ["b"]}
    before = {"match": [MATCH, {"path": "s.gone"}]}
    after = {"match": [other, MATCH, {"path": "s.new"}]}
    changes = compare("claims", before, after)
    assert [(change.action, change.name) for change in changes] == [
        ("add", "s.t"), ("remove", "s.gone"), ("add", "s.new"),
    ]  # fmt: skip
    assert compare("claims", before, before) == []
    [changed] = compare("claims", {"match": [MATCH]}, {"match": [other]})
    assert (changed.action, changed.before, changed.after) == ("change", MATCH, other)


def typed(**types: str) -> dict[str, Any]:
    """A match whose columns have types, or what else is said of them."""
    return {"path": "s.t", "fields": [{"name": name, "type": type_} for name, type_ in types.items()]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (typed(a="int8"), typed(a="pg_catalog.int8")),
        (typed(a="bigint"), typed(a="BIGINT")),
        (typed(a="integer[]"), typed(a="_int4")),
        (typed(a='"int8"'), typed(a="int8")),
        (typed(a="timestamp with time zone"), typed(a="timestamptz")),
        (typed(a="character varying(40)[]"), typed(a="pg_catalog.varchar(40)[]")),
        (typed(a="varchar(40)"), {"path": "s.t", "fields": [{"name": "a", "type": "varchar", "min_length": 40}]}),
        (typed(a="Shop.Email"), typed(a='shop."email"')),
        (
            {"path": "s.t", "fields": [{"alternatives": ["a", {"name": "b", "type": "bool"}]}]},
            {"path": "s.t", "fields": [{"alternatives": ["a", {"name": "b", "type": "boolean"}]}]},
        ),
        ({"alternatives": [typed(a="real"), MATCH]}, {"alternatives": [typed(a="float4"), MATCH]}),
    ],
)
def test_another_spelling_of_a_type_is_no_difference(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert compare("claims", {"match": [one]}, {"match": [other]}) == []
    assert len(compare("claims", {"match": [one, one]}, {"match": [other]})) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int8", "int4"),
        ("int8", "int8[]"),
        ("char", '"char"'),
        ("varchar(40)", "varchar(41)"),
        ("varchar(40)", "varchar"),
        ('"Email"', "email"),
        ("shop.email", "email"),
        ("shop.int8", "int8"),
        ("ARRAY", "USER-DEFINED"),
        ("a.b", '"a.b"'),
    ],
)
def test_another_type_is_a_difference(one: str, other: str) -> None:
    assert len(compare("claims", {"match": [typed(a=one)]}, {"match": [typed(a=other)]})) == 1


def test_a_plan_without_changes_is_one_line() -> None:
    assert list(map(click.unstyle, as_text([], [], "dir"))) == ["No changes: the database is as the contracts say."]
    assert "1 to remove" in list(as_text([Change("a", "remove")], [], "dir"))[-1]


def test_an_export_has_variables_for_secrets_each_with_a_name_of_its_own() -> None:
    channels = [
        {"name": "a-b", "type": "WEBHOOK", "url": "https://u:p@x/", "secret": "whsec_" + "A" * 32},
        {"name": "a_b", "type": "WEBHOOK", "url": "https://x/${y}", "secret": "whsec_" + "A" * 32},
        {"name": "c", "type": "WEBHOOK", "url": "https://x/", "secret": "env:INTEGRATEDB_SECRET_A__NAME"},
    ]
    taken: set[str] = set()
    shown = {"match": [], "channels": [redact(channel) for channel in channels]}
    text = contract_text("s", {"match": []}, shown, taken)
    assert REDACTED not in text
    assert taken == {"S_A_B_SECRET", "S_A_B_SECRET_2", "S_A_B_PASSWORD"}
    values = {"S_A_B_SECRET": channels[0]["secret"], "S_A_B_SECRET_2": channels[1]["secret"], "S_A_B_PASSWORD": "p"}
    assert parse(text, "file", environment(values)).notifications["channels"] == channels


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)


@given(password=NAMES, dbname=NAMES, host=st.sampled_from(["db.example", "/var/run/my pg", "::1", "127.0.0.1"]))
def test_a_uri_says_the_same_as_its_parts(password: str, dbname: str, host: str) -> None:
    credentials = Credentials("s", "user_1", password, host, "5433", dbname)
    assert conninfo_to_dict(credentials.uri) == {
        "user": "user_1", "password": password, "host": host, "port": "5433", "dbname": dbname,
    }  # fmt: skip


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
