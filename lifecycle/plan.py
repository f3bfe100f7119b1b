"""Plans: what a provisioner says that it would do, as values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lifecycle.sensitive import Sensitive


class Action(StrEnum):
    """What would happen to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    READ = "read"
    NOOP = "no-op"
    FORGET = "forget"
    IMPORT = "import"
    MOVE = "move"

    @property
    def acts(self) -> bool:
        """Whether it changes anything (reading and standing still do not)."""
        return self not in (Action.READ, Action.NOOP)

    @property
    def destroys(self) -> bool:
        return self in (Action.DELETE, Action.REPLACE)


class Fidelity(StrEnum):
    """How far a preview can be trusted."""

    EXACT = "exact"  # the plan is a token; apply executes it and nothing else
    PREDICTED = "predicted"  # computed again at apply time
    NONE = "none"  # no preview: an empty change list must not be read as "no changes"

    @property
    def tells(self) -> bool:
        """Whether its change list says what would happen."""
        return self is not Fidelity.NONE


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem or a warning of a tool, with the source range where the tool names one."""

    severity: Severity
    summary: str
    detail: str = ""
    address: str = ""
    where: str = ""  # file:line:column


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """The change of one resource. `before` and `after` are masked already; `physical_id` is what exists now."""

    address: str
    type: str
    action: Action
    physical_id: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    unknown: tuple[str, ...] = ()  # attribute paths known only after apply
    replace_paths: tuple[str, ...] = ()
    previous_address: str = ""
    tags: Mapping[str, str] | None = None  # tags_all: None where the type has none or they are unknown
    is_host: bool = False  # something that is entered and configured
    tainted: bool = False  # replaced only because its making did not end; never said of one with a provisioner
    region: str = ""  # that its provider's configuration names; empty where the plan does not tell it
    configured: frozenset[str] | None = (
        None  # top-level attributes that the configuration sets; None where nobody knows
    )
    refers: frozenset[str] = frozenset()  # resources that its expressions name, by address without keys
    where: str = ""  # file:line of the resource's block


@dataclass(frozen=True, slots=True)
class Output:
    """One output value of a stack. A sensitive value is wrapped."""

    value: Any
    sensitive: bool = False

    @property
    def guarded(self) -> Any:
        """The value, wrapped as Sensitive where the stack marked it so."""
        return Sensitive(self.value) if self.sensitive and not isinstance(self.value, Sensitive) else self.value


Outputs = Mapping[str, Output]


def gone(changes: Iterable[ResourceChange], drift: Iterable[ResourceChange]) -> frozenset[str]:
    """Addresses of what is in the state and nowhere else, and is not made again: a run was killed between the cloud's answer
    and the state's writing, or somebody was quicker. An apply does nothing to the cloud then, and strikes it off the state.
    """
    made = {change.address for change in changes if change.action.acts}
    return frozenset(c.address for c in drift if c.action is Action.DELETE and c.address not in made)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply of one stack would do.

    `token` is opaque to everybody but the provisioner that made it; `digest` names the plan's content and is
    what an approval and the journal hold. Three truths, as Terraform keeps them: `complete` (nothing was left
    out), `applyable` (there is something to do), `errored`.
    """

    stack: str
    digest: str
    fidelity: Fidelity = Fidelity.EXACT
    changes: tuple[ResourceChange, ...] = ()
    drift: tuple[ResourceChange, ...] = ()
    outputs: Outputs = field(default_factory=dict)  # planned values; only the known ones
    outputs_changed: bool = False
    diagnostics: tuple[Diagnostic, ...] = ()
    token: str = ""
    state: str = ""  # which state it was made over; another one makes it stale
    destroy: bool = False
    complete: bool = True
    applyable: bool = False
    errored: bool = False

    @property
    def acting(self) -> tuple[ResourceChange, ...]:
        return tuple(c for c in self.changes if c.action.acts)

    @property
    def gone(self) -> frozenset[str]:
        """What only the state still knows of."""
        return gone(self.changes, self.drift)

    def count(self, action: Action) -> int:
        return sum(c.action is action for c in self.changes)

    @property
    def doomed_ids(self) -> frozenset[str]:
        """Physical ids that this plan destroys or replaces."""
        return frozenset(c.physical_id for c in self.changes if c.action.destroys and c.physical_id)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply left behind."""

    outputs: Outputs = field(default_factory=dict)
    changed: tuple[str, ...] = ()  # addresses
    diagnostics: tuple[Diagnostic, ...] = ()
