"""Which pages are generated, and from what."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from lifecycle.blueprint.schema import schema
from scripts.docs import blueprint, commands

ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = ROOT / "docs" / "reference"


def _schema() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: Final[Mapping[Path, Callable[[], str]]] = {
    REFERENCE / "blueprint.md": blueprint.page,
    REFERENCE / "blueprint.schema.json": _schema,
    REFERENCE / "commands.md": commands.page,
}


def stale() -> list[Path]:
    """Pages that are not what the program would write today."""
    return [path for path, made in PAGES.items() if not path.is_file() or path.read_text(encoding="utf-8") != made()]


def write() -> None:
    """Every page anew."""
    for path, made in PAGES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made(), encoding="utf-8")
