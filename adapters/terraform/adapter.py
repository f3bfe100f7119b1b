"""Terraform as the Provisioner: plan, apply exactly that plan, outputs, and nothing left in the user's tree."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adapters.terraform import binary as binaries
from adapters.terraform import (
    command,
    configuration,
    failures,
    foresight,
    holdings,
    moving,
    parse,
    plans,
    variables,
    written,
)
from adapters.terraform.backend import Erase
from adapters.terraform.environment import surroundings
from adapters.terraform.events import Listener
from adapters.terraform.preparation import Preparation
from adapters.terraform.rescue import Reserve, rescue
from adapters.terraform.runner import Runner, concurrency_cap
from adapters.terraform.session import Session
from adapters.terraform.settings import TerraformSettings
from adapters.terraform.statelock import outliving
from adapters.terraform.workdir import NotEmpty, workdir
from lifecycle.digest import digest
from lifecycle.events import Level
from lifecycle.plan import Applied, Diagnostic, Fidelity, Outputs, Plan, Severity
from lifecycle.ports import Run, StackSpec
from lifecycle.scrub import Scrubber

INIT_MISSING = (failures.ProviderUnavailable, failures.ModuleUnavailable, failures.BackendChanged)
"""What a command says when `init` was skipped and should not have been."""


class TerraformProvisioner:
    """The Provisioner port over the terraform command.

    `root` is the directory of all working directories, `key` the store's HMAC key (plan digests cover secrets), `cloud` the
    environment that the providers get (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...; empty: what our own environment has).
    `known` are the secrets of the run: what Terraform marks as sensitive is added to them. `erase` removes an empty state from
    the bucket that keeps it, which Terraform cannot. Nothing is looked for or run before the first call. Raises ForbiddenVariable.
    """

    def __init__(
        self,
        root: Path,
        key: bytes,
        cloud: Mapping[str, str] | None = None,
        settings: TerraformSettings | None = None,
        inherited: Mapping[str, str] | None = None,
        known: Scrubber | None = None,
        erase: Erase = lambda _bucket, _key: None,
    ) -> None:
        self._root = root.absolute()
        self._key = key
        self._known = known or Scrubber()
        self._erase = erase
        self._settings = settings or TerraformSettings()
        self._inherited = dict(os.environ if inherited is None else inherited)
        self._surroundings = surroundings(self._inherited, cloud or {})
        slots = self._settings.concurrency or concurrency_cap()
        runner = Runner(self.binary, slots, grace=self._settings.grace, lock_wait=self._settings.lock_wait)
        self._preparation = Preparation(
            self._root, self._settings, self._surroundings, runner, self._inherited, self._known
        )
        self._binary: binaries.Binary | None = None
        self._once = threading.Lock()
        self._said_removed = False
        self._planned: set[Path] = set()

    def close(self) -> None:
        """Drop the plans that were made and not applied: each holds every secret of its stack, and the next run plans anew."""
        while self._planned:
            plans.discard(self._planned.pop())

    def binary(self) -> binaries.Binary:
        """The Terraform in use, found and checked once. Raises TerraformMissing, TerraformVersionUnsupported."""
        with self._once:
            if self._binary is None:
                self._binary = binaries.find(self._settings.binary, self._inherited)
            return self._binary

    # --- the port ---

    def fingerprint(self, source: Path) -> str:
        return configuration.fingerprint(source)

    def files(self, source: Path) -> Iterable[Path]:
        return configuration.files(source).values()

    def validate(self, stack: StackSpec, run: Run) -> Sequence[Diagnostic]:
        """What `terraform validate` says; a module that cannot even be initialised is told in the same way."""
        at = self._open(stack, run)
        variables.check(at.root, stack.variables, stack.label)
        try:
            self._preparation.initialise(at)
        except failures.ConfigurationInvalid as error:
            return error.diagnostics
        finished = at.execute(command.validate(), self._settings.deadlines.validate)
        if not finished.stdout.strip():
            raise at.failure(finished, command.validate())
        return parse.validation(finished.stdout, stack.source, at.scrub)

    def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
        """Raises TerraformFailed in one of its classes; a plan that is returned can be applied."""
        if destroy and self._never_begun(stack):
            return self._nothing(stack)
        at = self._open(stack, run)
        work = at.work
        if destroy and (at.holds_nothing or (at.remote and not self._listed(at))):
            return self._nothing(stack)
        given = self._variables(at, remembered=destroy)
        self._preparation.initialise(at)
        self._preparation.look_at_endpoint(at)
        self._preparation.push_back_state(at)
        try:
            return outliving(at, lambda: self._plan(at, given, destroy))
        except INIT_MISSING:
            if not work.initialised.exists():
                raise
            work.initialised.unlink()
            self._preparation.initialise(at)
            return self._plan(at, given, destroy)

    def predict(self, stack: StackSpec, unknown: frozenset[str], run: Run) -> Plan:
        """A plan that cannot be applied; through a module that calls the stack's own where a value is not known."""
        if not unknown:
            plan = self.plan(stack, run)
            if plan.token:
                plans.discard(Path(plan.token))
            return replace(plan, fidelity=Fidelity.PREDICTED, token="")
        if self.resources(stack, run):
            reason = f"it stands already, and {', '.join(sorted(unknown))} is known only after others are applied"
            return foresight.none(stack.name, self._name_of(stack, {"unforeseen": sorted(unknown)}), reason)
        at = self._open(stack, run)
        variables.check(at.root, {**stack.variables, **dict.fromkeys(unknown)}, stack.label)
        self._preparation.look_at_endpoint(at)
        ahead = foresight.Foresight.of(at, sorted(unknown))
        try:
            return self._foreseen(stack, ahead, sorted(unknown))
        except failures.TerraformFailed as error:
            reason = foresight.undecidable(error)
            if not reason:
                raise
            return foresight.none(stack.name, self._name_of(stack, {"undecidable": reason}), reason)
        finally:
            ahead.close()

    def apply(self, stack: StackSpec, plan: Plan, run: Run) -> Applied:
        """Apply the saved plan file and nothing else. Raises StalePlan, ResourceFailed and the other TerraformFailed."""
        if plan.destroy and not plan.token and not plan.applyable:
            return Applied()
        at = self._open(stack, run)
        path = plans.verified(at.work, plan, stack.label)
        if not plan.applyable:
            return Applied({} if plan.destroy else self._outputs(at))
        self._preparation.initialise(at)
        self._preparation.look_at_endpoint(at)
        deadlines = self._settings.deadlines
        argv = command.apply(path, lock_timeout=deadlines.state_lock, parallelism=self._settings.parallelism)

        def act() -> Listener:
            listener = at.listener()
            finished = at.execute(argv, deadlines.apply, listener)
            if listener.dump is not None:
                left = rescue(listener.dump, reserve, at.site.cwd)
                told = f"{stack.name}: the state could be written nowhere, and was put into {left}: the next plan pushes it"
                run.say("state.rescued", told, level=Level.WARNING, stack=stack.name)
            if finished.returncode != 0:
                raise at.failure(finished, argv, listener, stage="apply")
            return listener

        try:
            with Reserve(at.work) as reserve:
                listener = outliving(at, act)
        finally:
            plans.discard(path)  # it is used up, and it holds secrets
        outputs = {} if plan.destroy else self._outputs_after(at, listener)
        return Applied(outputs, tuple(listener.changed), tuple(listener.diagnostics))

    def as_applied(self, stack: StackSpec, plan: Plan, run: Run) -> Plan:
        """What was unknown is read from the state; without anything unknown nothing is run."""
        if not any(change.unknown for change in plan.changes):
            return plan
        at = self._open(stack, run)
        self._preparation.initialise(at)
        made = holdings.read(at.succeed(command.show_state(), self._settings.deadlines.show), at.scrub)
        self._known.add(made.secrets)
        return replace(plan, changes=tuple(map(made.of, plan.changes)))

    def adopt(self, stack: StackSpec, address: str, id: str, run: Run) -> None:
        """`terraform import`, with the variables that the stack gives now, or else gave last."""
        at = self._open(stack, run)
        given = self._variables(at, remembered=True)
        self._preparation.initialise(at)
        deadlines = self._settings.deadlines
        with variables.files(at.work.variables, plans.fresh(at.work).with_suffix(".tfvars.json"), given) as files:
            argv = command.adopt(address, id, variables=files, lock_timeout=deadlines.state_lock)
            outliving(at, lambda: at.succeed(argv, deadlines.plan, given.secret))

    def keep(self, stack: StackSpec, address: str, run: Run) -> None:
        """`terraform untaint`."""
        at = self._open(stack, run)
        deadlines = self._settings.deadlines
        argv = command.keep(address, lock_timeout=deadlines.state_lock)
        outliving(at, lambda: at.succeed(argv, deadlines.output))

    def outputs(self, stack: StackSpec, run: Run) -> Outputs:
        """Empty where nothing was ever applied."""
        if self._never_begun(stack):
            return {}
        return self._outputs(self._open(stack, run))

    def resources(self, stack: StackSpec, run: Run) -> Sequence[str]:
        """Managed resources only: data sources are looked at, not had."""
        return () if self._never_begun(stack) else self._listed(self._open(stack, run))

    def forget(self, stack: StackSpec) -> None:
        """Raises NotEmpty while the state names resources, and ToolBusy while a Terraform works there."""
        if self._never_begun(stack):
            return
        at = self._open(stack, Run())
        if left := self._listed(at):
            raise NotEmpty(
                f"{stack.label} still has {len(left)} resources: {', '.join(left[:5])}{' ...' if len(left) > 5 else ''}",
                hint="take the environment down first",
                facts={"resources": list(left)},
            )
        if at.remote:
            self._erase(at.remote.bucket, at.remote.key)
        at.work.remove()

    # --- parts of them ---

    def _never_begun(self, stack: StackSpec) -> bool:
        """Whether there is certainly nothing of the stack: no directory here, and no bucket that others may have used."""
        return self._settings.bucket is None and not workdir(self._root, stack).path.exists()

    def _listed(self, at: Session) -> Sequence[str]:
        """Addresses of the managed resources in the state."""
        if at.holds_nothing:
            return ()
        self._preparation.initialise(at)
        argv = command.state_list()
        finished = at.execute(argv, self._settings.deadlines.output)
        if finished.returncode == 0:
            return parse.addresses(finished.stdout)
        if "No state file was found" in finished.stderr:
            return ()
        raise at.failure(finished, argv)

    def _open(self, stack: StackSpec, run: Run) -> Session:
        self.binary()
        removed = self._surroundings.removed
        if removed and not self._said_removed:
            self._said_removed = True
            told = f"not handed to Terraform, because they would change what a plan means: {', '.join(removed)}"
            run.say("environment.ignored", told, level=Level.WARNING, names=list(removed))
        return self._preparation.session(stack, run)

    def _plan(self, at: Session, given: variables.Routed, destroy: bool) -> Plan:
        deadlines = self._settings.deadlines
        path = plans.fresh(at.work)
        listener = at.listener()
        with variables.files(at.work.variables, path.with_suffix(".tfvars.json"), given) as files:
            argv = command.plan(
                path,
                variables=files,
                destroy=destroy,
                lock_timeout=deadlines.state_lock,
                parallelism=self._settings.parallelism,
            )
            finished = at.execute(argv, deadlines.plan, listener, given.secret)
        if finished.returncode not in (0, 2):
            path.unlink(missing_ok=True)  # an errored plan is saved too
            raise at.failure(finished, argv, listener)
        shown = at.succeed(command.show(path), deadlines.show)
        moving.settle(at, path)
        places = written.resources(at.stack.source, written.installed(at.work.data, at.site.cwd))
        document = parse.plan(shown, at.scrub, at.stack.tags, places)
        self._known.add(document.secrets)
        return self._told(at, path, document, listener, destroy)

    def _foreseen(self, stack: StackSpec, ahead: foresight.Foresight, unknown: Sequence[str]) -> Plan:
        at, deadlines, path = ahead.at, self._settings.deadlines, ahead.plan_file
        at.succeed(command.init(reconfigure=False), deadlines.init)
        listener = at.listener()
        with variables.files(ahead.variables, path.with_suffix(".tfvars.json"), ahead.given) as files:
            argv = command.plan(path, variables=files, parallelism=self._settings.parallelism)
            finished = at.execute(argv, deadlines.plan, listener)
        if finished.returncode not in (0, 2):
            raise at.failure(finished, argv, listener)
        places = written.resources(stack.source, written.installed(at.work.data, at.site.cwd))
        shown = at.succeed(command.show(path), deadlines.show)
        document = parse.plan(shown, at.scrub, at.stack.tags, foresight.called(places))
        self._known.add(document.secrets)
        changes = foresight.own_changes(document.changes)
        content = {"foreseen": sorted((c.address, c.action.value) for c in changes), "unknown": list(unknown)}
        return Plan(
            stack=stack.name,
            digest=self._name_of(stack, content),
            fidelity=Fidelity.PREDICTED,
            changes=changes,
            diagnostics=tuple(listener.diagnostics),
            applyable=document.applyable,
        )

    def _name_of(self, stack: StackSpec, content: Mapping[str, object]) -> str:
        """A plan's digest: what decides about the outcome, and nothing that changes by itself."""
        given = {
            "stack": stack.label,
            "source": self.fingerprint(stack.source),
            "variables": dict(stack.variables),
            "tags": dict(stack.tags),
        }
        return digest(given | dict(content), self._key)

    def _told(self, at: Session, path: Path, document: parse.PlanDocument, listener: Listener, destroy: bool) -> Plan:
        """The plan as a value; its digest covers what decides about the outcome, and nothing that changes by itself."""
        stack = at.stack
        state = plans.state_identity(path)
        name = self._name_of(stack, {"destroy": destroy, "state": state, **document.essence})
        plans.remember(path, name)
        self._planned.add(path)
        return Plan(
            stack=stack.name,
            digest=name,
            fidelity=Fidelity.EXACT,
            changes=document.changes,
            drift=document.drift,
            outputs=document.outputs,
            outputs_changed=document.outputs_changed,
            diagnostics=(*listener.diagnostics, *_untagged(document.untagged, stack.tags)),
            token=str(path),
            state=digest(state, self._key) if state else "",
            destroy=destroy,
            complete=document.complete,
            applyable=document.applyable,
            errored=document.errored,
        )

    def _nothing(self, stack: StackSpec) -> Plan:
        """The plan to destroy what is not there."""
        return Plan(stack.name, digest({"stack": stack.label, "nothing": True}, self._key), destroy=True)

    def _outputs(self, at: Session) -> Outputs:
        if at.own_backend and not at.work.state.exists() and not at.work.is_elsewhere():
            return {}
        self._preparation.initialise(at)
        return parse.outputs(at.succeed(command.output(), self._settings.deadlines.output))

    def _outputs_after(self, at: Session, listener: Listener) -> Outputs:
        """Outputs at the end of an apply: from its stream, which saves a second, unless a value is missing there."""
        streamed = parse.streamed_outputs(listener.outputs) if listener.outputs is not None else None
        return self._outputs(at) if streamed is None else streamed

    def _variables(self, at: Session, *, remembered: bool) -> variables.Routed:
        """What the stack gives; `remembered` also what it gave last, where its source is gone already."""
        variables.check(at.root, at.stack.variables, at.stack.label)
        given = dict(at.stack.variables)
        if remembered:
            last = variables.remembered(at.work.variables)
            given = {name: value for name, value in last.items() if name in at.root.variables} | given
        return variables.route(at.root, given)


def _untagged(addresses: Sequence[str], tags: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))
    return tuple(
        Diagnostic(
            Severity.WARNING,
            "The environment's tags do not reach this resource",
            f"Its plan lacks some of {wanted}: after a teardown it cannot be proven gone by its tag. AWS provider 5.62 or later "
            "takes default tags from the environment; an auto scaling group needs `tag` blocks of its own.",
            address=address,
        )
        for address in addresses
    )
