"""Carries a plan out. What fails for a reason that passes is planned anew and carried out again, and does no more than it said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.errors import BatonError
from lifecycle.plan import Action, Applied, Plan, ResourceChange
from lifecycle.ports import Ports, Run, StackSpec
from lifecycle.resuming import taken_over
from lifecycle.retries import insist


class PlanGrew(BatonError):
    """After a failure there is more to do than was planned."""


@dataclass
class Applying:
    """One plan on its way. `plan` is the one that was decided on; every later one must fit into it."""

    spec: StackSpec
    plan: Plan
    ports: Ports
    run: Run
    begun: datetime | None = None

    def carried_out(self) -> Applied:
        """What the apply left behind. Raises what it failed with, and PlanGrew."""
        return insist(self._attempt, self.ports.backoff, self.run.say, self.run.cancel.wait)

    def _attempt(self) -> Applied:
        plan = self._anew(self.begun) if self.begun else self.plan
        self.begun = self.begun or self.ports.clock.now()
        if self.plan.destroy or plan.applyable:
            return self.ports.provisioner.apply(self.spec, plan, self.run)
        return Applied(plan.outputs)  # what failed at the end was done all the same

    def _anew(self, begun: datetime) -> Plan:
        """Looked at again: a plan is used up by its apply, and what the cloud made without an answer is taken over first."""
        provisioner = self.ports.provisioner
        if self.plan.destroy:
            return provisioner.plan(self.spec, self.run, destroy=True)
        plan = provisioner.plan(self.spec, self.run)
        if taken_over(plan, self.spec, self.ports, self.run, begun):
            plan = provisioner.plan(self.spec, self.run)
        if more := grown(self.plan, plan):
            first = more[0]
            raise PlanGrew(
                f"after a failure that may pass, {first.address} is to be {_PAST.get(first.action, first.action.value)}, "
                "and the plan did not say so: it was not tried again",
                hint="something else changed meanwhile: run it again, and look at the plan",
                facts={"changes": {c.address: c.action.value for c in more}},
            )
        return plan


_PAST = {Action.CREATE: "created", Action.UPDATE: "updated", Action.REPLACE: "replaced", Action.DELETE: "destroyed"}


def grown(first: Plan, again: Plan) -> Sequence[ResourceChange]:
    """What a later plan would do and the first did not say. Of what the first was to make, whatever came of it may be mended."""
    said = {change.address: change.action for change in first.acting}
    making = (Action.CREATE, Action.REPLACE)
    return [c for c in again.acting if said.get(c.address) not in (c.action, *making)]
