"""Reads and writes the messages of the protocol graphql-transport-ws. Pure.

Python's client gql looks for the protocol that the server chose in a header with capitals, and finds none where a
server writes it in lower case. Then it speaks the protocol before, so the words of that are understood, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from integratedb_companion.api.bodies import read_json
from integratedb_companion.api.graphql_requests import HttpError, Wanted, wanted_of

SUBPROTOCOL: Final = "graphql-transport-ws"

NORMAL: Final = 1000
BAD_MESSAGE: Final = 4400
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
NOT_ACCEPTABLE: Final = 4406
TOO_SLOW: Final = 4008
INIT_TIMEOUT: Final = 4408
EXISTS: Final = 4409
TOO_MANY_INITS: Final = 4429
TRY_AGAIN: Final = 1013
GOING_AWAY: Final = 1001
#: A reason of a close frame has so many bytes at most.
MOST_REASON_BYTES: Final = 120

MOST_FRAME_BYTES: Final = 512 << 10
MOST_ID_CHARACTERS: Final = 256
PONG: Final = '{"type":"pong"}'
PING: Final = '{"type":"ping"}'
ACK: Final = '{"type":"connection_ack"}'


class ProtocolError(Exception):
    """The connection is closed, with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Init:
    """connection_init: the value of an Authorization header in its payload, if there is one."""

    authorization: str | None


@dataclass(frozen=True, slots=True)
class Ping:
    """ping."""


@dataclass(frozen=True, slots=True)
class Pong:
    """pong."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """subscribe: an operation, or why it is none."""

    id: str
    wanted: Wanted | None
    payload: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    #: Whether it has the word of the protocol before.
    is_old: bool = False


@dataclass(frozen=True, slots=True)
class Complete:
    """complete: the client ends an operation."""

    id: str


Message = Init | Ping | Pong | Subscribe | Complete


def read_message(frame: str | bytes | None) -> Message:
    """Read a message of a client. Error: ProtocolError."""
    if not isinstance(frame, str):
        raise ProtocolError(BAD_MESSAGE, "A message is a text frame.")
    if len(frame) > MOST_FRAME_BYTES:
        raise ProtocolError(BAD_MESSAGE, f"A message has at most {MOST_FRAME_BYTES} characters.")
    try:
        message = read_json(frame.encode("utf-8", "surrogatepass"))
    except ValueError:
        raise ProtocolError(BAD_MESSAGE, "The message is no JSON.") from None
    if not isinstance(message, dict):
        raise ProtocolError(BAD_MESSAGE, "A message is an object with 'type'.")
    payload = message.get("payload")
    match message.get("type"):
        case "connection_init":
            return Init(_authorization(_object(payload)))
        case "ping":
            _object(payload)
            return Ping()
        case "pong":
            _object(payload)
            return Pong()
        case "subscribe" | "start":
            return _subscribe(_id(message), payload, is_old=message["type"] == "start")
        case "complete" | "stop":
            return Complete(_id(message))
        case "connection_terminate":
            raise ProtocolError(NORMAL, "")
    raise ProtocolError(BAD_MESSAGE, "The 'type' of the message is none that a client sends.")


def _object(payload: Any) -> dict[str, Any]:
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise ProtocolError(BAD_MESSAGE, "'payload' is no object.")
    return payload


def _id(message: Mapping[str, Any]) -> str:
    found = message.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= MOST_ID_CHARACTERS:
        raise ProtocolError(BAD_MESSAGE, f"'id' is no text of 1 to {MOST_ID_CHARACTERS} characters.")
    return found


def _subscribe(id_: str, payload: Any, *, is_old: bool) -> Subscribe:
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise ProtocolError(BAD_MESSAGE, "The payload of 'subscribe' is an object with 'query'.")
    try:
        return Subscribe(id_, wanted_of(payload), payload, is_old=is_old)
    except HttpError as error:
        return Subscribe(id_, None, payload, str(error), is_old=is_old)


def _authorization(payload: Mapping[str, Any]) -> str | None:
    """Return the Authorization header of a payload; clients have it there itself, or among ``headers``."""
    headers = payload.get("headers")
    for given in (payload, headers if isinstance(headers, dict) else {}):
        for name, value in given.items():
            if name.lower() == "authorization" and isinstance(value, str):
                return value
    return None


def next_message(id_: str, *, is_old: bool = False) -> str:
    """Return the text before the payload of a message that has the result of an operation; ``END`` follows it."""
    word = "data" if is_old else "next"
    return '{"id":' + orjson.dumps(id_).decode() + f',"type":"{word}","payload":'


END: Final = "}"


def error_message(id_: str, errors: Sequence[Mapping[str, Any]]) -> str:
    """Return a message ``error``, which ends an operation."""
    return orjson.dumps({"id": id_, "type": "error", "payload": list(errors)}, default=str).decode()


def complete_message(id_: str) -> str:
    """Return a message ``complete``, which ends an operation."""
    return orjson.dumps({"id": id_, "type": "complete"}).decode()


def closing(code: int, reason: str) -> dict[str, Any]:
    """Return the event that closes a WebSocket."""
    return {
        "type": "websocket.close",
        "code": code,
        "reason": reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore"),
    }
