"""The ladder's script, run by a real shell over a root folder of our own, with real locks."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from adapters.ssh import rungs
from adapters.ssh.rungs import Climbed, Rung

DONE = '{\n "v1": {\n  "errors": []\n }\n}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def climb(root: Path, *pythons: str) -> Climbed:
    script = rungs.script(str(root), locks=("/dpkg/lock",), pids=("/dnf.pid",), pythons=pythons or ("python3",))
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, timeout=20, check=False)
    assert done.stderr == ""
    return rungs.read("Welcome to web-1\n" + done.stdout)


def test_a_host_without_cloud_init_does_not_wait_for_it(root: Path) -> None:
    climbed = climb(root)
    assert climbed.top
    assert climbed.reached == (Rung.LOGIN, Rung.USER_DATA, Rung.PACKAGES, Rung.PYTHON)
    assert Path(climbed.python).name == "python3"


def test_user_data_is_waited_for_until_its_last_stage_is_through(root: Path) -> None:
    (root / "run/cloud-init").mkdir(parents=True)
    assert climb(root) == Climbed((Rung.LOGIN,), "user data is still running")
    (root / "var/lib/cloud/instance").mkdir(parents=True)
    (root / "var/lib/cloud/instance/boot-finished").touch()
    (root / "run/cloud-init/result.json").write_text(DONE)
    climbed = climb(root)
    assert climbed.top
    assert climbed.findings == ()


def test_a_switched_off_cloud_init_is_not_waited_for(root: Path) -> None:
    (root / "run/cloud-init").mkdir(parents=True)
    (root / "run/cloud-init/disabled").touch()
    assert climb(root).top


def test_user_data_that_ended_with_errors_is_a_finding(root: Path) -> None:
    (root / "run/cloud-init").mkdir(parents=True)
    (root / "var/lib/cloud/instance").mkdir(parents=True)
    (root / "var/lib/cloud/instance/boot-finished").touch()
    (root / "run/cloud-init/result.json").write_text(DONE.replace("[]", '["scripts_user failed"]'))
    climbed = climb(root)
    assert climbed.top
    assert "user data ended with errors" in climbed.findings[0]


def test_a_held_package_lock_is_waited_for_and_its_holder_named(root: Path) -> None:
    (root / "dpkg").mkdir()
    with (root / "dpkg/lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        climbed = climb(root)
        assert climbed.reached[-1] is Rung.USER_DATA
        assert f"is held by process {os.getpid()}" in climbed.waits
        fcntl.lockf(lock, fcntl.LOCK_UN)
        assert climb(root).top


def test_a_living_process_in_a_lock_of_dnf_is_waited_for(root: Path) -> None:
    (root / "dnf.pid").write_text(f"{os.getpid()}\n")
    assert f"process {os.getpid()} works" in climb(root).waits
    (root / "dnf.pid").write_text("999999999\n")
    assert climb(root).top


def test_without_python_the_last_rung_is_missing(root: Path) -> None:
    climbed = climb(root, "no-such-python")
    assert climbed.reached[-1] is Rung.PACKAGES
    assert "no Python" in climbed.waits


def test_a_python_that_does_not_start_is_passed_over(root: Path) -> None:
    broken = root / "python3"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    climbed = climb(root, str(broken), "python3")
    assert climbed.top
    assert climbed.python != str(broken)
