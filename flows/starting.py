"""Where a run of a deployment starts: a pull step of prefect.yaml."""

from adapters import settings
from adapters.settings import make_private


def own_directory() -> dict[str, str]:
    """A directory of Baton's own, on the machine that the run starts on: it holds nothing that could be imported or read."""
    place = settings.load().home / "start"
    make_private(place)
    return {"directory": str(place)}
