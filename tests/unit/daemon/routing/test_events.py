"""The identifiers of events."""

from __future__ import annotations

import pytest

from integratedb_companion.daemon.routing.events import event_id, parse_event_id


def test_event_ids_read_back_and_others_are_refused() -> None:
    assert event_id(10, 2**40, 17) == "0000000A-0000010000000000-00000011"
    assert parse_event_id(event_id(10, 2**40, 17)) == (2**40, 17)
    assert parse_event_id("0000010000000000-00000011") == (2**40, 17)  # of version 0.2
    for text in (
        "",
        "x",
        "0-0",
        "00000000016B3748-0000000G",
        "00000000016B3748_00000000",
        "1-00000000016B3748-00000000",
    ):
        with pytest.raises(ValueError, match="not the id of an event"):
            parse_event_id(text)
