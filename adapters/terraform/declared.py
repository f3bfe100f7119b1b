"""What a plan's echo of its configuration tells of the resources in it, by address without keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]


def provisioned(plan: Document) -> frozenset[str]:
    """Resources with a provisioner: one that is tainted may lack what it was to do."""
    return frozenset(address for address, resource in _resources(_root(plan)) if resource.get("provisioners"))


def regions(plan: Document) -> Mapping[str, str]:
    """Resources whose provider's configuration names a region: a constant, or a variable of the root module."""
    configuration = plan.get("configuration") or {}
    providers = {key: _region(one, plan) for key, one in (configuration.get("provider_config") or {}).items()}
    found = ((address, str(resource.get("provider_config_key", ""))) for address, resource in _resources(_root(plan)))
    return {address: providers[key] for address, key in found if providers.get(key)}


def _root(plan: Document) -> Document:
    root: Document = (plan.get("configuration") or {}).get("root_module") or {}
    return root


def _resources(module: Document, prefix: str = "") -> Iterator[tuple[str, Document]]:
    for resource in module.get("resources", ()):
        yield f"{prefix}{resource['address']}", resource
    for name, call in (module.get("module_calls") or {}).items():
        yield from _resources(call.get("module") or {}, f"{prefix}module.{name}.")


def _region(provider: Document, plan: Document) -> str:
    expression = (provider.get("expressions") or {}).get("region") or {}
    value = expression.get("constant_value")
    if value is None and not provider.get("module_address"):
        names = [str(name) for name in expression.get("references", ()) if str(name).startswith("var.")]
        variables = plan.get("variables") or {}
        value = variables.get(names[0].removeprefix("var."), {}).get("value") if len(names) == 1 else None
    return value if isinstance(value, str) else ""
