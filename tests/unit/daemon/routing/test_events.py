"""The identifiers of events."""

from __future__ import annotations

import pytest

from integratedb_companion.daemon.routing.events import event_id, parse_event_id


def test_event_ids_read_back_and_others_are_refused() -> None:
    assert parse_event_id(event_id(2**40, 17)) == (2**40, 17)
    for text in ("", "x", "0-0", "00000000016B3748-0000000G", "00000000016B3748_00000000"):
        with pytest.raises(ValueError, match=r"event|invalid literal"):
            parse_event_id(text)
