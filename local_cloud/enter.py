"""Into the cloud's own world: new user, mount, PID, network, UTS and IPC namespaces, mapped to ids that nobody else uses.

Three processes, all forks of one small interpreter: the *keeper* outside (it holds the lifeline), an *entry* that made
the namespaces and waits, and *process 1* inside, which reaps; its child runs what the caller gave. When process 1 ends,
the kernel ends every process inside, and with them all mounts, links and rules.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_cloud import linux
from local_cloud.errors import CloudError

COUNT = 65536
ROOT_BASE = 100000
"""The first id of root's mapping: root inside is this powerless id outside."""

_STAGES = ("/mnt", "/media", "/srv", "/opt")


@dataclass(frozen=True, slots=True)
class IdMap:
    """Ids 0 to 65535 inside are `uid` and `gid` onward outside. The caller's own id is not mapped: hosts cannot be it."""

    uid: int
    gid: int

    @classmethod
    def find(cls) -> IdMap:
        """The map that this user may use. Raises CloudError where there is none."""
        if os.geteuid() == 0:
            return cls(ROOT_BASE, ROOT_BASE)
        uid, gid = _delegated("/etc/subuid"), _delegated("/etc/subgid")
        if uid is None or gid is None or not shutil.which("newuidmap"):
            user = _user_name()
            raise CloudError(
                f"Without root the local cloud needs {COUNT} user and group ids for {user} and newuidmap; not found here.",
                f"An administrator gives them with: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
                " (and apt-get install uidmap); or run as root.",
            )
        return cls(uid, gid)

    def write(self, pid: int) -> None:
        """Maps the ids of the user namespace of `pid`; newuidmap does it for a user without root."""
        if os.geteuid() == 0:
            try:
                Path(f"/proc/{pid}/uid_map").write_text(f"0 {self.uid} {COUNT}\n")
                Path(f"/proc/{pid}/gid_map").write_text(f"0 {self.gid} {COUNT}\n")
            except OSError as error:
                raise CloudError(
                    f"Root here may not use the user ids from {self.uid} on ({error.strerror}): this is itself a container"
                    " with few ids.",
                    "Run on the machine itself, or give the container 200,000 ids; any other AWS-compatible endpoint serves too.",
                ) from None
            return
        for tool, first in (("newuidmap", self.uid), ("newgidmap", self.gid)):
            done = subprocess.run(
                [tool, str(pid), "0", str(first), str(COUNT)], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise CloudError(
                    f"{tool} refused the id map: {done.stderr.strip()}", "See /etc/subuid and /etc/subgid."
                )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _delegated(file: str) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            name, _, rest = line.partition(":")
            first, _, count = rest.partition(":")
            if name in (_user_name(), str(os.geteuid())) and count.isdigit() and int(count) >= COUNT:
                return int(first)
    return None


def stage(*avoid: Path) -> str:
    """A standard directory to mount the cloud's view over: one that nothing we still read lies in."""
    texts = [*map(str, avoid), sys.prefix, sys.base_prefix, __file__, *filter(None, sys.path)]
    used = [Path(text).resolve() for text in texts]
    for candidate in map(Path, _STAGES):
        if candidate.is_dir() and not any(path.is_relative_to(candidate) for path in used):
            return str(candidate)
    raise CloudError(
        f"None of {', '.join(_STAGES)} can be used as a mount point inside the cloud.", "Make an empty /srv."
    )


@dataclass(frozen=True, slots=True)
class Entered:
    """The entry process as its keeper sees it. Closing `lifeline` asks what runs inside to end in good order."""

    pid: int
    lifeline: int


def enter(ids: IdMap, binds: dict[str, Path], at: str, inside: Callable[[int], int]) -> Entered:
    """Starts `inside(lifeline)` in new namespaces, where `at`/NAME shows each directory of `binds`.

    `inside` runs with all capabilities *inside*, still as the caller's own id for files outside; its result is the
    entry process's exit code. It should end when the file `lifeline` ends. Raises CloudError where the kernel refuses.
    """
    made_read, made_write = os.pipe()
    mapped_read, mapped_write = os.pipe()
    life_read, life_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(life_write)
        os.close(mapped_write)
        os.close(made_read)
        _quietly_exit(lambda: _entry(made_write, mapped_read, life_read, binds, at, inside))
    for end in (life_read, mapped_read, made_write):
        os.close(end)
    try:
        _map_when_made(pid, ids, made_read, mapped_write)
    except CloudError:
        os.close(life_write)
        os.waitpid(pid, 0)
        raise
    return Entered(pid, life_write)


def _map_when_made(pid: int, ids: IdMap, made: int, mapped: int) -> None:
    try:
        answer = os.read(made, 4096)
        if answer != b"made":
            raise CloudError(
                f"This kernel did not give the local cloud namespaces of its own ({answer.decode(errors='replace') or 'no reason'}).",
                "It needs unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone,"
                " kernel.apparmor_restrict_unprivileged_userns), or root outside of a restricted container. Any other"
                " AWS-compatible endpoint serves too.",
            )
        ids.write(pid)
        os.write(mapped, b"1")
    finally:
        os.close(made)
        os.close(mapped)


def _quietly_exit(body: Callable[[], int]) -> None:
    """Ends a forked child with the body's result; a failure is one line on stderr (the cloud's log)."""
    code = 1
    try:
        code = body()
    except CloudError as error:
        print(f"local cloud: {error}", file=sys.stderr, flush=True)
    except BaseException as error:
        print(f"local cloud: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _entry(made: int, mapped: int, lifeline: int, binds: dict[str, Path], at: str, inside: Callable[[int], int]) -> int:
    try:
        linux.unshare(
            linux.CLONE_NEWUSER
            | linux.CLONE_NEWNS
            | linux.CLONE_NEWPID
            | linux.CLONE_NEWNET
            | linux.CLONE_NEWUTS
            | linux.CLONE_NEWIPC
        )
    except OSError as error:
        os.write(made, str(error).encode())
        return 1
    os.write(made, b"made")
    os.close(made)
    if os.read(mapped, 1) != b"1":
        return 1
    os.close(mapped)
    pid = os.fork()
    if pid == 0:
        _quietly_exit(lambda: _process_one(lifeline, binds, at, inside))
    os.close(lifeline)
    return _exit_code(os.waitpid(pid, 0)[1])


def _mount_stage(at: str, binds: dict[str, Path]) -> None:
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", at, "tmpfs", linux.MS_NOSUID, "mode=755,uid=0,gid=0,size=16m")

    def make_directories() -> None:
        for name in (*binds, "layer"):
            os.mkdir(f"{at}/{name}")

    as_inner_root(make_directories)
    for name, source in binds.items():
        linux.mount(str(source), f"{at}/{name}", flags=linux.MS_BIND | linux.MS_REC)


def as_inner_root(action: Callable[[], object]) -> None:
    """Runs `action` in a child that is root inside (files that it makes belong to the hosts' root). Raises CloudError."""
    pid = os.fork()
    if pid == 0:

        def body() -> int:
            become_inner_root()
            action()
            return 0

        _quietly_exit(body)
    if _exit_code(os.waitpid(pid, 0)[1]) != 0:
        raise CloudError("A step inside the cloud failed.", "The line above it in cloud.log says which.")


def become_inner_root() -> None:
    """From the caller's outer id (which is nobody inside) to root inside, capabilities kept."""
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _process_one(lifeline: int, binds: dict[str, Path], at: str, inside: Callable[[int], int]) -> int:
    _mount_stage(at, binds)
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    child = os.fork()
    if child == 0:
        _quietly_exit(lambda: inside(lifeline))
    os.close(lifeline)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return _exit_code(status)


def _exit_code(status: int) -> int:
    return os.waitstatus_to_exitcode(status) & 0xFF
