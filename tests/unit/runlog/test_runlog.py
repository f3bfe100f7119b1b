"""What a run said, kept in a file of its own."""

import stat
from datetime import UTC, datetime
from pathlib import Path

from adapters import runlog
from lifecycle.environment import EnvironmentRef
from lifecycle.events import Event

REF = EnvironmentRef("shop", "dev")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def write(home: Path, run: int, *messages: str) -> None:
    log = runlog.RunLog(home, REF)
    log(Event(NOW, "too.early", "before the run has a number"))
    log(Event(NOW, "run.started", f"up r{run}", data={"run": run}))
    for message in messages:
        log(Event(NOW, "task.ok", message, step="configure:web"))
    log.close()


def test_events_are_read_back_in_order(tmp_path: Path) -> None:
    write(tmp_path, 1, "one", "two")
    assert [e["message"] for e in runlog.read(tmp_path, REF, 1)] == ["up r1", "one", "two"]


def test_only_the_owner_can_read_a_log(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (path,) = runlog.directory(tmp_path, REF).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_a_kill_cut_off_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, 1, "whole")
    with (runlog.directory(tmp_path, REF) / "1.jsonl").open("a") as file:
        file.write('{"at": "2026')
    assert [e["message"] for e in runlog.read(tmp_path, REF, 1)] == ["up r1", "whole"]


def test_the_oldest_logs_make_room(tmp_path: Path) -> None:
    for run in range(1, runlog.KEPT + 4):
        write(tmp_path, run)
    assert runlog.runs(tmp_path, REF) == list(range(4, runlog.KEPT + 4))


def test_a_log_that_cannot_be_written_is_told_once_and_ends_no_run(tmp_path: Path) -> None:
    told: list[Event] = []
    folder = runlog.directory(tmp_path, REF)
    folder.mkdir(parents=True)
    (folder / "1.jsonl").symlink_to("/dev/full")
    log = runlog.RunLog(tmp_path, REF, told.append)
    for kind in ("run.started", "task.ok", "task.ok"):
        log(Event(NOW, kind, "words", data={"run": 1}))
    log.close()
    assert [(e.type, e.message) for e in told] == [
        ("log.lost", "the log of this run cannot be written: No space left on device; the run goes on")
    ]
