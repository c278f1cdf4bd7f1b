"""Verifies the tokens of requests, and remembers the verified ones until they expire."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt

from .keys import Key
from .role_claim import RoleClaim

LEEWAY_S: Final = 30
#: Longer tokens do not fit into the headers of other servers either. The cache holds tokens of this size at most.
MAX_TOKEN_BYTES: Final = 16 << 10
#: More claims than this are in request.jwt.claims only.
MAX_CLAIM_SETTINGS: Final = 64

#: The claims are checked here, because the library also takes numbers in texts.
SIGNATURE_ONLY: Final[Any] = {"verify_signature": True}

_SETTING: Final = re.compile("[a-z_][a-z0-9_$]*")


class TokenError(Exception):
    """The token is refused; the code is PostgREST's, the message says why without repeating the token."""

    def __init__(self, code: str, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class UnknownKeyError(TokenError):
    """No key has the token's kid; a key set from a URL may have it by now."""

    def __init__(self) -> None:
        super().__init__("PGRST301", "No suitable key was found to decode the JWT")


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Who is asking: the role, and the settings of the transaction that tell policies of the token."""

    role: str
    is_anonymous: bool
    settings: tuple[tuple[bytes, bytes], ...]
    expires_at_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must satisfy beside its signature."""

    role_claim: RoleClaim
    audience: str | None
    issuer: str | None
    needs_expiry: bool
    #: The role of a token that names none; None refuses it.
    anonymous: str | None


def claim_settings(claims: Mapping[str, Any], text: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the settings request.jwt.claims and request.jwt.claim.<name>, one for each top-level claim.

    Postgres does not distinguish upper and lower case in names of settings. So only names in lower case become
    settings: a claim Sub never replaces the claim sub.
    """
    settings = [(b"request.jwt.claims", text.encode())]
    for name, value in claims.items():
        if len(settings) > MAX_CLAIM_SETTINGS:
            break
        if _SETTING.fullmatch(name) and value is not None:
            shown = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
            settings.append((f"request.jwt.claim.{name}".encode(), shown.encode()))
    return tuple(settings)


class Tokens:
    """Verifies tokens by the present keys."""

    def __init__(
        self, rules: Rules, keys: Sequence[Key], remembered: int, now: Callable[[], float] = time.time
    ) -> None:
        self._rules = rules
        self._fixed = tuple(keys)
        self._fetched: tuple[Key, ...] = ()
        self._remembered = remembered
        self._now = now
        self._verified: OrderedDict[bytes, Caller] = OrderedDict()

    @property
    def has_keys(self) -> bool:
        """Whether any token could be verified."""
        return bool(self._fixed or self._fetched)

    def replace_fetched(self, keys: Sequence[Key]) -> None:
        """Take over the keys of a key set by URL; tokens of keys that are gone are no longer valid."""
        self._fetched = tuple(keys)
        self._verified.clear()

    def verify(self, token: bytes) -> Caller:
        """Return who sends a token. Error: TokenError."""
        now_s = self._now()
        known = self._verified.get(token)
        if known is not None:
            if now_s < known.expires_at_s:
                self._verified.move_to_end(token)
                return known
            del self._verified[token]
        caller = self._check(token, now_s)
        if self._remembered and now_s < caller.expires_at_s:
            self._verified[token] = caller
            while len(self._verified) > self._remembered:
                self._verified.popitem(last=False)
        return caller

    def _check(self, token: bytes, now_s: float) -> Caller:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenError("PGRST301", f"The JWT is longer than {MAX_TOKEN_BYTES} bytes")
        if not token:
            raise TokenError("PGRST301", "Empty JWT is sent in Authorization header")
        if token.count(b".") != 2:
            raise TokenError("PGRST301", f"Expected 3 parts in JWT; got {token.count(b'.') + 1}")
        if not self.has_keys:
            raise TokenError("PGRST300", "Server lacks JWT secret")
        payload, key = self._payload(token)
        try:
            claims = json.loads(payload, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            claims = None
        if not isinstance(claims, dict):
            raise TokenError("PGRST303", "The JWT's claims are not a JSON object")
        if b"\\u0000" in payload or not _is_text(payload):
            raise TokenError("PGRST303", "The JWT's claims contain a character that Postgres cannot store")
        expires_at_s = self._check_times(claims, now_s)
        role: str | None
        if key.is_own:
            role = str(claims["role"])
        else:
            self._check_origin(claims)
            role = self._rules.role_claim.of(claims) or self._rules.anonymous
        if role is None:
            raise TokenError("PGRST302", "Anonymous access is disabled", "The JWT names no role")
        if "\0" in role:
            raise TokenError("PGRST303", "The JWT's role is none")
        text = json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
        return Caller(role, is_anonymous=False, settings=claim_settings(claims, text), expires_at_s=expires_at_s)

    def _payload(self, token: bytes) -> tuple[bytes, Key]:
        """Return the payload of a token whose signature is right, and the key that says so."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, UnicodeError, ValueError, RecursionError):
            raise TokenError("PGRST301", "JWT cryptographic operation failed") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        keys = (*self._fixed, *self._fetched)
        if header.get("crit") is not None:
            raise TokenError("PGRST301", "The JWT has critical extensions, which are not understood")
        # A key without a name may be meant by any token; a key with a name by tokens with the same, or without one.
        named = [key for key in keys if kid is None or key.kid is None or key.kid == kid]
        fitting = [key for key in named if algorithm in key.algorithms]
        if not fitting:
            if kid is not None and not any(key.kid == kid for key in keys):
                raise UnknownKeyError
            raise TokenError(
                "PGRST301",
                "Wrong or unsupported encoding algorithm" if named else "No suitable key was found to decode the JWT",
            )
        for key in fitting:
            try:
                payload = jwt.api_jws.decode(token, key.material, algorithms=[str(algorithm)], options=SIGNATURE_ONLY)
                return payload, key
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
        if kid is not None and not any(key.kid == kid for key in keys):
            raise UnknownKeyError
        raise TokenError("PGRST301", "JWT cryptographic operation failed", "The signature does not fit the JWT")

    def _check_times(self, claims: Mapping[str, Any], now_s: float) -> float:
        """Check the times; return when the token is no longer valid."""
        times = {}
        for name in ("exp", "nbf", "iat"):
            value = claims.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TokenError("PGRST303", f"The JWT '{name}' claim must be a number")
            times[name] = value  # of any size: a float would overflow
        if "exp" in times and now_s >= times["exp"] + LEEWAY_S:
            raise TokenError("PGRST303", "JWT expired")
        if "exp" not in times and self._rules.needs_expiry:
            raise TokenError("PGRST303", "The JWT has no 'exp' claim")
        if "nbf" in times and now_s < times["nbf"] - LEEWAY_S:
            raise TokenError("PGRST303", "JWT not yet valid")
        if "iat" in times and now_s < times["iat"] - LEEWAY_S:
            raise TokenError("PGRST303", "JWT issued at future")
        return times["exp"] + LEEWAY_S if "exp" in times else float("inf")

    def _check_origin(self, claims: Mapping[str, Any]) -> None:
        """Check the issuer and the audience."""
        if self._rules.issuer is not None and claims.get("iss") != self._rules.issuer:
            raise TokenError("PGRST303", "JWT not of the issuer")
        audience = claims.get("aud")
        listed = audience if isinstance(audience, list) else [] if audience is None else [audience]
        if not all(isinstance(one, str) for one in listed):
            raise TokenError("PGRST303", "The JWT 'aud' claim must be a string or an array of strings")
        if self._rules.audience is not None and self._rules.audience not in listed:
            raise TokenError("PGRST303", "JWT not in audience")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _is_text(payload: bytes) -> bool:
    try:
        json.dumps(json.loads(payload), ensure_ascii=False).encode()
    except (UnicodeError, RecursionError):
        return False
    return True
