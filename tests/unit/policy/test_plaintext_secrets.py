"""What looks random and is no secret: each new key looks different, so many are tried."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lifecycle.policy.rules.secrets import kinds

MANY = 100


def ssh_key(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + " ops@example.com"


def public_key(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def certificate(key: Ed25519PrivateKey) -> str:
    name, now = x509.Name.from_rfc4514_string("CN=shop.example.com"), datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    return builder.sign(key, algorithm=None).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("public", [ssh_key, public_key, certificate])
def test_what_everybody_may_know_is_no_secret(public: Callable[[Ed25519PrivateKey], str]) -> None:
    texts = [f"content: |\n  {public(Ed25519PrivateKey.generate())}\nend" for _ in range(MANY)]
    assert {kind for text in texts for kind in kinds(text)} == set()


def test_a_private_key_beside_a_certificate_is_one() -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert "a private key" in set(kinds(certificate(key) + private))


def test_digests_with_the_name_of_their_algorithm_are_none() -> None:
    assert set(kinds("sha256-kJ8sD2fQpZ7xVb3nM5tR9wYc1LhGaE4uT6oB0iXqHvU=")) == set()
    assert set(kinds("kJ8sD2fQpZ7xVb3nM5tR9wYc1LhGaE4uT6oB0iXqHvU=")) == {"what looks like a random key"}
