"""The certificate of a teardown: what was looked at, and that nothing was there. Its digest is in the ledger.

The file is the canonical JSON text itself, so that `sha256sum` of it is the digest.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifecycle.digest import canonical
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.journal import Kind
from lifecycle.ledger import Broken, LedgerEntry, Unsealed, verify

FORMAT = "baton.certificate/1"


class CertificateInvalid(BatonError):
    """A certificate is not what was issued."""


@dataclass(frozen=True, slots=True)
class Look:
    """One place that was looked at, and what was found there. A look that failed has found that: it proves nothing."""

    place: str
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proof that an environment is gone, as far as it can be proven. One that names anything found cannot be made."""

    environment: str
    run: int
    cloud: str
    issued_at: datetime
    issued_by: str  # who held the environment's lock
    version: str  # Baton's
    ledger: tuple[int, str]  # (seq, hash) of the entry before the one that holds this certificate's digest
    looks: tuple[Look, ...]
    not_provable: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.looks or any(look.found for look in self.looks):
            raise ValueError("a certificate needs looks, and looks that found nothing")

    @property
    def document(self) -> dict[str, Any]:
        """The certificate as JSON values."""
        return {
            "format": FORMAT,
            "environment": self.environment,
            "run": self.run,
            "cloud": self.cloud,
            "issued_at": self.issued_at.isoformat(),
            "issued_by": self.issued_by,
            "baton": self.version,
            "ledger": {"seq": self.ledger[0], "hash": self.ledger[1]},
            "looked_at": [{"place": look.place, "found": list(look.found)} for look in self.looks],
            "not_provable": list(self.not_provable),
        }

    @property
    def text(self) -> str:
        """What is kept: canonical JSON."""
        return canonical(self.document)

    @property
    def digest(self) -> str:
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """SHA-256 of a certificate's text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def read(text: str) -> Certificate:
    """The certificate in a text. Raises CertificateInvalid where there is none."""
    try:
        value = json.loads(text)
        if value["format"] != FORMAT:
            raise ValueError(f"its format is {value['format']}")
        return Certificate(
            environment=value["environment"],
            run=value["run"],
            cloud=value["cloud"],
            issued_at=datetime.fromisoformat(value["issued_at"]),
            issued_by=value["issued_by"],
            version=value["baton"],
            ledger=(value["ledger"]["seq"], value["ledger"]["hash"]),
            looks=tuple(Look(look["place"], tuple(look["found"])) for look in value["looked_at"]),
            not_provable=tuple(value["not_provable"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CertificateInvalid(f"this is no certificate: {error}", hint=_TAMPERED) from None


def certified_runs(entries: Sequence[LedgerEntry]) -> dict[int, LedgerEntry]:
    """The entries of a chain that hold a certificate's digest, by the number of their run."""
    events = ((entry, entry.readable or {}) for entry in entries)
    proofs = ((e, event["data"]) for e, event in events if event.get("type") == "baton.step.finished")
    return {
        int(data["run"]): entry
        for entry, data in proofs
        if data.get("certificate") and str(data["step"]).startswith(f"{Kind.PROVE}:")
    }


def checked(
    text: str, ref: EnvironmentRef, run: int, entries: Sequence[LedgerEntry], *, key: bytes = b""
) -> Certificate:
    """The certificate of a run, when it is the very text that the environment's ledger tells of. `key` seals the ledger.

    Raises CertificateInvalid.
    """
    chain = verify(entries, key=key)
    if isinstance(chain, Broken) and not isinstance(chain, Unsealed):  # the key may be younger than the chain
        raise CertificateInvalid(f"the ledger is broken at entry {chain.seq}: {chain.reason}", hint=_TAMPERED)
    entry = certified_runs(entries).get(run)
    if entry is None:
        raise CertificateInvalid(
            f"the ledger knows no certificate of run {run} of {ref}", hint=f"see what it knows: baton history {ref}"
        )
    if entry.decoded["data"]["certificate"] != digest_of(text):
        raise CertificateInvalid(
            f"the certificate of run {run} of {ref} is not the one that was issued: its digest is not in the ledger",
            hint=_TAMPERED,
        )
    certificate = read(text)
    if (certificate.environment, certificate.run, certificate.ledger) != (str(ref), run, (entry.seq - 1, entry.prev)):
        raise CertificateInvalid(f"the certificate of run {run} of {ref} belongs somewhere else", hint=_TAMPERED)
    return certificate


_TAMPERED = "somebody changed it after it was issued; trust neither it nor what it says"
