"""One `baton up` of many hosts in the local cloud: seconds per phase, memory per host and per tool. Prints; asserts nothing.

    python benchmarks/fifty.py [HOSTS]

The hosts run nginx by the web role (benchmarks/many). Memory is PSS: a process's own pages and its share of what it shares.
Everything is taken down afterwards, and what is left is said.
"""

import sys
from datetime import datetime
from pathlib import Path

from benchmarks.support import memory
from benchmarks.support.home import PHASES, Events, own_home, spread
from benchmarks.support.sampling import sampled
from local_cloud import client
from local_cloud.home import Home as CloudHome
from local_cloud.home import read_description

MEGABYTE = 1024  # of what the kernel counts


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    blueprint = ("benchmarks/many", "--json", "--input", f"hosts={count}")
    with own_home("many/dev") as home:
        home.start("benchmarks/many")
        cloud = CloudHome(home.path / "cloud", Path())
        with sampled() as peaks:
            up = home.baton("up", *blueprint)
        report_up(up.seconds, up.events, count)
        report_memory(cloud, peaks)
        down = home.baton("down", "many/dev", "--json")
        left = [row["id"] for row in client.instances(cloud) if row["state"] != "terminated"]
        print(f"down: {down.seconds:.1f} s; instances left: {', '.join(left) or 'none'}")


def report_up(seconds: float, events: Events, count: int) -> None:
    print(f"{count} hosts, one `up`: {seconds:.1f} s, {seconds / count:.2f} s per host")
    spans = {phase: _span(events, phase) for phase in PHASES}
    print("seconds from the first start to the last end: " + ", ".join(f"{p} {s:.1f}" for p, s in spans.items()))


def _span(events: Events, phase: str) -> float:
    """Seconds from the phase's first start to its last end. Phases overlap."""
    ours = [event for event in events if str(event.get("step", "")).startswith(f"{phase}:")]
    times = [datetime.fromisoformat(event["at"]) for event in ours]
    return (max(times) - min(times)).total_seconds() if times else 0.0


def report_memory(cloud: CloudHome, peaks: dict[str, float]) -> None:
    """The hosts at rest, the cloud's own processes, and the tools at their peak."""
    description = read_description(cloud)
    assert description is not None
    ids = [row["id"] for row in client.instances(cloud) if row["state"] == "running"]
    spaces = memory.by_space()
    hosts = [spaces[memory.host_space(cloud, one)] / MEGABYTE for one in ids]
    server = spaces[description.namespaces["pid"]] / MEGABYTE
    print(f"memory (PSS) of {len(hosts)} configured hosts at rest: {sum(hosts):.0f} MB, each {spread(hosts)} MB")
    print(f"memory (PSS) of the cloud itself: {server:.0f} MB")
    print("memory (PSS) at the peak: " + ", ".join(f"{k} {v / MEGABYTE:.0f} MB" for k, v in sorted(peaks.items())))


if __name__ == "__main__":
    main()
