"""A run whose output nobody reads any more goes on: its worker was killed."""

import subprocess
import sys
from pathlib import Path

RUN = """
import logging, pathlib, sys, time
from prefect.logging.configuration import setup_logging
from flows.console import outlive_its_reader
setup_logging()
if "left-alone" not in sys.argv:
    outlive_its_reader()
logger = logging.getLogger("prefect.flow_runs.test")
logger.propagate = True
logger.info("ready")
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
for n in range(3):
    logging.getLogger("prefect").warning("nobody reads this: %s", n)
pathlib.Path(sys.argv[2]).write_text("went on")
"""


def run(tmp_path: Path, *words: str) -> tuple[int, bool]:
    """(exit code, whether it came to its end) of a process whose reader goes while it works."""
    closed, end = tmp_path / "closed", tmp_path / "end"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(closed), str(end), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    process.stdout.close()
    closed.touch()
    return process.wait(50), end.is_file()


def test_a_run_goes_on_when_its_output_has_no_reader(tmp_path: Path) -> None:
    assert run(tmp_path) == (0, True)


def test_left_alone_the_engines_handler_ends_the_process(tmp_path: Path) -> None:
    assert run(tmp_path, "left-alone")[1] is False
