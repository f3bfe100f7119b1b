"""The look at a TCP port."""

from __future__ import annotations

import time

from adapters.probe.dialer import Dialer, DialFailed, target
from adapters.probe.look import Budget, Look, milliseconds
from adapters.probe.spec import TcpSpec


def look(spec: TcpSpec, dialer: Dialer, budget: Budget) -> Look:
    """Whether a connection comes about (or, with `expect: closed`, whether none does).

    Closed means refused, filtered or unreachable, and the evidence says which. A name that does not resolve, or a place
    that cannot be looked from, is neither open nor closed: the look fails.
    """
    begun = time.monotonic()
    where = target(spec.host, spec.port)
    try:
        with budget.dialled(dialer, spec.host, spec.port):
            words = f"{where} accepts connections ({milliseconds(time.monotonic() - begun)})"
            return Look(not spec.closed, words + (", wanted closed" if spec.closed else ""), {"connection": "open"})
    except DialFailed as failure:
        closed = spec.closed and failure.says_closed
        words = f"closed: {failure.message}" if closed else failure.message
        return Look(closed, words, {"connection": failure.word})
