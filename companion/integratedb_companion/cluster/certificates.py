"""Makes the certificate authority of a cluster, and signs the certificates of its nodes."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Nothing renews them yet, so they last as long as a machine does.
CA_DAYS, NODE_DAYS = 3650, 1825
#: Clocks of machines differ.
BACKDATED = datetime.timedelta(hours=1)


class CertificateError(ValueError):
    """A certificate or a request for one cannot be used."""


def new_key() -> bytes:
    """Make a private key, as PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def new_authority(cluster: str) -> tuple[bytes, bytes]:
    """Make an authority: its certificate and its key, as PEM."""
    key_pem = new_key()
    key = _private(key_pem)
    name = _name(f"IntegrateDB cluster {cluster}")
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key_pem


def request(key_pem: bytes, node: str) -> bytes:
    """Ask for a certificate, as PEM; the key stays on the node."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name(node))
        .sign(_private(key_pem), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def sign(request_pem: bytes, ca_pem: bytes, ca_key_pem: bytes, node: str, address: str) -> bytes:
    """Sign the certificate of a node, with the names that the authority decides. Error: CertificateError."""
    asked = _request(request_pem)
    ca = x509.load_pem_x509_certificate(ca_pem)
    ca_key = _private(ca_key_pem)
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(node), x509.DNSName("localhost")]
    # Connections within a machine come from there, and etcd compares the address of a peer.
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    try:
        addresses.append(ipaddress.ip_address(address))
    except ValueError:
        names.append(x509.DNSName(address))
    names += [x509.IPAddress(one) for one in dict.fromkeys(addresses)]
    return (
        x509.CertificateBuilder()
        .subject_name(_name(node))
        .issuer_name(ca.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + datetime.timedelta(days=NODE_DAYS), ca.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def _request(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        asked = x509.load_pem_x509_csr(pem)
        if not asked.is_signature_valid:
            raise CertificateError("the request for a certificate is not signed by its key")
    except (ValueError, TypeError, InvalidSignature) as problem:
        if isinstance(problem, CertificateError):
            raise
        raise CertificateError("the request for a certificate is not one") from None
    if not isinstance(asked.public_key(), ec.EllipticCurvePublicKey):
        raise CertificateError("the request for a certificate must have a key of an elliptic curve")
    return asked


def key_of_request(pem: bytes) -> str:
    """Return the SHA-256 of the public key in a request. Error: CertificateError."""
    encoded = (
        _request(pem)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return hashlib.sha256(encoded).hexdigest()


def fingerprint(pem: bytes) -> bytes:
    """Return the SHA-256 of a certificate. Error: CertificateError."""
    try:
        return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    except (ValueError, TypeError):
        raise CertificateError("not a certificate") from None


def expires(pem: bytes) -> datetime.datetime:
    """Return when a certificate ends."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def _private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("not a key of an elliptic curve")
    return key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not signs,
        encipher_only=False,
        decipher_only=False,
    )
