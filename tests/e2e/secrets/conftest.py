"""The home, the local cloud and the engine of the whole lifecycle's tests."""

from tests.e2e.lifecycle.conftest import home

__all__ = ["home"]
