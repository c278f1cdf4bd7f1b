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

    def caller(self, request: Request) -> Caller:
        """Return who sends a request. Errors: TokenError; UnknownKeyError, where refreshed() may know more."""
        token = request.head.bearer
        if token is not None:
            return self._tokens.verify(token)
        if self._anonymous is None:
            raise TokenError("PGRST302", "Anonymous access is disabled")
        return self._anonymous

    async def refreshed(self, request: Request, problem: UnknownKeyError) -> Caller:
        """Return who sends a request, by keys that are fetched now. Error: TokenError."""
        for source in self._sources:
            if await source.refresh():
                with contextlib.suppress(UnknownKeyError):
                    return self.caller(request)
        raise problem


def _anonymous(role: str) -> Caller:
    claims = orjson.dumps({"role": role})
    return Caller(role, is_anonymous=True, settings=((b"request.jwt.claims", claims),))
