"""Facts: everything that a rule may look at, as one value. Whoever knows them gathers them; a rule reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from lifecycle.plan import Plan
from lifecycle.sensitive import JSON


class PinKind(StrEnum):
    """What a version is asked for."""

    PROVIDER = "provider"
    MODULE = "module"


@dataclass(frozen=True, slots=True)
class Pin:
    """A version that a stack's configuration asks for; `version` is the constraint as written, empty where there is none."""

    kind: PinKind
    name: str
    version: str = ""
    source: str = ""  # of a module
    where: str = ""


@dataclass(frozen=True, slots=True)
class StackFacts:
    """One stack: what its plan says, what its configuration asks for, what it is given.

    `plan` is None as long as the stack could not be planned. `variables` are masked: a secret by reference is `***`.
    """

    name: str
    plan: Plan | None = None
    source: str = ""
    pins: tuple[Pin, ...] = ()
    variables: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook that would run: its file, and which of its variables hold a secret."""

    path: str
    secrets: frozenset[str] = frozenset()
    step: str = ""  # the configure step


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a playbook or of a role that it uses. `module` is named as written."""

    playbook: str
    module: str
    name: str = ""
    arguments: Mapping[str, JSON] = field(default_factory=dict)
    become: bool = False
    become_user: str = ""
    no_log: bool = False
    secrets: tuple[str, ...] = ()  # secret variables that it uses
    where: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an environment and of what is to become of it. None is "not known", nowhere "none"."""

    today: date
    """By which waivers are valid or not."""

    environment: str = ""
    stacks: tuple[StackFacts, ...] = ()
    inputs: Mapping[str, JSON] = field(default_factory=dict)
    """The blueprint's inputs, masked."""

    playbooks: tuple[Playbook, ...] = ()
    tasks: tuple[Task, ...] = ()
    """What stands in the playbooks: read by the engine where it is empty."""

    monthly_cost: Decimal | None = None
    """What everything would cost a month, after the change."""

    currency: str = "USD"
    leased: bool = True
    """Whether the environment has an end at all."""

    lease: timedelta | None = None
    """How long it may stand, from its beginning to its end."""

    hosts: int | None = None
    """How many hosts the environment has now."""
