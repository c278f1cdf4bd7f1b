"""Messages of graphql-transport-ws: what is read of them, and what breaks the protocol."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.api.subscriptions import protocol
from integratedb_companion.api.subscriptions.protocol import Complete, Init, Ping, Pong, ProtocolError, Subscribe

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "type", "payload", "query"]), inner)
    ),
    max_leaves=10,
)


def read(**message: Any) -> protocol.Message:
    return protocol.read_message(json.dumps(message))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (None, None),
        ({}, None),
        ({"Authorization": "Bearer x"}, "Bearer x"),
        ({"authorization": "Bearer x"}, "Bearer x"),
        ({"headers": {"Authorization": "Bearer x"}}, "Bearer x"),
        ({"headers": [], "authorization": 1}, None),
    ],
)
def test_the_payload_of_connection_init_says_who_is_asking(payload: Any, expected: str | None) -> None:
    assert read(type="connection_init", payload=payload) == Init(expected)


def test_the_other_messages_of_a_client() -> None:
    assert (read(type="ping"), read(type="pong", payload={"a": 1})) == (Ping(), Pong())
    assert read(type="complete", id="a") == Complete("a")
    found = read(type="subscribe", id="a", payload={"query": "{ a }", "operationName": "b", "variables": {"c": 1}})
    assert isinstance(found, Subscribe)
    assert found.wanted is not None
    assert (found.wanted.query, found.wanted.operation, found.wanted.variables) == ("{ a }", "b", {"c": 1})


def test_a_request_that_is_none_is_answered_and_does_not_close_the_connection() -> None:
    found = read(type="subscribe", id="a", payload={"query": "{ a }", "variables": []})
    assert isinstance(found, Subscribe)
    assert (found.wanted, found.error) == (None, "'variables' is no object.")


def test_the_words_of_the_protocol_before_are_understood() -> None:
    found = read(type="start", id="a", payload={"query": "{ a }"})
    assert isinstance(found, Subscribe)
    assert found.is_old
    assert read(type="stop", id="a") == Complete("a")
    assert protocol.next_message("a", is_old=True) + "{}" + protocol.END == '{"id":"a","type":"data","payload":{}}'
    assert protocol.next_message('a"') + "{}" + protocol.END == '{"id":"a\\"","type":"next","payload":{}}'
    with pytest.raises(ProtocolError) as ended:
        read(type="connection_terminate")
    assert ended.value.code == 1000


@pytest.mark.parametrize(
    "frame",
    [
        None,
        b"{}",
        "",
        "{",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "next", "id": "a"}',
        '{"type": "subscribe", "payload": {"query": ""}}',
        '{"type": "subscribe", "id": "", "payload": {"query": ""}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": ""}}',
        '{"type": "subscribe", "id": "a"}',
        '{"type": "subscribe", "id": "a", "payload": {"query": 1}}',
        '{"type": "complete"}',
        '{"type": "ping", "payload": 1}',
        "[" * 10_000,
        '"' + "x" * protocol.MOST_FRAME_BYTES + '"',
    ],
)
def test_what_breaks_the_protocol_closes_the_connection(frame: str | bytes | None) -> None:
    with pytest.raises(ProtocolError) as refused:
        protocol.read_message(frame)
    assert refused.value.code == 4400


@given(JSON)
def test_any_json_is_a_message_or_breaks_the_protocol(message: Any) -> None:
    with contextlib.suppress(ProtocolError):
        protocol.read_message(json.dumps(message))


def test_reasons_fit_into_a_close_frame() -> None:
    assert len(protocol.closing(4400, "ü" * 200)["reason"].encode()) <= 120
