"""Where a stack's state is put: the override's text, keys, what counts as the same place."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.terraform.backend import override, place, remote
from adapters.terraform.configuration import Module
from adapters.terraform.workdir import Workdir
from lifecycle.blueprint.backend import S3
from lifecycle.environment import EnvironmentRef
from lifecycle.ports import StackSpec

STACK = StackSpec(EnvironmentRef("shop", "dev"), "web", Path("/m"))
PLAIN = S3(bucket="acme-states")
EMULATOR = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
}
WORK = Workdir(Path("/w"))


def block(bucket: S3 | None, backend: str = "", **environment: str) -> Any:
    module = Module(Path("/m"), backend=backend)
    text = override(module, WORK, remote(STACK, module, bucket, environment))
    return text and json.loads(text)["terraform"]["backend"]


def test_a_bucket_gets_a_key_for_each_stack_a_lock_and_encryption() -> None:
    assert block(PLAIN) == {
        "s3": {"bucket": "acme-states", "key": "shop/dev/web.tfstate", "use_lockfile": True, "encrypt": True}
    }


def test_what_is_said_about_the_bucket_is_handed_on() -> None:
    given = {"region": "eu-west-1", "prefix": "teams/shop", "kms_key": "arn:aws:kms:eu-west-1:1:key/2"}
    one = block(S3.model_validate({"bucket": "acme-states", **given}))["s3"]
    assert (one["region"], one["key"]) == ("eu-west-1", "teams/shop/shop/dev/web.tfstate")
    assert one["kms_key_id"] == given["kms_key"]


def test_an_emulator_is_spoken_to_in_path_style_and_not_asked_what_only_aws_knows() -> None:
    one = block(PLAIN, **EMULATOR)["s3"]
    skipped = {name for name, value in one.items() if name.startswith("skip_") and value}
    assert one["use_path_style"] is True
    assert skipped == {f"skip_{x}" for x in
                       ("credentials_validation", "metadata_api_check", "region_validation", "requesting_account_id")}  # fmt: skip
    assert "endpoints" not in one, "the environment says where it is"


def test_an_endpoint_of_the_bucket_is_named_and_nothing_of_the_environment_is() -> None:
    one = block(S3(bucket="acme-states", endpoint="https://s3.example.com"), **EMULATOR)
    assert one["s3"]["endpoints"] == {"s3": "https://s3.example.com"}
    assert not any(value in json.dumps(one) for value in EMULATOR.values())


@pytest.mark.parametrize("backend", ["", "local"])
def test_without_a_bucket_the_state_lies_in_the_stacks_directory(backend: str) -> None:
    assert block(None, backend) == {"local": {"path": "/w/terraform.tfstate"}}
    assert "s3" in block(PLAIN, backend)


@pytest.mark.parametrize("backend", ["s3", "http", "cloud"])
def test_a_modules_own_backend_gets_no_override(backend: str) -> None:
    assert block(PLAIN, backend) is None


def test_the_same_place_is_known_however_it_is_reached() -> None:
    at = remote(STACK, Module(Path("/m")), PLAIN, EMULATOR)
    assert at is not None
    config = {"bucket": "acme-states", "key": "shop/dev/web.tfstate"}
    assert at.is_at({"type": "s3", "config": {**config, "region": "eu-west-1"}})
    assert not at.is_at({"type": "s3", "config": {**config, "key": "shop/prod/web.tfstate"}})
    assert not at.is_at({"type": "gcs", "config": config})
    assert not at.is_at({})
    assert place({"type": "s3", "config": config}) == str(at) == "s3://acme-states/shop/dev/web.tfstate"
