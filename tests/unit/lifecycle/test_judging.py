"""What no review can know is judged once it is made: before anybody says `ready`, and at no price where everything was known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from adapters.fake.driving import shop
from lifecycle.approval import ApprovalRules
from lifecycle.cost import Estimate
from lifecycle.environment import Phase
from lifecycle.errors import ExitCode
from lifecycle.journal import Kind, Outcome
from lifecycle.policy.finding import Finding, Level, Verdict
from lifecycle.preview.drawing import previewed_plans
from lifecycle.revision import CLEANUP, OnFailure
from lifecycle.view import View
from tests.support.stage import Judge, Stage

RULE = "zones"


class ZoneJudge(Judge):
    """A rule over what is planned: a host may be in no other zone than `a`. Which one it is in, the cloud decides."""

    level = Level.MANDATORY
    judgements = 0

    def findings(self, view: View, estimate: Estimate | None) -> Sequence[Finding]:
        self.judgements += 1
        return (*self.found, *self._zones(view))

    def _zones(self, view: View) -> Iterator[Finding]:
        for stack, plan in previewed_plans(view).items():
            for change in plan.changes:
                where = "front/main.tf:7"
                told = (RULE, self.level, stack, change.address)
                if "zone" in change.unknown:
                    yield _finding(told, Verdict.UNKNOWN, "zone is known only after apply", where)
                elif (zone := (change.after or {}).get("zone", "a")) != "a":
                    yield _finding(told, Verdict.DENY, f"zone is {zone}", where)


def _finding(told: tuple[str, Level, str, str], verdict: Verdict, message: str, where: str) -> Finding:
    rule, level, stack, address = told
    return Finding(rule, verdict, level, stack, address, message, where, cure="ask for zone a")


def staged(zone: str = "", rules: ApprovalRules | None = None, *, stacks: Sequence[str] = ("front",)) -> Stage:
    """The shop whose hosts are in a zone that nobody knows before; without one there is nothing to know."""
    stage = Stage(rules or ApprovalRules())
    stage.judge = ZoneJudge()
    stage.ports = replace(stage.ports, assessor=stage.judge)

    def later(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"zone": zone}

    for name in stacks if zone else ():
        stage.world.modules[name] = replace(stage.world.modules[name], later=later)
    return stage


def judgements(stage: Stage) -> list[Outcome]:
    assert stage.ended is not None
    return [o for o in stage.ended.outcomes if o.step.kind is Kind.JUDGE]


def test_what_was_known_is_not_judged_again() -> None:
    stage = staged()
    assert stage.run().complete
    assert judgements(stage) == []


def test_an_unknown_that_turns_out_right_lets_the_run_end_ready_and_is_in_the_ledger() -> None:
    stage = staged("a")
    ended = stage.run()
    assert ended.complete
    (outcome,) = judgements(stage)
    assert outcome.step.subject == "front"
    assert outcome.message == "3 findings decided, nothing is denied"
    told = [e.decoded["data"] for e in stage.store.ledger(shop().ref)]
    (entry,) = (data for data in told if data.get("step") == "judge:front")
    assert entry["decided"] == [f"{RULE}@front:host.{name}" for name in ("lb-1", "web-1", "web-2")]


def test_an_unknown_that_turns_out_wrong_ends_the_run_with_3_and_what_to_do_and_destroys_nothing() -> None:
    stage = staged("b")
    ended = stage.run()
    assert not ended.complete
    assert stage.environment.phase is Phase.FAILED
    (outcome,) = judgements(stage)
    assert outcome.exit_code is ExitCode.POLICY_DENIED
    for words in ("front/main.tf:7", RULE, "host.web-1", "zone is b", "and 2 more"):
        assert words in outcome.message
    assert outcome.hint.startswith("ask for zone a\n")
    assert "stands already" in outcome.hint
    assert "baton down shop/dev" in outcome.hint
    assert "asks for an approval" not in outcome.hint  # nobody may let it pass
    assert RULE in stage.environment.message
    assert sorted(i.name for i in stage.world.instances.values()) == ["db-1", "lb-1", "web-1", "web-2"]


def test_it_is_denied_again_by_the_next_run_and_ready_once_it_is_mended() -> None:
    stage = staged("b")
    stage.run()
    again = stage.run()
    assert again.view.refused
    assert stage.refusal.exit_code is ExitCode.POLICY_DENIED
    assert "it stands already" in stage.refusal.hint
    stage.world.modules["front"] = replace(stage.world.modules["front"], later=lambda _: {"zone": "a"})
    assert stage.run().complete
    assert judgements(stage) == []  # nothing was applied: the plan knows everything


def test_a_stack_that_others_need_is_judged_before_they_are_made() -> None:
    stage = staged("b", stacks=["data"])
    stage.run()
    assert [o.step.subject for o in judgements(stage)] == ["data"]
    assert [i.name for i in stage.world.instances.values()] == ["db-1"]
    assert "apply stack front" not in stage.world.log


def test_every_stack_is_judged_once_with_what_those_before_it_have_told() -> None:
    stage = staged("a", stacks=["data", "front"])
    ended = stage.run()
    assert ended.complete
    assert [o.step.subject for o in judgements(stage)] == ["data", "front"]
    assert set(ended.view.observed.known) == {"data", "front"}


def test_what_an_approver_may_let_pass_is_denied_until_one_has() -> None:
    stage = staged("b", ApprovalRules(policy=True))
    assert isinstance(stage.judge, ZoneJudge)
    stage.judge.level = Level.OVERRIDABLE
    stage.run()
    (outcome,) = judgements(stage)
    assert outcome.exit_code is ExitCode.POLICY_DENIED
    assert "asks for an approval" in outcome.hint
    stage.run()
    assert stage.refusal.exit_code is ExitCode.APPROVAL_NEEDED
    stage.answer()
    assert stage.run().complete


@pytest.mark.parametrize(
    ("rules", "auto"), [(ApprovalRules(policy=False), False), (ApprovalRules(policy=True, auto=True), True)]
)
def test_what_needs_no_approver_passes(rules: ApprovalRules, auto: bool) -> None:
    stage = staged("b", rules)
    assert isinstance(stage.judge, ZoneJudge)
    stage.judge.level = Level.OVERRIDABLE
    assert stage.run(auto=auto).complete


def test_without_a_judgement_nothing_is_ready() -> None:
    stage = staged("a")
    stage.world.broken.add("look at front")
    ended = stage.run()
    assert not ended.complete
    (failure,) = ended.failures
    assert (failure.step.kind, failure.exit_code) == (Kind.JUDGE, ExitCode.FAILED)
    assert ended.view.step_complete("balance")  # it holds up nothing else
    stage.world.broken.clear()
    assert stage.run().complete  # the plan knows now what was not known


def test_a_look_that_fails_for_a_moment_is_repeated() -> None:
    stage = staged("a")
    stage.world.passing["look at front"] = 2
    assert stage.run().complete


def test_what_stays_unknown_is_said_and_holds_nothing_up() -> None:
    stage = staged("a")
    stage.judge.found = (Finding("secrets", Verdict.UNKNOWN, Level.MANDATORY, "front", "host.web-1", "a digest only"),)
    assert stage.run().complete
    (outcome,) = judgements(stage)
    assert outcome.message == "3 findings decided, nothing is denied; still not known: secrets on host.web-1"


def test_a_creation_that_is_denied_afterwards_is_cleaned_up_only_where_that_is_asked_for() -> None:
    stage = staged("b")
    stage.run(replace(shop(), on_failure=OnFailure.DESTROY))
    assert stage.environment.facts[CLEANUP] == "destroy"
    other = staged("b")
    other.run()
    assert CLEANUP not in other.environment.facts
