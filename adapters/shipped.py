"""Where the Terraform modules, the playbooks and the deployments are that Baton ships: in an installation, or in a checkout."""

from pathlib import Path

from lifecycle.errors import BatonError

_ROOT = Path(__file__).resolve().parent.parent


class ShippedMissing(BatonError):
    """Files that belong to Baton are not where they should be."""


def terraform_dir() -> Path:
    """The folder that holds `modules/`."""
    return _find("terraform")


def playbooks_dir() -> Path:
    """The folder that holds `roles/` and the playbooks."""
    return _find("playbooks")


def prefect_file() -> Path:
    """The prefect.yaml with every verb's deployment."""
    return _find("prefect.yaml")


def _find(name: str) -> Path:
    # An installation has them inside the package `baton` (pyproject.toml, wheel.sources), a checkout at its top level.
    places = (_ROOT / "baton" / "_shipped" / name, _ROOT / name)
    for place in places:
        if place.exists():
            return place
    looked = " or ".join(str(place) for place in places)
    raise ShippedMissing(f"Baton's own {name} is missing: looked for {looked}", hint="install baton-lifecycle again")
