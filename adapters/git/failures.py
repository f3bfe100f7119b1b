"""What git says when it fails, as one of our errors."""

import re

from lifecycle.errors import BatonError, ExitCode


class GitFailed(BatonError):
    """git failed in a way that has no name here."""


class NoGit(BatonError):
    """git is not installed."""


class NoRepository(BatonError):
    """There is no repository at this address."""

    exit_code = ExitCode.USAGE


class UnknownRef(BatonError):
    """The repository knows no such branch, tag or commit."""

    exit_code = ExitCode.USAGE


class GitRefused(BatonError):
    """The repository's host does not let us in."""


class GitAway(BatonError):
    """The repository's host does not answer."""


_AUTH = (
    "let git know who you are where this runs, without a prompt: a credential helper, GIT_ASKPASS, or an SSH agent; "
    "try it there with: git ls-remote {url}"
)
_CLASSES: tuple[tuple[str, type[BatonError], str, str], ...] = (
    (r"host key verification failed", GitRefused, "the host's SSH key is not known", "add it to known_hosts: ssh-keyscan HOST, and compare it with what the host publishes"),
    (r"authentication failed|could not read (username|password)|terminal prompts disabled|permission denied|"
     r"access denied|\b40[13]\b|invalid credentials|http basic", GitRefused, "it does not let us in", _AUTH),
    (r"could not resolve host|couldn't connect|failed to connect|connection (refused|timed out|reset)|no route to host|"
     r"network is unreachable|operation too slow|\b50[0-9]\b|could not connect to server", GitAway, "its host does not answer", "try it there with: git ls-remote {url}"),
    (r"dubious ownership", GitRefused, "it belongs to somebody else", "git says how to trust it: git config --global --add safe.directory FOLDER"),
    (r"couldn't find remote ref|not our ref|no such remote ref|unadvertised object", UnknownRef, "it has no such branch, tag or commit", "an abbreviated commit cannot be fetched: give all 40 digits"),
    (r"not found|does not exist|does not appear to be a git repository|no such file|not a git repository", NoRepository, "there is no repository", "a private one says so too to those who may not see it"),
    (r"no space left|disk quota", GitFailed, "the disk is full", "make room where Baton keeps its cache (BATON_CACHE)"),
)  # fmt: skip


def classified(stderr: str, url: str) -> BatonError:
    """The error for what git said on stderr."""
    said = _last(stderr)
    for pattern, kind, words, hint in _CLASSES:
        if re.search(pattern, stderr, re.IGNORECASE):
            return kind(f"{url}: {words} ({said})", hint=hint.format(url=url))
    return GitFailed(f"{url}: {said or 'git failed and said nothing'}", hint=f"try it there with: git ls-remote {url}")


def _last(stderr: str) -> str:
    """The line that says most: the last `fatal:` or `error:`, else the last one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
    return (told or lines or [""])[-1].removeprefix("fatal: ").removeprefix("error: ")
