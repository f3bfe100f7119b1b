"""What carries Baton's tag is found and removed: one suite on the fake cloud and on moto's API, and what is AWS's own."""

import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from adapters.cloud.api import Aws, AwsSettings
from adapters.cloud.tagged import AwsCloud
from adapters.fake.hosts import FakeCloud
from adapters.fake.world import FakeWorld
from lifecycle.environment import EnvironmentRef
from lifecycle.events import Level
from lifecycle.ports import Cancellation, Cancelled, Cloud, CloudResource, Run
from lifecycle.retries import Backoff
from tests.support.moto import moto_server

DEV = EnvironmentRef("shop", "dev")
PROD = EnvironmentRef("shop", "prod")
HURRY = Backoff(attempts=4, first=0.1)


@pytest.fixture(scope="module")
def settings() -> Iterator[AwsSettings]:
    with moto_server() as found:
        yield found


def patient(settings: AwsSettings) -> Any:
    """A client for what a test makes: it waits as long as it takes, and asks once, so that nothing is made twice."""
    return boto3.client(
        "ec2",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        config=Config(read_timeout=120, retries={"total_max_attempts": 1}, proxies={}),
    )


@pytest.fixture
def aws(settings: AwsSettings) -> Aws:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"{settings.endpoint_url}/moto-api/reset", method="POST"), timeout=60):
        patient(settings).describe_vpcs()  # the first call makes the region
    return Aws(settings)


def spec(kind: str, environment: EnvironmentRef = DEV) -> Any:
    return [{"ResourceType": kind, "Tags": [{"Key": "baton:environment", "Value": str(environment)}]}]


def instance(aws: Aws, environment: EnvironmentRef = DEV, **more: Any) -> str:
    made = patient(aws.settings).run_instances(
        ImageId="ami-1",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=spec("instance", environment),
        **more,
    )
    return str(made["Instances"][0]["InstanceId"])


@dataclass(frozen=True)
class Sky:
    """A cloud, and a way to let something leak there."""

    cloud: Cloud
    leak: Callable[[EnvironmentRef], str]


@pytest.fixture(params=["fake", "moto"])
def sky(request: pytest.FixtureRequest) -> Sky:
    if request.param == "moto":
        aws = request.getfixturevalue("aws")
        return Sky(AwsCloud(aws, HURRY), lambda environment: instance(aws, environment))
    world = FakeWorld({})

    def leak(environment: EnvironmentRef) -> str:
        name = f"i-{len(world.leaked)}"
        world.leak(name, environment)
        return name

    return Sky(FakeCloud(world), leak)


def test_everything_is_found_by_environment_and_of_all_environments(sky: Sky) -> None:
    dev, prod = sky.leak(DEV), sky.leak(PROD)
    assert [r.id for r in sky.cloud.tagged(DEV)] == [dev]
    assert {r.id: r.environment for r in sky.cloud.tagged()} == {dev: DEV, prod: PROD}


def test_what_is_removed_is_gone_and_nothing_else_is(sky: Sky) -> None:
    dev, prod = sky.leak(DEV), sky.leak(PROD)
    removal = sky.cloud.remove(sky.cloud.tagged(DEV), Run())
    assert (removal.removed, dict(removal.left)) == ((dev,), {})
    assert [r.id for r in sky.cloud.tagged()] == [prod]


def test_what_is_gone_already_is_removed(sky: Sky) -> None:
    sky.leak(DEV)
    found = sky.cloud.tagged(DEV)
    sky.cloud.remove(found, Run())
    assert sky.cloud.remove(found, Run()).left == {}


def test_a_whole_network_goes_in_the_order_in_which_it_can(aws: Aws) -> None:
    ec2 = patient(aws.settings)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", TagSpecifications=spec("subnet"))["Subnet"]
    gateway = ec2.create_internet_gateway(TagSpecifications=spec("internet-gateway"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=spec("route-table"))["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet["SubnetId"])
    groups = [
        ec2.create_security_group(
            GroupName=name, Description=name, VpcId=vpc, TagSpecifications=spec("security-group")
        )["GroupId"]
        for name in ("one", "two")
    ]
    for one, other in (groups, reversed(groups)):  # each names the other: neither can go before its rules
        ec2.authorize_security_group_ingress(
            GroupId=one,
            IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}],
            TagSpecifications=spec("security-group-rule"),
        )
    default = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    (own,) = [g["GroupId"] for g in default if g["GroupName"] == "default"]
    ec2.create_tags(Resources=[own], Tags=[{"Key": "baton:environment", "Value": str(DEV)}])
    ec2.create_key_pair(KeyName="k", TagSpecifications=spec("key-pair"))
    ec2.allocate_address(Domain="vpc", TagSpecifications=spec("elastic-ip"))
    instance(aws, SubnetId=subnet["SubnetId"], SecurityGroupIds=groups)
    cloud = AwsCloud(aws, HURRY)
    found = cloud.tagged(DEV)
    assert {"vpc", "subnet", "security-group", "route-table", "instance", "key-pair"} <= {r.type for r in found}

    removal = cloud.remove(found, Run())

    assert removal.left == {}
    assert sorted(removal.removed) == sorted(r.id for r in found)
    assert list(cloud.tagged()) == []


def test_what_others_have_of_the_same_type_is_not_touched(aws: Aws) -> None:
    """moto passes over the ids of some calls and describes everything that there is."""
    ec2, kept = patient(aws.settings), list[str]()
    for environment in (DEV, PROD):
        vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
        tags = {kind: spec(kind, environment) for kind in ("key-pair", "elastic-ip", "internet-gateway", "route-table")}
        pair = ec2.create_key_pair(KeyName=environment.name, TagSpecifications=tags["key-pair"])
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags["elastic-ip"])["AllocationId"]
        gateway = ec2.create_internet_gateway(TagSpecifications=tags["internet-gateway"])["InternetGateway"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tags["route-table"])["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        kept = sorted([pair["KeyPairId"], address, gateway["InternetGatewayId"], table])
    cloud = AwsCloud(aws, HURRY)

    removal = cloud.remove(cloud.tagged(DEV), Run())

    assert (len(removal.removed), dict(removal.left)) == (4, {})
    assert sorted(r.id for r in cloud.tagged()) == kept
    (other,) = ec2.describe_internet_gateways(InternetGatewayIds=[kept_id(kept, "igw")])["InternetGateways"]
    assert other["Attachments"], "another environment's network was cut off"
    (table_,) = ec2.describe_route_tables(RouteTableIds=[kept_id(kept, "rtb")])["RouteTables"]
    assert [link for link in table_["Associations"] if not link.get("Main")], "another environment's route was cut off"


def kept_id(ids: list[str], prefix: str) -> str:
    return next(one for one in ids if one.startswith(prefix))


def test_what_holds_data_and_what_nobody_knows_how_to_remove_is_left_with_the_reason(aws: Aws) -> None:
    volume = patient(aws.settings).create_volume(
        AvailabilityZone="eu-west-1a", Size=1, TagSpecifications=spec("volume")
    )["VolumeId"]
    bucket = CloudResource("arn:aws:s3:::b", "s3")
    removal = AwsCloud(aws, HURRY).remove([*AwsCloud(aws).tagged(DEV), bucket], Run())
    assert removal.removed == ()
    assert "holds data" in removal.left[volume]
    assert "by hand" in removal.left["arn:aws:s3:::b"]
    assert [r.id for r in AwsCloud(aws).tagged(DEV)] == [volume]


def test_what_something_else_uses_is_asked_again_and_left_with_the_clouds_words(aws: Aws) -> None:
    vpc = patient(aws.settings).create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    patient(aws.settings).create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")  # nobody's: it carries no tag
    cloud = AwsCloud(aws, HURRY)
    removal = cloud.remove(cloud.tagged(DEV), Run())
    assert list(removal.left) == [vpc]
    assert "DependencyViolation" in removal.left[vpc]


def test_an_instance_that_is_protected_is_not_asked_twice(aws: Aws) -> None:
    kept = instance(aws)
    patient(aws.settings).modify_instance_attribute(InstanceId=kept, DisableApiTermination={"Value": True})
    asked: list[str] = []

    def say(type: str, message: str, level: Level = Level.INFO, **_: object) -> None:
        asked.append(message)

    removal = AwsCloud(aws, Backoff(attempts=3, first=30)).remove(AwsCloud(aws).tagged(DEV), Run(say))
    assert "OperationNotPermitted" in removal.left[kept]
    assert asked == []


def test_a_removal_can_be_stopped_while_it_waits(aws: Aws) -> None:
    vpc = patient(aws.settings).create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    patient(aws.settings).create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")
    cancel = Cancellation()
    cancel.request("Ctrl-C")
    cloud = AwsCloud(aws, Backoff(attempts=3, first=60))
    with pytest.raises(Cancelled):
        cloud.remove(cloud.tagged(DEV), Run(cancel=cancel))
