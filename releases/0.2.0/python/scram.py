"""Passwords of stakeholders and the verifiers that Postgres stores in their place (RFC 5802, RFC 7677)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


def generate_password() -> str:
    """32 characters that need no escaping in a connection URI or in SQL: 192 random bits."""
    return secrets.token_urlsafe(24)


def scram_sha_256_verifier(password: str, *, salt: bytes | None = None, iterations: int = 4096) -> str:
    """``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``, as pg_authid.rolpassword holds it.

    RFC 5802 section 3 names the keys. Only printable ASCII: SASLprep (RFC 4013) leaves that as it is.
    """
    if not (password and password.isascii() and password.isprintable()):
        raise ValueError("only passwords of printable ASCII characters")
    salt = secrets.token_bytes(16) if salt is None else salt
    salted_password = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted_password, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted_password, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
