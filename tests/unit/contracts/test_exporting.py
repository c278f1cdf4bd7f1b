"""An export is a contract that reads back, with variables where the secrets were."""

from __future__ import annotations

from integratedb.specification.channels import redact
from integratedb_companion.contracts.exporting import REDACTED, contract_text
from integratedb_companion.contracts.reading import parse
from integratedb_companion.contracts.variables import environment


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
