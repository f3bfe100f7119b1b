"""A preview, the approval that is bound to it, and every way in which it becomes stale."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.fake.driving import shop
from lifecycle.approval import (
    REVIEW,
    ApprovalRules,
    Decision,
    MayNotApprove,
    NothingToAnswer,
    OtherPreview,
    Review,
    answered,
)
from lifecycle.desired import Desired
from lifecycle.environment import Phase
from lifecycle.errors import ExitCode
from lifecycle.journal import Kind, Status, Step
from lifecycle.lock import LEASE
from lifecycle.perform import perform
from lifecycle.plan import Fidelity
from lifecycle.policy.finding import Finding, Level, Verdict
from lifecycle.ports import Cancellation
from lifecycle.preview import HostWork
from tests.support.stage import ALWAYS, ME, Stage, digest_of


def test_without_rules_nothing_is_reviewed() -> None:
    stage = Stage()
    lock = stage.store.acquire(shop().ref, ME, lease=LEASE)
    ended = perform(
        shop(), stage.ports, lambda _, act: act(), lock=lock, environment=stage.environment, cancel=Cancellation()
    )
    assert ended.complete
    assert ended.view.observed.reviewed is None


def test_a_plan_foresees_the_stack_whose_inputs_nobody_knows_yet() -> None:
    stage = Stage()
    preview = stage.plan().view.observed.reviewed
    assert preview is not None
    stacks = {s.name: s for s in preview.preview.stacks}
    assert stacks["data"].fidelity is Fidelity.EXACT
    assert stacks["front"].fidelity is Fidelity.PREDICTED
    assert [c.address for c in stacks["front"].acting] == ["host.web-1", "host.web-2", "host.lb-1"]
    steps = {s.name: s for s in preview.preview.steps}
    assert [(h.name, h.work, h.fidelity) for h in steps["mysql"].hosts] == [("db-1", HostWork.NEW, Fidelity.PREDICTED)]
    assert {h.fidelity for h in steps["app"].hosts} == {Fidelity.NONE}  # no tag says which group they will be in
    assert not stage.touched()


def test_a_changed_role_is_rehearsed_on_exactly_the_hosts_that_it_concerns() -> None:
    stage = Stage(ApprovalRules())
    assert stage.run().complete
    before = {i: list(host.configured) for i, host in stage.world.instances.items()}
    ended = stage.plan(web_print="web-2")
    reviewed = ended.view.observed.reviewed
    assert reviewed is not None
    steps = {s.name: s for s in reviewed.preview.steps}
    assert [(h.name, h.work, h.tasks[0].diff) for h in steps["app"].hosts] == [
        ("web-1", HostWork.AGAIN, "it would hold app"),
        ("web-2", HostWork.AGAIN, "it would hold app"),
    ]
    assert {h.work for h in (*steps["mysql"].hosts, *steps["balance"].hosts)} == {HostWork.NOTHING}
    assert {i: list(host.configured) for i, host in stage.world.instances.items()} == before
    entered = [o.step.subject for o in ended.outcomes if o.step.kind is Kind.AWAIT]
    assert entered  # a rehearsal enters its hosts


def test_a_host_that_cannot_be_entered_is_said_and_fails_no_plan() -> None:
    stage = Stage(ApprovalRules())
    assert stage.run().complete
    stage.world.broken.add("await web-1")
    reviewed = stage.plan(web_print="web-2").view.observed.reviewed
    assert reviewed is not None
    hosts = {h.name: h for s in reviewed.preview.steps if s.name == "app" for h in s.hosts}
    assert hosts["web-1"].fidelity is Fidelity.NONE
    assert hosts["web-1"].trouble
    assert hosts["web-2"].tasks


def test_nothing_is_entered_where_nothing_would_be_configured() -> None:
    stage = Stage(ApprovalRules())
    assert stage.run().complete
    ended = stage.plan()
    assert {o.step.kind for o in ended.outcomes} == {Kind.PLAN, Kind.REVIEW}
    assert not ended.changed


def test_an_up_that_needs_an_approval_touches_nothing_and_says_how_to_give_one() -> None:
    stage = Stage()
    ended = stage.run()
    assert stage.refusal.exit_code is ExitCode.APPROVAL_NEEDED
    assert f"baton approve shop/dev {digest_of(ended)[:12]}" in stage.refusal.hint
    assert not stage.touched()
    assert stage.environment.phase is Phase.WAITING


def test_what_was_approved_after_a_look_is_carried_out_and_the_approval_is_used_up() -> None:
    stage = Stage()
    seen = stage.plan()
    stage.answer(digest_of(seen)[:12])
    ended = stage.run()
    assert ended.complete
    assert REVIEW not in stage.environment.facts
    entries = [e.decoded for e in stage.store.ledger(shop().ref)]
    assert "baton.preview.approved" in [e["type"] for e in entries]
    reviews = [e["data"] for e in entries if e["data"].get("step", "").startswith("review:")]
    assert reviews[0]["words"] == "approved by ada"
    assert reviews[0]["preview"] == digest_of(seen)


def test_an_approved_predicted_stack_is_applied_when_its_exact_plan_fits() -> None:
    stage = Stage()
    stage.answer(digest_of(stage.plan())[:12])
    ended = stage.run()
    reviews = [o for o in ended.outcomes if o.step.kind is Kind.REVIEW]
    assert [o.message for o in reviews] == ["approved by ada", "goes on with what was approved"]


def test_a_ready_environment_whose_change_is_refused_stays_ready() -> None:
    stage = Stage(ApprovalRules(destroys=True))
    assert stage.run(shop(web=2)).complete
    before, done = dict(stage.world.instances), Counter(stage.world.done)
    stage.run(shop(web=1))
    assert "destroys host.web-2" in stage.refusal.message
    assert stage.environment.phase is Phase.READY
    assert stage.world.instances == before
    assert stage.world.done == done  # the load balancer was not told to drain anybody either


STALE: dict[str, Callable[[Desired], Desired]] = {
    "blueprint": lambda d: replace(d, blueprint_digest="other"),
    "inputs": lambda d: replace(d, inputs={"size": 3}),
    "module of stack data": lambda d: replace(
        d, stacks={**d.stacks, "data": replace(d.stacks["data"], fingerprint="x")}
    ),
    "playbook of configure app": lambda d: replace(
        d, configure={**d.configure, "app": replace(d.configure["app"], fingerprint="x")}
    ),
    "variables of configure app": lambda d: replace(
        d, configure={**d.configure, "app": replace(d.configure["app"], variables={"db": "elsewhere"})}
    ),
}


@pytest.mark.parametrize("part", STALE)
def test_what_was_changed_after_the_approval_is_refused_and_named(part: str) -> None:
    stage = Stage()
    stage.answer(digest_of(stage.plan())[:12])
    stage.run(STALE[part](shop()))
    assert stage.refusal.exit_code is ExitCode.LOCKED
    assert part in stage.refusal.message
    assert not stage.touched()


def test_reality_that_moved_after_the_approval_makes_it_stale() -> None:
    stage = Stage()
    stage.answer(digest_of(stage.run())[:12])
    assert stage.run().complete
    stage.answer(digest_of(stage.plan(web=3))[:12])
    stage.world.destroy(stage.world.named("db-1"))
    stage.run(shop(web=3))
    assert stage.refusal.exit_code is ExitCode.LOCKED
    assert "plan of stack data" in stage.refusal.message


def test_findings_and_cost_that_came_up_after_the_approval_make_it_stale() -> None:
    stage = Stage()
    stage.judge.costs = Decimal(10)
    stage.answer(digest_of(stage.plan())[:12])
    stage.judge.costs = Decimal(11)
    stage.judge.found = (Finding("encryption", Verdict.WARN, Level.ADVISORY, "data", "host.db-1"),)
    stage.run()
    assert "cost" in stage.refusal.message
    assert "findings" in stage.refusal.message


def test_a_killed_run_goes_on_with_what_was_approved() -> None:
    stage = Stage()
    stage.answer(digest_of(stage.plan())[:12])
    stage.world.broken.add("apply front")
    assert not stage.run().complete
    stage.world.broken.clear()
    assert stage.run().complete


def test_after_a_failure_more_than_was_approved_is_asked_for_again() -> None:
    stage = Stage()
    stage.answer(digest_of(stage.plan())[:12])
    stage.world.broken.add("apply front")
    stage.run()
    stage.world.broken.clear()
    stage.judge.found = (Finding("ports", Verdict.WARN, Level.ADVISORY, "data", "host.db-1"),)
    stage.run()
    assert stage.refusal.exit_code is ExitCode.APPROVAL_NEEDED
    assert "more than was approved: finding" in stage.refusal.message


def test_a_mandatory_rule_is_denied_whoever_approves() -> None:
    stage = Stage()
    stage.judge.found = (
        Finding(
            "ports", Verdict.DENY, Level.MANDATORY, "data", "host.db-1", "5432 is open", "main.tf:3", cure="close it"
        ),
    )
    stage.run(auto=True)
    assert stage.refusal.exit_code is ExitCode.POLICY_DENIED
    assert stage.refusal.message == "main.tf:3: denied by the policy ports: host.db-1: 5432 is open"
    assert stage.refusal.hint == "close it"
    assert not stage.touched()


def test_a_finding_about_no_resource_names_none() -> None:
    stage = Stage()
    stage.judge.found = (Finding("secrets", Verdict.DENY, Level.MANDATORY, "data", "", "the input 'token' is one"),)
    stage.run()
    assert stage.refusal.message == "denied by the policy secrets: the input 'token' is one"


def test_an_overridable_rule_needs_an_approver() -> None:
    stage = Stage(ApprovalRules())
    stage.judge.found = (Finding("size", Verdict.DENY, Level.OVERRIDABLE, "data", "host.db-1"),)
    stage.run()
    assert "policy: size on host.db-1" in stage.refusal.message
    stage.answer()
    assert stage.run().complete


def test_auto_approve_counts_only_where_the_rules_let_it() -> None:
    stage = Stage()
    stage.run(auto=True)
    assert stage.refusal.exit_code is ExitCode.APPROVAL_NEEDED
    lenient = Stage(replace(ALWAYS, auto=True))
    assert lenient.run(auto=True).complete


def test_two_must_agree_where_two_are_asked_for_and_one_may_not_count_twice() -> None:
    stage = Stage(replace(ALWAYS, count=2))
    digest = digest_of(stage.plan())[:12]
    stage.answer(digest)
    stage.answer(digest)
    stage.run()
    assert "1 of 2 approvals" in stage.refusal.message
    stage.answer(digest, user="grace")
    assert stage.run().complete


def test_an_approval_runs_out() -> None:
    stage = Stage(replace(ALWAYS, valid=timedelta(hours=1)))
    stage.answer(digest_of(stage.plan())[:12])
    stage.later(timedelta(hours=2))
    stage.run()
    assert "expired: ada" in stage.refusal.message


def test_a_rejected_preview_is_not_carried_out() -> None:
    stage = Stage()
    stage.plan()
    stage.answer(decision=Decision.REJECTED)
    stage.run()
    assert "ada rejected the preview" in stage.refusal.message


def test_only_those_who_are_named_may_answer_and_only_for_what_waits() -> None:
    stage = Stage(replace(ALWAYS, by=("ops-*",)))
    with pytest.raises(NothingToAnswer):
        answered(stage.environment, "", Decision.APPROVED, "", stage.ports.clock.now(), "ops-ada")
    stage.plan()
    with pytest.raises(MayNotApprove):
        stage.answer()
    with pytest.raises(OtherPreview):
        stage.answer("123456789012", user="ops-ada")
    stage.answer(user="ops-ada")
    assert stage.run().complete


def test_rules_for_other_environments_do_not_count_here_but_a_broken_rule_does() -> None:
    stage = Stage(replace(ALWAYS, environments=("prod-*",)))
    assert stage.run().complete
    stage.judge.found = (Finding("budget", Verdict.DENY, Level.OVERRIDABLE),)
    stage.run()
    assert stage.refusal.message.endswith("policy: budget")


def test_a_look_after_a_change_asks_anew_also_where_an_approved_run_has_failed() -> None:
    stage = Stage()
    stage.answer(digest_of(stage.plan())[:12])
    stage.world.broken.add("apply front")
    stage.run()
    stage.world.broken.clear()
    stage.answer(digest_of(stage.plan(web_print="web-2"))[:12])
    assert stage.run(shop(web_print="web-2")).complete


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (ApprovalRules(cost_increase=Decimal(5)), "costs 8.00 a month more"),
        (ApprovalRules(hosts=0), "destroys or replaces 1 of 4 hosts"),
        (ApprovalRules(share=20), "destroys or replaces 1 of 4 hosts (allowed without: 20 %)"),
        (ApprovalRules(destroys=True), "destroys host.web-2"),
    ],
)
def test_each_condition_alone_asks(rules: ApprovalRules, why: str) -> None:
    stage = Stage(ApprovalRules())
    assert stage.run().complete
    stage.rules, stage.judge.costs = rules, Decimal(8)
    stage.run(shop(web=1))
    assert why in stage.refusal.message


def test_a_review_as_the_store_keeps_it_is_the_same_review() -> None:
    stage = Stage()
    stage.judge.costs = Decimal("12.50")
    stage.plan()
    stage.answer()
    review = Review.of(stage.environment.facts)
    assert review is not None
    assert Review.of({REVIEW: review.fact}) == review
    assert Review.of({}) is None


def test_steps_of_a_refused_run_are_looks_alone() -> None:
    stage = Stage()
    ended = stage.run()
    kinds = {o.step.kind for o in ended.outcomes}
    assert kinds <= {Kind.PLAN, Kind.PREDICT, Kind.REVIEW, Kind.AWAIT, Kind.VERIFY}
    assert all(o.status is Status.OK for o in ended.outcomes if o.step.kind is not Kind.REVIEW)
    assert Step(Kind.REVIEW, "shop/dev").key == "review:shop/dev"
