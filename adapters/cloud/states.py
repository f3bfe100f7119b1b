"""The bucket that keeps Terraform's states: made once, looked at, and rid of the states of what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from adapters.cloud.api import Aws, CloudRefused
from lifecycle.blueprint.backend import S3
from lifecycle.errors import BatonError

T = TypeVar("T")

PRIVATE: Final = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
ABSENT: Final = frozenset({"404", "NoSuchBucket", "NotFound", "NoSuchKey"})
UNSET: Final = frozenset({"ServerSideEncryptionConfigurationNotFoundError", "NoSuchPublicAccessBlockConfiguration"})
FIRST_REGION: Final = "us-east-1"
"""The only region that S3 does not want to hear when it makes a bucket there."""


class NotYourBucket(BatonError):
    """The bucket exists, and is somebody else's."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is so about the bucket. Nothing is, where it is not there."""

    exists: bool
    versioned: bool = False
    encrypted: bool = False
    private: bool = False

    @property
    def good(self) -> bool:
        return self.exists and self.versioned and self.encrypted and self.private


@dataclass(frozen=True, slots=True)
class States:
    """A bucket of states."""

    aws: Aws
    bucket: S3

    @classmethod
    def of(cls, aws: Aws, bucket: S3) -> States:
        """The bucket in its own region and at its own endpoint, with the credentials of the cloud."""
        own = {"region": bucket.region, "endpoint_url": bucket.endpoint}
        given = {name: value for name, value in own.items() if value}
        return cls(Aws(replace(aws.settings, **given)) if given else aws, bucket)

    def condition(self) -> Condition:
        """Look at the bucket. Raises NotYourBucket."""
        if not self._exists():
            return Condition(False)
        s3, name = self._s3, {"Bucket": self.bucket.bucket}
        versioning = self._ask("versioning of", lambda: s3.get_bucket_versioning(**name))
        encryption = self._unless_unset("encryption of", lambda: s3.get_bucket_encryption(**name))
        block = self._unless_unset("public access to", lambda: s3.get_public_access_block(**name))
        rules = encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
        return Condition(
            exists=True,
            versioned=versioning.get("Status") == "Enabled",
            encrypted=any(self._encrypts(rule.get("ApplyServerSideEncryptionByDefault", {})) for rule in rules),
            private=all(block.get("PublicAccessBlockConfiguration", {}).get(key) for key in PRIVATE),
        )

    def make(self) -> Sequence[str]:
        """Make the bucket, or what is not yet right about it; what was done, in words: nothing the second time. Raises NotYourBucket."""
        return tuple(self._made(self.condition()))

    def keys(self) -> Sequence[str]:
        """The keys of all states under the prefix."""
        pages = self._s3.get_paginator("list_objects_v2")
        found = self._ask(
            "states in", lambda: list(pages.paginate(Bucket=self.bucket.bucket, Prefix=self.bucket.folder))
        )
        keys = (one["Key"] for page in found for one in page.get("Contents", ()))
        return tuple(key for key in keys if key.endswith(".tfstate"))

    def erase(self, key: str) -> None:
        """Delete an object, if it is there: a versioned bucket keeps what it was, behind a delete marker."""
        name = {"Bucket": self.bucket.bucket, "Key": key}
        if self._is_there("state in", lambda: self._s3.head_object(**name)):
            self._ask("deletion of a state in", lambda: self._s3.delete_object(**name))

    def _made(self, now: Condition) -> Iterator[str]:
        s3, name = self._s3, {"Bucket": self.bucket.bucket}
        if not now.exists:
            region = s3.meta.region_name
            where = {} if region == FIRST_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self._ask("making of", lambda: s3.create_bucket(**name, **where))
            yield f"made in {region}"
        if not now.private:
            self._ask(
                "public access to", lambda: s3.put_public_access_block(**name, PublicAccessBlockConfiguration=PRIVATE)
            )
            yield "public access blocked"
        if not now.versioned:
            on = {"Status": "Enabled"}
            self._ask("versioning of", lambda: s3.put_bucket_versioning(**name, VersioningConfiguration=on))
            yield "versioning switched on"
        if not now.encrypted:
            rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": self._encryption}]}
            self._ask(
                "encryption of", lambda: s3.put_bucket_encryption(**name, ServerSideEncryptionConfiguration=rules)
            )
            yield f"default encryption set to {self._encryption['SSEAlgorithm']}"

    @property
    def _encryption(self) -> dict[str, str]:
        key = self.bucket.kms_key
        return {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}

    def _encrypts(self, default: dict[str, Any]) -> bool:
        """Whether a default is what is asked for; without a key of ours any will do."""
        wanted = self._encryption
        return default == wanted if self.bucket.kms_key else bool(default.get("SSEAlgorithm"))

    def _exists(self) -> bool:
        try:
            return self._is_there("bucket", lambda: self._s3.head_bucket(Bucket=self.bucket.bucket))
        except CloudRefused as error:
            if error.code in ("403", "AccessDenied"):
                raise NotYourBucket(
                    f"the bucket {self.bucket.bucket} is not yours, or these credentials may not look at it",
                    hint="names of buckets are shared by everybody: choose another one, or ask for s3:ListBucket",
                ) from error
            raise

    def _is_there(self, what: str, look: Callable[[], object]) -> bool:
        try:
            self._ask(what, look)
        except CloudRefused as error:
            if error.code in ABSENT:
                return False
            raise
        return True

    def _unless_unset(self, what: str, question: Callable[[], T]) -> T | dict[str, Any]:
        try:
            return self._ask(what, question)
        except CloudRefused as error:
            if error.code in UNSET:
                return {}
            raise

    def _ask(self, what: str, question: Callable[[], T]) -> T:
        return self.aws.ask(f"{what} {self.bucket.bucket}", question)

    @property
    def _s3(self) -> Any:
        return self.aws.client("s3")
