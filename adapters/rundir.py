"""Directories that live as long as a run: private (0700), short of path, and gone afterwards even when the run was killed.

A small shell process, the janitor, holds the reading end of a pipe whose other end only the owner has. However the owner
ends, the pipe closes; the janitor waits for a tool that still works in the directory (its `lock` file, held with flock),
closes SSH connections whose sockets lie in `c/`, and removes the directory. What even a janitor could not remove (power
cut) is swept by the next run: a directory whose `owner` file nobody holds a lock on belongs to nobody.
"""

import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lifecycle.errors import BatonError

PREFIX: Final = "baton-run-"
YOUNG_SECONDS: Final = 60.0  # a directory without an owner file may be in the making
CLOSE_SECONDS: Final = 20.0

_JANITOR: Final = """
trap '' INT TERM HUP
read -r _
[ -e "$1/lock" ] && command -v flock >/dev/null && flock -w 120 "$1/lock" true
for socket in "$1"/c/*; do
    [ -S "$socket" ] && timeout 5 ssh -F none -O exit -o "ControlPath=$socket" baton 2>/dev/null
done
rm -rf -- "$1"
"""


class RunDirectory:
    """A private directory that the janitor removes. `with RunDirectory() as directory: directory.path`."""

    def __init__(self, base: Path | None = None) -> None:
        self._base = base or short_base()
        sweep(self._base)
        self.path, owner = _make(self._base)
        try:
            self._janitor = subprocess.Popen(
                ["/bin/sh", "-c", _JANITOR, "baton-janitor", str(self.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                pass_fds=(owner,),  # while it cleans up, nobody else does
                start_new_session=True,
            )
        finally:
            os.close(owner)

    @property
    def lock_file(self) -> Path:
        """For the supervisor of a tool that works in here: as long as the tool lives, the directory stays."""
        return self.path / "lock"

    def close(self) -> None:
        """Close what is open in it and remove it. Again is fine."""
        if self._janitor.stdin and not self._janitor.stdin.closed:
            self._janitor.stdin.close()
        try:
            self._janitor.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            return  # a tool that does not end; the janitor stays with it
        if self.path.exists():  # the janitor was killed
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def short_base() -> Path:
    """Where run directories lie. A socket's path must stay under 104 bytes, and TMPDIR is often long."""
    for candidate in (Path("/tmp"), Path(tempfile.gettempdir())):  # noqa: S108 - the directory itself is made by mkdtemp
        if os.access(candidate, os.W_OK | os.X_OK):
            return candidate
    raise BatonError("there is no directory for temporary files that we may write to", hint="set TMPDIR to one")


def sweep(base: Path) -> list[Path]:
    """Remove run directories of ours whose owner is gone; gives what was removed."""
    removed = []
    for path in base.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or swept by somebody else meanwhile
            if _ours(path) and _abandoned(path):
                shutil.rmtree(path)
                removed.append(path)
    return removed


def _make(base: Path) -> tuple[Path, int]:
    """A new directory and the locked descriptor of its owner file."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # mkdtemp gives 0700
        owner = os.open(path / "owner", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path, owner
        except BlockingIOError:  # a sweeper looked at it between the two calls, and removes it
            os.close(owner)


def _ours(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _abandoned(path: Path) -> bool:
    try:
        owner = os.open(path / "owner", os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - path.lstat().st_mtime > YOUNG_SECONDS
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(owner)
