"""Text → Blueprint, or every problem at once with its position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from lifecycle.blueprint import places, rules, yaml12
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.policy import Policy
from lifecycle.blueprint.problems import BlueprintInvalid, Problem, dotted
from lifecycle.blueprint.scalars import describe
from lifecycle.blueprint.yaml12 import Fault


def load(text: str, filename: str = "blueprint.yaml") -> Blueprint:
    """The blueprint that a YAML text describes. Raises BlueprintInvalid with all problems, in the order of the file.

    A text that is not YAML has one problem only. The file name is used in problems; no file is read.
    """
    return read_as(text, filename, Blueprint)[0]


def load_policy(text: str, filename: str = "policy.yaml") -> Policy:
    """The policy that a YAML text of its own describes, with the keys of a blueprint's `policy`. Raises BlueprintInvalid."""
    return read_as(text, filename, Policy)[0]


Model = TypeVar("Model", bound=BaseModel)
_NAMES: Final[Mapping[type[BaseModel], str]] = {Blueprint: "blueprint", Policy: "policy"}


def read_as(text: str, filename: str, kind: type[Model]) -> tuple[Model, yaml12.Document]:
    """The part that a YAML text of its own describes, and where everything in it stands. Raises BlueprintInvalid."""
    try:
        document = yaml12.read(text)
    except yaml12.NotYaml as error:
        raise BlueprintInvalid([_problem(filename, error.fault)]) from None
    model, faults = _model(document, kind)
    unread = {fault.place for fault in document.faults}  # nothing stands there now: the model need not say so
    between = rules.faults(document) if kind is Blueprint else []
    faults = [fault for fault in [*faults, *between] if fault.place not in unread]
    faults += document.faults
    if model is None or faults:
        unique = dict.fromkeys(sorted(faults, key=lambda fault: fault.place))
        raise BlueprintInvalid((_problem(filename, fault) for fault in unique), _NAMES.get(kind, "file"))
    return model, document


def _model(document: yaml12.Document, kind: type[Model]) -> tuple[Model | None, list[Fault]]:
    if not isinstance(document.data, dict):
        found, what = describe(document.data), _NAMES.get(kind, "file")
        return None, [Fault(document.value_at(()), (), f"found {found}", f"a {what}: a mapping of keys to values")]
    try:
        return kind.model_validate(document.data, by_alias=True, by_name=False), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [places.fault(detail, document, kind) for detail in details]


def _problem(filename: str, fault: Fault) -> Problem:
    line, column = fault.place
    return Problem(filename, line, column, dotted(fault.path), fault.message, fault.expected, fault.suggestion)
