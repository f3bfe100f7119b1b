"""Terraform's desk, as its own tests have it, in front of an API with faults."""

from tests.e2e.terraform.conftest import cloud, desk, make_desk

__all__ = ["cloud", "desk", "make_desk"]
