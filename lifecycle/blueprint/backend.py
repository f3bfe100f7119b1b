"""The backend of a blueprint: where Terraform's states are kept, for modules that say nothing about it themselves."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import Matches, wrong

BucketName = Annotated[
    str, Matches(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name: small letters, digits, '-' and '.', 3 to 63")
]
RegionName = Annotated[str, Matches(r"[a-z]{2}(-[a-z0-9]+)+", "a region such as eu-west-1")]
KeyPrefix = Annotated[
    str, Matches(r"[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*", "a path without a slash at its ends, such as states/baton")
]
KmsKey = Annotated[str, Matches(r"arn:[A-Za-z0-9:/_-]+|(mrk-)?[0-9a-f-]{32,36}", "a KMS key's id or ARN")]


def _address(text: str) -> str:
    if re.fullmatch(_ADDRESS, text) is None:  # what was found is not shown: it may hold a password
        raise wrong("found another text", "an address that begins with http:// or https://, without a password")
    return text


_ADDRESS: Final = r"https?://[^\s@${}]+"
EndpointUrl = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "pattern": f"^({_ADDRESS})$"})]


class S3(Part):
    """A bucket that keeps states: one object for each stack, encrypted, with a lock beside it while somebody writes."""

    bucket: BucketName
    """Name of the bucket. `baton backend init` makes it."""

    region: RegionName | None = None
    """The bucket's region. Default: as the environment says."""

    prefix: KeyPrefix | None = None
    """What goes before `BLUEPRINT/ENVIRONMENT/STACK.tfstate`. Default: nothing."""

    kms_key: KmsKey | None = None
    """The KMS key that encrypts. Default: the bucket's own encryption."""

    endpoint: EndpointUrl | None = None
    """Address of a store that speaks S3. Default: the cloud's own."""

    def key(self, blueprint: str, environment: str, stack: str) -> str:
        """Where the state of a stack is."""
        return f"{self.folder}{blueprint}/{environment}/{stack}.tfstate"

    @property
    def folder(self) -> str:
        """What the keys of all states begin with: the prefix and a slash, or nothing."""
        return f"{self.prefix}/" if self.prefix else ""


class Backend(Part):
    """Where the states of stacks are kept whose module names no backend. A module's own is left alone."""

    s3: S3
    """A bucket of S3, or of a store that speaks it."""
