"""What the engine costs: over the same conductor without it, from a deployment to its first tool, and for many at once.

    python benchmarks/engine.py [RUNS] [SCALE] [MANY]

Steps are fakes that take as long as real ones take (times SCALE: 1 is a real `up` of about a minute, 0.1 a quick look whose
shares mean nothing); conductor, journal, steps and flows are the real ones. MANY environments (20) are brought up at once by
one worker. Prints seconds, processor seconds, megabytes (PSS) and ratios; asserts nothing but that no environment was lost.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.support.engine import Engine, flow_processes, log_of, recorded_tasks, running, started
from benchmarks.support.home import ROOT, own_home, spread

HOSTS = (4, 30)
FLUSHED = 12.0
"""Seconds in which the server has written down what it was told last: it does so every five, and its client every two."""


def main() -> None:
    runs, scale, many = int(_word(1, "3")), float(_word(2, "1")), int(_word(3, "20"))
    with own_home() as home, running(home.path) as engine:
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        _rehearsed(engine, "engine", HOSTS[0], 0)  # a server that has just begun reads half of itself at its first run
        for hosts in HOSTS:
            overhead(engine, hosts, runs, scale)
        with engine.worker() as worker:
            to_first_tool(runs)
            at_once(engine, worker, many, scale)


def _word(number: int, otherwise: str) -> str:
    return sys.argv[number] if len(sys.argv) > number else otherwise


def overhead(engine: Engine, hosts: int, runs: int, scale: float) -> None:
    """The same `up` as a plain process and as a flow run, in turns. What the server uses beside the plain one is its own affair:
    its services look around all the time, and it is told of nothing then."""
    taken: dict[str, list[dict[str, float]]] = defaultdict(list)
    for number in range(runs):
        for mode in ("direct", "engine") if number % 2 else ("engine", "direct"):
            taken[mode].append(_beside(engine, lambda mode=mode: _rehearsed(engine, mode, hosts, scale)))  # type: ignore[misc]
    server, idle = [], statistics.median(row["server"] for row in taken["direct"])
    for told, untold in zip(taken["engine"], taken["direct"], strict=True):
        server.append((told["server"] - untold["server"]) * told["watched"] / told["steps"] * 1000)
    print(
        f"\n`up` of {hosts} hosts, {taken['direct'][0]['steps']:.0f} steps: median (least-most), load {os.getloadavg()[0]:.1f}"
    )
    for mode in ("direct", "engine"):
        rows = taken[mode]
        cells = [f"{name} {spread([row[name] for row in rows])}" for name in ("wall", "cpu", "pss")]
        print(f"  {mode:8}" + "  ".join(cells))
    for name in ("wall", "cpu"):
        pairs = [one[name] - other[name] for one, other in zip(taken["engine"], taken["direct"], strict=True)]
        share = statistics.median(
            one[name] / other[name] for one, other in zip(taken["engine"], taken["direct"], strict=True)
        )
        print(f"  engine over direct, {name}: +{statistics.median(pairs):.1f} s, {share:.2f} times")
    print(
        f"  server: {spread(server)} ms of processor per step, beside the {idle:.2f} cores that it uses while it idles",
        flush=True,
    )


def _beside(engine: Engine, rehearsed: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What a rehearsal took; with the cores that the server used meanwhile, and until it had worked off what it was told."""
    before, began = engine.cpu(), time.perf_counter()
    found = rehearsed()
    time.sleep(FLUSHED)
    watched = time.perf_counter() - began
    return {**found, "server": (engine.cpu() - before) / watched, "watched": watched}


def _rehearsed(engine: Engine, mode: str, hosts: int, scale: float) -> dict[str, float]:
    began = time.perf_counter()
    words = [sys.executable, "-m", "benchmarks.support.rehearsed", mode, str(hosts), str(scale)]
    done = subprocess.run(words, cwd=ROOT, env=engine.environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if (found.pop("phase"), found["hosts"]) != ("ready", hosts):
        sys.exit(f"the rehearsal did not reach its end: {done.stdout}")
    return {**found, "wall": time.perf_counter() - began}


def to_first_tool(runs: int) -> None:
    """From the call that starts a deployment to its flow's body, and to the first step at work."""
    from flows.client import api
    from flows.following import watch

    bodies, tools = [], []
    with api() as client:
        for _ in range(runs):
            run, at = started(client, {"scale": 0.0})
            watch(client, run, patience=600)
            time.sleep(3)  # its log comes after its state
            body, tool = (_moment(log_of(client, run), what) for what in ("body", "tool"))
            bodies.append(body - at)
            tools.append(tool - at)
    print("\n`deployment run`, a worker that asks every second: seconds, median (least-most)")
    print(f"  to the flow's body  {spread(bodies)}")
    print(f"  to the first tool   {spread(tools)}", flush=True)


def _moment(lines: list[str], what: str) -> float:
    found = next((re.match(rf"{what} ([\d.]+)", line) for line in lines if line.startswith(f"{what} ")), None)
    if found is None:
        sys.exit(f"the run's log does not say when its {what} began: {lines}")
    return float(found[1])


def at_once(engine: Engine, worker: int, many: int, scale: float) -> None:
    """So many environments at the same time, by one worker."""
    from flows.client import api
    from flows.following import read

    before, began, peaks, top = engine.settled_cpu(), time.perf_counter(), dict[int, float](), 0.0
    with api() as client:
        ids = [started(client, {"name": f"e{n}", "scale": scale})[0] for n in range(many)]
        states: dict[Any, str] = {}
        while len(states) < many:
            for one in ids:
                state = read(client, one).state
                if one not in states and state is not None and state.is_final():
                    states[one] = str(state.name)
            now = flow_processes(worker)
            peaks = {pid: max(peaks.get(pid, 0.0), size) for pid, size in {**peaks, **now}.items()}
            top = max(top, sum(now.values()))
            time.sleep(2)
        wall = time.perf_counter() - began
        cpu = engine.settled_cpu() - before
        told = {one: _told(client, one) for one in ids}
        logs = sum("ended" in log_of(client, one) for one in ids)
    lost = [str(one) for one, (hosts, _, _) in told.items() if hosts != HOSTS[0]]
    recorded, made = (sum(counts) for counts in zip(*((r, m) for _, r, m in told.values()), strict=True))
    print(f"\n{many} environments of 4 hosts at once: {wall:.1f} s, {many / wall * 60:.1f} a minute")
    print(f"  states: {', '.join(f'{n} {s}' for s, n in sorted(_counted(states).items()))}; lost: {len(lost)}")
    print(f"  the server has {recorded} of {made} task runs, and the last line of {logs} of {many} logs")
    sizes = [size for size in peaks.values() if size > 0]
    print(f"  memory: {spread(sizes)} MB for each flow process, {top:.0f} MB together at most")
    print(f"  server: {cpu:.1f} s of processor", flush=True)
    if lost:
        sys.exit(f"lost: {', '.join(lost)}")


def _told(client: Any, run: Any) -> tuple[int, int, int]:
    """(hosts that are ready, task runs that the server has recorded, task runs that there were) of a run."""
    from flows.following import read

    ended = read(client, run).state
    found = re.fullmatch(r"ready with (\d+) hosts, (\d+) task runs", ended.message if ended and ended.message else "")
    return (int(found[1]), recorded_tasks(client, run), int(found[2])) if found else (0, 0, 0)


def _counted(states: dict[Any, str]) -> dict[str, int]:
    return {name: list(states.values()).count(name) for name in states.values()}


if __name__ == "__main__":
    main()
