"""Security groups as nftables text: pure, so that what a host enforces can be read and tested without one."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

_ALL = {"-1", "all"}
_PORTED = {"tcp", "udp"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission: protocol (tcp, udp, icmp, a number, or -1 for all), ports, and the peers' IPv4 networks.

    With icmp, `from_port` is the type and `to_port` the code, and -1 means any. A group reference comes here as its
    members' addresses; no peers means that nobody is allowed.
    """

    protocol: str
    from_port: int | None
    to_port: int | None
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What one host accepts and what it may send."""

    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


def render(rules: Rules) -> str:
    """The whole table, replaced in one transaction: there is no moment without a firewall.

    Replies to allowed connections pass, everything else is dropped without an answer, as on AWS.
    """
    return "\n".join(
        (
            "table ip security_groups {}",
            "delete table ip security_groups",
            "table ip security_groups {",
            *_chain("input", "iifname", "saddr", rules.ingress),
            *_chain("output", "oifname", "daddr", rules.egress),
            "}",
            "",
        )
    )


def _chain(hook: str, interface: str, peer: str, rules: Iterable[Rule]) -> Iterable[str]:
    yield f"  chain {hook} {{"
    yield f"    type filter hook {hook} priority 0; policy drop;"
    yield f'    {interface} "lo" accept'
    yield "    ct state established,related accept"
    for line in sorted({line for rule in rules for line in _statements(peer, rule)}):
        yield f"    {line}"
    yield "  }"


def _statements(peer: str, rule: Rule) -> Iterable[str]:
    networks = sorted({ipaddress.IPv4Network(text, strict=False) for text in rule.peers})
    match = _match(rule)
    if any(network.prefixlen == 0 for network in networks):
        yield f"{match} accept".strip()
        return
    for network in ipaddress.collapse_addresses(networks):
        yield f"ip {peer} {network} {match} accept".replace("  ", " ")


def _match(rule: Rule) -> str:
    protocol = rule.protocol.lower()
    if protocol in _ALL:
        return ""
    if protocol == "icmp":
        kind = "" if rule.from_port in (None, -1) else f" icmp type {rule.from_port}"
        code = "" if not kind or rule.to_port in (None, -1) else f" icmp code {rule.to_port}"
        return f"ip protocol icmp{kind}{code}"
    if protocol in _PORTED:
        first, last = rule.from_port, rule.to_port
        if first is None or last is None or (first, last) in ((-1, -1), (0, 65535)):
            return f"ip protocol {protocol}"
        return f"{protocol} dport {first}" if first == last else f"{protocol} dport {first}-{last}"
    return f"ip protocol {protocol}"
