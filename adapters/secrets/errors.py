"""Why a secret cannot be had. No message holds any part of one, nor of the document that it was looked for in."""

from __future__ import annotations

from typing import Self

from lifecycle.errors import BatonError, ExitCode, Trouble


class SecretMissing(BatonError):
    """A secret cannot be had: it is not there, or what leads to it is wrong."""

    exit_code = ExitCode.USAGE

    def about(self, name: str) -> Self:
        """The same error, which names the input."""
        error = type(self)(f"secret '{name}': {self.message}", hint=self.hint, facts=self.facts)
        error.trouble = self.trouble
        return error


class SecretRefused(SecretMissing):
    """A secret is there, or may be, and these credentials may not read it."""


class SecretAway(SecretMissing):
    """The place that a secret is kept in does not answer."""

    exit_code = ExitCode.FAILED
    trouble = Trouble.UNREACHABLE


def not_installed(what: str) -> SecretMissing:
    """The error for a library that only some users need."""
    return SecretMissing(
        f"'{what}' is not installed, and this reference needs it",
        hint="install Baton with its extra `secrets`: pip install 'baton-lifecycle[secrets]'",
    )
