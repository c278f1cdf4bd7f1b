"""The passwords of stakeholders and their verifiers, against the example of RFC 7677."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import pytest

from integratedb.scram import generate_password, scram_sha_256_verifier

# RFC 7677 section 3: user "user", password "pencil".
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
AUTH_MESSAGE = (
    b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
CLIENT_PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_verifier_verifies_the_example_of_the_rfc() -> None:
    verifier = scram_sha_256_verifier("pencil", salt=base64.b64decode(SALT))
    found = re.fullmatch(r"SCRAM-SHA-256\$4096:([^$]+)\$([^:]+):(.+)", verifier)
    assert found is not None
    assert found[1] == SALT
    stored_key, server_key = base64.b64decode(found[2]), base64.b64decode(found[3])
    assert base64.b64encode(hmac.digest(server_key, AUTH_MESSAGE, "sha256")).decode() == SERVER_SIGNATURE
    signature = hmac.digest(stored_key, AUTH_MESSAGE, "sha256")
    client_key = bytes(a ^ b for a, b in zip(base64.b64decode(CLIENT_PROOF), signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key


def test_each_verifier_has_a_salt_of_its_own() -> None:
    assert scram_sha_256_verifier("pencil") != scram_sha_256_verifier("pencil")


@pytest.mark.parametrize("password", ["", "größe", "a\0", "a\n"])
def test_a_password_that_saslprep_would_change_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        scram_sha_256_verifier(password)


def test_a_salt_is_as_long_as_those_of_postgres() -> None:
    salt = scram_sha_256_verifier("pencil").split("$")[1].split(":")[1]
    assert len(base64.b64decode(salt)) == 16


def test_a_password_is_long_random_and_needs_no_escaping() -> None:
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{24,}", password) for password in passwords)
