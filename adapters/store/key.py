"""Keys in 0600 files outside the database: the store's own, made when it is needed, and the one that seals the ledger."""

import os
import secrets
from pathlib import Path

from adapters.store.failures import StoreError

LENGTH = 32


def load_or_make(path: Path) -> bytes:
    """The key in a file, made if there is none. Two processes that make it at once get the same one.

    Raises StoreError where the file is not a key, or is readable by others.
    """
    try:
        if not path.exists():
            _make(path)
        key, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise StoreError(
            f"the store's key {path} cannot be read: {error.strerror}",
            hint="it must be a file in a directory that belongs to this user",
        ) from error
    _closed(f"the store's key {path}", path, mode)
    if len(key) != LENGTH:
        raise StoreError(
            f"the store's key {path} is damaged: it has {len(key)} bytes instead of {LENGTH}",
            hint="restore it from a backup; without it every host is configured once more",
        )
    return key


def load_seal(path: Path) -> bytes:
    """The key that seals the ledger. It is never made here: one that is made again would seal with another key.

    Raises StoreError where there is none, it is short, or readable by others.
    """
    make = f"make one once, and keep a copy elsewhere: (umask 077; head -c {LENGTH} /dev/urandom > {path})"
    try:
        key, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise StoreError(f"the ledger's key {path} cannot be read: {error.strerror}", hint=make) from error
    _closed(f"the ledger's key {path}", path, mode)
    if len(key) < LENGTH:
        raise StoreError(f"the ledger's key {path} has {len(key)} bytes, and needs {LENGTH} at least", hint=make)
    return key


def _closed(what: str, path: Path, mode: int) -> None:
    if mode & 0o077:
        raise StoreError(f"{what} is open to other users", hint=f"run `chmod 600 {path}`")


def _make(path: Path) -> None:
    """Write the key beside its place, then link it there: the name either has a whole key or does not exist."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster: its key is the key
    finally:
        draft.unlink()
