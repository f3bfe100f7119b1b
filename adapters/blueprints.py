"""Blueprints on disk."""

from pathlib import Path

from lifecycle.blueprint.loader import load
from lifecycle.blueprint.model import Blueprint
from lifecycle.errors import BatonError, ExitCode

NAMES = ("blueprint.yaml", "blueprint.yml")


class NoBlueprint(BatonError):
    """There is no blueprint at this path."""

    exit_code = ExitCode.USAGE


def find_blueprint(path: str) -> Path:
    """The blueprint's file, from its path or its folder's. Raises NoBlueprint."""
    given = Path(path).expanduser()
    candidates = [given / name for name in NAMES] if given.is_dir() else [given]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    hint = f"give the path of a blueprint's file, or of a folder with a {NAMES[0]} in it"
    raise NoBlueprint(f"there is no blueprint at {path}", hint=hint)


def read_blueprint(path: Path) -> Blueprint:
    """Load a blueprint's file. Raises BlueprintInvalid with every problem, NoBlueprint when it cannot be read."""
    try:
        return load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise NoBlueprint(f"{path} cannot be read: {error}") from None
