"""A whole life with its state in a bucket: made, unchanged, refused to a second writer, and gone with the environment."""

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.e2e.lifecycle.conftest import Baton

pytestmark = [pytest.mark.timeout(2400), pytest.mark.long]
REF = "minimal/bucket"
UP = ("up", "examples/minimal", "--env", "bucket", "--json")
BUCKET, KEY = "whole-lives", "baton/minimal/bucket/main.tfstate"
SOMEBODY = {
    "ID": "0b6d2f3c-58c1-4f4c-9f3e-3a86c3f0d6a1", "Operation": "OperationTypeApply", "Info": "", "Who": "grace@hopper",
    "Version": "1.11.4", "Created": "2026-01-01T00:00:00Z", "Path": f"{BUCKET}/{KEY}",
}  # fmt: skip
"""A lock as Terraform writes it, of somebody else's Terraform that works on this very state."""


def bucket_of(baton: Baton) -> Any:
    cloud = json.loads((baton.home / "cloud" / "cloud.json").read_text())
    s3 = boto3.resource(
        "s3",
        endpoint_url=cloud["endpoint_url"],
        region_name=cloud["region"],
        aws_access_key_id=cloud["access_key"],
        aws_secret_access_key=cloud["secret_key"],
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )
    return s3.Bucket(BUCKET)


def test_a_whole_life_with_its_state_in_a_bucket(baton: Baton) -> None:
    blueprint = baton.directory / "examples" / "minimal" / "blueprint.yaml"
    with blueprint.open("a") as file:
        file.write(f"\nbackend: {{s3: {{bucket: {BUCKET}, prefix: baton}}}}\n")
    (made,) = baton("backend", "init", "examples/minimal", "--json").of("backend")
    assert (made["exists"], made["versioned"], made["encrypted"], made["private"]) == (True, True, True, True)

    first = baton(*UP, timeout=1500)
    assert first.result["phase"] == "ready"
    bucket = bucket_of(baton)
    assert [one.key for one in bucket.objects.all()] == [KEY]
    (shown,) = baton("backend", "show", "examples/minimal", "--json").of("backend_state")
    assert shown["states"] == [KEY]
    stack = baton.home / "environments" / "minimal" / "bucket" / "stacks" / "main"
    assert list(stack.glob("terraform.tfstate*")) == []

    again = baton(*UP, timeout=1500)
    assert again.result["changed"] is False
    assert again.finished("apply") + again.finished("configure") == []

    bucket.put_object(Key=f"{KEY}.tflock", Body=json.dumps(SOMEBODY).encode())
    refused = baton(*UP, "--input", "greeting=Hi", check=False, timeout=1500)
    assert refused.code == 5
    assert "grace@hopper" in refused.of("error")[0]["message"]
    assert refused.finished("apply") + refused.finished("configure") == []
    assert {one.key for one in bucket.objects.all()} == {KEY, f"{KEY}.tflock"}  # it is nobody's to release but theirs
    bucket.Object(f"{KEY}.tflock").delete()

    gone = baton("down", REF, "--json", timeout=1500)
    assert gone.result["phase"] == "destroyed"
    assert gone.result["proof"]["certificate"]
    assert list(bucket.objects.all()) == []
    versions = list(bucket.object_versions.filter(Prefix=KEY))
    (latest,) = (one for one in versions if one.object_key == KEY and one.is_latest)
    assert latest.size is None  # a delete marker: what it was is kept behind it
    assert any(one.size for one in versions)
