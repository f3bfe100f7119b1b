"""What a state holds, as `terraform show -json` tells it: the values that a plan did not know.

Source: developer.hashicorp.com/terraform/internals/json-format (values representation). It is full of secrets: what leaves
here is masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.terraform.parse import Document, document
from adapters.terraform.redact import marked, masked
from lifecycle.plan import ResourceChange
from lifecycle.scrub import Scrubber


@dataclass(frozen=True, slots=True)
class Holdings:
    """Address → values of every resource, masked. `secrets` are the texts that Terraform marks as sensitive in them."""

    values: Mapping[str, Mapping[str, Any]]
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def of(self, change: ResourceChange) -> ResourceChange:
        """An applied change with what it made. One that knew everything, or made nothing, is as it was."""
        made = self.values.get(change.address) if change.unknown and change.after is not None else None
        return change if made is None else replace(change, after=made, unknown=())


def read(data: bytes, scrub: Scrubber) -> Holdings:
    """The state from `terraform show -json`; nothing where there is none. Raises UnreadableOutput."""
    held = list(_resources((document(data, "terraform show -json").get("values") or {}).get("root_module") or {}))
    secrets = tuple(dict.fromkeys(text for one in held for text in marked(one.get("values"), _marker(one))))
    scrub.add(secrets)
    return Holdings(
        {scrub.text(one["address"]): scrub.value(masked(one.get("values") or {}, _marker(one))) for one in held},
        secrets,
    )


def _marker(resource: Document) -> Any:
    return resource.get("sensitive_values") or False


def _resources(module: Document) -> Iterator[Document]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)
