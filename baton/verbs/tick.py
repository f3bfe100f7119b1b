"""`baton tick`: do what is due now."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from baton import console
from baton.options import Json
from lifecycle.asking import overdue
from lifecycle.due import LIMIT, due
from lifecycle.lease import expiring

Limit = Annotated[
    int, Parameter(help="How many environments to work on at most; those that waited longest come first.")
]


def tick(*, limit: Limit = LIMIT, json: Json = False) -> int:
    """Resume runs that died, retry teardowns, warn of leases that end, and take down what has reached its end."""
    if not _anything():
        if json:
            console.emit("tick", done=[], failed=[], left=[])
        else:
            console.out.print("nothing is due")
        return 0
    from baton.running import call_flow

    ticked = call_flow("tick", {"limit": limit}, as_json=json, answer="ticked")
    if json:
        console.emit("tick", done=ticked.done, failed=ticked.failed, left=ticked.left)
        return 1 if ticked.failed else 0
    for mark, lines in (("[green]✓[/]", ticked.done), ("[red]✗[/]", ticked.failed), ("[dim]·[/]", ticked.left)):
        for line in lines:
            console.out.print(mark, end=" ")
            console.out.print(line, markup=False)
    if not (ticked.done or ticked.failed or ticked.left):
        console.out.print(ticked.words)
    return 1 if ticked.failed else 0


def _anything() -> bool:
    """Whether there is anything to do, asked of the store alone: nothing is started where there is not."""
    from adapters.registry import open_store

    now = datetime.now(UTC)
    with open_store(settings_of.load()) as store:
        return any(due(e, now) or expiring(e, now) or overdue(e, now) for e in store.environments())
