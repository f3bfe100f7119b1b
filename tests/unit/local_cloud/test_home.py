"""The files that the rest of the product reads."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from local_cloud import connect, control
from local_cloud.enter import stage
from local_cloud.errors import CloudError
from local_cloud.guard import Guard
from local_cloud.home import Description, Home, alive, held, read_description, write_description, write_json


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", tmp_path / "cache")
    made.make()
    return made


DESCRIPTION = Description(
    "local",
    "http://127.0.0.1:1",
    "eu-west-1",
    "K",
    "S",
    "/b",
    "p {instance_id} %p",
    "p operator %h %p",
    "192.0.2.10/32",
    1,
    "b",
    "now",
    {"user": 1},
)


def test_the_description_comes_back_as_it_was_written_and_is_closed_to_others(home: Home) -> None:
    write_description(home, DESCRIPTION)
    assert read_description(home) == DESCRIPTION
    assert stat.S_IMODE(home.description.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "{", '{"name": "local"}'])
def test_half_a_description_is_none(home: Home, text: str) -> None:
    home.description.write_text(text)
    assert read_description(home) is None


def test_a_cloud_is_alive_while_its_lock_is_held(home: Home) -> None:
    assert not alive(home)
    with held(home.lock, "taken"):
        assert alive(home)
        with pytest.raises(CloudError, match="taken"), held(home.lock, "taken"):
            pass
    assert not alive(home)


def test_a_lost_region_names_its_instances(home: Home) -> None:
    rows = [{"id": "i-1", "name": "web-1", "environment": "shop/test"}, {"id": "i-2", "name": "", "environment": ""}]
    write_json(home.journal, {"instances": rows})
    said = control.lost_region(home)
    assert "region is lost" in said
    assert "web-1 of shop/test, i-2" in said
    with held(home.lock, "taken"):
        assert control.lost_region(home) == "", "a living cloud has lost nothing"


def test_nothing_is_lost_where_nothing_was(home: Home) -> None:
    assert control.lost_region(home) == ""


def test_a_socket_path_longer_than_the_kernels_limit_works(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    path = folder / "broker.sock"
    name, descriptor = connect.address(str(path))
    assert len(name) < 108
    assert descriptor is not None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
    assert path.is_socket()
    os.close(descriptor)


def test_connect_says_in_one_line_that_no_cloud_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connect.main([str(tmp_path / "none.sock"), "i-1", "22"]) == 1
    said = capsys.readouterr().err
    assert "baton cloud up" in said
    assert said.count("\n") == 1
    assert connect.main(["too", "few"]) == 64


def test_the_stage_is_no_folder_that_is_still_needed() -> None:
    assert stage(Path("/mnt/somewhere")) != "/mnt"
    with pytest.raises(CloudError, match="mount point"):
        stage(Path("/mnt/a"), Path("/media/a"), Path("/srv/a"), Path("/opt/a"))


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [
        ({"HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=GOOD/20261101/eu-west-1/ec2/aws4_request, Sig"}, True),
        ({"HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=OTHER/20261101/eu-west-1/ec2/aws4_request, Sig"}, False),
        ({"QUERY_STRING": "X-Amz-Credential=GOOD%2F20261101%2Feu-west-1"}, True),
        ({"QUERY_STRING": "Action=DescribeVpcs"}, False),
        ({}, False),
    ],
)
def test_only_calls_that_carry_the_key_reach_the_api(environ: dict[str, str], allowed: bool) -> None:
    started: list[str] = []
    guard = Guard(lambda _, start: start("200 OK", []) or [b"ok"], lambda key: key == "GOOD")
    answer = guard(environ, lambda status, _: started.append(status))
    assert started == ["200 OK" if allowed else "403 Forbidden"]
    assert (b"".join(answer) == b"ok") is allowed
