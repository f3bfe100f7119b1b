from typing import Any

import pytest

from lifecycle.handoff import BadHosts, hosts_from_outputs
from lifecycle.inventory import Connection, ConnectionDefaults, Host, HostMapping, Trust
from lifecycle.plan import Output
from lifecycle.sensitive import Sensitive

DEFAULTS = ConnectionDefaults(user="admin", key="/keys/id", trust=(Trust.OUTPUT,))
WEB = {"id": "i-1", "address": "10.1.0.5"}


def hosts(outputs: dict[str, Any], *mapping: HostMapping, defaults: ConnectionDefaults = DEFAULTS) -> tuple[Host, ...]:
    return hosts_from_outputs("web", {name: Output(value) for name, value in outputs.items()}, mapping, defaults)


def problems(outputs: dict[str, Any], *mapping: HostMapping) -> list[str]:
    with pytest.raises(BadHosts) as caught:
        hosts(outputs, *mapping)
    assert "stacks.web.hosts" in caught.value.hint
    assert all(problem in str(caught.value) for problem in caught.value.facts["problems"])
    return list(caught.value.facts["problems"])


def test_a_map_of_names_gives_hosts_in_its_order_with_the_blueprints_connection() -> None:
    found = hosts({"hosts": {"web-2": {**WEB, "id": "i-2", "address": "10.1.0.6"}, "web-1": WEB}})
    assert [(h.name, h.id, h.stack) for h in found] == [("web-2", "i-2", "web"), ("web-1", "i-1", "web")]
    assert found[1].connection == Connection("10.1.0.5", user="admin", key="/keys/id")
    assert found[1].trust == (Trust.OUTPUT,)
    assert found[1].host_key == ""


def test_a_list_of_objects_with_a_name_says_the_same() -> None:
    assert hosts({"hosts": [{"name": "web-1", **WEB}]}) == hosts({"hosts": {"web-1": WEB}})


def test_everything_that_a_module_says_wins_over_the_defaults() -> None:
    (host,) = hosts(
        {
            "hosts": {
                "web-1": {
                    **WEB,
                    "port": 2222,
                    "user": "root",
                    "jump": "admin@bastion",
                    "groups": ["web", "front"],
                    "tags": {"Role": "web"},
                    "host_key": "ssh-ed25519 AAAA\n",
                    "private_address": "10.1.0.5",
                    "public_address": "203.0.113.5",
                }
            }
        }
    )
    assert (host.connection.port, host.connection.user, host.connection.jump) == (2222, "root", "admin@bastion")
    assert host.groups == ("web", "front")
    assert host.tags == {"Role": "web"}
    assert host.offered_key == "ssh-ed25519 AAAA"
    assert host.facts == {"private_address": "10.1.0.5", "public_address": "203.0.113.5"}


def test_nulls_count_as_not_said() -> None:
    (host,) = hosts({"hosts": {"web-1": {**WEB, "port": None, "groups": None, "public_address": None}}})
    assert (host.connection.port, host.groups, host.facts) == (22, (), {})


def test_a_host_without_an_id_is_known_by_its_address() -> None:
    assert hosts({"hosts": {"web-1": {"address": "10.1.0.5"}}})[0].id == "10.1.0.5"


def test_a_sensitive_output_is_read() -> None:
    assert hosts({"hosts": Sensitive({"web-1": WEB})}) == hosts({"hosts": {"web-1": WEB}})


def test_the_clouds_proxy_is_filled_in_for_each_host_and_ssh_keeps_its_own_tokens() -> None:
    defaults = ConnectionDefaults(proxy_command="proxy {instance_id} --port %p ${HOME}", proxy_passes_fd=True)
    (plain, odd) = hosts({"hosts": {"a": WEB, "b": {**WEB, "id": "i 2; reboot"}}}, defaults=defaults)
    assert plain.connection.proxy_command == "proxy i-1 --port %p ${HOME}"
    assert odd.connection.proxy_command == "proxy 'i 2; reboot' --port %p ${HOME}"
    assert plain.connection.proxy_passes_fd


def test_a_stack_that_says_nothing_about_hosts_has_none() -> None:
    assert hosts({"vpc_id": "vpc-1"}) == ()


def test_a_mapping_reads_lists_and_single_texts() -> None:
    one = HostMapping(group="db", address="db_ip", id="db_id", user="postgres", port=2200)
    many = HostMapping(group="web", address="ips", id="ids", name="names")
    outputs = {"db_ip": "10.0.0.9", "db_id": "i-9", "ips": ["10.0.0.1", "10.0.0.2"], "ids": ["i-1", "i-2"]}
    found = hosts({**outputs, "names": ["alpha", "beta"]}, one, many)
    assert [(h.name, h.id, h.connection.address, h.groups) for h in found] == [
        ("db-1", "i-9", "10.0.0.9", ("db",)),
        ("alpha", "i-1", "10.0.0.1", ("web",)),
        ("beta", "i-2", "10.0.0.2", ("web",)),
    ]
    assert (found[0].connection.user, found[0].connection.port) == ("postgres", 2200)
    assert found[1].connection.user == "admin"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.1.0.5", "output 'hosts': expected a map of name → host or a list of hosts, found a text"),
        (None, "output 'hosts': expected a map of name → host or a list of hosts, found nothing"),
        ([WEB], "output 'hosts', item 0: expected an object with a `name`, found an object with address, id"),
        (["10.1.0.5"], "output 'hosts', item 0: expected an object with a `name`, found a text"),
        ({"web-1": "10.1.0.5"}, "output 'hosts', host 'web-1': expected an object with `id` and `address`, found a text"),
        ({"web-1": {"id": "i-1"}}, "output 'hosts', host 'web-1', key 'address': expected an address or a name, found nothing"),
        ({"web-1": {**WEB, "address": 5}}, "output 'hosts', host 'web-1', key 'address': expected a text, found a number"),
        ({"web-1": {**WEB, "port": "22"}}, "output 'hosts', host 'web-1', key 'port': expected a number from 1 to 65535, found a text"),
        ({"web-1": {**WEB, "port": True}}, "output 'hosts', host 'web-1', key 'port': expected a number from 1 to 65535, found a boolean"),
        ({"web-1": {**WEB, "groups": "web"}}, "output 'hosts', host 'web-1', key 'groups': expected a list of texts, found a text"),
        ({"web-1": {**WEB, "tags": ["a"]}}, "output 'hosts', host 'web-1', key 'tags': expected a map of texts, found a list"),
        ([{**WEB, "name": "a", "groups": [1]}], "output 'hosts', item 0 ('a'), key 'groups': expected a list of texts, found a list with a number in it"),
    ],
)  # fmt: skip
def test_a_bad_shape_is_named_with_its_place_and_what_was_expected(value: Any, expected: str) -> None:
    assert problems({"hosts": value}) == [expected]


def test_an_unknown_key_is_named_with_those_that_are_known() -> None:
    (problem,) = problems({"hosts": {"web-1": {**WEB, "adress": "x"}}})
    assert problem.startswith("output 'hosts', host 'web-1': unknown key 'adress' (known: address, groups, host_key")


def test_every_problem_is_told_at_once() -> None:
    bad = {"a": {**WEB, "port": 0, "groups": 1}, "b": 7}
    assert len(problems({"hosts": bad}, HostMapping(group="g", address="nope", id="nope"))) == 5


def test_a_mapping_to_a_missing_output_names_those_that_there_are() -> None:
    entry = HostMapping(group="web", address="ips", id="ids")
    assert problems({"ids": ["i-1"], "vpc": "v"}, entry) == [
        "hosts of group 'web', key 'address': the stack has no output 'ips' (it has: ids, vpc)"
    ]


def test_a_mapping_of_unequal_lengths_is_refused() -> None:
    entry = HostMapping(group="web", address="ips", id="ids")
    assert problems({"ids": ["i-1"], "ips": ["10.0.0.1", "10.0.0.2"]}, entry) == [
        "hosts of group 'web': the outputs must be equally long, but 'ips' has 2, 'ids' has 1"
    ]


def test_a_mapping_to_something_that_is_no_text_is_refused() -> None:
    entry = HostMapping(group="web", address="ips", id="ids")
    assert problems({"ids": [None], "ips": {"a": "b"}}, entry) == [
        "hosts of group 'web', key 'address': expected output 'ips' to be a text or a list of texts, found an object with a",
        "hosts of group 'web', key 'id': expected output 'ids' to be a text or a list of texts, found a list with nothing in it",
    ]


def test_two_hosts_cannot_share_a_name_or_an_id() -> None:
    same_id = {"hosts": {"web-1": WEB, "web-2": WEB}}
    assert problems(same_id) == ["two hosts have the id 'i-1'"]
    entry = HostMapping(group="web", address="ips", id="ids")
    assert problems({"hosts": {"web-1": WEB}, "ips": "10.0.0.9", "ids": "i-9"}, entry) == [
        "two hosts have the name 'web-1'"
    ]
