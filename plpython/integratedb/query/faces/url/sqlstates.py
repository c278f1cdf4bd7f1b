"""Words errors of the database: their HTTP status by SQLSTATE as in PostgREST, and answers that SQL chose itself."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from .errors import UrlError

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: Statuses whose answers never have a body.
WITHOUT_BODY: Final = (204, 205, 304)
#: The server's own headers: they say where an answer ends, and what becomes of the connection. A wrong one would let
#: the next answer begin inside of this one.
_OF_CONNECTION: Final = frozenset(
    {
        "connection", "content-length", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip

#: Statuses of single states, then of classes (the first two characters). Everything else is 400.
_STATES = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "40001": 409,  # PostgREST: 500. The client may simply send the request again.
    "40P01": 409,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "57P01": 503,
    "57P02": 503,
    "57P03": 503,
    "P0001": 400,
}
_CLASSES = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
}
_MESSAGE_HINT = (
    "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
)
_DETAIL_HINT = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."


def status_of(sqlstate: str, message: str = "", anonymous: bool = False) -> int:
    """The HTTP status of a SQLSTATE."""
    if sqlstate == "42501":
        return 401 if anonymous else 403
    if sqlstate == "21000":
        return 400 if message.endswith("requires a WHERE clause") else 500
    if sqlstate == "22023":
        return 401 if message.startswith("role") and message.endswith("does not exist") else 400
    if sqlstate == "42883" and message.startswith("function xmlagg("):
        return 406
    if sqlstate.startswith("PT"):
        number = sqlstate[2:]
        return int(number) if number.isascii() and number.isdigit() and 100 <= int(number) <= 599 else 500
    return _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2], 400)


def word_database(
    sqlstate: str, message: str, detail: str | None = None, hint: str | None = None, anonymous: bool = False
) -> UrlError:
    """The answer to an error of the database; ``anonymous``: the request has no token."""
    if sqlstate == "PGRST":
        return _chosen(message, detail)
    status = status_of(sqlstate, message, anonymous)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if sqlstate.startswith("40"):
        headers["Retry-After"] = "1"
    reason = message if sqlstate.startswith("PT") and status != 500 and _is_safe(message) else None
    return UrlError(status, sqlstate, message, detail, hint, headers, reason)


def _chosen(message: str, detail: str | None) -> UrlError:
    """RAISE sqlstate 'PGRST': MESSAGE and DETAIL are JSON objects that say the whole answer."""
    said = _object(message)
    if (
        said is None
        or not _is_text(said.get("code"))
        or not _is_text(said.get("message"))
        or not all(said.get(key) is None or _is_text(said[key]) for key in ("details", "hint"))
    ):
        return _unreadable(f"Invalid JSON value for MESSAGE: '{message}'", _MESSAGE_HINT)
    if detail is None:
        return _unreadable("DETAIL is missing in the RAISE statement", _DETAIL_HINT)
    form = _object(detail)
    status = form.get("status") if form else None
    headers = form.get("headers") if form else None
    text = form.get("status_text") if form else None
    if (
        not isinstance(status, int)
        or isinstance(status, bool)
        or not 100 <= status <= 599
        or not isinstance(headers, dict)
        or not all(is_header(name, value) for name, value in headers.items())
        or not (text is None or (_is_text(text) and _is_safe(text)))
    ):
        return _unreadable(f"Invalid JSON value for DETAIL: '{detail}'", _DETAIL_HINT)
    return UrlError(status, said["code"], said["message"], said.get("details"), said.get("hint"), headers, text)


def _unreadable(details: str, hint: str) -> UrlError:
    return UrlError(500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", details, hint)


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def is_header(name: str, value: object) -> bool:
    """Whether SQL may put this into the head of an answer."""
    if _TOKEN.fullmatch(name) is None or name.lower() in _OF_CONNECTION:
        return False
    return isinstance(value, str) and _is_safe(value)


def proxy_status(code: str) -> bytes:
    """Return the value of Proxy-Status; SQL may choose any text as its code."""
    return b"integratedb; error=" + (code if _TOKEN.fullmatch(code) else "PGRST121").encode()


def _is_safe(text: str) -> bool:
    """Whether a text may stand in the head of an answer: no line ends there early."""
    return all(character.isprintable() or character == "\t" for character in text)
