"""Hosts and the inventory: the handoff's value."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from lifecycle.digest import digest
from lifecycle.errors import BatonError


class Trust(StrEnum):
    """Where a host key may come from. The order in a blueprint is the order of trial."""

    OUTPUT = "output"  # the stack's `hosts` output names it
    CONSOLE = "console"  # the cloud's console output, as cloud-init prints it
    CA = "ca"  # an SSH host certificate authority
    FIRST_USE = "first-use"  # explicit opt-in; recorded as a finding
    PINNED = "pinned"  # the key that an earlier run trusted and recorded: an answer, never a blueprint's choice


@dataclass(frozen=True, slots=True)
class Connection:
    """How a host is reached. `key` is a reference (a file's path, or empty for the agent), never the key itself.

    `through` says which host of the environment is the jump, until it is known: then `jump` says how it is entered.
    """

    address: str
    port: int = 22
    user: str = "root"
    key: str = ""
    jump: str = ""  # user@host[:port]
    proxy_command: str = ""  # complete, but for ssh's own %h %p
    proxy_passes_fd: bool = False  # ProxyUseFdpass, of both proxy commands
    become: bool = True
    public_proxy: str = (
        ""  # how a public address (the jump's, or its own) is reached; complete, but for ssh's own %h %p
    )
    through: "Selector | None" = None


@dataclass(frozen=True, slots=True)
class Host:
    """One host that exists. `identity` is what configuration is keyed by: a new identity is a new host."""

    name: str
    stack: str
    id: str  # the cloud's instance id, or the address where there is none
    connection: Connection
    groups: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    host_key: str = ""  # "ssh-ed25519 AAAA...", pinned; empty until trusted
    trust: tuple[Trust, ...] = (Trust.OUTPUT, Trust.CONSOLE)
    ca: str = ""  # public key of the host certificate authority, where trust names one
    offered_key: str = ""  # the key that the stack's `hosts` output names (source: Trust.OUTPUT)
    facts: Mapping[str, Any] = field(default_factory=dict)  # private_address, public_address, ...

    @property
    def identity(self) -> str:
        """Instance id and pinned host key, as one text."""
        return f"{self.id} {self.host_key}".strip()

    @property
    def entrance(self) -> str:
        """Digest of how the host is reached and trusted: whoever waits for it must wait again when this changes."""
        return _entrance(self.id, self.connection, self.trust, self.ca, self.offered_key)

    @property
    def outside_address(self) -> str:
        """Where it is entered from outside: its public address, or the only one that is known."""
        return str(self.facts.get("public_address") or self.connection.address)

    @property
    def is_own_jump(self) -> bool:
        """Whether it is the host, or one of those, that the others of its stack are reached through."""
        return self.connection.through is not None and self.connection.through.matches(self)

    def pinned(self, host_key: str) -> "Host":
        return replace(self, host_key=host_key)


@lru_cache(maxsize=4096)
def _entrance(id: str, connection: Connection, trust: tuple[Trust, ...], ca: str, offered_key: str) -> str:
    """Asked of every host again and again while a run goes on."""
    return digest([id, asdict(connection), trust, ca, offered_key])


@dataclass(frozen=True, slots=True)
class ConnectionDefaults:
    """How the hosts of a stack are reached where they do not say it themselves.

    `proxy_command` comes from the cloud's description: `{instance_id}` in it stands for the host's id; `%p` is ssh's own.
    `public_proxy` comes from there too: how public addresses are reached, where not directly.
    """

    user: str = "root"
    port: int = 22
    key: str = ""
    become: bool = True
    jump: str = ""
    trust: tuple[Trust, ...] = (Trust.OUTPUT, Trust.CONSOLE)
    ca: str = ""  # the public key itself
    proxy_command: str = ""
    proxy_passes_fd: bool = False
    public_proxy: str = ""
    ready_deadline: timedelta = timedelta(minutes=5)  # how long a new host may take until it can be configured
    through: "Selector | None" = None  # which host is the jump, where the blueprint selects one

    def fill(self, host: Host) -> Host:
        """A host seen by tag, with everything that a tag does not tell."""
        behind = self.jump or self.proxy_command or (self.through and not self.through.matches(host))
        inside = "private_address" if behind else "public_address"  # where we come in from
        address = str(host.facts.get(inside) or host.connection.address)
        return replace(host, connection=self.connection(address, host.id), trust=self.trust, ca=self.ca)

    def enterable(self, host: Host) -> bool:
        """Whether a host that was seen by tag can be entered already: a jump without a public address may still get one."""
        return not (self.through and self.through.matches(host)) or bool(host.facts.get("public_address"))

    def connection(
        self, address: str, host_id: str, *, user: str = "", port: int = 0, jump: str = "", key: str = ""
    ) -> Connection:
        """The connection to one host; what is given wins over the defaults."""
        return Connection(
            address=address,
            port=port or self.port,
            user=user or self.user,
            key=key or self.key,
            jump=jump or self.jump,
            proxy_command=self.proxy_command.replace("{instance_id}", shlex.quote(host_id)),
            proxy_passes_fd=self.proxy_passes_fd,
            become=self.become,
            public_proxy=self.public_proxy,
            through=None if jump else self.through,
        )


@dataclass(frozen=True, slots=True)
class HostMapping:
    """Where a module without a `hosts` output keeps its hosts: outputs, each a text or a list of texts, equally long.

    Without `name`, hosts are called by the group and a number from 1.
    """

    group: str
    address: str
    id: str
    name: str = ""
    user: str = ""  # literal
    port: int = 0  # literal


@dataclass(frozen=True, slots=True)
class Selector:
    """Which hosts: all given conditions must hold. An empty selector selects nothing."""

    stack: str = ""
    group: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    def matches(self, host: Host) -> bool:
        if not (self.stack or self.group or self.tags):
            return False
        if self.stack and host.stack != self.stack:
            return False
        if self.group and self.group not in host.groups:
            return False
        return all(host.tags.get(k) == v for k, v in self.tags)

    def __str__(self) -> str:
        words = [f"stack {self.stack}" if self.stack else "", f"group {self.group}" if self.group else ""]
        return " and ".join([*filter(None, words), *(f"tag {k}={v}" for k, v in self.tags)]) or "nothing"


GROUP_TAGS: Final = ("baton:groups", "Group")
"""Tags that name a host's groups, separated by commas."""


def groups_of(tags: Mapping[str, str]) -> tuple[str, ...]:
    """The groups that a host's tags name, each once."""
    named = [name.strip() for key in GROUP_TAGS for name in tags.get(key, "").split(",")]
    return tuple(dict.fromkeys(name for name in named if name))


@dataclass(frozen=True, slots=True)
class Ready:
    """A host that was found ready and trusted: the host with its pinned key, and how it was trusted."""

    host: Host
    trusted_by: Trust
    rungs: Mapping[str, float] = field(default_factory=dict)  # rung of the ladder → seconds since the look began

    def known_as(self, host: Host) -> "Ready":
        """The same host as somebody else describes it, with the key and the facts that were found on it."""
        facts = {**self.host.facts, **host.facts}
        return replace(self, host=replace(host, host_key=self.host.host_key, facts=facts))


class NotReady(BatonError):
    """A host did not become ready in time."""


class UntrustedHost(BatonError):
    """A host presents a key that is not the trusted one."""
