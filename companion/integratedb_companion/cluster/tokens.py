"""Makes and reads the one-time tokens by which a node joins."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "idbjoin1"
FORM: Final = re.compile(rf"{PREFIX}\.(?P<secret>[A-Za-z0-9_-]{{43}})\.(?P<pin>[A-Za-z0-9_-]{{43}})")
DURATION: Final = re.compile(r"([1-9][0-9]{0,5}) ?(s|min|h)")
LONGEST_S: Final = 24 * 3600


class TokenError(ValueError):
    """The text is not a token."""


@dataclass(frozen=True)
class Token:
    """A secret that the agents know the hash of, and the fingerprint of the authority that the agents prove to have."""

    secret: str
    pin: bytes

    @classmethod
    def draw(cls, pin: bytes) -> Token:
        """Make a new one."""
        return cls(secrets.token_urlsafe(32), pin)

    @classmethod
    def read(cls, text: str) -> Token:
        """Read a token that somebody has pasted. Error: TokenError, which does not repeat it."""
        match = FORM.fullmatch(text.strip())
        if match is None:
            raise TokenError("this is not a token of integratedb cluster token")
        return cls(match["secret"], base64.urlsafe_b64decode(f"{match['pin']}="))

    def __str__(self) -> str:
        return f"{PREFIX}.{self.secret}.{base64.urlsafe_b64encode(self.pin).decode().rstrip('=')}"

    def __repr__(self) -> str:
        return "Token(...)"


def hashed(secret: str) -> str:
    """Return what is stored of a secret; it has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def duration_s(text: str) -> int:
    """Read how long a token is valid. Error: TokenError."""
    match = DURATION.fullmatch(text)
    seconds = int(match[1]) * {"s": 1, "min": 60, "h": 3600}[match[2]] if match else 0
    if not 0 < seconds <= LONGEST_S:
        raise TokenError(f"{text!a} is not a time such as 30min or 1h, at most 24h")
    return seconds
