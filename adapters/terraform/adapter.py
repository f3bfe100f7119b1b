"""Terraform as the Provisioner: plan, apply exactly that plan, outputs, and nothing left in the user's tree."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.process.runner import Finished
from adapters.terraform import binary as binaries
from adapters.terraform import command, configuration, failures, mirrors, parse, plans, variables
from adapters.terraform.configuration import Module
from adapters.terraform.environment import Surroundings, surroundings
from adapters.terraform.events import Listener
from adapters.terraform.redact import Scrubber, sensitive_parts
from adapters.terraform.runner import GRACE, LOCK_WAIT, Runner, Site, concurrency_cap
from adapters.terraform.workdir import NotEmpty, Workdir, mirror, other_users, workdir, write_private
from lifecycle.digest import digest
from lifecycle.errors import BatonError
from lifecycle.events import Level
from lifecycle.plan import Applied, Diagnostic, Fidelity, Outputs, Plan, Severity
from lifecycle.ports import Run, StackSpec

PLUGINS_MISSING = (failures.ProviderUnavailable, failures.ModuleUnavailable, failures.BackendChanged)
"""What a command says when `init` was skipped and should not have been."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The longest that one command may take, within what is left of the whole call."""

    init: timedelta = timedelta(minutes=15)  # downloads providers: hundreds of megabytes
    validate: timedelta = timedelta(minutes=5)
    plan: timedelta = timedelta(minutes=30)  # 10,000 resources took 364 s
    show: timedelta = timedelta(minutes=10)
    apply: timedelta = timedelta(hours=6)
    output: timedelta = timedelta(minutes=5)
    state_lock: timedelta = timedelta(seconds=20)  # given to Terraform as -lock-timeout


@dataclass(frozen=True, slots=True)
class TerraformSettings:
    """How an adapter works. Every field has a default that serves."""

    binary: str = ""  # path or name; empty: PATH, then the packaged one
    mirrors: tuple[Path, ...] = ()  # further filesystem mirrors
    backend_config: Mapping[str, str] = field(default_factory=dict)
    # for modules with a backend of their own; `{blueprint}`, `{environment}`, `{stack}` are filled in, e.g.
    # {"key": "{blueprint}/{environment}/{stack}.tfstate"}
    parallelism: int | None = None  # resources at a time; None: Terraform's ten
    concurrency: int | None = None  # Terraforms at a time; None: what this machine bears
    grace: timedelta = GRACE
    lock_wait: timedelta = LOCK_WAIT
    deadlines: Deadlines = Deadlines()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stack whose working copy is up to date."""

    stack: StackSpec
    work: Workdir
    modules: tuple[Module, ...]
    site: Site
    surroundings: Surroundings
    cli_config: Path | None
    scrub: Scrubber
    until: float

    @property
    def root(self) -> Module:
        return self.modules[0]

    @property
    def own_backend(self) -> bool:
        """Whether the state is in our working directory: the module names no backend, or just `local`."""
        return self.root.backend in ("", "local")

    def given(self, secret: Mapping[str, str]) -> Site:
        """The site with Terraform variables in its environment."""
        env = self.surroundings.command(
            data_dir=self.work.data, cli_config=self.cli_config, tags=self.stack.tags, variables=secret
        )
        return replace(self.site, environment=env)


class TerraformProvisioner:
    """The Provisioner port over the terraform command.

    `root` is the directory of all working directories, `key` the store's HMAC key (plan digests cover secrets), `cloud` the
    environment that the providers get (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...; empty: what our own environment has).
    """

    def __init__(
        self,
        root: Path,
        key: bytes,
        cloud: Mapping[str, str] | None = None,
        settings: TerraformSettings | None = None,
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        self._root = root.absolute()
        self._key = key
        self._inherited = dict(os.environ if inherited is None else inherited)
        self._settings = settings or TerraformSettings()
        self._surroundings = surroundings(self._inherited, cloud or {})
        slots = self._settings.concurrency or concurrency_cap()
        self._runner = Runner(self.binary, slots, grace=self._settings.grace, lock_wait=self._settings.lock_wait)
        self._binary: binaries.Binary | None = None
        self._once = threading.Lock()
        self._said_removed = False

    # --- the port ---

    def fingerprint(self, source: Path) -> str:
        return configuration.fingerprint(source)

    def validate(self, stack: StackSpec, run: Run) -> Sequence[Diagnostic]:
        """What `terraform validate` says; a module that cannot even be initialised is told in the same way."""
        ready = self._prepare(stack, run)
        variables.check(ready.root, stack.variables, stack.label)
        try:
            self._init(ready, run)
        except failures.ConfigurationInvalid as error:
            return error.diagnostics
        finished = self._run(ready.site, command.validate(), run, ready, self._settings.deadlines.validate)
        return parse.validation(finished.stdout, stack.source, ready.scrub)

    def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
        """Raises TerraformFailed in one of its classes; a plan that is returned can be applied."""
        work = workdir(self._root, stack)
        if destroy and not work.path.exists():
            return self._nothing(stack)
        ready = self._prepare(stack, run)
        if destroy and ready.own_backend and not work.holds_local_state():
            return self._nothing(stack)
        given = self._variables(ready, destroy)
        self._init(ready, run)
        self._look_at_endpoint(ready)
        try:
            return self._plan(ready, given, run, destroy)
        except PLUGINS_MISSING:
            if not work.initialised.exists():
                raise
            work.initialised.unlink()
            self._init(ready, run)
            return self._plan(ready, given, run, destroy)

    def apply(self, stack: StackSpec, plan: Plan, run: Run) -> Applied:
        """Apply the saved plan file and nothing else. Raises StalePlan, ResourceFailed and the other TerraformFailed."""
        ready = self._prepare(stack, run)
        if plan.destroy and not plan.applyable and not plan.token:
            return Applied()
        path = plans.verified(ready.work, plan, stack.label)
        if not plan.applyable:
            return Applied(self._outputs(ready, run))
        self._init(ready, run)
        self._look_at_endpoint(ready)
        listener = Listener(run.say, stack.source, ready.scrub)
        deadlines = self._settings.deadlines
        argv = command.apply(path, lock_timeout=deadlines.state_lock, parallelism=self._settings.parallelism)
        try:
            finished = self._runner.run(
                ready.site, argv, run, until=ready.until, longest=deadlines.apply, on_line=listener
            )
        finally:
            plans.discard(path)  # it is used up, and it holds secrets
        if finished.returncode != 0:
            raise self._failure(ready, finished, argv, listener, stage="apply")
        outputs = {} if plan.destroy else self._outputs(ready, run)
        return Applied(outputs, tuple(listener.changed), tuple(listener.diagnostics))

    def outputs(self, stack: StackSpec, run: Run) -> Outputs:
        """Empty where nothing was ever applied."""
        if not workdir(self._root, stack).path.exists():
            return {}
        return self._outputs(self._prepare(stack, run), run)

    def resources(self, stack: StackSpec, run: Run) -> Sequence[str]:
        """Managed resources only: data sources are looked at, not had."""
        if not workdir(self._root, stack).path.exists():
            return ()
        ready = self._prepare(stack, run)
        if ready.own_backend and not ready.work.holds_local_state():
            return ()
        self._init(ready, run)
        argv = command.state_list()
        finished = self._runner.run(ready.site, argv, run, until=ready.until, longest=self._settings.deadlines.output)
        if finished.returncode != 0:
            if "No state file was found" in finished.stderr:
                return ()
            raise self._failure(ready, finished, argv)
        return parse.addresses(finished.stdout)

    def forget(self, stack: StackSpec) -> None:
        """Raises NotEmpty while the state names resources, and ToolBusy while a Terraform works there."""
        work = workdir(self._root, stack)
        if not work.path.exists():
            return
        if left := self.resources(stack, Run()):
            raise NotEmpty(
                f"{stack.label} still has {len(left)} resources: {', '.join(left[:5])}{' ...' if len(left) > 5 else ''}",
                hint="take the environment down first",
                facts={"resources": list(left)},
            )
        work.remove()

    @property
    def binary_found(self) -> binaries.Binary:
        """The Terraform in use, with its version. Raises TerraformMissing, TerraformVersionUnsupported."""
        return self.binary()

    def binary(self) -> binaries.Binary:
        with self._once:
            if self._binary is None:
                self._binary = binaries.find(self._settings.binary, self._inherited)
            return self._binary

    # --- steps ---

    def _prepare(self, stack: StackSpec, run: Run) -> Prepared:
        """Working directory, working copy, surroundings: everything but `init`."""
        self.binary()
        self._say_removed(run)
        modules = configuration.module_tree(stack.source)
        work = workdir(self._root, stack)
        work.prepare()
        here = mirror(modules, work, self._backend_override(modules[0], work))
        cli_config = self._cli_config(work, modules[0].path)
        env = self._surroundings.command(data_dir=work.data, cli_config=cli_config, tags=stack.tags)
        return Prepared(
            stack=stack,
            work=work,
            modules=modules,
            site=Site(stack.label, here, work.tool_lock, env),
            surroundings=self._surroundings,
            cli_config=cli_config,
            scrub=Scrubber(sensitive_parts(dict(stack.variables))),
            until=time.monotonic() + run.deadline.total_seconds(),
        )

    def _init(self, ready: Prepared, run: Run) -> None:
        """`terraform init`, unless everything that it depends on and everything that it made is as it was."""
        work, stack = ready.work, ready.stack
        wanted = self._init_digest(ready)
        if _marked(work.initialised) == wanted and _intact(work, ready.site.cwd):
            return
        work.initialised.unlink(missing_ok=True)
        if not ready.own_backend and work.holds_local_state():
            raise failures.BackendChanged(
                f"{stack.label}: the module now names the backend '{ready.root.backend}', and the state lies in {work.state}"
            )
        reconfigure = ready.own_backend and work.backend().get("type", "local") == "local"
        argv = command.init(reconfigure=reconfigure, backend_config=self._backend_config(ready))
        run.say("stack.initialising", f"{stack.name}: preparing providers and modules", stack=stack.name)
        self._run(ready.site, argv, run, ready, self._settings.deadlines.init)
        for other in other_users(self._root, work):
            raise failures.SharedState(
                f"{stack.label} would keep its state in the same {ready.root.backend} backend, at the same place, as "
                f"{other.path.relative_to(self._root)}"
            )
        write_private(work.initialised, json.dumps(self._init_digest(ready)))

    def _plan(self, ready: Prepared, given: variables.Routed, run: Run, destroy: bool) -> Plan:
        work, stack, deadlines = ready.work, ready.stack, self._settings.deadlines
        path = plans.fresh(work)
        variables.write(work.variables, given.plain)
        transient = path.with_suffix(".tfvars.json")
        files = [work.variables]
        listener = Listener(run.say, stack.source, ready.scrub)
        try:
            if given.transient:
                variables.write(transient, given.transient)
                files.append(transient)
            argv = command.plan(
                path,
                variables=files,
                destroy=destroy,
                lock_timeout=deadlines.state_lock,
                parallelism=self._settings.parallelism,
            )
            finished = self._runner.run(
                ready.given(given.secret), argv, run, until=ready.until, longest=deadlines.plan, on_line=listener
            )
        finally:
            transient.unlink(missing_ok=True)
        if finished.returncode not in (0, 2):
            raise self._failure(ready, finished, argv, listener)
        shown = self._run(ready.site, command.show(path), run, ready, deadlines.show)
        return self._told(ready, path, parse.plan(shown.stdout, ready.scrub, stack.tags), listener.diagnostics, destroy)

    def _told(
        self,
        ready: Prepared,
        path: Path,
        document: parse.PlanDocument,
        diagnostics: Sequence[Diagnostic],
        destroy: bool,
    ) -> Plan:
        """The plan as a value; its digest covers what decides about the outcome, and nothing that changes by itself."""
        stack = ready.stack
        name = digest(
            {
                "stack": stack.label,
                "source": self.fingerprint(stack.source),
                "variables": dict(stack.variables),
                "tags": dict(stack.tags),
                "destroy": destroy,
                "state": plans.state_identity(path),
                **document.essence,
            },
            self._key,
        )
        plans.remember(path, name)
        return Plan(
            stack=stack.name,
            digest=name,
            fidelity=Fidelity.EXACT,
            changes=document.changes,
            drift=document.drift,
            outputs=document.outputs,
            outputs_changed=document.outputs_changed,
            diagnostics=(*diagnostics, *_untagged(document.untagged, stack.tags)),
            token=str(path),
            destroy=destroy,
            complete=document.complete,
            applyable=document.applyable,
            errored=document.errored,
        )

    def _nothing(self, stack: StackSpec) -> Plan:
        """The plan to destroy what is not there."""
        return Plan(stack.name, digest({"stack": stack.label, "nothing": True}, self._key), destroy=True)

    def _outputs(self, ready: Prepared, run: Run) -> Outputs:
        if ready.own_backend and not ready.work.state.exists():
            return {}
        self._init(ready, run)
        finished = self._run(ready.site, command.output(), run, ready, self._settings.deadlines.output)
        return parse.outputs(finished.stdout)

    def _variables(self, ready: Prepared, destroy: bool) -> variables.Routed:
        """What the stack gives; for a destroy also what it gave last, where its source is gone already."""
        variables.check(ready.root, ready.stack.variables, ready.stack.label)
        given = dict(ready.stack.variables)
        if destroy:
            last = variables.remembered(ready.work.variables)
            given = {name: value for name, value in last.items() if name in ready.root.variables} | given
        return variables.route(ready.root, given)

    # --- running, failing ---

    def _run(self, site: Site, argv: Sequence[str], run: Run, ready: Prepared, longest: timedelta) -> Finished:
        """A command whose exit code must be 0 (validate: 0 or 1 with a document)."""
        finished = self._runner.run(site, argv, run, until=ready.until, longest=longest)
        if finished.returncode != 0 and not (argv[0] == "validate" and finished.stdout.strip()):
            raise self._failure(ready, finished, argv)
        return finished

    def _failure(
        self,
        ready: Prepared,
        finished: Finished,
        argv: Sequence[str],
        listener: Listener | None = None,
        stage: str = "",
    ) -> BatonError:
        stderr = ready.scrub.text(finished.stderr)
        said = list(listener.diagnostics) if listener else []
        said += parse.text_diagnostics(stderr, ready.stack.source, ready.scrub)
        words = stderr + ready.scrub.text("\n".join(listener.noise if listener else ()))
        if finished.returncode > 128 and not said:
            words += f"\nended by signal {finished.returncode - 128}"
        return failures.classify(said, words, subject=ready.stack.label, command=argv[0], stage=stage)

    def _say_removed(self, run: Run) -> None:
        removed = self._surroundings.removed
        if removed and not self._said_removed:
            self._said_removed = True
            told = f"not handed to Terraform, because they would change what a plan means: {', '.join(removed)}"
            run.say("environment.ignored", told, level=Level.WARNING, names=list(removed))

    def _look_at_endpoint(self, ready: Prepared) -> None:
        """A stack that uses AWS needs its endpoint: a refused connection costs the provider 25 s, us nothing."""
        endpoint = self._surroundings.variables.get("AWS_ENDPOINT_URL", "")
        uses_aws = any(ready.work.data.glob("providers/*/hashicorp/aws"))
        if not endpoint or not uses_aws:
            return
        url = urlsplit(endpoint)
        try:
            address = (url.hostname or "", url.port or (443 if url.scheme == "https" else 80))
            with socket.create_connection(address, timeout=5):
                return
        except (OSError, ValueError) as error:
            raise failures.EndpointUnreachable(
                f"{ready.stack.label}: nothing answers at {endpoint}: {error}", facts={"endpoint": endpoint}
            ) from error

    # --- backend, CLI configuration, init's inputs ---

    def _backend_override(self, module: Module, work: Workdir) -> str | None:
        """Our own local backend, unless the module names a remote one."""
        if module.backend not in ("", "local"):
            return None
        return json.dumps({"terraform": {"backend": {"local": {"path": str(work.state)}}}})

    def _backend_config(self, ready: Prepared) -> Path | None:
        """A file with what the settings add to the module's own backend block."""
        if ready.own_backend or ready.root.backend == "cloud" or not self._settings.backend_config:
            return None
        ref = ready.stack.environment
        names = {"blueprint": ref.blueprint, "environment": ref.name, "stack": ready.stack.name}
        lines = [f"{k} = {json.dumps(v.format(**names))}\n" for k, v in self._settings.backend_config.items()]
        path = ready.work.path / "backend.tfbackend"
        write_private(path, "".join(lines))
        return path

    def _cli_config(self, work: Workdir, module: Path) -> Path | None:
        found = mirrors.discover(self._settings.mirrors, self._inherited, module=module)
        implied = set(mirrors.implied_directories(self._inherited, module))
        text = mirrors.cli_configuration(found, self._inherited, implied_only=set(found) <= implied)
        if text is None:
            return None
        write_private(work.cli_config, text)
        return work.cli_config

    def _init_digest(self, ready: Prepared) -> str:
        work, here = ready.work, ready.site.cwd
        files = (here / ".terraform.lock.hcl", work.cli_config)
        parts: list[Any] = [
            self.binary().version,
            configuration.configuration_digest(ready.modules),
            str(here),
            dict(self._settings.backend_config),
            [file.read_text(encoding="utf-8") if file.is_file() else "" for file in files],
        ]
        return digest(parts)


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


def _marked(path: Path) -> str:
    with suppress(OSError, ValueError):
        return str(json.loads(path.read_text(encoding="utf-8")))
    return ""


def _intact(work: Workdir, here: Path) -> bool:
    """Whether what `init` made is still there: the backend's record, every provider, every module's directory."""
    if not (work.data / "terraform.tfstate").is_file():
        return False
    providers = work.data / "providers"
    if any(not path.exists() for path in providers.glob("*/*/*/*/*")):
        return False  # a link into a mirror or a cache that was removed
    lock = here / ".terraform.lock.hcl"
    locked = lock.read_text(encoding="utf-8").count('\nprovider "') if lock.is_file() else 0
    if len(list(providers.glob("*/*/*/*/*"))) < locked:
        return False
    try:
        manifest = json.loads((work.data / "modules" / "modules.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return all((here / module.get("Dir", ".")).is_dir() for module in manifest.get("Modules", ()))
