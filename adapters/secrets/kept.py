"""generate:LENGTH and certificate:NAMES: secrets that are made here and kept, in one private directory per environment.

<root>/.secrets.lock                   held while something is made or dropped: two processes get the same
<root>/<blueprint>/<environment>/      0700
    secrets.json                       0600: {"name": {"reference": "generate:24", "value": "..."}}
    ssh_ed25519, ssh_ed25519.pub       0600: the environment's key pair for SSH
    authority.json                     0600: {"key": PEM, "certificate": PEM}, what signs the environment's certificates
    ca.pem                             0600: the certificate alone, for tools that want a file to trust
    .copies                            where a shared store has the originals (`adapters/secrets/copies.py`)
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import string
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.secrets import copies
from adapters.secrets.copies import COPIES, Shelf
from adapters.secrets.errors import SecretMissing
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError

if TYPE_CHECKING:
    from adapters.secrets.certificates import Authority

ALPHABET: Final = string.ascii_letters + string.digits
"""Characters of a generated secret: nothing that a shell, a URL, SQL, YAML or a template could read as its own."""
KEPT, KEY, AUTHORITY, TRUSTED = "secrets.json", "ssh_ed25519", "authority.json", "ca.pem"
ORIGINALS: Final = (KEPT, KEY, f"{KEY}.pub", AUTHORITY)
OURS: Final = (*ORIGINALS, TRUSTED, COPIES)
"""What is kept in an environment's directory. Others may keep things beside it."""
UNFINISHED: Final = ".secret-"
"""How the names of what is being made begin; a kill may leave one behind."""
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class KeptSecrets:
    """What is made for environments and kept. Thread- and process-safe. `learn` hears every private key (a scrubber does).

    With a `shelf` it is the same on every machine: the originals are there, and the files here are copies.
    """

    def __init__(
        self, root: Path, *, learn: Callable[[str], object], now: Callable[[], datetime], shelf: Shelf | None = None
    ) -> None:
        self._root = root
        self._shelf = shelf
        self._learn = learn
        self._now = now

    def authority(self, environment: EnvironmentRef) -> str:
        """The certificate (PEM) of the environment's own authority, made once: what to trust where its certificates serve."""
        with self._kept(environment) as directory:
            return self._authority(environment, directory).certificate

    def _authority(self, environment: EnvironmentRef, directory: Path) -> Authority:
        from adapters.secrets.certificates import Authority, make_authority

        path = directory / AUTHORITY
        if not path.exists():
            made = make_authority(f"Baton environment {environment}", self._now())
            _write(path, json.dumps({"key": made.key, "certificate": made.certificate}, indent=1))
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            authority = Authority(kept["key"], kept["certificate"])
        except (ValueError, TypeError, KeyError) as error:
            hint = "restore the file from a backup; removing it makes a new authority, and new certificates at the next `up`"
            raise SecretMissing(f"the authority in {path} cannot be read: {error}", hint=hint) from None
        self._learn(authority.key)
        if not (directory / TRUSTED).exists():
            _write(directory / TRUSTED, authority.certificate)
        return authority

    def certificate(self, environment: EnvironmentRef, name: str, reference: str, names: list[str]) -> str:
        """A private key and its certificate; made anew when its time is nearly over, or the names are others."""
        from adapters.secrets.certificates import good, issue

        with self._kept(environment) as directory:
            authority = self._authority(environment, directory)
            path = directory / KEPT
            kept = _read(path)
            entry = kept.get(name)
            if entry is None or entry["reference"] != reference or not good(entry["value"], authority, self._now()):
                entry = kept[name] = {"reference": reference, "value": issue(authority, names, self._now())}
                _write(path, json.dumps(kept, indent=1))
            return str(entry["value"])

    def forget(self, environment: EnvironmentRef) -> None:
        """Drop everything that was made here for an environment, its key pair too, and nothing else. Again is fine."""
        directory = self._directory(environment)
        if not directory.exists():
            return
        with _locked(self._root):
            _drop(directory)

    def sweep(self) -> None:
        """Drop copies of what the shelf has no more: another machine took the environment down."""
        marks = list(self._root.glob(f"*/*/{COPIES}")) if self._shelf else []
        if not marks or self._shelf is None:
            return
        with _locked(self._root):
            known = self._shelf.environments()
            for mark in marks:
                directory = mark.parent
                if f"{directory.parent.name}/{directory.name}" not in known:
                    _drop(directory)

    def ssh_key(self, environment: EnvironmentRef) -> tuple[Path, str]:
        """The environment's own key pair for SSH (ed25519, made once): path of the private key, text of the public one."""
        with self._kept(environment) as directory:
            private = directory / KEY
            public = private.with_suffix(".pub")
            if not (private.exists() and public.exists()):
                _make_key_pair(private, comment=f"baton {environment}")
            return private, public.read_text(encoding="ascii").strip()

    def generated(self, environment: EnvironmentRef, name: str, reference: str, length: int) -> str:
        with self._kept(environment) as directory:
            path = directory / KEPT
            kept = _read(path)
            entry = kept.get(name)
            if entry is None:
                entry = kept[name] = {"reference": reference, "value": _random(length)}
                _write(path, json.dumps(kept, indent=1))
            elif entry["reference"] != reference:
                raise SecretMissing(
                    f"it was made for {environment} by {entry['reference']}, and the blueprint now says {reference}",
                    hint="a generated secret is not changed under a running environment: take it down first, or name a new input",
                )
            return str(entry["value"])

    @contextlib.contextmanager
    def _kept(self, environment: EnvironmentRef) -> Iterator[Path]:
        """The environment's directory, made if need be, for one process at a time."""
        directory = self._directory(environment)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self._root):
            for path in (directory.parent, directory):
                path.mkdir(mode=0o700, exist_ok=True)
            if self._shelf is None:
                yield directory
                return
            with self._shelf.opened(environment) as held:
                if AUTHORITY in copies.lay_out(directory, held, ORIGINALS, _write):
                    (directory / TRUSTED).unlink(missing_ok=True)
                yield directory
                held.update(copies.taken(directory, ORIGINALS))

    def _directory(self, environment: EnvironmentRef) -> Path:
        for part in (environment.blueprint, environment.name):
            if not _SAFE_NAME.fullmatch(part):
                raise SecretMissing(f"'{part}' cannot be the name of a directory", hint="use letters, digits, - and _")
        return self._root / environment.blueprint / environment.name


def _drop(directory: Path) -> None:
    """Remove what is ours in an environment's directory, and the directory where nothing else is in it."""
    for name in OURS:
        (directory / name).unlink(missing_ok=True)
    for left in directory.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for path in (directory, directory.parent):
        with contextlib.suppress(OSError):  # others keep things there too
            path.rmdir()


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Among threads and processes, one at a time."""
    descriptor = os.open(root / ".secrets.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        kept = json.loads(text)
        if not isinstance(kept, dict) or not all({"reference", "value"} <= set(entry) for entry in kept.values()):
            raise ValueError("it does not hold what Baton writes")
    except (ValueError, TypeError) as error:
        raise SecretMissing(
            f"the generated secrets in {path} cannot be read: {error}",
            hint="restore the file from a backup; removing it makes new secrets, which running hosts do not know",
        ) from None
    return kept


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, 0600, on the disk before it counts."""
    descriptor, temporary = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _random(length: int) -> str:
    """Letters and digits with at least one small letter, one capital and one digit, as most password rules want."""
    while True:
        made = "".join(secrets.choice(ALPHABET) for _ in range(length))
        if re.search("[a-z]", made) and re.search("[A-Z]", made) and re.search("[0-9]", made):
            return made


def _make_key_pair(private: Path, *, comment: str) -> None:
    """Both halves appear under their names only when they are whole; the private one last."""
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=private.parent) as folder:
        made = Path(folder) / "key"
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(made)]
        try:
            done = subprocess.run(
                argv, check=False, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
            )
        except FileNotFoundError:
            raise BatonError("there is no ssh-keygen on this machine", hint="apt-get install openssh-client") from None
        if done.returncode:
            raise BatonError(f"ssh-keygen could not make a key pair: {done.stderr.strip()[-300:]}")
        made.with_suffix(".pub").replace(private.with_suffix(".pub"))
        made.replace(private)
