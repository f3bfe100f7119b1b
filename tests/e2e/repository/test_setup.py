"""scripts/setup in a checkout of the test's own: once, twice, changed, interrupted, two at once, and what it says when it cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = '''
"""Builds an empty editable wheel, so that no test needs a network."""
import zipfile
from pathlib import Path


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name, info = "checkout-1-py3-none-any.whl", "checkout-1.dist-info"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: checkout\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
'''


class Checkout:
    """A checkout with an empty lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/setup", folder / "scripts/setup")
        (folder / "requirements.lock").write_text("# nothing\n")
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "backend.py").write_text(BACKEND)

    def start(self, **variables: str) -> "subprocess.Popen[str]":
        given = {**os.environ, "BATON_TERRAFORM": "true", **variables}
        argv = [str(self.folder / "scripts/setup")]
        return subprocess.Popen(argv, env=given, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def setup(self, **variables: str) -> tuple[int, str]:
        """Exit code, and what it said."""
        process = self.start(**variables)
        _, said = process.communicate(timeout=300)
        return process.returncode, said

    @property
    def built(self) -> int:
        """Changes when the environment is built anew."""
        return (self.folder / ".venv/pyvenv.cfg").stat().st_mtime_ns


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that is set up. Whoever breaks it has it mended."""
    checkout = Checkout(tmp_path_factory.mktemp("ready") / "checkout")
    code, said = checkout.setup()
    assert code == 0, said
    assert "building .venv" in said
    return checkout


def test_a_second_setup_does_nothing_and_says_nothing(ready: Checkout) -> None:
    before = ready.built
    assert ready.setup() == (0, "")
    assert ready.built == before


@pytest.mark.parametrize("broken", ["a changed lock", "a lost stamp", "a lost interpreter"])
def test_the_environment_is_built_anew_after(ready: Checkout, broken: str) -> None:
    before = ready.built
    match broken:
        case "a changed lock":
            (ready.folder / "requirements.lock").write_text("# changed\n")
        case "a lost stamp":
            (ready.folder / ".venv/.environment-stamp").unlink()
        case "a lost interpreter":
            (ready.folder / ".venv/bin/python").unlink()
    code, said = ready.setup()
    assert code == 0, said
    assert ready.built != before


def test_a_changed_project_file_is_installed_again_without_a_new_environment(ready: Checkout) -> None:
    before = ready.built
    stamp = (ready.folder / ".venv/.project-stamp").read_text()
    (ready.folder / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    assert ready.setup()[0] == 0
    assert ready.built == before
    assert (ready.folder / ".venv/.project-stamp").read_text() != stamp


def test_an_installation_that_failed_is_taken_up_again(checkout: Checkout) -> None:
    (checkout.folder / "requirements.lock").write_text("not-there==1 --hash=sha256:00\n")
    code, said = checkout.setup(PIP_NO_INDEX="1")
    assert code == 1
    assert "pip could not install what requirements.lock names" in said
    (checkout.folder / "requirements.lock").write_text("# nothing\n")
    assert checkout.setup()[0] == 0


def test_two_at_once_both_end_well_and_one_builds(checkout: Checkout) -> None:
    both = [checkout.start() for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("building .venv" in text for text in said) == 1


def test_a_moved_checkout_gets_an_environment_that_works(ready: Checkout) -> None:
    moved = ready.folder.with_name("moved")
    ready.folder.rename(moved)
    ready.folder = moved
    assert ready.setup()[0] == 0
    pip = (moved / ".venv/bin/pip").read_text().splitlines()[0]
    assert str(moved) in pip


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"BATON_PYTHON": "python-that-is-not-there"}, "Baton needs Python 3.11 or newer"),
        ({"BATON_TERRAFORM": "terraform-that-is-not-there"}, "BATON_TERRAFORM names terraform-that-is-not-there"),
    ],
    ids=["no-python", "no-terraform"],
)
def test_what_is_missing_is_said_in_one_sentence(checkout: Checkout, variables: dict[str, str], sentence: str) -> None:
    code, said = checkout.setup(**variables)
    assert code == 1
    assert sentence in said.splitlines()[-1]
