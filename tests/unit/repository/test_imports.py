"""What a command imports: its own verb, and the engine's library only where a flow runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

IMPORTED = """
import contextlib, io, json, sys
from baton.__main__ import run
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    run(sys.argv[1:])
print(json.dumps([name for name in sys.modules if name.startswith(("baton.verbs.", "flows", "prefect", "boto3", "ansible_runner"))]))
"""


def imported_by(*words: str, folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORTED, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (["version"], "version"),
        (["status"], "status"),
        (["history", "shop/dev"], "history"),
        (["approve", "shop/dev"], "approve"),
        (["validate", "nothing.yaml"], "validate"),
        (["up", "nothing.yaml"], "up"),  # a mistake in a blueprint is said before the engine is thought of
    ],
)
def test_a_command_imports_its_own_verb_and_no_engine(words: list[str], verb: str, tmp_path: Path) -> None:
    assert imported_by(*words, folder=tmp_path) == {f"baton.verbs.{verb}"}
