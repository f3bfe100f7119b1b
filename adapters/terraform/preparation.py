"""Everything before a command can do its work: working copy, backend, CLI configuration, `terraform init`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from adapters.terraform import backend, command, configuration, failures, mirrors, moving, parse
from adapters.terraform.endpoint import silence
from adapters.terraform.environment import Surroundings
from adapters.terraform.rescue import ERRORED_STATE
from adapters.terraform.runner import Runner, Site
from adapters.terraform.session import Session
from adapters.terraform.settings import TerraformSettings
from adapters.terraform.statelock import outliving
from adapters.terraform.workdir import LOCK, Workdir, mirror, other_users, workdir, write_private
from lifecycle.digest import digest
from lifecycle.events import Level
from lifecycle.plan import Severity
from lifecycle.ports import Run, StackSpec
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import sensitive_parts

LOCKS_IN_S3: Final = (1, 10)
"""The first Terraform that knows `use_lockfile`."""


class Preparation:
    """Opens sessions. `inherited` is our own environment: where mirrors and the user's CLI configuration are found; `known` are the run's secrets."""

    def __init__(
        self,
        root: Path,
        settings: TerraformSettings,
        surroundings: Surroundings,
        runner: Runner,
        inherited: Mapping[str, str],
        known: Scrubber,
    ) -> None:
        self._root = root
        self._settings = settings
        self._surroundings = surroundings
        self._runner = runner
        self._inherited = inherited
        self._known = known

    def session(self, stack: StackSpec, run: Run) -> Session:
        """The stack with its working copy brought up to date; nothing is initialised yet."""
        modules = configuration.module_tree(stack.source)
        work = workdir(self._root, stack)
        work.prepare()
        remote = backend.remote(stack, modules[0], self._settings.bucket, self._surroundings.variables)
        here = mirror(modules, work, backend.override(modules[0], work, remote))
        environment = self._surroundings.command(
            data_dir=work.data, cli_config=self._cli_config(work, modules[0].path), tags=stack.tags
        )
        return Session(
            stack=stack,
            work=work,
            modules=modules,
            site=Site(stack.label, here, work.tool_lock, environment),
            surroundings=self._surroundings,
            scrub=Scrubber(sensitive_parts(dict(stack.variables)), above=self._known),
            run=run,
            runner=self._runner,
            until=time.monotonic() + run.deadline.total_seconds(),
            endpoint_patience=self._settings.endpoint_patience,
            remote=remote,
        )

    def initialise(self, at: Session) -> None:
        """`terraform init`, unless everything that it depends on and everything that it made is as it was."""
        work, label = at.work, at.stack.label
        if _marked(work.initialised) == self._init_digest(at) and intact(work, at.site.cwd):
            return
        work.initialised.unlink(missing_ok=True)
        _drop_broken_manifest(work)
        reconfigure = moving.reconfigures(at)
        if at.remote:
            self._check_version(label)
        at.run.say("stack.initialising", f"{at.stack.name}: preparing providers and modules", stack=at.stack.name)
        argv = command.init(reconfigure=reconfigure, backend_config=self._backend_config(at))
        try:
            at.succeed(argv, self._settings.deadlines.init)
        except failures.ConfigurationInvalid as error:
            raise self._with_columns(at, error) from None
        except failures.TerraformFailed as error:
            raise moving.without_bucket(at, error) from None
        moving.move(at, self._settings.deadlines.output)
        for other in other_users(self._root, work):
            raise failures.SharedState(
                f"{label} would keep its state in the same place of the same {at.root.backend} backend as "
                f"{other.path.relative_to(self._root)}"
            )
        write_private(work.initialised, json.dumps(self._init_digest(at)))

    def _check_version(self, label: str) -> None:
        version = self._runner.binary().version
        if tuple(int(n) for n in re.findall(r"\d+", version)[:2]) < LOCKS_IN_S3:
            raise failures.VersionConflict(
                f"{label}: Terraform {version} knows no lock in S3, without which two writers would meet there",
                hint="take Terraform 1.10 or later (BATON_TERRAFORM), or keep the state on this machine: remove `backend:`",
            )

    def _with_columns(self, at: Session, error: failures.TerraformFailed) -> failures.TerraformFailed:
        """The same error with the exact place: `init` tells lines only, `validate` needs no providers to find bad syntax."""
        finished = at.execute(command.validate(), self._settings.deadlines.validate)
        with suppress(parse.UnreadableOutput):
            told = parse.validation(finished.stdout, at.stack.source, at.scrub)
            if any(one.severity is Severity.ERROR and one.where for one in told):
                return failures.classify(told, "", subject=at.stack.label, command="init")
        return error

    def look_at_endpoint(self, at: Session) -> None:
        """Raise EndpointUnreachable where a stack that uses AWS has an endpoint that does not answer."""
        if at.endpoint and (reason := silence(at.endpoint)):
            raise failures.EndpointUnreachable(
                f"{at.stack.label}: nothing answers at {at.endpoint}: {reason}", facts={"endpoint": at.endpoint}
            )

    def push_back_state(self, at: Session) -> None:
        """Give the backend the state that an apply could not write there: Terraform leaves it as `errored.tfstate`."""
        left = at.site.cwd / ERRORED_STATE
        if not left.is_file():
            return
        if not left.stat().st_size:  # begun on a disk that was full
            left.unlink()
            return
        outliving(at, lambda: at.succeed(command.push_state(left), self._settings.deadlines.output))
        left.unlink()
        words = f"{at.stack.name}: the state that an earlier apply could not write was written now"
        at.run.say("stack.pushed", words, level=Level.WARNING, stack=at.stack.name)

    def _backend_config(self, at: Session) -> Path | None:
        """A file with what the settings add to the module's own backend block."""
        if at.root.backend in (*backend.LOCAL, "cloud") or not self._settings.backend_config:
            return None
        ref = at.stack.environment
        names = {"blueprint": ref.blueprint, "environment": ref.name, "stack": at.stack.name}
        lines = [f"{k} = {json.dumps(v.format(**names))}\n" for k, v in self._settings.backend_config.items()]
        write_private(at.work.backend_config, "".join(lines))
        return at.work.backend_config

    def _cli_config(self, work: Workdir, module: Path) -> Path | None:
        found = mirrors.discover(self._settings.mirrors, self._inherited, module=module)
        implied = set(mirrors.implied_directories(self._inherited, module))
        text = mirrors.cli_configuration(found, self._inherited, implied_only=set(found) <= implied)
        if text is None:
            work.cli_config.unlink(missing_ok=True)
            return None
        write_private(work.cli_config, text)
        return work.cli_config

    def _init_digest(self, at: Session) -> str:
        parts: list[Any] = [
            self._runner.binary().version,
            configuration.configuration_digest(at.modules),
            str(at.site.cwd),
            dict(self._settings.backend_config),
            dict(at.remote.settings) if at.remote else {},
            [_text(file) for file in (at.site.cwd / LOCK, at.work.cli_config)],
        ]
        return digest(parts)


def intact(work: Workdir, here: Path) -> bool:
    """Whether what `init` made is still there: the backend's record, every provider, every module's directory."""
    if not (work.data / "terraform.tfstate").is_file():
        return False
    providers = list((work.data / "providers").glob("*/*/*/*/*"))
    locked = f"\n{_text(here / LOCK)}".count('\nprovider "')
    if len(providers) < locked or not all(path.exists() for path in providers):
        return False  # a link into a mirror or a cache may dangle
    try:
        manifest = json.loads(_text(_modules_manifest(work)) or "{}")
    except ValueError:
        return False
    return all((here / module.get("Dir", ".")).is_dir() for module in manifest.get("Modules", ()))


def _drop_broken_manifest(work: Workdir) -> None:
    """Remove a list of modules that a killed `init` left half written: the next one would refuse to start."""
    manifest = _modules_manifest(work)
    try:
        json.loads(_text(manifest) or "{}")
    except ValueError:
        manifest.unlink()


def _modules_manifest(work: Workdir) -> Path:
    return work.data / "modules" / "modules.json"


def _marked(path: Path) -> str:
    with suppress(ValueError):
        return str(json.loads(_text(path)))
    return ""


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""
