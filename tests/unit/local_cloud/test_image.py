"""The recipe of the base image and where its packages come from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from local_cloud import image
from local_cloud.errors import CloudError
from local_cloud.image import Recipe, machine_sources


def test_the_cache_key_changes_with_the_packages_and_with_the_script() -> None:
    shipped = Recipe.shipped()
    assert dataclasses.replace(shipped, packages=(*shipped.packages, "haproxy")).digest != shipped.digest
    assert dataclasses.replace(shipped, customize=shipped.customize + "true\n").digest != shipped.digest
    assert Recipe.shipped().digest == shipped.digest


def test_a_host_brings_what_configuration_needs() -> None:
    assert {"openssh-server", "python3", "python3-apt", "sudo", "init-system-helpers"} <= set(Recipe.shipped().packages)


def test_a_build_as_root_leaves_no_mount_even_when_it_is_killed(tmp_path: Path) -> None:
    command = image.command(Recipe.shipped(), tmp_path / "base.tar", root=True)
    assert command[:5] == ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    assert "--mode=root" in command
    assert "--mode=unshare" in image.command(Recipe.shipped(), tmp_path / "base.tar", root=False)


def test_package_sources_are_the_machines_own_without_foreign_repositories(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    debian = "Types: deb\n# a remark\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
    (folder / "debian.sources").write_text(f"{debian}\n{debian.replace('main', 'stable')}")
    (folder / "other.sources").write_text(
        "Types: deb\nURIs: https://node.example\nSuites: nodistro\nComponents: main\n"
    )
    found = list(machine_sources(tmp_path))
    assert len(found) == 1
    assert "http://mirror.example/debian" in found[0]
    assert "remark" not in found[0]


def test_one_line_sources_are_understood_too(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "deb http://mirror.example/debian bookworm main\n"
        "deb-src http://mirror.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/k] https://docker.example bookworm stable\n"
        "deb http://mirror.example/debian trixie main\n"
    )
    assert list(machine_sources(tmp_path)) == ["deb http://mirror.example/debian bookworm main"]


def test_a_mirror_that_is_set_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_DEBIAN_MIRROR", "http://mirror.example/debian")
    assert image.sources() == ["deb http://mirror.example/debian bookworm main"]


def test_missing_tools_are_all_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_path", lambda: "/nowhere")
    with pytest.raises(CloudError, match="mmdebstrap, nft, ip") as raised:
        image.check_tools()
    assert "apt-get install mmdebstrap nftables" in raised.value.hint
