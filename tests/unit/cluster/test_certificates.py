"""The authority, the certificates of nodes, and the tokens of joins."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.cluster import certificates, tokens
from integratedb_companion.cluster.certificates import CertificateError
from integratedb_companion.cluster.tokens import Token, TokenError

CA, CA_KEY = certificates.new_authority("shop")


def signed(name: str = "a", address: str = "10.0.0.1") -> x509.Certificate:
    request = certificates.request(certificates.new_key(), name)
    return x509.load_pem_x509_certificate(certificates.sign(request, CA, CA_KEY, name, address))


def test_a_certificate_is_that_of_the_authority() -> None:
    signed().verify_directly_issued_by(x509.load_pem_x509_certificate(CA))


def test_a_certificate_serves_and_proves() -> None:
    usage = signed().extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_certificate_has_the_addresses_of_the_node() -> None:
    names = signed("b", "10.0.0.2").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1", "10.0.0.2"}
    assert names.get_values_for_type(x509.DNSName) == ["b", "localhost"]
    names = signed("b", "b.example.org").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "b.example.org" in names.get_values_for_type(x509.DNSName)


def test_the_authority_decides_about_the_names() -> None:
    """What the request asks for beside its key is not taken over."""
    key = ec.generate_private_key(ec.SECP256R1())
    greedy = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("other")]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    made = x509.load_pem_x509_certificate(certificates.sign(greedy, CA, CA_KEY, "b", "10.0.0.2"))
    assert made.subject.rfc4514_string() == "CN=b"
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "other" not in names.get_values_for_type(x509.DNSName)


def test_what_is_no_request_is_refused() -> None:
    for text in (b"", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", CA):
        with pytest.raises(CertificateError):
            certificates.sign(text, CA, CA_KEY, "b", "10.0.0.2")


def test_another_kind_of_key_is_refused() -> None:
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(rsa.generate_private_key(65537, 2048), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    with pytest.raises(CertificateError, match="elliptic curve"):
        certificates.key_of_request(request)


def test_requests_of_one_key_are_known_again() -> None:
    key, other = certificates.new_key(), certificates.new_key()
    first = certificates.key_of_request(certificates.request(key, "a"))
    assert first == certificates.key_of_request(certificates.request(key, "a"))
    assert first != certificates.key_of_request(certificates.request(other, "a"))


def test_a_token_is_read_as_it_was_written() -> None:
    token = Token.draw(certificates.fingerprint(CA))
    read = Token.read(f" {token}\n")
    assert (read.secret, read.pin) == (token.secret, token.pin)


def test_a_token_shows_nothing_in_a_traceback() -> None:
    token = Token.draw(b"x" * 32)
    assert token.secret not in repr(token)


@given(st.text(max_size=120))
def test_what_is_no_token_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(TokenError) as refusal:
        Token.read(text)
    assert len(text) < 10 or text not in str(refusal.value)


def test_the_hash_says_nothing_of_the_secret() -> None:
    token = Token.draw(b"x" * 32)
    assert token.secret not in tokens.hashed(token.secret)
    assert tokens.hashed(token.secret) != tokens.hashed(Token.draw(b"x" * 32).secret)


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("30min", 1800), ("1h", 3600), ("24h", 86400)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert tokens.duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "1", "25h", "1d", "-1h", "1 hour"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(TokenError, match="is not a time such as"):
        tokens.duration_s(text)
