"""Certificates by an authority of the environment's own, as real TLS clients judge them."""

import json
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.secrets import SecretMissing, Secrets
from adapters.secrets.certificates import LASTS, RENEWED
from lifecycle.environment import EnvironmentRef

DEV = EnvironmentRef("shop", "dev")
PROD = EnvironmentRef("shop", "prod")
NOW = datetime.now(UTC)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path / "secrets", now=lambda: NOW)


def shake_hands(bundle: str, ca: str, name: str, folder: Path) -> None:
    """A TLS handshake in memory, chain and name checked. Raises ssl.SSLError."""
    (folder / "bundle.pem").write_text(bundle)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "bundle.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = ssl.create_default_context(cadata=ca).wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("name", ["shop.example.com", "www.example.com"])
def test_a_client_that_trusts_the_authority_accepts_every_name(secrets: Secrets, name: str, tmp_path: Path) -> None:
    bundle = secrets.resolve(DEV, "certificate", "certificate:shop.example.com,www.example.com")
    shake_hands(bundle, secrets.kept.authority(DEV), name, tmp_path)


def test_another_name_is_refused(secrets: Secrets, tmp_path: Path) -> None:
    bundle = secrets.resolve(DEV, "certificate", "certificate:shop.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        shake_hands(bundle, secrets.kept.authority(DEV), "other.example.com", tmp_path)


def test_the_authority_of_another_environment_vouches_for_nothing_here(secrets: Secrets, tmp_path: Path) -> None:
    bundle = secrets.resolve(DEV, "certificate", "certificate:shop.example.com")
    assert secrets.kept.authority(PROD) != secrets.kept.authority(DEV)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(bundle, secrets.kept.authority(PROD), "shop.example.com", tmp_path)


def test_it_is_made_once_and_anew_when_its_time_is_nearly_over(tmp_path: Path) -> None:
    def at(now: datetime) -> str:
        return Secrets(tmp_path / "s", now=lambda: now).resolve(DEV, "tls", "certificate:shop.example.com")

    first = at(NOW)
    assert at(NOW + LASTS - RENEWED - timedelta(days=1)) == first
    renewed = at(NOW + LASTS - RENEWED + timedelta(days=1))
    assert renewed != first
    assert at(NOW + LASTS - RENEWED + timedelta(days=2)) == renewed


def test_other_names_need_another_certificate(secrets: Secrets) -> None:
    first = secrets.resolve(DEV, "tls", "certificate:shop.example.com")
    assert secrets.resolve(DEV, "tls", "certificate:shop.example.org") != first


def test_its_keys_are_private_learnt_and_forgotten_with_the_environment(tmp_path: Path) -> None:
    heard: list[str] = []
    secrets = Secrets(tmp_path / "s", learn=heard.append)
    bundle = secrets.resolve(DEV, "tls", "certificate:shop.example.com")
    folder = tmp_path / "s" / "shop" / "dev"
    key = json.loads((folder / "authority.json").read_text())["key"]
    assert {bundle, key} <= set(heard)
    assert (folder / "ca.pem").read_text() == secrets.kept.authority(DEV)
    assert "PRIVATE" not in secrets.kept.authority(DEV)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    secrets.forget(DEV)
    assert not folder.exists()


def test_a_broken_authority_is_not_replaced(secrets: Secrets, tmp_path: Path) -> None:
    secrets.kept.authority(DEV)
    (tmp_path / "secrets" / "shop" / "dev" / "authority.json").write_text("{")
    with pytest.raises(SecretMissing, match="cannot be read"):
        secrets.resolve(DEV, "tls", "certificate:shop.example.com")
