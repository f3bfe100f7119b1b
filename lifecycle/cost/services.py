"""What managed services cost that are priced by more than their type: databases, caches, tables, load balancers, endpoints."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from lifecycle.cost.book import Kind
from lifecycle.cost.parts import Look, Part, attempt, joined, plain
from lifecycle.cost.seen import NotKnown, Seen

_DATABASE: Final = "database"
_STORAGE: Final = "storage"
_CAPACITY: Final = "provisioned capacity"


def database(look: Look) -> Iterator[Part]:
    """`aws_db_instance`: its class by engine, and its storage; both twice where it stands in two zones."""
    seen = look.seen
    zones, note = _zones(seen)
    yield attempt(_DATABASE, lambda: _class(look)).times(zones).noting(note)
    yield attempt(_STORAGE, lambda: _storage(look)).times(zones)


def cluster_instance(look: Look) -> Iterator[Part]:
    """`aws_rds_cluster_instance`: its class by engine."""
    yield attempt(_DATABASE, lambda: _class(look))


def cache(look: Look) -> Iterator[Part]:
    """`aws_elasticache_cluster`: its nodes."""
    yield attempt("nodes", lambda: _nodes(look, look.seen.text("engine"), look.seen.number("num_cache_nodes")))


def replication_group(look: Look) -> Iterator[Part]:
    """`aws_elasticache_replication_group`: its nodes; counted as groups times members, or told as a number."""
    seen = look.seen

    def number() -> Decimal:
        if seen.knows("num_cache_clusters"):
            return seen.number("num_cache_clusters")
        return seen.number("num_node_groups") * (1 + seen.number("replicas_per_node_group"))

    engine = seen.text("engine") if seen.knows("engine") else "redis"  # the provider's default
    yield attempt("nodes", lambda: _nodes(look, engine, number()))


def table(look: Look) -> Iterator[Part]:
    """`aws_dynamodb_table`: what is provisioned for it and its global indexes; nothing where it is paid by request."""
    mode = (
        look.seen.text("billing_mode") if look.seen.knows("billing_mode") else "PROVISIONED"
    )  # the provider's default
    if mode == "PROVISIONED":
        yield attempt(_CAPACITY, lambda: _capacity(look))


def load_balancer(look: Look) -> Iterator[Part]:
    """`aws_lb`: its hours, by type."""
    kind = look.seen.text("load_balancer_type") if look.seen.knows("load_balancer_type") else "application"
    yield look.priced("load balancer", Kind.LOAD_BALANCER, kind)


def classic_load_balancer(look: Look) -> Iterator[Part]:
    """`aws_elb`: its hours."""
    yield look.priced("load balancer", Kind.LOAD_BALANCER, "classic")


def endpoint(look: Look) -> Iterator[Part]:
    """`aws_vpc_endpoint`: its hours in each zone; a gateway costs nothing."""
    kind = look.seen.text("vpc_endpoint_type") if look.seen.knows("vpc_endpoint_type") else "Gateway"
    if kind != "Gateway":
        yield attempt("endpoint", lambda: _endpoint(look, kind))


def _class(look: Look) -> Part:
    engine, name = look.seen.text("engine"), look.seen.text("instance_class")
    return look.priced(_DATABASE, Kind.DATABASE, f"{engine}/{name}", said=f"{name} with {engine}")


def _zones(seen: Seen) -> tuple[Decimal, str]:
    """In how many zones it stands, with a note where the plan does not tell (the provider's default is one)."""
    try:
        return Decimal(2) if seen.get("multi_az") in (True, "true") else Decimal(1), ""
    except NotKnown as unknown:
        return Decimal(1), f"{unknown}: taken as one zone, the default"


def _storage(look: Look) -> Part:
    """Source of the default: the provider's page of `aws_db_instance`, `storage_type`."""
    seen = look.seen
    iops = seen.number("iops") if seen.knows("iops") else Decimal(0)
    default, size = "io1" if iops else "gp2", seen.number("allocated_storage")
    note = (
        "" if seen.knows("storage_type") or "storage_type" not in seen.unknown else f"taken as {default}, the default"
    )
    kind = seen.text("storage_type") if seen.knows("storage_type") else default
    part = look.priced(_STORAGE, Kind.DATABASE_STORAGE, kind, size, f"{plain(size)} GB of {kind}")
    if kind in ("io1", "io2") and iops:
        part = joined(_STORAGE, [part, look.priced(_STORAGE, Kind.DATABASE_IOPS, kind, iops, f"{plain(iops)} IOPS")])
    return part.noting(f"storage_type is known only after apply: {note}" if note else "")


def _nodes(look: Look, engine: str, number: Decimal) -> Part:
    return look.priced("nodes", Kind.CACHE, f"{engine}/{look.seen.text('node_type')}").times(number)


def _capacity(look: Look) -> Part:
    parts = []
    for block in (look.seen, *look.seen.blocks("global_secondary_index")):
        for name, key in (("read", "read_capacity"), ("write", "write_capacity")):
            units = block.number(key)
            parts.append(look.priced(_CAPACITY, Kind.TABLE_CAPACITY, name, units, f"{plain(units)} {name} units"))
    return joined(_CAPACITY, parts)


def _endpoint(look: Look, kind: str) -> Part:
    zones = Decimal(len(look.seen.get("subnet_ids") or ()))
    if not zones:
        raise NotKnown("subnet_ids is not set")
    return look.priced("endpoint", Kind.ENDPOINT, kind).times(zones)
