"""The setting that names a bucket for states."""

import pytest

from adapters.backend import chosen, parsed
from adapters.settings import Settings, SettingsInvalid
from lifecycle.blueprint import load
from lifecycle.blueprint.backend import S3

BLUEPRINT = "blueprint: 1\nname: shop\nstacks: {web: {source: ./web}}\n"


def test_the_setting_says_what_a_blueprint_could() -> None:
    assert parsed("s3://acme-states") == S3(bucket="acme-states")
    text = "s3://acme-states/teams/shop/?region=eu-west-1&endpoint=http://127.0.0.1:4566&kms_key=arn:aws:kms:eu-west-1:1:key/2"
    assert parsed(text) == S3(
        bucket="acme-states",
        prefix="teams/shop",
        region="eu-west-1",
        endpoint="http://127.0.0.1:4566",
        kms_key="arn:aws:kms:eu-west-1:1:key/2",
    )


def test_the_blueprint_goes_before_the_setting() -> None:
    ours, plain = load(f"{BLUEPRINT}backend: {{s3: {{bucket: of-the-blueprint}}}}\n"), load(BLUEPRINT)
    setting = Settings(backend="s3://of-the-setting")
    assert chosen(setting, ours) == S3(bucket="of-the-blueprint")
    assert chosen(setting, plain) == chosen(setting) == S3(bucket="of-the-setting")
    assert chosen(Settings(), plain) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("acme-states", "does not begin with s3://"),
        ("gs://acme-states", "does not begin with s3://"),
        ("s3://", "no right bucket"),
        ("s3://acme-states?region=Frankfurt", "no right region"),
        ("s3://acme-states?endpoint=https://me:hunter2@s3.example.com", "no right endpoint"),
        ("s3://acme-states?secret_key=hunter2", "does not know secret_key"),
    ],
)
def test_a_wrong_one_is_said_without_showing_it(text: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words) as raised:
        parsed(text)
    assert "hunter2" not in raised.value.message
    assert "BATON_BACKEND=s3://" in raised.value.hint
