"""The cloud's home: where its files lie, and the two small files that others read (`cloud.json`, `region.json`)."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path

from local_cloud.errors import CloudError


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one cloud. `root` and `run` are 0700; `hosts` is 0777 below them, for the hosts' own user ids."""

    root: Path
    cache: Path

    @classmethod
    def default(cls) -> Home:
        """From `BATON_CLOUD_HOME` and `BATON_CACHE`, else the user's data and cache directories."""
        root = os.environ.get("BATON_CLOUD_HOME")
        cache = os.environ.get("BATON_CACHE")
        return cls(
            Path(root).absolute() if root else user_data_path("baton") / "cloud",
            (Path(cache).absolute() if cache else user_cache_path("baton")) / "images",
        )

    @property
    def description(self) -> Path:
        """`cloud.json`: the only file that the rest of the product reads."""
        return self.root / "cloud.json"

    @property
    def journal(self) -> Path:
        """`region.json`: which instances there were, so that a lost region can be named."""
        return self.root / "region.json"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def broker(self) -> Path:
        return self.run / "broker.sock"

    @property
    def hosts(self) -> Path:
        return self.root / "hosts"

    @property
    def log(self) -> Path:
        return self.root / "cloud.log"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def make(self) -> None:
        """Makes the directories, closed to everybody else."""
        for path in (self.root, self.run):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
        self.hosts.mkdir(exist_ok=True)
        self.hosts.chmod(0o777)  # hosts' files belong to mapped ids; the 0700 parent keeps everybody else out
        self.cache.mkdir(parents=True, exist_ok=True)
        self.cache.chmod(0o700)


@dataclass(frozen=True, slots=True)
class Description:
    """A running cloud, as others need to know it. `proxy_command` has the field {instance_id} and ssh's %p.

    `operator_proxy_command` (ssh's %h and %p) connects to a public address, coming from `operator_cidr`.
    """

    name: str
    endpoint_url: str
    region: str
    access_key: str
    secret_key: str
    broker: str
    proxy_command: str
    operator_proxy_command: str
    operator_cidr: str
    pid: int
    boot_id: str
    started_at: str
    namespaces: dict[str, int]


def write_json(path: Path, value: Any) -> None:
    """Writes a 0600 file in one step: a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    temporary.replace(path)


def read_json(path: Path) -> Any | None:
    """The file's value, or None where there is no such file (or half of one)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def write_description(home: Home, description: Description) -> None:
    write_json(home.description, asdict(description))


def read_description(home: Home) -> Description | None:
    """The description as it was last written; the cloud it tells of may be gone (see `alive`)."""
    value = read_json(home.description)
    try:
        return Description(**value) if value else None
    except TypeError:
        return None


def alive(home: Home) -> bool:
    """Whether any process of the cloud still lives: each of them holds the lock until the kernel has ended it."""
    try:
        with home.lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def held(path: Path, taken: str) -> Iterator[int]:
    """Holds an exclusive lock on `path`; raises CloudError with the text `taken` where somebody else has it."""
    with path.open("ab") as file:
        for attempt in range(20):  # `alive` holds it for an instant when it looks
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == 19:
                    raise CloudError(taken) from None
                time.sleep(0.01)
        yield file.fileno()
