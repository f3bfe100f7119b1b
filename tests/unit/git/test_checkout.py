"""Checkouts with the real git: of repositories on this disk, of servers on the loopback that refuse, and of nobody."""

import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from adapters.git.checkout import UNUSED, checkout
from adapters.git.failures import GitAway, GitRefused, NoGit, NoRepository, UnknownRef, classified
from lifecycle.blueprint.location import InGit
from lifecycle.errors import BatonError
from tests.support.servers import Answer, http_server


def git(at: Path, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(at), *who, *words], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a branch, a tag, a file that may be run, and a hook and a filter that must not."""
    at = tmp_path / "envs"
    (at / "shop").mkdir(parents=True)
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(at))
    (at / "shop/blueprint.yaml").write_text("blueprint: 1\n")
    (at / "shop/run.sh").write_text("#!/bin/sh\n")
    (at / "shop/run.sh").chmod(0o755)
    git(at, "add", ".")
    git(at, "commit", "--quiet", "--message=one")
    git(at, "tag", "--annotate", "--message=first", "v1")
    git(at, "branch", "feature/x")
    return at


def head(at: Path) -> str:
    return git(at, "rev-parse", "HEAD")


def commit(at: Path, text: str) -> str:
    (at / "shop/blueprint.yaml").write_text(text)
    git(at, "commit", "--quiet", "--all", "--message=more")
    return head(at)


@pytest.mark.parametrize("ref", ["", "main", "v1", "feature/x", "refs/heads/main"])
def test_a_branch_a_tag_or_nothing_names_a_commit(repository: Path, tmp_path: Path, ref: str) -> None:
    found = checkout(InGit(f"file://{repository}", "shop", ref), tmp_path / "cache")
    assert found.commit == head(repository)
    assert found.root == tmp_path / "cache/git" / found.commit
    assert (found.root / "shop/blueprint.yaml").read_text() == "blueprint: 1\n"
    assert (found.root / "shop/run.sh").stat().st_mode & stat.S_IXUSR
    assert found.root.stat().st_mode & 0o077 == 0
    assert not (found.root / ".git").exists()


def test_a_branch_that_moved_is_followed_and_a_commit_stays(repository: Path, tmp_path: Path) -> None:
    wanted, cache = InGit(f"file://{repository}", ref="main"), tmp_path / "cache"
    before = checkout(wanted, cache)
    after = commit(repository, "blueprint: 2\n")
    assert checkout(wanted, cache).commit == after
    old = checkout(InGit(wanted.url, ref=before.commit), cache)
    assert (old.root / "shop/blueprint.yaml").read_text() == "blueprint: 1\n"


def test_an_old_commit_that_is_not_in_the_cache_is_fetched(repository: Path, tmp_path: Path) -> None:
    old = head(repository)
    commit(repository, "blueprint: 2\n")
    found = checkout(InGit(f"file://{repository}", ref=old), tmp_path / "cache")
    assert (found.root / "shop/blueprint.yaml").read_text() == "blueprint: 1\n"


def test_a_commit_that_is_in_the_cache_needs_no_repository(repository: Path, tmp_path: Path) -> None:
    wanted = InGit(f"file://{repository}", ref=head(repository))
    found = checkout(wanted, tmp_path / "cache")
    repository.rename(tmp_path / "away")
    assert checkout(wanted, tmp_path / "cache", {"PATH": ""}) == found


def test_who_calls_from_a_hook_gets_the_repository_that_it_named(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    found = checkout(InGit(f"file://{repository}"), tmp_path / "cache")
    assert (found.root / "shop/blueprint.yaml").is_file()
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_not_there_is_said_with_what_is(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownRef, match="has no branch, tag or commit 'mian'") as unknown:
        checkout(InGit(f"file://{repository}", ref="mian"), tmp_path / "cache")
    assert "it has: main" in unknown.value.hint
    with pytest.raises(UnknownRef) as short:
        checkout(InGit(f"file://{repository}", ref=head(repository)[:10]), tmp_path / "cache")
    assert "all 40 digits" in short.value.hint
    with pytest.raises(UnknownRef):
        checkout(InGit(f"file://{repository}", ref="ab" * 20), tmp_path / "cache")
    with pytest.raises(NoRepository):
        checkout(InGit(f"file://{tmp_path}/nothing"), tmp_path / "cache")
    assert [p.name for p in (tmp_path / "cache/git").iterdir()] == []


def test_an_empty_repository_is_said_to_be_empty(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "empty")
    with pytest.raises(NoRepository, match="no commit yet"):
        checkout(InGit(f"file://{tmp_path}/empty"), tmp_path / "cache")


def test_a_machine_without_git_says_what_to_install(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(NoGit, match="not installed") as missing:
        checkout(InGit(f"file://{repository}"), tmp_path / "cache", {"PATH": str(tmp_path)})
    assert "apt-get install git" in missing.value.hint


@pytest.mark.parametrize(
    ("status", "kind"), [(401, GitRefused), (403, GitRefused), (404, NoRepository), (503, GitAway)]
)
def test_a_server_that_refuses_is_told_apart_from_one_that_is_away(
    status: int, kind: type[BatonError], tmp_path: Path
) -> None:
    headers = {"WWW-Authenticate": 'Basic realm="envs"'} if status == 401 else {}
    with (
        http_server(lambda _: Answer(status, b"no", headers)) as server,
        pytest.raises(kind) as refused,
    ):
        checkout(InGit(server.url("/envs.git"), "shop", "main"), tmp_path / "cache")
    assert refused.value.hint


def test_nobody_at_the_address_is_away(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/envs.git", f"ssh://git@127.0.0.1:{port}/envs.git"):
        with pytest.raises(GitAway):
            checkout(InGit(url), tmp_path / "cache")


def test_what_nobody_used_for_long_goes_when_another_is_made(repository: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    old = checkout(InGit(f"file://{repository}"), cache)
    long_ago = time.time() - UNUSED.total_seconds() - 60
    os.utime(old.root, (long_ago, long_ago))
    commit(repository, "blueprint: 2\n")
    new = checkout(InGit(f"file://{repository}"), cache)
    assert [p.name for p in (cache / "git").iterdir()] == [new.commit]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.", GitRefused),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", GitRefused),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", GitRefused),
        ("fatal: unable to access 'https://x.invalid/': Could not resolve host: x.invalid", GitAway),
        ("remote: Repository not found.\nfatal: repository 'https://host/x.git/' not found", NoRepository),
        ("fatal: remote error: upload-pack: not our ref abab", UnknownRef),
    ],
)
def test_what_hosts_say_is_classified(said: str, kind: type[Exception]) -> None:
    assert isinstance(classified(said, "https://host/x.git"), kind)
