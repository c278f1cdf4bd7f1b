"""Tokens: signatures by every algorithm, keys bound to their algorithms, claims, and what is remembered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from integratedb_companion.api import keys
from integratedb_companion.api.keys import Key, UnusableKeyError
from integratedb_companion.api.role_claim import RoleClaim
from integratedb_companion.api.tokens import Rules, TokenError, Tokens, UnknownKeyError

NOW_S = 1_800_000_000
SECRET = "a secret of at least sixty-four bytes, so that no algorithm finds it short"
RSA_KEY = rsa.generate_private_key(65537, 2048)
PRIVATE: dict[str, Any] = {
    **dict.fromkeys(("HS256", "HS384", "HS512"), SECRET),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSA_KEY),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(private: Any) -> str:
    """Write the public key of a private one."""
    written: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return written.decode()


def jwk(algorithm: str, **more: Any) -> dict[str, Any]:
    """Write the key that verifies an algorithm as a JWK."""
    if algorithm.startswith("HS"):
        return {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode(), **more}
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(PRIVATE[algorithm].public_key())
    return {**(json.loads(made) if isinstance(made, str) else made), **more}


def rules(**changed: Any) -> Rules:
    given = {"role_claim": RoleClaim.parse("$.role"), "audience": None, "issuer": None, "needs_expiry": True}
    return Rules(**{**given, "anonymous": None, **changed})


def verifying(*given: Key, remembered: int = 10, now_s: float = NOW_S, **changed: Any) -> Tokens:
    return Tokens(rules(**changed), given, remembered, lambda: now_s)


def token(algorithm: str = "HS256", key: Any = None, headers: dict[str, Any] | None = None, **claims: Any) -> bytes:
    content = {"role": "app_user", "exp": NOW_S + 60, **claims}
    content = {name: value for name, value in content.items() if value is not None}
    made = jwt.api_jws.encode(json.dumps(content).encode(), key or PRIVATE[algorithm], algorithm, headers)
    return made.encode()


def refusal(tokens: Tokens, sent: bytes) -> TokenError:
    with pytest.raises(TokenError) as caught:
        tokens.verify(sent)
    return caught.value


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_every_algorithm_verifies_by_its_jwk_and_not_by_another_one(algorithm: str) -> None:
    right = verifying(*keys.read(json.dumps(jwk(algorithm))))
    assert right.verify(token(algorithm)).role == "app_user"
    others = {
        "HS": "x" * 70,
        "RS": rsa.generate_private_key(65537, 2048),
        "PS": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
        "ES512": ec.generate_private_key(ec.SECP521R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    other = others.get(algorithm) or others[algorithm[:2]]
    assert refusal(right, token(algorithm, other)).code == "PGRST301"
    changed = bytearray(token(algorithm))
    changed[-10] ^= 1
    assert refusal(right, bytes(changed)).code == "PGRST301"


@pytest.mark.parametrize("algorithm", [one for one in PRIVATE if not one.startswith("HS")])
def test_public_keys_in_pem_verify_and_are_never_secrets_of_an_hmac(algorithm: str) -> None:
    text = pem(PRIVATE[algorithm])
    tokens = verifying(*keys.read(text))
    assert tokens.verify(token(algorithm)).role == "app_user"
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=")
    claims = base64.urlsafe_b64encode(json.dumps({"role": "x", "exp": NOW_S + 60}).encode()).rstrip(b"=")
    signature = hmac.new(text.encode(), head + b"." + claims, hashlib.sha256).digest()
    forged = b".".join([head, claims, base64.urlsafe_b64encode(signature).rstrip(b"=")])
    assert refusal(tokens, forged).message == "Wrong or unsupported encoding algorithm"


def test_ed448_verifies() -> None:
    private = ed448.Ed448PrivateKey.generate()
    assert verifying(*keys.read(pem(private))).verify(token("EdDSA", private)).role == "app_user"


def test_the_algorithm_none_is_refused() -> None:
    tokens = verifying(*keys.read(SECRET))
    claims = base64.urlsafe_b64encode(json.dumps({"role": "x", "exp": NOW_S + 60}).encode()).rstrip(b"=")
    for name in (b"none", b"None", b"NONE"):
        head = base64.urlsafe_b64encode(b'{"alg":"' + name + b'"}').rstrip(b"=")
        assert refusal(tokens, head + b"." + claims + b".").code == "PGRST301"


def test_a_jwk_that_names_an_algorithm_verifies_no_other() -> None:
    tokens = verifying(*keys.read(json.dumps(jwk("RS256", alg="RS256"))))
    assert tokens.verify(token("RS256")).role == "app_user"
    assert refusal(tokens, token("RS512")).code == "PGRST301"
    with pytest.raises(UnusableKeyError):
        keys.read(json.dumps(jwk("RS256", alg="ES256")))


def test_a_set_has_keys_by_their_names_and_leaves_out_what_cannot_verify() -> None:
    members = [
        jwk("RS256", kid="r"),
        jwk("ES256", kid="e"),
        jwk("HS256", kid="h"),
        {"kty": "new"},
        jwk("ES384", use="enc"),
    ]
    tokens = verifying(*keys.read(json.dumps({"keys": members})))
    for algorithm, kid in (("RS256", "r"), ("ES256", "e"), ("HS256", "h")):
        assert tokens.verify(token(algorithm, headers={"kid": kid})).role == "app_user"
        assert tokens.verify(token(algorithm)).role == "app_user"
    assert refusal(tokens, token("RS256", headers={"kid": "e"})).code == "PGRST301"
    with pytest.raises(UnknownKeyError):
        tokens.verify(token("RS256", headers={"kid": "unheard of"}))
    with pytest.raises(UnusableKeyError):
        keys.read('{"keys": []}')


@pytest.mark.parametrize("text", ["short", "{}", '{"kty": "oct", "k": "c2hvcnQ"}', "{", "-----BEGIN PUBLIC KEY-----"])
def test_unusable_keys_are_refused(text: str) -> None:
    with pytest.raises(UnusableKeyError):
        keys.read(text)


def test_a_secret_in_base64_is_decoded() -> None:
    text = base64.b64encode(SECRET.encode()).decode()
    assert verifying(*keys.read(text, is_base64=True)).verify(token()).role == "app_user"
    with pytest.raises(UnusableKeyError):
        keys.read("no base64 at all, but long enough to be a secret!", is_base64=True)


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"exp": NOW_S - 31}, "JWT expired"),
        ({"nbf": NOW_S + 31}, "JWT not yet valid"),
        ({"iat": NOW_S + 31}, "JWT issued at future"),
        ({"exp": str(NOW_S + 60)}, "The JWT 'exp' claim must be a number"),
        ({"nbf": True}, "The JWT 'nbf' claim must be a number"),
        ({"iat": [1]}, "The JWT 'iat' claim must be a number"),
        ({"exp": None}, "The JWT has no 'exp' claim"),
        ({"aud": 5}, "The JWT 'aud' claim must be a string or an array of strings"),
        ({"aud": "other"}, "JWT not in audience"),
        ({"aud": ["other"]}, "JWT not in audience"),
        ({"aud": None}, "JWT not in audience"),
        ({"iss": "other"}, "JWT not of the issuer"),
    ],
)
def test_claims_that_do_not_hold_are_pgrst303(claims: dict[str, Any], message: str) -> None:
    tokens = verifying(*keys.read(SECRET), audience="me", issuer="us")
    problem = refusal(tokens, token(**{"aud": "me", "iss": "us", **claims}))
    assert (problem.code, problem.message) == ("PGRST303", message)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_times_may_be_numbers_of_any_size(name: str) -> None:
    far: dict[str, Any] = {"exp": NOW_S + 60, name: 10**400 if name == "exp" else -(10**400)}
    assert verifying(*keys.read(SECRET)).verify(token(**far)).role == "app_user"


def test_clocks_may_differ_by_thirty_seconds() -> None:
    tokens = verifying(*keys.read(SECRET), audience="me", issuer="us")
    assert (
        tokens.verify(token(exp=NOW_S - 29, nbf=NOW_S + 29, iat=NOW_S + 29, aud=["x", "me"], iss="us")).role
        == "app_user"
    )


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "Empty JWT is sent in Authorization header"),
        (b"a.b", "Expected 3 parts in JWT; got 2"),
        (b"a.b.c", "JWT cryptographic operation failed"),
        (b"\xff.\xff.\xff", "JWT cryptographic operation failed"),
        (b"a" * 20_000, "The JWT is longer than 16384 bytes"),
    ],
)
def test_what_is_no_token_is_pgrst301(sent: bytes, message: str) -> None:
    problem = refusal(verifying(*keys.read(SECRET)), sent)
    assert (problem.code, problem.message) == ("PGRST301", message)


def test_without_a_role_the_token_is_anonymous_or_refused() -> None:
    assert verifying(*keys.read(SECRET), anonymous="web_anon").verify(token(role=None)).role == "web_anon"
    assert refusal(verifying(*keys.read(SECRET)), token(role=None)).code == "PGRST302"
    assert refusal(verifying(), token()).code == "PGRST300"


def test_each_claim_in_lower_case_is_a_setting() -> None:
    odd: dict[str, Any] = {"https://x/y": 1, "q.r": 1}
    sent = token(sub="ann", Sub="eve", level=3, tags=["a"], deep={"b": 1}, nothing=None, **odd)
    settings = dict(verifying(*keys.read(SECRET)).verify(sent).settings)
    assert json.loads(settings.pop(b"request.jwt.claims"))["Sub"] == "eve"
    assert settings == {
        b"request.jwt.claim.role": b"app_user",
        b"request.jwt.claim.exp": str(NOW_S + 60).encode(),
        b"request.jwt.claim.sub": b"ann",
        b"request.jwt.claim.level": b"3",
        b"request.jwt.claim.tags": b'["a"]',
        b"request.jwt.claim.deep": b'{"b":1}',
    }


def test_claims_that_postgres_cannot_store_are_refused() -> None:
    tokens = verifying(*keys.read(SECRET))
    for value in ("a\0b", "\ud800"):
        assert refusal(tokens, token(sub=value)).code == "PGRST303"


def test_verified_tokens_are_remembered_until_they_expire_or_their_key_goes() -> None:
    now_s = [float(NOW_S)]
    tokens = Tokens(rules(), (), 2, lambda: now_s[0])
    tokens.replace_fetched(keys.read(SECRET))
    first = tokens.verify(token(sub="1"))
    assert tokens.verify(token(sub="1")) is first
    for name in ("2", "3"):
        tokens.verify(token(sub=name))
    assert tokens.verify(token(sub="1")) is not first, "only the last two are remembered"
    now_s[0] += 91
    assert refusal(tokens, token(sub="1")).message == "JWT expired"
    now_s[0] -= 91
    tokens.verify(token(sub="1"))
    tokens.replace_fetched(keys.read("x" * 40))
    assert refusal(tokens, token(sub="1")).code == "PGRST301"


def test_tokens_of_the_service_name_the_role_whatever_the_path() -> None:
    own = Key(("HS256",), b"o" * 32, "own", is_own=True)
    tokens = verifying(own, *keys.read(SECRET), audience="me", role_claim=RoleClaim.parse("$.app.role"))
    assert tokens.verify(token("HS256", b"o" * 32, {"kid": "own"})).role == "app_user"
    assert refusal(tokens, token("HS256", SECRET, {"kid": "own"})).message == "JWT not in audience"
