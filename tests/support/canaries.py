"""Canaries: secrets that are planted everywhere and must be found nowhere, and the search for them. It shares no code with the scrubber."""

import base64
import json
import os
import shlex
import sqlite3
import threading
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, quote_plus

CANARIES: Mapping[str, str] = {
    "quoted": 'canary\'s "first" $HOME `x` \\ <&>',
    "lines": "-----BEGIN CANARY KEY-----\nQ2FuYXJ5U2Vjb25kTGluZQ\nQ2FuYXJ5VGhpcmRMaW5l\n-----END CANARY KEY-----",
    "eight": "c4n4ry#8",
    "unicode": "kanárienvogel mit Leerzeichen € 🐤",
    "long": "".join(f"canary-number-{n:03}." for n in range(40)),
    "vaulted": "canary/of+the=vault",
    "block": "canary-in-a-block",
}
"""Name → secret: quotes, several lines, eight characters, other letters, a long one, one that URLs and base64 change."""


def forms(secret: str) -> Iterator[bytes]:
    """What a secret looks like where it leaked: as it is, or as programs write it down."""
    texts = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    texts |= {quote(secret), quote(secret, safe=""), quote_plus(secret), shlex.quote(secret)}
    texts |= {line for line in secret.splitlines() if "-----" not in line}
    yield from (text.encode() for text in texts)
    data = secret.encode()
    for before in range(3):  # base64, wherever it begins in a group of three bytes: without what neighbours decide
        whole = base64.b64encode(b"\0" * before + data + b"\0" * (-(before + len(data)) % 3))
        yield whole[4 if before else 0 : -4 if (before + len(data)) % 3 else None]


@dataclass(frozen=True)
class Search:
    """Looks for secrets: name → value. `kept` are the files that must hold some, by the end of their path."""

    secrets: Mapping[str, str]
    kept: Collection[str] = ()
    _forms: list[tuple[str, bytes]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = [(name, form) for name, secret in self.secrets.items() for form in forms(secret)]
        object.__setattr__(self, "_forms", found)

    def data(self, data: bytes) -> set[str]:
        """Names of the secrets that are in there."""
        return {name for name, form in self._forms if form in data}

    def text(self, text: str) -> set[str]:
        return self.data(text.encode(errors="surrogateescape"))

    def below(self, folder: Path, without: Collection[Path] = ()) -> dict[str, set[str]]:
        """Path → names, of every file below a folder; databases and archives are opened too."""
        found: dict[str, set[str]] = {}
        for root, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if Path(root, name) not in without]
            for path in (Path(root, name) for name in files):
                if path.is_file() and not str(path).endswith(tuple(self.kept)) and (names := self.file(path)):
                    found[str(path)] = names
        return found

    def file(self, path: Path) -> set[str]:
        names = set[str]()
        with suppress(OSError):  # it went while we looked
            data = path.read_bytes()
            names = self.data(data) | self.text(str(path))
            if data.startswith(b"SQLite format 3"):
                names |= self.data(_rows(path))
            elif zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    names = names.union(*(self.data(archive.read(name)) for name in archive.namelist()))
        return names


def _rows(path: Path) -> bytes:
    """Every value of a database: in its file a long one is cut over several pages."""
    with closing(
        sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    ) as database:  # open, it loses its lock when the file is read
        database.text_factory = bytes
        tables = [name.decode() for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        rows = (row for table in tables for row in database.execute(f'select * from "{table}"'))
        return b"\n".join(value for row in rows for value in row if isinstance(value, bytes))


class Processes:
    """Looks again and again at the arguments and the environment of every process below one. `with Processes(pid, search):`"""

    def __init__(self, root: int, search: Search) -> None:
        self._root, self._search = root, search
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seen: set[str] = set()
        """Names of the programs that were looked at."""
        self.arguments: set[tuple[str, str]] = set()
        """(program, secret) that stood in arguments."""
        self.variables: set[tuple[str, str, str]] = set()
        """(program, variable, secret) that stood in an environment."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(30)

    def _look(self) -> None:
        own = _read(self._root, "cmdline")
        while not self._over.wait(0.05):
            for pid in _below(self._root):
                words = _read(pid, "cmdline")
                if not words or words == own:  # forked from it this moment, and still the same program
                    continue
                program = os.path.basename(words.split(b"\0")[0].decode(errors="replace"))  # noqa: PTH119
                self.seen.add(program)
                self.arguments |= {(program, name) for name in self._search.data(words)}
                for variable in _read(pid, "environ").split(b"\0"):
                    for name in self._search.data(variable):
                        self.variables.add((program, variable.split(b"=")[0].decode(errors="replace"), name))


def _below(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and (state := _read(int(name), "stat")):
            children.setdefault(int(state.rpartition(b")")[2].split()[1]), []).append(int(name))
    found, queue = list[int](), [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
