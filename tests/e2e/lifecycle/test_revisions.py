"""What becomes of a failed run, and going back: revisions on real hosts, from the store alone where the files are gone."""

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.lifecycle.conftest import Baton, end

pytestmark = pytest.mark.timeout(900)
REF = "minimal/rev"
BREAK = """  post_tasks:
    - name: break
      ansible.builtin.command: /bin/false
"""


class Site:
    """The minimal example in a project of its own, and what a person changes in it."""

    def __init__(self, baton: Baton) -> None:
        self.baton = baton
        self.folder = baton.directory / "examples" / "minimal"
        self.whole = (self.folder / "site.yml").read_text()

    def says(self, text: str) -> None:
        """Add to the blueprint."""
        with (self.folder / "blueprint.yaml").open("a") as file:
            file.write(f"\n{text}\n")

    def breaks(self) -> None:
        (self.folder / "site.yml").write_text(self.whole + BREAK)

    def works(self) -> None:
        (self.folder / "site.yml").write_text(self.whole)

    def greeting(self) -> str:
        """What the web host says to a visitor."""
        host = self.baton("hosts", REF, "--json").lines[0]
        connected = self.baton.connect_outside(host["public_address"], 80)
        assert not isinstance(connected, str), connected
        with connected:
            connected.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connected.makefile("rb").read().decode()

    def status(self) -> dict[str, object]:
        return self.baton("status", REF, "--json").lines[0]

    def revisions(self) -> list[dict[str, object]]:
        return self.baton("history", REF, "--revisions", "--json").of("revision")


@pytest.fixture(scope="module")
def site(lasting: Baton) -> Site:
    found = Site(lasting)
    found.says("lease: {ttl: 2h, warn: [90m]}")
    return found


@pytest.mark.long
def test_a_creation_that_fails_is_taken_down_with_proof_where_the_blueprint_wants_that(site: Site) -> None:
    blueprint = (site.folder / "blueprint.yaml").read_text()
    site.says("on_failure: destroy")
    site.breaks()
    ran = site.baton("up", "examples/minimal", "--env", "rev", "--json", check=False)
    assert ran.code == 1
    (error,) = ran.of("error")
    assert "failed in task 'break'" in error["message"]
    assert "afterwards: minimal/rev is destroyed" in error["message"]
    assert error["cleaned_up"] is True
    assert site.status()["phase"] == "destroyed"
    assert "minimal/rev is destroyed" in site.baton("certificate", REF).out
    (site.folder / "blueprint.yaml").write_text(blueprint)
    site.works()


@pytest.mark.long
def test_a_tick_resumes_a_run_that_was_killed_even_where_its_blueprint_is_gone(site: Site) -> None:
    running = site.baton.start("up", "examples/minimal", "--env", "rev", "--json")
    try:
        assert running.stdout is not None
        for line in running.stdout:
            if '"task.changed"' in line:
                break
        os.kill(running.pid, signal.SIGKILL)
        running.stdout.close()
    finally:
        end(running)
    site.folder.rename(site.folder.with_name("elsewhere"))
    try:
        ticked = site.baton("tick", "--json")
    finally:
        site.folder.with_name("elsewhere").rename(site.folder)
    (due,) = ticked.of("tick.due")
    assert "ended without saying how" in due["message"]
    assert [line["data"]["left"] for line in ticked.of("lease.expiring")] == []  # more than ninety minutes are left
    assert site.status()["phase"] == "ready"
    assert "Hello from Baton" in site.greeting()
    assert site.baton("tick").out == "nothing is due\n"


@pytest.mark.long
def test_a_change_that_fails_goes_back_to_what_was_ready_last(site: Site) -> None:
    site.says("on_failure: rollback")
    site.breaks()
    ran = site.baton("up", "examples/minimal", "--env", "rev", "--input", "greeting=Broken", "--json", check=False)
    assert ran.code == 1
    assert "afterwards: minimal/rev is ready (changed)" in ran.of("error")[0]["message"]
    assert "Hello from Baton" in site.greeting()
    status = site.status()
    known = {r["number"]: r for r in site.revisions()}
    assert status["phase"] == "ready"
    assert known[status["revision"]]["ready"]
    assert [r["ready"] for r in known.values() if r["inputs"] == {"greeting": "Broken"}] == [False]
    site.works()


@pytest.mark.long
def test_a_rollback_brings_back_what_was_ready_before_and_can_be_taken_back(site: Site) -> None:
    site.baton("up", "examples/minimal", "--env", "rev", "--input", "greeting=Second")
    assert "Second" in site.greeting()
    second = site.status()["revision"]
    ran = site.baton("rollback", REF, "--json")
    assert "Hello from Baton" in site.greeting()
    assert not ran.finished("apply")  # the infrastructure is the same
    site.baton("rollback", REF, str(second))
    assert "Second" in site.greeting()
    nothing = site.baton("rollback", REF, str(second), "--json")
    assert nothing.result["changed"] is False
    wrong = site.baton("rollback", REF, "77", check=False)
    assert wrong.code == 64
    assert "there is no revision 77" in wrong.err


def test_what_has_reached_its_end_is_taken_down_by_the_next_tick_and_said_to_be_late(
    site: Site, tmp_path: Path
) -> None:
    site.baton("up", "examples/minimal", "--env", "rev")  # it stands, where the long tests came before
    before = datetime.fromisoformat(str(site.status()["lease_ends"]))
    extended = site.baton("lease", "extend", REF, "30m", "--json").of("lease")[0]
    assert datetime.fromisoformat(extended["lease_ends"]) - before == timedelta(minutes=30)
    soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat(timespec="seconds")
    site.baton("down", REF, "--at", soon)
    assert "appointed: end" in site.baton("lease", "show", REF).out  # a slow machine is past it by now
    time.sleep(5)
    site.folder.rename(site.folder.with_name("elsewhere"))
    ticked = site.baton("tick", "--json")
    (result,) = ticked.of("tick")
    assert result["failed"] == []
    assert "minimal/rev is destroyed" in result["done"][0]
    assert "appointed its end for" in result["done"][0]
    why = [json.dumps(e["event"]["data"]) for e in site.baton("history", REF, "--json").of("entry")]
    assert any("appointed its end for" in data for data in why)
    assert site.baton("audit", "verify").code == 0
