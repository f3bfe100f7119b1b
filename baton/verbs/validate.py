"""`baton validate`: is this blueprint right?"""

from adapters import settings
from adapters.blueprints import read_blueprint
from adapters.locator import locate
from baton import console
from baton.options import Blueprint, Json
from lifecycle.blueprint.problems import BlueprintInvalid
from lifecycle.report.words import counted


def validate(blueprint: Blueprint = ".", *, json: Json = False) -> int:
    """Check a blueprint: every problem at once, each with file:line:column."""
    path = locate(blueprint, settings.load()).path
    try:
        found = read_blueprint(path)
    except BlueprintInvalid as invalid:
        if not json:
            raise
        for p in invalid.problems:
            console.emit("problem", file=p.file, line=p.line, column=p.column, path=p.path, message=p.message,
                         expected=p.expected, suggestion=p.suggestion)  # fmt: skip
        return int(invalid.exit_code)
    from adapters.assessor import judged  # rules and prices: no other verb pays for them

    judged(found, path.parent, settings.load())
    parts = ", ".join(
        (
            counted(len(found.stacks), "stack"),
            counted(len(found.configure), "configure step"),
            counted(len(found.checks), "check"),
        )
    )
    if json:
        console.emit("valid", blueprint=found.name, file=str(path))
    else:
        console.out.print(f"[green]✓[/] {found.name} is valid: {parts}")
    return 0
