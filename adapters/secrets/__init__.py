"""Secrets by reference, one file per source, and what is made and kept for an environment: its secrets, keys and authority."""

from adapters.secrets.errors import SecretMissing
from adapters.secrets.sources import Secrets

__all__ = ["SecretMissing", "Secrets"]
