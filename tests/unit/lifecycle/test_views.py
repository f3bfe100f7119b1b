"""What a terminal shows of an environment and of its past."""

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console, RenderableType

from baton.views import LONGEST, environment_lines, history_table, named
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.journal import Journal, Kind, Record, Status
from lifecycle.ledger import Draft, append

SHOP = EnvironmentRef("shop", "dev")
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def shown(*things: RenderableType, width: int = 100) -> list[str]:
    out = Console(file=io.StringIO(), width=width, no_color=True)
    out.print(*things, sep="\n")
    assert isinstance(out.file, io.StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


def check(name: str, run: int, minutes: int, status: Status, message: str) -> Record:
    at = NOW - timedelta(minutes=minutes)
    return Record(Kind.VERIFY, name, "", run, at, at, status, message)


def test_a_failed_environment_shows_older_looks_as_such_what_shows_more_and_the_next_command() -> None:
    e = Environment(SHOP, Phase.FAILED, NOW, NOW, "verify open: no", blueprint_path="b.yaml", run=4)
    looks = [check("open", 4, 1, Status.FAILED, "no"), check("runs", 3, 9, Status.OK, "it runs")]
    assert shown(*environment_lines(e, [], Journal.of(looks), None, NOW)) == [
        "shop/dev  failed  run 4, 0s old",
        "  verify open: no",
        "",
        "check     ago         evidence",
        "open   ✗  1m          no",
        "runs   ✓  9m (run 3)  it runs",
        "  run 4 did not come to 1 of 2 checks: these are older looks",
        "",
        "see:  baton logs shop/dev --step verify:open",
        "next: baton up b.yaml --env dev",
    ]


def test_a_ready_environment_has_nothing_to_see_into() -> None:
    e = Environment(SHOP, Phase.READY, NOW, NOW, blueprint_path="b.yaml", run=4)
    lines = shown(*environment_lines(e, [], Journal.of([check("open", 4, 1, Status.OK, "yes")]), None, NOW))
    assert lines[-1] == "next: baton hosts shop/dev"
    assert not [line for line in lines if line.startswith("see:") or "older looks" in line]


def test_every_host_of_a_batch_is_called_by_its_name() -> None:
    names = {"i-1": "web-1", "i-2": "web-2"}
    assert named("configure:web@i-1,i-2,i-3", names) == "configure:web@web-1,web-2,i-3"
    assert named("await:i-2", names) == "await:web-2"
    assert named("run", names) == "run"


def test_the_history_is_for_looking_over_and_cuts_long_words() -> None:
    data = {"run": 1, "step": "apply:main", "status": "failed", "message": "x" * 500}
    entry = append(Draft("baton.step.finished", "shop/dev", NOW, data), head=None, event_id="1", source="baton")
    [words] = [line for line in shown(history_table([entry], {}), width=400) if "apply:main" in line]
    assert words.endswith("x…")
    assert words.count("x") == LONGEST - len("failed …")
