"""Which phase a run's progress amounts to. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifecycle.approval import REVIEW
from lifecycle.desired import Goal
from lifecycle.environment import INPUTS, Phase
from lifecycle.recurring import RECURRING, done
from lifecycle.revision import CLEANUP, OnFailure, cleanup, was_ready
from lifecycle.view import View

TEARDOWNS = 3
"""Teardowns in a row that end without a certificate before an environment is quarantined: a person has to look."""
FAILED_TEARDOWNS = "failed_teardowns"
"""Where an environment's facts count them."""
INTERRUPTED = "interrupted"
"""Among an environment's facts: why its last run was asked to stop. What was asked to stop is not resumed unasked."""
RESUMED = "resumed"
"""Among an environment's facts: how often in a row a run that died was resumed."""


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


def final_phase(view: View, facts: Mapping[str, Any], before: Phase) -> Phase:
    """The phase that a run leaves behind when nothing more can be done. `facts` have counted it already; `before` is the phase
    that it began in: a refused run leaves a ready environment ready."""
    if view.desired.goal is not Goal.DOWN:
        if view.complete or (view.refused and before is Phase.READY):
            return Phase.READY
        return Phase.WAITING if view.asks and CLEANUP not in facts else Phase.FAILED
    if view.complete:
        return Phase.DESTROYED
    return Phase.QUARANTINED if facts[FAILED_TEARDOWNS] >= TEARDOWNS else Phase.TEARING_DOWN


def concluded(facts: Mapping[str, Any], view: View, now: datetime) -> dict[str, Any]:
    """An environment's facts after a run that was not interrupted. Of one that is gone, inputs and recurring teardowns are kept."""
    desired = view.desired
    if desired.goal is Goal.DOWN:
        if view.complete:
            ended = facts if desired.due_at is None else done(facts, desired.due_at, now)
            return {key: value for key, value in ended.items() if key in (INPUTS, RECURRING)}
        return {**facts, FAILED_TEARDOWNS: int(facts.get(FAILED_TEARDOWNS, 0)) + 1}
    others = {key: value for key, value in facts.items() if key not in (FAILED_TEARDOWNS, RESUMED)}
    if view.complete:
        return was_ready({key: value for key, value in others.items() if key != REVIEW})  # an approval is for one run
    if view.refused:  # nothing was made that could be cleaned up
        return others
    wanted = cleanup(desired.on_failure, others)
    return others if wanted is OnFailure.KEEP else {**others, CLEANUP: wanted.value}
