"""A comment replaces the one that an earlier job left, on a server that speaks as GitHub and GitLab do."""

from collections.abc import Iterator

import pytest

from baton.ci.commenting import NoComment, NotHere, thread
from baton.ci.surroundings import Surroundings, found
from tests.support.forge import Forge

MARK = "<!-- baton: shop/pr-17 -->"


@pytest.fixture
def forge() -> Iterator[Forge]:
    one = Forge()
    try:
        yield one
    finally:
        one.close()


def environ(system: str, forge: Forge) -> dict[str, str]:
    if system == "github":
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REF": "refs/pull/17/merge",
            "GITHUB_API_URL": forge.url,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_TOKEN": "t0ken",
        }
    return {
        "GITLAB_CI": "true",
        "CI_MERGE_REQUEST_IID": "17",
        "CI_API_V4_URL": forge.url,
        "CI_PROJECT_ID": "9",
        "GITLAB_TOKEN": "t0ken",
    }


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_the_second_comment_replaces_the_first_among_hundreds(forge: Forge, system: str) -> None:
    given = environ(system, forge)
    put = thread(found(given), given).put
    forge.comments = {n: f"number {n}\n{MARK}" for n in range(1, 151)}
    assert put(f"{MARK}\n\nfirst\n") == "written"
    assert put(f"{MARK}\n\nsecond\n") == "replaced"
    assert put("<!-- baton: shop/pr-18 -->\n\nother\n") == "written"
    assert [text for n, text in sorted(forge.comments.items()) if n > 150] == [
        f"{MARK}\n\nsecond\n",
        "<!-- baton: shop/pr-18 -->\n\nother\n",
    ]
    assert forge.tokens == {"Bearer t0ken" if system == "github" else "t0ken"}


def test_a_refusal_is_said_without_the_token(forge: Forge) -> None:
    given = environ("github", forge)
    forge.refuse = 403
    with pytest.raises(NoComment, match="403") as caught:
        thread(found(given), given).put("x")
    assert "write to pull requests" in caught.value.hint
    assert "t0ken" not in f"{caught.value.message} {caught.value.hint}"


def test_without_a_token_or_a_request_nothing_is_sent(forge: Forge) -> None:
    given = environ("gitlab", forge)
    del given["GITLAB_TOKEN"]
    with pytest.raises(NotHere, match="GITLAB_TOKEN is not set"):
        thread(found(given), given)
    with pytest.raises(NotHere, match="no pull request"):
        thread(Surroundings(found(given).system), given)
