"""Secrets are masked in whatever is printed."""

from __future__ import annotations

from integratedb.specification.document import show
from integratedb_companion.common.masking import masked
from integratedb_companion.contracts.reading import parse
from integratedb_companion.contracts.variables import environment


def test_a_secret_is_masked_also_where_a_message_doubles_its_quotes() -> None:
    secret = "it's a secret"
    parse("stakeholder: a\nnotifications: {match: [], channels: [{secret: '${S}'}]}\n", "f", environment({"S": secret}))
    assert (
        masked(f"'{secret}' is odd, {show(secret)} is not a channel name")
        == "'${S}' is odd, '${S}' is not a channel name"
    )
