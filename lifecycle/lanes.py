"""Where steps run: in threads, many at once. Whoever starts a run may hand in something else (a test: one after the other)."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final, Protocol

from lifecycle.journal import Kind, Outcome, Step

WORKERS: Final = 16
"""Steps at once, of stacks and of hosts each: a crowd of hosts that do not come holds up no stack. They wait for tools
most of the time; the tools have caps of their own."""
HOSTS_WORK: Final = frozenset({Kind.AWAIT, Kind.DRAIN, Kind.CONFIGURE, Kind.REHEARSE, Kind.VERIFY})


class Lanes(Protocol):
    """Runs steps beside the loop. Used by the loop's thread alone."""

    @property
    def busy(self) -> bool:
        """Whether anything was started whose end was not given yet."""
        ...

    def start(self, step: Step, work: Callable[[], Outcome]) -> None: ...

    def ended(self) -> Iterable[Outcome]:
        """Wait until something ends; everything that has ended. Raises what a piece of work has raised."""
        ...

    def close(self) -> None:
        """Wait until nothing runs any more."""
        ...


class Threads:
    """Lanes of threads: one for stacks and one for hosts."""

    def __init__(self) -> None:
        self._pools = {n: ThreadPoolExecutor(WORKERS, thread_name_prefix=n) for n in ("stacks", "hosts")}
        self._futures: set[Future[Outcome]] = set()

    @property
    def busy(self) -> bool:
        return bool(self._futures)

    def start(self, step: Step, work: Callable[[], Outcome]) -> None:
        pool = self._pools["hosts" if step.kind in HOSTS_WORK else "stacks"]
        self._futures.add(pool.submit(work))

    def ended(self) -> Iterator[Outcome]:
        done, self._futures = wait(self._futures, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True)
