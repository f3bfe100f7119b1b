"""What the engine's pages show of one run: its name and tags, how far it is, the preview, what stands, what was checked.

Artifacts have a key per environment and kind, so that the UI shows how each looked before. All of it is masked.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.context import FlowRunContext

from flows.telling import tag_of, tell
from flows.writer import Writer
from lifecycle.desired import Desired, Goal
from lifecycle.environment import EnvironmentRef, Phase
from lifecycle.events import Event
from lifecycle.journal import Outcome, Step
from lifecycle.observed import Reviewed
from lifecycle.perform import Ended
from lifecycle.report.pages import Progress, certificate_page, links_page, preview_page
from lifecycle.report.tables import checks_rows, hosts_rows, reached

LONGEST: Final = 120
"""Characters of a task run's name."""


class Board:
    """A sink of events that keeps the pages of its flow run up to date. Nothing of it delays or fails the run."""

    def __init__(self, goal: Goal, mask: Callable[[Any], Any]) -> None:
        self._goal, self._mask = goal, mask
        self._context = FlowRunContext.get()
        self._writer = Writer()
        self._titles: dict[str, str] = {}
        self._progress = Progress()
        self._artifact: UUID | None = None
        self._ref: EnvironmentRef | None = None
        self._desired: Desired | None = None
        self._named = False

    def about(self, ref: EnvironmentRef) -> None:
        self._ref = ref

    def works_on(self, desired: Desired) -> None:
        self._desired = desired

    @property
    def tags(self) -> list[str]:
        """Of the flow run."""
        return [tag_of(self._ref), f"blueprint:{self._ref.blueprint}"] if self._ref else []

    def title(self, step: Step) -> str:
        """What a person calls a step, as it was said when it started."""
        name = self._titles.get(step.key) or f"{step.kind} {step.subject}"
        return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"

    def __call__(self, event: Event) -> None:
        if event.type == "run.started":
            self._name(event.message)
        if event.type == "step.started":
            self._titles[event.step] = event.message
        if self._progress.hear(event):
            self._show(at_once=event.type in ("run.started", "environment.phase"))

    def finished(self, outcome: Outcome) -> None:
        """A step has ended: what it found may be worth a page."""
        if isinstance(outcome.result, Reviewed):
            self._page(
                "preview",
                "markdown",
                preview_page(outcome.result, self._desired),
                f"What an up of {self._ref} would change",
            )

    def ended(self, ended: Ended) -> None:
        """The run has ended: what stands now, and an event that says so."""
        ref, phase, proof = ended.environment.ref, ended.environment.phase, ended.view.observed.proof
        self._progress.end(ended.environment, ended.complete)
        self._show(at_once=True)
        if rows := hosts_rows(ended):
            self._page("inventory", "table", json.dumps(self._mask(rows)), f"Hosts of {ref}")
        if rows := checks_rows(ended):
            self._page("checks", "table", json.dumps(self._mask(rows)), f"Checks of {ref}")
        if found := reached(ended):
            self._page("app", "markdown", links_page(found), f"Where {ref} is")
        if proof is not None and proof.certificate is not None:
            self._page("certificate", "markdown", certificate_page(proof.certificate), f"Proof that {ref} is gone")
        if self._goal is Goal.PLAN or ended.cancelled:
            return
        about = {"phase": phase.value, "run": ended.environment.run, "message": self._mask(ended.environment.message)}
        if ended.view.asks:
            tell("approval.requested", ref, **about)
        elif ended.complete:
            tell(phase.value, ref, **about)
        elif phase is not Phase.READY:
            tell("failed", ref, **about)

    def close(self) -> None:
        self._writer.close()

    # --- writing

    def _name(self, words: str) -> None:
        """`up shop/dev r12`. A tick works on many environments, and keeps its name."""
        run = self._context.flow_run if self._context else None
        verb = self._context.flow.name if self._context and self._context.flow else ""
        if self._named or run is None or verb == "tick":
            return
        self._named = True
        name = f"{verb} {words.partition(' ')[2]}"
        tags = sorted({*run.tags, *self.tags})
        self._writer.write(lambda client: _rename(client, run.id, name, tags))

    def _show(self, *, at_once: bool) -> None:
        percent, words = self._progress.percent, self._mask(self._progress.text)

        def refresh(client: SyncPrefectClient) -> None:
            if self._artifact is None:
                self._artifact = self._create(client, "progress", "progress", percent, words)
            else:
                client.update_artifact(self._artifact, ArtifactUpdate(data=percent, description=words))

        self._writer.refresh(refresh, at_once=at_once)

    def _page(self, what: str, kind: str, text: str, description: str) -> None:
        masked = text if kind == "table" else self._mask(text)

        def create(client: SyncPrefectClient) -> None:
            self._create(client, what, kind, masked, description)

        self._writer.write(create)

    def _create(self, client: SyncPrefectClient, what: str, kind: str, data: Any, description: str) -> UUID:
        assert self._ref is not None
        run = self._context.flow_run if self._context else None
        artifact = ArtifactCreate(
            key=f"{self._ref.blueprint}--{self._ref.name}-{what}",
            type=kind,
            description=description,
            data=data,
            flow_run_id=run.id if run else None,
        )
        return client.create_artifact(artifact).id


def _rename(client: SyncPrefectClient, run: UUID, name: str, tags: Iterable[str]) -> None:
    client.update_flow_run(run, name=name, tags=list(tags))
