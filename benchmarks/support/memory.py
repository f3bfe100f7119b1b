"""Memory as the kernel counts it per process: PSS, a process's own pages and its share of what it shares."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from local_cloud.connect import ask
from local_cloud.home import Home


def processes() -> Iterator[Path]:
    """Every process that this machine shows, as its folder in /proc."""
    return Path("/proc").glob("[0-9]*")


def pss(entry: Path) -> float:
    """Kilobytes; nothing for a process that has ended or is not ours to look at."""
    try:
        lines = (entry / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith("Pss:"))


def pid_space(entry: Path) -> int:
    """The process's PID namespace; 0 for one that has ended or is not ours to look at."""
    try:
        return (entry / "ns/pid").stat().st_ino
    except OSError:
        return 0


def command(entry: Path) -> str:
    """Its command line, words apart by blanks; empty for one that has ended."""
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def by_space() -> dict[int, float]:
    """Kilobytes of all processes, by PID namespace."""
    found: dict[int, float] = defaultdict(float)
    for entry in processes():
        found[pid_space(entry)] += pss(entry)
    return found


def host_space(home: Home, instance: str) -> int:
    """The PID namespace of a host of the local cloud."""
    _, descriptor = ask(str(home.broker), {"do": "enter", "id": instance})
    assert descriptor is not None
    try:
        text = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    finally:
        os.close(descriptor)
    first = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pid:"))
    return pid_space(Path(f"/proc/{first}"))
