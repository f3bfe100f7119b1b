"""How the Terraform adapter works, as one value. Every field has a default that serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from lifecycle.blueprint.backend import S3

GRACE = timedelta(seconds=20)
"""From SIGINT to SIGKILL. Prefect's worker kills a cancelled flow after 30 s: the tool has to be done before, SETTLE included."""
SETTLE = timedelta(seconds=6)
"""How long a fresh `apply` takes no SIGINT: one that comes before its walk has begun is lost, and the apply goes on for good."""
ORPHAN_GRACE = timedelta(minutes=5)
"""From SIGINT to SIGKILL when the run itself was killed. Nobody waits for it then, and a Terraform that is killed while an
instance is being made leaves it out of the state; one that finishes leaves nothing behind."""
LOCK_WAIT = ORPHAN_GRACE + timedelta(seconds=30)
"""How long to wait for the Terraform that a killed run left finishing."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The longest that one command may take, within what is left of the whole call."""

    init: timedelta = timedelta(minutes=15)
    """It may download providers: hundreds of megabytes."""
    validate: timedelta = timedelta(minutes=5)
    plan: timedelta = timedelta(minutes=30)
    """10,000 resources took 364 s."""
    show: timedelta = timedelta(minutes=10)
    apply: timedelta = timedelta(hours=6)
    output: timedelta = timedelta(minutes=5)
    state_lock: timedelta = timedelta(seconds=20)
    """How long Terraform itself waits for the state's lock (-lock-timeout)."""


@dataclass(frozen=True, slots=True)
class TerraformSettings:
    """What may be set. `{blueprint}`, `{environment}` and `{stack}` in `backend_config` are filled in for each stack."""

    binary: str = ""
    """Path or name of the terraform command. Empty: the one on PATH, then the packaged one."""
    mirrors: tuple[Path, ...] = ()
    """Filesystem mirrors to look at before the ones that are found."""
    backend_config: Mapping[str, str] = field(default_factory=dict)
    """For modules with a remote backend: what to add to its block, e.g. {"key": "{blueprint}/{environment}/{stack}.tfstate"}."""
    bucket: S3 | None = None
    """What keeps the states of modules that name no backend. None: each stack's own directory."""
    parallelism: int | None = None
    """Resources at a time. None: Terraform's default, ten."""
    concurrency: int | None = None
    """Terraforms at a time. None: what this machine bears (runner.concurrency_cap)."""
    endpoint_patience: timedelta = timedelta(seconds=90)
    """How long the endpoint that AWS_ENDPOINT_URL names may answer nobody while a command that uses it runs."""
    grace: timedelta = GRACE
    lock_wait: timedelta = LOCK_WAIT
    deadlines: Deadlines = field(default_factory=Deadlines)
