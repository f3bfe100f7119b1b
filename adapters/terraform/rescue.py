"""Room for the state on a full disk, and the state that Terraform could write nowhere.

A state that is lost forgets everything that was made. So no apply begins without some room set aside (`Reserve`); when neither
the backend nor `errored.tfstate` could be written, Terraform tells the state in its output (`Listener.dump`), and that room is
what it is written to. The next plan pushes it to where it belongs (`Preparation.push_back_state`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from adapters.terraform.workdir import Workdir, write_private
from lifecycle.errors import DISK_FULL, DiskFull

ERRORED_STATE: Final = "errored.tfstate"
"""Where Terraform leaves a state that its backend did not take, beside the module."""
ROOM: Final = 2 << 20
"""Bytes set aside at least. A state of a thousand resources has about three megabytes; one that exists says how large it is."""


class Reserve:
    """A file that only takes room, beside the state. Gone at the end of the block."""

    def __init__(self, work: Workdir) -> None:
        self._path = work.path / "reserve"
        self._size = ROOM + 2 * (work.state.stat().st_size if work.state.is_file() else 0)

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError as error:
            self.release()
            raise DiskFull(
                f"nothing was begun: there is no room for the state in {self._path.parent} ({self._size >> 20} MB): {error.strerror}",
                hint=DISK_FULL,
            ) from error
        finally:
            os.close(descriptor)
        return self

    def release(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def rescue(state: Mapping[str, Any], reserve: Reserve, folder: Path) -> Path:
    """Write the state that Terraform told where it would have left it itself."""
    reserve.release()
    left = folder / ERRORED_STATE
    left.unlink(missing_ok=True)  # what it began itself
    write_private(left, json.dumps(state))
    return left
