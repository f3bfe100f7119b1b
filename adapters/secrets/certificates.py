"""Certificates for names inside an environment, signed by an authority that is the environment's own.

The authority vouches for this environment and nothing else: whoever checks the environment trusts it there, and nobody
installs it in a system. Its private key never leaves Baton's directory. X.509 as RFC 5280 and CA/Browser clients want it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LASTS: Final = timedelta(days=3650)
LASTS: Final = timedelta(days=397)  # the longest that browsers accept
RENEWED: Final = timedelta(days=60)  # before its end a certificate is made anew
_CLOCKS_DIFFER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, repr=False)
class Authority:
    """A private key and the certificate that says what it may sign, as PEM."""

    key: str
    certificate: str


def make_authority(name: str, now: datetime) -> Authority:
    """A new authority; `name` is what people read in its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _builder(subject, subject, key.public_key(), now, AUTHORITY_LASTS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(_key_text(key), _text(builder.sign(key, hashes.SHA256())))


def issue(authority: Authority, names: Sequence[str], now: datetime) -> str:
    """A new private key and its certificate for DNS names and IP addresses, as PEM texts one after the other."""
    signer = serialization.load_pem_private_key(authority.key.encode(), None)
    above = x509.load_pem_x509_certificate(authority.certificate.encode())
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(names[0][:64]), above.subject, key.public_key(), now, LASTS)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return _key_text(key) + _text(builder.sign(signer, hashes.SHA256()))


def good(bundle: str, authority: Authority, now: datetime) -> bool:
    """Whether a bundle that `issue` gave is of this authority and has time left."""
    certificate = x509.load_pem_x509_certificate(bundle[bundle.index("-----BEGIN CERTIFICATE") :].encode())
    above = x509.load_pem_x509_certificate(authority.certificate.encode())
    try:
        certificate.verify_directly_issued_by(above)
    except Exception:  # whatever is wrong with it, another one is right
        return False
    return certificate.not_valid_after_utc - now > RENEWED


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _CLOCKS_DIFFER).not_valid_after(now + lasts)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
