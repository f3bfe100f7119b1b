"""The one file that knows the API server's internals (moto, pinned exactly): every EC2 instance gets a real host.

Instance life cycles are taken over one by one. Everything else is level-triggered: after each call that may change
something the region is reconciled with what the API then says, so a new kind of change needs no hook of its own.
"""

from __future__ import annotations

import base64
import copy
import gzip
import ipaddress
import itertools
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends, elastic_ip_addresses, elastic_network_interfaces
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.instances import Instance, InstanceBackend, StateReason
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule
from moto.ec2.responses import EC2Response
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_cloud.alone import alone, answer_alone
from local_cloud.boot import mac
from local_cloud.errors import CloudError
from local_cloud.firewall import Rule, Rules
from local_cloud.hosts import Wish
from local_cloud.network import PUBLIC
from local_cloud.region import Region, Wanted

log = logging.getLogger(__name__)

_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
_READS = ("Describe", "Get", "List", "Search")
_NONE_GIVEN = "ABCDE"  # the server's own word for "none given"
ENVIRONMENT_TAG = "baton:environment"


def set_state(instance: Instance, name: str) -> None:
    instance._state.name, instance._state.code = name, _CODES[name]


def backends() -> Iterator[Any]:
    """Every region's EC2 backend that has been touched."""
    for account in list(ec2_backends.values()):
        yield from list(account.values())


def instances() -> Iterator[Instance]:
    for backend in backends():
        for reservation in list(backend.reservations.values()):
            yield from list(reservation.instances)


def find(id: str) -> Instance | None:
    return next((instance for instance in instances() if instance.id == id), None)


def groups_of(instance: Instance) -> list[SecurityGroup]:
    return list(instance.nics[0].group_set) if instance.nics else list(instance.security_groups)


# --- what the API says, as the region needs it -------------------------------------------------------------------


@alone
def wanted() -> Wanted:
    """The API's present view of networks and rules."""
    routers: dict[str, set[str]] = {}
    for backend in backends():
        for vpc in list(backend.vpcs.values()):
            routers[vpc.id] = set()
        for zone in list(backend.subnets.values()):
            for subnet in list(zone.values()):
                if isinstance(subnet.cidr, ipaddress.IPv4Network):
                    routers.setdefault(subnet.vpc_id, set()).add(f"{subnet.cidr[1]}/{subnet.cidr.prefixlen}")
    publics: dict[str, dict[str, str]] = defaultdict(dict)
    members: dict[str, list[str]] = defaultdict(list)
    living = [instance for instance in instances() if instance._state.name not in ("terminated", "shutting-down")]
    for instance in living:
        if instance.public_ip and instance._state.name in ("pending", "running") and _on_internet(instance):
            publics[str(instance.vpc_id)][instance.public_ip] = str(instance.private_ip)
        for group in groups_of(instance):
            members[group.id].append(str(instance.private_ip))
    rules = {instance.id: _rules(groups_of(instance), members) for instance in living}
    return Wanted({vpc: frozenset(found) for vpc, found in routers.items()}, dict(publics), rules)


def _on_internet(instance: Instance) -> bool:
    """Whether the route table of the instance's subnet (its own, else the VPC's main one) leads to an internet gateway."""
    subnet, backend = instance.nics[0].subnet, instance.ec2_backend
    tables = [table for table in list(backend.route_tables.values()) if table.vpc_id == subnet.vpc_id]
    own = [table for table in tables if subnet.id in table._associations.values()]
    routes = [route for table in own or [t for t in tables if t.main_association_id] for route in list(table.routes)]
    return any(str(route.gateway_id or "").startswith("igw-") and route.gateway.vpc is not None for route in routes)


def _rules(groups: list[SecurityGroup], members: dict[str, list[str]]) -> Rules:
    return Rules(
        tuple(_rule(rule, members) for group in groups for rule in list(group.ingress_rules)),
        tuple(_rule(rule, members) for group in groups for rule in list(group.egress_rules)),
    )


def _rule(rule: SecurityGroupRule, members: dict[str, list[str]]) -> Rule:
    peers: list[str] = []
    if rule.ip_range.get("CidrIp"):
        peers.append(rule.ip_range["CidrIp"])
    if rule.source_group.get("GroupId"):
        peers += members.get(rule.source_group["GroupId"], [])
    return Rule(str(rule.ip_protocol), rule.from_port, rule.to_port, tuple(peers))


@alone
def wish(instance: Instance) -> Wish:
    """The host that an instance asks for."""
    subnet = instance.nics[0].subnet
    backend = instance.ec2_backend
    pairs = backend.describe_key_pairs(key_names=[instance.key_name]) if instance.key_name else []
    keys = "".join(f"{pair.material_public.decode().strip()}\n" for pair in pairs)
    return Wish(
        id=instance.id,
        vpc=str(instance.vpc_id),
        address=str(instance.private_ip),
        prefix=subnet.cidr.prefixlen,
        gateway=str(subnet.cidr[1]),
        domain=f"{backend.region_name}.compute.internal",
        authorized_keys=keys,
        user_data=_user_data(instance.user_data),
    )


def _user_data(value: Any) -> bytes:
    if not value:
        return b""
    text = value if isinstance(value, (str, bytes)) else str(value)
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = text.encode() if isinstance(text, str) else text
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def issued(access_key: str) -> bool:
    """Whether the API itself gave this access key to somebody (a role that was assumed, an IAM user's key)."""
    for account in list(sts_backends.values()):
        for backend in account.values():
            if any(role.access_key_id == access_key for role in backend.assumed_roles):
                return True
    return any(
        access_key in backend.access_keys for account in list(iam_backends.values()) for backend in account.values()
    )


@alone
def rows() -> list[dict[str, Any]]:
    """The instances as `ls` shows them; terminated ones are left out."""
    found = []
    for instance in instances():
        tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
        if instance._state.name != "terminated":
            found.append(
                {
                    "id": instance.id,
                    "name": tags.get("Name", ""),
                    "environment": tags.get(ENVIRONMENT_TAG, ""),
                    "private_ip": instance.private_ip,
                    "public_ip": instance.public_ip,
                    "state": instance._state.name,
                }
            )
    return found


# --- the hooks ----------------------------------------------------------------------------------------------------


class Hooks:
    """Installs itself into the server. `changed` is called with the rows whenever an instance may have changed."""

    def __init__(self, changed: Callable[[list[dict[str, Any]]], None]) -> None:
        self._region: Region | None = None
        self._changed = changed
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="instance")
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._journal = threading.Lock()
        self._numbers = itertools.count()
        self._requests: dict[str, Any] = {}

    @property
    def region(self) -> Region:
        assert self._region is not None, "install() comes first"
        return self._region

    def install(self, region: Region) -> None:
        """Patches the server's classes; once per process."""
        self._region = region
        answer_alone()
        self._run, self._start = InstanceBackend.run_instances, Instance.start
        self._terminate, self._stop = alone(Instance.terminate), alone(Instance.stop)  # not from calls alone
        _patch(InstanceBackend, "run_instances", _method(self.run))
        _patch(Instance, "terminate", _method(self.terminate))
        _patch(Instance, "stop", _method(self.stop))
        _patch(Instance, "start", _method(self.start))
        _patch(Instance, "reboot", _method(self.reboot))
        _patch(EC2Response, "get_console_output", _method(self.console))
        _patch(elastic_network_interfaces, "random_public_ip", self.public_address)
        _patch(elastic_ip_addresses, "random_ip", self.public_address)
        self._reconcile_after_calls()
        _groups_are_one()
        _images_have_a_root_device_type()
        _nothing_is_associated_with_no_address()

    def _reconcile_after_calls(self) -> None:
        call = EC2Response.call_action
        hooks = self

        def call_action(response: EC2Response) -> Any:
            result = call(response)
            if not response._get_action().startswith(_READS):
                hooks.settle()
            return result

        _patch(EC2Response, "call_action", call_action)

    def settle(self) -> None:
        """Reality follows the API; the journal follows both."""
        self.region.reconcile()
        with self._journal:  # in order: an older view never comes after a newer one
            self._changed(rows())

    def public_address(self) -> str:
        """The next free public address of the reserved range."""
        used = {nic.public_ip for backend in backends() for nic in list(backend.enis.values())}
        used |= {address.public_ip for backend in backends() for address in backend.addresses}
        size = PUBLIC.num_addresses - 20
        for number in itertools.islice(self._numbers, size):
            address = str(PUBLIC[10 + number % size])
            if address not in used:
                return address
        raise EC2ClientError("InsufficientFreeAddressesInSubnet", f"All addresses of {PUBLIC} are in use.")

    # Each life cycle step answers at once with the state in between, and does its work behind it, one step per instance
    # at a time.

    def _later(self, instance: Instance, work: Callable[[], None]) -> None:
        def run() -> None:
            with self._locks[instance.id]:
                try:
                    work()
                except Exception:
                    log.exception("instance %s", instance.id)
                finally:
                    self.settle()

        self._pool.submit(run)

    def run(self, backend: Any, *args: Any, **kwargs: Any) -> Any:
        """RunInstances: pending now, running when sshd answers; a failed boot ends as terminated with its reason."""
        if kwargs.get("key_name"):
            backend.describe_key_pairs(key_names=[kwargs["key_name"]])  # an unknown key pair is an error, as on AWS
        request = kwargs.get("client_token", _NONE_GIVEN)
        given = {nic.get("NetworkInterfaceId") for nic in kwargs.get("nics") or []}
        if request in self._requests:
            return self._requests[request]  # the same request sent again makes nothing twice
        reservation = self._run(backend, *args, **kwargs)
        if request != _NONE_GIVEN:
            self._requests[request] = reservation
        for instance in reservation.instances:
            set_state(instance, "pending")
            nic = instance.nics[0]
            nic.mac_address = mac(str(nic.private_ip_address))
            if nic.id not in given:
                nic.delete_on_termination = True
            instance.security_groups = list(nic.group_set)
            self._later(instance, lambda instance=instance: self._boot(instance, first=True))  # type: ignore[misc]
        return reservation

    def _boot(self, instance: Instance, *, first: bool) -> None:
        if instance._state.name != "pending":
            return  # terminated before its turn came
        try:
            self.region.boot(wish(instance), first=first)
            self.region.reconcile()  # its public address leads somewhere before anybody is told that it runs
        except Exception as error:  # whatever it is: an instance whose host is not there must not stay "pending"
            log.exception("instance %s failed to boot", instance.id)
            instance.state_reason = StateReason(f"Server.InternalError: {error}", "Server.InternalError")
            if first:
                reason = instance.state_reason
                self._end(instance)
                instance.state_reason = reason
            else:
                self.region.end(instance.id, orderly=False)
                set_state(instance, "stopped")
            return
        if instance._state.name == "pending":
            set_state(instance, "running")

    def start(self, instance: Instance) -> Any:
        before = copy.copy(instance._state)
        if before.name in ("pending", "running"):
            return before
        _require(instance, "stopped", "started")
        self._start(instance)
        set_state(instance, "pending")
        self._later(instance, lambda: self._boot(instance, first=False))
        return before

    def stop(self, instance: Instance) -> Any:
        before = copy.copy(instance._state)
        if before.name in ("stopping", "stopped"):
            return before
        _require(instance, "running", "stopped")
        self._stop(instance)
        set_state(instance, "stopping")

        def work() -> None:
            self.region.end(instance.id, orderly=True)
            if instance._state.name == "stopping":
                set_state(instance, "stopped")

        self._later(instance, work)
        return before

    def reboot(self, instance: Instance) -> None:
        _require(instance, "running", "rebooted")

        def work() -> None:
            if instance._state.name == "running":
                self.region.end(instance.id, orderly=True)
                self._again(instance)

        self._later(instance, work)

    def terminate(self, instance: Instance) -> Any:
        before = copy.copy(instance._state)
        if before.name not in ("terminated", "shutting-down"):
            set_state(instance, "shutting-down")
            self._later(instance, lambda: self._end(instance))
        return before

    def _end(self, instance: Instance) -> None:
        self.region.end(instance.id, orderly=False)
        self.region.hosts.remove(instance.id)
        self._terminate(instance)  # only now: it gives the address back

    def died(self, id: str) -> None:
        """A host ended that the API did not end: it powered itself off or lost its power, or it reboots."""
        instance = find(id)
        if instance is None or instance._state.name != "running":
            return
        if self.region.hosts.wants_reboot(id):
            self._later(instance, lambda: self._again(instance))
        elif instance.instance_initiated_shutdown_behavior == "terminate":
            self.terminate(instance)
        else:
            self._stop(instance)
            message = "Client.InstanceInitiatedShutdown: the host ended by itself"
            instance.state_reason = StateReason(message, "Client.InstanceInitiatedShutdown")
        self.settle()

    def _again(self, instance: Instance) -> None:
        if instance._state.name == "running":
            self.region.boot(wish(instance), first=False)

    def console(self, response: EC2Response) -> ActionResult:
        """GetConsoleOutput: what the host's process 1 has printed, with its host keys as cloud-init shows them."""
        instance = response.ec2_backend.get_instance(response._get_param("InstanceId"))
        text = Base64EncodedString.from_raw_string(self.region.hosts.console(instance.id))
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": text})


def _patch(owner: Any, name: str, function: Callable[..., Any]) -> None:
    """Replaces an attribute that must be there: another version of the server is refused, not half hooked."""
    if not hasattr(owner, name):
        raise CloudError(f"This moto has no {owner.__name__}.{name}.", "The local cloud needs exactly moto==5.2.5.")
    setattr(owner, name, function)


def _method(call: Callable[..., Any]) -> Callable[..., Any]:
    """A function for a class: a bound method put there would not receive the object that it is called on."""

    def method(own: Any, *args: Any, **kwargs: Any) -> Any:
        return call(own, *args, **kwargs)

    return method


def _require(instance: Instance, state: str, verb: str) -> None:
    if instance._state.name != state:
        message = f"The instance '{instance.id}' is not in a state from which it can be {verb}: {instance._state.name}."
        raise EC2ClientError("IncorrectInstanceState", message)


def _groups_are_one() -> None:
    """The server keeps an instance's groups and its interface's groups apart, so a change of one is not a change of the
    other; on AWS they are the same thing."""
    modify_nic = NetworkInterfaceBackend.modify_network_interface_attribute
    modify_instance = InstanceBackend.modify_instance_security_groups

    def nic_changed(backend: Any, eni_id: str, group_ids: list[str], *args: Any, **kwargs: Any) -> None:
        modify_nic(backend, eni_id, group_ids, *args, **kwargs)
        nic: NetworkInterface = backend.get_network_interface(eni_id)
        if group_ids and nic.instance is not None and nic.device_index == 0:
            nic.instance.security_groups = list(nic._group_set)

    def instance_changed(backend: Any, instance_id: str, new_group_id_list: list[str]) -> Instance:
        instance = modify_instance(backend, instance_id, new_group_id_list)
        if instance.nics:
            instance.nics[0]._group_set = list(instance.security_groups)
        return instance

    _patch(NetworkInterfaceBackend, "modify_network_interface_attribute", nic_changed)
    _patch(InstanceBackend, "modify_instance_security_groups", instance_changed)


def _images_have_a_root_device_type() -> None:
    """A filter that many modules use and the server does not know."""
    value = Ami.get_filter_value

    def get_filter_value(ami: Ami, filter_name: str, method_name: str | None = None) -> Any:
        return ami.root_device_type if filter_name == "root-device-type" else value(ami, filter_name, method_name)

    _patch(Ami, "get_filter_value", get_filter_value)


def _nothing_is_associated_with_no_address() -> None:
    """The server gives an interface without a public address an empty association: Terraform takes that for an address, and
    replaces every instance that is asked for without one."""
    get: Any = vars(NetworkInterface).get("association")
    present: Any = property(lambda nic: get.fget(nic) or None)
    _patch(NetworkInterface, "association", present)
