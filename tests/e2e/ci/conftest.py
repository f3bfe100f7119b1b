"""Pipelines get the command line of the whole lifecycle's tests, with a home, a cloud and an engine of their own."""

from tests.e2e.lifecycle.conftest import baton, home, lasting, project

__all__ = ["baton", "home", "lasting", "project"]
