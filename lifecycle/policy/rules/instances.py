"""Rules for what may be made: types, images, how many, with which tags."""

from collections.abc import Iterator
from typing import Final

from lifecycle.blueprint.policy_rules import Images, InstanceTypes, MaxInstances, RequiredTags
from lifecycle.policy.planned import Planned, Remark, breach, matches, not_known
from lifecycle.policy.values import Absent, Hidden, Known, Resource, Unknown

_MAKERS: Final = ("aws_instance", "aws_spot_instance_request", "aws_launch_template", "aws_launch_configuration")


def instance_types(keys: InstanceTypes, planned: Planned) -> Iterator[Remark]:
    """Instances, and templates of them, of a type that is not listed."""
    for resource in planned.of(*_MAKERS):
        yield from _listed(resource, "instance_type", keys.allow)


def images(keys: Images, planned: Planned) -> Iterator[Remark]:
    """Instances, and templates of them, from an image that is not listed."""
    for resource in planned.of(*_MAKERS):
        name = "image_id" if resource.has("image_id") else "ami"
        yield from _listed(resource, name, keys.allow)


def _listed(resource: Resource, name: str, allowed: tuple[str, ...]) -> Iterator[Remark]:
    match resource.get(name):
        case Known(value=one) if matches(str(one), allowed):
            return
        case Known(value=one):
            yield breach(resource, f"{name} is {one}, which is not allowed", f"use one of {', '.join(allowed)}")
        case Unknown() | Hidden():
            yield not_known(resource, f"{name} is known only after apply")
        case Absent():
            if resource.type != "aws_launch_template":  # which leaves it to who launches
                yield not_known(resource, f"{name} is not set here: a launch template may say it")


def max_instances(keys: MaxInstances, planned: Planned) -> Iterator[Remark]:
    """More instances than allowed: single ones, and as many as groups may grow to."""
    count, unknown = sum(1 for _ in planned.of("aws_instance")), list(planned.not_planned)
    for group in planned.of("aws_autoscaling_group"):
        match group.get("max_size"):
            case Known(value=int() as size):
                count += size
            case _:
                unknown.append(group.address)
    if count > keys.limit:
        at_least = "at least " if unknown else ""
        message = f"there would be {at_least}{count} instances, {keys.limit} are allowed"
        yield Remark(message, "ask for fewer, or have the limit raised")
    elif unknown:
        yield Remark(f"{count} instances are known; how many {', '.join(unknown)} would have is not", unknown=True)


def required_tags(keys: RequiredTags, planned: Planned) -> Iterator[Remark]:
    """Whatever can carry tags and lacks one of these. An unknown value of a tag is a tag."""
    for group in planned.of("aws_autoscaling_group"):
        carried = {str(value.value) for value in group.every("tag[].key") if isinstance(value, Known)}
        yield from _lacking(group, [key for key in keys.tags if key not in carried], keys)
    for resource in planned.all:
        if not resource.has("tags_all"):
            continue
        if "tags_all" in resource.unknown:  # whoever set them: the provider's defaults count
            yield from () if matches(resource.type, keys.ignore) else (_tags_unknown(resource),)
            continue
        value = resource.get("tags_all")
        carried = set(value.value) if isinstance(value, Known) else set()
        missing = [k for k in keys.tags if k not in carried and f"tags_all.{k}" not in resource.unknown]
        yield from _lacking(resource, missing, keys)


def _tags_unknown(resource: Resource) -> Remark:
    return not_known(resource, "its tags are known only after apply")


def _lacking(resource: Resource, missing: list[str], keys: RequiredTags) -> Iterator[Remark]:
    if missing and not matches(resource.type, keys.ignore):
        names = ", ".join(missing)
        cure = "write them under the blueprint's `tags`, or in the module"
        yield breach(resource, f"the tag{'s' if len(missing) > 1 else ''} {names} would be missing", cure)
