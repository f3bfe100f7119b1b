"""Addresses and translation."""

from __future__ import annotations

import pytest

from local_cloud.boot import mac
from local_cloud.hosts import Wish, host_key
from local_cloud.network import PUBLIC, nat


def test_the_mac_address_follows_from_the_address() -> None:
    assert mac("10.0.1.255") == "02:77:0a:00:01:ff"
    assert mac("10.0.1.4") != mac("10.0.1.5")


def test_public_addresses_come_from_a_range_that_belongs_to_nobody() -> None:
    assert PUBLIC.is_private
    assert str(PUBLIC) == "198.18.0.0/16"


def test_translation_is_one_to_one_in_both_directions() -> None:
    text = nat({"198.18.0.10": "10.0.1.4", "198.18.0.11": "10.0.1.5"})
    assert "dnat to ip daddr map { 198.18.0.10 : 10.0.1.4, 198.18.0.11 : 10.0.1.5 }" in text
    assert 'oifname "wan" snat to ip saddr map { 10.0.1.4 : 198.18.0.10, 10.0.1.5 : 198.18.0.11 }' in text


def test_without_public_addresses_nothing_crosses_the_router_to_the_internet() -> None:
    text = nat({})
    assert "dnat" not in text
    assert "wan" not in text
    assert "policy drop" in text


@pytest.mark.parametrize("address", ["10.0.0.1", "255.255.255.255", "172.31.200.100"])
def test_a_link_name_fits_into_the_kernels_fifteen_characters(address: str) -> None:
    wish = Wish("i-1", "vpc-1", address, 24, "10.0.0.1", "x.internal")
    assert len(wish.link) <= 15
    assert wish.hostname == "ip-" + address.replace(".", "-")


def test_every_host_key_is_a_new_one_in_openssh_form() -> None:
    private, public = host_key("root@ip-10-0-1-4")
    assert private.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert public.startswith("ssh-ed25519 AAAA")
    assert public.endswith("root@ip-10-0-1-4\n")
    assert host_key("x")[1] != host_key("x")[1]
