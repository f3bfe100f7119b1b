"""Which host key may be trusted: the sources in the order that the blueprint gives, the first that answers decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.ssh.keys import Looker, described
from lifecycle.inventory import Host, Trust, UntrustedHost
from lifecycle.ssh_options import bare_key

ConsoleKeys = Callable[[str], Sequence[str] | None]
"""Instance id → host keys in its console output, best first; None while there are none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A key that may be trusted, and who vouches for it."""

    key: str  # `type base64`
    source: Trust


def offers(host: Host, looker: Looker, console: ConsoleKeys | None, *, first_use: bool) -> tuple[Offer, ...]:
    """Keys to try, all from one source; empty while no source has one. A pinned host has its pin, and nothing else.

    `first_use` says whether it is time for trust on first use, where the host allows it at all. Raises UntrustedHost when
    the stack's output names another key than the one pinned for the same id.
    """
    if host.host_key:
        _check_pin(host)
        return (Offer(bare_key(host.host_key), Trust.PINNED),)
    for source in host.trust:
        keys = _keys(source, host, looker, console, first_use)
        if keys:
            return tuple(Offer(bare_key(key), source) for key in keys)
    return ()


def _keys(source: Trust, host: Host, looker: Looker, console: ConsoleKeys | None, first_use: bool) -> Sequence[str]:
    match source:
        case Trust.OUTPUT:
            return [host.offered_key] if host.offered_key else []
        case Trust.CONSOLE:
            return (console(host.id) if console else None) or []
        case Trust.CA:
            key = looker.certified(host) if host.ca else None
        case Trust.FIRST_USE:
            key = looker.presented(host) if first_use else None
        case Trust.PINNED:
            key = None
    return [key] if key else []


def _check_pin(host: Host) -> None:
    offered = bare_key(host.offered_key)
    if offered and Trust.OUTPUT in host.trust and offered != bare_key(host.host_key):
        raise UntrustedHost(
            f"{host.name} ({host.id}): the stack's `hosts` output names the host key {described(offered)}, "
            f"but {described(host.host_key)} is pinned for the same id",
            hint=refused_pin(host),
            facts={"host": host.name, "id": host.id, "offered": offered, "pinned": host.host_key},
        )


def refused_pin(host: Host) -> str:
    """What to do about a host whose pin is not met any more."""
    if host.id == host.connection.address:
        return (
            "a host that was made anew must have a new id: let the module's `hosts` output name the instance's id, "
            "since this one is known by its address alone"
        )
    return (
        "a host keeps its key as long as it keeps its id. If it was reinstalled on purpose, replace the instance; "
        "if not, somebody else may answer at its address"
    )
