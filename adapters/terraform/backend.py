"""The backend that a stack gets which names none: our directory, or an object in the bucket that blueprint or settings name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.terraform.configuration import Module, NoModule, read_module
from adapters.terraform.workdir import Workdir
from lifecycle.blueprint.backend import S3
from lifecycle.errors import BatonError
from lifecycle.ports import StackSpec

LOCAL = ("", "local")
"""What a module says whose state is ours to place."""

Erase = Callable[[S3, str], object]
"""Removes the object with this key from the bucket; there may be none."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a stack's state lies. `emulated`: the endpoint is not AWS's own, by the environment or by the bucket's own words."""

    bucket: S3
    key: str
    emulated: bool

    def __str__(self) -> str:
        return f"s3://{self.bucket.bucket}/{self.key}"

    @property
    def settings(self) -> Mapping[str, Any]:
        """The block's settings. No credentials: they are in the environment, as the provider's are, and so is its endpoint.

        An endpoint that is not AWS's may know neither the bucket as a host's name nor STS, account and region.
        """
        one = self.bucket
        given = {"region": one.region, "kms_key_id": one.kms_key, "endpoints": one.endpoint and {"s3": one.endpoint}}
        checks = ("credentials_validation", "metadata_api_check", "region_validation", "requesting_account_id")
        emulated = {"use_path_style": True, **{f"skip_{check}": True for check in checks}} if self.emulated else {}
        return {
            "bucket": one.bucket,
            "key": self.key,
            "use_lockfile": True,
            "encrypt": True,
            **{name: value for name, value in given.items() if value},
            **emulated,
        }

    def is_at(self, backend: Mapping[str, Any]) -> bool:
        """Whether the backend that `init` recorded is this very place, however it is reached."""
        config = backend.get("config", {})
        return backend.get("type") == "s3" and (config.get("bucket"), config.get("key")) == (
            self.bucket.bucket,
            self.key,
        )


def remote(stack: StackSpec, module: Module, bucket: S3 | None, environment: Mapping[str, str]) -> Remote | None:
    """Where the stack's state lies in the bucket; None for one that names a backend itself, or where there is no bucket."""
    if bucket is None or module.backend not in LOCAL:
        return None
    ref = stack.environment
    emulated = bucket.endpoint or environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return Remote(bucket, bucket.key(ref.blueprint, ref.name, stack.name), bool(emulated))


def local_stacks(sources: Mapping[str, Path]) -> list[str]:
    """The stacks (name → root module) that name no backend of their own. A module that cannot be read is said elsewhere."""
    found = []
    for name, source in sources.items():
        with suppress(NoModule, BatonError, OSError):
            if read_module(Path(os.path.abspath(source))).backend in LOCAL:  # noqa: PTH100 - as `module_tree` does
                found.append(name)
    return found


def override(module: Module, work: Workdir, at: Remote | None) -> str | None:
    """The text of an override file that places the state; None for a module with a backend of its own."""
    if module.backend not in LOCAL:
        return None
    block = {"s3": dict(at.settings)} if at else {"local": {"path": str(work.state)}}
    return json.dumps({"terraform": {"backend": block}})


def place(backend: Mapping[str, Any]) -> str:
    """A recorded backend in words."""
    config = backend.get("config", {})
    return (
        f"s3://{config.get('bucket')}/{config.get('key')}"
        if backend["type"] == "s3"
        else f"a {backend['type']} backend"
    )
