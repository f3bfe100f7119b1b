"""The loop around the conductor: what it writes, when, and what it does when it is stopped."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import pytest

from adapters.fake.driving import ports_for, shop, world_of_shop
from adapters.fake.provisioner import FakeProvisioner
from adapters.fake.store import FakeStore
from adapters.fake.world import FakeModule, FakeWorld
from lifecycle.acts import Acts
from lifecycle.configuration import Configuration, Configured, HostResult, HostStatus
from lifecycle.desired import CheckTarget, ConfigureTarget, Desired, Goal, StackTarget
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.errors import BatonError
from lifecycle.events import Event
from lifecycle.inventory import Host, Ready, Selector
from lifecycle.journal import Kind, Outcome, Record, Status, Step
from lifecycle.lanes import WORKERS
from lifecycle.ledger import Broken, verify
from lifecycle.lock import LEASE, Lock, LostLock, Owner
from lifecycle.perform import Ended, perform
from lifecycle.plan import Diagnostic, Output, Outputs, Plan, Severity
from lifecycle.ports import Cancellation, Cancelled, HostSource, Ports, Run, StackSpec
from lifecycle.view import View

ME = Owner("ada", "laptop:1", "boot", 42, 1)
Act = Callable[[], Outcome]


def just_do_it(_: Step, act: Act) -> Outcome:
    return act()


class Rehearsal:
    """One environment of the shop, with everything that its runs said."""

    def __init__(self) -> None:
        self.world: FakeWorld = world_of_shop()
        self.events: list[Event] = []
        self.ports: Ports = replace(ports_for(self.world), sink=self.events.append, discovery_period=0.001)
        self.store = self.ports.store
        assert isinstance(self.store, FakeStore)

    def lock(self, desired: Desired) -> Lock:
        return self.store.acquire(desired.ref, ME, lease=LEASE)

    def environment(self, desired: Desired) -> Environment:
        now = self.ports.clock.now()
        return self.store.environment(desired.ref) or Environment(desired.ref, Phase.NEW, now, now)

    def run(self, desired: Desired, *, cancel: Cancellation | None = None, run_step: object = just_do_it) -> Ended:
        lock = self.lock(desired)
        try:
            return perform(
                desired,
                self.ports,
                run_step,  # type: ignore[arg-type]
                lock=lock,
                environment=self.environment(desired),
                cancel=cancel or Cancellation(),
            )
        finally:
            self.store.release(lock)

    def phases(self) -> list[str]:
        return [e.message for e in self.events if e.type == "environment.phase"]


def test_an_up_ends_ready_and_says_every_phase_on_the_way() -> None:
    rehearsal = Rehearsal()
    ended = rehearsal.run(shop())
    assert ended.complete
    assert ended.environment.phase is Phase.READY
    said = rehearsal.phases()
    assert said[0] == "provisioning"
    assert said[-1] == "ready"


def test_every_transition_is_in_the_ledger_and_the_chain_is_whole() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    entries = list(rehearsal.store.ledger(shop().ref))
    assert not isinstance(verify(entries), Broken)
    moves = [e.decoded["data"] for e in entries if e.decoded["type"] == "baton.environment.phase"]
    assert (moves[0]["from"], moves[0]["to"]) == ("new", "planning")
    assert moves[-1]["to"] == "ready"
    acts = {e.decoded["data"]["step"] for e in entries if e.decoded["type"] == "baton.step.finished"}
    assert {"apply:data", "apply:front"} <= acts


def test_an_intent_is_in_the_store_before_the_step_acts() -> None:
    rehearsal = Rehearsal()
    seen: list[bool] = []

    def watching(step: Step, act: Act) -> Outcome:
        if step.kind is Kind.APPLY:
            record = rehearsal.store.journal(shop().ref).get(Kind.APPLY, step.subject)
            seen.append(record is not None and record.unknown and record.input_digest == step.input_digest)
        return act()

    rehearsal.run(shop(), run_step=watching)
    assert seen == [True, True]


def test_the_inventory_keeps_every_host_with_its_pinned_key() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    hosts = {h.name: h.host_key for h in rehearsal.store.hosts(shop().ref)}
    assert set(hosts) == {"db-1", "lb-1", "web-1", "web-2"}
    assert all(key.startswith("ssh-ed25519") for key in hosts.values())


def test_a_second_run_has_the_next_number_and_changes_nothing() -> None:
    rehearsal = Rehearsal()
    first = rehearsal.run(shop())
    before = list(rehearsal.world.log)
    second = rehearsal.run(shop())
    assert second.environment.run == first.environment.run + 1
    assert rehearsal.world.log == before
    assert not second.changed


def test_a_failed_step_leaves_the_environment_failed_with_the_reason() -> None:
    rehearsal = Rehearsal()
    rehearsal.world.broken.add("configure app web-2")
    ended = rehearsal.run(shop())
    assert ended.environment.phase is Phase.FAILED
    assert "web-2 failed in task 'a task': it failed" in ended.environment.message
    assert [o.step.subject for o in ended.failures] == ["app"]


def test_a_failed_check_leaves_the_environment_failed() -> None:
    rehearsal = Rehearsal()
    rehearsal.world.broken.add("probe home")
    ended = rehearsal.run(shop())
    assert ended.environment.phase is Phase.FAILED
    assert {o.step.kind for o in ended.failures} == {Kind.VERIFY}


def test_a_cancelled_run_starts_nothing_more_and_says_so() -> None:
    rehearsal = Rehearsal()
    cancel = Cancellation()

    def cancelling(step: Step, act: Act) -> Outcome:
        outcome = act()
        if step.kind is Kind.APPLY:
            cancel.request("Ctrl-C")
        return outcome

    ended = rehearsal.run(shop(), cancel=cancel, run_step=cancelling)
    assert ended.cancelled
    assert "Ctrl-C" in ended.environment.message
    assert [k for k in rehearsal.world.done if k.startswith("configure")] == []
    assert rehearsal.run(shop()).complete


def test_a_run_that_lost_its_lock_writes_nothing_more_and_ends() -> None:
    rehearsal = Rehearsal()

    def taken_over(step: Step, act: Act) -> Outcome:
        if step.kind is Kind.APPLY and step.subject == "data":
            held = rehearsal.store.holder(shop().ref)
            assert held is not None
            rehearsal.store.release(held)
            rehearsal.store.acquire(shop().ref, replace(ME, pid=43), lease=LEASE)
        return act()

    cancel = Cancellation()
    with pytest.raises(LostLock):
        rehearsal.run(shop(), run_step=taken_over, cancel=cancel)
    assert cancel.requested
    assert not cancel.urgent  # tools may save what they have; the heartbeat makes it fast
    record = rehearsal.store.journal(shop().ref).get(Kind.APPLY, "data")
    assert record is not None
    assert record.unknown


def test_an_interrupted_step_of_an_earlier_run_is_named_and_looked_at_again() -> None:
    rehearsal = Rehearsal()

    def dying(step: Step, act: Act) -> Outcome:
        if step.kind is Kind.CONFIGURE:
            raise KeyboardInterrupt
        return act()

    with pytest.raises(KeyboardInterrupt):
        rehearsal.run(shop(), run_step=dying)
    rehearsal.events.clear()
    assert rehearsal.run(shop()).complete
    assert any(e.type == "run.reconciling" for e in rehearsal.events)


def test_a_teardown_ends_destroyed_with_its_proof_and_forgets_journal_and_hosts() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    ended = rehearsal.run(shop(goal=Goal.DOWN))
    assert ended.environment.phase is Phase.DESTROYED
    assert ended.view.observed.proof is not None
    assert ended.view.observed.proof.left == ()
    assert list(rehearsal.store.hosts(shop().ref)) == []
    assert rehearsal.store.journal(shop().ref).records == {}


def test_destroyed_is_not_said_while_something_is_left() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    stray = rehearsal.world.create("somebody", "stray", ())
    ended = rehearsal.run(shop(goal=Goal.DOWN))
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert stray.id in ended.environment.message
    rehearsal.world.destroy(stray)
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED


def test_every_step_that_started_is_said_to_have_finished() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    started = [e.step for e in rehearsal.events if e.type == "step.started"]
    finished = [e.step for e in rehearsal.events if e.type == "step.finished"]
    assert sorted(started) == sorted(finished)
    assert {e.data["status"] for e in rehearsal.events if e.type == "step.finished"} == {Status.OK}


def test_an_engine_that_fails_around_a_step_that_ran_takes_nothing_from_its_outcome() -> None:
    """The journal is the only memory: what the engine says of a step does not matter once the step has ended."""
    rehearsal = Rehearsal()

    def failing_after(_: Step, act: Act) -> Outcome:
        act()
        raise ConnectionError("the engine's API is away")

    assert rehearsal.run(shop(), run_step=failing_after).complete
    assert "engine.trouble" in {e.type for e in rehearsal.events}


def test_a_step_that_an_engine_cannot_begin_runs_without_it() -> None:
    rehearsal = Rehearsal()

    def refusing(step: Step, act: Act) -> Outcome:
        if step.key == "verify:db-answers":
            raise ConnectionError("the engine's API is away")
        return act()

    ended = rehearsal.run(shop(), run_step=refusing)
    assert ended.environment.phase is Phase.READY
    (trouble,) = (e for e in rehearsal.events if e.type == "engine.trouble")
    assert (trouble.step, "API is away" in trouble.message) == ("verify:db-answers", True)
    assert rehearsal.store.journal(shop().ref).unknown == ()


@pytest.mark.parametrize("begins", [True, False])
def test_a_step_that_breaks_off_fails_and_is_not_begun_again(monkeypatch: pytest.MonkeyPatch, *, begins: bool) -> None:
    rehearsal, begun = Rehearsal(), list[str]()

    def engine(_: Step, act: Act) -> Outcome:
        if not begins:
            raise ConnectionError("the engine's own API is away")
        return act()

    carry_out = Acts.carry_out

    def breaking_off(acts: Acts, step: Step, view: View) -> Outcome:
        begun.append(step.key)
        if step.key == "verify:db-answers":
            raise ConnectionError("the engine's API is away")
        return carry_out(acts, step, view)

    monkeypatch.setattr(Acts, "carry_out", breaking_off)
    ended = rehearsal.run(shop(), run_step=engine)
    assert [(o.step.key, "engine's API is away" in o.message) for o in ended.failures] == [("verify:db-answers", True)]
    assert begun.count("verify:db-answers") == 1
    assert ended.environment.phase is Phase.FAILED
    assert rehearsal.world.done["configure mysql db-1"] == 1
    assert rehearsal.store.journal(shop().ref).unknown == ()


def test_what_waits_for_its_turn_when_a_run_is_stopped_is_not_begun() -> None:
    """More steps than the loop runs at once: those behind must not start a tool after the stop."""
    rehearsal = Rehearsal()
    cancel = Cancellation()
    hosts = WORKERS + 5

    def cancelling(step: Step, act: Act) -> Outcome:
        if step.kind is Kind.AWAIT and step.subject != "1":
            cancel.request("Ctrl-C")
        return act()

    ended = rehearsal.run(shop(web=hosts), cancel=cancel, run_step=cancelling)
    assert ended.cancelled
    awaited = [o for o in ended.outcomes if o.step.kind is Kind.AWAIT and o.step.subject != "1"]
    assert len(awaited) >= WORKERS
    assert {o.status for o in awaited} == {Status.CANCELLED}


def test_a_plan_that_was_stopped_before_its_end_is_no_whole_plan() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    cancel = Cancellation()

    def cancelling(_: Step, act: Act) -> Outcome:
        outcome = act()
        cancel.request("Ctrl-C")
        return outcome

    ended = rehearsal.run(shop(goal=Goal.PLAN), cancel=cancel, run_step=cancelling)
    assert ended.cancelled
    assert not ended.complete


def test_an_environment_that_is_ready_has_no_failure_to_tell() -> None:
    """A host that died while it was waited for, and that its stack no longer has, is no failure of the run."""
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    rehearsal.world.broken.add("configure app web-2")
    assert rehearsal.run(shop(web_print="new")).environment.message
    rehearsal.world.broken.clear()
    ended = rehearsal.run(shop(web_print="new"))
    assert ended.environment.phase is Phase.READY
    assert ended.environment.message == ""
    assert ended.failures == ()


def test_a_check_without_a_host_says_what_it_waits_for() -> None:
    desired = shop()
    nowhere = CheckTarget("nowhere", "command", selector=Selector(group="cache"))
    ended = Rehearsal().run(replace(desired, checks={**desired.checks, "nowhere": nowhere}))
    assert ended.environment.phase is Phase.FAILED
    assert ended.environment.message == "check nowhere: no host matches group cache"


def test_a_configure_step_without_a_host_is_said_aloud() -> None:
    desired, rehearsal = shop(), Rehearsal()
    nobody = ConfigureTarget("caches", Path("cache.yml"), Selector(group="cache"))
    assert rehearsal.run(replace(desired, configure={**desired.configure, "caches": nobody})).complete
    said = [e.message for e in rehearsal.events if e.type == "selector.empty"]
    assert said == ["configure caches: no host matches group cache"]


def test_what_a_dead_run_left_open_and_a_whole_run_has_looked_at_is_closed() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    lock = rehearsal.lock(shop())
    now = rehearsal.ports.clock.now()
    rehearsal.store.intend(
        lock,
        [Record(Kind.APPLY, "data", "d", 1, now), Record(Kind.CONFIGURE, "app@i-gone", "d", 1, now)],
    )
    rehearsal.store.release(lock)
    assert rehearsal.run(shop()).complete
    assert rehearsal.store.journal(shop().ref).unknown == ()
    rehearsal.events.clear()
    assert rehearsal.run(shop()).complete
    assert [e for e in rehearsal.events if e.type == "run.reconciling"] == []


def test_no_secret_of_an_outcome_reaches_journal_ledger_or_engine() -> None:
    rehearsal = Rehearsal()
    rehearsal.ports = replace(
        rehearsal.ports, masked=lambda value: json.loads(json.dumps(value).replace("it failed", "***"))
    )
    rehearsal.world.broken.add("configure app web-2")
    seen: list[str] = []

    def watching(_: Step, act: Act) -> Outcome:
        outcome = act()
        seen.append(f"{outcome.message} {outcome.hint} {outcome.detail}")
        return outcome

    ended = rehearsal.run(shop(), run_step=watching)
    ledger = [e.event for e in rehearsal.store.ledger(shop().ref)]
    journal = [str(r) for r in rehearsal.store.journal(shop().ref).records.values()]
    everything = [*seen, *ledger, *journal, ended.environment.message]
    assert any("***" in text for text in everything)
    assert [text for text in everything if "it failed" in text] == []


class SeenWrongly:
    """Hosts as their tags have them: at an address where nobody answers. Whoever waits for that, waits long."""

    def __init__(self, hosts: HostSource) -> None:
        self._hosts = hosts
        self.waiting = Flag()
        self.answers_as = hosts.answers_as

    def discover(self, environment: EnvironmentRef, stack: str) -> list[Host]:
        seen = self._hosts.discover(environment, stack)
        return [replace(h, facts={"public_address": "nowhere"}) for h in seen]

    def await_ready(self, host: Host, run: Run) -> Ready:
        if host.connection.address != "nowhere":
            return self._hosts.await_ready(host, run)
        self.waiting.set()
        if not run.cancel.wait(60):
            raise AssertionError("nobody stopped a wait for what its outputs have overruled")
        raise Cancelled(run.cancel.reason)


def test_a_wait_that_outputs_overrule_is_stopped_at_once_and_begun_as_they_say() -> None:
    rehearsal = Rehearsal()
    hosts = SeenWrongly(rehearsal.ports.hosts)
    rehearsal.ports = replace(rehearsal.ports, hosts=hosts)

    def slow_apply(step: Step, act: Act) -> Outcome:
        outcome = act()
        if step.key == "apply:data":  # Terraform has made the host, and says so only when somebody waits for it
            assert hosts.waiting.wait(60)
        return outcome

    ended = rehearsal.run(shop(), run_step=slow_apply)
    assert ended.complete
    assert ended.failures == ()
    assert "nowhere" not in {h.connection.address for h in rehearsal.store.hosts(shop().ref)}


def test_a_literal_that_looks_like_a_reference_is_one_on_no_way() -> None:
    """`$${HOME}` stands for the text `${HOME}`: it is resolved once, on the way down too."""
    desired, rehearsal = shop(), Rehearsal()

    def scripted(goal: Goal) -> Desired:
        data = replace(desired.stacks["data"], variables={"script": "echo $${HOME}"})
        return replace(desired, goal=goal, stacks={**desired.stacks, "data": data})

    assert rehearsal.run(scripted(Goal.UP)).complete
    assert rehearsal.world.states["data"].variables == {"script": "echo ${HOME}"}
    assert rehearsal.run(scripted(Goal.DOWN)).complete


def test_a_teardown_does_not_need_outputs_that_cannot_be_read_any_more() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    told = rehearsal.ports.provisioner

    class Mute(type(told)):  # type: ignore[misc]
        def outputs(self, stack: StackSpec, run: Run) -> Outputs:
            raise BatonError("the module is gone")

    rehearsal.ports = replace(rehearsal.ports, provisioner=Mute(rehearsal.world))
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED


def without(stack: str, desired: Desired) -> Desired:
    """The blueprint after somebody took a stack out of it, with all that refers to it."""
    stacks = {n: s for n, s in desired.stacks.items() if n != stack}
    configure = {n: c for n, c in desired.configure.items() if c.selector.stack != stack and n == "mysql"}
    return replace(desired, stacks=stacks, configure=configure, checks={})


def test_a_stack_that_was_taken_out_of_the_blueprint_is_said_aloud_and_not_said_to_be_gone() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    rehearsal.run(without("front", shop()))
    assert [e.message for e in rehearsal.events if e.type == "stack.orphaned"] == [
        "stack front stands, and the blueprint no longer has it: put it back to change it or to take it down"
    ]
    ended = rehearsal.run(without("front", shop(goal=Goal.DOWN)))
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert "stack front stands" in ended.environment.message
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED


def test_an_environment_that_was_taken_down_can_be_brought_up_again() -> None:
    rehearsal = Rehearsal()
    for _ in range(2):
        assert rehearsal.run(shop()).environment.phase is Phase.READY
        assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED
    assert rehearsal.world.done["create db-1"] == 2
    assert rehearsal.world.done["configure mysql db-1"] == 2


def test_a_teardown_that_was_stopped_half_way_can_be_turned_round() -> None:
    rehearsal, cancel = Rehearsal(), Cancellation()
    rehearsal.run(shop())

    def cancelling(step: Step, act: Act) -> Outcome:
        outcome = act()
        if step.key == "destroy:front":
            cancel.request("SIGTERM")
        return outcome

    stopped = rehearsal.run(shop(goal=Goal.DOWN), cancel=cancel, run_step=cancelling)
    assert (stopped.environment.phase, stopped.cancelled) == (Phase.TEARING_DOWN, True)
    assert rehearsal.run(shop()).environment.phase is Phase.READY
    assert rehearsal.world.done["create db-1"] == 1


def test_a_teardown_marches_on_past_a_stack_that_does_not_go_and_says_so() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    rehearsal.world.broken.add("apply front")
    ended = rehearsal.run(shop(goal=Goal.DOWN))
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert "destroy front" in ended.environment.message
    assert rehearsal.world.done["destroy db-1"] == 1
    rehearsal.world.broken.clear()
    assert rehearsal.run(shop(goal=Goal.DOWN)).environment.phase is Phase.DESTROYED


def test_hosts_that_do_not_come_keep_no_stack_from_being_applied() -> None:
    """More hosts than the loop waits for at once, and all of them wait for what another stack brings."""
    rehearsal = Rehearsal()
    crowd = {f"db-{n}": ("db",) for n in range(WORKERS + 1)}
    rehearsal.world.modules["data"] = FakeModule(lambda _: crowd, lambda _: {"address": "10.0.0.5"})
    begun = Flag()

    def watching(step: Step, act: Act) -> Outcome:
        if step.key == "apply:front":
            begun.set()
        if step.kind is Kind.AWAIT:
            assert begun.wait(10)
        return act()

    assert rehearsal.run(shop(), run_step=watching).complete


def test_hosts_of_one_name_in_two_stacks_each_get_their_own_result() -> None:
    rehearsal = Rehearsal()
    for stack in ("data", "front"):
        rehearsal.world.modules[stack] = FakeModule(lambda _: {"web-1": ("web",)})
    stacks = {n: StackTarget(n, Path(n)) for n in ("data", "front")}
    there = CheckTarget("there", "command", selector=Selector(group="web"))  # so that both are in one batch
    both = ConfigureTarget("app", Path("app.yml"), Selector(group="web"), checks=frozenset({"there"}))
    told = rehearsal.ports.configurator

    class OneOfThem(type(told)):  # type: ignore[misc]
        def configure(self, configuration: Configuration, run: Run) -> Configured:
            status = {"data": HostStatus.FAILED, "front": HostStatus.OK}
            return Configured(tuple(HostResult(h.name, status[h.stack]) for h in configuration.hosts))

    rehearsal.ports = replace(rehearsal.ports, configurator=OneOfThem(rehearsal.world))
    ended = rehearsal.run(Desired(shop().ref, Goal.UP, stacks, {"app": both}, {"there": there}))
    assert not ended.complete
    ids = {h.stack: h.id for h in rehearsal.store.hosts(shop().ref)}
    journal = rehearsal.store.journal(shop().ref)
    good = {s: record.succeeded for s, i in ids.items() if (record := journal.get(Kind.CONFIGURE, f"app@{i}"))}
    assert good == {"data": False, "front": True}


def test_a_run_that_goes_on_no_longer_says_that_it_was_interrupted() -> None:
    rehearsal, cancel = Rehearsal(), Cancellation()
    cancel.request("Ctrl-C")
    assert "interrupted" in rehearsal.run(shop(), cancel=cancel).environment.message
    said: list[str] = []

    def looking(_: Step, act: Act) -> Outcome:
        known = rehearsal.store.environment(shop().ref)
        said.append(known.message if known else "")
        return act()

    rehearsal.run(shop(), run_step=looking)
    assert set(said) == {""}


def test_a_sensitive_output_is_known_as_a_secret_before_anybody_speaks_of_it() -> None:
    rehearsal = Rehearsal()
    told = rehearsal.ports.provisioner
    learned: list[object] = []

    class WithPassword(type(told)):  # type: ignore[misc]
        def _outputs(self, stack: StackSpec) -> Outputs:
            return {**super()._outputs(stack), "password": Output(f"hunter-{stack.name}", sensitive=True)}

    rehearsal.ports = replace(rehearsal.ports, provisioner=WithPassword(rehearsal.world), learn=learned.append)
    rehearsal.run(shop())
    assert learned == ["hunter-data", "hunter-front"]
    learned.clear()
    rehearsal.run(shop())  # nothing is applied, and the secrets are read again all the same
    assert learned == ["hunter-data", "hunter-front"]


def test_what_a_plan_warns_of_is_said_aloud() -> None:
    rehearsal = Rehearsal()
    real = rehearsal.ports.provisioner

    class Warns(FakeProvisioner):
        def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
            warning = Diagnostic(
                Severity.WARNING, "aws_vpc.this does not carry the environment's tag", "Teardown cannot see it."
            )
            return replace(real.plan(stack, run, destroy=destroy), diagnostics=(warning,))

    rehearsal.ports = replace(rehearsal.ports, provisioner=Warns(rehearsal.world))
    assert rehearsal.run(shop()).complete
    said = [e.message for e in rehearsal.events if e.type == "plan.warning"]
    assert said == ["aws_vpc.this does not carry the environment's tag. Teardown cannot see it."] * 2
