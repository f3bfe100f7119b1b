"""The tutorials, command by command, as a reader would type them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.docs import tutorial

DOCS = Path(__file__).resolve().parents[3] / "docs"

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def environ(baton: Any) -> Iterator[dict[str, str]]:
    yield {**baton.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for environment in ("minimal/dev", "shop/dev"):
        baton("down", environment, "--yes", check=False)


@pytest.mark.long
@pytest.mark.parametrize("page", ["tutorial.md", "tutorial-shop.md"])
def test_every_command_of_a_tutorial_does_what_the_page_says(page: str, baton: Any, environ: dict[str, str]) -> None:
    for block in tutorial.blocks((DOCS / page).read_text(encoding="utf-8")):
        ran = tutorial.run(block, baton.directory, environ)
        assert not tutorial.problems(block, ran), f"$ {block.script}{ran.output}"
