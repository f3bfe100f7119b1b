"""A teardown that cannot be certified, until it can: one host is dead before, and one instance leaked.

The story is played once; every test looks at a part of it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

pytestmark = pytest.mark.timeout(900)

REF = "minimal/cert"
OTHER = "minimal/nobody"


def ec2(baton: Any) -> Any:
    d = json.loads((baton.home / "cloud" / "cloud.json").read_text())
    return boto3.client("ec2", endpoint_url=d["endpoint_url"], region_name=d["region"],
                        aws_access_key_id=d["access_key"], aws_secret_access_key=d["secret_key"])  # fmt: skip


def leak(client: Any, *environments: str) -> list[str]:
    """Instances that nobody's Terraform knows, in a network of their own, with the tags of environments; their ids."""
    vpc = client.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = client.create_subnet(VpcId=vpc, CidrBlock="10.99.1.0/24")["Subnet"]["SubnetId"]
    image = client.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]
    return [
        client.run_instances(
            ImageId=image,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnet,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": "baton:environment", "Value": environment}]}
            ],
        )["Instances"][0]["InstanceId"]
        for environment in environments
    ]


def state(client: Any, instance: str) -> str:
    found = client.describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found[0]["Instances"][0]["State"]["Name"]) if found else "terminated"


def phase(baton: Any) -> str:
    return str(baton("status", REF, "--json").lines[0]["phase"])


@dataclass(frozen=True)
class Story:
    """What was said and how it stood, in the order in which it happened."""

    baton: Any
    leaked: str  # with the environment's tag
    nobodys: str  # with the tag of an environment that nobody knows
    downs: list[Any]  # three, with the leaked instance there
    phases: list[str]  # after each
    uncertified: Any  # `baton certificate` then
    unasked: Any  # `--orphans` without a word
    untouched: str  # the leaked instance's state after that
    removed: Any  # `--orphans REF --yes`
    states: tuple[str, str]  # of the leaked and of nobody's after that
    last: Any  # the down that certifies
    swept: Any  # `--orphans --yes`

    @property
    def certificate(self) -> Path:
        run = self.last.result["run"]
        path: Path = self.baton.home / "certificates" / "minimal" / "cert" / f"r{run}.json"
        return path


@pytest.fixture(scope="module")
def story(lasting: Any) -> Story:
    baton = lasting
    baton("up", "examples/minimal", "--env", "cert")
    client = ec2(baton)
    client.stop_instances(InstanceIds=[baton("hosts", REF, "--json").lines[0]["id"]])
    leaked, nobodys = leak(client, REF, OTHER)
    downs, phases = [], []
    for words in ([], ["--json"], []):
        downs.append(baton("down", REF, *words, check=False))
        phases.append(phase(baton))
    uncertified = baton("certificate", REF, check=False)
    unasked = baton("down", REF, "--orphans", check=False)
    untouched = state(client, leaked)
    removed = baton("down", REF, "--orphans", "--yes", "--json")
    states = (state(client, leaked), state(client, nobodys))
    last = baton("down", REF, "--json")
    swept = baton("down", "--orphans", "--yes", check=False)
    return Story(
        baton, leaked, nobodys, downs, phases, uncertified, unasked, untouched, removed, states, last, swept
    )  # fmt: skip


def test_a_dead_host_and_a_leaked_instance_keep_no_stack_from_going(story: Story) -> None:
    assert story.baton("history", REF, "--json").of("entry")
    steps = [e["event"]["data"] for e in story.baton("history", REF, "--json").of("entry")]
    assert [(s["run"], s["status"]) for s in steps if s.get("step") == "destroy:main"] == [(2, "ok")]


def test_what_leaked_is_named_and_stops_the_certificate(story: Story) -> None:
    first, second, _ = story.downs
    assert (first.code, second.code) == (1, 1)
    assert f"instance {story.leaked} still exists" in first.out
    assert "its cost is not known" in first.out
    (error,) = second.of("error")
    assert error["left"] == [f"instance {story.leaked} still exists"]
    assert story.nobodys not in first.out
    assert (story.uncertified.code, "never proven to be gone" in story.uncertified.err) == (1, True)


def test_after_three_teardowns_without_a_certificate_it_is_quarantined(story: Story) -> None:
    assert story.phases == ["tearing_down", "tearing_down", "quarantined"]


def test_orphans_are_shown_and_nothing_is_touched_where_nobody_said_yes(story: Story) -> None:
    assert story.unasked.code == 1
    assert f"{REF} (its teardown left it):\n  instance {story.leaked}" in story.unasked.out
    assert story.untouched == "running"


def test_orphans_of_one_environment_are_removed_and_no_others(story: Story) -> None:
    (told,) = story.removed.of("orphans")
    assert (told["environment"], told["removed"], told["left"]) == (REF, [story.leaked], {})
    assert story.states == ("terminated", "running")


def test_orphans_of_environments_that_nobody_knows_are_removed_too(story: Story) -> None:
    assert story.swept.code == 0
    assert f"{OTHER} (this store does not know it):" in story.swept.out
    assert f"{OTHER}: 1 removed, 0 left" in story.swept.out
    assert state(ec2(story.baton), story.nobodys) == "terminated"


def test_then_it_is_certified_and_the_ledger_holds_the_digest_of_the_file(story: Story) -> None:
    assert story.last.result["phase"] == "destroyed"
    assert story.certificate.stat().st_mode & 0o777 == 0o600
    digest = hashlib.sha256(story.certificate.read_bytes()).hexdigest()
    assert story.last.result["proof"]["certificate"] == digest
    (entry,) = [
        e for e in story.baton("history", REF, "--json").of("entry") if e["event"]["data"].get("certificate") == digest
    ]
    shown = story.baton("certificate", REF, "--json").of("certificate")[0]
    assert (shown["digest"], shown["ledger"]["seq"]) == (digest, entry["seq"] - 1)
    assert not (story.baton.home / "environments" / "minimal" / "cert").exists()


def test_a_person_reads_where_was_looked_and_what_nobody_can_prove(story: Story) -> None:
    text = story.baton("certificate", REF).out
    for words in ("state of stack main", f"baton:environment={REF}", "host web-1 at", "cannot be proven", "Baton "):
        assert words in text


def test_a_certificate_that_was_tampered_with_is_told(story: Story) -> None:
    issued = story.certificate.read_text()
    story.certificate.write_text(issued.replace("web-1", "web-2", 1))
    try:
        ran = story.baton("certificate", REF, check=False)
    finally:
        story.certificate.write_text(issued)
    assert (ran.code, "is not the one that was issued" in ran.err) == (1, True)
    assert story.baton("certificate", REF).code == 0
