"""The loop around the conductor: what it writes, and when."""

import json
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

from adapters.fake.driving import shop
from adapters.fake.provisioner import FakeProvisioner
from adapters.fake.world import FakeModule
from lifecycle.configuration import Configuration, Configured, HostResult, HostStatus
from lifecycle.desired import CheckTarget, ConfigureTarget, Desired, Goal, StackTarget
from lifecycle.environment import EnvironmentRef, Phase
from lifecycle.inventory import Host, Ready, Selector
from lifecycle.journal import Kind, Outcome, Status, Step
from lifecycle.lanes import WORKERS
from lifecycle.ledger import Broken, verify
from lifecycle.plan import Diagnostic, Output, Outputs, Plan, Severity
from lifecycle.ports import Cancelled, HostSource, Run, StackSpec
from tests.support.performing import Act, Rehearsal


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


def test_every_step_that_started_is_said_to_have_finished() -> None:
    rehearsal = Rehearsal()
    rehearsal.run(shop())
    started = [e.step for e in rehearsal.events if e.type == "step.started"]
    finished = [e.step for e in rehearsal.events if e.type == "step.finished"]
    assert sorted(started) == sorted(finished)
    assert {e.data["status"] for e in rehearsal.events if e.type == "step.finished"} == {Status.OK}


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
