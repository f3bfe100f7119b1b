"""Runs one command of a foreign tool under the supervisor: streams, stops, and says how it ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from lifecycle.errors import BatonError, ExitCode
from lifecycle.ports import Cancellation
from lifecycle.scrub import CUT

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LOOK_SECONDS = 0.05
"""How often a cancellation and the deadline are looked at; output is taken as it comes."""
CLEANUP = timedelta(seconds=15)
"""How long the supervisor may take to kill what is left once the grace is over, before it is itself given up."""
LINE_LIMIT = 1 << 20
"""Bytes of one streamed line that are kept. The longest lines are resources in Terraform's JSON stream: kilobytes."""
TAIL = 64 << 10
"""Bytes of stderr that are kept: its end, where tools say what went wrong."""
CAPTURE_LIMIT = 512 << 20
"""Bytes of captured stdout that are taken. `show -json` of 10,000 resources has 20 MB."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run and how to hold it. `env` is the whole environment. Never a secret in `argv`: anybody can read it."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)  # holds secrets
    lock_file: Path | None = None  # held as long as anything of the tool lives; its directory must exist
    lock_wait: timedelta = timedelta(0)  # how long to wait for another tool that holds it
    interrupt_signal: signal.Signals = signal.SIGINT
    grace: timedelta = timedelta(seconds=30)  # from the interrupt to SIGKILL
    orphan_grace: timedelta | None = None  # the same when we are gone ourselves; None: no longer
    settle: timedelta = timedelta(0)  # from the tool's start until it takes an interrupt
    line_limit: int = LINE_LIMIT


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. 128 + n in `returncode` means signal n."""

    returncode: int
    stderr: str  # its last TAIL bytes
    stdout: bytes = field(default=b"", repr=False)  # only where no line callback was given
    cancelled: bool = False
    timed_out: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and not self.cancelled and not self.timed_out


class ToolNotStarted(BatonError):
    """A tool could not be started."""

    def __init__(self, message: str = "", *, hint: str = "", facts: Mapping[str, Any] | None = None) -> None:
        advice = "is it installed and may this user run it, and is there memory left (`free -h`)? Then run it again"
        super().__init__(message, hint=hint or advice, facts=facts)


class ToolBusy(BatonError):
    """Another process of the same tool still works here."""

    exit_code = ExitCode.LOCKED


class OutputTooLong(BatonError):
    """A tool wrote more than can be taken."""


def run(
    command: Command,
    on_stdout_line: Callable[[str], None] | None = None,
    cancel: Cancellation | None = None,
    deadline: timedelta = timedelta(hours=1),
) -> Finished:
    """Run a command to its end; lines of stdout go to the callback as they come (without it, stdout is in the result).

    A requested cancellation, or the deadline, interrupts the tool once and lets it finish within its grace; an urgent
    one kills it. Whatever is raised in here (by the callback, or KeyboardInterrupt) stops the tool in the same way
    before it goes on. Raises ToolNotStarted, ToolBusy (naming the holder), OutputTooLong, and LostLock with nothing started.
    """
    cancel = cancel or Cancellation()
    cancel.before_tool()
    held = _Held(command, on_stdout_line)
    try:
        held.follow(cancel, deadline)
    except BaseException:
        held.stop()
        raise
    finally:
        held.close()
    return held.finished()


class _Held:
    """A running supervisor with its pipes."""

    def __init__(self, command: Command, on_line: Callable[[str], None] | None) -> None:
        self.command = command
        self.out: _Lines | _Capture = _Lines(on_line, command.line_limit) if on_line else _Capture()
        self.err = _Tail()
        self.said: dict[str, dict[str, Any]] = {}
        self.cancelled = self.timed_out = self.killed = False
        self.began = self.ended = time.monotonic()
        self.orphaned_at = 0.0  # monotonic; since when the tool has no supervisor
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        control_read, self.control = os.pipe()
        self.status, status_write = os.pipe()
        theirs = (out_write, err_write, control_read, status_write)
        self.readers: dict[int, _Lines | _Capture | _Tail] = {out_read: self.out, err_read: self.err}
        argv = _supervised(command, control_read, status_write, (out_read, err_read))
        try:
            self.process = subprocess.Popen(
                argv,
                cwd=command.cwd,
                env=dict(command.env),
                stdin=subprocess.DEVNULL,
                stdout=out_write,
                stderr=err_write,
                pass_fds=(control_read, status_write, out_read, err_read),
                start_new_session=True,
            )
        except OSError as error:
            for fd in (*self.readers, self.control, self.status):
                os.close(fd)
            raise ToolNotStarted(
                f"{command.argv[0]} could not be started in {command.cwd}: {error.strerror}"
            ) from error
        finally:
            for fd in theirs:
                os.close(fd)

    def follow(self, cancel: Cancellation, deadline: timedelta) -> None:
        """Take the output until the supervisor, and with it everything below it, has ended."""
        last = self.began + deadline.total_seconds()
        with selectors.DefaultSelector() as selector:
            for fd in self.readers:
                selector.register(fd, selectors.EVENT_READ)
            while selector.get_map():
                ready = self._look(selector, LOOK_SECONDS)
                if not ready and self.process.poll() is not None and self._nobody_stops():
                    self._take_the_rest(selector)
                    break
                if cancel.urgent and not self.killed:
                    self.cancelled = self.killed = True
                    self._ask(b"k")
                elif cancel.requested and not self.cancelled:
                    self.cancelled = True
                    self._ask(b"i")
                elif time.monotonic() > last and not self.timed_out:
                    self.timed_out = True
                    self._ask(b"i")
        self.process.wait(CLEANUP.total_seconds())
        self.ended = time.monotonic()
        self.out.close()
        with open(self.status, "rb", closefd=False) as file:
            lines = [json.loads(line) for line in file.read().splitlines() if line]
        self.said = {line["status"]: line for line in lines}

    def _look(self, selector: selectors.BaseSelector, seconds: float) -> bool:
        """Take what there is within so many seconds; whether there was anything."""
        ready = selector.select(seconds)
        for key, _ in ready:
            if not self._take(key.fd):
                selector.unregister(key.fd)
        return bool(ready)

    def _take_the_rest(self, selector: selectors.BaseSelector) -> None:
        """What was written after the last look and before the supervisor's end: on a busy machine that may be all of it."""
        last = time.monotonic() + CLEANUP.total_seconds()
        while self._look(selector, 0) and time.monotonic() < last:
            pass

    def _nobody_stops(self) -> bool:
        """With the supervisor gone: whether there is no tool to wait for. A process stuck in the kernel may hold the pipes for ever.

        Where the supervisor was killed, the kernel has told the tool to stop. It keeps its reader for as long as it may take:
        let go of, it would die of SIGPIPE with its state unsaved.
        """
        if self.process.returncode >= 0:
            return True
        now, command = time.monotonic(), self.command
        self.orphaned_at = self.orphaned_at or now
        return now > self.orphaned_at + (command.settle + command.grace).total_seconds()

    def stop(self) -> None:
        """Interrupt, wait out the grace; a second exception meanwhile kills."""
        self._ask(b"i")
        try:
            self._drain(self.command.settle + self.command.grace + CLEANUP)
        except BaseException:
            self._ask(b"k")
            self._drain(CLEANUP)
            raise

    def close(self) -> None:
        """Let go of the pipes. A supervisor that should still live takes the closed pipe as the caller's end."""
        for fd in (*self.readers, self.control, self.status):
            os.close(fd)

    def finished(self) -> Finished:
        """The result, or what the supervisor had to say instead of starting the tool."""
        said = self.said
        tool = Path(self.command.argv[0]).name
        if "busy" in said and not self.cancelled:
            raise ToolBusy(
                f"another {tool} is still at work here: {_holder(said['busy'].get('holder', ''))}",
                hint="a run that was killed lets its tool finish gracefully; wait for it and run again",
                facts={"lock_file": str(self.command.lock_file)},
            )
        if "refused" in said and not self.cancelled:
            raise ToolNotStarted(f"could not start {said['refused']['error']}")
        if "started" not in said and not self.cancelled:
            raise ToolNotStarted(
                f"{tool}: its supervisor failed: {self.err.text.strip() or self.process.returncode}",
                facts={"argv0": self.command.argv[0]},
            )
        return Finished(
            returncode=self.process.returncode % 256,
            stderr=self.err.text,
            stdout=self.out.data if isinstance(self.out, _Capture) else b"",
            cancelled=self.cancelled,
            timed_out=self.timed_out,
            seconds=self.ended - self.began,
        )

    def _take(self, fd: int) -> bool:
        try:
            chunk = os.read(fd, 1 << 16)
        except BlockingIOError:
            return True
        self.readers[fd].feed(chunk)
        return bool(chunk)

    def _drain(self, longest: timedelta) -> None:
        """Throw output away until the supervisor has ended."""
        until = time.monotonic() + longest.total_seconds()
        with selectors.DefaultSelector() as selector:
            for fd in self.readers:
                selector.register(fd, selectors.EVENT_READ)
            while self.process.poll() is None and time.monotonic() < until:
                for key, _ in selector.select(LOOK_SECONDS):
                    if not os.read(key.fd, 1 << 16):
                        selector.unregister(key.fd)

    def _ask(self, word: bytes) -> None:
        with suppress(BrokenPipeError):  # it has ended already
            os.write(self.control, word)


def _supervised(command: Command, control: int, status: int, drain: tuple[int, ...]) -> list[str]:
    argv = [sys.executable, "-I", "-S", str(SUPERVISOR)]
    argv += ["--control", str(control), "--status", str(status), "--caller", str(os.getpid())]
    argv += ["--drain", ",".join(map(str, drain)), "--signal", str(int(command.interrupt_signal))]
    argv += ["--grace", str(command.grace.total_seconds()), "--settle", str(command.settle.total_seconds())]
    if command.orphan_grace is not None:
        argv += ["--orphan-grace", str(command.orphan_grace.total_seconds())]
    if command.lock_file is not None:
        argv += ["--lock", str(command.lock_file), "--lock-wait", str(command.lock_wait.total_seconds())]
    return [*argv, "--", *command.argv]


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
    except ValueError:
        return "holder unknown"
    return f"{holder.get('argv0')} (process {holder.get('tool')}, supervisor {holder.get('pid')})"


class _Lines:
    """Bytes → whole lines of text for a callback. A line longer than the limit is cut there."""

    def __init__(self, callback: Callable[[str], None], limit: int) -> None:
        self._callback, self._limit = callback, limit
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> None:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._keep(part)
            self._emit()
        self._keep(rest)

    def close(self) -> None:
        if self._rest:
            self._emit()

    def _keep(self, part: bytes) -> None:
        self._rest += part[: max(0, self._limit - len(self._rest))]

    def _emit(self) -> None:
        line = self._rest.decode("utf-8", errors="replace").removesuffix("\r")
        self._rest.clear()
        self._callback(line)


class _Capture:
    """All of stdout. Raises OutputTooLong past CAPTURE_LIMIT."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > CAPTURE_LIMIT:
            raise OutputTooLong(
                f"a tool wrote more than {CAPTURE_LIMIT >> 20} MB to its standard output",
                hint="is the stack's state that large? Split the stack into several",
            )
        self._parts.append(chunk)

    def close(self) -> None:
        return None

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)


class _Tail:
    """The last TAIL bytes of stderr."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._cut = False

    def feed(self, chunk: bytes) -> None:
        self._kept += chunk
        self._cut = self._cut or len(self._kept) > TAIL
        del self._kept[:-TAIL]

    @property
    def text(self) -> str:
        text = self._kept.decode("utf-8", errors="replace")
        return CUT + text if self._cut else text  # it may begin in the middle of a secret
