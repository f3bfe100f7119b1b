"""file:PATH: a secret that is a file's text; and the reading of files that others must not choose.

A file that others may read is accepted: Docker and Kubernetes mount secrets 0444, and git checks out 0644. It is said
through `warn`. A file that others may *write* is refused: they would choose the secret.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.secrets.errors import SecretMissing

LIMIT: Final = 1 << 20
"""Bytes of a secret's file. Anything larger is another file."""


def file_text(path: Path, warn: Callable[[str], object]) -> str:
    """The file's text without its last line end. Raises SecretMissing, which names the file and never shows it."""
    data, mode = _read(path)
    if stat.S_ISREG(mode) and mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SecretMissing(f"{path} may be written by others, who could choose the secret", hint=f"chmod 600 {path}")
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        warn(f"{path} may be read by others (chmod 600 {path})")
    return decoded(data, str(path)).removesuffix("\n").removesuffix("\r")


def encrypted(path: Path) -> bytes:
    """What is in a file that anybody may read: without its key it is worth nothing. Raises SecretMissing."""
    data, _ = _read(path)
    if not data:
        raise SecretMissing(f"{path} is empty")
    return data


def decoded(data: bytes, where: str) -> str:
    """The text of a secret's bytes, with something in it. Raises SecretMissing."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SecretMissing(f"{where} is not UTF-8 text") from None
    if not text.rstrip("\r\n"):
        raise SecretMissing(f"{where} is empty")
    return text


def _read(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise SecretMissing(
            f"cannot read {path}: {error.strerror}", hint="paths are relative to the blueprint's folder"
        ) from None
    if len(data) > LIMIT:
        raise SecretMissing(f"{path} is too large")
    return data, mode
