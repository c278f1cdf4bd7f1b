"""Signs and checks what a service of the data API shows to the daemon, so that both trust only the database. Pure.

The service derives the secret from its own key, which the extension keeps. The daemon gets the derived secret only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

#: The scheme of the Authorization header.
SCHEME: Final = "Integratedb-Feed"
#: How far the clocks of both machines may differ, and how long a token on its way is accepted.
LIFETIME_S: Final = 60
_LABEL: Final = b"integratedb feed "


class FeedTokenError(Exception):
    """The header shows nothing that a service would."""


def secret_of(key: bytes) -> bytes:
    """Return the secret that integratedb.daemon_feed_keys() derives from a key, too."""
    return hashlib.sha256(_LABEL + key).digest()


def sign(key_id: str, secret: bytes, now_s: float) -> str:
    """Return the value of an Authorization header, for one connection."""
    signed = f"{key_id}.{int(now_s)}.{secrets.token_hex(16)}"
    return f"{SCHEME} {signed}.{_mac(secret, signed)}"


def key_of(header: str | None) -> str:
    """Return the name of the key that a header claims to be signed with. Error: FeedTokenError."""
    return _parts(header)[0]


def check(header: str | None, keys: Mapping[str, bytes], now_s: float) -> str:
    """Return the nonce of a header that one of these keys has signed. Error: FeedTokenError."""
    key_id, time, nonce, mac = _parts(header)
    secret = keys.get(key_id)
    if secret is None or not hmac.compare_digest(_mac(secret, f"{key_id}.{time}.{nonce}").encode(), mac.encode()):
        raise FeedTokenError
    if len(time) > 12 or not time.isdecimal() or abs(int(time) - now_s) > LIFETIME_S:
        raise FeedTokenError
    return nonce


def _mac(secret: bytes, signed: str) -> str:
    return hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()


def _parts(header: str | None) -> list[str]:
    scheme, _, token = (header or "").partition(" ")
    parts = token.split(".")
    if scheme != SCHEME or len(parts) != 4 or not token.isascii():
        raise FeedTokenError
    return parts
