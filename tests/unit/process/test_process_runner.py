"""Running one command: streams, exit codes, cancelling, deadlines, locks. Real processes throughout."""

import os
import re
import selectors
import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.process.runner import TAIL, Command, ToolBusy, ToolNotStarted, run
from lifecycle.ports import Cancellation
from lifecycle.scrub import CUT

Gone = Callable[[int], bool]
ENV: Mapping[str, str] = dict(os.environ)

ENDLESS = """
    signal.signal(signal.SIGINT, lambda *_: (os.write(1, b"stopping\\n"), os._exit(3)))
    print("running", flush=True)
    while True:
        signal.pause()
"""
DEAF = """
    signal.signal(signal.SIGINT, lambda *_: report("interrupted"))
    report("tool", os.getpid())
    print("running", flush=True)
    while True:
        signal.pause()
"""


def sh(folder: Path, script: str, **options: Any) -> Command:
    return Command(("sh", "-c", script), folder, ENV, **options)


def test_stdout_and_stderr_come_through_untouched_and_apart(tmp_path: Path) -> None:
    finished = run(sh(tmp_path, r"printf 'a\0b\377\r\n'; printf 'oh\n' >&2"))
    assert finished.stdout == b"a\0b\xff\r\n"
    assert finished.stderr == "oh\n"
    assert finished.ok


def test_lines_are_handed_over_as_they_come_in_utf_8_with_replacement(tmp_path: Path) -> None:
    lines: list[str] = []
    finished = run(sh(tmp_path, r"printf 'gr\303\274n\nbad \377\n\nno end'"), lines.append)
    assert lines == ["grün", "bad \ufffd", "", "no end"]
    assert finished.stdout == b""


def test_nothing_is_lost_where_a_tool_writes_and_ends_between_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine so busy that we did not run meanwhile."""

    class Held(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> Any:
            looks.append(timeout)
            if len(looks) == 1:
                ended = time.monotonic() + 20
                while not list(tmp_path.glob("ended")) and time.monotonic() < ended:
                    time.sleep(0.01)
                time.sleep(0.5)  # for its supervisor
                return []
            return super().select(timeout)

    looks: list[float | None] = []
    monkeypatch.setattr(selectors, "DefaultSelector", Held)
    finished = run(sh(tmp_path, "printf 'all of it'; printf oh >&2; touch ended"))
    assert (finished.stdout, finished.stderr, finished.ok) == (b"all of it", "oh", True)


def test_a_line_is_cut_at_its_limit_and_the_next_one_is_whole(tmp_path: Path) -> None:
    lines: list[str] = []
    run(sh(tmp_path, "echo abcdefgh; echo next", line_limit=5), lines.append)
    assert lines == ["abcde", "next"]


def test_only_the_end_of_a_long_stderr_is_kept(tmp_path: Path) -> None:
    finished = run(sh(tmp_path, f"head -c {3 * TAIL} /dev/zero | tr '\\0' x >&2; echo why >&2"))
    assert finished.stderr.startswith(CUT)  # what follows may be half a secret
    assert len(finished.stderr) == len(CUT) + TAIL
    assert finished.stderr.endswith("xwhy\n")


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 2", 2), ("exit 255", 255), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_tools(tmp_path: Path, script: str, code: int) -> None:
    assert run(sh(tmp_path, script)).returncode == code


def test_what_the_tool_leaves_behind_dies_with_it(tmp_path: Path, bench: Any, gone: Gone) -> None:
    script = f"setsid sh -c 'trap \"\" TERM INT HUP; echo left $$ >{bench.fifo}; sleep 60' >/dev/null 2>&1 & wait $!"
    tool = sh(tmp_path, f"({script}) & read line <&- ; exec sleep 0.3")
    finished = run(tool)
    assert finished.returncode == 0
    assert gone(int(bench.report()[1]))


def test_the_tool_gets_the_environment_the_folder_and_no_input(tmp_path: Path) -> None:
    command = Command(("sh", "-c", 'echo "$WORD"; pwd; cat'), tmp_path, {"PATH": os.environ["PATH"], "WORD": "here"})
    assert run(command).stdout.decode().split() == ["here", str(tmp_path)]


def test_the_tool_inherits_no_descriptor_of_ours_but_its_lock(tmp_path: Path) -> None:
    finished = run(sh(tmp_path, "ls -l /proc/self/fd", lock_file=tmp_path / "lock"))
    targets = [line.split("-> ")[1] for line in finished.stdout.decode().splitlines() if "-> " in line]
    assert len([t for t in targets if "pipe:" in t]) == 2, targets
    assert str(tmp_path / "lock") in targets


def test_ignored_signals_are_not_handed_on(tmp_path: Path) -> None:
    status = run(sh(tmp_path, "grep SigIgn /proc/self/status")).stdout.split()[1]
    assert int(status, 16) & 0x7FFFFFFF == 0  # 32 and above are the C library's own, out of everybody's reach


def test_a_cancelled_run_lets_the_tool_finish(bench: Any) -> None:
    cancel = Cancellation()
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "running":
            cancel.request()

    finished = run(Command(bench.tool("endless", ENDLESS), bench.folder, ENV), on_line, cancel)
    assert lines == ["running", "stopping"]
    assert (finished.returncode, finished.cancelled, finished.ok) == (3, True, False)


def test_an_urgent_cancellation_kills(bench: Any, gone: Gone) -> None:
    cancel = Cancellation()

    def twice() -> None:
        bench.tool_pid = int(bench.report()[1])
        cancel.request()
        assert bench.report() == ["interrupted"]
        cancel.request()

    helper = threading.Thread(target=twice)
    helper.start()
    finished = run(Command(bench.tool("deaf", DEAF), bench.folder, ENV), cancel=cancel)
    helper.join()
    assert finished.cancelled
    assert finished.returncode == 128 + signal.SIGKILL
    assert gone(bench.tool_pid)


def test_a_tool_that_outstays_its_deadline_and_its_grace_is_killed(bench: Any, gone: Gone) -> None:
    command = Command(bench.tool("deaf", DEAF), bench.folder, ENV, grace=timedelta(seconds=0.1))
    finished = run(command, deadline=timedelta(seconds=0.4))
    assert finished.timed_out
    assert not finished.cancelled
    assert finished.returncode == 137
    assert gone(int(bench.report()[1]))


def test_an_exception_in_the_callback_stops_the_tool_and_comes_out(bench: Any, gone: Gone) -> None:
    def on_line(line: str) -> None:
        raise LookupError(line)

    command = Command(bench.tool("deaf", DEAF), bench.folder, ENV, grace=timedelta(seconds=0.1))
    with pytest.raises(LookupError, match="running"):
        run(command, on_line)
    assert gone(int(bench.report()[1]))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    run(sh(tmp_path, "true"))
    with pytest.raises(ToolNotStarted):
        run(Command(("no-such-tool",), tmp_path, ENV))
    with pytest.raises(ToolNotStarted):
        run(sh(tmp_path / "nowhere", "true"))
    with pytest.raises(ZeroDivisionError):
        run(sh(tmp_path, "echo"), lambda line: print(1 // 0))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_missing_tool_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolNotStarted, match="no-such-tool: No such file"):
        run(Command(("no-such-tool",), tmp_path, ENV))


def test_a_second_tool_on_the_same_lock_is_refused_and_told_who_holds_it(bench: Any) -> None:
    lock = bench.folder / "lock"
    cancel = Cancellation()
    first = Command(bench.tool("endless", ENDLESS), bench.folder, ENV, lock)
    second = sh(bench.folder, "echo never", lock_file=lock)
    caught: list[ToolBusy] = []

    def on_line(line: str) -> None:
        if line == "running":
            with pytest.raises(ToolBusy) as refused:
                run(second)
            caught.append(refused.value)
            cancel.request()

    run(first, on_line, cancel)
    assert re.search(r"still at work here: python\S* \(process \d+", caught[0].message)
    assert run(second).stdout == b"never\n"


def test_a_second_tool_may_wait_for_the_first(bench: Any) -> None:
    lock = bench.folder / "lock"
    first = Command(bench.tool("endless", ENDLESS), bench.folder, ENV, lock)
    second = sh(bench.folder, "echo at last", lock_file=lock, lock_wait=timedelta(seconds=20))
    cancel = Cancellation()
    results: list[bytes] = []
    waiter = threading.Thread(target=lambda: results.append(run(second).stdout))

    def on_line(line: str) -> None:
        if line == "running":
            waiter.start()
            cancel.request()

    run(first, on_line, cancel)
    waiter.join()
    assert results == [b"at last\n"]


def test_a_command_shows_no_environment(tmp_path: Path) -> None:
    assert "s3cret" not in repr(Command(("true",), tmp_path, {"TOKEN": "s3cret"}))


def test_a_tool_that_has_just_begun_is_interrupted_when_it_has_settled(bench: Any) -> None:
    """As Terraform's apply: what comes before it listens would be lost, or end it without a goodbye."""
    slow_to_listen = (
        "import signal, sys, time\ntime.sleep(0.3)\nsignal.signal(2, lambda *_: sys.exit(3))\ntime.sleep(60)\n"
    )
    cancel = Cancellation()
    cancel.request()
    command = Command(bench.tool("slow", slow_to_listen), bench.folder, ENV, settle=timedelta(seconds=1.5))
    finished = run(command, None, cancel)
    assert (finished.returncode, finished.cancelled) == (3, True)
