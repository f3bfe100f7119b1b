"""Opens an environment: blueprint, inputs and adapters become one value that a verb can perform on."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from adapters.registry import Registry
from adapters.runlog import RunLog, directory
from adapters.settings import make_private
from flows.inputs import inputs
from flows.place import Place
from flows.request import Request
from lifecycle.approval import REVIEW, ApprovalRules, Review
from lifecycle.blueprint import references
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.scalars import KeyKind
from lifecycle.compose import Readings, desire
from lifecycle.desired import Desired, Goal, Governance
from lifecycle.digest import digest
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.errors import BatonError, ExitCode
from lifecycle.events import Event
from lifecycle.lease import Lease, granted, limit_of, limited
from lifecycle.ports import EventSink, Ports
from lifecycle.recurring import RECURRING


class OperatorUnknown(BatonError):
    """A blueprint asks where operators come from, and the settings do not say it."""

    exit_code = ExitCode.USAGE


class WrongCloud(BatonError):
    """An environment lives in one cloud and was asked for in another."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that a verb needs for one environment."""

    desired: Desired
    ports: Ports
    environment: Environment
    registry: Registry


@contextmanager
def opened(
    place: Place,
    request: Request,
    goal: Goal,
    registry: Registry,
    sink: EventSink,
    wait: Callable[[float], bool] = lambda _: True,
) -> Iterator[Session]:
    """A session for one run, under the environment's lock. Everything that the run opened is closed with it.

    `sink` is behind the scrubber already: it hears of more than this run.
    `wait` sleeps before something that does not answer is asked again, and says whether to give up.
    """
    path, blueprint, ref = place.path, place.blueprint, place.ref
    environment = _environment(ref, place.named, registry)
    make_private(directory(registry.settings.home, ref))
    log = RunLog(registry.settings.home, ref, sink)
    telling = both(masking(log, registry), sink)
    given = inputs(place, goal, registry, telling, wait)
    with closing(log), registry.ports(telling, path.parent, blueprint) as ports:
        readings = Readings(
            module=ports.provisioner.fingerprint,
            playbook=ports.configurator.fingerprint,
            connection=lambda c: registry.connection_defaults(c, ref, place.origin.parent),
        )
        desired = desire(
            blueprint,
            ref=ref,
            goal=goal,
            base=path.parent,
            inputs=given,
            facts=_facts(blueprint, ref, goal, registry),
            readings=readings,
            key=registry.store.key,
        )
        desired = replace(
            desired,
            because=request.because,
            due_at=request.due_at,
            lease=_remaining(blueprint, environment, request, registry),
            blueprint_digest=digest(path.read_text(encoding="utf-8"), registry.store.key),
            governance=_governance(blueprint, environment, request),
        )
        if goal is not Goal.DOWN and (goal is Goal.PLAN or desired.governance is not None):
            ports = replace(ports, assessor=registry.assessor(blueprint, path.parent))
        yield Session(desired, ports, environment, registry)


def _remaining(
    blueprint: Blueprint, environment: Environment, request: Request, registry: Registry
) -> timedelta | None:
    """How long an environment may stand from now on, in whole minutes; None for as long as it likes."""
    now = registry.clock.now()
    wanted = blueprint.lease
    ttl, _ = limited(wanted.ttl if wanted else None, (), limit_of(environment.facts, request.lease_limit))
    lease = granted(Lease.of(environment.facts), ttl, (), now)
    return (lease.ends - now) // timedelta(minutes=1) * timedelta(minutes=1) if lease else None


def _governance(blueprint: Blueprint, environment: Environment, request: Request) -> Governance | None:
    """What must be agreed to; None for a blueprint that asks for nothing of the kind."""
    if not blueprint.model_fields_set & {"approval", "policy", "cost"}:
        return None
    rules = blueprint.approval.rules if blueprint.approval else ApprovalRules()
    if not request.asks:
        rules = replace(rules, environments=(), policy=False)
    return Governance(rules, Review.of(environment.facts), auto=request.auto_approve)


def _facts(blueprint: Blueprint, ref: EnvironmentRef, goal: Goal, registry: Registry) -> dict[str, Any]:
    """What `${environment.…}` knows. Nothing is made that nobody asks for, and a teardown goes without. Raises OperatorUnknown."""
    asked = {r.name for r in references.find(blueprint) if r.kind is references.Kind.ENVIRONMENT}
    facts: dict[str, Any] = {"name": ref.name, "ssh_public_key": ""}
    if any(s.connection.key.kind is KeyKind.GENERATE for s in blueprint.stacks.values()):
        facts["ssh_public_key"] = registry.ssh_key(ref)[1]
    if goal is Goal.DOWN:
        return facts
    if "ca_certificate" in asked:
        facts["ca_certificate"] = registry.ca_certificate(ref)
    if "operator_cidr" in asked:
        facts["operator_cidr"] = _operator_cidr(blueprint, registry)
    return facts


def _operator_cidr(blueprint: Blueprint, registry: Registry) -> str:
    if not registry.operator_cidr:
        raise OperatorUnknown(
            f"the blueprint {blueprint.name} lets operators in from ${{environment.operator_cidr}}, and nobody said where they come from",
            hint="set BATON_OPERATOR_CIDR to the range that you come from, such as 192.0.2.10/32",
        )
    return registry.operator_cidr


def _environment(ref: EnvironmentRef, named: str, registry: Registry) -> Environment:
    """The environment as the store has it, or a new one; `named` names its blueprint. Raises WrongCloud."""
    cloud, now = registry.endpoint.name, registry.clock.now()
    known = registry.store.environment(ref)
    if known is None or known.phase in (Phase.DESTROYED, Phase.NEW):  # nothing of it lives anywhere
        run = known.run if known else 0
        phase = known.phase if known else Phase.NEW
        kept = {key: value for key, value in known.facts.items() if key in _outlasting(known)} if known else {}
        return Environment(ref, phase, now, now, blueprint_path=named, cloud=cloud, run=run, facts=kept)
    if known.cloud != cloud:
        raise WrongCloud(
            f"{ref} lives in the cloud '{known.cloud}', and the settings name '{cloud}'",
            hint=f"set BATON_CLOUD={known.cloud}, or choose another environment name with --env",
        )
    return Environment(
        ref, known.phase, known.created_at, known.updated_at, known.message, named, cloud, known.run, known.facts
    )


def _outlasting(known: Environment) -> frozenset[str]:
    """Facts of an environment that is not there (yet, or any more) which count for the next run: when it ends, and what was
    agreed to and not carried out."""
    review = Review.of(known.facts)
    return frozenset({RECURRING, REVIEW}) if review is not None and not review.admitted else frozenset({RECURRING})


def both(first: EventSink, second: EventSink) -> EventSink:
    """A sink that tells two others."""

    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell


def masking(sink: EventSink, registry: Registry) -> EventSink:
    """A sink behind the scrubber: no secret that this run has touched reaches anybody's screen or log."""

    def masked(event: Event) -> None:
        sink(registry.scrubber.event(event))

    return masked
