"""A moto server of its own for tests: an AWS-compatible API on loopback without hosts behind it."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.cloud.api import AwsSettings
from tests.support.sshd import free_port

REGION = "eu-west-1"
_SERVE = "from local_cloud.alone import answer_alone; answer_alone(); from moto.server import main; main()"


@contextmanager
def moto_server(*, images: bool = False) -> Iterator[AwsSettings]:
    """A running server, with or without moto's own images (they take it seconds to load); it ends with the block."""
    port = free_port()
    argv = [sys.executable, "-c", _SERVE, "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": str(images).lower()}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(argv, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        _await(f"{url}/moto-api/data.json", process)
        yield AwsSettings(endpoint_url=url, region=REGION, access_key="test", secret_key="test")
    finally:
        process.kill()
        process.wait(10)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the moto server did not start")
