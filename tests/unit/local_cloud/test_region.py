"""A region follows the API network by network: trouble in one keeps nobody else from what is theirs."""

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local_cloud.errors import CloudError
from local_cloud.region import Region, Wanted


class Network:
    """A VPC's network that remembers what it was told, and may refuse."""

    def __init__(self, wan: str, *, broken: bool = False) -> None:
        self.wan, self.broken = wan, broken
        self.publics: dict[str, str] = {}

    def add_routers(self, routers: Any) -> None:
        if self.broken:
            raise CloudError("ip failed inside the cloud: File exists")

    def map_publics(self, publics: dict[str, str]) -> None:
        self.publics = publics


def test_one_broken_network_keeps_no_other_from_its_addresses_and_no_host_from_its_rules() -> None:
    whole, broken = Network("198.19.0.3"), Network("198.19.0.2", broken=True)
    routes: list[dict[str, str]] = []
    enforced: list[str] = []
    region = Region.__new__(Region)
    hosts = [SimpleNamespace(wish=SimpleNamespace(id=name)) for name in ("i-1", "i-2")]

    def enforce(host: Any, rules: str) -> None:
        if host.wish.id == "i-1":
            raise CloudError("nft failed inside the cloud")
        enforced.append(host.wish.id)

    loose = cast(Any, region)
    loose.networks = SimpleNamespace(
        vpcs={"vpc-broken": broken, "vpc-whole": whole}, internet=SimpleNamespace(route=routes.append)
    )
    loose.hosts = SimpleNamespace(running=lambda: hosts, enforce=enforce)
    publics = {"vpc-whole": {"198.18.0.10": "10.0.0.4"}}
    loose._wanted = lambda: Wanted({"vpc-broken": frozenset(), "vpc-whole": frozenset()}, publics, {})
    loose._lock = threading.RLock()
    with pytest.raises(CloudError, match="File exists"):
        region.reconcile()
    assert whole.publics == {"198.18.0.10": "10.0.0.4"}
    assert routes == [{"198.18.0.10": "198.19.0.3"}]
    assert enforced == ["i-2"]
