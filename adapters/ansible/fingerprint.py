"""What decides how a playbook comes out, as one digest: the playbook, and every role and file that it can reach.

Followed: roles (`roles:`, import_role, include_role, dependencies), playbooks, task and variable files. A role counts with
its whole folder. Beside a playbook count ansible.cfg, requirements.yml, and the folders that Ansible reads without being
told (group_vars, host_vars, files, templates, vars, tasks, handlers, and folders of plugins). Where a name is only known
at run time (`{{ role }}`), everything it could mean counts: all roles of the folders that roles are looked for in.
Not followed: collections, lookups and files by absolute path elsewhere.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from lifecycle.errors import BatonError, ExitCode

BESIDE: Final = (
    *("ansible.cfg", "requirements.yml", "requirements.yaml", "group_vars", "host_vars", "files", "templates", "vars"),
    *("tasks", "handlers", "defaults", "library", "module_utils", "action_plugins", "callback_plugins"),
    *("connection_plugins", "filter_plugins", "lookup_plugins", "test_plugins", "vars_plugins", "strategy_plugins"),
)
ROLE_KEYS: Final = frozenset({"import_role", "include_role"})
FILE_KEYS: Final = frozenset({"import_tasks", "include_tasks", "import_playbook", "include_vars", "include"})
SKIPPED: Final = frozenset({".git", "__pycache__", ".molecule", ".cache", ".tox", ".venv"})
LARGEST: Final = 64 << 20  # bytes of one file that are read; of larger ones size and time count


class PlaybookMissing(BatonError):
    """A playbook is not there."""

    exit_code = ExitCode.USAGE


def of(playbook: Path, roles: Sequence[Path], config: Path | None = None) -> str:
    """The digest. `roles` are folders that roles are looked for in, after `roles/` beside the playbook. Raises PlaybookMissing."""
    return _walked(playbook, roles, config).digest()


def files(playbook: Path, roles: Sequence[Path], config: Path | None = None) -> Sequence[Path]:
    """The files that the digest covers. Raises PlaybookMissing."""
    return sorted(_walked(playbook, roles, config).files)


def _walked(playbook: Path, roles: Sequence[Path], config: Path | None) -> "_Walk":
    if not playbook.is_file():
        raise PlaybookMissing(
            f"there is no playbook {playbook}", hint="`playbook` in the blueprint is relative to its folder"
        )
    walk = _Walk(playbook.resolve().parent, [path.resolve() for path in roles])
    walk.playbook(playbook.resolve())
    if config:
        walk.add(config.resolve())
    return walk


class _Walk:
    """Everything that was reached from one playbook."""

    def __init__(self, base: Path, roles: Sequence[Path]) -> None:
        self._base = base
        self._role_folders = list(dict.fromkeys([base / "roles", *roles, base]))
        self.files: set[Path] = set()
        self._read: set[Path] = set()
        self._roles: set[Path] = set()

    def digest(self) -> str:
        """Over names and contents, such that a checkout elsewhere has the same."""
        found = hashlib.sha256()
        for name, path in sorted((self._name(path), path) for path in self.files):
            found.update(f"{name}\0{_mode(path)}\0{_content(path)}\n".encode(errors="surrogateescape"))
        return found.hexdigest()

    def add(self, path: Path) -> None:
        """A file, or all files of a folder."""
        self.files.update(_files(path))

    def playbook(self, path: Path) -> None:
        """A playbook with everything beside it."""
        for name in BESIDE:
            self.add(path.parent / name)
        self._file(path)

    # --- following

    def _file(self, path: Path) -> None:
        if path in self._read or not path.is_file():
            return
        self._read.add(path)
        self.files.add(path)
        for key, value in _pairs(_load(path)):
            self._follow(key, value, path)

    def _follow(self, key: str, value: Any, origin: Path) -> None:
        word = key.rpartition(".")[2]  # ansible.builtin.import_role
        if word in ("roles", "dependencies") and isinstance(value, list):
            for entry in value:
                self._role(_role_name(entry), origin)
        elif word in ROLE_KEYS and isinstance(value, Mapping):
            self._role(value.get("name"), origin)
        elif word in FILE_KEYS:
            self._named(
                value.get("file") if isinstance(value, Mapping) else value, origin, play=word == "import_playbook"
            )
        elif word == "vars_files" and isinstance(value, list):
            for entry in value:
                for name in entry if isinstance(entry, list) else [entry]:
                    self._named(name, origin)

    def _named(self, name: Any, origin: Path, *, play: bool = False) -> None:
        """A file by its name, relative to the file that names it or to the playbook."""
        if not isinstance(name, str):
            return
        folders = (origin.parent, self._base)
        if "{{" in name:  # any file beside the place that it names
            fixed = Path(name.partition("{{")[0])
            known = fixed if name.partition("{{")[0].endswith("/") else fixed.parent
            for folder in folders:
                if (folder / known).is_dir():
                    self.add(folder / known)
            return
        for folder in folders:
            path = (folder / name).resolve()
            if path.is_dir():
                self.add(path)
            elif play and path.is_file():
                self.playbook(path)
            else:
                self._file(path)

    def _role(self, name: Any, origin: Path) -> None:
        if not isinstance(name, str) or not name:
            return
        if "{{" in name:
            for folder in self._role_folders[:-1]:
                for path in sorted(folder.glob("*/")):
                    self._role_folder(path)
            return
        for folder in (origin.parent / "roles", *self._role_folders):
            path = (folder / name).resolve()
            if path.is_dir():
                self._role_folder(path)
                return

    def _role_folder(self, path: Path) -> None:
        """A role with all its files; what its YAML files name is followed."""
        if path in self._roles:
            return
        self._roles.add(path)
        for file in list(_files(path)):
            self.files.add(file)
            if file.suffix in (".yml", ".yaml") and file.relative_to(path).parts[0] in ("tasks", "handlers", "meta"):
                self._file(file)

    def _name(self, path: Path) -> str:
        """The file's name in the digest: relative to the playbook's folder or to a folder of roles."""
        for root in (self._base, *self._role_folders):
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return os.path.relpath(path, self._base)


def _files(path: Path) -> Iterator[Path]:
    """The file, or every file below the folder. Links are followed to files, not to folders."""
    if path.is_file():
        yield path
    elif path.is_dir():
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(f for f in folders if f not in SKIPPED)
            yield from (
                Path(folder) / name for name in names if not name.endswith(".pyc") and (Path(folder) / name).is_file()
            )


def _mode(path: Path) -> str:
    return "x" if path.stat().st_mode & 0o100 else "-"


def _content(path: Path) -> str:
    found = path.stat()
    if found.st_size > LARGEST:
        return f"{found.st_size} bytes, {found.st_mtime_ns}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _role_name(entry: Any) -> Any:
    return (entry.get("role") or entry.get("name")) if isinstance(entry, Mapping) else entry


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key), item
            yield from _pairs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _pairs(item)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Ansible writes it: its own tags (`!vault`, `!unsafe`) are read as nothing."""


_Loader.add_multi_constructor("!", lambda *_: None)


def _load(path: Path) -> Any:
    """The file's documents; nothing where it cannot be read as YAML (Ansible says so when it runs)."""
    try:
        return list(yaml.load_all(path.read_text(encoding="utf-8"), _Loader))
    except (yaml.YAMLError, UnicodeError):
        return None
