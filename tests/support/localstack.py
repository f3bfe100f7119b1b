"""LocalStack in an environment of its own: its copy of moto owns the same package as moto, so the two cannot share one."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.sshd import free_port
from tests.support.terraform import ROOT

OPTION = "--localstack"
HOME = ROOT / ".cache/localstack"
LOCK = ROOT / "requirements-localstack.lock"
AMIS = ROOT / "local_cloud/data/amis.json"
START_SECONDS = 120


class NoLocalStack(Exception):
    """There is no LocalStack here, and why."""


def python(*, install: bool) -> Path:
    """The interpreter of the environment, made from the lock where `install` says so. Raises NoLocalStack."""
    stamp, interpreter = HOME / "stamp", HOME / "venv/bin/python"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and interpreter.exists():
        return interpreter
    if not install:
        raise NoLocalStack("LocalStack is not installed; `make localstack` installs it and runs the tests that use it")
    shutil.rmtree(HOME, ignore_errors=True)
    pip = [str(interpreter), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    for argv in ([sys.executable, "-m", "venv", str(HOME / "venv")], [*pip, "--require-hashes", "-r", str(LOCK)]):
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise NoLocalStack(f"LocalStack cannot be installed here: {done.stderr.strip()[-500:]}")
    stamp.write_text(wanted)
    return interpreter


@contextmanager
def at_localstack(config: pytest.Config, scratch: Path) -> Iterator[str]:
    """A running LocalStack's URL, installed first where the option says so; skips the test where it cannot be had."""
    try:
        interpreter = python(install=bool(config.getoption(OPTION)))
    except NoLocalStack as reason:
        pytest.skip(str(reason))
    with localstack(interpreter, scratch) as url:
        yield url


@contextmanager
def localstack(interpreter: Path, scratch: Path) -> Iterator[str]:
    """A running LocalStack on loopback; gives its URL. It ends with the block, and everything that it started."""
    port = free_port()
    log = scratch / "localstack.log"
    argv = [str(interpreter), "-m", "localstack.runtime.main"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "FILESYSTEM_ROOT": str(scratch),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "hypercorn",  # the default one listens on every address, whatever GATEWAY_LISTEN says
        "OVERRIDE_IN_DOCKER": "0",
        "SERVICES": "ec2,sts,iam,s3,kms,ssm,resourcegroupstaggingapi",
        "MOTO_AMIS_PATH": str(AMIS),  # the images that the examples look for; its own have no Debian
        # nothing that looks beyond this machine
        "DISABLE_EVENTS": "1",
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await(f"{url}/_localstack/health", process, log)
        yield url
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"LocalStack did not start:\n{log.read_text(errors='replace')[-2000:]}")
