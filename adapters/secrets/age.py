"""age:FILE[#KEY]: a file that is encrypted with age (https://age-encryption.org), binary or armoured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.secrets.documents import part
from adapters.secrets.errors import SecretMissing, SecretRefused, not_installed
from adapters.secrets.file import decoded, encrypted, file_text


def aged(path: Path, key: str, identity: str, warn: Callable[[str], object]) -> str:
    """The file's text, or the text at a key of the document in it; `identity` is the path of the file with the key to it."""
    try:
        import pyrage
    except ImportError:
        raise not_installed("pyrage") from None
    data = encrypted(path)
    try:
        clear = pyrage.decrypt(data, _identities(identity, warn))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            hint = f"encrypt it for one of the identities in {identity}, or name another file by BATON_AGE_IDENTITY"
            raise SecretRefused(f"{path} is not encrypted for this identity", hint=hint) from None
        raise SecretMissing(f"{path} is no file that age has encrypted, or is damaged") from None
    text = decoded(clear, str(path))
    return part(text, key, str(path)) if key else text.removesuffix("\n").removesuffix("\r")


def _identities(identity: str, warn: Callable[[str], object]) -> list[Any]:
    """The keys in an identity file: age's own, one a line with comments between, or one private key for SSH."""
    import pyrage

    if not identity:
        hint = "set BATON_AGE_IDENTITY to the path of your identity file (as `age-keygen` writes it) or private SSH key"
        raise SecretMissing("nobody said which identity opens files of age", hint=hint)
    path = Path(identity).expanduser()
    text = file_text(path, warn)
    try:
        if text.startswith("-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(f"{text}\n".encode())]
        lines = [line.strip() for line in text.splitlines()]
        return [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError:
        hint = "age-keygen writes such a file; an SSH key must be ed25519 or rsa and without a passphrase"
        raise SecretMissing(f"{path} holds no identity that age can use", hint=hint) from None
