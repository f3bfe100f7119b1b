"""`baton version`: what is installed."""

import platform
from importlib.metadata import version as version_of

from baton import console
from baton.options import Json

_SHOWN = ("prefect", "ansible-core", "ansible-runner", "python-terraform", "pydantic")


def version(*, json: Json = False) -> int:
    """Show the versions of Baton and of what it stands on."""
    versions = {"baton": version_of("baton-lifecycle"), "python": platform.python_version()}
    versions |= {name: version_of(name) for name in _SHOWN}
    if json:
        console.emit("version", **versions)
        return 0
    for name, number in versions.items():
        console.out.print(f"{name:18} {number}")
    return 0
