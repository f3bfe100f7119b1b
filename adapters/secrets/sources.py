"""A secret by its reference, from wherever its scheme says: the SecretSource port. One file beside this one for each source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, assert_never

from adapters.secrets.age import aged
from adapters.secrets.ansible_vault import vaulted
from adapters.secrets.aws import Cloud, managed, parameter
from adapters.secrets.block import Read, block
from adapters.secrets.copies import Shelf
from adapters.secrets.errors import SecretMissing
from adapters.secrets.file import file_text
from adapters.secrets.kept import KeptSecrets
from adapters.secrets.variable import Variables
from adapters.secrets.vault import from_vault
from lifecycle.blueprint.sources import FROM_WORDS, SecretRef, SecretScheme, parse_secret
from lifecycle.environment import EnvironmentRef


def _nobody_listens(said: Any) -> None:
    """What is said when nobody asked for it."""


class Secrets:
    """The SecretSource port. Thread- and process-safe; nothing is imported, asked or made before a reference needs it.

    `root` is where made secrets are kept, `files` the blueprint's folder: paths are relative to it. `cloud` opens the cloud,
    `blocks` reads a block of the engine (only inside a flow run there is one). `learn` hears every value before anybody else
    gets it (a scrubber does), `warn` hears of files that others may read. `shelf` has what is made where several machines share it.
    """

    def __init__(
        self,
        root: Path,
        *,
        files: Path | None = None,
        variables: Variables | None = None,
        cloud: Callable[[], Cloud] | None = None,
        blocks: Read | None = None,
        age_identity: str = "",
        vault_password_file: str = "",
        learn: Callable[[str], object] = _nobody_listens,
        warn: Callable[[str], object] = _nobody_listens,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        shelf: Shelf | None = None,
    ) -> None:
        self.kept = KeptSecrets(root, learn=learn, now=now, shelf=shelf)
        self._files = files or Path.cwd()
        self._variables = variables or Variables()
        self._cloud = cloud
        self._blocks = blocks
        self._age_identity = age_identity
        self._vault_password_file = vault_password_file
        self._learn = learn
        self._warn = warn

    def resolve(self, environment: EnvironmentRef, name: str, reference: str) -> str:
        """The secret behind a reference. Raises SecretMissing, which names the input and what would help."""
        parsed = parse_secret(reference)
        if parsed is None:
            raise SecretMissing(f"secret '{name}': its source is not a reference", hint=f"write {FROM_WORDS}")
        try:
            value = self._value(environment, name, parsed)
        except SecretMissing as error:
            raise error.about(name) from None
        self._learn(value)
        return value

    def forget(self, environment: EnvironmentRef) -> None:
        self.kept.forget(environment)

    def _value(self, environment: EnvironmentRef, name: str, ref: SecretRef) -> str:
        def warn(words: str) -> None:
            self._warn(f"secret '{name}': {words}")

        match ref.scheme:
            case SecretScheme.ENV:
                return self._variables.secret(ref.name)
            case SecretScheme.FILE:
                return file_text(self._path(ref.name), warn)
            case SecretScheme.GENERATE:
                return self.kept.generated(environment, name, str(ref), int(ref.name))
            case SecretScheme.CERTIFICATE:
                return self.kept.certificate(environment, name, str(ref), ref.name.split(","))
            case SecretScheme.PREFECT:
                return block(ref.place, ref.key, self._blocks)
            case SecretScheme.AWS_SSM:
                return parameter(ref.name, self._opened_cloud())
            case SecretScheme.AWS_SM:
                return managed(ref.place, ref.key, self._opened_cloud())
            case SecretScheme.VAULT:
                return from_vault(ref.place, ref.key, self._variables.environ, warn)
            case SecretScheme.AGE:
                return aged(self._path(ref.place), ref.key, self._age_identity, warn)
            case SecretScheme.ANSIBLE_VAULT:
                return vaulted(self._path(ref.place), ref.key, self._vault_password_file, warn)
            case _:
                assert_never(ref.scheme)

    def _path(self, written: str) -> Path:
        return self._files / Path(written).expanduser()

    def _opened_cloud(self) -> Cloud:
        if self._cloud is None:
            raise SecretMissing("no cloud is at hand here", hint="secrets of a cloud are read by runs")
        return self._cloud()
