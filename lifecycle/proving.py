"""The proof of a teardown: an independent look for everything that it could have left, and the certificate where that is nothing."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lifecycle.certificate import Certificate, Look
from lifecycle.desired import StackTarget
from lifecycle.errors import BatonError
from lifecycle.events import Level
from lifecycle.inventory import Host
from lifecycle.journal import Outcome, Status, Step
from lifecycle.ledger import GENESIS
from lifecycle.observed import Proof
from lifecycle.outcomes import orphan_words
from lifecycle.ports import ENVIRONMENT_TAG, Cancelled, Ports, Run, StackSpec
from lifecycle.view import View

SHOWN = 5
"""How many leftovers a message names; the outcome's detail names all."""


def prove(step: Step, view: View, ports: Ports, run: Run) -> Outcome:
    """Look everywhere. What was found is named; where nothing was, the certificate is kept before anybody hears of it."""
    looker = _Looker(view, ports, run)
    looks = looker.looks()
    unsure = (*ports.cloud.not_provable, *looker.unknown_hosts())
    left = tuple(words for look in looks for words in look.found)
    if left:
        return _left_behind(step, view, Proof(looks, unsure), left)
    with ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(lambda target: ports.provisioner.forget(_spec(view, target)), view.desired.stacks.values()))
    certificate = _certificate(view, ports, looks, unsure)
    ports.keep(certificate)
    proof = Proof(looks, unsure, certificate)
    words = f"nothing is left ({len(looks)} places looked at), certificate {certificate.digest[:12]}"
    return Outcome(step, Status.OK, words, result=proof, detail=_detail(proof) | {"certificate": certificate.digest})


class _Looker:
    def __init__(self, view: View, ports: Ports, run: Run) -> None:
        self._view, self._ports, self._run = view, ports, run
        self._hosts = tuple(ports.store.hosts(view.desired.ref))

    def looks(self) -> tuple[Look, ...]:
        """A look at every place. Where the states are empty and something is there all the same, it is looked at again a
        few times: clouds forget late, and hosts take a moment to go."""
        with ThreadPoolExecutor(max_workers=16) as pool:
            first = pool.submit(self._world)
            states = (self._orphans(), *pool.map(self._state, self._view.desired.stacks.values()))
            world = first.result()
        delays = () if any(look.found for look in states) else self._ports.backoff.delays
        for delay in delays:
            left = [words for look in world for words in look.found]
            if not left:
                break
            self._run.say("proof.again", f"{_listed(left)}; looked at again in {delay:g} s", level=Level.WARNING)
            if self._run.cancel.wait(delay):
                raise Cancelled("stopped before the proof was complete")
            world = self._world()
        return (*states, *world)

    def unknown_hosts(self) -> tuple[str, ...]:
        """Hosts that nobody would recognise if they answered."""
        return tuple(
            f"whether {_at(host)} answers: its key was never known" for host in self._hosts if not host.host_key
        )

    def _orphans(self) -> Look:
        place = "stacks of earlier runs that the blueprint no longer has"
        return Look(place, tuple(orphan_words(name) for name in self._view.orphans))

    def _state(self, target: StackTarget) -> Look:
        def found() -> Sequence[str]:
            addresses = self._ports.provisioner.resources(_spec(self._view, target), self._run)
            return [f"{address} is still in the state of stack {target.name}" for address in addresses]

        return self._look(f"state of stack {target.name}", found)

    def _world(self) -> tuple[Look, ...]:
        known = [host for host in self._hosts if host.host_key]
        with ThreadPoolExecutor(max_workers=16) as pool:  # a host that is gone takes seconds to say so
            return (self._cloud(), *pool.map(self._host, known))

    def _cloud(self) -> Look:
        ref = self._view.desired.ref

        def found() -> Sequence[str]:
            return [f"{r.type} {r.id} still exists" for r in self._ports.cloud.tagged(ref)]

        return self._look(f"everything in the cloud with the tag {ENVIRONMENT_TAG}={ref}", found)

    def _host(self, host: Host) -> Look:
        def found() -> Sequence[str]:
            return [f"{_at(host)} still answers with its own key"] if self._ports.hosts.answers_as(host) else []

        return self._look(_at(host), found)

    def _look(self, place: str, found: Callable[[], Sequence[str]]) -> Look:
        """What a look found, masked. One that cannot be made keeps nobody from the others."""
        try:
            return Look(self._ports.masked(place), tuple(self._ports.masked(words) for words in found()))
        except Cancelled:
            raise
        except BatonError as error:
            return Look(
                self._ports.masked(place), (self._ports.masked(f"{place} could not be looked at: {error.message}"),)
            )


def _certificate(view: View, ports: Ports, looks: tuple[Look, ...], unsure: tuple[str, ...]) -> Certificate:
    ref = view.desired.ref
    environment, holder = ports.store.environment(ref), ports.store.holder(ref)
    last = deque(ports.store.ledger(ref), maxlen=1)  # nothing is written between here and the entry with the digest
    return Certificate(
        environment=str(ref),
        run=environment.run if environment else 0,
        cloud=environment.cloud if environment else "",
        issued_at=ports.clock.now(),
        issued_by=str(holder.owner) if holder else "",
        version=ports.version,
        ledger=(last[0].seq, last[0].hash) if last else (0, GENESIS),
        looks=looks,
        not_provable=unsure,
    )


def _left_behind(step: Step, view: View, proof: Proof, left: tuple[str, ...]) -> Outcome:
    ref = view.desired.ref
    hint = f"run `baton down {ref}` again; what Terraform does not know, `baton down {ref} --orphans` removes"
    return Outcome(step, Status.FAILED, f"left behind: {_listed(left)}", hint, result=proof, detail=_detail(proof))


def _detail(proof: Proof) -> dict[str, object]:
    return {"left": list(proof.left), "looked_at": list(proof.looked_at), "not_provable": list(proof.not_provable)}


def _listed(left: Sequence[str]) -> str:
    more = f" (and {len(left) - SHOWN} more)" if len(left) > SHOWN else ""
    return f"{'; '.join(left[:SHOWN])}{more}"


def _spec(view: View, target: StackTarget) -> StackSpec:
    return StackSpec(view.desired.ref, target.name, target.source)


def _at(host: Host) -> str:
    return f"host {host.name} at {host.connection.address}"
