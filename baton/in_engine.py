"""What the engine shows of environments' ends, for commands: it is asked where it is there, and never started for it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.settings import Settings
from baton import console, engine
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.errors import BatonError


def show(settings: Settings, environments: Sequence[Environment]) -> str:
    """Have the engine show when these environments end; why it does not, or nothing."""
    if not engine.reach(settings):
        return "no engine runs here that could show it"
    from flows import client, ends

    try:
        with client.api() as api:
            ends.show(api, environments, datetime.now(UTC))
    except BatonError as error:
        return f"it is not shown in the engine: {error.message}"
    return ""


def shown(settings: Settings, environments: Sequence[Environment]) -> dict[EnvironmentRef, frozenset[datetime]] | None:
    """The ends that the engine has a scheduled run for; None where it cannot be asked."""
    if not engine.reach(settings):
        return None
    from flows import client, ends

    try:
        with client.api() as api:
            return dict(ends.seen(api, environments))
    except BatonError as error:
        console.tell(error.message)
        return None
