"""Text → Blueprint, or every problem at once with its position."""

from __future__ import annotations

from pydantic import ValidationError

from lifecycle.blueprint import places, rules, yaml12
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.problems import BlueprintInvalid, Problem, dotted
from lifecycle.blueprint.scalars import describe
from lifecycle.blueprint.yaml12 import Fault


def load(text: str, filename: str = "blueprint.yaml") -> Blueprint:
    """The blueprint that a YAML text describes. Raises BlueprintInvalid with all problems, in the order of the file.

    A text that is not YAML has one problem only. The file name is used in problems; no file is read.
    """
    try:
        document = yaml12.read(text)
    except yaml12.NotYaml as error:
        raise BlueprintInvalid([_problem(filename, error.fault)]) from None
    blueprint, faults = _model(document)
    unread = {fault.place for fault in document.faults}  # nothing stands there now: the model need not say so
    faults = [fault for fault in [*faults, *rules.faults(document)] if fault.place not in unread]
    faults += document.faults
    if blueprint is None or faults:
        unique = dict.fromkeys(sorted(faults, key=lambda fault: fault.place))
        raise BlueprintInvalid(_problem(filename, fault) for fault in unique)
    return blueprint


def _model(document: yaml12.Document) -> tuple[Blueprint | None, list[Fault]]:
    if not isinstance(document.data, dict):
        kind = describe(document.data)
        return None, [Fault(document.value_at(()), (), f"found {kind}", "a blueprint: a mapping of keys to values")]
    try:
        return Blueprint.model_validate(document.data, by_alias=True, by_name=False), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [places.fault(detail, document) for detail in details]


def _problem(filename: str, fault: Fault) -> Problem:
    line, column = fault.place
    return Problem(filename, line, column, dotted(fault.path), fault.message, fault.expected, fault.suggestion)
