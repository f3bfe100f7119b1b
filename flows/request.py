"""What a flow is asked for, and what its run is called."""

from datetime import datetime, timedelta
from typing import Any

from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from lifecycle.blueprint.location import short_name
from lifecycle.environment import NAME


class Request(BaseModel):
    """One environment of one blueprint. Secrets are never parameters: the blueprint says where they come from.

    With a `revision` (0: the last that was ready before) `blueprint` is the blueprint's name, and the store has the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    blueprint: str
    environment: str = Field("dev", pattern=rf"^{NAME}$")
    inputs: dict[str, Any] = Field(default_factory=dict)
    wait: float = Field(0, ge=0)  # seconds
    revision: int | None = Field(None, ge=0)
    because: str = ""  # for the ledger, where nobody asked for this run right now
    auto_approve: bool = False  # where the blueprint lets a pipeline approve
    asks: bool = True  # whether an approval may be needed: what goes back to what was ready had its own
    resumes: bool = False  # goes on with a run that died
    lease: float | None = Field(None, gt=0)  # seconds: the longest that it may stand, whatever the blueprint says
    unasked: bool = False  # nobody asked for this run right now: a tick, or what cleans up
    due_at: datetime | None = None  # of a teardown whose time has come: since when it is due

    @property
    def lease_limit(self) -> timedelta | None:
        """The longest that the environment may stand."""
        return None if self.lease is None else timedelta(seconds=self.lease)


def run_name() -> str:
    """`up minimal/dev`: what the run is called in the UI. The folder stands for the blueprint's name, which is not read yet."""
    parameters = flow_run.parameters
    blueprint = short_name(str(parameters.get("blueprint", "")))
    return _numbered(f"{flow_run.flow_name} {blueprint}/{parameters.get('environment', 'dev')}")


def rollback_name() -> str:
    """`rollback shop/dev to 3`."""
    parameters = flow_run.parameters
    number = parameters.get("revision", 0)
    return _numbered(f"rollback {parameters.get('environment')}", f" to {number}" if number else "")


def _numbered(name: str, more: str = "") -> str:
    """The name that the run has already where it goes on after an answer: `up minimal/dev r12`."""
    before = str(flow_run.name or "")
    return before if before.startswith(f"{name} r") else name + more
