"""Describes in the daemon's own words why an attempt failed.

The text of an exception or of a receiver is never repeated: it may hold a URL, a header or a credential. Descriptions
contain only the host, the port, and names from fixed lists.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from .addresses import AddressRefusedError
from .receiver_sockets import NoPlaceError
from .secret_settings import UnusableSettingError

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
_SSL_REASON: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class ReceiverError(Exception):
    """The receiver's answer does not confirm delivery; the message is the daemon's own."""


def place_of(url: str) -> str:
    """Return host and port of a URL that was checked."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, '')}"


def http_answer(place: str, status: int) -> str:
    """Describe an HTTP status; the reason phrase is the standard's, not the receiver's."""
    try:
        return f"{place} answered HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{place} answered HTTP {status}"


def describe(problem: BaseException, place: str) -> str:
    """Describe why an attempt to reach a place failed."""
    if isinstance(problem, UnusableSettingError | ReceiverError):
        return str(problem)
    for cause in _causes(problem):
        if isinstance(cause, AddressRefusedError):
            return f"{place} is not called: its address is link-local or denied"
        if isinstance(cause, NoPlaceError):
            return f"{place}: too many connections to receivers are open"
        if isinstance(cause, ssl.SSLError):
            # aiohttp wraps the error into another SSLError, which has no reason.
            reasons = (str(getattr(one, "reason", "")) for one in _causes(problem) if isinstance(one, ssl.SSLError))
            named = next((f" ({reason})" for reason in reasons if _SSL_REASON.fullmatch(reason)), "")
            return f"{place}: no encrypted connection{named}"
        if isinstance(cause, socket.gaierror):
            return f"{place}: the host name cannot be resolved"
        if isinstance(cause, TimeoutError):
            return f"{place}: no answer within the timeout"
    for cause in _causes(problem):
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
            return f"{place}: no connection ({errno.errorcode[cause.errno]})"
    if isinstance(problem, ValueError):
        return f"{place}: the URL cannot be called"
    if isinstance(problem, OSError | EOFError):
        return f"{place}: the connection was closed"
    return f"{place}: the answer cannot be read ({type(problem).__name__})"


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """Return the problem and its causes, in all the ways in which libraries record them."""
    waiting, seen = [problem], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        further = (
            one.__cause__,
            one.__context__,
            getattr(one, "os_error", None),
            getattr(one, "certificate_error", None),
        )
        waiting.extend(cause for cause in further if isinstance(cause, BaseException))
