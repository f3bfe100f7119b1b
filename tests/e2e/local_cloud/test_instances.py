"""What an instance does is what its host does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

HELLO = "#!/bin/sh\necho run >>/root/runs\necho hello from user data\n"


def test_an_instance_is_a_host_that_its_key_pair_opens(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    instance = cloud.instance(host)
    answer = cloud.ssh(host, "hostname; sudo whoami; ip -brief address show eth0; cat /proc/1/comm")
    name, root, address, init = answer.stdout.splitlines()
    assert name == "ip-" + instance["PrivateIpAddress"].replace(".", "-")
    assert root == "root"
    assert f"{instance['PrivateIpAddress']}/24" in address
    assert init == "init"


def test_nobody_logs_in_as_root(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    refused = cloud.ssh(host, "true", user="root", check=False)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_two_instances_have_two_host_keys(cloud: Any, vpc: Any) -> None:
    first, second = vpc.launch(vpc.group("ssh"), count=2)
    assert cloud.host_key(first) != cloud.host_key(second)


def test_user_data_runs_once_and_leaves_the_marks_that_cloud_init_leaves(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"), user_data=HELLO)
    cloud.await_user_data(host)
    assert '"errors": []' in cloud.on_host(host, "cat /run/cloud-init/result.json")
    assert cloud.on_host(host, "cat /var/lib/cloud/instance/boot-finished").strip()
    assert "hello from user data" in cloud.run("logs", host).stdout
    vpc.ec2.stop_instances(InstanceIds=[host])
    cloud.await_state(host, "stopped")
    vpc.ec2.start_instances(InstanceIds=[host])
    cloud.await_state(host, "running")
    cloud.await_user_data(host)
    assert cloud.on_host(host, "cat /root/runs").split() == ["run"]


def test_user_data_that_fails_is_reported_as_an_error(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"), user_data="#!/bin/sh\nexit 3\n")
    done = cloud.run("exec", host, "--", "timeout", "15", "cloud-init", "status", "--wait", check=False)
    assert done.returncode == 1
    assert "exited with 3" in cloud.on_host(host, "cat /run/cloud-init/result.json")


def test_stop_and_start_keep_the_address_the_host_key_and_the_files(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    before, key = cloud.instance(host), cloud.host_key(host)
    cloud.ssh(host, "echo kept >~/note; sudo update-rc.d nginx defaults")
    vpc.ec2.stop_instances(InstanceIds=[host])
    stopped = cloud.await_state(host, "stopped")
    assert "PublicIpAddress" not in stopped
    assert cloud.dial(dial="instance", id=host, port=22) == "unreachable"
    vpc.ec2.start_instances(InstanceIds=[host])
    after = cloud.await_state(host, "running")
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert cloud.host_key(host) == key
    assert cloud.ssh(host, "cat ~/note").stdout == "kept\n"
    cloud.await_user_data(host)
    assert "nginx: master" in cloud.ssh(host, "ps ax").stdout, "an enabled service starts with its host"


def test_a_reboot_ends_every_process_and_keeps_the_instance_running(cloud: Any, vpc: Any, until: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    cloud.on_host(host, "touch /run/before; setsid sleep 1000 >/dev/null 2>&1 &")
    vpc.ec2.reboot_instances(InstanceIds=[host])
    until(lambda: cloud.run("exec", host, "--", "test", "!", "-e", "/run/before", check=False).returncode == 0)
    assert cloud.instance(host)["State"]["Name"] == "running"
    assert "sleep 1000" not in cloud.on_host(host, "ps ax -o args | grep -v grep")
    assert cloud.ssh(host, "true").returncode == 0


def test_termination_leaves_no_process_no_file_and_frees_the_address(cloud: Any, vpc: Any) -> None:
    before = cloud.outer_processes()
    host = vpc.host(vpc.group("ssh"))
    folder = cloud.home / "hosts" / host
    address = cloud.instance(host)["PrivateIpAddress"]
    assert folder.is_dir()
    assert cloud.outer_processes() > before
    vpc.ec2.terminate_instances(InstanceIds=[host])
    cloud.await_state(host, "terminated")
    assert not folder.exists()
    assert cloud.outer_processes() <= before
    replaced = vpc.host(vpc.group("again"))
    assert cloud.instance(replaced)["PrivateIpAddress"] == address


def test_a_power_cut_shows_as_stopped_and_the_disk_survives(cloud: Any, vpc: Any) -> None:
    host = vpc.host(
        vpc.group("ssh"), TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "doomed"}]}]
    )
    cloud.on_host(host, "echo kept >/root/note")
    cloud.run("kill", "doomed")
    assert cloud.instance(host)["State"]["Name"] == "stopped"
    vpc.ec2.start_instances(InstanceIds=[host])
    cloud.await_state(host, "running")
    assert cloud.on_host(host, "cat /root/note") == "kept\n"


def test_a_host_that_powers_itself_off_shows_as_stopped(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    cloud.on_host(host, "kill -TERM 1")
    cloud.await_state(host, "stopped")


def test_an_instance_terminated_while_it_boots_leaves_nothing(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"), wait=False)
    vpc.ec2.terminate_instances(InstanceIds=[host])
    cloud.await_state(host, "terminated")
    assert not (cloud.home / "hosts" / host).exists()


def test_a_boot_that_fails_ends_as_terminated_with_its_reason(own_cloud: Any, make_vpc: Any) -> None:
    vpc = make_vpc(own_cloud)
    (own_cloud.home / "hosts").chmod(0o700)
    host = vpc.host(vpc.group("ssh"), wait=False)
    reason = own_cloud.await_state(host, "terminated")["StateReason"]
    assert "Permission denied" in reason["Message"] + reason["Code"]


def test_an_unknown_key_pair_and_a_wrong_state_are_refused_as_on_aws(cloud: Any, vpc: Any) -> None:
    with pytest.raises(ClientError, match=r"InvalidKeyPair\.NotFound"):
        vpc.launch(vpc.group("ssh"), wait=False, KeyName="nobody")
    host = vpc.host(vpc.group("other"))
    vpc.ec2.terminate_instances(InstanceIds=[host])
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        vpc.ec2.start_instances(InstanceIds=[host])


def test_the_same_request_sent_twice_makes_one_instance(cloud: Any, vpc: Any) -> None:
    group = vpc.group("ssh")
    first = vpc.launch(group, wait=False, ClientToken=vpc.id)
    assert vpc.launch(group, ClientToken=vpc.id) == first


def test_python_apt_answers_at_once_without_any_network(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    script = "import apt; c = apt.Cache(); print(c['nginx-light'].is_installed, c['openssh-server'].is_installed)"
    assert cloud.on_host(host, f'timeout 10 python3 -c "{script}"').split() == ["True", "True"]


def test_a_reboot_from_inside_is_a_reboot_with_a_new_boot_id(cloud: Any, vpc: Any, until: Any) -> None:
    host = vpc.host(vpc.group("ssh"))
    before = cloud.ssh(host, "cat /proc/sys/kernel/random/boot_id; sudo shutdown -r now").stdout.strip()

    def booted() -> str:
        done = cloud.run("exec", host, "--", "cat", "/proc/sys/kernel/random/boot_id", check=False)
        return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() != before else ""

    assert len(until(booted)) == 36
    assert cloud.instance(host)["State"]["Name"] == "running"


def test_poweroff_ends_an_instance_as_its_shutdown_behaviour_says(cloud: Any, vpc: Any) -> None:
    host = vpc.host(vpc.group("ssh"), InstanceInitiatedShutdownBehavior="terminate")
    cloud.ssh(host, "sudo poweroff")
    cloud.await_state(host, "terminated")
    assert not (cloud.home / "hosts" / host).exists()


def test_a_key_pair_that_the_api_made_opens_its_instances(cloud: Any, vpc: Any, tmp_path: Path) -> None:
    private = vpc.ec2.create_key_pair(KeyName=f"made-{vpc.id}", KeyType="ed25519")["KeyMaterial"]
    host = vpc.host(vpc.group("ssh"), KeyName=f"made-{vpc.id}")
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(private)
    assert cloud.run("ssh", "-i", str(key), host, "whoami").stdout == "admin\n"


def test_many_at_once_from_many_callers_all_get_addresses_of_their_own(cloud: Any, vpc: Any) -> None:
    group = vpc.group("ssh")
    with ThreadPoolExecutor(6) as callers:
        hosts = list(callers.map(lambda _: vpc.host(group), range(6)))
    assert len({cloud.instance(host)["PrivateIpAddress"] for host in hosts}) == 6
    assert len({cloud.instance(host)["PublicIpAddress"] for host in hosts}) == 6
