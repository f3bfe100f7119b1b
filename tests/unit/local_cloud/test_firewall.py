"""Security groups as text: what a host would enforce."""

from __future__ import annotations

import pytest

from local_cloud.firewall import Rule, Rules, render


def body(rules: Rules, chain: str) -> list[str]:
    """The statements of one chain after the three that every chain begins with."""
    inside = render(rules).split(f"chain {chain} {{")[1].split("}")[0]
    return [line.strip() for line in inside.strip().splitlines()][3:]


def test_without_rules_everything_but_loopback_and_replies_is_dropped() -> None:
    text = render(Rules())
    assert text.count("policy drop;") == 2
    assert body(Rules(), "input") == body(Rules(), "output") == []


def test_the_table_is_replaced_in_one_transaction() -> None:
    first, second, third = render(Rules()).splitlines()[:3]
    assert (first, second) == ("table ip security_groups {}", "delete table ip security_groups")
    assert third == "table ip security_groups {"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("tcp", 22, 22, ("10.0.0.0/16",)), ["ip saddr 10.0.0.0/16 tcp dport 22 accept"]),
        (Rule("udp", 1000, 2000, ("10.0.0.1/32",)), ["ip saddr 10.0.0.1/32 udp dport 1000-2000 accept"]),
        (Rule("tcp", 80, 80, ("0.0.0.0/0",)), ["tcp dport 80 accept"]),
        (Rule("tcp", 0, 65535, ("0.0.0.0/0",)), ["ip protocol tcp accept"]),
        (Rule("-1", None, None, ("0.0.0.0/0",)), ["accept"]),
        (Rule("-1", None, None, ("10.1.0.0/24",)), ["ip saddr 10.1.0.0/24 accept"]),
        (Rule("icmp", -1, -1, ("0.0.0.0/0",)), ["ip protocol icmp accept"]),
        (Rule("icmp", 8, -1, ("10.0.0.0/8",)), ["ip saddr 10.0.0.0/8 ip protocol icmp icmp type 8 accept"]),
        (Rule("icmp", 3, 4, ("0.0.0.0/0",)), ["ip protocol icmp icmp type 3 icmp code 4 accept"]),
        (Rule("50", -1, -1, ("0.0.0.0/0",)), ["ip protocol 50 accept"]),
    ],
)
def test_a_permission_becomes_one_statement(rule: Rule, expected: list[str]) -> None:
    assert body(Rules(ingress=(rule,)), "input") == expected


def test_a_reference_to_a_group_without_members_allows_nobody() -> None:
    assert body(Rules(ingress=(Rule("tcp", 80, 80, ()),)), "input") == []


def test_members_that_are_neighbours_become_one_network() -> None:
    rule = Rule("tcp", 80, 80, ("10.0.1.4", "10.0.1.5", "10.0.1.9"))
    assert body(Rules(ingress=(rule,)), "input") == [
        "ip saddr 10.0.1.4/31 tcp dport 80 accept",
        "ip saddr 10.0.1.9/32 tcp dport 80 accept",
    ]


def test_egress_matches_the_destination() -> None:
    rule = Rule("tcp", 443, 443, ("198.18.0.5/32",))
    assert body(Rules(egress=(rule,)), "output") == ["ip daddr 198.18.0.5/32 tcp dport 443 accept"]


def test_a_network_written_with_host_bits_is_understood() -> None:
    assert body(Rules(ingress=(Rule("tcp", 22, 22, ("10.0.1.7/16",)),)), "input") == [
        "ip saddr 10.0.0.0/16 tcp dport 22 accept"
    ]


def test_the_same_rule_in_two_groups_is_written_once() -> None:
    rule = Rule("tcp", 22, 22, ("10.0.0.0/16",))
    assert len(body(Rules(ingress=(rule, rule)), "input")) == 1
