from typing import Any

from adapters.terraform import declared


def plan(**more: Any) -> dict[str, Any]:
    root = {
        "resources": [
            {"address": "aws_instance.a", "provider_config_key": "aws", "provisioners": [{"type": "local-exec"}]},
            {"address": "aws_instance.b", "provider_config_key": "aws.west"},
            {"address": "aws_instance.c", "provider_config_key": "aws.guessed"},
            {"address": "terraform_data.d", "provider_config_key": "terraform"},
        ],
        "module_calls": {
            "hosts": {"module": {"resources": [{"address": "aws_instance.e", "provider_config_key": "aws"}]}}
        },
    }
    providers = {
        "aws": {"expressions": {"region": {"references": ["var.region"]}}},
        "aws.west": {"expressions": {"region": {"constant_value": "us-west-2"}}},
        "aws.guessed": {"expressions": {"region": {"references": ["local.region"]}}},
        "terraform": {},
    }
    return {"configuration": {"root_module": root, "provider_config": providers}, **more}


def regions(document: dict[str, Any]) -> dict[str, str]:
    return {address: one.region for address, one in declared.resources(document, None).items() if one.region}


def test_a_region_is_a_constant_or_a_variable_of_the_root_module() -> None:
    told = regions(plan(variables={"region": {"value": "eu-west-1"}}))
    assert told == {
        "aws_instance.a": "eu-west-1",
        "aws_instance.b": "us-west-2",
        "module.hosts.aws_instance.e": "eu-west-1",
    }


def test_a_region_that_the_plan_does_not_tell_is_left_out() -> None:
    assert regions(plan()) == {"aws_instance.b": "us-west-2"}
    assert regions({}) == {}


def test_resources_with_a_provisioner_are_known_by_address() -> None:
    found = declared.resources(plan(), None)
    assert [address for address, one in found.items() if one.provisioned] == ["aws_instance.a"]
