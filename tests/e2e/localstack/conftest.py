"""One LocalStack for the tests of this folder, and the command line at it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lifecycle.conftest import Baton, copy_examples, own_home
from tests.support.localstack import at_localstack


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with at_localstack(request.config, tmp_path_factory.mktemp("localstack")) as url:
        yield url


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_home("bl", tmp_path_factory.mktemp("anywhere")) as path:
        yield path


@pytest.fixture
def baton(endpoint: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Baton:
    """The command line in a copy of the examples; its cloud is LocalStack."""
    description = {"name": "localstack", "endpoint_url": endpoint, "region": "eu-west-1"}
    nowhere = dict.fromkeys(("proxy_command", "operator_proxy_command"), "/bin/false")  # its addresses are somebody's
    given = description | nowhere | {"access_key": "test", "secret_key": "test"}
    (tmp_path / "localstack.json").write_text(json.dumps(given))
    monkeypatch.setenv("BATON_CLOUD", str(tmp_path / "localstack.json"))
    monkeypatch.setenv("BATON_OPERATOR_CIDR", "192.0.2.10/32")
    copy_examples(tmp_path)
    return Baton(home, tmp_path)
