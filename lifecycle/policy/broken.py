"""A policy that cannot be judged by is an error, never silence."""

from lifecycle.errors import BatonError, ExitCode


class PolicyBroken(BatonError):
    """A policy cannot be read, or cannot judge."""

    exit_code = ExitCode.USAGE
