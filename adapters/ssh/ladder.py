"""The readiness ladder: from "there should be a host" to "it is there, it is the right one, it can be configured".

A login that is refused may be one that user data is still to allow, so it is tried again; but one that the same host key
refuses for REFUSED_SECONDS (60 s) without a break is final: another user or key is wanted, and no waiting brings it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from adapters.ssh import hints, rungs
from adapters.ssh.banner import NoBanner, read_banner
from adapters.ssh.call import FAILED, call
from adapters.ssh.directory import SshDirectory
from adapters.ssh.keys import Looker, described
from adapters.ssh.rungs import Rung
from adapters.ssh.trust import ConsoleKeys, Offer, offers, refused_pin
from lifecycle.errors import BatonError
from lifecycle.events import Level
from lifecycle.inventory import Host, NotReady, Ready, Trust, UntrustedHost
from lifecycle.ports import Cancelled, Run
from lifecycle.ssh_options import host_argv, proxy_command

FIRST_WAIT: Final = 0.05  # seconds between two looks at the beginning; it grows
LONGEST_WAIT: Final = 1.0
BANNER_SECONDS: Final = 5.0  # for one look
CALL_SECONDS: Final = 30.0  # for one climb; the script itself takes milliseconds
FIRST_USE_PATIENCE: Final = 1 / 3  # of the deadline: how long better sources of trust are waited for
REFUSED_SECONDS: Final = 60.0  # of "Permission denied" from the same host key, after which it is final

_NO_SUCH_KEY: Final = "no matching host key type found"
_WRONG_KEY: Final = "Host key verification failed"
_REFUSED: Final = "Permission denied"


class Ladder:
    """Climbs with one host after another, or with many at once from many threads.

    `console` gives the host keys that the cloud's console output shows for an instance, None while it shows none.
    """

    def __init__(self, directory: SshDirectory, console: ConsoleKeys | None = None) -> None:
        self._directory = directory
        self._console = console

    def await_ready(self, host: Host, run: Run) -> Ready:
        """The host, ready, with its pinned key. Raises NotReady (with the last rung), UntrustedHost or Cancelled."""
        return _Climb(host, run, self._directory, self._console).to_the_top()

    def answers_as(self, host: Host) -> bool:
        """Whether an SSH server with the host's pinned key answers at its address, within seconds. Nobody logs in."""
        if not host.host_key:
            return False
        try:
            read_banner(host.connection, BANNER_SECONDS, jump_known_hosts=self._directory.jump_known_hosts)
        except NoBanner:
            return False
        looker = Looker(self._directory.path, self._directory.jump_known_hosts)
        return looker.answers_with(host, self._directory.known_hosts(host))


@dataclass
class _Climb:
    """One host on its way up."""

    host: Host
    run: Run
    directory: SshDirectory
    console: ConsoleKeys | None
    began: float = field(default_factory=time.monotonic)
    reached: dict[Rung, float] = field(default_factory=dict)
    last_error: str = "nothing was seen"
    trusted_by: Trust | None = None
    offered: Sequence[Offer] = ()
    said: set[str] = field(default_factory=set)
    refused_by: str = ""  # the host key that refuses the login
    refused_since: float = 0.0
    proxy_said: str = ""  # the last that is known: the last look may be too short for it

    def to_the_top(self) -> Ready:
        wait = FIRST_WAIT
        while True:
            ready = self._attempt()
            if ready:
                return ready
            if self.run.cancel.requested:
                raise Cancelled(f"stopped waiting for {self.host.name}: {self.run.cancel.reason}")
            if self._left() <= 0:
                raise self._not_ready()
            self.run.cancel.wait(min(wait, max(self._left(), 0)))
            wait = min(wait * 1.5, LONGEST_WAIT)

    # --- one attempt

    def _attempt(self) -> Ready | None:
        if Rung.BANNER not in self.reached and not self._banner():
            return None
        if not self.offered and not self._ask_for_keys():
            return None
        if not self.offered:
            self._fail(f"no source of trust has given a host key yet (asked: {', '.join(self.host.trust) or 'none'})")
            return None
        for offer in self.offered:
            verdict = self._climb(self.host.pinned(offer.key), offer)
            if verdict is not None:
                return verdict if isinstance(verdict, Ready) else None
        presented = self._looker().presented(self.host)
        if presented:
            raise self._untrusted(presented)
        self._fail("the host presents no key of a trusted type")
        return None

    def _ask_for_keys(self) -> bool:
        """False where a source of trust is silent for a moment: it is asked again."""
        try:
            self.offered = offers(self.host, self._looker(), self.console, first_use=self._first_use())
        except BatonError as error:
            if error.trouble is None:
                raise
            self._fail(error.message)
            return False
        return True

    def _banner(self) -> bool:
        try:
            banner = read_banner(
                self.host.connection,
                max(0.1, min(BANNER_SECONDS, self._left())),
                jump_known_hosts=self.directory.jump_known_hosts,
                cancelled=self._cancelled,
            )
        except NoBanner as error:
            self.proxy_said = str(error.facts.get("proxy", "")) or self.proxy_said
            self._fail(error.message)
            return False
        self._reach(Rung.BANNER, banner=banner)
        return True

    def _climb(self, host: Host, offer: Offer) -> Ready | bool | None:
        """Log in and run the script. Ready at the top; False for "not yet"; None where the host has no key of this type."""
        argv = [*host_argv(host, self.directory, connect_timeout=10), "sh -s"]
        timeout = max(1.0, min(CALL_SECONDS, self._left()))
        answer = call(argv, stdin=rungs.script(), timeout=timeout, cancelled=self._cancelled)
        if answer.status == FAILED or answer.stopped:
            if _NO_SUCH_KEY in answer.stderr:
                return None
            if _WRONG_KEY in answer.stderr:
                raise self._untrusted(self._looker().presented(host, [offer.key]) or "")
            self._fail("no answer in time" if answer.stopped else answer.last_words)
            if not answer.stopped and _REFUSED in answer.last_words:  # earlier lines may be those of a jump host
                self._trusted(offer)
                self._refused(offer.key)
            else:
                self.refused_by = ""
            return False
        self.refused_by = ""
        self._trusted(offer)
        climbed = rungs.read(answer.stdout)
        for rung in climbed.reached:
            self._reach(rung)
        for finding in climbed.findings:
            self._find(f"{host.name}: {finding}")
        if climbed.top:
            return self._ready(host, climbed.python)
        self._fail(climbed.waits or answer.last_words)
        return False

    def _ready(self, host: Host, python: str) -> Ready:
        assert self.trusted_by is not None
        times = {rung.value: seconds for rung, seconds in self.reached.items()}
        return Ready(replace(host, facts={**host.facts, "python": python}), self.trusted_by, times)

    # --- what was seen

    def _trusted(self, offer: Offer) -> None:
        self.trusted_by = offer.source
        self._reach(Rung.KEY, fingerprint=described(offer.key), trusted_by=offer.source.value)
        if offer.source is Trust.FIRST_USE:
            self._find(
                f"{self.host.name}: host key {described(offer.key)} was trusted on first use, nobody vouches for it"
            )

    def _refused(self, key: str) -> None:
        """Raises NotReady when this key has refused for long enough."""
        now = time.monotonic()
        if self.refused_by != key:
            self.refused_by, self.refused_since = key, now
        if now - self.refused_since >= REFUSED_SECONDS:
            who = self.host.connection.user
            raise self._not_ready(f"refuses the login of '{who}', for {REFUSED_SECONDS:g} s without a break")

    def _reach(self, rung: Rung, **data: str) -> None:
        if rung not in self.reached:
            seconds = round(time.monotonic() - self.began, 3)
            self.reached[rung] = seconds
            message = f"{self.host.name}: {rung} ({seconds:.1f} s)"
            self.run.say("host.rung", message, host=self.host.name, rung=rung.value, seconds=seconds, **data)

    def _fail(self, error: str) -> None:
        if error != self.last_error:
            message = f"{self.host.name}: {error}"
            self.run.say("host.waits", message, level=Level.DEBUG, host=self.host.name, reason=error)
        self.last_error = error

    def _find(self, message: str) -> None:
        if message not in self.said:
            self.said.add(message)
            self.run.say("finding", message, level=Level.WARNING, host=self.host.name)

    # --- helpers

    def _left(self) -> float:
        return self.began + self.run.deadline.total_seconds() - time.monotonic()

    def _first_use(self) -> bool:
        """Whether trust on first use has its turn: not before the better sources of the same list had their time."""
        others = (
            self.console is not None and Trust.CONSOLE in self.host.trust
        )  # of the others, only this one comes late
        waited = time.monotonic() - self.began
        return not others or waited > self.run.deadline.total_seconds() * FIRST_USE_PATIENCE

    def _cancelled(self) -> bool:
        return self.run.cancel.requested

    def _looker(self) -> Looker:
        return Looker(
            self.directory.path, self.directory.jump_known_hosts, max(1.0, min(10.0, self._left())), self._cancelled
        )

    def _untrusted(self, presented: str) -> UntrustedHost:
        """The error for a host that presents another key than the trusted ones."""
        wanted = " or ".join(described(offer.key) for offer in self.offered)
        source = self.offered[0].source
        pin = refused_pin(self.host) if source is Trust.PINNED else ""
        return UntrustedHost(
            f"{self._where()} presents the host key {described(presented)}, but the trusted one is {wanted} ({_SOURCES[source]})",
            hint=pin
            or "somebody else may answer at this address. If the host's keys were made anew on purpose, let its source of"
            " trust say so (output, console); if not, look at the network before anything else",
            facts={"host": self.host.name, "id": self.host.id, "presented": presented, "trusted_by": source.value},
        )

    def _not_ready(self, what: str = "") -> NotReady:
        last = max(self.reached, key=lambda rung: rung.number, default=None)
        missing = next(rung for rung in Rung if last is None or rung.number > last.number)
        seconds = self.run.deadline.total_seconds()
        proxy = self.proxy_said if missing is Rung.BANNER and self.proxy_said not in self.last_error else ""
        return NotReady(
            f"{self._where()} {what or f'was not ready within {seconds:g} s'}: it reached '{last or 'nothing'}' and not "
            f"'{missing}'; last seen: {self.last_error}{f'; the proxy said: {proxy}' if proxy else ''}",
            hint=hints.missing(missing, self.host.connection, proxied=self._proxied()),
            facts={
                "host": self.host.name,
                "rung": last.value if last else "",
                "error": self.last_error,
                "deadline": seconds,
            },
        )

    def _proxied(self) -> bool:
        return bool(proxy_command(self.host.connection, jump_known_hosts=self.directory.jump_known_hosts))

    def _where(self) -> str:
        connection = self.host.connection
        return f"{self.host.name} ({self.host.id}) at {connection.address} port {connection.port}"


_SOURCES: Final = {
    Trust.OUTPUT: "named by the stack's `hosts` output",
    Trust.CONSOLE: "from the console output",
    Trust.CA: "certified by the host authority",
    Trust.FIRST_USE: "trusted on first use",
    Trust.PINNED: "pinned by an earlier run",
}
