"""Reads the keys that verify tokens; each key is bound to the algorithms of its own type. Pure.

A public key is never used as the secret of an HMAC, and the algorithm none does not exist here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

HMAC: Final = ("HS256", "HS384", "HS512")
RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
#: RFC 7518 asks for a secret as long as the hash. Shorter ones can be guessed from one token.
MIN_SECRET_BYTES: Final = 32
MIN_RSA_BITS: Final = 2048
#: Of a JWK set. A token that names no key is verified by each one.
MOST_KEYS: Final = 100


class UnusableKeyError(ValueError):
    """The key cannot be used; the text contains nothing of it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the algorithms that it verifies."""

    algorithms: tuple[str, ...]
    material: Any
    kid: str | None = None
    #: Whether it is the key of this service, whose tokens always name the role in the claim role.
    is_own: bool = False


def read(text: str, *, is_base64: bool = False) -> tuple[Key, ...]:
    """Read a secret, a JWK, a JWK set or a public key in PEM. Error: UnusableKeyError."""
    stripped = text.strip()
    if stripped.startswith("{"):
        try:
            document = json.loads(stripped)
        except ValueError:
            raise UnusableKeyError("it begins like a JWK, and is not JSON") from None
        return read_document(document)
    if stripped.startswith("-----BEGIN"):
        return (_pem(stripped),)
    if is_base64:
        try:
            secret = base64.b64decode(stripped.replace("-", "+").replace("_", "/").replace(".", "="), validate=True)
        except (binascii.Error, ValueError):
            raise UnusableKeyError("it is not base64") from None
    else:
        secret = text.encode()
    return (_secret(secret, HMAC, None),)


def read_all(texts: Iterable[str], *, is_base64: bool = False) -> list[Key]:
    """Read several. Error: UnusableKeyError."""
    return [key for text in texts for key in read(text, is_base64=is_base64)]


def read_document(document: Any) -> tuple[Key, ...]:
    """Read a JWK, or a JWK set, of which unusable keys are left out. Error: UnusableKeyError, when none is left."""
    if isinstance(document, Mapping) and "keys" in document:
        members = document["keys"]
        keys = tuple(_usable(members if isinstance(members, list) else []))
        if not keys:
            raise UnusableKeyError("the JWK set has no key that can verify tokens")
        return keys
    return (_jwk(document),)


def _usable(members: Iterable[Any]) -> Iterable[Key]:
    for member in islice(members, MOST_KEYS):
        try:
            yield _jwk(member)
        except UnusableKeyError:
            continue


def _jwk(jwk: Any) -> Key:
    if not isinstance(jwk, Mapping):
        raise UnusableKeyError("it is not a JWK")
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        raise UnusableKeyError("the JWK is not for verifying signatures")
    kid = jwk.get("kid")
    kid = kid if isinstance(kid, str) else None
    if jwk.get("kty") == "oct":
        try:
            secret = base64.urlsafe_b64decode(str(jwk["k"]) + "==")
        except (LookupError, ValueError):
            raise UnusableKeyError("the JWK has no usable member k") from None
        key = _secret(secret, HMAC, kid)
    else:
        # The public members alone are read: a private JWK verifies like the public one.
        public = {name: value for name, value in jwk.items() if name in ("kty", "crv", "x", "y", "n", "e")}
        try:
            material = jwt.PyJWK.from_dict(public, algorithm=_algorithm_of(public)).key
        except (jwt.PyJWTError, ValueError, TypeError, LookupError, AttributeError, UnsupportedAlgorithm):
            raise UnusableKeyError("the JWK cannot be used") from None
        key = _public(material, kid)
    named = jwk.get("alg")
    if named is None:
        return key
    if named not in key.algorithms:
        raise UnusableKeyError("the JWK names an algorithm that is not of its type")
    return Key((str(named),), key.material, kid)


def _algorithm_of(jwk: Mapping[str, Any]) -> str:
    kinds = {"RSA": "RS256", "OKP": "EdDSA"}
    curves = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
    try:
        return kinds.get(str(jwk["kty"])) or curves[str(jwk.get("crv"))]
    except LookupError:
        raise UnusableKeyError("the JWK is of an unknown type") from None


def _pem(text: str) -> Key:
    try:
        if "BEGIN CERTIFICATE" in text:
            return _public(load_pem_x509_certificate(text.encode()).public_key(), None)
        return _public(load_pem_public_key(text.encode()), None)
    except ValueError:
        raise UnusableKeyError("it is not a public key in PEM") from None


def _secret(secret: bytes, algorithms: tuple[str, ...], kid: str | None) -> Key:
    if len(secret) < MIN_SECRET_BYTES:
        raise UnusableKeyError(f"a secret has at least {MIN_SECRET_BYTES} bytes; openssl rand -base64 32 prints one")
    if b"-----BEGIN" in secret:
        raise UnusableKeyError("a public key is no secret")
    return Key(algorithms, secret, kid)


def _public(material: Any, kid: str | None) -> Key:
    if isinstance(material, RSAPublicKey):
        if material.key_size < MIN_RSA_BITS:
            raise UnusableKeyError(f"an RSA key has at least {MIN_RSA_BITS} bits")
        return Key(RSA, material, kid)
    if isinstance(material, EllipticCurvePublicKey) and material.curve.name in CURVES:
        return Key((CURVES[material.curve.name],), material, kid)
    if isinstance(material, Ed25519PublicKey | Ed448PublicKey):
        return Key(("EdDSA",), material, kid)
    raise UnusableKeyError("keys are RSA, EC with the curves P-256, P-384 and P-521, Ed25519, Ed448, or a secret")
