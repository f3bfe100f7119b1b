"""What is really there after a phase, read from the cloud, the hosts, the states and the store; and what is wrong with it."""

import fcntl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.real.ground import Ground, orphans, state_ids


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names of the hosts that must stand, and the word that each must know. None: nothing may be left."""

    names: frozenset[str]
    word: str


@dataclass(frozen=True, slots=True)
class End:
    """How an environment stands. Ids differ from lifetime to lifetime: what is compared are names and numbers."""

    phase: str
    hosts: Mapping[str, str]  # id → name, as Baton has them
    running: Mapping[str, str]  # id → name, as the cloud has them
    words: Mapping[str, tuple[str, ...]]  # host's name → its files
    resources: Mapping[str, int]  # Terraform type → how many in the states
    replaced: tuple[str, ...]  # hosts that were seen configured and are not there any more
    orphans: tuple[str, ...]
    locks: tuple[str, ...]
    ledger: str  # empty: whole
    certificate: str  # empty: none


def looked_at(ground: Ground, environment: str, tag: tuple[str, str], wanted: Wanted, whole: Mapping[str, str]) -> End:
    """Look. `whole` are the hosts that were seen configured before (id → name)."""
    ref = f"chaos/{environment}"
    folder = ground.home / "environments" / "chaos" / environment / "stacks"
    known = state_ids(folder.glob("*/terraform.tfstate"))
    (status,) = ground.asked("status", ref)
    running = ground.instances(*tag)
    audit = ground.baton("audit", "verify", "--environment", ref)
    certificate = ground.baton("certificate", ref).returncode == 0 if not wanted.names else False
    return End(
        phase=str(status["phase"]),
        hosts={h["id"]: h["name"] for h in status["hosts"]},
        running=running,
        words={name: ground.words(one) for one, name in running.items()},
        resources={kind: len(ids) for kind, ids in sorted(known.items())},
        replaced=tuple(sorted(f"{n} {i}" for i, n in whole.items() if n in wanted.names and i not in running)),
        orphans=tuple(orphans(ground.tagged(*tag), known)),
        locks=tuple(_locks(str(status["locked_by"]), folder)),
        ledger="" if audit.returncode == 0 else (audit.stdout + audit.stderr).strip(),
        certificate=ref if certificate else "",
    )


def _locks(holder: str, folder: Path) -> Iterator[str]:
    """Who holds the store's lock, and which of the tools' own locks are held."""
    if holder:
        yield f"the store's, by {holder}"
    for path in folder.glob("*/tool.lock"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield str(path)


def compared(end: End, undisturbed: End, wanted: Wanted) -> Iterator[str]:
    """Every difference from what must be, and from the end that nobody disturbed."""
    phase = "ready" if wanted.names else "destroyed"
    if end.phase != phase:
        yield f"it is {end.phase}, not {phase}"
    if sorted(end.hosts.values()) != sorted(wanted.names):
        yield f"Baton's hosts are {sorted(end.hosts.values())}"
    if sorted(end.running.values()) != sorted(wanted.names):
        yield f"in the cloud run {sorted(end.running.values())}"
    if wanted.names and dict(end.hosts) != dict(end.running):
        yield f"Baton knows {sorted(end.hosts)}, the cloud {sorted(end.running)}"
    for name, words in sorted(end.words.items()):
        if set(words) != {wanted.word}:
            yield f"{name} is not configured: its files hold {words}"
    for name, found in (("replaced", end.replaced), ("left in no state", end.orphans), ("held locks", end.locks)):
        if found:
            yield f"{name}: {', '.join(found)}"
    if end.ledger:
        yield f"the ledger: {end.ledger}"
    if dict(end.resources) != dict(undisturbed.resources):
        yield f"in the states {dict(end.resources)}, undisturbed {dict(undisturbed.resources)}"
    if not wanted.names and not end.certificate:
        yield "no certificate"
