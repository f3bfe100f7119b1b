"""References of blueprints: what they name, what they are called, and what is no reference."""

import pytest

from lifecycle.blueprint.location import BadReference, InGit, InStore, parse, short_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("examples/shop", None),
        ("/srv/shop/blueprint.yaml", None),
        ("store:shop", InStore("shop")),
        ("store:shop@1.2-rc.1", InStore("shop", "1.2-rc.1")),
        ("git+https://host/team/envs.git//shop?ref=main", InGit("https://host/team/envs.git", "shop", "main")),
        ("git+https://host/team/envs.git", InGit("https://host/team/envs.git")),
        (
            "git+ssh://git@host:2222/envs.git//a/b/?ref=feature/x",
            InGit("ssh://git@host:2222/envs.git", "a/b", "feature/x"),
        ),
        ("git+file:///srv/envs//shop/blueprint.yaml", InGit("file:///srv/envs", "shop/blueprint.yaml")),
    ],
)
def test_a_reference_names_a_path_a_repository_or_a_bundle(text: str, expected: InGit | InStore | None) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("git+https://user:hunter2@host/envs.git//shop", "holds a credential"),
        ("git+https://hunter2@host/envs.git//shop", "holds a credential"),
        ("git+ext::sh -c true", "git is asked by https, http, ssh, file only"),
        ("git+https://host/envs.git//../etc", "inside of its repository"),
        ("git+https://host/envs.git//shop?ref=--upload-pack=x", "no branch, tag or commit"),
        ("git+https://host/envs.git//shop?ref=a..b", "no branch, tag or commit"),
        ("git+https://host/envs.git//shop?branch=main", r"only thing .* is \?ref="),
        ("git+https://host/envs.git//shop?ref=main#x", r"only thing .* is \?ref="),
        ("git+https://[host/envs.git", "is no address"),
        ("https://host/envs.git//shop", "is not a blueprint's reference"),
        ("git@host:team/envs.git", "is not a blueprint's reference"),
        ("store:", "names no bundle"),
        ("store:Shop", "names no bundle"),
        ("store:shop@", "names no bundle"),
        ("store:shop@../x", "names no bundle"),
    ],
)
def test_what_is_no_reference_is_refused_with_how_to_write_it(text: str, words: str) -> None:
    with pytest.raises(BadReference, match=words) as refused:
        parse(text)
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("examples/shop", "shop"),
        ("examples/shop/blueprint.yaml", "shop"),
        ("store:shop@3", "shop"),
        ("git+https://host/team/envs.git//a/shop?ref=feature/x", "shop"),
        ("git+https://host/team/envs.git?ref=main", "envs"),
        (".", "."),
    ],
)
def test_a_run_is_named_after_the_last_word_of_its_blueprint(text: str, name: str) -> None:
    assert short_name(text) == name


def test_a_reference_can_be_pinned() -> None:
    commit = "3f" * 20
    pinned = InGit("https://host/envs.git", "shop", "main").at(commit)
    assert parse(pinned) == InGit("https://host/envs.git", "shop", commit)
    assert parse(InStore("shop").at("3")) == InStore("shop", "3")
