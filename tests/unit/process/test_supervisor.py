"""HOUSE promise 7: a cancelled or killed run leaves no lock and no child process. Real processes throughout."""

import fcntl
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

Gone = Callable[[int], bool]

STUBBORN = """
    signal.signal(signal.SIGINT, lambda *_: report("interrupted"))
    if os.fork() == 0:                       # daemonise: fork, own session, fork again, close everything
        os.setsid()
        if os.fork() == 0:
            for fd in (0, 1, 2):
                os.close(fd)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            report("daemon", os.getpid())
            signal.pause()
        os._exit(0)
    os.wait()
    report("tool", os.getpid())
    while True:
        signal.pause()
"""

POLITE = """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    def stop(*_):
        for _ in range(5000):
            print("saving state " + "x" * 100)
        sys.stdout.flush()
        print("saved", file=sys.stderr, flush=True)
        report("saved")
        os._exit(0)
    signal.signal(signal.SIGINT, stop)
    report("tool", os.getpid(), os.getppid())
    while True:
        signal.pause()
"""

CALLER = """
    from datetime import timedelta
    from pathlib import Path
    from adapters.process.runner import Command, run
    command = Command({argv!r}, Path({cwd!r}), os.environ, Path({lock!r}), grace=timedelta(seconds={grace}))
"""


def caller(bench: Any, argv: list[str], then: str, grace: float = 0.3) -> Any:
    body = CALLER.format(argv=argv, cwd=str(bench.folder), lock=str(bench.folder / "tool.lock"), grace=grace)
    return bench.caller(body + then)


def test_a_killed_caller_interrupts_the_tool_once_and_then_nothing_is_left(bench: Any, gone: Gone) -> None:
    process = caller(bench, bench.tool("stubborn", STUBBORN), "    run(command, lambda line: None)\n")
    reports = dict([bench.report(), bench.report()])
    os.kill(process.pid, signal.SIGKILL)
    assert bench.report() == ["interrupted"]
    assert gone(int(reports["tool"]))
    assert gone(int(reports["daemon"]))
    bench.script("marker", "")
    os.write(os.open(bench.fifo, os.O_WRONLY), b"the end\n")
    assert bench.report() == ["the", "end"], "a second interrupt was sent"


def test_a_tool_whose_reader_was_killed_can_still_say_goodbye(bench: Any, gone: Gone) -> None:
    """Without somebody who drains the pipes it would die of SIGPIPE before its state is saved."""
    process = caller(bench, bench.tool("polite", POLITE), "    run(command, lambda line: None)\n", grace=15)
    _, tool, supervisor = bench.report()
    os.kill(process.pid, signal.SIGKILL)
    assert bench.report() == ["saved"]
    assert gone(int(tool))
    assert gone(int(supervisor))


def test_the_caller_is_missed_even_when_its_child_inherited_the_pipe(bench: Any, gone: Gone) -> None:
    forks = """
    import threading
    thread = threading.Thread(target=run, args=(command, lambda line: None))
    thread.start()
    while True:
        if os.path.exists(os.path.join({folder!r}, "fork now")) and os.fork() == 0:
            report("sibling", os.getpid())
            time.sleep(30)
            os._exit(0)
        time.sleep(0.01)
"""
    process = caller(bench, bench.tool("polite", POLITE), forks.format(folder=str(bench.folder)), grace=15)
    _, tool, _ = bench.report()
    (bench.folder / "fork now").touch()
    word, sibling = bench.report()
    assert word == "sibling"
    (bench.folder / "fork now").unlink()
    os.kill(process.pid, signal.SIGKILL)
    try:
        while (said := bench.report())[0] == "sibling":
            os.kill(int(said[1]), signal.SIGKILL)
        assert said == ["saved"]
        assert gone(int(tool))
    finally:
        os.kill(int(sibling), signal.SIGKILL)


def test_the_end_of_the_thread_that_started_the_tool_is_nothing_to_the_tool(bench: Any, gone: Gone) -> None:
    threads = """
    import threading
    from adapters.process import runner
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    thread = threading.Thread(target=lambda: globals().update(held=runner._Held(command, lambda line: None)))
    thread.start()
    thread.join()
    report("thread ended")
    signal.sigwait({signal.SIGUSR1})
    held.stop()
    report("returned", held.process.returncode)
"""
    tool = """
    signal.signal(signal.SIGINT, lambda *_: (report("interrupted"), os._exit(0)))
    signal.signal(signal.SIGUSR1, lambda *_: report("alive"))
    report("tool", os.getpid())
    while True:
        signal.pause()
"""
    process = caller(bench, bench.tool("waiting", tool), threads)
    said = sorted([bench.report(), bench.report()])
    assert said[0] == ["thread", "ended"]
    pid = int(said[1][1])
    os.kill(pid, signal.SIGUSR1)
    assert bench.report() == ["alive"]
    os.kill(process.pid, signal.SIGUSR1)
    assert bench.report() == ["interrupted"]
    assert bench.report() == ["returned", "0"]
    assert gone(pid)


def test_a_tool_whose_supervisor_was_killed_is_told_to_stop_and_keeps_the_lock_until_it_has(
    bench: Any, gone: Gone
) -> None:
    waits = """
    def stop(*_):
        report("stopping")
        signal.sigwait({signal.SIGUSR1})
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.signal(signal.SIGINT, stop)
    report("tool", os.getpid(), os.getppid())
    while True:
        signal.pause()
"""
    caller(bench, bench.tool("waits", waits), "    run(command, lambda line: None)\n")
    _, tool, supervisor = bench.report()
    os.kill(int(supervisor), signal.SIGKILL)
    assert bench.report() == ["stopping"]
    assert not lock_is_free(bench.folder / "tool.lock")
    os.kill(int(tool), signal.SIGUSR1)
    assert gone(int(tool))
    assert lock_is_free(bench.folder / "tool.lock")


def test_a_tool_whose_supervisor_was_killed_can_still_say_goodbye_to_its_caller(bench: Any, gone: Gone) -> None:
    """The caller lives and has nobody to wait for any more; were it to let go of the pipes, SIGPIPE would end the tool unsaved."""
    pauses = """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    def stop(*_):
        time.sleep(0.5)  # as Terraform does while a provider's call ends
        print("saving state", flush=True)
        time.sleep(0.5)
        print("saved", flush=True)
        report("saved")
        os._exit(0)
    signal.signal(signal.SIGINT, stop)
    report("tool", os.getpid(), os.getppid())
    while True:
        signal.pause()
"""
    then = """    report("returned", run(command, lambda line: None).returncode)\n    time.sleep(30)\n"""
    caller(bench, bench.tool("pauses", pauses), then, grace=15)
    _, tool, supervisor = bench.report()
    os.kill(int(supervisor), signal.SIGKILL)
    assert bench.report() == ["saved"]
    assert bench.report() == ["returned", "247"]  # the supervisor's end, for want of the tool's
    assert gone(int(tool))


def test_the_lock_file_names_who_holds_it_and_is_private(bench: Any) -> None:
    caller(bench, bench.tool("polite", POLITE), "    run(command, lambda line: None)\n")
    _, tool, supervisor = bench.report()
    lock = bench.folder / "tool.lock"
    # The supervisor signs the lock right after the tool started: the tool's first report may be faster.
    while not (text := lock.read_text()):
        os.sched_yield()
    holder = json.loads(text)
    assert (holder["tool"], holder["pid"]) == (int(tool), int(supervisor))
    assert holder["argv0"] == Path(bench.tool("polite", POLITE)[0]).name
    assert holder["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert holder["started"] > 0
    assert lock.stat().st_mode & 0o777 == 0o600


def lock_is_free(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
