"""Environments and their hosts."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store import rows
from adapters.store.schema import environments, hosts
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.inventory import Host


def get(connection: Connection, ref: EnvironmentRef) -> Environment | None:
    row = connection.execute(sa.select(environments).where(environments.c.environment == str(ref))).one_or_none()
    return rows.environment(row) if row else None


def all_of_them(connection: Connection) -> Sequence[Environment]:
    """Every environment there ever was, by name."""
    found = [rows.environment(row) for row in connection.execute(sa.select(environments))]
    return sorted(found, key=lambda environment: environment.ref)  # by Python: databases differ in collation


def put(connection: Connection, environment: Environment) -> None:
    """Write an environment. The caller's fence keeps every other writer out."""
    values = rows.environment_row(environment)
    updated = connection.execute(
        environments.update().where(environments.c.environment == values["environment"]).values(values)
    )
    if updated.rowcount == 0:
        connection.execute(environments.insert(), values)


def get_hosts(connection: Connection, ref: EnvironmentRef) -> Sequence[Host]:
    """The inventory, in the order in which it was saved."""
    found = connection.scalars(
        sa.select(hosts.c.value).where(hosts.c.environment == str(ref)).order_by(hosts.c.position)
    )
    return [rows.host(text) for text in found]


def put_hosts(connection: Connection, ref: EnvironmentRef, inventory: Sequence[Host]) -> None:
    """Replace the inventory."""
    values = [
        {"environment": str(ref), "position": position, "value": rows.host_json(host)}
        for position, host in enumerate(inventory)
    ]
    connection.execute(hosts.delete().where(hosts.c.environment == str(ref)))
    if values:
        connection.execute(hosts.insert(), values)
