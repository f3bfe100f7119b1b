"""A killed apply leaves an instance that no state knows: it is taken over, and where that is not certain a person decides.

Killed at the right instant Terraform has the cloud's answer and not yet written it down. That instant is made here by hand: the
instance is taken out of the state, and the apply's outcome out of the journal.
"""

import json
import re
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import boto3
import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ENV = "strays"
REF = f"minimal/{ENV}"
EXAMPLE = "examples/minimal"


def up(baton: Any, *, check: bool = True) -> Any:
    return baton("up", EXAMPLE, "--env", ENV, "--json", check=check)


def ec2(home: Path) -> Any:
    d = json.loads((home / "cloud" / "cloud.json").read_text())
    return boto3.client("ec2", endpoint_url=d["endpoint_url"], region_name=d["region"],
                        aws_access_key_id=d["access_key"], aws_secret_access_key=d["secret_key"])  # fmt: skip


def instances(home: Path) -> list[dict[str, Any]]:
    """The environment's instances that run, by tag."""
    filters = [
        {"Name": "tag:baton:environment", "Values": [REF]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = ec2(home).describe_instances(Filters=filters)["Reservations"]
    return [i for r in found for i in r["Instances"]]


def key_pairs(home: Path) -> list[str]:
    filters = [{"Name": "tag:baton:environment", "Values": [REF]}]
    return [pair["KeyPairId"] for pair in ec2(home).describe_key_pairs(Filters=filters)["KeyPairs"]]


def lose(home: Path, *types: str) -> None:
    """As if the apply had been killed between the cloud's answer and the state's next write."""
    path = home / "environments" / "minimal" / ENV / "stacks" / "main" / "terraform.tfstate"
    state = json.loads(path.read_text())
    kept = [r for r in state["resources"] if r["type"] not in types]
    assert len(kept) == len(state["resources"]) - len(types)
    path.write_text(json.dumps(state | {"resources": kept, "serial": state["serial"] + 1}))
    with sqlite3.connect(home / "baton.db") as store:
        newest = "SELECT max(id) FROM baton_journal WHERE environment = ? AND kind = 'apply'"
        changed = store.execute(
            f"UPDATE baton_journal SET status = NULL, finished_at = NULL WHERE id = ({newest})", (REF,)
        )
        assert changed.rowcount == 1
    store.close()


def test_a_key_pair_that_the_state_lost_goes_and_is_made_anew(baton: Any) -> None:
    """It cannot be taken over: nobody reads its public key back. Its host is gone too, as it was never made."""
    up(baton)
    (host,), (lost,) = instances(baton.home), key_pairs(baton.home)
    lose(baton.home, "aws_instance", "aws_key_pair")
    ec2(baton.home).terminate_instances(InstanceIds=[host["InstanceId"]])
    ran = up(baton)
    (discarding,) = ran.of("stack.discarding")
    assert discarding["id"] == lost
    (made,) = key_pairs(baton.home)
    assert made != lost
    assert up(baton).result["changed"] is False


def test_what_the_state_lost_is_taken_over_and_not_made_again(baton: Any) -> None:
    up(baton)
    (before,) = instances(baton.home)
    lose(baton.home, "aws_instance")
    ran = up(baton)
    assert ran.result["phase"] == "ready"
    (adopting,) = ran.of("stack.adopting")
    assert before["InstanceId"] in adopting["message"]
    assert [i["InstanceId"] for i in instances(baton.home)] == [before["InstanceId"]]
    assert ran.finished("configure") == []  # it is the same host under the same digest
    assert up(baton).result["changed"] is False


def test_of_two_that_are_alike_a_person_says_which_one_it_is(baton: Any) -> None:
    up(baton)
    (mine,) = instances(baton.home)
    like = {"ImageId": mine["ImageId"], "InstanceType": mine["InstanceType"], "SubnetId": mine["SubnetId"]}
    tags = [{"ResourceType": "instance", "Tags": mine["Tags"]}]
    made = ec2(baton.home).run_instances(MinCount=1, MaxCount=1, TagSpecifications=tags, **like)["Instances"][0]
    lose(baton.home, "aws_instance")

    failed = up(baton, check=False)
    assert failed.code == 1
    (error,) = failed.of("error")
    assert mine["InstanceId"] in error["message"]
    assert made["InstanceId"] in error["message"]
    assert len(instances(baton.home)) == 2  # no third one

    ways = re.findall(r"baton (stray \S+ \S+ (?:--address '[^']+'|--address \S+|--remove))", error["hint"])
    assert len(ways) == 2
    remove = shlex.split(next(way for way in ways if way.endswith("--remove")))
    remove[2] = made["InstanceId"]
    assert "is removed" in baton(*remove).out
    assert baton("history", REF, "--json").of("entry")[-1]["event"]["type"] == "baton.stray.decided"
    ran = up(baton)
    assert ran.result["phase"] == "ready"
    assert [i["InstanceId"] for i in instances(baton.home)] == [mine["InstanceId"]]


def test_a_person_may_say_the_address(baton: Any) -> None:
    up(baton)
    (mine,) = instances(baton.home)
    lose(baton.home, "aws_instance")
    address = 'module.hosts.aws_instance.this["web-1"]'
    neither = baton("stray", REF, mine["InstanceId"], check=False)
    assert (neither.code, "say what becomes of it" in neither.err) == (64, True)
    said = baton("stray", REF, mine["InstanceId"], "--address", address).out
    assert f"{mine['InstanceId']} is {address} of stack main now" in said
    assert up(baton).of("stack.adopting") == []
    assert [i["InstanceId"] for i in instances(baton.home)] == [mine["InstanceId"]]


def test_down(baton: Any) -> None:
    assert baton("down", REF, "--json").result["phase"] == "destroyed"
