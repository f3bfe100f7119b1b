"""Who holds something, and whether that process still lives."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.process.owner import alive, current_owner, gone


def test_we_are_alive() -> None:
    assert alive(current_owner()) is True


def test_an_owner_is_the_same_every_time_it_is_asked() -> None:
    assert current_owner("run-1") == current_owner("run-1")
    assert current_owner("run-1").flow_run == "run-1"


def test_a_process_that_ended_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert alive(replace(current_owner(), pid=pid)) is False


def test_a_zombie_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it has ended and is not reaped
    try:
        started = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        assert alive(replace(current_owner(), pid=pid, started=started)) is False
    finally:
        os.waitpid(pid, 0)


def test_a_pid_that_was_given_to_somebody_else_is_not_the_owner() -> None:
    us = current_owner()
    assert alive(replace(us, started=us.started - 1)) is False


def test_a_reboot_ends_everybody() -> None:
    assert alive(replace(current_owner(), boot_id="another")) is False


def test_a_lock_is_taken_early_from_the_dead_of_this_boot_only() -> None:
    """Two clones of one image have one name and one id: a run on the one is no dead run of the other."""
    us = current_owner()
    dead = replace(us, started=us.started - 1)
    assert gone(dead)
    assert not gone(us)
    assert not gone(replace(dead, boot_id="another"))
    assert not gone(replace(dead, machine="elsewhere:0123:1"))


def test_a_process_that_we_may_not_see_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc with `hidepid` shows nobody else's processes; a signal is refused, as to every process of another user."""

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert alive(replace(current_owner(), pid=2**22 + 1)) is None


def test_nothing_is_claimed_about_another_machine_or_another_pid_namespace() -> None:
    us = current_owner()
    host, machine_id, _ = us.machine.split(":")
    assert alive(replace(us, machine="elsewhere:0123:1")) is None
    assert alive(replace(us, machine=f"{host}:{machine_id}:1")) is None
    assert alive(replace(us, machine=f"{host}::1")) is None
