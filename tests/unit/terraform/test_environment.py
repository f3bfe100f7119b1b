"""What Terraform's environment is made of."""

from pathlib import Path

import pytest

from adapters.terraform.environment import ForbiddenVariable, encoded, surroundings
from lifecycle.errors import BatonError, ExitCode

CLOUD = {"AWS_ENDPOINT_URL": "http://10.1.2.3:4566", "AWS_ACCESS_KEY_ID": "test", "AWS_REGION": "us-east-1"}
MEANINGFUL = ["TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_WORKSPACE", "TF_INPUT", "TF_LOG", "TF_DATA_DIR", "TF_VAR_size",
              "TF_AWS_DEFAULT_TAGS_x", "TF_REATTACH_PROVIDERS"]  # fmt: skip


def command(given: dict[str, str], cloud: dict[str, str] | None = None, **tags: str) -> dict[str, str]:
    return surroundings(given, cloud or {}).command(data_dir=Path("/w/data"), cli_config=None, tags=tags)


@pytest.mark.parametrize("name", MEANINGFUL)
def test_what_would_change_a_commands_meaning_is_left_out_and_named(name: str) -> None:
    found = surroundings({name: "x", "PATH": "/bin"}, {})
    assert name not in found.variables
    assert found.removed == (name,)
    assert found.variables["PATH"] == "/bin"


@pytest.mark.parametrize("name", [*MEANINGFUL, "TF_CLI_CONFIG_FILE"])
def test_the_same_is_refused_where_it_is_given_on_purpose(name: str) -> None:
    with pytest.raises(ForbiddenVariable, match=name) as refused:
        surroundings({}, {name: "x"})
    assert refused.value.exit_code is ExitCode.USAGE
    assert refused.value.hint


def test_credentials_of_other_backends_and_providers_are_handed_on() -> None:
    kept = {
        "TF_TOKEN_app_terraform_io": "t",
        "TF_HTTP_PASSWORD": "p",
        "GOOGLE_CREDENTIALS": "g",
        "TF_PLUGIN_CACHE_DIR": "/c",
    }
    assert kept.items() <= command(kept).items()


def test_our_own_aws_profile_is_used_where_no_cloud_is_given() -> None:
    assert command({"AWS_PROFILE": "work"})["AWS_PROFILE"] == "work"


def test_nothing_of_our_own_aws_profile_gets_into_a_cloud_that_is_given() -> None:
    env = command({"AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "s", "AWS_CONFIG_FILE": "~/.aws/config"}, CLOUD)
    assert "AWS_PROFILE" not in env
    assert "AWS_SESSION_TOKEN" not in env
    assert (env["AWS_CONFIG_FILE"], env["AWS_SHARED_CREDENTIALS_FILE"]) == ("/dev/null", "/dev/null")
    assert env["AWS_EC2_METADATA_DISABLED"] == "true"
    assert CLOUD.items() <= env.items()


def test_a_proxy_is_not_asked_for_the_endpoint() -> None:
    assert command({"NO_PROXY": "intranet", "HTTPS_PROXY": "p"}, CLOUD)["NO_PROXY"] == "intranet,10.1.2.3"


def test_tags_become_the_providers_default_tags() -> None:
    env = surroundings({}, {}).command(data_dir=Path("/w"), cli_config=None, tags={"baton:environment": "shop/dev"})
    assert env["TF_AWS_DEFAULT_TAGS_baton:environment"] == "shop/dev"


@pytest.mark.parametrize("key", ["", "a=b", "a\0b"])
def test_a_tag_that_cannot_be_a_variables_name_is_refused(key: str) -> None:
    with pytest.raises(BatonError, match="tag's key"):
        surroundings({}, {}).command(data_dir=Path("/w"), cli_config=None, tags={key: "x"})


def test_terraform_is_told_that_nobody_is_there_to_answer() -> None:
    env = command({})
    assert (env["TF_IN_AUTOMATION"], env["TF_INPUT"], env["CHECKPOINT_DISABLE"]) == ("1", "0", "1")
    assert env["TF_DATA_DIR"] == "/w/data"


def test_values_are_not_shown() -> None:
    assert "test" not in repr(surroundings({}, CLOUD))


@pytest.mark.parametrize(
    ("value", "type", "expected"),
    [
        ('a ${b} "c"', "string", 'a ${b} "c"'),
        ("text", "", "text"),
        (3, "number", "3"),
        (True, "bool", "true"),
        ("${x}", "any", '"$${x}"'),
        (["a", "%{x}"], "list", '["a", "%%{x}"]'),
        ({"k": 1}, "object", '{"k": 1}'),
        (["a"], "", None),
        ({"k": 1}, "string", None),
        ({"a": "🐤\b"}, "map(string)", '{"a": "🐤\\u0008"}'),  # HCL reads neither surrogate pairs nor \\b
    ],
)
def test_a_value_is_encoded_as_the_declared_type_wants_it(value: object, type: str, expected: str | None) -> None:
    assert encoded(value, type) == expected
