"""One call of the port at work on one stack: its working copy, its surroundings, its commands and how they fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from adapters.process.runner import Finished
from adapters.terraform import failures, parse
from adapters.terraform.configuration import Module
from adapters.terraform.environment import Surroundings
from adapters.terraform.events import Listener
from adapters.terraform.redact import Scrubber
from adapters.terraform.runner import Runner, Site
from adapters.terraform.workdir import Workdir
from lifecycle.errors import CUT_OFF
from lifecycle.ports import Run, StackSpec


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

    @property
    def root(self) -> Module:
        return self.modules[0]

    @property
    def own_backend(self) -> bool:
        """Whether the state is in our working directory: the module names no backend, or just `local`."""
        return self.root.backend in ("", "local")

    @property
    def uses_aws(self) -> bool:
        """Whether `init` brought the AWS provider."""
        return any((self.work.data / "providers").glob("*/hashicorp/aws"))

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
        return self.runner.run(site, argv, self.run, until=self.until, longest=longest, on_line=on_line)

    def succeed(self, argv: Sequence[str], longest: timedelta) -> bytes:
        """Run a command that must exit with 0; its stdout."""
        finished = self.execute(argv, longest)
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
