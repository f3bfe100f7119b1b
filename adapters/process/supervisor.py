"""Holds one foreign tool, so that neither a killed caller nor a careless tool leaves a process behind.

A program of its own, standard library only, started by `runner` as

    python -I -S supervisor.py --control FD --status FD [--caller PID] [--drain FD,FD] [--signal N] [--grace SECONDS]
                               [--orphan-grace SECONDS] [--settle SECONDS] [--lock FILE] [--lock-wait SECONDS]
                               -- TOOL ARGUMENT...

It is a session leader and the subreaper of everything below it; the tool is its child in a process group of its own, with
the supervisor's own stdout and stderr: what the tool writes passes through nobody's hands.

- The control pipe's other end is in the caller. End of file (the caller is gone, `kill -9` included) or `i` sends the tool
  one signal, once and to nobody else; after the grace, or at `k`, every descendant gets SIGKILL until there is none.
  The death of the caller's process is also watched by pidfd, in case a child of the caller inherited the pipe.
- Some tools lose a signal that comes before they have begun (Terraform's apply does): within `--settle` seconds of its start
  the signal waits. A tool whose caller is gone may have a longer grace (`--orphan-grace`): nobody waits for it.
- The read ends of the tool's output pipes are held here too (`--drain`): a tool whose reader died would otherwise get
  SIGPIPE at its next line, in the middle of its graceful stop. They are read, and thrown away, only once the caller is gone.
- When the tool ends by itself, what it left behind (daemons, provider plugins, ControlPersist masters) is killed.
- The lock file is held with flock as long as anything of the tree lives: the tool inherits the descriptor, so a killed
  supervisor does not free it before the tool has ended.

The exit status is the tool's (128 + n for signal n). What the supervisor itself has to say goes to the status pipe, one
JSON object per line: `waiting`, `busy` (the lock; with its holder), `refused` (could not start), `started`, `immortal`.
"""
# pathlib and contextlib would cost the start of every tool 10 ms.
# ruff: noqa: PTH119, PTH123, PTH208, SIM105

import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
EX_CANNOT_START = 126
EX_BUSY = 75  # EX_TEMPFAIL of sysexits.h
POLL_LOCK_SECONDS = 0.05
IMMORTAL_SECONDS = 10.0  # how long SIGKILL is repeated before giving up on a process stuck in the kernel

_libc = ctypes.CDLL(None, use_errno=True)


class Options:
    """What the command line said."""

    def __init__(self, argv: list[str]) -> None:
        cut = argv.index("--")
        given = dict(zip(argv[:cut:2], argv[1:cut:2], strict=True))
        self.tool = argv[cut + 1 :]
        self.control = int(given["--control"])
        self.status = int(given["--status"])
        self.caller = int(given.get("--caller", "0"))
        self.drain = [int(fd) for fd in given.get("--drain", "").split(",") if fd]
        self.signal = int(given.get("--signal", str(int(signal.SIGINT))))
        self.grace = float(given.get("--grace", "30"))
        self.orphan_grace = float(given.get("--orphan-grace", str(self.grace)))
        self.settle = float(given.get("--settle", "0"))
        self.lock = given.get("--lock", "")
        self.lock_wait = float(given.get("--lock-wait", "0"))


class Supervisor:
    """One tool, from its start to the end of its last descendant."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.tool = 0
        self.status: int | None = None  # of the tool, as waitpid gives it
        self.caller_gone = False
        self.started_at = 0.0  # monotonic, as are those below
        self.signal_at: float | None = None  # set by the first interrupt while the signal still waits
        self.kill_at: float | None = None  # set by the first interrupt
        self.lock_fd = -1
        self.caller_fd = -1
        self.wake_read, self.wake_write = os.pipe()
        self.poll = select.poll()

    def run(self) -> int:
        """Start the tool, hold it, clean up; gives the exit status."""
        self._prepare()
        if self.options.lock and not self._take_lock():
            return EX_BUSY
        if not self._start():
            return EX_CANNOT_START
        while self.status is None:
            self._listen()
            self._reap()
        self._kill_all()
        if self.lock_fd >= 0:
            os.ftruncate(
                self.lock_fd, 0
            )  # nobody's any more; the file stays, removing it would race with the next holder
        return os.waitstatus_to_exitcode(self.status) % 256 if self.status & 0x7F == 0 else 128 + (self.status & 0x7F)

    def tell(self, status: str, **facts: Any) -> None:
        line = json.dumps({"status": status, **facts}) + "\n"
        try:
            os.write(self.options.status, line.encode())
        except OSError:
            pass  # nobody listens any more, and there is nobody else to tell

    def _prepare(self) -> None:
        try:
            os.setsid()
        except PermissionError:
            pass  # the caller made us a session leader already
        if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot become a child subreaper")
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the caller's is inherited, and we live by SIGCHLD
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.interrupt())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.poll.register(self.options.control, select.POLLIN)
        self.poll.register(self.wake_read, select.POLLIN)
        if self.options.caller and os.getppid() == self.options.caller:
            try:
                self.caller_fd = os.pidfd_open(self.options.caller)
                self.poll.register(self.caller_fd, select.POLLIN)
            except OSError:
                pass  # an old kernel: the pipe alone has to do

    # --- the lock ---

    def _take_lock(self) -> bool:
        options = self.options
        self.lock_fd = os.open(options.lock, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + options.lock_wait
        waiting = False
        while True:
            try:
                fcntl.flock(self.lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                pass
            holder = os.pread(self.lock_fd, 4096, 0).decode(errors="replace")
            if time.monotonic() >= deadline or self.kill_at is not None:
                self.tell("busy", holder=holder)
                return False
            if not waiting:
                self.tell("waiting", holder=holder)
                waiting = True
            self._listen(POLL_LOCK_SECONDS)

    def _sign_lock(self) -> None:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot_id = file.read().strip()
        holder = {
            "pid": os.getpid(),
            "started": _stat(os.getpid())[1],
            "boot_id": boot_id,
            "argv0": os.path.basename(self.options.tool[0]),
            "tool": self.tool,
        }
        os.ftruncate(self.lock_fd, 0)
        os.pwrite(self.lock_fd, json.dumps(holder).encode(), 0)

    # --- the tool ---

    def _start(self) -> bool:
        if self.kill_at is not None:
            self.tell("refused", error="stopped before the tool was started")
            return False
        said_read, said_write = os.pipe()
        supervisor = os.getpid()
        self.tool = os.fork()
        if self.tool == 0:
            self._become_tool(supervisor, said_write)
        os.close(said_write)
        with open(said_read, "rb") as said:
            trouble = said.read().decode(errors="replace")
        if trouble:
            os.waitpid(self.tool, 0)
            self.tell("refused", error=trouble)
            return False
        if self.lock_fd >= 0:
            self._sign_lock()
        self.started_at = time.monotonic()
        self.tell("started", pid=self.tool)
        return True

    def _become_tool(self, supervisor: int, said: int) -> None:
        """In the child: never returns."""
        try:
            os.setpgid(0, 0)
            # Last resort: should somebody kill the supervisor itself, the tool is told to stop. (The supervisor has one
            # thread, so this cannot fire early as it does in a caller with threads.)
            _libc.prctl(PR_SET_PDEATHSIG, self.options.signal, 0, 0, 0)
            if os.getppid() != supervisor:
                os._exit(EX_CANNOT_START)
            # What is ignored stays ignored through exec, and Python ignores SIGPIPE: give the tool a clean slate.
            signal.set_wakeup_fd(-1)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                if number < signal.SIGRTMIN:
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            for fd in (self.options.control, self.options.status, *self.options.drain):
                os.set_inheritable(fd, False)
            if self.lock_fd >= 0:
                os.set_inheritable(self.lock_fd, True)
            os.execvp(self.options.tool[0], self.options.tool)  # noqa: S606 - that is the job
        except OSError as error:
            os.write(said, f"{self.options.tool[0]}: {os.strerror(error.errno or 0)}".encode())
        finally:
            os._exit(EX_CANNOT_START)

    # --- what may happen while it runs ---

    def interrupt(self, grace: float | None = None) -> None:
        """Ask the tool to stop: once, whoever asks and however often. A tool that has just begun is asked when it has settled."""
        if self.kill_at is not None:
            return
        now = time.monotonic()
        self.signal_at = max(now, self.started_at + self.options.settle) if self.tool else now
        self.kill_at = self.signal_at + (self.options.grace if grace is None else grace)
        if self.signal_at <= now:
            self._signal()

    def _signal(self) -> None:
        self.signal_at = None
        if self.tool and self.status is None:  # not reaped yet, so the pid is its own
            os.kill(self.tool, self.options.signal)

    def _listen(self, seconds: float | None = None) -> None:
        if self.signal_at is not None and self.tool:
            left = self.signal_at - time.monotonic()
            if left <= 0:
                self._signal()
            else:
                seconds = left if seconds is None else min(left, seconds)
        if self.kill_at is not None and self.tool:
            left = self.kill_at - time.monotonic()
            if left <= 0:
                self._kill_all()
                return
            seconds = left if seconds is None else min(left, seconds)
        for fd, _ in self.poll.poll(None if seconds is None else max(1, int(seconds * 1000))):
            if fd == self.wake_read:
                _discard(fd)
            elif fd == self.options.control:
                self._obey(os.read(fd, 64))
            elif fd in self.options.drain:
                if not _discard(fd):
                    self.poll.unregister(fd)
            else:  # the caller's pidfd
                self._abandoned()

    def _obey(self, words: bytes) -> None:
        if b"k" in words:
            self.signal_at, self.kill_at = None, time.monotonic()
        elif not words:
            self._abandoned()
        else:
            self.interrupt()

    def _abandoned(self) -> None:
        """The caller is gone: stop the tool, and be its reader so that it can say goodbye."""
        if self.caller_gone:
            return
        self.caller_gone = True
        self.poll.unregister(self.options.control)
        if self.caller_fd >= 0:
            self.poll.unregister(self.caller_fd)
        for fd in self.options.drain:
            os.set_blocking(fd, False)
            self.poll.register(fd, select.POLLIN)
        self.interrupt(self.options.orphan_grace)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.tool:
                self.status = status

    def _kill_all(self) -> None:
        """SIGKILL to every descendant, again and again until there is none."""
        give_up = time.monotonic() + IMMORTAL_SECONDS
        pause = 0.001
        while True:
            self._reap()
            living = descendants(os.getpid())
            if not living:
                return
            if time.monotonic() > give_up:
                self.tell("immortal", pids=sorted(living))
                self.status = signal.SIGKILL if self.status is None else self.status
                return
            for pid, started in living.items():
                _kill(pid, started)
            time.sleep(pause)  # SIGCHLD ends it early only for our own children
            pause = min(pause * 2, 0.05)


def descendants(root: int) -> dict[int, int]:
    """Every process below `root`: pid → start time. Zombies are left out (somebody alive has to reap them, or we do)."""
    children: dict[int, list[int]] = {}
    facts: dict[int, tuple[str, int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent, started, state = _stat(int(name))
            except (OSError, ValueError):
                continue  # it ended while we looked
            children.setdefault(parent, []).append(int(name))
            facts[int(name)] = (state, started)
    found: dict[int, int] = {}
    queue = list(children.get(root, ()))
    while queue:
        pid = queue.pop()
        state, started = facts[pid]
        if state not in "ZX":
            found[pid] = started
        queue.extend(children.get(pid, ()))
    return found


def _stat(pid: int) -> tuple[int, int, str]:
    """Parent, start time in clock ticks since boot, state letter (proc_pid_stat(5), fields 4, 22, 3)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[1]), int(fields[19]), fields[0]


def _kill(pid: int, started: int) -> None:
    """SIGKILL to the very process that was seen, not to one that got its number since."""
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            os.kill(pid, signal.SIGKILL)
        return
    try:
        if _stat(pid)[1] == started:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        pass  # it ended
    finally:
        os.close(handle)


def _discard(fd: int) -> bool:
    """Empty a non-blocking descriptor; False at its end."""
    try:
        while chunk := os.read(fd, 65536):
            del chunk
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


if __name__ == "__main__":
    sys.exit(Supervisor(Options(sys.argv[1:])).run())
