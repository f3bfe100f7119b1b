"""Watching for the wish to stop: somebody may have it elsewhere, and whoever had it, people are told what happens now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Lock, Thread

from lifecycle.ports import Cancellation

LOOK = timedelta(seconds=3)
"""How often somebody elsewhere is asked. With the twenty-six seconds that a fresh apply may take to stop, under half a minute."""
GLANCE = timedelta(milliseconds=200)
"""How soon it is said that a run which stops gracefully was asked to be fast."""


@contextmanager
def watched(
    cancel: Cancellation, *, wanted_elsewhere: Callable[[], str], say: Callable[[str], None], look: timedelta = LOOK
) -> Iterator[None]:
    """While the block runs, whoever wants it stopped is heard: `wanted_elsewhere` gives the reason, or nothing.

    A thread of its own, apart from the heartbeat: an engine that does not answer must not cost the lock. Nobody waits
    for it at the end, for the same reason.
    """
    watch = _Watch(cancel, wanted_elsewhere, say, look)
    Thread(target=watch.go_on, name="watch", daemon=True).start()
    try:
        yield
    finally:
        watch.end()


@dataclass(frozen=True, slots=True)
class _Watch:
    cancel: Cancellation
    wanted_elsewhere: Callable[[], str]
    say: Callable[[str], None]
    look: timedelta
    over: Event = field(default_factory=Event)
    saying: Lock = field(default_factory=Lock)

    def go_on(self) -> None:
        while not self.cancel.wait(self.look.total_seconds()):
            if self.over.is_set():
                return None
            reason = self.wanted_elsewhere()
            if reason and not self.cancel.requested:  # asked twice means fast, and nobody has asked for that
                self.cancel.request(reason)
        self._tell(f"stopping ({self.cancel.reason}): tools end what they have in flight; asked again, they are killed")
        while not self.over.wait(GLANCE.total_seconds()):
            if self.cancel.urgent:
                return self._tell(
                    "stopping at once: tools are killed, and the next run looks for what they were making"
                )
        return None

    def _tell(self, words: str) -> None:
        with self.saying:
            if not self.over.is_set():
                self.say(words)

    def end(self) -> None:
        """Nothing is said after this."""
        with self.saying:
            self.over.set()
