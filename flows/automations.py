"""Ready-made automations of the engine: what is done about a run that died, and who is told of what a person should know.

They are declared here, installed by `apply`, and known by their names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, RunDeployment, SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from flows.client import deployed
from flows.telling import EVENTS
from lifecycle.errors import BatonError, ExitCode
from lifecycle.lock import LEASE

TAG: Final = "baton"
"""On every deployment, and so on every run of one."""
SILENCE: Final = timedelta(seconds=100)
"""A run that says nothing for so long is dead: three heartbeats of 30 seconds, and a little."""
ALERTS: Final = ("failed", "teardown.late", "approval.requested", "lease.expiring")
"""Events about an environment that a person should hear of."""

CRASHED: Final = "baton: a run crashed: tick"
SILENT: Final = "baton: a run fell silent: it crashed"
ALERT: Final = "baton: an environment needs somebody: alert"


class NoBlock(BatonError):
    """The engine has no such notification block."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Installed:
    """One automation, and what became of it: `installed`, `updated`, `unchanged`, `removed`, or `missing`."""

    name: str
    description: str
    became: str


def apply(client: SyncPrefectClient, notify: str = "") -> list[Installed]:
    """Install them all, or bring them up to date; doing it again changes nothing.

    `notify` names a block that sends alerts, as TYPE/NAME (`slack-webhook/ops`); without one what was chosen before is kept, and
    where nothing was, an alert is an event that the engine's page shows. Raises NotDeployed, NoBlock.
    """
    tick = deployed(client, "tick").id
    told = _installed(client, ALERT)
    actions = [_notification(client, notify)] if notify else _kept(told) or [DoNothing()]
    return [_put(client, wanted) for wanted in declared(tick, actions)]


def listed(client: SyncPrefectClient) -> list[Installed]:
    """Those that we declare, and whether the engine has them."""
    wanted = declared(UUID(int=0), [DoNothing()])
    return [
        Installed(one.name, one.description, "installed" if _installed(client, one.name) else "missing")
        for one in wanted
    ]


def remove(client: SyncPrefectClient) -> list[Installed]:
    """Take ours away; those of others stay."""
    removed = []
    for one in declared(UUID(int=0), [DoNothing()]):
        if (known := _installed(client, one.name)) is not None:
            client.delete_automation(known.id)
            removed.append(Installed(one.name, one.description, "removed"))
    return removed


def declared(tick: UUID, alert: list[ActionTypes]) -> Iterator[AutomationCore]:
    """What there is to install: `tick` is that verb's deployment, `alert` what tells a person."""
    ours = {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
    runs = {"prefect.resource.id": "prefect.flow-run.*"}
    yield AutomationCore(
        name=SILENT,
        description="A run whose process is gone with its machine says nothing any more: its state says so within two minutes.",
        trigger=EventTrigger(
            match=runs,
            match_related=ours,
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},  # another heartbeat, or any end; a suspended run is silent and well
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message="no heartbeat: its process is gone")
        ],
    )
    yield AutomationCore(
        name=CRASHED,
        description="Once the dead run's lock has run out, a tick goes on with its environment.",
        trigger=EventTrigger(
            match=runs,
            match_related=ours,
            expect={"prefect.flow-run.Crashed"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[RunDeployment(source="selected", deployment_id=tick, schedule_after=LEASE)],
    )
    yield AutomationCore(
        name=ALERT,
        description="Failed, waits for an approval, its lease ends soon, or its teardown is late.",
        trigger=EventTrigger(
            match={"prefect.resource.id": f"{EVENTS}.*"},
            expect={f"{EVENTS}.{what}" for what in ALERTS},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=alert,
    )


def _put(client: SyncPrefectClient, wanted: AutomationCore) -> Installed:
    known = _installed(client, wanted.name)
    if known is None:
        client.create_automation(wanted)
        return Installed(wanted.name, wanted.description, "installed")
    if _same(known, wanted):
        return Installed(wanted.name, wanted.description, "unchanged")
    client.update_automation(known.id, wanted)
    return Installed(wanted.name, wanted.description, "updated")


def _same(known: Automation, wanted: AutomationCore) -> bool:
    fields = {"name", "description", "trigger", "actions"}
    return known.enabled and known.model_dump(mode="python", include=fields) == wanted.model_dump(include=fields)


def _installed(client: SyncPrefectClient, name: str) -> Automation | None:
    return next(iter(client.read_automations_by_name(name)), None)


def _kept(known: Automation | None) -> list[ActionTypes]:
    return [action for action in known.actions if not isinstance(action, DoNothing)] if known else []


def _notification(client: SyncPrefectClient, block: str) -> ActionTypes:
    kind, _, name = block.partition("/")
    try:
        found = client.read_block_document_by_name(name, kind, include_secrets=False)
    except ObjectNotFound:
        hint = "make one on the engine's page under Blocks, and name it as TYPE/NAME, such as slack-webhook/ops"
        raise NoBlock(f"the engine has no block {block}", hint=hint) from None
    return SendNotification(
        block_document_id=found.id,
        subject="{{ event.resource.name }}: {{ event.event }}",
        body="{{ event.resource.name }}: {{ event.payload.message }}",
    )
