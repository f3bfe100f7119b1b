"""How many Terraforms a machine bears, and what is made of the lines that one writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.terraform import parse
from adapters.terraform.events import Listener
from adapters.terraform.runner import concurrency_cap
from lifecycle.scrub import Scrubber


@pytest.mark.parametrize(
    ("cores", "gigabytes", "expected"), [(1, 1, 1), (2, 24, 2), (8, 24, 5), (16, 4, 5), (64, 0.5, 1), (3, 8, 2)]
)
def test_the_cap_follows_the_scarcer_of_cores_and_memory(cores: int, gigabytes: float, expected: int) -> None:
    assert concurrency_cap(cores, int(gigabytes * 1e9)) == expected


def test_the_cap_of_this_machine_is_at_least_one() -> None:
    assert concurrency_cap() >= 1


def hook(kind: str, action: str = "create", address: str = "aws_vpc.v", **more: Any) -> str:
    resource = {"addr": address, "resource_type": address.split(".", maxsplit=1)[0]}
    return json.dumps({"type": kind, "hook": {"resource": resource, "action": action, **more}})


def listen(*lines: str, secrets: tuple[str, ...] = ()) -> tuple[Listener, list[tuple[str, str, dict[str, Any]]]]:
    said: list[tuple[str, str, dict[str, Any]]] = []
    listener = Listener(lambda kind, message, **data: said.append((kind, message, data)), Path("m"), Scrubber(secrets))
    for line in lines:
        listener(line)
    return listener, said


def test_a_resource_is_followed_from_start_to_end() -> None:
    listener, said = listen(
        hook("apply_start"),
        hook("apply_progress", elapsed_seconds=10),
        hook("apply_complete", elapsed_seconds=12, id_key="id", id_value="vpc-1"),
    )
    assert [(kind, message) for kind, message, _ in said] == [
        ("resource.started", "aws_vpc.v creating"),
        ("resource.progress", "aws_vpc.v creating after 10 s"),
        ("resource.finished", "aws_vpc.v created [vpc-1] after 12 s"),
    ]
    data = said[-1][2]
    assert (data["address"], data["id"], data["seconds"]) == ("aws_vpc.v", "vpc-1", 12)
    assert listener.changed == ["aws_vpc.v"]


def test_it_is_known_that_somebody_told_terraform_to_stop() -> None:
    words = "\nInterrupt received.\nPlease wait for Terraform to exit or data loss may occur.\nGracefully shutting down...\n"
    listener, _ = listen(json.dumps({"@message": words, "@level": "info", "type": "log"}))
    assert listener.interrupted
    assert not listen(hook("apply_start"))[0].interrupted


def test_reading_is_no_change() -> None:
    listener, said = listen(hook("apply_start", "read", "data.x.y"), hook("apply_complete", "read", "data.x.y"))
    assert said == []
    assert listener.changed == []


def test_a_failed_resource_is_no_change_either() -> None:
    listener, said = listen(hook("apply_start", "delete"), hook("apply_errored", "delete", elapsed_seconds=3))
    assert said[-1][:2] == ("resource.failed", "aws_vpc.v destroying failed after 3 s")
    assert listener.changed == []


def test_a_secret_in_an_id_is_masked() -> None:
    _, said = listen(hook("apply_complete", id_value="user:hush-hush"), secrets=("hush-hush",))
    assert "hush-hush" not in repr(said)


def test_lines_that_are_not_terraforms_are_kept_for_a_failure() -> None:
    listener, _ = listen("panic: oh no", '"json but no message"', "{}")
    assert listener.noise == ["panic: oh no", '"json but no message"', "{}"]


def test_data_sources_are_not_resources() -> None:
    listed = (
        b'aws_vpc.v\ndata.aws_ami.a\nmodule.m["data.x"].aws_vpc.v\nmodule.m.data.aws_ami.a\nmodule.data.aws_vpc.v\n'
    )
    assert parse.addresses(listed) == ("aws_vpc.v", 'module.m["data.x"].aws_vpc.v', "module.data.aws_vpc.v")


def test_outputs_of_the_stream_are_taken_only_when_no_value_is_missing() -> None:
    told = {"a": {"sensitive": False, "value": 1}}
    found = parse.streamed_outputs(told)
    assert found is not None
    assert found["a"].value == 1
    assert parse.streamed_outputs({**told, "b": {"sensitive": True}}) is None
