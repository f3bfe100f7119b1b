"""Failures in the middle of an `up` of the shop: what stands goes on standing, what is said says what to do, and once the
cause is mended an `up` does only the rest.

One environment lives through the whole file: every test leaves it ready, with two web servers that serve. Those that need
the example as it is come first; the others change the title. The next command is taken at its word: it is what is typed to go on.
"""

import json
import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.shop import EXAMPLE, Shop, configured, load

pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]

SHUT = ("--input", "title=Shut for a moment")
"""A change that concerns the web servers alone."""


@pytest.fixture
def shop(baton: Any, project: Path) -> Shop:
    impatient(project / EXAMPLE / "blueprint.yaml")
    return Shop(baton, "failures")


@pytest.fixture(autouse=True)
def _standing(shop: Shop) -> None:
    shop.stand()


def impatient(blueprint: Path) -> None:
    """Let the environment lose patience soon: what does not come in these tests never comes."""
    text = replaced(blueprint.read_text(), "  key: generate\n", "  key: generate\n  ready_deadline: 20s\n")
    for check in ("db-answers", "shop-open"):
        text = replaced(text, f"    - name: {check}\n", f"    - name: {check}\n      failure_threshold: 3\n")
    blueprint.write_text(text)


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def go_on(shop: Shop) -> Any:
    """Type the next command that the status names."""
    program, *words = shlex.split(shop.status()["next"])
    assert program == "baton"
    return shop.baton(*words, "--json")


def said(failed: Any) -> dict[str, Any]:
    """The error that a command ended with, as a program reads it."""
    found: dict[str, Any] = failed.of("error")[0]
    assert found["exit_code"] == failed.code
    return found


def told(shop: Shop) -> dict[str, str]:
    """What a person reads in the status, and what is shown by the command that it names to see more."""
    status = shop.status()
    screen = shop.baton("status", shop.ref).out
    assert f"see:  {status['look']}\n" in screen
    assert f"next: {status['next']}\n" in screen
    return {"screen": screen, "look": shop.baton(*shlex.split(status["look"])[1:]).out}


def test_what_the_cloud_refuses_half_way_is_said_in_its_words_and_nothing_is_made_twice(
    shop: Shop, project: Path
) -> None:
    before = {name: host["id"] for name, host in shop.hosts().items()}
    module = project / EXAMPLE / "terraform" / "front" / "main.tf"
    right = module.read_text()
    subnet = 'name == "web-4" ? "subnet-0123456789abcdef0" : var.network.private_subnet'
    module.write_text(replaced(right, "var.network.private_subnet\n", f"{subnet}\n"))

    failed = shop.up("--input", "web_count=4", check=False)
    error = said(failed)
    assert failed.code == 1
    assert error["message"].startswith("apply front: ")
    assert "InvalidSubnetID.NotFound" in error["message"]
    assert 'module.hosts.aws_instance.this["web-4"]' in error["message"]
    assert "main.tf:" in error["message"]
    status = shop.status()
    assert (status["phase"], status["look"]) == ("failed", f"baton logs {shop.ref} --step apply:front")
    assert "InvalidSubnetID.NotFound" in told(shop)["look"]
    made = {name: host["id"] for name, host in shop.hosts().items()}
    assert made.keys() - before.keys() == {"web-3"}  # what stands, stands
    assert before.items() <= made.items()
    assert shop.visitor().served_by(4) == {"web-1": 2, "web-2": 2}

    module.write_text(right)
    mended = go_on(shop)
    after = {name: host["id"] for name, host in shop.hosts().items()}
    assert mended.result["phase"] == "ready"
    assert after.keys() - made.keys() == {"web-4"}
    assert made.items() <= after.items()
    assert configured(mended)["load-balancer"] == {after["lb-1"]}
    assert configured(mended)["web"] >= {after["web-4"]}
    assert not {after["web-1"], after["web-2"]} & configured(mended)["web"]
    assert shop.visitor().served_by(8) == dict.fromkeys(("web-1", "web-2", "web-3", "web-4"), 2)

    shop.up()
    assert shop.hosts().keys() == before.keys()


def test_under_load_a_lost_web_server_costs_no_request_once_it_is_out_and_comes_back_alone(shop: Shop) -> None:
    here = shop.hosts()
    before = shop.running("db-1", "web-1")
    with load(shop.visitor()) as requests:
        taken_out = ThreadPoolExecutor(1).submit(out_of_the_load_balancer, shop, "web-2")
        time.sleep(3)
        ec2(shop.baton.home).terminate_instances(InstanceIds=[here["web-2"]["id"]])
        out = taken_out.result(180)
        ran = shop.up()
        time.sleep(3)

    new = shop.hosts()
    assert ran.result["phase"] == "ready"
    assert [name for name in here if here[name]["id"] != new[name]["id"]] == ["web-2"]
    assert configured(ran) == {"web": {new["web-2"]["id"]}, "load-balancer": {new["lb-1"]["id"]}}
    assert shop.running("db-1", "web-1") == before
    since = [r for r in requests if r.began > out]
    assert [r for r in since if not r.server] == []
    assert len(since) > 100
    assert {r.server for r in since} == {"web-1", "web-2"}  # the new one serves
    assert shop.visitor().served_by(4) == {"web-1": 2, "web-2": 2}


def test_a_host_that_cannot_be_reached_is_named_with_the_rung_that_it_is_below(shop: Shop) -> None:
    here = shop.hosts()
    web_2 = here["web-2"]["id"]
    before = shop.running()
    shop.baton("cloud", "exec", web_2, "--", "sh", "-c", "kill $(pgrep -o -x sshd)")

    failed = shop.up(*SHUT, check=False)
    error = said(failed)
    assert failed.code == 1
    assert f"await web-2: web-2 ({web_2}) at {here['web-2']['address']} port 22 was not ready" in error["message"]
    assert "it reached 'nothing' and not 'ssh banner'; last seen: " in error["message"]
    assert "security group" in error["hint"]
    assert configured(failed) == {}  # the database is asked from every web server before any of them is configured
    status = shop.status()
    assert status["phase"] == "failed"
    assert status["message"].startswith("await web-2: ")
    assert status["look"] == f"baton logs {shop.ref} --step await:web-2"
    assert "await:web-2" in told(shop)["look"]
    assert shop.visitor().served_by(4) == {"web-1": 2, "web-2": 2}  # the shop itself is well
    assert shop.running("db-1", "web-1") == {host: before[host] for host in ("db-1", "web-1")}

    shop.baton("cloud", "exec", web_2, "--", "/usr/sbin/sshd")
    mended = go_on(shop)
    assert mended.result["phase"] == "ready"
    assert configured(mended) == {"web": {here["web-1"]["id"], web_2}}
    assert "Shut for a moment" in shop.visitor().get()[2]


def test_a_check_that_does_not_pass_says_what_was_seen(shop: Shop) -> None:
    shop.on("db-1", """sudo mariadb shop -e 'UPDATE product SET name = "Sold out" WHERE id = 3'""")

    failed = shop.up(check=False)
    error = said(failed)
    assert failed.code == 6
    assert error["message"].startswith("verify shop-open: from outside: failed 3 times in a row: status 200 ")
    assert "the body does not contain 'Metronome'" in error["message"]
    assert f"see:  baton logs {shop.ref} --step verify:shop-open" in error["hint"].splitlines()
    status = shop.status()
    assert status["phase"] == "failed"
    assert [c["name"] for c in status["checks"] if not c["passed"]] == ["shop-open"]
    [evidence] = [c["evidence"] for c in status["checks"] if c["name"] == "shop-open"]
    assert "the body does not contain 'Metronome'" in told(shop)["look"]
    assert (evidence[0]["origin"], evidence[0]["passed"]) == ("outside", False)

    shop.on("db-1", """sudo mariadb shop -e 'UPDATE product SET name = "Metronome" WHERE id = 3'""")
    mended = go_on(shop)
    assert mended.result["phase"] == "ready"
    assert mended.finished("apply") + mended.finished("configure") == []


def test_a_wrong_password_stops_at_the_gate_that_asks_the_database(shop: Shop, project: Path) -> None:
    here = shop.hosts()
    shop.on("db-1", """sudo mariadb -e "ALTER USER 'shop'@'10.2.%' IDENTIFIED BY 'of somebody else'" """)

    failed = shop.up(*SHUT, check=False)
    error = said(failed)
    assert failed.code == 6
    assert error["message"].startswith("verify db-answers: failed from 2 of 2 (web-1, web-2)")
    assert "Access denied for user 'shop'@" in error["message"]
    assert shop.secret("db_password") not in failed.out + failed.err
    assert configured(failed) == {}  # not one web server was given what does not work
    assert failed.finished("verify") == ["verify:db-answers"]
    status = shop.status()
    assert (status["phase"], status["look"]) == ("failed", f"baton logs {shop.ref} --step verify:db-answers")
    screen = told(shop)["screen"]
    assert f"run {status['run']} did not come to 13 of 14 checks: these are older looks" in screen

    playbook = project / EXAMPLE / "database.yml"
    playbook.write_text(playbook.read_text() + "# once more\n")
    mended = go_on(shop)
    assert mended.result["phase"] == "ready"
    assert configured(mended) == {"mysql": {here["db-1"]["id"]}, "web": {here["web-1"]["id"], here["web-2"]["id"]}}
    assert "Shut for a moment" in shop.visitor().get()[2]


def out_of_the_load_balancer(shop: Shop, server: str) -> float:
    """When haproxy itself said that it takes a server for dead, seconds since the epoch (the hosts have our clock)."""
    down = f"""echo 'show servers state servers' | socat - /run/haproxy/admin.sock | awk '$4 == "{server}" && $6 == 0' | grep -q ."""
    script = f"for i in $(seq 400); do if {down}; then exec date +%s.%N; fi; sleep 0.1; done; exit 1"
    return float(shop.on("lb-1", f"sudo sh -c {shlex.quote(script)}"))


def ec2(home: Path) -> Any:
    """A client of the local cloud's API."""
    known = json.loads((home / "cloud" / "cloud.json").read_text())
    make: Any = boto3.client
    return make(
        "ec2",
        endpoint_url=known["endpoint_url"],
        region_name=known["region"],
        aws_access_key_id=known["access_key"],
        aws_secret_access_key=known["secret_key"],
    )
