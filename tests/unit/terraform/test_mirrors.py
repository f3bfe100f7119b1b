"""Finding provider packages, and telling Terraform where they are."""

from pathlib import Path

import pytest

from adapters.terraform.mirrors import cli_configuration, discover, implied_directories

AWS = "registry.terraform.io/hashicorp/aws"


def provider(mirror: Path, name: str = AWS) -> Path:
    (mirror / name / "5.0.0" / "linux_amd64").mkdir(parents=True)
    return mirror


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_DATA_DIRS": str(tmp_path / "share")}


def test_mirrors_are_found_where_a_setting_terraform_and_the_add_on_directory_have_them(
    tmp_path: Path, env: dict[str, str]
) -> None:
    named = provider(tmp_path / "named")
    home = provider(tmp_path / "home" / ".terraform.d" / "plugins", "example.org/a/b")
    share = provider(tmp_path / "share" / "terraform" / "plugins")
    module = provider(tmp_path / "module" / "terraform.d" / "plugins")
    added = provider(tmp_path / "opt" / "anything")
    found = discover((named,), env, module=tmp_path / "module", add_on=tmp_path / "opt")
    assert list(found) == [named, module, home, share, added]
    assert found[home] == ("example.org/a/b",)


def test_directories_without_providers_are_no_mirrors(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "opt" / "x" / AWS).mkdir(parents=True)  # no version in it
    (tmp_path / "opt" / "y" / "deep" / "registry.terraform.io").mkdir(parents=True)  # two levels down
    assert discover((tmp_path / "nowhere",), env, add_on=tmp_path / "opt") == {}


def test_a_provider_of_a_mirror_is_taken_from_there_and_every_other_one_directly(env: dict[str, str]) -> None:
    text = cli_configuration({Path("/m/one"): [AWS], Path("/m/two"): [AWS, "x.org/a/b"]}, env, implied_only=False)
    assert text == (
        "provider_installation {\n"
        '  filesystem_mirror {\n    path    = "/m/one"\n    include = ["' + AWS + '"]\n  }\n'
        '  filesystem_mirror {\n    path    = "/m/two"\n    include = ["' + AWS + '", "x.org/a/b"]\n  }\n'
        '  direct {\n    exclude = ["' + AWS + '", "x.org/a/b"]\n  }\n}\n'
    )


def test_terraform_is_left_alone_where_it_finds_everything_itself(env: dict[str, str]) -> None:
    assert cli_configuration({}, env, implied_only=True) is None
    assert cli_configuration({Path("/m"): [AWS]}, env, implied_only=True) is None


def test_a_configuration_file_that_does_not_exist_is_as_if_it_were_not_named(
    tmp_path: Path, env: dict[str, str]
) -> None:
    env["TF_CLI_CONFIG_FILE"] = str(tmp_path / "missing.rc")
    text = cli_configuration({Path("/m"): [AWS]}, env, implied_only=False)
    assert text is not None
    assert text.startswith("provider_installation")


def test_what_the_users_file_says_about_installation_stands(tmp_path: Path, env: dict[str, str]) -> None:
    theirs = tmp_path / "rc"
    theirs.write_text('provider_installation {\n  direct {}\n}\ncredentials "x" {}\n')
    env["TF_CLI_CONFIG_FILE"] = str(theirs)
    assert cli_configuration({Path("/m"): [AWS]}, env, implied_only=False) == theirs.read_text()


def test_everything_else_of_the_users_file_is_kept(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".terraformrc").write_text('plugin_cache_dir = "/c"\n')
    text = cli_configuration({Path("/m"): [AWS]}, env, implied_only=False)
    assert text is not None
    assert text.startswith('plugin_cache_dir = "/c"\nprovider_installation {')


def test_the_implied_directories_follow_the_xdg_variables(tmp_path: Path) -> None:
    found = implied_directories({"HOME": "/h", "XDG_DATA_HOME": "/d", "XDG_DATA_DIRS": "/a:/b"})
    assert list(map(str, found)) == [
        "/h/.terraform.d/plugins",
        "/d/terraform/plugins",
        "/a/terraform/plugins",
        "/b/terraform/plugins",
    ]
