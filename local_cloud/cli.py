"""The command line of the local cloud: up, down, status, ls, ssh, exec, logs, kill, image."""

from __future__ import annotations

import sys

from local_cloud import daemon, image
from local_cloud.errors import CloudError
from local_cloud.home import Home


def main(argv: list[str] | None = None) -> int:
    home = Home.default()
    try:
        image.check_tools()
        home.make()
        image.ensure(home.cache, lambda t: print(t, file=sys.stderr))
        return daemon.keep(home, 0)
    except CloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
