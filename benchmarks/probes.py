"""How long many checks take at once: `python -m benchmarks.probes [checks]`. Needs sshd for the last line.

Every server answers after 50 ms, so a hundred checks one after the other would take five seconds and more.
"""

import resource
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from adapters.clock import SystemClock
from adapters.probe import NetworkProber
from adapters.probe.dialer import Direct
from adapters.probe.remote import Remote
from adapters.ssh.directory import open_session
from lifecycle.ports import Run
from lifecycle.scrub import Scrubber
from lifecycle.verification import Check, Thresholds
from tests.support.servers import ADDRESS, Answer, http_server
from tests.support.sshd import SSHD, Sshd

ANSWER_SECONDS = 0.05
PATIENT = Thresholds(timeout=timedelta(seconds=30), failure_threshold=1)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder, open_session() as session, http_server(_answer) as server:
        prober = NetworkProber(
            places={"controller": Direct()}, remote=Remote(session), clock=SystemClock(), masking=Scrubber().masking
        )
        http = {"url": server.url("/health"), "body": {"json": {"status": "ok"}}}
        tcp = {"host": ADDRESS, "port": server.port}
        _measure(prober, "http", [Check(f"http-{n}", "http", http, thresholds=PATIENT) for n in range(count)])
        _measure(prober, "tcp", [Check(f"tcp-{n}", "tcp", tcp, thresholds=PATIENT) for n in range(count)])
        if not Path(SSHD).exists():
            print("from a host: no sshd on this machine")
            return
        sshd = Sshd(Path(folder) / "sshd")
        sshd.start()
        try:
            hosts = (sshd.host(host_key=sshd.host_keys[0]),)
            looks = [Check(f"host-{n}", "http", http, "hosts", hosts, PATIENT) for n in range(count // 5)]
            _measure(prober, "http through one ssh connection", looks)
        finally:
            sshd.stop()


def _answer(path: str) -> Answer:  # noqa: ARG001 - what the server calls
    time.sleep(ANSWER_SECONDS)
    return Answer(body=b'{"status": "ok"}')


def _measure(prober: NetworkProber, words: str, checks: Sequence[Check]) -> None:
    """Run the checks all at once and print how long that took, beside one of them alone."""
    _seconds(prober, checks[:1])  # the first also opens what is shared
    alone = _seconds(prober, checks[:1])
    together = _seconds(prober, checks)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    ratio = alone * len(checks) / together
    print(
        f"{len(checks)} {words}: {together:.2f} s at once; one: {alone:.3f} s; {ratio:.0f} times as fast; {memory} MB"
    )


def _seconds(prober: NetworkProber, checks: Sequence[Check]) -> float:
    results: list[bool] = []
    threads = [threading.Thread(target=lambda c=c: results.append(prober.probe(c, Run()).passed)) for c in checks]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    seconds = time.perf_counter() - begun
    if results != [True] * len(checks):
        raise SystemExit(f"{results.count(False)} of {len(checks)} checks failed")
    return seconds


if __name__ == "__main__":
    main()
