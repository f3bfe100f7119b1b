"""env:NAME: a secret from the environment that Baton runs in."""

import os
from collections.abc import MutableMapping
from typing import Final

from adapters.secrets.errors import SecretMissing

OUR_OWN: Final = ("AWS_", "VAULT_")
"""How variables begin that Baton and its tools read for themselves: as credentials, whatever else they are used for."""


class Variables:
    """Our own environment's variables. One that a reference names is withheld from every process that is started from
    then on, until it is given back: what a tool inherits, its plugins, scripts and logs have too.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self.environ = environ
        self._withheld: dict[str, str] = {}

    def secret(self, name: str) -> str:
        """The variable's value. Raises SecretMissing where it is not set, or empty."""
        value = self.environ.get(name) or self._withheld.get(name)
        if not value:
            state = "empty" if name in self.environ else "not set"
            hint = f"export {name} before running Baton"
            raise SecretMissing(f"the environment variable {name} is {state}", hint=hint)
        self.withhold(name)
        return value

    def withhold(self, *names: str) -> None:
        """From now on no process that is started inherits these, where they are set."""
        for name in names:
            if self.environ.get(name) and not name.startswith(OUR_OWN):
                self._withheld[name] = self.environ.pop(name)

    def give_back(self) -> None:
        """Put back what was withheld, for whoever uses this process next."""
        for name, value in self._withheld.items():
            self.environ.setdefault(name, value)
        self._withheld.clear()
