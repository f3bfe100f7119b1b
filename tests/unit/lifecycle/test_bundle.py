"""Publishing, and choosing what was published, by command line and in a real store."""

import json
from pathlib import Path

import pytest

from adapters.locator import locate
from adapters.settings import load
from baton.__main__ import run
from lifecycle.bundle import NoBundle
from lifecycle.errors import ExitCode

BLUEPRINT = """\
blueprint: 1
name: shop
inputs:
  licence: {type: string, secret: true, from: "file:licence"}
stacks:
  web: {source: ../modules/web}
configure:
  - {name: web, playbook: site.yml, hosts: {group: web}}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "shop/blueprint.yaml": BLUEPRINT,
        "shop/site.yml": "- hosts: all\n",
        "modules/web/main.tf": 'output "a" { value = 1 }\n',
    }
    files |= {"shop/files/motd": "welcome", "shop/licence": "hunter2", "shop/files/licence": "x"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("BATON_HOME", str(tmp_path / "home"))
    return tmp_path / "shop"


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_is_published_is_located_with_everything_that_it_is_made_of_but_its_secrets(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["publish", str(shop), "--json"]) == 0
    [line] = said(capsys)
    assert (line["reference"], line["new"], line["outside"]) == ("store:shop@1", True, [])
    assert line["secrets"] == [str(shop / "licence")]
    shop.rename(shop.with_name("away"))
    found = locate("store:shop", load())
    assert (found.named, found.source) == ("store:shop", "store:shop@1")
    root = found.path.parents[1]
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert there == {
        "shop/blueprint.yaml",
        "shop/site.yml",
        "shop/files/motd",
        "shop/files/licence",
        "modules/web/main.tf",
    }
    assert locate("store:shop@1", load()).path == found.path


def test_it_may_be_called_otherwise_and_a_change_is_the_next_version(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--as", "store-front:1.2"], ["--as", "front"], ["--as", "front"]):
        assert run(["publish", str(shop), *words]) == 0
    (shop / "site.yml").write_text("- hosts: web\n")
    assert run(["publish", str(shop), "--as", "front"]) == 0
    assert capsys.readouterr().out.split() == [
        "store:store-front@1.2",
        "store:front@1",
        "store:front@1",
        "store:front@2",
    ]
    assert run(["publish", "--list", "--json"]) == 0
    assert [line["reference"] for line in said(capsys)] == ["store:front@1", "store:front@2", "store:store-front@1.2"]
    assert locate("store:front", load()).source == "store:front@2"


@pytest.mark.parametrize("name", ["Shop", "shop:", "shop:../x", "shop@1", ":1"])
def test_a_name_that_is_none_is_refused(shop: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["publish", str(shop), "--as", name]) == ExitCode.USAGE
    assert "is no name of a bundle" in capsys.readouterr().err


def test_what_is_not_published_is_said_with_what_is(shop: Path) -> None:
    with pytest.raises(NoBundle, match="there is no bundle store:shop") as nothing:
        locate("store:shop", load())
    assert "baton publish" in nothing.value.hint
    run(["publish", str(shop)])
    with pytest.raises(NoBundle, match="there is no version 7 of store:shop") as version:
        locate("store:shop@7", load())
    assert version.value.hint == "there are: 1"
    with pytest.raises(NoBundle) as other:
        locate("store:shopp", load())
    assert other.value.hint == "bundles are: shop"
