from pathlib import Path

import pytest

from adapters import shipped


def test_a_checkout_has_its_modules_and_playbooks_at_its_top_level() -> None:
    root = Path(shipped.__file__).resolve().parents[1]
    assert shipped.terraform_dir() == root / "terraform"
    assert shipped.playbooks_dir() == root / "playbooks"
    assert (shipped.terraform_dir() / "modules/network/main.tf").is_file()


def test_an_installations_own_copy_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "baton/_shipped/terraform"
    copy.mkdir(parents=True)
    (tmp_path / "terraform").mkdir()
    monkeypatch.setattr(shipped, "_ROOT", tmp_path)
    assert shipped.terraform_dir() == copy


def test_missing_files_are_said_with_the_places_that_were_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_ROOT", tmp_path)
    with pytest.raises(shipped.ShippedMissing, match=r"terraform is missing: looked for .*_shipped/terraform or"):
        shipped.terraform_dir()
