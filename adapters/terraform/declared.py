"""What a plan's echo of its configuration tells of the resources in it, by address without keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.terraform.written import Written

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declared:
    """One resource of the configuration. One with a provisioner that is tainted may lack what it was to do."""

    provisioned: bool = False
    configured: frozenset[str] | None = None  # attributes that it sets; None: nobody knows
    refers: frozenset[str] = frozenset()
    where: str = ""
    region: str = ""  # that its provider's configuration names


NOWHERE = Declared()
"""What is known of a resource that no configuration has any more."""


def resources(plan: Document, written: Mapping[str, Written] | None) -> Mapping[str, Declared]:
    """The configuration's resources. `written` is what the module's files say of them.

    Terraform's own list of what a resource sets leaves out `dynamic` blocks, and attributes that are written as blocks (the
    `ingress` of a security group): the files have them. Where a resource is in none that was read, nobody knows.
    """
    configuration = plan.get("configuration") or {}
    regions = {key: _region(one, plan) for key, one in (configuration.get("provider_config") or {}).items()}
    found = {}
    for address, resource in _resources(configuration.get("root_module") or {}):
        sets: frozenset[str] | None = frozenset(resource.get("expressions") or ())
        place = (written or {}).get(address)
        if written is not None:
            sets = sets | place.sets if sets is not None and place else None
        prefix = address.removesuffix(str(resource["address"]))
        found[address] = Declared(
            provisioned=bool(resource.get("provisioners")),
            configured=sets,
            refers=frozenset(prefix + name for name in _references(resource.get("expressions"))),
            where=place.where if place else "",
            region=regions.get(str(resource.get("provider_config_key", "")), ""),
        )
    return found


def without_keys(address: str) -> str:
    """An address without its instance keys, which may hold dots."""
    return re.sub(r'\["(?:[^"\\]|\\.)*"\]|\[\d+\]', "", address)


def _resources(module: Document, prefix: str = "") -> Iterator[tuple[str, Document]]:
    """Every resource of a module and of those that it calls, with its address without keys."""
    for resource in module.get("resources", ()):
        yield f"{prefix}{resource['address']}", resource
    for name, call in (module.get("module_calls") or {}).items():
        yield from _resources(call.get("module") or {}, f"{prefix}module.{name}.")


_NO_RESOURCE = ("var", "local", "each", "count", "path", "terraform", "self", "data", "module")


def _references(expressions: Any) -> Iterator[str]:
    """The managed resources of the same module that expressions name, without keys."""
    if isinstance(expressions, list):
        for one in expressions:
            yield from _references(one)
    elif isinstance(expressions, dict):
        for name in expressions.get("references") or ():
            parts = without_keys(str(name)).split(".")
            if len(parts) > 1 and parts[0] not in _NO_RESOURCE:
                yield f"{parts[0]}.{parts[1]}"
        for key, one in expressions.items():
            yield from _references(one) if key != "references" else ()


def _region(provider: Document, plan: Document) -> str:
    """What a provider's configuration names: a constant, or a variable of the root module."""
    expression = (provider.get("expressions") or {}).get("region") or {}
    value = expression.get("constant_value")
    if value is None and not provider.get("module_address"):
        names = [str(name) for name in expression.get("references", ()) if str(name).startswith("var.")]
        variables = plan.get("variables") or {}
        value = variables.get(names[0].removeprefix("var."), {}).get("value") if len(names) == 1 else None
    return value if isinstance(value, str) else ""
