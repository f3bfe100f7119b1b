"""A world in memory: what the fakes act on. Public, for tests of flows and for people who write their own.

A `FakeModule` stands for a Terraform module: it says which hosts and outputs a set of variables leads to. The world
counts what was done to it, so that a test can say "configured once", "replaced never".
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from lifecycle.environment import EnvironmentRef
from lifecycle.inventory import Connection, Host
from lifecycle.ports import STACK_TAG, CloudResource

HALF = "half"
"""What a host holds of a step while its playbook runs there, and afterwards when it was stopped."""


@dataclass(frozen=True, slots=True)
class FakeModule:
    """What a module makes of its variables: host names (with their groups), outputs beside `hosts`, and what no plan can know."""

    hosts: Callable[[Mapping[str, Any]], Mapping[str, tuple[str, ...]]] = lambda _: {}
    outputs: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {}
    later: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {}
    """Attributes of every host that are known only after apply."""


@dataclass(slots=True)
class Instance:
    """A host of the world."""

    id: str
    name: str
    stack: str
    groups: tuple[str, ...]
    key: str
    alive: bool = True
    known: bool = True  # in its stack's state; False: made by an apply that was killed before it could write that
    tainted: bool = False
    configured: list[str] = field(default_factory=list)  # names of the configure steps that ran here, in order
    holds: dict[str, Any] = field(
        default_factory=dict
    )  # step → (playbook's fingerprint, variables); HALF in the middle

    def as_host(self) -> Host:
        return Host(self.name, self.stack, self.id, Connection(f"10.0.0.{self.id}"), groups=self.groups)


def tags_of(stack: str, name: str) -> Mapping[str, str]:
    """What a host of a stack is tagged with."""
    return {STACK_TAG: stack, "Name": name}


@dataclass(slots=True)
class StackState:
    variables: Mapping[str, Any]
    outputs: Mapping[str, Any]


class FakeWorld:
    """Modules, instances, states, and faults to come. Thread-safe under `lock`."""

    def __init__(self, modules: Mapping[str, FakeModule]) -> None:
        self.lock = RLock()
        self.modules = dict(modules)
        self.instances: dict[str, Instance] = {}
        self.states: dict[str, StackState] = {}
        self.done: Counter[str] = Counter()  # "create web-1", "configure app web-1", "apply web" → how often
        self.log: list[str] = []
        self.fingerprints: dict[str, str] = {}  # path → digest, "" by default
        self.broken: set[str] = (
            set()
        )  # "configure app web-1", "apply web", "await web-1", "discover web", "probe home": fails while in here
        self.passing: Counter[str] = Counter()
        """What fails so many times for a reason that passes: "plan web", "apply web" (which leaves its first host in no
        state), "destroy web", "discover web", "configure app web-1" (the connection breaks)."""
        self.leaked: dict[str, CloudResource] = {}  # id → what the cloud has and no module knows
        self.late: dict[str, int] = {}  # id of what leaked → looks at the cloud until it is gone by itself
        self.witness: Callable[[str, Instance | None], None] | None = None
        self._numbers = 0

    def moment(self, what: str, made: Instance | None = None) -> None:
        """Tell the witness, if there is one: before a tool begins, after each thing that it has done, at its end.

        `made` is the host that has just come into existence. A witness may look at the world, change it, wait, or raise.
        """
        if self.witness is not None:
            self.witness(what, made)

    def copy(self) -> "FakeWorld":
        """Another world that stands where this one stands; faults and witness are not taken along."""
        other = FakeWorld(self.modules)
        other.instances = {
            i: replace(host, configured=list(host.configured), holds=dict(host.holds))
            for i, host in self.instances.items()
        }
        other.states, other.fingerprints = dict(self.states), dict(self.fingerprints)
        other._numbers = self._numbers
        return other

    def count(self, what: str) -> None:
        self.done[what] += 1
        self.log.append(what)

    def fails(self, what: str) -> bool:
        return what in self.broken

    def passes(self, what: str) -> bool:
        """Whether this fails now, and will not for ever."""
        self.passing[what] -= 1
        return self.passing[what] >= 0

    def leak(self, id: str, environment: EnvironmentRef, *, looks: int = -1) -> None:
        """Let the cloud have something that carries an environment's tag; gone by itself after so many looks."""
        self.leaked[id] = CloudResource(id, "host", {"baton:environment": str(environment)})
        self.late[id] = looks

    def forget_late(self) -> None:
        """One more look at the cloud."""
        for name, looks in list(self.late.items()):
            self.late[name] = looks - 1
            if looks == 0:
                self.leaked.pop(name, None)

    def create(self, stack: str, name: str, groups: tuple[str, ...]) -> Instance:
        self._numbers += 1
        instance = Instance(str(self._numbers), name, stack, groups, f"ssh-ed25519 KEY{self._numbers}")
        self.instances[instance.id] = instance
        self.count(f"create {name}")
        return instance

    def destroy(self, instance: Instance) -> None:
        del self.instances[instance.id]
        self.count(f"destroy {instance.name}")

    def of_stack(self, stack: str) -> list[Instance]:
        """Every host that carries the stack's tag."""
        return sorted((i for i in self.instances.values() if i.stack == stack), key=lambda i: i.name)

    def in_state(self, stack: str) -> list[Instance]:
        """The hosts that the stack's state knows."""
        return [i for i in self.of_stack(stack) if i.known]

    def named(self, name: str) -> Instance:
        return next(i for i in self.instances.values() if i.name == name)
