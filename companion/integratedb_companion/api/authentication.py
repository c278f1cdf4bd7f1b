"""Finds out who is asking, before a body is read."""

from __future__ import annotations

import orjson

from .key_sets import KeySet
from .messages import Request
from .tokens import Caller, TokenError, Tokens, UnknownKeyError


class Authentication:
    """Takes the token of a request for its caller."""

    def __init__(self, tokens: Tokens, key_set: KeySet | None, anonymous: str | None) -> None:
        self._tokens = tokens
        self._key_set = key_set
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
        if self._key_set is None or not await self._key_set.refresh():
            raise problem
        return self.caller(request)


def _anonymous(role: str) -> Caller:
    claims = orjson.dumps({"role": role})
    return Caller(role, is_anonymous=True, settings=((b"request.jwt.claims", claims),))
