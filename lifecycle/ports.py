"""Ports: what the lifecycle needs from the world. adapters/ implements them, the fakes do too, one suite checks both.

Everything is synchronous and may be called from several threads at once. Every long call takes a `Run`: how to say
something, how to know that it should stop, and how long it may take. A port raises `BatonError` (or a subclass with
a hint) when it could not do what it was asked; what came out badly but completely (a failed host, a failed check) is
a value, not an exception.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as ThreadEvent
from time import monotonic
from typing import Any, Final, Protocol

from lifecycle.bundle import Bundle
from lifecycle.certificate import Certificate
from lifecycle.configuration import Configuration, Configured
from lifecycle.cost import Estimate
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.events import Event, Say
from lifecycle.inventory import Host, Ready
from lifecycle.journal import Journal, Outcome, Record, Step
from lifecycle.ledger import Draft, LedgerEntry
from lifecycle.lock import Lock, Owner
from lifecycle.plan import Applied, Diagnostic, Outputs, Plan
from lifecycle.policy.finding import Finding
from lifecycle.retries import Backoff
from lifecycle.revision import Revision
from lifecycle.verification import Check, CheckResult
from lifecycle.view import View

ENVIRONMENT_TAG: Final = "baton:environment"
STACK_TAG: Final = "baton:stack"
"""The tag that every resource of an environment carries: `<blueprint>/<name>`."""


class Cancelled(BatonError):
    """The run was cancelled."""

    exit_code = ExitCode.INTERRUPTED


class Cancellation:
    """A flag that a run looks at: `requested` once (graceful), `urgent` twice (fast).

    It also knows whom to ask before a tool is started: a flag says only what somebody has noticed.
    """

    def __init__(self) -> None:
        self._graceful = ThreadEvent()
        self._urgent = ThreadEvent()
        self._guard: Callable[[], None] | None = None
        self.reason = ""

    def guarded_by(self, guard: Callable[[], None]) -> None:
        """From here on `guard` is asked before every tool; it raises where none may be started."""
        self._guard = guard

    def before_tool(self) -> None:
        """To be called right before a tool is started. Raises LostLock when the run's lock is not its own any more."""
        if self._guard is not None:
            self._guard()

    def request(self, reason: str = "cancelled") -> None:
        """Ask to stop; asked again, ask to stop fast."""
        if self._graceful.is_set():
            self._urgent.set()
        else:
            self.reason = reason
            self._graceful.set()

    @property
    def requested(self) -> bool:
        return self._graceful.is_set()

    @property
    def urgent(self) -> bool:
        return self._urgent.is_set()

    def wait(self, timeout: float) -> bool:
        """Sleep up to `timeout` seconds; True as soon as stopping is asked for."""
        return self._graceful.wait(timeout)


class PartCancellation(Cancellation):
    """The flag of one part of a run: it can be stopped alone, and stops with the whole. No locks: a signal may come any time."""

    SLICE = 0.5  # seconds until a sleeper sees that its part alone was stopped

    def __init__(self, whole: Cancellation) -> None:
        super().__init__()
        self._whole = whole
        self._alone = False

    def stop(self, reason: str) -> None:
        """Stop this part; the others go on."""
        self.reason, self._alone = reason, True

    def request(self, reason: str = "cancelled") -> None:
        self._whole.request(reason)

    def before_tool(self) -> None:
        self._whole.before_tool()

    @property
    def requested(self) -> bool:
        if not self._alone and self._whole.requested:
            self.reason = self._whole.reason
        return self._alone or self._whole.requested

    @property
    def urgent(self) -> bool:
        return self._whole.urgent

    def wait(self, timeout: float) -> bool:
        until = monotonic() + timeout
        while not self.requested and (left := until - monotonic()) > 0:
            self._whole.wait(min(left, self.SLICE))
        return self.requested


def say_nothing(*_: Any, **__: Any) -> None:
    """A `Say` that nobody hears."""


@dataclass(frozen=True, slots=True)
class Run:
    """What every long call of a port is handed."""

    say: Say = say_nothing
    cancel: Cancellation = field(default_factory=Cancellation)
    deadline: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StackSpec:
    """One stack of one environment with every reference resolved. Variables may hold Sensitive values."""

    environment: EnvironmentRef
    name: str
    source: Path  # the Terraform root module
    variables: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)  # reach every taggable resource

    @property
    def label(self) -> str:
        return f"{self.environment}:{self.name}"


class Provisioner(Protocol):
    """Makes and unmakes the resources of a stack. A stack's working directory and state are the adapter's business."""

    def fingerprint(self, source: Path) -> str:
        """Digest of the module tree, local child modules included."""
        ...

    def files(self, source: Path) -> Iterable[Path]:
        """The files that the fingerprint covers."""
        ...

    def validate(self, stack: StackSpec, run: Run) -> Sequence[Diagnostic]: ...

    def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
        """What an apply would do; the plan's token is good for one `apply` of this adapter on this machine."""
        ...

    def predict(self, stack: StackSpec, unknown: frozenset[str], run: Run) -> Plan:
        """What a plan would say if the stack were given its variables and, under these names, values that nobody knows yet.

        It can never be applied. Where it cannot be said, the plan's fidelity is `none` and a diagnostic says why.
        """
        ...

    def apply(self, stack: StackSpec, plan: Plan, run: Run) -> Applied:
        """Do exactly what the plan says (a destroy plan included). Raises when it did not all succeed."""
        ...

    def as_applied(self, stack: StackSpec, plan: Plan, run: Run) -> Plan:
        """A plan that was applied, in which what was unknown is what came of it. Each change keeps its action."""
        ...

    def adopt(self, stack: StackSpec, address: str, id: str, run: Run) -> None:
        """Take over what exists already as a resource of the stack: from now on it is in the state."""
        ...

    def keep(self, stack: StackSpec, address: str, run: Run) -> None:
        """Do not replace a resource just because its making was interrupted."""
        ...

    def outputs(self, stack: StackSpec, run: Run) -> Outputs: ...

    def resources(self, stack: StackSpec, run: Run) -> Sequence[str]:
        """Addresses in the state; empty when nothing is there (also when there never was a state)."""
        ...

    def forget(self, stack: StackSpec) -> None:
        """Remove the working directory of a stack whose state is empty. Raises when it is not."""
        ...


class Configurator(Protocol):
    """Brings hosts to their configuration."""

    def fingerprint(self, playbook: Path) -> str:
        """Digest of the playbook and of the roles and files that it can reach."""
        ...

    def files(self, playbook: Path) -> Iterable[Path]:
        """The files that the fingerprint covers."""
        ...

    def configure(self, configuration: Configuration, run: Run) -> Configured:
        """Run it. Failed and unreachable hosts are in the result; raises when the tool itself could not run."""
        ...


class Prober(Protocol):
    """Runs checks."""

    def probe(self, check: Check, run: Run) -> CheckResult:
        """Look until the thresholds or the deadline decide."""
        ...


class HostSource(Protocol):
    """Sees hosts as they come into existence."""

    def discover(self, environment: EnvironmentRef, stack: str) -> Sequence[Host]:
        """Hosts of a stack that exist and run now, found by tag in the cloud; connection facts may be partial."""
        ...

    def await_ready(self, host: Host, run: Run) -> Ready:
        """Climb the readiness ladder: banner, trusted key, login, user data, package lock, Python.

        Raises NotReady with the rung that was reached last, or UntrustedHost.
        """
        ...

    def answers_as(self, host: Host) -> bool:
        """Whether something answers at the host's address with its pinned key (for the teardown's proof)."""
        ...


@dataclass(frozen=True, slots=True)
class CloudResource:
    """Something in the cloud that carries a tag. `known_as`: Terraform's id of it, where that is another one than the cloud's."""

    id: str
    type: str
    tags: Mapping[str, str] = field(default_factory=dict)
    known_as: str = ""
    made_at: datetime | None = None  # None: the cloud does not say it

    @property
    def environment(self) -> EnvironmentRef | None:
        """The environment that its tag names, if it is the name of one."""
        try:
            return EnvironmentRef.parse(self.tags.get(ENVIRONMENT_TAG, ""))
        except BatonError:
            return None


@dataclass(frozen=True, slots=True)
class Removal:
    """What came of removing resources: ids that are gone, and why the others are not."""

    removed: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)  # id → reason


class Cloud(Protocol):
    """What Terraform does not tell: what is there, by tag; and how it goes where no Terraform knows it."""

    def tagged(self, environment: EnvironmentRef | None = None) -> Sequence[CloudResource]:
        """Everything that carries the environment's tag and is not terminated; without one, any environment's."""
        ...

    def remove(self, resources: Sequence[CloudResource], run: Run) -> Removal:
        """Remove what holds no data and can be removed safely, in an order in which it goes; the rest is left, with reasons."""
        ...

    def finish(self, resource: CloudResource) -> None:
        """Do what a provider does at the end of making it, and did not come to where it was killed: what the cloud itself put
        there goes (AWS's rule that lets everything out of a fresh security group)."""
        ...

    @property
    def not_provable(self) -> Sequence[str]:
        """Resource types that cannot carry a tag, in words."""
        ...


class SecretSource(Protocol):
    """Resolves references to secrets, just before use."""

    def resolve(self, environment: EnvironmentRef, name: str, reference: str) -> str:
        """The secret behind a reference such as `env:NAME`. What is made (`generate:N`) is made once for an environment and kept."""
        ...

    def forget(self, environment: EnvironmentRef) -> None:
        """Drop what was generated for an environment."""
        ...


class Store(Protocol):
    """Environments, journal, lock and ledger in one transactional database.

    Everything that writes takes the held lock and raises LostLock, writing nothing, when its token is stale.
    """

    @property
    def key(self) -> bytes:
        """The store's HMAC key: kept outside the database, 0600."""
        ...

    def environment(self, ref: EnvironmentRef) -> Environment | None: ...
    def environments(self) -> Sequence[Environment]: ...

    def acquire(self, ref: EnvironmentRef, owner: Owner, *, lease: timedelta) -> Lock:
        """Take the lock, with a token greater than every one before. Raises Locked naming the holder.

        A lease that ran out (by the database's clock) or an owner provably gone does not hold.
        """
        ...

    def renew(self, lock: Lock, *, lease: timedelta) -> Lock: ...

    def check(self, lock: Lock) -> None:
        """Raise LostLock where the lock could not write any more. Cheap, and waits for nobody: asked before every tool."""
        ...

    def release(self, lock: Lock) -> None: ...
    def holder(self, ref: EnvironmentRef) -> Lock | None: ...

    def left(self, ref: EnvironmentRef) -> Lock | None:
        """The last lock that was taken, where nobody holds it any more: given back, run out, or its owner gone."""
        ...

    def start_run(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> Environment:
        """Write the environment with the next run number, and its ledger entries."""
        ...

    def transition(self, lock: Lock, environment: Environment, drafts: Sequence[Draft]) -> None:
        """Write the environment and the ledger entries in one transaction."""
        ...

    def intend(self, lock: Lock, records: Sequence[Record]) -> None: ...
    def conclude(self, lock: Lock, records: Sequence[Record], drafts: Sequence[Draft] = ()) -> None: ...
    def journal(self, ref: EnvironmentRef) -> Journal: ...

    def save_hosts(self, lock: Lock, hosts: Sequence[Host]) -> None:
        """Replace the inventory kept for an environment."""
        ...

    def hosts(self, ref: EnvironmentRef) -> Sequence[Host]: ...
    def ledger(self, ref: EnvironmentRef) -> Iterable[LedgerEntry]: ...

    def keep_revision(
        self, lock: Lock, revision: Revision, contents: Mapping[str, bytes], drafts: Sequence[Draft]
    ) -> None:
        """Keep a revision under its number, and its files' contents by their digests. Files that no revision names any more go."""
        ...

    def drop_files(self, lock: Lock, numbers: Sequence[int]) -> None:
        """Let go of the files of some revisions; the revisions themselves stay."""
        ...

    def revisions(self, ref: EnvironmentRef) -> Sequence[Revision]:
        """What an environment was asked to be, the oldest first."""
        ...

    def contents(self, digests: Iterable[str]) -> Mapping[str, bytes]:
        """Contents of files by their digests; those that are not there are absent."""
        ...

    def publish(self, bundle: Bundle, contents: Mapping[str, bytes]) -> Bundle:
        """Keep a bundle under its version (without one: under the next number), or find it kept already. Raises BundleExists."""
        ...

    def bundles(self, name: str = "") -> Sequence[Bundle]:
        """Every version of a bundle, or of all: by name, the oldest first."""
        ...

    def forget_journal(self, lock: Lock) -> None:
        """Drop journal, inventory and revisions' files of an environment that was proven gone; ledger and environment stay."""
        ...


class Assessor(Protocol):
    """Judges what is planned: by rules, and by prices."""

    def findings(self, view: View, estimate: Estimate | None) -> Sequence[Finding]:
        """What the blueprint's policy finds in everything that is planned, waivers applied."""
        ...

    def estimate(self, plans: Mapping[str, Plan]) -> Estimate | None:
        """What it costs a month, before and after; None where nobody wants to know."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float: ...


class NothingToAssess:
    """The Assessor of a blueprint without policy and without prices."""

    def findings(self, view: View, estimate: Estimate | None) -> Sequence[Finding]:
        return ()

    def estimate(self, plans: Mapping[str, Plan]) -> Estimate | None:
        return None


EventSink = Callable[[Event], None]
RunStep = Callable[[Step, Callable[[], Outcome]], Outcome]
"""How the engine runs one step: call the function, return what it returns. A Prefect task in flows/, a call in tests."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a lifecycle touches, built once in adapters/registry."""

    provisioner: Provisioner
    configurator: Configurator
    prober: Prober
    hosts: HostSource
    cloud: Cloud
    store: Store
    clock: Clock
    sink: EventSink
    assessor: Assessor = field(default_factory=NothingToAssess)
    discovery_period: float = 1.0  # seconds between two looks at the cloud while an apply works
    masked: Callable[[Any], Any] = lambda value: value  # a JSON value without any secret that the run knows
    learn: Callable[[Any], Any] = lambda _: None  # told every secret that comes up on the way
    keep: Callable[[Certificate], None] = lambda _: None  # keeps a certificate, before anybody hears that there is one
    backoff: Backoff = field(default_factory=Backoff)  # of what a teardown tries again
    version: str = ""  # Baton's, for certificates
