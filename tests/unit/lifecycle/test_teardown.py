"""How a teardown ends: with a certificate, or with a list of what is left; what it tries again, and when it gives up for now."""

from dataclasses import replace

import pytest

from adapters.fake.clock import FakeClock
from adapters.fake.driving import ports_for, shop, world_of_shop
from adapters.fake.hosts import FakeHosts
from adapters.fake.store import FakeStore
from lifecycle.certificate import Certificate, CertificateInvalid, certified_runs, checked
from lifecycle.desired import Goal
from lifecycle.environment import Environment, Phase
from lifecycle.errors import BatonError
from lifecycle.events import Event
from lifecycle.inventory import Host
from lifecycle.journal import Kind
from lifecycle.lock import LEASE, Owner
from lifecycle.perform import Ended, perform
from lifecycle.phases import TEARDOWNS
from lifecycle.ports import Cancellation
from lifecycle.retries import Backoff

ME = Owner("ada", "laptop:1", "boot", 42, 1)
REF = shop().ref


class Theatre:
    """The shop, brought up, with what its runs said and the certificates that they kept."""

    def __init__(self) -> None:
        self.world = world_of_shop()
        self.events: list[Event] = []
        self.kept: list[Certificate] = []
        ports = ports_for(self.world)
        self.ports = replace(ports, sink=self.events.append, keep=self.kept.append, version="1.2.3")
        self.store, self.clock = self.ports.store, self.ports.clock
        assert isinstance(self.store, FakeStore)
        assert isinstance(self.clock, FakeClock)
        self.run(Goal.UP)

    def run(self, goal: Goal, cancel: Cancellation | None = None) -> Ended:
        now = self.clock.now()
        lock = self.store.acquire(REF, ME, lease=LEASE)
        known = self.store.environment(REF) or Environment(REF, Phase.NEW, now, now, cloud="local")
        try:
            return perform(
                shop(goal=goal),
                self.ports,
                lambda _, act: act(),
                lock=lock,
                environment=known,
                cancel=cancel or Cancellation(),
            )
        finally:
            self.store.release(lock)

    def down(self) -> Ended:
        return self.run(Goal.DOWN)

    def said(self, type: str) -> list[str]:
        return [e.message for e in self.events if e.type == type]


def test_a_certificate_says_what_was_looked_at_when_and_by_whom() -> None:
    theatre = Theatre()
    theatre.down()
    (certificate,) = theatre.kept
    assert (certificate.environment, certificate.run, certificate.cloud) == (str(REF), 2, "local")
    assert certificate.issued_at == theatre.clock.now()
    assert certificate.issued_by == "ada on laptop (process 42)"
    assert certificate.version == "1.2.3"
    places = [look.place for look in certificate.looks]
    assert {"state of stack data", "state of stack front"} <= set(places)
    assert "everything in the cloud with the tag baton:environment=shop/dev" in places
    assert len([p for p in places if p.startswith("host ")]) == 4


def test_the_ledger_tells_of_the_certificate_right_after_the_entry_that_it_names() -> None:
    theatre = Theatre()
    ended = theatre.down()
    (certificate,) = theatre.kept
    entries = list(theatre.store.ledger(REF))
    entry = certified_runs(entries)[2]
    assert certificate.ledger == (entry.seq - 1, entries[entry.seq - 2].hash)
    assert checked(certificate.text, REF, 2, entries) == certificate
    assert ended.view.observed.proof is not None
    assert ended.view.observed.proof.certificate == certificate


def test_a_certificate_of_another_run_or_a_changed_one_is_told() -> None:
    theatre = Theatre()
    theatre.down()
    theatre.down()
    first, second = theatre.kept
    entries = list(theatre.store.ledger(REF))
    with pytest.raises(CertificateInvalid, match="not the one that was issued"):
        checked(first.text, REF, second.run, entries)
    with pytest.raises(CertificateInvalid, match="not the one that was issued"):
        checked(first.text.replace("ada", "bob"), REF, first.run, entries)
    with pytest.raises(CertificateInvalid, match="knows no certificate of run 1"):
        checked(first.text, REF, 1, entries)
    with pytest.raises(CertificateInvalid, match="broken at entry 1"):
        checked(first.text, REF, first.run, [replace(entries[0], event=entries[0].event + " "), *entries[1:]])


def test_what_leaked_stops_the_certificate_until_it_is_gone() -> None:
    theatre = Theatre()
    theatre.world.leak("i-leaked", REF)
    ended = theatre.down()
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert "host i-leaked still exists" in ended.environment.message
    assert theatre.kept == []
    assert certified_runs(list(theatre.store.ledger(REF))) == {}
    theatre.world.leaked.clear()
    assert theatre.down().environment.phase is Phase.DESTROYED
    assert len(theatre.kept) == 1


def test_what_the_cloud_forgets_late_is_looked_at_again_in_the_same_run() -> None:
    theatre = Theatre()
    theatre.world.leak("i-late", REF, looks=2)
    assert theatre.down().environment.phase is Phase.DESTROYED
    assert theatre.said("proof.again") == ["host i-late still exists; looked at again in 0 s"] * 2


def test_what_a_state_still_names_is_not_waited_for() -> None:
    theatre = Theatre()
    theatre.world.broken.add("apply front")
    assert theatre.down().environment.phase is Phase.TEARING_DOWN
    assert theatre.said("proof.again") == []


def test_a_destroy_that_fails_for_a_reason_that_passes_is_planned_and_done_again() -> None:
    theatre = Theatre()
    theatre.world.passing["destroy front"] = 2
    assert theatre.down().environment.phase is Phase.DESTROYED
    assert theatre.world.done["destroy stack front"] == 3
    retried = theatre.said("step.retried")
    assert retried == ["something still uses front; tried again in 0 s (something else still uses it)"] * 2


def test_patience_ends_and_the_other_stacks_go_all_the_same() -> None:
    theatre = Theatre()
    attempts = theatre.ports.backoff.attempts
    theatre.world.passing["destroy front"] = attempts
    ended = theatre.down()
    assert theatre.world.done["destroy stack front"] == attempts
    assert [o.step.key for o in ended.failures] == ["destroy:front", f"prove:{REF}"]
    assert theatre.world.done["destroy db-1"] == 1


def test_a_reason_that_does_not_pass_is_not_tried_again() -> None:
    theatre = Theatre()
    theatre.world.broken.add("apply front")
    theatre.down()
    assert theatre.world.done["destroy stack front"] == 1


def test_a_run_that_is_stopped_while_it_waits_tries_nothing_again() -> None:
    theatre = Theatre()
    theatre.ports = replace(theatre.ports, backoff=Backoff(first=60, longest=60))
    theatre.world.passing["destroy front"] = 9
    cancel = Cancellation()
    theatre.ports = replace(
        theatre.ports, sink=lambda e: cancel.request("Ctrl-C") if e.type == "step.retried" else None
    )
    ended = theatre.run(Goal.DOWN, cancel)
    assert ended.cancelled
    assert theatre.world.done["destroy stack front"] == 1


def test_after_three_teardowns_without_a_certificate_an_environment_is_quarantined_and_works_from_there() -> None:
    theatre = Theatre()
    theatre.world.leak("i-leaked", REF)
    phases = [theatre.down().environment.phase for _ in range(TEARDOWNS + 1)]
    assert phases == [Phase.TEARING_DOWN, Phase.TEARING_DOWN, Phase.QUARANTINED, Phase.QUARANTINED]
    theatre.world.leaked.clear()
    assert theatre.down().environment.phase is Phase.DESTROYED


def test_an_environment_that_was_brought_up_in_between_is_counted_anew() -> None:
    theatre = Theatre()
    theatre.world.leak("i-leaked", REF)
    for _ in range(TEARDOWNS - 1):
        theatre.down()
    theatre.run(Goal.UP)
    assert theatre.down().environment.phase is Phase.TEARING_DOWN


def test_a_teardown_that_was_interrupted_is_not_counted() -> None:
    theatre = Theatre()
    theatre.world.leak("i-leaked", REF)
    for _ in range(TEARDOWNS):
        cancel = Cancellation()
        cancel.request("Ctrl-C")
        assert theatre.run(Goal.DOWN, cancel).cancelled
    assert theatre.down().environment.phase is Phase.TEARING_DOWN


def test_a_place_that_cannot_be_looked_at_proves_nothing_and_keeps_nobody_from_the_others() -> None:
    theatre = Theatre()

    class Blind(FakeHosts):
        def answers_as(self, host: Host) -> bool:
            if host.name == "web-1":
                raise BatonError("there is no way there")
            return super().answers_as(host)

    theatre.ports = replace(theatre.ports, hosts=Blind(theatre.world))
    ended = theatre.down()
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert ended.view.observed.proof is not None
    assert len(ended.view.observed.proof.left) == 1
    assert "could not be looked at: there is no way there" in ended.view.observed.proof.left[0]


def test_a_host_whose_key_was_never_known_is_named_as_not_provable() -> None:
    theatre = Theatre()
    hosts = [replace(h, host_key="") if h.name == "web-1" else h for h in theatre.store.hosts(REF)]
    lock = theatre.store.acquire(REF, ME, lease=LEASE)
    theatre.store.save_hosts(lock, hosts)
    theatre.store.release(lock)
    theatre.down()
    (certificate,) = theatre.kept
    assert [words for words in certificate.not_provable if "host web-1" in words]
    assert not [look for look in certificate.looks if "host web-1" in look.place]


def test_a_certificate_that_cannot_be_kept_is_none() -> None:
    theatre = Theatre()

    def full(_: Certificate) -> None:
        raise BatonError("no space left")

    theatre.ports = replace(theatre.ports, keep=full)
    ended = theatre.down()
    assert ended.environment.phase is Phase.TEARING_DOWN
    assert [o.step.kind for o in ended.failures] == [Kind.PROVE]
