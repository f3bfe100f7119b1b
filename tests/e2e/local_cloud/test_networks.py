"""Who reaches whom: VPCs, security groups, public addresses, and nothing off the machine."""

from __future__ import annotations

import time
from typing import Any

WEB = "#!/bin/sh\nservice nginx start\n"
ANYWHERE = "0.0.0.0/0"


def reaches(cloud: Any, source: str, address: str, port: int = 80) -> bool:
    """Whether a TCP connection from one host to an address opens (groups drop: it takes the time-out to say no)."""
    return bool(cloud.run("exec", source, "--", "nc", "-z", "-w", "1", address, str(port), check=False).returncode == 0)


def test_from_outside_the_allowed_port_answers_and_ssh_does_not(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    host = vpc.host(vpc.group("web", tcp_rule(80, ANYWHERE)), user_data=WEB)
    cloud.await_user_data(host)
    public = cloud.instance(host)["PublicIpAddress"]
    assert public.startswith("198.18.")
    assert cloud.dial(dial="outside", host=public, port=80) == "open"
    assert cloud.dial(dial="outside", host=public, port=22) == "timeout"
    assert cloud.dial(dial="instance", id=host, port=22) == "open"
    assert cloud.dial(dial="instance", id=host, port=443) == "timeout"


def test_a_group_can_let_operators_in_and_nobody_else(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    operators = cloud.description["operator_cidr"]
    host = vpc.host(vpc.group("jump", tcp_rule(22, operators)))
    public = cloud.instance(host)["PublicIpAddress"]
    assert cloud.dial(dial="operator", host=public, port=22) == "open"
    assert cloud.dial(dial="outside", host=public, port=22) == "timeout"


def test_an_instance_without_a_public_address_is_shown_without_one(cloud: Any, vpc: Any) -> None:
    vpc.ec2.modify_subnet_attribute(SubnetId=vpc.subnet, MapPublicIpOnLaunch={"Value": False})
    instance = cloud.instance(vpc.host(vpc.group("inside")))
    assert "PublicIpAddress" not in instance
    assert [nic.get("Association") for nic in instance["NetworkInterfaces"]] == [None]  # Terraform takes {} for one


def test_a_private_address_is_nothing_to_the_outside(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    host = vpc.host(vpc.group("web", tcp_rule(80, ANYWHERE)), user_data=WEB)
    cloud.await_user_data(host)
    private = cloud.instance(host)["PrivateIpAddress"]
    assert cloud.dial(dial="outside", host=private, port=80) in ("timeout", "unreachable")


def test_without_a_route_to_an_internet_gateway_a_public_address_leads_nowhere(
    cloud: Any, make_vpc: Any, tcp_rule: Any
) -> None:
    vpc = make_vpc(cloud, internet=False)
    host = vpc.host(vpc.group("web", tcp_rule(80, ANYWHERE)), user_data=WEB)
    cloud.await_user_data(host)
    public = cloud.instance(host)["PublicIpAddress"]
    assert cloud.dial(dial="outside", host=public, port=80) in ("timeout", "unreachable")
    vpc.connect_internet()
    assert cloud.dial(dial="outside", host=public, port=80) == "open"


def test_a_rule_that_changes_acts_at_once_and_keeps_open_connections(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    group = vpc.group("web")
    host = vpc.host(group, user_data=WEB)
    cloud.await_user_data(host)
    public = cloud.instance(host)["PublicIpAddress"]
    assert cloud.dial(dial="outside", host=public, port=80) == "timeout"
    vpc.allow(group, tcp_rule(80, ANYWHERE))
    assert cloud.dial(dial="outside", host=public, port=80) == "open"
    vpc.revoke(group, tcp_rule(80, ANYWHERE))
    assert cloud.dial(dial="outside", host=public, port=80) == "timeout"


def test_two_vpcs_with_one_cidr_live_side_by_side(cloud: Any, make_vpc: Any) -> None:
    one, two = make_vpc(cloud), make_vpc(cloud)
    first, second = one.host(one.group("ssh")), two.host(two.group("ssh"))
    assert cloud.instance(first)["PrivateIpAddress"] == cloud.instance(second)["PrivateIpAddress"]
    cloud.ssh(first, "echo first >~/me")
    cloud.ssh(second, "echo second >~/me")
    assert cloud.ssh(first, "cat ~/me").stdout == "first\n"
    assert cloud.instance(first)["PublicIpAddress"] != cloud.instance(second)["PublicIpAddress"]


def test_hosts_of_two_subnets_meet_through_the_router(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    group = vpc.group("web", tcp_rule(80, "10.0.0.0/16"))
    web = vpc.host(group, user_data=WEB)
    other = vpc.host(group, SubnetId=vpc.add_subnet("10.0.2.0/24"))
    cloud.await_user_data(web)
    assert cloud.instance(other)["PrivateIpAddress"].startswith("10.0.2.")
    assert reaches(cloud, other, cloud.instance(web)["PrivateIpAddress"])


def test_a_group_reference_follows_its_members(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    clients = vpc.group("clients")
    servers = vpc.group("servers", tcp_rule(80, clients))
    server = vpc.host(servers, user_data=WEB)
    client, stranger = vpc.host(clients), vpc.host(vpc.group("strangers"))
    cloud.await_user_data(server)
    address = cloud.instance(server)["PrivateIpAddress"]
    assert reaches(cloud, client, address)
    assert not reaches(cloud, stranger, address)
    kept = vpc.launch(vpc.group("fillers"))[0]  # takes the next address, so that the replacement has another one
    vpc.ec2.terminate_instances(InstanceIds=[client])
    cloud.await_state(client, "terminated")
    replacement = vpc.host(clients, PrivateIpAddress="10.0.1.77")
    assert reaches(cloud, replacement, address)
    assert not reaches(cloud, kept, address)


def test_an_instance_whose_groups_change_is_treated_by_its_new_ones(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    closed, opened = vpc.group("closed"), vpc.group("opened", tcp_rule(80, ANYWHERE))
    host = vpc.host(closed, user_data=WEB)
    cloud.await_user_data(host)
    public = cloud.instance(host)["PublicIpAddress"]
    vpc.ec2.modify_instance_attribute(InstanceId=host, Groups=[opened])
    assert cloud.dial(dial="outside", host=public, port=80) == "open"
    nic = cloud.instance(host)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    vpc.ec2.modify_network_interface_attribute(NetworkInterfaceId=nic, Groups=[closed])
    assert cloud.dial(dial="outside", host=public, port=80) == "timeout"
    assert [group["GroupId"] for group in cloud.instance(host)["SecurityGroups"]] == [closed]


def test_egress_that_is_not_allowed_is_dropped(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    server = vpc.host(vpc.group("web", tcp_rule(80, ANYWHERE)), user_data=WEB)
    group = vpc.group("clients")
    client = vpc.host(group)
    cloud.await_user_data(server)
    address = cloud.instance(server)["PrivateIpAddress"]
    assert reaches(cloud, client, address)
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE}]}]
    vpc.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
    assert not reaches(cloud, client, address)
    assert cloud.ssh(client, "true").returncode == 0, "answers to what was let in still leave"
    vpc.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp_rule(80, f"{address}/32")])
    assert reaches(cloud, client, address)


def test_an_elastic_address_leads_to_its_instance(cloud: Any, make_vpc: Any, tcp_rule: Any) -> None:
    vpc = make_vpc(cloud)
    vpc.ec2.modify_subnet_attribute(SubnetId=vpc.subnet, MapPublicIpOnLaunch={"Value": False})
    host = vpc.host(vpc.group("web", tcp_rule(80, ANYWHERE)), user_data=WEB)
    cloud.await_user_data(host)
    assert "PublicIpAddress" not in cloud.instance(host)
    address = vpc.ec2.allocate_address(Domain="vpc")
    vpc.ec2.associate_address(InstanceId=host, AllocationId=address["AllocationId"])
    assert cloud.dial(dial="outside", host=address["PublicIp"], port=80) == "open"
    vpc.ec2.release_address(AllocationId=address["AllocationId"])
    assert cloud.dial(dial="outside", host=address["PublicIp"], port=80) in ("timeout", "unreachable")


def test_hosts_reach_each_other_by_public_address_too(cloud: Any, make_vpc: Any, tcp_rule: Any) -> None:
    one, two = make_vpc(cloud), make_vpc(cloud)
    server = one.host(one.group("web", tcp_rule(80, ANYWHERE)), user_data=WEB)
    neighbour, stranger = one.host(one.group("other")), two.host(two.group("other"))
    cloud.await_user_data(server)
    public = cloud.instance(server)["PublicIpAddress"]
    assert reaches(cloud, neighbour, public)
    assert reaches(cloud, stranger, public)


def test_no_packet_leaves_the_machine(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    began = time.monotonic()
    done = cloud.run("exec", host, "--", "timeout", "4", "curl", "-sS", "http://192.0.2.1/", check=False)
    assert done.returncode != 0
    assert time.monotonic() - began < 15
    links = cloud.on_host(host, "ls /sys/class/net").split()
    assert sorted(links) == ["eth0", "lo"]


def test_the_broker_says_why_a_connection_failed(cloud: Any, vpc: Any, tcp_rule: Any) -> None:
    host = vpc.host(vpc.group("open", tcp_rule(8080, ANYWHERE)))
    assert cloud.dial(dial="instance", id=host, port=8080) == "refused"
    assert cloud.dial(dial="instance", id="i-0123456789", port=22) == "no such instance"
    assert cloud.dial(dial="outside", host="198.18.255.1", port=80, timeout=20) == "unreachable"
    assert cloud.dial(dial="sideways", host="x", port=1) == "bad request"


def test_deleting_a_vpc_drops_its_network(cloud: Any, make_vpc: Any) -> None:
    vpc = make_vpc(cloud, internet=False)
    group = vpc.group("ssh")
    host = vpc.host(group)
    networks = len(cloud.networks())
    vpc.ec2.terminate_instances(InstanceIds=[host])
    cloud.await_state(host, "terminated")
    vpc.ec2.delete_subnet(SubnetId=vpc.subnet)
    vpc.ec2.disassociate_route_table(AssociationId=vpc.association)
    vpc.ec2.delete_route_table(RouteTableId=vpc.route_table)
    vpc.ec2.delete_security_group(GroupId=group)
    vpc.ec2.delete_vpc(VpcId=vpc.id)
    assert len(cloud.networks()) < networks
