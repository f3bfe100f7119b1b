"""One call of the port at work on one stack: its working copy, its surroundings, its commands and how they fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from adapters.process.runner import Finished
from adapters.terraform import command, failures, parse
from adapters.terraform.backend import LOCAL, Remote
from adapters.terraform.configuration import Module
from adapters.terraform.endpoint import Watch
from adapters.terraform.environment import Surroundings
from adapters.terraform.events import Listener
from adapters.terraform.runner import Runner, Site
from adapters.terraform.statelock import ASKING, Witness
from adapters.terraform.workdir import Workdir
from lifecycle.errors import CUT_OFF
from lifecycle.ports import Cancellation, Cancelled, PartCancellation, Run, StackSpec
from lifecycle.scrub import Scrubber


@dataclass(frozen=True, slots=True)
class Session:
    """A stack whose working copy is up to date. `until` (monotonic seconds) is when the call must be over."""

    stack: StackSpec
    work: Workdir
    modules: tuple[Module, ...]
    site: Site
    surroundings: Surroundings
    scrub: Scrubber
    run: Run
    runner: Runner
    until: float
    endpoint_patience: timedelta = timedelta(seconds=90)
    remote: Remote | None = None  # where the state lies in the bucket of blueprint or settings

    @property
    def root(self) -> Module:
        return self.modules[0]

    @property
    def own_backend(self) -> bool:
        """Whether the state is in our working directory: the module names no backend, or just `local`, and no bucket keeps it."""
        return self.root.backend in LOCAL and self.remote is None

    @property
    def holds_nothing(self) -> bool:
        """Whether there is certainly no state: it would be in our working directory, was nowhere else before, and is not there."""
        return self.own_backend and not self.work.holds_local_state() and not self.work.is_elsewhere()

    @property
    def uses_aws(self) -> bool:
        """Whether `init` brought the AWS provider."""
        return any((self.work.data / "providers").glob("*/hashicorp/aws"))

    @property
    def endpoint(self) -> str:
        """The endpoint that the stack's provider asks; empty where it asks AWS itself, or none."""
        return self.surroundings.variables.get("AWS_ENDPOINT_URL", "") if self.uses_aws else ""

    def listener(self) -> Listener:
        return Listener(self.run.say, self.stack.source, self.scrub)

    def execute(
        self,
        argv: Sequence[str],
        longest: timedelta,
        on_line: Callable[[str], None] | None = None,
        secret: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a command to its end, whatever its exit code. `secret` are Terraform variables for its environment."""
        site = self.site
        if secret:
            extra = {f"TF_VAR_{name}": value for name, value in secret.items()}
            site = replace(site, environment={**site.environment, **extra})
        if on_line is None:
            return self.runner.run(site, argv, self.run, until=self.until, longest=longest)
        try:
            return self._worked(site, argv, longest, on_line)
        finally:
            self.work.seal()

    def _worked(self, site: Site, argv: Sequence[str], longest: timedelta, on_line: Callable[[str], None]) -> Finished:
        with Witness(self, argv[0]) as witness:
            heard = (
                on_line if self.own_backend else witness.hearing(on_line)
            )  # a local state's lock ends with its process
            return self._watched(site, argv, longest, heard)

    def _watched(self, site: Site, argv: Sequence[str], longest: timedelta, on_line: Callable[[str], None]) -> Finished:
        """Run a command that talks to the cloud. Raises EndpointUnreachable where nobody answers there for too long."""
        cancel = PartCancellation(self.run.cancel)
        run = replace(self.run, cancel=cancel)
        if not self.endpoint:
            return self.runner.run(site, argv, run, until=self.until, longest=longest, on_line=on_line)
        with Watch(self.endpoint, self.endpoint_patience, cancel) as watch:
            try:
                return self.runner.run(site, argv, run, until=self.until, longest=longest, on_line=on_line)
            except Cancelled as error:
                if self.run.cancel.requested or not watch.silent:
                    raise
                raise failures.EndpointUnreachable(
                    f"{error.message}: {watch.silent}", facts={"endpoint": self.endpoint}
                ) from error

    def who_locks(self, cancel: Cancellation) -> Mapping[str, str] | None:
        """Who holds the state's lock now, as Terraform tells who comes second; None where nobody does."""
        argv = command.ask_for_lock()
        finished = self.runner.ask(self.site, argv, cancel, ASKING)
        error = self.failure(finished, argv)
        lock: Mapping[str, str] = error.facts.get("lock") or {}
        return lock if isinstance(error, failures.StateLocked) and lock.get("id") else None

    def succeed(self, argv: Sequence[str], longest: timedelta, secret: Mapping[str, str] | None = None) -> bytes:
        """Run a command that must exit with 0; its stdout."""
        finished = self.execute(argv, longest, None, secret)
        if finished.returncode != 0:
            raise self.failure(finished, argv)
        return finished.stdout

    def failure(
        self, finished: Finished, argv: Sequence[str], listener: Listener | None = None, stage: str = ""
    ) -> failures.TerraformFailed:
        """The error for how a command ended."""
        stderr = self.scrub.text(finished.stderr)
        said = list(listener.diagnostics) if listener else []
        said += parse.text_diagnostics(stderr, self.stack.source, self.scrub)
        words = "\n".join([stderr, *map(self.scrub.text, listener.noise if listener else ())])
        if finished.returncode > 128 and not said:
            words += f"\nended by signal {finished.returncode - 128}"
        error = failures.classify(said, words, subject=self.stack.label, command=argv[0], stage=stage)
        if listener and listener.interrupted:
            error.add_facts(**{CUT_OFF: True})
        return error
