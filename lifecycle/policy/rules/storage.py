"""Rules for what keeps data: encryption, and buckets that everybody can read."""

from collections.abc import Iterator
from typing import Final

from lifecycle.blueprint.policy_rules import EncryptionAtRest, NoPublicBucket
from lifecycle.policy.planned import Planned, Remark, breach, not_known
from lifecycle.policy.values import Absent, Hidden, Known, Node, Resource, Unknown, Value

ENCRYPTED: Final = {
    "aws_ebs_volume": "encrypted",
    "aws_db_instance": "storage_encrypted",
    "aws_rds_cluster": "storage_encrypted",
}
"""Types with one attribute that says it. A snapshot or a replica inherits; the plan then says so after apply."""

_DISKS: Final = ("root_block_device", "ebs_block_device")
_BLOCKS: Final = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
_PUBLIC: Final = ("public-read", "public-read-write", "authenticated-read")


def encryption_at_rest(_: EncryptionAtRest, planned: Planned) -> Iterator[Remark]:
    """Buckets, volumes, instances' disks and databases whose planned attributes do not say that they are encrypted."""
    for kind, attribute in ENCRYPTED.items():
        for resource in planned.of(kind):
            yield from _encrypted(resource, resource.get(attribute), attribute)
    for instance in planned.of("aws_instance"):
        yield from _disks(instance)
    told = _About(planned, "aws_s3_bucket_server_side_encryption_configuration")
    for bucket in planned.of("aws_s3_bucket"):
        if bucket.every("server_side_encryption_configuration[]"):
            continue
        yield from told.missing(
            bucket, "has no encryption of its own", "an aws_s3_bucket_server_side_encryption_configuration for it"
        )


def _disks(instance: Resource) -> Iterator[Remark]:
    if isinstance(instance.get("root_block_device"), Absent):
        message = "the root disk's encryption is left to the account"
        yield breach(instance, message, "write root_block_device { encrypted = true }")
    for name in _DISKS:
        for disk in instance.blocks(name):
            if isinstance(disk, Node):
                yield from _encrypted(instance, disk.get("encrypted"), f"{disk.path}.encrypted")
            else:
                yield not_known(instance, f"{name} is known only after apply")


def _encrypted(resource: Resource, value: Value, path: str) -> Iterator[Remark]:
    match value:
        case Known(value=True | "true"):
            return
        case Unknown() | Hidden():
            yield not_known(resource, f"{path} is known only after apply")
        case _:
            yield breach(resource, f"{path} is not true: what is kept there is not encrypted", f"set {path} = true")


def no_public_bucket(_: NoPublicBucket, planned: Planned) -> Iterator[Remark]:
    """Buckets without all four public access blocks, and ACLs that are public."""
    told = _About(planned, "aws_s3_bucket_public_access_block")
    for bucket in planned.of("aws_s3_bucket"):
        yield from told.missing(
            bucket, "has no public access block", "an aws_s3_bucket_public_access_block with all four set for it"
        )
    for block in planned.of("aws_s3_bucket_public_access_block"):
        for name in _BLOCKS:
            match block.get(name):
                case Known(value=True):
                    pass
                case Unknown() | Hidden():
                    yield not_known(block, f"{name} is known only after apply")
                case _:
                    yield breach(block, f"{name} is off", f"set {name} = true")
    for bucket in planned.of("aws_s3_bucket", "aws_s3_bucket_acl"):
        match bucket.get("acl"):
            case Known(value=str() as acl) if acl in _PUBLIC:
                yield breach(bucket, f"the ACL {acl} lets others read it", 'set acl = "private", or leave it out')
            case Unknown(path=path):
                yield not_known(bucket, f"{path} is known only after apply")
            case _:
                pass


class _About:
    """Which buckets resources of one type are about: by name where it is known, else by what their expressions name."""

    def __init__(self, planned: Planned, kind: str) -> None:
        self.names: set[object] = set()
        self.addresses: set[tuple[str, str]] = set()
        self.open: set[str] = set()  # stacks in which one is about a bucket that nobody can tell yet
        for resource in planned.of(kind):
            buckets = [name for name in resource.refers if ".aws_s3_bucket." in f".{name}"]
            match resource.get("bucket"):
                case Known(value=name):
                    self.names.add(name)
                case _ if buckets:
                    self.addresses |= {(resource.stack, name) for name in buckets}
                case _:
                    self.open.add(resource.stack)

    def missing(self, bucket: Resource, what: str, cure: str) -> Iterator[Remark]:
        """A remark where none is about this bucket, or may be."""
        named = {value.value for name in ("bucket", "id") if isinstance(value := bucket.get(name), Known)}
        if named & self.names or (bucket.stack, bucket.static) in self.addresses:
            return
        if bucket.stack in self.open:
            yield not_known(bucket, "which bucket a part of this stack is about is known only after apply")
        else:
            yield breach(bucket, f"the bucket {what}", f"add {cure}")
