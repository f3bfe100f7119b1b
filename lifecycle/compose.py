"""From a blueprint to what is desired of one environment. Pure: what must be read from disk is handed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lifecycle.blueprint import graph, references
from lifecycle.blueprint.graph import Graph, Needs
from lifecycle.blueprint.model import Blueprint, Check, Configure, Connection, Drain, HostSelector
from lifecycle.desired import CheckTarget, ConfigureTarget, Desired, DrainTarget, Goal, StackTarget
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.inventory import ConnectionDefaults, HostMapping, Selector


class PortUnknown(BatonError):
    """A connection's port cannot be known before anything is made."""

    exit_code = ExitCode.USAGE


class SecretGiven(BatonError):
    """The value of a secret was given where others can read it."""

    exit_code = ExitCode.USAGE


def refuse_secrets(blueprint: Blueprint, given: Mapping[str, Any]) -> None:
    """Raise SecretGiven where a value is given for a secret input: command lines and flow parameters are kept and shown."""
    for name in given:
        spec = blueprint.inputs.get(name)
        if spec and spec.secret:
            raise SecretGiven(
                f"input '{name}' is a secret, and a command line or a flow's parameters show it to others",
                hint=f"let the blueprint say where it comes from: inputs.{name}.from is env:NAME, generate:N or another reference (docs/secrets.md)",
            )


@dataclass(frozen=True, slots=True)
class Readings:
    """What composing needs from outside: each is called once per part."""

    module: Callable[[Path], str]  # fingerprint of a Terraform module's tree
    playbook: Callable[[Path], str]  # fingerprint of a playbook and what it reaches
    connection: Callable[[Connection], ConnectionDefaults]


def desire(
    blueprint: Blueprint,
    *,
    ref: EnvironmentRef,
    goal: Goal,
    base: Path,
    inputs: Mapping[str, Any],
    facts: Mapping[str, Any],
    readings: Readings,
    key: bytes,
) -> Desired:
    """What is wanted. `base` is the blueprint's folder; `inputs` are resolved, secrets wrapped; `facts` are ${environment.*}.

    A teardown needs stacks and nothing else: playbooks, keys, modules and inputs that are gone by then do not stop it.
    """
    needs = graph.build(blueprint)
    lookup = _lookup(inputs, facts)
    if goal is Goal.DOWN:
        stacks = {name: StackTarget(name, (base / s.source).resolve(), variables=s.vars, needs=needs.stacks[name])
                  for name, s in blueprint.stacks.items()}  # fmt: skip
        tags = _tags({k: v for k, v in blueprint.tags.items() if _known(v, lookup)}, lookup)
        return Desired(ref, goal, stacks, inputs=inputs, facts=facts, tags=tags, key=key)
    configure = [_configure(c, needs, base, lookup, readings) for c in blueprint.configure]
    return Desired(
        ref=ref,
        goal=goal,
        stacks={name: _stack(name, blueprint, needs, base, lookup, readings) for name in blueprint.stacks},
        configure={c.name: c for c in configure},
        checks={c.name: _check(c, needs.checks[c.name], base, lookup) for c in blueprint.checks},
        inputs=inputs,
        facts=facts,
        tags=_tags(blueprint.tags, lookup),
        key=key,
        on_failure=blueprint.on_failure,
    )


def _tags(tags: Mapping[str, Any], lookup: references.Lookup) -> dict[str, str]:
    return {k: str(v) for k, v in references.resolve(tags, lookup).items()}


def _known(template: Any, lookup: references.Lookup) -> bool:
    try:
        references.resolve(template, lookup)
    except references.ReferenceUnresolved:
        return False
    return True


def _stack(
    name: str, blueprint: Blueprint, needs: Graph, base: Path, lookup: references.Lookup, readings: Readings
) -> StackTarget:
    stack = blueprint.stacks[name]
    source = (base / stack.source).resolve()
    defaults = readings.connection(_with_port(stack.connection, name, lookup))
    if isinstance(stack.connection.jump, HostSelector):
        defaults = replace(defaults, through=stack.connection.jump.resolved(lookup))
    return StackTarget(
        name=name,
        source=source,
        fingerprint=readings.module(source),
        variables=stack.vars,
        needs=needs.stacks[name],
        defaults=defaults,
        reach=needs.reach[name],
        mapping=tuple(
            HostMapping(m.group, m.address, m.id, m.name or "", m.user or "", m.port or 0) for m in stack.hosts
        ),
    )


def _with_port(connection: Connection, stack: str, lookup: references.Lookup) -> Connection:
    """The connection with its port as a number. Raises PortUnknown where an output would have to say it."""
    if isinstance(connection.port, int):
        return connection
    if any(r.kind is references.Kind.OUTPUT for r in references.find(connection.port)):
        raise PortUnknown(
            f"stack {stack}: connection.port is {connection.port}, and a port may reference inputs only",
            hint="a module can say each host's own port in its `hosts` output",
        )
    port = str(references.resolve(connection.port, lookup))
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise PortUnknown(f"stack {stack}: connection.port comes to '{port}', which is no port")
    return connection.model_copy(update={"port": int(port)})


def _configure(
    step: Configure, needs: Graph, base: Path, lookup: references.Lookup, readings: Readings
) -> ConfigureTarget:
    playbook = (base / step.playbook).resolve()
    mine = needs.steps[step.name]
    given = {"deadline": step.deadline} if step.deadline else {}
    return ConfigureTarget(
        name=step.name,
        playbook=playbook,
        selector=step.hosts.resolved(lookup),
        fingerprint=readings.playbook(playbook),
        variables=step.vars,
        stacks=mine.stacks,
        steps=mine.steps,
        checks=mine.checks,
        serial=step.serial or 0,
        become=step.become,
        drain=_drain(step.drain, base, lookup) if step.drain else None,
        **given,
    )


def _drain(drain: Drain, base: Path, lookup: references.Lookup) -> DrainTarget:
    given = {"deadline": drain.deadline} if drain.deadline else {}
    selector = drain.hosts.resolved(lookup)
    return DrainTarget((base / drain.playbook).resolve(), selector, drain.vars, drain.required, **given)


def _check(check: Check, needs: Needs, base: Path, lookup: references.Lookup) -> CheckTarget:
    selector: Selector | None = check.hosts.resolved(lookup) if check.hosts else None
    return CheckTarget(
        name=check.name,
        kind=check.kind,
        spec=_with_absolute_files(check.spec, base),
        vantage=check.vantage,
        selector=selector,
        thresholds=check.thresholds,
        stacks=needs.stacks,
        steps=needs.steps,
        checks=needs.checks,
    )


def _with_absolute_files(spec: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Files are named relative to the blueprint's folder. What begins as a reference is no file but the text itself."""
    if not spec.get("ca") or spec["ca"].startswith("${"):
        return dict(spec)
    return dict(spec) | {"ca": str((base / Path(spec["ca"]).expanduser()).resolve())}


def _lookup(inputs: Mapping[str, Any], facts: Mapping[str, Any]) -> references.Lookup:
    """What can be known before anything is made: inputs and the environment's own facts."""

    def lookup(reference: references.Reference) -> Any:
        known = inputs if reference.kind is references.Kind.INPUT else facts
        if reference.name not in known:
            raise references.ReferenceUnresolved(f"${{{reference}}} has no value")
        return known[reference.name]

    return lookup
