"""Two machines that share nothing but the network: the same environments, one writer at a time, and each goes on for the other."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgresql
from tests.support.machines import wait_for
from tests.support.production import BIN, started_worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
BLUEPRINT = "/tmp/baton/project/examples/minimal"


def test_what_one_machine_brought_up_is_nothing_to_do_for_the_other(place: Any) -> None:
    first = place.run("up", "alpha", "dev")
    assert place.servers.ended(first)[0] == "COMPLETED", place.servers.log(first)
    second = place.run("up", "beta", "dev")
    assert place.servers.ended(second)[0] == "COMPLETED", place.servers.log(second)
    assert place.kinds("dev", 1) >= {"apply", "configure"}
    assert not place.kinds("dev", 2) & {"apply", "configure"}
    assert place.status("beta", "dev")["phase"] == "ready"
    assert "admin" in place.baton("beta", "ssh", "minimal/dev", "--", "whoami").stdout
    key = "/tmp/baton/environments/minimal/dev/ssh_ed25519"
    made = [one.run("cat", key, env={"PATH": os.environ["PATH"]}).stdout for one in place.machines.values()]
    assert "PRIVATE KEY" in made[0]
    assert made[0] == made[1]


def test_a_state_that_the_other_machine_would_not_find_is_refused(place: Any) -> None:
    refused = place.baton("beta", "plan", BLUEPRINT, "--env", "local", check=False, BATON_BACKEND="")
    assert refused.returncode == 64
    assert "would not find the state of: main" in refused.stderr
    assert place.status("beta", "local") == {}


def test_of_two_at_once_one_writes_and_the_other_is_told_who_does(place: Any) -> None:
    runs = [place.run("up", name, "dev", inputs={"greeting": "Again"}) for name in ("alpha", "beta")]
    ends = sorted(place.servers.ended(run) for run in runs)
    assert [kind for kind, _ in ends] == ["COMPLETED", "FAILED"], ends
    assert "minimal/dev is locked by" in ends[1][1]
    steps = place.journal("dev")
    last = max(run for run, *_ in steps)
    assert place.kinds("dev", last) >= {"configure"}
    for run in range(2, last + 1):  # no step of a run began before the last of the run before it had ended
        before = max(ended for number, _, _, ended in steps if number == run - 1)
        assert before <= min(begun for number, _, begun, _ in steps if number == run)


def test_a_worker_that_is_drained_takes_nothing_new_and_ends_what_it_does(place: Any) -> None:
    run = place.run("up", "alpha", "dev", inputs={"greeting": "Drained"})
    wait_for(lambda: place.servers.state(run)[0] == "RUNNING", 180)
    (worker,) = place.machines["alpha"].processes("flows.draining")
    os.kill(worker, signal.SIGINT)
    later = place.run("plan", "alpha", "dev")
    assert place.servers.ended(run)[0] == "COMPLETED", place.servers.log(run)
    assert place.workers["alpha"].wait(60) == 0
    assert place.servers.state(later)[0] == "SCHEDULED"
    place.servers.ask("DELETE", f"/flow_runs/{later}")
    place.workers["alpha"] = started_worker(place.servers, place.machines["alpha"], "alpha")


def test_a_backup_that_is_restored_into_a_fresh_cluster_knows_everything(place: Any, tmp_path: Path) -> None:
    programs, old = postgresql.binaries(), place.servers.postgres
    facts = {
        "baton": "SELECT count(*) FROM baton_ledger",
        "prefect": "SELECT count(*) FROM flow_run",
    }
    before = {name: place.servers.sql(name, question) for name, question in facts.items()}
    for name in facts:
        dump = ["--format", "custom", "--file", str(tmp_path / name), postgresql.url(old, name)]
        subprocess.run([programs / "pg_dump", *dump], check=True, timeout=120)
    for name in ("store.key", "ledger.key"):
        (tmp_path / name).write_bytes(place.key if name == "store.key" else place.key[::-1])
        (tmp_path / name).chmod(0o600)
    with postgresql.server() as fresh:
        for name in facts:
            subprocess.run([programs / "createdb", "-h", fresh, "-U", postgresql.USER, name], check=True, timeout=60)
            restore = ["--exit-on-error", "--no-owner", "--dbname", postgresql.url(fresh, name), str(tmp_path / name)]
            subprocess.run([programs / "pg_restore", *restore], check=True, timeout=120)
        after = {name: _count(programs, fresh, name, question) for name, question in facts.items()}
        assert after == before
        env = place.servers.worker_env() | {
            "HOME": str(tmp_path),
            "BATON_HOME": str(tmp_path / "home"),
            "BATON_STORE": postgresql.url(fresh, "baton"),
            "BATON_STORE_KEY": str(tmp_path / "store.key"),
            "BATON_LEDGER_KEY": str(tmp_path / "ledger.key"),
        }

        def baton(*words: str) -> str:
            argv = [str(BIN / "baton"), *words]
            done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        assert "minimal/dev" in baton("audit", "verify")
        status = json.loads(baton("status", "minimal/dev", "--json").splitlines()[0])
        assert status == place.status("beta", "dev")
        _sealed_secrets_open(env)


def _count(programs: Path, socket: Path, database: str, question: str) -> str:
    argv = [str(programs / "psql"), "-qAt", "-h", str(socket), "-U", postgresql.USER, "-d", database, "-c", question]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def _sealed_secrets_open(env: dict[str, str]) -> None:
    """What the restored store holds for the environment is readable with the key."""
    script = (
        "from adapters.registry import open_store; from adapters.settings import load; "
        "from lifecycle.environment import EnvironmentRef\n"
        "with open_store(load()) as store, store.shelf.opened(EnvironmentRef('minimal', 'dev')) as held: print(sorted(held))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env=env, cwd=root, capture_output=True, text=True, timeout=60
    )
    assert "ssh_ed25519" in done.stdout, done.stderr


def test_a_teardown_on_the_other_machine_is_certified_on_both(place: Any) -> None:
    run = place.run("down", "beta", "dev")
    assert place.servers.ended(run)[0] == "COMPLETED", place.servers.log(run)
    shown = [place.baton(name, "certificate", "minimal/dev", "--json").stdout for name in ("alpha", "beta")]
    assert shown[0] == shown[1]
    assert json.loads(shown[0])["environment"] == "minimal/dev"
    assert place.servers.sql("baton", "SELECT count(*) FROM baton_kept") == "0"


@pytest.mark.parametrize("kind", ["configure", "apply"])
def test_the_other_machine_goes_on_where_a_worker_was_killed(place: Any, kind: str) -> None:
    name = f"killed-{kind}"
    run = place.run("up", "alpha", name)
    wait_for(lambda: place.working(name, kind), 400, lambda: place.servers.log(run), 0.2)
    for victim in place.machines["alpha"].processes("flows.draining", "flows.forking", "forked.py"):
        os.kill(victim, signal.SIGKILL)
    place.workers["alpha"].wait(30)
    try:
        _ready_by_ticks(place, name)
        assert place.status("beta", name)["run"] > 1
        down = place.run("down", "beta", name)
        assert place.servers.ended(down)[0] == "COMPLETED", place.servers.log(down)
    finally:
        place.workers["alpha"] = started_worker(place.servers, place.machines["alpha"], "alpha")


def _ready_by_ticks(place: Any, name: str) -> None:
    """The other machine ticks until the environment is ready: the dead run's lock has to run out first."""

    def ready() -> bool:
        tick = place.servers.dispatch("tick", "beta")
        place.servers.ended(tick)
        return bool(place.status("beta", name).get("phase") == "ready")

    wait_for(ready, 600, lambda: str(place.status("beta", name)), 5)
