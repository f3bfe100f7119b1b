"""The state's lock in a remote backend: who of ours holds it is written down, and one that a dead process left is released.

A Terraform that is killed with SIGKILL leaves its lock there for good. `Witness` learns the lock's id while the tool holds it,
and writes it beside the tool's process (machine, boot, pid, start) into the stack's directory. `outliving` meets the lock later:
it is released if its very id was written down, and that process lived in this boot of this machine and is dead. Whatever cannot
be proven is left alone, and its owner named.

How the id is learned: nothing that Terraform prints tells it, but to who comes second. So one that wants the lock and does not
wait for it is started beside the tool, once the tool has said something that it says under its lock only. Every backend that
locks answers that, and nothing of it changes anything.
"""

from __future__ import annotations

import json
import shlex
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from adapters.process import owner as processes
from adapters.terraform import command
from adapters.terraform.failures import StateLocked
from adapters.terraform.parse import message
from adapters.terraform.workdir import Workdir, write_private
from lifecycle.errors import BatonError
from lifecycle.events import Level
from lifecycle.lock import Owner
from lifecycle.ports import PartCancellation

if TYPE_CHECKING:
    from adapters.terraform.session import Session

UNDER_LOCK: Final = frozenset({"refresh_start", "apply_start"})
"""Lines that a plan or an apply says while it holds the lock."""
ASKING: Final = timedelta(seconds=30)
"""How long the question for the id may take."""

RELEASING: Final = timedelta(minutes=2)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that a process of ours held: its id, what it did, and which process it was."""

    id: str
    command: str
    owner: Owner


def journalled(work: Workdir) -> Held | None:
    """The last lock of this stack that was written down."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(work.state_lock.read_text(encoding="utf-8"))
        return Held(found["id"], found["command"], Owner(**found["owner"]))
    return None


class Witness:
    """Learns the id of the lock while a command runs. Nothing that goes wrong here concerns the command."""

    def __init__(self, at: Session, command: str) -> None:
        self._at, self._command = at, command
        self._cancel = PartCancellation(at.run.cancel)
        self._asking: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancel.stop("the command has ended")
        if self._asking:
            self._asking.join()

    def hearing(self, on_line: Callable[[str], None]) -> Callable[[str], None]:
        """The same callback, with somebody who listens for the first line that is said under the lock."""

        def hear(line: str) -> None:
            if self._asking is None and (said := message(line)) and said["type"] in UNDER_LOCK:
                now = datetime.now(UTC)
                self._asking = threading.Thread(target=self._ask, args=(now,), name="state lock", daemon=True)
                self._asking.start()
            on_line(line)

        return hear

    def _ask(self, since: datetime) -> None:
        with suppress(BatonError, OSError):
            owner = _tool(self._at.work)
            lock = self._at.who_locks(self._cancel)
            if owner and lock and not self._cancel.requested and _is_ours(lock, since):
                held = Held(lock["id"], self._command, owner)
                write_private(self._at.work.state_lock, json.dumps(asdict(held)))


def _tool(work: Workdir) -> Owner | None:
    """The process that works under the tool's lock now, as its supervisor signed it."""
    with suppress(OSError, ValueError, KeyError):
        return processes.owner_of(int(json.loads(work.tool_lock.read_text(encoding="utf-8"))["tool"]))
    return None


def _is_ours(lock: Mapping[str, str], since: datetime) -> bool:
    """Whether a lock that was seen is the one under which the tool spoke at that time: of this machine, and not younger.

    Should the tool have ended meanwhile, who came after it made a lock of its own, later.
    """
    with suppress(ValueError):
        created = datetime.strptime(lock.get("created", "")[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return lock.get("who", "").rpartition("@")[2] == socket.gethostname() and created <= since
    return False


def outliving(at: Session, act: Callable[[], T]) -> T:
    """What the act gives; done once more where only the lock of a dead process of ours was in its way. Raises StateLocked."""
    try:
        return act()
    except StateLocked as error:
        if at.own_backend:
            raise
        held, lock = journalled(at.work), error.facts.get("lock") or {}
        ours = held if held and lock.get("id") == held.id else None
        if ours is None or not processes.gone(ours.owner):
            error.hint = _advice(at, lock, ours)
            raise
        _release(at, ours, lock)
    return act()


def _release(at: Session, held: Held, lock: Mapping[str, str]) -> None:
    words = (
        f"{at.stack.name}: the state's lock {held.id} was left by terraform {held.command} of {held.owner}, "
        "which is dead: it is released"
    )
    data: dict[str, Any] = {"lock": held.id, "owner": str(held.owner), "created": lock.get("created", "")}
    at.run.say("state.unlocking", words, level=Level.WARNING, stack=at.stack.name, **data)
    at.succeed(command.release_lock(held.id), RELEASING)
    at.work.state_lock.unlink(missing_ok=True)


def _advice(at: Session, lock: Mapping[str, str], ours: Held | None) -> str:
    """What a person may do about a lock that nobody can prove to be stale."""
    who, name = lock.get("who", "its owner"), lock.get("id", "ID")
    if ours and processes.alive(ours.owner):
        return f"{ours.owner} is Baton's own and still at work: wait for it, and run it again"
    doubt = f"it was {ours.owner}, and from here nobody can tell whether that is gone. " if ours else ""
    free = f"(cd {shlex.quote(str(at.site.cwd))} && TF_DATA_DIR={shlex.quote(str(at.work.data))} terraform force-unlock {name})"
    return f"{doubt}wait for {who}, and run it again; only if you know that no Terraform works there any more: {free}, then run it again"
