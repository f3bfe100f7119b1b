"""The shop: load balancer, web servers, database and jump host, from nothing to verified, and changed without disturbing.

One environment lives through the whole file: every test leaves it as it found it, with two web servers that serve.
"""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import EXAMPLE, EXPECTED, Shop, configured, load

pytestmark = pytest.mark.timeout(900)

COMMON_PORTS = [
    *(21, 22, 23, 25, 53, 80, 110, 111, 143, 389, 443, 445, 873, 993, 1433, 1521, 2049, 2375, 3000, 3306, 3389),
    *(5000, 5432, 5672, 5900, 6379, 8000, 8080, 8404, 8443, 9000, 9001, 9090, 9200, 11211, 27017),
]


@pytest.fixture
def shop(baton: Any) -> Shop:
    return Shop(baton, "story")


@pytest.fixture(autouse=True)
def _standing(request: pytest.FixtureRequest, shop: Shop) -> None:
    """Each test of this file may run alone: what it stands on is brought up first."""
    if request.node.name != "test_from_nothing_to_a_shop":
        shop.stand()


def test_from_nothing_to_a_shop(baton: Any, shop: Shop) -> None:
    ran = shop.up()
    result = ran.result
    assert result["phase"] == "ready"
    found = {h["name"]: {"stack": h["stack"], "groups": h["groups"]} for h in result["hosts"]}
    assert found == EXPECTED["hosts"]
    assert {name: c["passed"] for name, c in result["checks"].items()} == dict.fromkeys(EXPECTED["checks"], True)
    assert configured(ran).keys() == set(EXPECTED["configure"])
    for before, after in zip(EXPECTED["order"], EXPECTED["order"][1:], strict=False):
        ended = [n for n, line in enumerate(ran.lines) if is_about(line, "step.finished", before)]
        began = [n for n, line in enumerate(ran.lines) if is_about(line, "step.started", after)]
        assert max(ended) < min(began), f"{after} began before {before} had ended"
    for stack, resources in EXPECTED["resources"].items():
        assert managed(shop.folder / "stacks" / stack) == resources

    assert set(shop.visitor().served_by(6).values()) == {3}  # in turn
    status, server, body = shop.visitor().get("/health")
    health = json.loads(body)
    assert (status, health["host"], health["database"]["series"]) == (200, server, EXPECTED["https"]["series"])
    assert leaks(shop, ran) == []


def leaks(shop: Shop, ran: Any) -> list[str]:
    """Where a secret of the environment shows: what a run said, the store, the engine's database and log."""
    password, key = shop.secret("db_password"), shop.secret("certificate").splitlines()[1]
    said = {"output": (ran.out + ran.err).encode()}
    home = shop.baton.home
    files = [home / "baton.db", *(f for f in (home / "engine").iterdir() if f.is_file())]
    said |= {file.name: file.read_bytes() for file in files if file.exists()}
    return [where for where, text in said.items() if password.encode() in text or key.encode() in text]


def is_about(line: dict[str, Any], kind: str, step: str) -> bool:
    return bool(line["type"] == kind and line["step"].partition("@")[0] == step)


def managed(stack: Path) -> dict[str, int]:
    """Managed resources in a stack's state, by type."""
    resources = json.loads((stack / "terraform.tfstate").read_text())["resources"]
    counts: Counter[str] = Counter()
    for resource in resources:
        if resource["mode"] == "managed":
            counts[resource["type"]] += len(resource["instances"])
    return dict(counts)


def test_from_outside_there_is_443_and_nothing_else(baton: Any, shop: Shop) -> None:
    public = [h["public_address"] for h in shop.hosts().values() if h.get("public_address")]
    private = [h["private_address"] for h in shop.hosts().values()]
    targets = [(a, port) for a in public for port in COMMON_PORTS] + [(a, p) for a in private for p in (22, 3306, 8080)]
    with ThreadPoolExecutor(24) as pool:
        found = dict(zip(targets, pool.map(lambda t: baton.dial_outside(*t, timeout=1.5), targets), strict=True))
    balancer = shop.hosts()["lb-1"]["public_address"]
    assert [t for t, answer in found.items() if answer == "open"] == [
        (balancer, port) for port in EXPECTED["open_from_outside"]
    ]
    assert set(found.values()) <= {"open", "timeout", "refused", "unreachable"}


def test_a_second_up_changes_nothing(shop: Shop) -> None:
    ran = shop.up()
    assert ran.result["changed"] is False
    assert sorted(ran.finished("plan")) == ["plan:data", "plan:front"]
    assert ran.finished("apply") + ran.finished("configure") == []
    assert len(ran.finished("verify")) == len(EXPECTED["checks"])


@pytest.mark.long
def test_a_third_web_server_disturbs_nobody_and_goes_again(shop: Shop) -> None:
    before = shop.running()
    ran = shop.up("--input", "web_count=3")
    here = shop.hosts()
    assert configured(ran) == {"web": {here["web-3"]["id"]}, "load-balancer": {here["lb-1"]["id"]}}
    assert shop.visitor().served_by(9) == {"web-1": 3, "web-2": 3, "web-3": 3}

    with load(shop.visitor()) as requests:
        back = shop.up()
    drain = f"drain:load-balancer@{here['lb-1']['id']}"
    begun = next(line["at"] for line in back.of("step.started") if line["step"] == "apply:front")
    drained = next(line["at"] for line in back.of("step.finished") if line["step"] == drain)
    assert drained <= begun
    assert configured(back) == {"load-balancer": {here["lb-1"]["id"]}}
    assert "web-3" not in shop.hosts()
    assert [r for r in requests if not r.server] == []  # it was let go before it was destroyed: nobody noticed
    left = datetime.fromisoformat(drained).timestamp()
    assert {r.server for r in requests if r.began > left} == {"web-1", "web-2"}
    assert "web-3" in {r.server for r in requests}
    assert shop.running() == before


@pytest.mark.long
def test_a_role_that_fails_on_one_web_server_leaves_the_other_serving(shop: Shop, project: Path) -> None:
    here = shop.hosts()
    database = shop.running()["db-1"]
    shop.on("web-2", "sudo touch /etc/breaks")
    role = project / EXAMPLE / "roles" / "shop" / "tasks" / "main.yml"
    role.write_text(role.read_text() + BREAKS)
    failed = shop.up(check=False)
    assert failed.code == 1
    assert configured(failed) == {"web": {here["web-1"]["id"], here["web-2"]["id"]}}  # and no other role
    assert "web-2 failed in task 'shop : Break': this role breaks here" in failed.err + failed.out
    status = shop.status()
    assert (status["phase"], "web-2" in status["message"]) == ("failed", True)
    assert shop.visitor().served_by(8) == {"web-1": 8}

    shop.on("web-2", "sudo rm /etc/breaks")
    mended = shop.up()
    assert configured(mended) == {"web": {here["web-2"]["id"]}}
    assert mended.result["phase"] == "ready"
    assert shop.visitor().served_by(8).keys() == {"web-1", "web-2"}
    assert shop.running()["db-1"] == database


BREAKS = """
- name: See whether this host breaks
  ansible.builtin.stat:
    path: /etc/breaks
  register: shop_breaks

- name: Stop the shop
  ansible.builtin.command:
    cmd: supervisorctl stop shop
  when: shop_breaks.stat.exists
  changed_when: true

- name: Break
  ansible.builtin.fail:
    msg: this role breaks here
  when: shop_breaks.stat.exists
"""


@pytest.mark.long
def test_another_series_of_the_database_is_refused_and_every_role_changes_nothing_when_run_again(
    shop: Shop, project: Path
) -> None:
    before = shop.running()
    refused = shop.up("--input", "mysql_series=11.4", check=False)
    assert refused.code == 1
    said = refused.err + refused.out
    assert re.search(r"db-1 has MariaDB 10\.11 and the series asked for is 11\.4", said)
    assert "never replaced under its data" in said
    assert configured(refused).keys() == {"mysql"}
    assert shop.running() == before
    assert shop.visitor().served_by(2)

    for playbook in (project / EXAMPLE).glob("*.yml"):  # as good as new to Baton, and the same to Ansible
        if playbook.name not in ("blueprint.yaml", "expectations.yaml"):
            playbook.write_text(playbook.read_text() + "# nothing\n")
    again = shop.up()
    assert configured(again).keys() == set(EXPECTED["configure"])
    changed = {line["step"]: line["changed"] for line in again.of("step.finished") if line["step"].startswith("conf")}
    assert set(changed.values()) == {False}, changed
    assert shop.running() == before


def test_down_leaves_nothing(baton: Any, shop: Shop) -> None:
    ran = baton("down", shop.ref, "--json")
    assert ran.result["phase"] == "destroyed"
    assert ran.result["proof"]["left"] == []
    assert ran.finished("destroy") == ["destroy:front", "destroy:data"]
    assert not shop.folder.exists()
