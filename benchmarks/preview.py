"""What a preview costs beside what it is made of: Terraform's plan, and Ansible's check mode. Prints ratios; asserts nothing.

    python benchmarks/preview.py [ROUNDS] [HOSTS,HOSTS...]

Baton's own share is what it does with a plan: read it, judge it by the policy, reckon it, put the preview together and write it
(for people, as JSON, as Markdown). It is held against `terraform plan` + `terraform show` of the same stack, by the processor
seconds of both and by the clock. The configuration preview (`baton plan` on a host that stands) is held against a plain
`ansible-playbook --check --diff` on the same host, in turn.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.assessor import BlueprintAssessor
from adapters.endpoint import find
from adapters.policy.policies import engine
from adapters.prices.catalogue import price_book
from adapters.settings import Settings
from adapters.terraform import parse
from adapters.terraform.adapter import TerraformProvisioner
from adapters.terraform.session import Session
from benchmarks.policy import POLICY
from benchmarks.support.home import ROOT, Home, own_home, stopwatch
from lifecycle.blueprint.loader import load, load_policy
from lifecycle.desired import Desired, Goal, StackTarget
from lifecycle.environment import EnvironmentRef
from lifecycle.journal import Journal
from lifecycle.observed import Observed, Reviewed
from lifecycle.ports import Run, StackSpec
from lifecycle.preview.drawing import drawn, previewed_plans
from lifecycle.report.preview.fields import preview_fields
from lifecycle.report.preview.markdown import preview_markdown
from lifecycle.report.preview.text import preview_text
from lifecycle.scrub import Scrubber
from lifecycle.view import View

MANY = ROOT / "benchmarks" / "many"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGr0VCqVJ0H5Qm3m8b6kZzq1c8y2nYl3uQw3n5eZk1aB bench"


@dataclass
class Tools:
    """Seconds of Terraform's commands, by the clock and of the processor, by name."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def total(self, of: dict[str, float]) -> float:
        return of.get("plan", 0.0) + of.get("show", 0.0)


@contextmanager
def watched() -> Iterator[Tools]:
    """Every command that a session runs, timed."""
    tools, plain = Tools(), Session.execute

    def execute(self: Session, argv: Sequence[str], *given: Any, **named: Any) -> Any:
        took = stopwatch()
        try:
            return plain(self, argv, *given, **named)
        finally:
            wall, cpu = took()
            tools.wall[argv[0]] = tools.wall.get(argv[0], 0.0) + wall
            tools.cpu[argv[0]] = tools.cpu.get(argv[0], 0.0) + cpu

    Session.execute = execute  # type: ignore[method-assign]
    try:
        yield tools
    finally:
        Session.execute = plain  # type: ignore[method-assign]


@contextmanager
def kept() -> Iterator[list[bytes]]:
    """The documents that Terraform shows, as they are read."""
    found, plain = list[bytes](), parse.plan

    def plan(data: bytes, *given: Any) -> parse.PlanDocument:
        found.append(data)
        return plain(data, *given)

    parse.plan = plan  # type: ignore[assignment]
    try:
        yield found
    finally:
        parse.plan = plain


@dataclass(frozen=True)
class Sample:
    """One plan: Terraform's seconds and our own, each by the clock and of the processor."""

    resources: int
    tool: tuple[float, float]
    own: tuple[float, float]


def one(provisioner: TerraformProvisioner, home: Home, hosts: int) -> Sample:
    """Plan once, then do with the plan what a preview does."""
    ref = EnvironmentRef("many", "bench")
    given = {"name": "many-bench", "ssh_public_key": KEY, "hosts": hosts}
    spec = StackSpec(ref, "main", MANY / "terraform", given, {"owner": "bench"})
    with watched() as tools, kept() as documents:
        plan = provisioner.plan(spec, Run())
    data = documents[-1]
    blueprint = load((MANY / "blueprint.yaml").read_text(encoding="utf-8"))
    settings = Settings(home=home.path)
    prices = price_book(settings, MANY, None, cloud_region="eu-west-1")
    judge = engine(load_policy(POLICY), MANY)
    assessor = BlueprintAssessor(blueprint, judge, prices, lambda _: (), lambda: datetime.now(UTC).date())
    target = StackTarget("main", MANY / "terraform", "fingerprint", given)
    view = View(Desired(ref, Goal.PLAN, {"main": target}), Journal(), Observed(plans={"main": plan}))
    begun, used = time.perf_counter(), time.process_time()
    parse.plan(data, Scrubber(), {})
    estimate = assessor.estimate(previewed_plans(view))
    preview = drawn(view, assessor.findings(view, estimate), estimate)
    fields = preview_fields(Reviewed(preview, "no approval is needed"))
    written = ["\n".join(preview_text(fields)), preview_markdown(fields), json.dumps(fields, default=str)]
    own = (time.perf_counter() - begun, time.process_time() - used)
    assert all(written)
    return Sample(len(plan.changes), (tools.total(tools.wall), tools.total(tools.cpu)), own)


def shares(home: Home, rounds: int, sizes: Sequence[int]) -> None:
    endpoint = find(Settings(home=home.path))
    provisioner = TerraformProvisioner(home.path / "bench", b"key", endpoint.variables())
    for hosts in sizes:
        one(provisioner, home, hosts)  # the first one initialises
        samples = [one(provisioner, home, hosts) for _ in range(rounds)]
        tool = [statistics.median(s.tool[n] for s in samples) for n in (0, 1)]
        own = [statistics.median(s.own[n] for s in samples) for n in (0, 1)]
        print(
            f"{samples[0].resources:>5} resources: terraform plan + show {tool[0]:.2f} s, {tool[1]:.2f} CPU s; our own share "
            f"{own[0]:.3f} s = {own[0] / tool[0]:.1%}, {own[1]:.3f} CPU s = {own[1] / tool[1]:.1%}",
            flush=True,
        )
    provisioner.close()


# --- configuration


def rehearsals(home: Home, rounds: int) -> None:
    home.baton("up", "examples/minimal", "--json")
    with tempfile.TemporaryDirectory() as name:
        plainly = plain(home, Path(name))
        ours, whole, theirs = [], [], []
        for number in range(rounds):
            greeting = f"Hello {number}"
            planned = home.baton("plan", "examples/minimal", "--json", "--input", f"greeting={greeting}")
            ends = [e for e in planned.events if e["type"] == "step.finished"]
            ours.append(sum(float(e["seconds"]) for e in ends if e["step"].startswith("rehearse:")))
            whole.append(planned.seconds)
            theirs.append(plainly(greeting))
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(
        f"configuration preview of one host: {mine:.1f} s (in a whole `baton plan` of {statistics.median(whole):.1f} s), "
        f"ansible-playbook --check --diff {other:.1f} s: {mine / other:.2f}"
    )


def plain(home: Home, folder: Path) -> Callable[[str], float]:
    """A plain run of the same playbook on the same host; gives its seconds."""
    endpoint = find(Settings(home=home.path))
    (host,) = (e for e in home.baton("hosts", "minimal/dev", "--json").events if e["name"] == "web-1")
    entered = endpoint.proxy_command.format(instance_id=host["id"])
    key = home.path / "environments" / "minimal" / "dev" / "ssh_ed25519"
    (folder / "ssh_config").write_text(
        f"Host *\n  User admin\n  IdentityFile {key}\n  IdentitiesOnly yes\n  StrictHostKeyChecking accept-new\n"
        f"  UserKnownHostsFile {folder}/known_hosts\n  ProxyCommand {entered}\n  ProxyUseFdpass yes\n"
        f"  ControlMaster auto\n  ControlPath {folder}/c-%C\n  ControlPersist 60s\n"
    )
    (folder / "ansible.cfg").write_text(
        f"[defaults]\nroles_path = {ROOT}/playbooks/roles\nlocal_tmp = {folder}/tmp\n[ssh_connection]\npipelining = true\n"
        f"ssh_args = -F {folder}/ssh_config\n"
    )
    known = {"ansible_host": host["public_address"], "ansible_python_interpreter": "/usr/bin/python3"}
    (folder / "inventory.json").write_text(json.dumps({"all": {"children": {"web": {"hosts": {"web-1": known}}}}}))
    playbook = Path(sys.executable).with_name("ansible-playbook")
    environ = {**os.environ, "ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "LC_ALL": "C.UTF-8"}

    def run(greeting: str) -> float:
        (folder / "vars.json").write_text(json.dumps({"web_greeting": greeting}))
        argv = [str(playbook), "--check", "--diff", "-i", str(folder / "inventory.json"), "-e", f"@{folder}/vars.json",
                str(ROOT / "examples" / "minimal" / "site.yml")]  # fmt: skip
        took = stopwatch()
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
        if done.returncode != 0 or "changed=0" in done.stdout:
            sys.exit(f"the plain run saw nothing:\n{done.stdout}\n{done.stderr}")
        return took()[0]

    return run


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    sizes = [int(size) for size in sys.argv[2].split(",")] if len(sys.argv) > 2 else [5, 100]
    with own_home("minimal/dev") as home:
        home.baton("cloud", "up")
        shares(home, rounds, sizes)
        rehearsals(home, rounds)


if __name__ == "__main__":
    main()
