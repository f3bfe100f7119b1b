"""ansible-vault:FILE[#KEY]: what Ansible's vault has encrypted, a whole file or single `!vault` values in one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.secrets.documents import part
from adapters.secrets.errors import SecretMissing, SecretRefused
from adapters.secrets.file import decoded, encrypted, file_text

HEADER: Final = "$ANSIBLE_VAULT;"


def vaulted(path: Path, key: str, password_file: str, warn: Callable[[str], object]) -> str:
    """The file's text, or the text at a key of the YAML in it. `password_file` is the path of the file with the vault's password."""
    text = decoded(encrypted(path), str(path))
    whole = text.startswith(HEADER)
    if not key and not whole:
        hint = "name a value in it: ansible-vault:FILE#KEY"
        raise SecretMissing(f"{path} is not encrypted by Ansible's vault", hint=hint)
    if whole:
        text = _opened(text, str(path), password_file, warn)
    if not key:
        return text.removesuffix("\n").removesuffix("\r")
    value = part(text, key, str(path))
    if value.startswith(HEADER):
        return _opened(value, f"{path}, key '{key}'", password_file, warn)
    if not whole:  # it would be a plain text in a repository, and named a secret
        hint = "encrypt it: ansible-vault encrypt_string"
        raise SecretMissing(f"{path}: the value of '{key}' is not encrypted", hint=hint)
    return value


def _opened(text: str, where: str, password_file: str, warn: Callable[[str], object]) -> str:
    from ansible.errors import AnsibleError  # half a second: only where there is something to open
    from ansible.parsing.vault import VaultLib, VaultSecret

    password = _password(password_file, warn)
    try:
        clear = VaultLib([("default", VaultSecret(password.encode()))]).decrypt(text)
    except AnsibleError as error:
        if "no vault secrets were found that could decrypt" in str(error):
            hint = "is BATON_VAULT_PASSWORD_FILE the file with this vault's password?"
            raise SecretRefused(f"{where} does not open with this password", hint=hint) from None
        raise SecretMissing(f"{where} is damaged: Ansible's vault cannot read it") from None
    return decoded(clear, where)


def _password(password_file: str, warn: Callable[[str], object]) -> str:
    if not password_file:
        hint = "set BATON_VAULT_PASSWORD_FILE to the path of the file with the password"
        raise SecretMissing("nobody said which password opens what Ansible's vault has encrypted", hint=hint)
    return file_text(Path(password_file).expanduser(), warn).strip()
