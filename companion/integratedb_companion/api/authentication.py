"""Finds out who is asking, before a body is read."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

import orjson

from .messages import Request
from .tokens import Caller, TokenError, Tokens, UnknownKeyError


class Source(Protocol):
    """Where keys come from, of which there may be others by now."""

    async def refresh(self) -> bool:
        """Read the keys, at a bounded rate; return whether there may be others."""


class Authentication:
    """Takes the token of a request for its caller."""

    def __init__(self, tokens: Tokens, sources: Sequence[Source], anonymous: str | None) -> None:
        self._tokens = tokens
        self._sources = sources
        self._anonymous = None if anonymous is None else _anonymous(anonymous)

    async def caller(self, request: Request) -> Caller:
        """Return who sends a request. Error: TokenError."""
        token = bearer(request.header(b"authorization"))
        if token is None:
            if self._anonymous is None:
                raise TokenError("PGRST302", "Anonymous access is disabled")
            return self._anonymous
        try:
            return self._tokens.verify(token)
        except UnknownKeyError as unknown:
            for source in self._sources:
                if await source.refresh():
                    with contextlib.suppress(UnknownKeyError):
                        return self._tokens.verify(token)
            raise unknown from None


def bearer(header: str | None) -> bytes | None:
    """Return the token of an Authorization header; None where there is none, or the scheme is another one."""
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    return token.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else None


def _anonymous(role: str) -> Caller:
    claims = orjson.dumps({"role": role})
    return Caller(role, is_anonymous=True, settings=((b"request.jwt.claims", claims),))
