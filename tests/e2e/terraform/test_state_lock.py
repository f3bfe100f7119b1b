"""A Terraform that was killed with SIGKILL leaves its lock in a remote backend: it is released where it is certainly ours and dead."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import boto3
import pytest

from adapters.process.owner import current_owner
from adapters.terraform.failures import StateLocked
from adapters.terraform.statelock import Held, journalled
from adapters.terraform.workdir import Workdir, write_private
from tests.e2e.terraform.locks import SOON, at_work, lock_of, power_cut

MODULE = """
terraform {{
  backend "s3" {{
    bucket         = "{bucket}"
    key            = "web.tfstate"
    region         = "us-east-1"
    use_lockfile   = true
    use_path_style = true
  }}
}}
variable "pause" {{}}
resource "terraform_data" "quick" {{}}
resource "terraform_data" "slow" {{
  input = terraform_data.quick.id
  provisioner "local-exec" {{
    command = "sleep ${{var.pause}}"
  }}
}}
"""


@pytest.fixture
def bucket(cloud: Mapping[str, str], request: pytest.FixtureRequest) -> Any:
    name = f"states-{abs(hash(request.node.name))}"
    s3 = boto3.resource("s3", endpoint_url=cloud["AWS_ENDPOINT_URL"], region_name="us-east-1",
                        aws_access_key_id="test", aws_secret_access_key="test")  # fmt: skip
    return s3.create_bucket(Bucket=name)


@pytest.fixture
def desk(make_desk: Callable[..., Any], cloud: Mapping[str, str], bucket: Any) -> Any:
    desk = make_desk(cloud, deadlines=SOON)
    desk.write(MODULE.format(bucket=bucket.name))
    desk.given(pause=0)
    return desk


def test_a_lock_that_a_dead_terraform_of_ours_left_is_released_and_said(
    desk: Any, cloud: Mapping[str, str], bucket: Any
) -> None:
    with at_work(desk, cloud) as pids:
        lock = lock_of(bucket)
        assert lock is not None
        held = journalled(Workdir(desk.work))
        assert held is not None
        assert (held.id, held.owner.pid) == (lock["ID"], pids["tool"])
        power_cut(pids)
    assert lock_of(bucket) == lock  # it is still there

    desk.apply()
    [said] = [message for kind, message in desk.said if kind == "state.unlocking"]
    assert f"the state's lock {lock['ID']} was left by terraform apply of" in said
    assert f"(process {pids['tool']}), which is dead" in said
    assert lock_of(bucket) is None
    assert desk.resources() == ["terraform_data.quick", "terraform_data.slow"]


def test_a_lock_whose_process_lives_is_left_alone_and_its_owner_named(
    desk: Any, cloud: Mapping[str, str], bucket: Any
) -> None:
    with at_work(desk, cloud) as pids:
        power_cut(pids)
    work = Workdir(desk.work)
    held = journalled(work)
    assert held is not None
    write_private(work.state_lock, _text(replace(held, owner=current_owner())))
    with pytest.raises(StateLocked) as raised:
        desk.plan()
    assert f"process {os.getpid()}) is Baton's own and still at work" in raised.value.hint
    assert lock_of(bucket) is not None

    elsewhere = replace(held.owner, machine="another:0123:1")  # from here nobody can tell whether it lives
    write_private(work.state_lock, _text(replace(held, owner=elsewhere)))
    with pytest.raises(StateLocked) as raised:
        desk.plan()
    assert "nobody can tell whether that is gone" in raised.value.hint
    assert lock_of(bucket) is not None


def test_a_lock_that_was_never_ours_is_left_alone_and_the_hint_says_how_it_is_freed(
    desk: Any, cloud: Mapping[str, str], bucket: Any
) -> None:
    desk.apply()
    theirs = {
        "ID": "11111111-2222-4333-8444-555555555555",
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": "bert@build-7",
        "Version": "1.11.4",
        "Created": "2026-01-01T00:00:00Z",
        "Path": f"{bucket.name}/web.tfstate",
    }
    bucket.put_object(Key="web.tfstate.tflock", Body=json.dumps(theirs).encode())
    with pytest.raises(StateLocked) as raised:
        desk.plan()
    error = raised.value
    assert (
        f"the state is locked by bert@build-7 since 2026-01-01 00:00:00 +0000 UTC (lock {theirs['ID']})"
        in error.message
    )
    assert error.hint.startswith("wait for bert@build-7, and run it again; only if you know")
    assert error.exit_code == 5
    assert lock_of(bucket) == theirs
    command = error.hint.partition(": ")[2].removesuffix(", then run it again")
    environment = {**os.environ, **cloud}
    typed = command.replace("force-unlock", "force-unlock -force")
    subprocess.run(typed, shell=True, check=True, env=environment, capture_output=True, timeout=60)  # taken at its word
    assert not desk.plan().applyable


def _text(held: Held) -> str:
    return json.dumps(asdict(held))
