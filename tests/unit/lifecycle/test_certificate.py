"""The certificate as a value and as a file."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters import certificates
from lifecycle.certificate import Certificate, CertificateInvalid, Look, checked, digest_of, read
from lifecycle.environment import EnvironmentRef
from lifecycle.ledger import Draft, LedgerEntry, append
from lifecycle.report.words import certificate_text

REF = EnvironmentRef("shop", "dev")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def first_entry() -> LedgerEntry:
    return append(Draft("baton.environment.phase", str(REF), NOW), head=None, event_id="1", source="baton")


def certificate() -> Certificate:
    return Certificate(
        str(REF),
        7,
        "aws",
        NOW,
        "ada on laptop (process 1)",
        "1.0",
        (1, first_entry().hash),
        (Look("state of stack web"), Look("host ä at 10.0.0.1")),
        ("DNS records",),
    )


def ledger(one: Certificate) -> list[LedgerEntry]:
    data = {"run": one.run, "step": f"prove:{REF}", "status": "ok", "certificate": one.digest}
    first = first_entry()
    draft = Draft("baton.step.finished", str(REF), NOW, data)
    return [first, append(draft, head=(1, first.hash), event_id="2", source="baton")]


def test_what_is_written_is_what_is_read() -> None:
    assert read(certificate().text) == certificate()
    assert checked(certificate().text, REF, 7, ledger(certificate())) == certificate()


@pytest.mark.parametrize("looks", [(), (Look("the cloud", ("instance i-1 still exists",)),)])
def test_what_proves_nothing_cannot_be_a_certificate(looks: tuple[Look, ...]) -> None:
    with pytest.raises(ValueError, match="found nothing"):
        replace(certificate(), looks=looks)


@pytest.mark.parametrize(
    "elsewhere", [{"environment": "shop/prod"}, {"run": 8}, {"ledger": (1, "0" * 64)}, {"ledger": (0, "0" * 64)}]
)
def test_a_certificate_that_the_ledger_tells_of_in_another_place_is_told(elsewhere: dict[str, object]) -> None:
    other = replace(certificate(), **elsewhere)  # type: ignore[arg-type]
    data = {"run": 7, "step": f"prove:{REF}", "status": "ok", "certificate": other.digest}
    first = first_entry()
    entry = append(
        Draft("baton.step.finished", str(REF), NOW, data), head=(1, first.hash), event_id="2", source="baton"
    )
    with pytest.raises(CertificateInvalid, match="belongs somewhere else"):
        checked(other.text, REF, 7, [first, entry])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', "nothing"])
def test_a_text_that_is_no_certificate_is_told(text: str) -> None:
    with pytest.raises(CertificateInvalid, match="no certificate"):
        read(text)


def test_the_file_is_for_its_owner_alone_and_its_checksum_is_the_digest(tmp_path: Path) -> None:
    certificates.directory(tmp_path, REF).mkdir(parents=True)
    path = certificates.keep(tmp_path, certificate())
    assert path == certificates.path_of(tmp_path, REF, 7)
    assert path.stat().st_mode & 0o777 == 0o600
    assert hashlib.sha256(path.read_bytes()).hexdigest() == certificate().digest == digest_of(certificate().text)
    assert list(path.parent.iterdir()) == [path]


def test_a_person_reads_every_place_and_everything_that_is_not_provable() -> None:
    text = "\n".join(certificate_text(certificate()))
    for words in ("state of stack web", "host ä at 10.0.0.1", "DNS records", "ada on laptop", certificate().digest):
        assert words in text
