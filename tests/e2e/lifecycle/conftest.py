"""One home with one local cloud and one engine for all tests of the whole lifecycle; everything ends with the session."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
BATON = Path(sys.executable).with_name("baton")


@dataclass(frozen=True)
class Ran:
    """How one command line ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The objects of `--json`."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def of(self, type: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == type]

    @property
    def result(self) -> dict[str, Any]:
        return self.of("result")[0]

    def finished(self, kind: str) -> list[str]:
        """Keys of the steps of a kind that ended."""
        return [line["step"] for line in self.of("step.finished") if line["step"].startswith(f"{kind}:")]


@dataclass(frozen=True)
class Baton:
    """The command line, as a user in some directory runs it."""

    home: Path
    directory: Path

    @property
    def environ(self) -> dict[str, str]:
        return os.environ | {"BATON_HOME": str(self.home), "NO_COLOR": "1"}

    def __call__(self, *words: str, timeout: float = 400, check: bool = True) -> Ran:
        done = subprocess.run(
            [str(BATON), *words],
            cwd=self.directory,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        if check and ran.code != 0:
            raise AssertionError(f"baton {' '.join(words)} ended with {ran.code}\n{ran.out}\n{ran.err}")
        return ran

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it and let it run; the caller ends it."""
        return subprocess.Popen(
            [str(BATON), *words],
            cwd=self.directory,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def connect_outside(self, address: str, port: int, timeout: float = 2) -> socket.socket | str:
        """A visitor's connection from outside, or why there is none: refused, timeout, ..."""
        broker = json.loads((self.home / "cloud" / "cloud.json").read_text())["broker"]
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(broker)
            question = {"dial": "outside", "host": address, "port": port, "timeout": timeout}
            asking.sendall(json.dumps(question).encode() + b"\n")
            data, descriptors, _, _ = socket.recv_fds(asking, 4096, 1)
        answer = json.loads(data)
        if not answer["ok"]:
            return str(answer["error"])
        connected = socket.socket(fileno=descriptors[0])
        connected.settimeout(10)
        return connected

    def dial_outside(self, address: str, port: int, timeout: float = 2) -> str:
        """What a visitor from outside finds at a port: open, refused, timeout."""
        found = self.connect_outside(address, port, timeout)
        if isinstance(found, str):
            return found
        found.close()
        return "open"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_home("bt", tmp_path_factory.mktemp("anywhere")) as path:
        yield path


@contextlib.contextmanager
def own_home(prefix: str, anywhere: Path) -> Iterator[Path]:
    """A home whose engine and cloud are stopped, and which is gone, at its end."""
    path = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir="/tmp"))  # short: sockets live below it
    baton = Baton(path, anywhere)
    try:
        yield path
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            baton("server", "stop", check=False, timeout=60)
        with contextlib.suppress(subprocess.TimeoutExpired):
            baton("cloud", "down", check=False, timeout=60)
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of a user's own: a copy of the examples in a tree with foreign folders named like Baton's rooms."""
    copy_examples(tmp_path)
    for name in ("flows", "adapters", "lifecycle", "baton"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('a module of the user was imported')\n")
    for name in ("prefect.py", "select.py", "yaml.py"):
        (tmp_path / name).write_text("raise RuntimeError('a module of the user was imported')\n")
    return tmp_path


@pytest.fixture
def baton(home: Path, project: Path) -> Baton:
    return Baton(home, project)


@pytest.fixture(scope="module")
def lasting(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Baton:
    """The command line in a project that lives through a whole file."""
    project = tmp_path_factory.mktemp("project")
    copy_examples(project)
    return Baton(home, project)


def copy_examples(into: Path) -> None:
    for part in ("examples", "terraform", "playbooks"):
        ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*")
        shutil.copytree(ROOT / part, into / part, ignore=ignored)


def end(process: subprocess.Popen[str]) -> None:
    """End a process that a test started, with its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
