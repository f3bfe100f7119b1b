"""Secrets by reference (env:, file:, generate:), key pairs for SSH, and the scrubber that keeps values out of texts."""

from adapters.secrets.files import LocalSecrets
from adapters.secrets.scrub import Scrubber

__all__ = ["LocalSecrets", "Scrubber"]
