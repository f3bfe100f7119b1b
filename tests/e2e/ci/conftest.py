"""Pipelines get the command line of the whole lifecycle's tests, with a home, a cloud and an engine of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lifecycle.conftest import Baton, own_home


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_home("bc", tmp_path_factory.mktemp("anywhere")) as path:
        yield path


@pytest.fixture
def baton(home: Path, tmp_path: Path) -> Baton:
    directory = tmp_path / "anywhere"
    directory.mkdir()
    return Baton(home, directory)
