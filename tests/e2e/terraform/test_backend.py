"""States of modules that name no backend, in a bucket: made, moved there, locked, and gone with the environment."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from adapters.cloud.api import Aws, AwsSettings
from adapters.cloud.states import States
from adapters.terraform import failures
from adapters.terraform.adapter import TerraformProvisioner
from adapters.terraform.settings import TerraformSettings
from adapters.terraform.workdir import BACKEND, NotEmpty
from lifecycle.blueprint.backend import S3
from lifecycle.environment import EnvironmentRef
from tests.e2e.terraform.locks import SOON, at_work, lock_of, power_cut

KEY = "baton/shop/dev/web.tfstate"
MODULE = """
variable "pause" { default = 0 }
resource "terraform_data" "quick" {}
resource "terraform_data" "each" {
  for_each = toset(["a", "b"])
}
resource "terraform_data" "slow" {
  input = terraform_data.quick.id
  provisioner "local-exec" {
    command = "sleep ${var.pause}"
  }
}
output "quick" { value = terraform_data.quick.id }
"""
RESOURCES = ['terraform_data.each["a"]', 'terraform_data.each["b"]', "terraform_data.quick", "terraform_data.slow"]


@pytest.fixture
def states(cloud: Mapping[str, str], request: pytest.FixtureRequest) -> States:
    """A bucket of the test's own, as `baton backend init` makes it."""
    aws = Aws(AwsSettings(cloud["AWS_ENDPOINT_URL"], "eu-west-1", "test", "test"))
    found = States.of(aws, S3(bucket=f"states-{abs(hash(request.node.name))}", prefix="baton"))
    found.make()
    return found


@pytest.fixture
def use(make_desk: Callable[..., Any], cloud: Mapping[str, str], states: States) -> Callable[..., Any]:
    """A desk whose states go where they are told: into the bucket, or (None) into their own directory."""

    def made(bucket: S3 | None = states.bucket, desk: Any = None) -> Any:
        desk = desk or make_desk(cloud)
        settings = TerraformSettings(deadlines=SOON, bucket=bucket)
        ours = {"PATH": os.environ["PATH"], "HOME": str(desk.folder / "home")}
        desk.provisioner = TerraformProvisioner(
            desk.root, b"the store's key", cloud, settings, ours, erase=lambda _, key: states.erase(key)
        )
        desk.write(MODULE)
        return desk

    return made


@pytest.fixture
def desk(use: Callable[..., Any]) -> Any:
    return use()


def state_of(states: States, key: str = KEY) -> dict[str, Any]:
    body = states.aws.client("s3").get_object(Bucket=states.bucket.bucket, Key=key)["Body"]
    found: dict[str, Any] = json.loads(body.read())
    return found


def put(states: States, state: Mapping[str, Any]) -> None:
    states.aws.client("s3").put_object(Bucket=states.bucket.bucket, Key=KEY, Body=json.dumps(state).encode())


def bucket_of(states: States) -> Any:
    one = states.aws.settings
    s3 = boto3.resource("s3", endpoint_url=one.endpoint_url, region_name=one.region,
                        aws_access_key_id=one.access_key, aws_secret_access_key=one.secret_key)  # fmt: skip
    return s3.Bucket(states.bucket.bucket)


def elsewhere(use: Callable[..., Any], desk: Any) -> Any:
    """The same environment, as another machine has it."""
    return use(desk=replace(desk, folder=desk.folder / "there", said=[]))


def said(desk: Any, kind: str) -> list[str]:
    return [message for one, message in desk.said if one == kind]


def local_state(desk: Any) -> Path:
    return Path(desk.work / "terraform.tfstate")


def test_a_state_lies_in_the_bucket_encrypted_and_goes_with_the_environment(desk: Any, states: States) -> None:
    desk.apply()
    assert not desk.plan().applyable
    assert states.keys() == (KEY,)
    head = states.aws.client("s3").head_object(Bucket=states.bucket.bucket, Key=KEY)
    assert head["ServerSideEncryption"] == "AES256"
    assert not list(desk.work.glob("terraform.tfstate*"))
    assert desk.resources() == RESOURCES
    with pytest.raises(NotEmpty):
        desk.provisioner.forget(desk.stack)

    desk.destroy()
    assert desk.resources() == []
    desk.provisioner.forget(desk.stack)
    assert not desk.work.exists()
    left = states.aws.client("s3").list_object_versions(Bucket=states.bucket.bucket)
    assert states.keys() == ()
    assert [one["Key"] for one in left["DeleteMarkers"] if one["IsLatest"] and one["Key"] == KEY] == [KEY]
    desk.provisioner.forget(desk.stack)  # what is gone is forgotten again


def test_another_machine_finds_the_same_state(desk: Any, use: Callable[..., Any], states: States) -> None:
    desk.apply()
    there = elsewhere(use, desk)
    assert there.resources() == RESOURCES
    assert there.outputs() == desk.outputs()
    assert not there.plan().applyable
    there.destroy()
    there.provisioner.forget(there.stack)
    assert desk.resources() == []
    assert states.keys() == ()


def test_what_never_stood_needs_no_variables_to_be_destroyed(desk: Any, states: States) -> None:
    desk.write('variable "needed" {}\nresource "terraform_data" "a" { input = var.needed }\n')
    assert not desk.plan(destroy=True).applyable
    desk.provisioner.forget(desk.stack)
    assert states.keys() == ()


def test_a_modules_own_backend_is_left_alone(desk: Any, states: States) -> None:
    own = f'terraform {{\n  backend "s3" {{\n    bucket = "{states.bucket.bucket}"\n    key = "own.tfstate"\n  }}\n}}\n'
    desk.write(own + MODULE)
    desk.apply()
    assert not list(desk.work.rglob(BACKEND))
    assert len(state_of(states, "own.tfstate")["resources"]) == 3
    assert states.keys() == ()


def test_a_bucket_that_is_not_there_is_said_with_what_makes_it(use: Callable[..., Any]) -> None:
    with pytest.raises(failures.BucketMissing, match="the bucket nobody-made-it, which is to keep the state") as raised:
        use(S3(bucket="nobody-made-it")).plan()
    assert "baton backend init" in raised.value.hint


class TestMoving:
    def test_a_local_state_is_moved_with_its_lineage_serial_and_resources(
        self, use: Callable[..., Any], states: States
    ) -> None:
        desk = use(None)
        desk.apply()
        before = json.loads(local_state(desk).read_text())
        use(desk=desk)

        assert desk.resources() == RESOURCES
        moved = desk.work / "terraform.tfstate.moved"
        assert json.loads(moved.read_text()) == before
        assert moved.stat().st_mode & 0o777 == 0o600
        after = state_of(states)
        for key in ("lineage", "resources", "outputs"):
            assert after[key] == before[key]
        assert after["serial"] == before["serial"] + 1  # a write is a new serial
        [words] = said(desk, "state.moved")
        assert words == f"web: the state that lay on this machine was moved to s3://{states.bucket.bucket}/{KEY}"

        assert not desk.plan().applyable
        assert said(desk, "state.settled")
        assert not list(desk.work.glob("terraform.tfstate*"))
        desk.destroy()
        desk.provisioner.forget(desk.stack)
        assert states.keys() == ()

    def test_a_move_that_was_killed_is_done_again(self, use: Callable[..., Any], states: States) -> None:
        desk = use(None)
        desk.apply()
        before = local_state(desk).read_bytes()
        use(desk=desk).resources()
        moved = state_of(states)
        for killed in ("after init", "after the first push", "before the rename"):
            local_state(desk).write_bytes(before)  # as a kill leaves it: our file is still there, and nothing is marked
            (desk.work / "initialised.json").unlink()
            if killed == "after init":
                states.erase(KEY)
            elif killed == "after the first push":
                put(states, {**moved, "lineage": "00000000-0000-4000-8000-000000000000", "serial": 1})
            assert desk.resources() == RESOURCES
            assert state_of(states) == moved, killed
        desk.given(pause=0)
        desk.apply()
        assert said(desk, "state.settled")

    def test_a_move_that_was_killed_loses_nothing_of_what_came_after(
        self, use: Callable[..., Any], states: States
    ) -> None:
        desk = use(None)
        desk.apply()
        before = local_state(desk).read_bytes()
        use(desk=desk)
        desk.write(MODULE + 'resource "terraform_data" "more" {}\n')
        desk.apply()
        after = state_of(states)
        local_state(desk).write_bytes(before)
        (desk.work / "initialised.json").unlink()
        assert "terraform_data.more" in desk.resources()
        assert state_of(states) == after

    def test_a_state_of_somebody_else_is_never_overwritten(self, use: Callable[..., Any], states: States) -> None:
        desk = use(None)
        desk.apply()
        elsewhere(use, desk).apply()
        before = state_of(states)
        with pytest.raises(failures.BackendChanged, match="holds the state of something else already"):
            use(desk=desk).plan()
        assert state_of(states) == before
        assert local_state(desk).is_file()

    def test_a_copy_is_kept_while_the_bucket_holds_less(self, use: Callable[..., Any], states: States) -> None:
        desk = use(None)
        desk.apply()
        use(desk=desk).resources()
        less = state_of(states)
        less["resources"], less["serial"] = less["resources"][:1], less["serial"] + 1
        put(states, less)
        desk.plan()
        [words] = said(desk, "state.incomplete")
        assert "does not hold all that was moved there: terraform_data.quick, terraform_data.slow" in words
        assert (desk.work / "terraform.tfstate.moved").is_file()

    def test_a_backend_that_goes_is_refused_with_two_ways_out(
        self, desk: Any, use: Callable[..., Any], cloud: Mapping[str, str]
    ) -> None:
        desk.apply()
        use(None, desk=desk)
        for asked in (desk.plan, desk.resources, desk.outputs, lambda: desk.plan(destroy=True)):
            with pytest.raises(failures.BackendChanged, match=f"the state lies in s3://.*{KEY}, and neither") as raised:
                asked()
        use(desk=desk)  # the first way
        assert not desk.plan().applyable

        use(None, desk=desk)
        with pytest.raises(failures.BackendChanged) as raised:
            desk.plan()
        command = raised.value.hint.partition("take the state home: ")[2].removesuffix(", then run it again")
        typed = command.replace("-migrate-state", "-migrate-state -force-copy -input=false")
        subprocess.run(typed, shell=True, check=True, env={**os.environ, **cloud}, capture_output=True, timeout=60)
        assert not desk.plan().applyable
        assert desk.resources() == RESOURCES

    def test_another_bucket_is_refused_too(self, desk: Any, use: Callable[..., Any], states: States) -> None:
        desk.apply()
        other = states.bucket.model_copy(update={"prefix": "elsewhere"})
        with pytest.raises(failures.BackendChanged, match=r"and its backend is s3://.*/elsewhere/shop/dev/web.tfstate"):
            use(other, desk=desk).plan()

    def test_the_same_place_reached_in_another_way_is_no_move(
        self, desk: Any, use: Callable[..., Any], states: States, cloud: Mapping[str, str]
    ) -> None:
        desk.apply()
        same = states.bucket.model_copy(update={"endpoint": cloud["AWS_ENDPOINT_URL"], "region": "eu-west-1"})
        assert not use(same, desk=desk).plan().applyable


class TestLock:
    def test_a_second_writer_is_refused_and_the_first_is_named(
        self, desk: Any, use: Callable[..., Any], cloud: Mapping[str, str], states: States
    ) -> None:
        with at_work(desk, cloud, states.bucket):
            lock = lock_of(bucket_of(states))
            with pytest.raises(failures.StateLocked) as raised:
                elsewhere(use, desk).plan()
            assert lock is not None
            assert f"the state is locked by {lock['Who']} since" in raised.value.message
            assert raised.value.exit_code == 5

    def test_a_lock_that_a_dead_terraform_of_ours_left_is_released(
        self, desk: Any, cloud: Mapping[str, str], states: States
    ) -> None:
        with at_work(desk, cloud, states.bucket) as pids:
            power_cut(pids)
        assert lock_of(bucket_of(states)) is not None
        desk.apply()
        [words] = said(desk, "state.unlocking")
        assert f"(process {pids['tool']}), which is dead" in words
        assert lock_of(bucket_of(states)) is None
        assert desk.resources() == RESOURCES


def test_two_environments_of_a_blueprint_have_a_state_each(desk: Any, states: States) -> None:
    desk.apply()
    desk.stack = replace(desk.stack, environment=EnvironmentRef("shop", "prod"))
    desk.apply()
    assert states.keys() == (KEY, "baton/shop/prod/web.tfstate")
