"""The blueprint: one YAML text that says what an environment is made of."""

from lifecycle.blueprint.loader import load
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.problems import BlueprintInvalid, Problem

__all__ = ["Blueprint", "BlueprintInvalid", "Problem", "load"]
