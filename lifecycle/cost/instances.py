"""What hosts cost: instances with their volumes and addresses, and groups of them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from lifecycle.cost.book import Kind
from lifecycle.cost.parts import Look, Part, Resource, attempt
from lifecycle.cost.seen import NotKnown, Seen

INSTANCE: Final = "instance"
_ROOT: Final = "root volume"
_ADDRESS: Final = "public address"
_IMAGES_OWN: Final = "volumes that only its image knows of are not in it"


def instance(look: Look) -> Iterator[Part]:
    """`aws_instance`: the machine, its volumes, and a public address of its own."""
    seen = look.seen
    machine = attempt(INSTANCE, lambda: _machine(look, seen))
    yield machine if _are_known(seen, "ebs_block_device") else machine.noting(_IMAGES_OWN)
    if not look.resource.id or not _are_known(seen, "root_block_device") or seen.blocks("root_block_device"):
        yield attempt(_ROOT, lambda: _root(look, seen))
    for at, block in enumerate(_known_blocks(seen, "ebs_block_device")):
        if block.knows("volume_id") and block.get("volume_id") in look.around.volumes:
            continue  # a volume with a resource of its own, which is priced there
        what = _volume_name(block, at)
        yield attempt(what, lambda block=block, what=what: look.volume(what, block))  # type: ignore[misc]
    if seen.is_true("associate_public_ip_address") and not _has_elastic_address(look):
        yield look.priced(_ADDRESS, Kind.HOURLY, "aws_eip", said="")


def volume(look: Look) -> Iterator[Part]:
    """`aws_ebs_volume`."""
    kind, note = _or_default(look.seen, "type", "gp2")
    known = Seen({**look.seen.values, "type": kind}, tuple(u for u in look.seen.unknown if u != "type"))
    yield attempt("volume", lambda: look.volume("volume", known, kind="type", size="size")).noting(note)


def group(look: Look) -> Iterator[Part]:
    """`aws_autoscaling_group`: as many hosts as are desired, by its launch template or configuration."""
    try:
        number, note = _desired(look.seen)
        template, found = _template(look)
    except NotKnown as unknown:
        yield Part("instances", reason=str(unknown))
        return
    machine = attempt("instances", lambda: _machine(look, template.seen)).named("instances")
    yield machine.times(number).noting(note, found, _sizes(look.seen))
    for part in _template_volumes(look, template):
        yield part.times(number)


def _machine(look: Look, seen: Seen) -> Part:
    for name, ordinary in (("tenancy", ("default", "")), ("host_resource_group_arn", ("",))):
        if seen.knows(name) and seen.get(name) not in ordinary:
            return Part(INSTANCE, reason=f"{name} is {seen.get(name)}: the price book has shared tenancy only")
    if seen.knows("instance_market_options") and seen.get("instance_market_options"):
        return Part(INSTANCE, reason="it is a spot instance, whose price changes by the hour")
    return look.priced(INSTANCE, Kind.INSTANCE, seen.text("instance_type"))


def _root(look: Look, seen: Seen) -> Part:
    try:
        block = seen.block("root_block_device")
    except NotKnown:
        block = None
    if block is None:
        return Part(_ROOT, reason="its size comes from the image")
    return look.volume(_ROOT, block)


def _are_known(seen: Seen, name: str) -> bool:
    try:
        seen.blocks(name)
    except NotKnown:
        return False
    return True


def _known_blocks(seen: Seen, name: str) -> tuple[Seen, ...]:
    return seen.blocks(name) if _are_known(seen, name) else ()


def _volume_name(block: Seen, at: int) -> str:
    return f"volume {block.get('device_name') if block.knows('device_name') else at + 1}"


def _has_elastic_address(look: Look) -> bool:
    """Whether its address is an `aws_eip`, which is priced itself; the provider calls that a public address of the instance too."""
    ours = {look.resource.id, str(look.seen.get("public_ip")) if look.seen.knows("public_ip") else ""}
    return bool(ours & look.around.elastic)


def _or_default(seen: Seen, name: str, default: str) -> tuple[str, str]:
    """The value; or the provider's documented default, and a note where the plan does not tell that it holds."""
    if seen.knows(name) and seen.get(name) != "":
        return seen.text(name), ""
    try:
        seen.get(name)
    except NotKnown as unknown:
        return default, f"{unknown}: taken as {default}, the default"
    return default, ""


def _desired(seen: Seen) -> tuple[Decimal, str]:
    """How many are desired. AWS takes the least number where nobody says it (AutoScaling API, CreateAutoScalingGroup)."""
    if seen.knows("desired_capacity"):
        return seen.number("desired_capacity"), ""
    return seen.number("min_size"), "desired_capacity is not known: taken as min_size"


def _sizes(seen: Seen) -> str:
    if not (seen.knows("min_size") and seen.knows("max_size")) or seen.get("min_size") == seen.get("max_size"):
        return ""
    return f"the group may have {seen.get('min_size')} to {seen.get('max_size')}"


def _template(look: Look) -> tuple[Resource, str]:
    """The launch template or configuration, and how it was found where that is not certain. Raises NotKnown."""
    seen = look.seen
    if _are_known(seen, "mixed_instances_policy") and seen.blocks("mixed_instances_policy"):
        raise NotKnown("it mixes instance types")
    block = seen.block("launch_template")
    if block is not None:
        return _found(look, "aws_launch_template", block, ("id", "name"))
    return _found(look, "aws_launch_configuration", seen, ("launch_configuration",))


def _found(look: Look, type: str, where: Seen, keys: tuple[str, ...]) -> tuple[Resource, str]:
    named = {str(where.get(key)) for key in keys if where.knows(key)} - {""}
    candidates = look.around.by_type.get(type, ())
    for one in candidates:
        names = {one.id, str(one.seen.get("name")) if one.seen.knows("name") else ""} - {""}
        if named & names:
            return one, ""
    if named:
        raise NotKnown(f"its {type} is not in these plans")
    # What is known only after apply is made by this plan; where it makes one, that is the one.
    if len(candidates) == 1:
        return candidates[0], f"taken to use {candidates[0].address}, the only {type}"
    raise NotKnown(f"which {type} it uses is known only after apply")


def _template_volumes(look: Look, template: Resource) -> Iterator[Part]:
    if template.type == "aws_launch_configuration":
        yield attempt(_ROOT, lambda: _root(look, template.seen))
        return
    blocks = _known_blocks(template.seen, "block_device_mappings")
    for at, mapping in enumerate(blocks):
        for ebs in _known_blocks(mapping, "ebs"):
            what = _volume_name(mapping, at)
            yield attempt(what, lambda ebs=ebs, what=what: look.volume(what, ebs))  # type: ignore[misc]
    if not blocks:
        yield Part(_ROOT, reason="its size comes from the image")
