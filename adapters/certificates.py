"""Certificates of teardowns, one file each, readable by their owner only. They outlive their environments.

    <home>/certificates/<blueprint>/<environment>/r<run>.json

The files stay on the machine that issued them; their digests are in the ledger.
"""

import os
from pathlib import Path

from lifecycle.certificate import Certificate
from lifecycle.environment import EnvironmentRef


def directory(home: Path, ref: EnvironmentRef) -> Path:
    return home / "certificates" / ref.blueprint / ref.name


def path_of(home: Path, ref: EnvironmentRef, run: int) -> Path:
    return directory(home, ref) / f"r{run}.json"


def keep(home: Path, certificate: Certificate) -> Path:
    """Write a certificate, whole or not at all; the directory must be there. A run writes one."""
    path = path_of(home, EnvironmentRef.parse(certificate.environment), certificate.run)
    making = path.with_suffix(".new")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(certificate.text)
        file.flush()
        os.fsync(file.fileno())
    making.replace(path)
    return path
