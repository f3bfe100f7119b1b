"""What every test gets: its mark from its folder, a deadline for its mark, and a home that is not the user's."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import hypothesis
import platformdirs
import pytest

TESTS = Path(__file__).parent

# Folder = mark, in the order in which they run: what is quick and explains most comes first.
DEADLINES = {"unit": 60, "golden": 60, "property": 180, "contract": 180, "chaos": 1200, "e2e": 900}

# What a developer's shell may hold and a test must not see.
FOREIGN = ("ANSIBLE_", "AWS_", "BATON_", "PREFECT_", "PYTEST_", "TF_VAR_", "TF_CLI_ARGS", "TF_LOG", "TF_WORKSPACE")
# What a developer may choose for the tests too.
KEPT = {"BATON_CACHE", "BATON_MIRROR", "BATON_TERRAFORM", "PYTEST_ADDOPTS"}

_home = pytest.StashKey[Path]()

# ci: the same examples every time, and no deadline on a machine that others use too. HYPOTHESIS_PROFILE=search looks further.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Move into a home of the session's own, before anything that reads one is imported.

    Only the cache stays where it is: it holds what can be made again (the local cloud's base image) and takes minutes.
    """
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # what a shell starts with & inherits this, and so would what tests start
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cache = os.environ.get("BATON_CACHE") or str(platformdirs.user_cache_path("baton"))
    for name in list(os.environ):
        if name.startswith(FOREIGN) and name not in KEPT:
            del os.environ[name]
    # short: sockets live below it, and a socket's path has 107 characters
    home = Path(tempfile.mkdtemp(prefix="baton-test-"))
    config.stash[_home] = home
    os.environ.update(
        {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_STATE_HOME": str(home / "state"),
            "BATON_CACHE": cache,
            "BATON_CONFIG": str(home / "config/baton/config.toml"),
            "BATON_HOME": str(home / "baton"),
            "PREFECT_HOME": str(home / "prefect"),
            "ANSIBLE_HOME": str(home / "ansible"),
            "AWS_CONFIG_FILE": str(home / "aws/config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws/credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            # nothing that a test starts calls home
            "ANONYMIZED_TELEMETRY": "false",
            "CHECKPOINT_DISABLE": "1",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    home = config.stash.get(_home, None)
    if home:
        shutil.rmtree(home, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder, give each its mark's deadline, and put the quick ones first."""
    order = {name: position for position, name in enumerate(DEADLINES)}

    def kind(item: pytest.Item) -> str:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder not in DEADLINES:
            raise pytest.UsageError(
                f"{item.path}: tests live in a folder that says what they are: {', '.join(DEADLINES)}"
            )
        return folder

    for item in items:
        item.add_marker(kind(item))
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(DEADLINES[kind(item)]))
    items.sort(key=lambda item: order[kind(item)])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--localstack",
        action="store_true",
        help="run the tests of states in buckets against LocalStack in place of moto, and install it (.cache/localstack) if it is not there",
    )
    parser.addoption(
        "--moment",
        help="the one moment that tests/chaos disturbs, as a failing test names it: SCENARIO/INDEX/MODE/SEED",
    )
