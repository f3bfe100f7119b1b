"""Hosts by tag: seen while the apply that makes them still runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from adapters.cloud.api import Aws, CloudRefused
from adapters.cloud.console import host_keys
from lifecycle.environment import EnvironmentRef
from lifecycle.inventory import ConnectionDefaults, Host, groups_of
from lifecycle.ports import ENVIRONMENT_TAG, STACK_TAG

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

Defaults = Callable[[str], ConnectionDefaults]
"""Stack → how its hosts are reached."""


class AwsHosts:
    """Running instances of an environment's stacks, and the host keys that their consoles show."""

    def __init__(self, aws: Aws, defaults: Defaults = lambda _: ConnectionDefaults()) -> None:
        self._aws = aws
        self._defaults = defaults

    def discover(self, environment: EnvironmentRef, stack: str) -> Sequence[Host]:
        """Running instances that carry the environment's and the stack's tags, by name."""
        filters = [
            {"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [str(environment)]},
            {"Name": f"tag:{STACK_TAG}", "Values": [stack]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        pages = self._aws.ec2.get_paginator("describe_instances")
        found = self._aws.ask(
            f"the instances of {environment}",
            lambda: [
                instance
                for page in pages.paginate(Filters=filters)  # type: ignore[arg-type]
                for reservation in page["Reservations"]
                for instance in reservation["Instances"]
            ],
        )
        hosts = [host for instance in found if (host := self._host(instance, stack))]
        return sorted(hosts, key=lambda host: (host.name, host.id))

    def console_keys(self, instance_id: str) -> Sequence[str] | None:
        """Host keys in the instance's console output, best first; None while it shows none."""
        try:
            output = self._console(instance_id, latest=True)
        except CloudRefused as refused:
            if (
                refused.code == "UnsupportedOperation"
            ):  # not every instance type has it; the buffered one lags by minutes
                output = self._console(instance_id, latest=False)
            elif refused.code.startswith("InvalidInstanceID"):  # gone, or not known everywhere yet
                return None
            else:
                raise
        return host_keys(output)

    def _console(self, instance_id: str, *, latest: bool) -> str:
        ec2 = self._aws.ec2
        answer = self._aws.ask(
            f"the console output of {instance_id}",
            lambda: (
                ec2.get_console_output(InstanceId=instance_id, Latest=True)
                if latest
                else ec2.get_console_output(InstanceId=instance_id)
            ),
        )
        return answer.get("Output", "")

    def _host(self, instance: InstanceTypeDef, stack: str) -> Host | None:
        """An instance as a host; None while it has no address."""
        tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
        private, public = instance.get("PrivateIpAddress", ""), instance.get("PublicIpAddress", "")
        defaults = self._defaults(stack)
        inside = bool(
            defaults.proxy_command or defaults.jump
        )  # then we come from where private addresses mean something
        address = (private or public) if inside else (public or private)
        if not address:
            return None
        facts = {"private_address": private, "public_address": public}
        return Host(
            name=tags.get("Name") or instance["InstanceId"],
            stack=stack,
            id=instance["InstanceId"],
            connection=defaults.connection(address, instance["InstanceId"]),
            groups=groups_of(tags),
            tags=tags,
            trust=defaults.trust,
            ca=defaults.ca,
            facts={key: value for key, value in facts.items() if value},
        )
