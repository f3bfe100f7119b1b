"""Against moto's server: the API that the local cloud speaks too."""

import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from adapters.cloud.api import Aws, AwsSettings
from adapters.cloud.hosts import AwsHosts
from adapters.cloud.tagged import AwsCloud
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.inventory import ConnectionDefaults, Trust
from tests.support.moto import moto_server
from tests.support.sshd import free_port

DEV = EnvironmentRef("shop", "dev")
PROD = EnvironmentRef("shop", "prod")


@pytest.fixture(scope="module")
def settings() -> Iterator[AwsSettings]:
    with moto_server() as found:
        yield found


@pytest.fixture
def aws(settings: AwsSettings) -> Aws:
    _reset(settings)
    return Aws(settings)


def _reset(settings: AwsSettings) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"{settings.endpoint_url}/moto-api/reset", method="POST"), timeout=10):
        pass


def tags_of(environment: EnvironmentRef, **more: str) -> list[dict[str, str]]:
    tags = {"baton:environment": str(environment), **{k.replace("_", ":"): v for k, v in more.items()}}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def instance(aws: Aws, environment: EnvironmentRef = DEV, stack: str = "web", **tags: str) -> Any:
    spec: Any = [{"ResourceType": "instance", "Tags": tags_of(environment, baton_stack=stack, **tags)}]
    made = aws.ec2.run_instances(
        ImageId="ami-1", InstanceType="t3.micro", MinCount=1, MaxCount=1, TagSpecifications=spec
    )
    return made["Instances"][0]


def until_running(aws: Aws, instance_id: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = aws.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        if found["State"]["Name"] == "running":
            return
        time.sleep(0.05)
    raise AssertionError(f"{instance_id} never ran")


def test_running_instances_of_the_stack_are_hosts(aws: Aws) -> None:
    web = instance(aws, Name="web-1", Group="web, front", Role="web")
    for other in (instance(aws, PROD), instance(aws, stack="db")):
        until_running(aws, other["InstanceId"])
    until_running(aws, web["InstanceId"])

    (host,) = AwsHosts(aws).discover(DEV, "web")

    assert (host.name, host.id, host.stack) == ("web-1", web["InstanceId"], "web")
    assert host.groups == ("web", "front")
    assert host.tags["Role"] == "web"
    assert host.facts["private_address"] == web["PrivateIpAddress"]
    assert host.connection.address == host.facts["public_address"]


def test_behind_a_proxy_the_private_address_counts_and_the_instance_is_named_to_it(aws: Aws) -> None:
    web = instance(aws)
    until_running(aws, web["InstanceId"])
    defaults = ConnectionDefaults(user="admin", proxy_command="proxy {instance_id} %p", trust=(Trust.CONSOLE,))

    (host,) = AwsHosts(aws, lambda _: defaults).discover(DEV, "web")

    assert host.name == web["InstanceId"]
    assert host.connection.address == web["PrivateIpAddress"]
    assert host.connection.proxy_command == f"proxy {web['InstanceId']} %p"
    assert (host.connection.user, host.trust) == ("admin", (Trust.CONSOLE,))


@pytest.mark.parametrize("call", ["stop_instances", "terminate_instances"])
def test_what_does_not_run_is_no_host(aws: Aws, call: str) -> None:
    web = instance(aws)
    until_running(aws, web["InstanceId"])
    getattr(aws.ec2, call)(InstanceIds=[web["InstanceId"]])
    assert not AwsHosts(aws).discover(DEV, "web")


def test_a_console_without_keys_and_an_unknown_instance_give_none(aws: Aws) -> None:
    web = instance(aws)
    assert AwsHosts(aws).console_keys(web["InstanceId"]) is None
    assert AwsHosts(aws).console_keys("i-00000000000000000") is None


def test_everything_with_the_environments_tag_is_listed_once_until_it_is_gone(aws: Aws) -> None:
    ec2 = aws.ec2

    def spec(kind: str) -> Any:
        return [{"ResourceType": kind, "Tags": tags_of(DEV)}]

    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", TagSpecifications=spec("subnet"))["Subnet"][
        "SubnetId"
    ]
    group = ec2.create_security_group(
        GroupName="web", Description="web", VpcId=vpc, TagSpecifications=spec("security-group")
    )["GroupId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=spec("internet-gateway"))["InternetGateway"][
        "InternetGatewayId"
    ]
    key = ec2.create_key_pair(KeyName="k", TagSpecifications=spec("key-pair"))["KeyPairId"]
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1, TagSpecifications=spec("volume"))["VolumeId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=spec("elastic-ip"))["AllocationId"]
    web = instance(aws)["InstanceId"]
    instance(aws, PROD)
    cloud = AwsCloud(aws)

    listed = cloud.tagged(DEV)

    ids = [resource.id for resource in listed]
    assert sorted(ids) == sorted(set(ids)), "each once"
    assert {vpc, subnet, group, gateway, key, volume, address, web} <= set(ids)
    assert all(resource.tags["baton:environment"] == str(DEV) for resource in listed)
    pair = next(resource for resource in listed if resource.id == key)
    assert (pair.known_as, pair.tags) == ("k", {tag["Key"]: tag["Value"] for tag in tags_of(DEV)})
    assert pair.made_at is not None
    assert abs(datetime.now(UTC) - pair.made_at) < timedelta(minutes=5)

    ec2.terminate_instances(InstanceIds=[web])
    ec2.delete_volume(VolumeId=volume)
    ec2.release_address(AllocationId=address)
    ec2.delete_key_pair(KeyName="k")
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)

    assert cloud.tagged(DEV) == []
    assert [r.type for r in cloud.tagged(PROD)] == ["instance"]


def test_other_services_are_listed_by_the_tagging_api(aws: Aws) -> None:
    s = aws.settings
    s3 = boto3.client(
        "s3", endpoint_url=s.endpoint_url, region_name=s.region, aws_access_key_id="t", aws_secret_access_key="t"
    )
    s3.create_bucket(Bucket="shop-dev", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_tagging(Bucket="shop-dev", Tagging={"TagSet": tags_of(DEV)})
    (bucket,) = AwsCloud(aws).tagged(DEV)
    assert bucket.id == "arn:aws:s3:::shop-dev"
    assert bucket.type.startswith("s3")


def test_what_cannot_be_proven_is_said_in_words(aws: Aws) -> None:
    assert any("DNS" in words for words in AwsCloud(aws).not_provable)


def test_a_cloud_that_is_down_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    aws = Aws(AwsSettings(endpoint_url=url, region="eu-west-1", access_key="t", secret_key="t"))
    with pytest.raises(BatonError, match=url) as caught:
        AwsHosts(aws).discover(DEV, "web")
    assert "baton cloud up" in caught.value.hint


def test_without_credentials_it_is_said_what_to_set() -> None:
    with pytest.raises(BatonError) as caught:
        AwsCloud(Aws(AwsSettings(region="eu-west-1"))).tagged(DEV)
    assert "AWS_PROFILE" in caught.value.hint


def test_the_secret_key_is_not_shown() -> None:
    assert "hunter2" not in repr(AwsSettings.of({"secret_key": "hunter2", "name": "not ours"}))
