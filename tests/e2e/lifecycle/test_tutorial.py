"""The tutorial, command by command, as a reader would type it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.docs import tutorial

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tutorial.md"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def environ(baton: Any) -> Iterator[dict[str, str]]:
    yield {**baton.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    baton("down", "minimal/dev", "--yes", check=False)


def test_every_command_of_the_tutorial_does_what_the_page_says(baton: Any, environ: dict[str, str]) -> None:
    for block in tutorial.blocks(PAGE.read_text(encoding="utf-8")):
        ran = tutorial.run(block, baton.directory, environ)
        assert not tutorial.problems(block, ran), f"$ {block.script}{ran.output}"
