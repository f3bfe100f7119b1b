"""Certificates of teardowns, for machines that did not issue them."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store.schema import certificates


def keep(connection: Connection, environment: str, run: int, text: str) -> None:
    """Write a certificate; again is fine."""
    mine = sa.and_(certificates.c.environment == environment, certificates.c.run == run)
    connection.execute(certificates.delete().where(mine))
    connection.execute(certificates.insert(), {"environment": environment, "run": run, "text": text})


def read(connection: Connection, environment: str, run: int) -> str | None:
    """The text of a certificate; None where there is none."""
    mine = sa.and_(certificates.c.environment == environment, certificates.c.run == run)
    return connection.scalar(sa.select(certificates.c.text).where(mine))
