"""`baton cloud`: the local cloud, a program of its own. The only place that imports it."""

import os
from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from adapters.settings import Settings, make_private
from baton import console
from lifecycle.errors import BatonError

Words = Annotated[str, Parameter(allow_leading_hyphen=True, help="A verb of the local cloud and its arguments.")]


def cloud(*words: Words) -> int:
    """The local cloud: up, down, status, ls, ssh, exec, logs, kill, image. See: baton cloud --help"""
    from local_cloud import cli

    _point_at(settings_of.load())
    return cli.main(list(words) or ["--help"])


def ensure(settings: Settings) -> None:
    """The local cloud is up when this returns; it is started if it was not. Raises BatonError with the reason."""
    from local_cloud import control
    from local_cloud.errors import CloudError
    from local_cloud.home import Home

    _point_at(settings)
    home = Home.default()
    try:
        if control.running(home) is None:
            control.up(home, 0, console.tell)
    except CloudError as error:
        raise BatonError(f"the local cloud does not start: {error.message}", hint=error.hint) from None


def _point_at(settings: Settings) -> None:
    """One home for both programs, whatever setting named it."""
    make_private(settings.home)
    os.environ["BATON_CLOUD_HOME"] = str(settings.cloud_home)
    os.environ["BATON_CACHE"] = str(settings.cache)
