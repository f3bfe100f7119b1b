"""`baton backend`: a bucket made as it should be, once, and looked at."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.cloud.api import Aws, AwsSettings
from adapters.cloud.states import Condition, States
from baton.__main__ import run
from lifecycle.blueprint.backend import S3

MADE = ["made in eu-west-1", "public access blocked", "versioning switched on"]
"""Encryption is said only where the API gives none to a new bucket, as AWS did before 2023."""


@pytest.fixture
def aws(cloud: Mapping[str, str]) -> Aws:
    return Aws(AwsSettings(cloud["AWS_ENDPOINT_URL"], "eu-west-1", "test", "test"))


def test_a_bucket_is_made_once_and_what_is_not_right_is_put_right(aws: Aws) -> None:
    states = States.of(aws, S3(bucket="made-once"))
    assert states.condition() == Condition(exists=False)
    assert list(states.make())[:3] == MADE
    assert states.condition() == Condition(True, versioned=True, encrypted=True, private=True)
    assert states.make() == ()

    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket="made-once", VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket="made-once")
    assert not states.condition().good
    assert list(states.make()) == ["public access blocked", "versioning switched on"]


def test_a_key_of_its_own_encrypts(aws: Aws) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    states = States.of(aws, S3(bucket="with-a-key", kms_key=key))
    assert "default encryption set to aws:kms" in states.make()
    assert states.make() == ()
    assert States.of(aws, S3(bucket="with-a-key", kms_key=f"{key}2")).make() == ("default encryption set to aws:kms",)


def test_what_is_not_there_can_be_erased(aws: Aws) -> None:
    states = States.of(aws, S3(bucket="erased"))
    states.make()
    aws.client("s3").put_object(Bucket="erased", Key="a/b/c.tfstate", Body=b"{}")
    assert states.keys() == ("a/b/c.tfstate",)
    states.erase("a/b/c.tfstate")
    states.erase("a/b/c.tfstate")
    versions = aws.client("s3").list_object_versions(Bucket="erased")
    assert len(versions["DeleteMarkers"]) == 1, "no marker over a marker"


@pytest.fixture
def at_home(cloud: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BATON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BATON_CLOUD", cloud["AWS_ENDPOINT_URL"])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, cloud[name])
    (tmp_path / "blueprint.yaml").write_text(
        "blueprint: 1\nname: shop\nstacks: {web: {source: ./web}}\n"
        "backend: {s3: {bucket: of-the-verb, prefix: baton, region: eu-west-1}}\n"
    )
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_verbs_make_it_and_show_it(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backend", "show", str(at_home), "--json"]) == 1
    assert said(capsys)["exists"] is False
    assert run(["backend", "init", str(at_home), "--json"]) == 0
    assert said(capsys)["done"][0] == "made in eu-west-1"
    assert run(["backend", "init", str(at_home)]) == 0
    assert capsys.readouterr().out.startswith("of-the-verb: nothing to do")
    assert run(["backend", "show", str(at_home)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("s3://of-the-verb/baton/BLUEPRINT/ENVIRONMENT/STACK.tfstate\n")
    assert "states: 0" in shown


def test_the_setting_is_meant_where_no_blueprint_is_named(
    at_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["backend", "show"]) == 64
    assert "no backend is named" in capsys.readouterr().err
    monkeypatch.setenv("BATON_BACKEND", "s3://of-the-setting?region=eu-west-1")
    assert run(["backend", "init", "--json"]) == 0
    assert said(capsys)["bucket"] == "of-the-setting"
