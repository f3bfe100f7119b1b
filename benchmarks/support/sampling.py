"""The peak memory of the tools that this process started, sampled while it waits for them."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.support import memory

SECONDS = 2.0  # reading PSS walks a process's page tables: more often would slow down what is measured


@contextmanager
def sampled() -> Iterator[dict[str, float]]:
    """Peak kilobytes of Terraform, Ansible (its ssh processes too) and Baton; full once the block is left."""
    peaks: dict[str, float] = defaultdict(float)
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SECONDS):
            for kind, kilobytes in _now().items():
                peaks[kind] = max(peaks[kind], kilobytes)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def _now() -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for entry in descendants(os.getpid()):
        if int(entry.name) == os.getpid():
            continue
        found[_kind(memory.command(entry))] += memory.pss(entry)
    return found


def descendants(of: int) -> list[Path]:
    """A process and everything below it, as folders in /proc."""
    parents = {int(entry.name): _parent(entry) for entry in memory.processes()}
    found, fresh = set[int](), {of}
    while fresh:
        found |= fresh
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
    return [Path("/proc", str(pid)) for pid in found]


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _kind(command: str) -> str:
    program = command.partition(" ")[0].rpartition("/")[2].rstrip(":")
    if program.startswith("terraform"):
        return "Terraform"
    if "ansible" in command or program == "ssh":
        return "Ansible"
    return "Baton"
