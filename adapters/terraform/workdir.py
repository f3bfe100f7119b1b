"""Where a stack of an environment lives, and a working copy of its module that leaves the user's tree untouched.

    <root>/<blueprint>/<environment>/stacks/<stack>/      0700
        tree/…/<module>/      the working copy: Terraform's current directory
        data/                 TF_DATA_DIR: providers, modules, the backend's settings
        terraform.tfstate     the state, unless the module has a backend of its own or a bucket keeps it
        terraform.tfstate.moved   0600, what lay there before it was moved to the bucket, until a plan has shown that nothing is lost
        plans/                saved plans (they hold secrets) and what is known about them
        variables.tfvars.json 0600
        terraform.rc          0600, the generated CLI configuration
        tool.lock             held while a Terraform works here
        state.lock.json       0600, the lock that a Terraform of ours last held in a remote backend, and its process

Terraform writes `.terraform.lock.hcl` beside the root module's files, whatever one says, and a module may write beside itself
too (`local_file`). So the directories of the root module and of its local children are made anew here, at the same places
relative to each other, with a symlink for every file; whatever else lies on the way up to where a `../` can reach is a symlink.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.terraform.configuration import IGNORED, Module
from lifecycle.errors import BatonError
from lifecycle.ports import StackSpec

LOCK = ".terraform.lock.hcl"
BACKEND = "baton_backend_override.tf.json"
UNFINISHED = ".new-"
"""How the names of files begin that are being written."""
ABANDONED_SECONDS = 3600.0
"""After how long such a file belongs to nobody any more: its writer was killed."""


class NotEmpty(BatonError):
    """The stack's state still names resources."""


@dataclass(frozen=True, slots=True)
class Workdir:
    """The paths of one stack of one environment."""

    path: Path

    @property
    def tree(self) -> Path:
        return self.path / "tree"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def state(self) -> Path:
        return self.path / "terraform.tfstate"

    @property
    def moved_state(self) -> Path:
        return self.path / "terraform.tfstate.moved"

    @property
    def plans(self) -> Path:
        return self.path / "plans"

    @property
    def variables(self) -> Path:
        return self.path / "variables.tfvars.json"

    @property
    def cli_config(self) -> Path:
        return self.path / "terraform.rc"

    @property
    def backend_config(self) -> Path:
        return self.path / "backend.tfbackend"

    @property
    def tool_lock(self) -> Path:
        return self.path / "tool.lock"

    @property
    def state_lock(self) -> Path:
        return self.path / "state.lock.json"

    @property
    def initialised(self) -> Path:
        return self.path / "initialised.json"

    def prepare(self) -> None:
        for folder in (self.path, self.plans):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        for left in self.path.glob(f"{UNFINISHED}*"):  # by a kill
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                left.unlink(missing_ok=True)
        self.seal()

    def seal(self) -> None:
        """Close the state to others: Terraform makes it, and its backup, as the umask says."""
        for path in self.path.glob(f"{self.state.name}*"):
            with suppress(FileNotFoundError):
                path.chmod(0o600)

    def remove(self) -> None:
        """Everything of the stack, and the environment's folder once it is empty. The tree's symlinks are not followed."""
        shutil.rmtree(self.path, ignore_errors=False)
        for folder in self.path.parents[:3]:
            try:
                folder.rmdir()
            except OSError:
                return

    def backend(self) -> Mapping[str, Any]:
        """Type and settings of the backend that `init` configured last; empty before."""
        try:
            recorded = json.loads((self.data / "terraform.tfstate").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        backend = recorded.get("backend") or {}
        return {"type": backend.get("type", ""), "config": backend.get("config") or {}}

    def is_elsewhere(self) -> bool:
        """Whether `init` last found the state in a remote backend."""
        return self.backend().get("type", "") not in ("", "local")

    def holds_local_state(self) -> bool:
        """Whether our own state file names resources. Not to be asked while a Terraform works here."""
        try:
            return bool(json.loads(self.state.read_text(encoding="utf-8")).get("resources"))
        except (FileNotFoundError, ValueError):
            return self.state.exists() and self.state.stat().st_size > 0


def workdir(root: Path, stack: StackSpec) -> Workdir:
    """The working directory of a stack; nothing is made yet."""
    parts = (stack.environment.blueprint, stack.environment.name, stack.name)
    for part in parts:
        if not part or part.startswith(".") or "/" in part or "\0" in part:
            raise BatonError(f"'{part}' cannot be a name here: it becomes a directory's name")
    blueprint, environment, name = parts
    return Workdir(root / blueprint / environment / "stacks" / name)


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, at once and whole."""
    descriptor, fresh = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)  # 0600; two processes may write at once
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def mirror(modules: tuple[Module, ...], work: Workdir, backend: str | None) -> Path:
    """Bring the working copy up to date; gives Terraform's current directory. `backend` is the text of a backend override."""
    root = modules[0].path
    anchor = _anchor(modules)
    wanted: dict[Path, Path | None] = {}  # place in the tree → what it links to; None: a directory of ours
    for module in modules:
        _want_folder(module.path, anchor, wanted)
    here = work.tree / root.relative_to(anchor)
    _want_nothing_of(wanted, root.relative_to(anchor))
    _apply(wanted, work.tree)
    _drop_other_overrides(work.tree, here)
    _copy_lock(root / LOCK, here / LOCK, work.path / "lock.source")
    override = here / BACKEND
    if backend is None:
        override.unlink(missing_ok=True)
    elif not override.is_file() or override.read_text(encoding="utf-8") != backend:
        write_private(override, backend)  # replaced at once: another process may be about to start a Terraform here
    return here


def _anchor(modules: tuple[Module, ...]) -> Path:
    """The highest directory that the modules' `../` can reach."""
    reached = [
        str(module.path.parents[module.reach - 1] if module.reach else module.path)
        for module in modules
        if _inside(module)
    ]
    return Path(os.path.commonpath([*reached, *(str(module.path) for module in modules)]))


def _inside(module: Module) -> bool:
    return module.reach <= len(module.path.parents)


def _want_folder(folder: Path, anchor: Path, wanted: dict[Path, Path | None]) -> None:
    """A directory of ours for a module and for all its parents up to the anchor; links for what lies in them."""
    while True:
        place = folder.relative_to(anchor)
        wanted[place] = None
        for entry in folder.iterdir():
            inside = place / entry.name
            if inside not in wanted:
                wanted[inside] = entry
        if folder == anchor:
            return
        folder = folder.parent


def _want_nothing_of(wanted: dict[Path, Path | None], root: Path) -> None:
    """Terraform's working files beside the root module are not ours to share; the lock file is copied."""
    for place in [
        place for place in wanted if place.parent == root and (IGNORED.fullmatch(place.name) or place.name == LOCK)
    ]:
        if wanted[place] is not None:
            del wanted[place]


def _apply(wanted: Mapping[Path, Path | None], tree: Path) -> None:
    folders = {place for place, target in wanted.items() if target is None}
    _prune(tree, Path(), wanted)
    for place in sorted(folders, key=lambda p: len(p.parts)):
        path = tree / place
        if path.is_symlink() or path.is_file():
            path.unlink()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place, target in wanted.items():
        if target is not None:
            _link(tree / place, target)


def _prune(tree: Path, place: Path, wanted: Mapping[Path, Path | None]) -> None:
    """Remove links that nothing wants any more. Real files stay: a resource wrote them."""
    folder = tree / place
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        inside = place / entry.name
        if entry.is_symlink():
            if wanted.get(inside) is None:
                entry.unlink()
        elif entry.is_dir():
            _prune(tree, inside, wanted)
            if inside not in wanted or wanted[inside] is not None:
                _remove_if_empty(entry)


def _drop_other_overrides(tree: Path, here: Path) -> None:
    """The root module may have moved within the tree: a backend override belongs beside it and nowhere else."""
    for folder, folders, files in os.walk(tree):
        if BACKEND in files and Path(folder) != here:
            Path(folder, BACKEND).unlink()
        folders[:] = [name for name in folders if not Path(folder, name).is_symlink()]


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _link(path: Path, target: Path) -> None:
    if path.is_symlink():
        if path.readlink() == target:
            return
        path.unlink()
    elif path.is_dir():  # a resource wrote files where the user has a directory: link what is in it
        for entry in target.iterdir():
            _link(path / entry.name, entry)
        return
    elif path.exists():
        path.unlink()
    path.symlink_to(target)


def _copy_lock(theirs: Path, ours: Path, known: Path) -> None:
    """Take the user's lock file over whenever they changed it; what `init` adds to it in between is kept."""
    text = theirs.read_text(encoding="utf-8") if theirs.is_file() else ""
    before = known.read_text(encoding="utf-8") if known.is_file() else None
    if text == (before or "") and (ours.exists() or not text):
        return
    if text:
        write_private(ours, text)
    else:
        ours.unlink(missing_ok=True)
    write_private(known, text)


def other_users(root: Path, work: Workdir) -> Iterable[Workdir]:
    """Other stacks and environments whose recorded backend is the very same: they would share one state."""
    backend = work.backend()
    if not backend or backend["type"] == "local":
        return
    for path in root.glob("*/*/stacks/*"):
        other = Workdir(path)
        if path != work.path and other.backend() == backend:
            yield other
