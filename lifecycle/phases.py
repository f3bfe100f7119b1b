"""Which phase a run's progress amounts to. Pure."""

from lifecycle.desired import Goal
from lifecycle.environment import Phase
from lifecycle.view import View


def working_phase(view: View) -> Phase:
    """The phase of a run that is still going: the first kind of work that is not over yet."""
    desired, observed = view.desired, view.observed
    if desired.goal is Goal.DOWN:
        return Phase.TEARING_DOWN
    if not observed.plans.keys() and not observed.settled.keys():
        return Phase.PLANNING
    if not desired.stacks.keys() <= observed.settled.keys():
        return Phase.PROVISIONING
    if not all(view.step_complete(name) for name in desired.configure):
        return Phase.CONFIGURING
    return Phase.VERIFYING


def final_phase(view: View) -> Phase:
    """The phase that a run leaves behind when nothing more can be done."""
    if view.desired.goal is Goal.DOWN:
        return Phase.DESTROYED if view.complete else Phase.TEARING_DOWN
    return Phase.READY if view.complete else Phase.FAILED
