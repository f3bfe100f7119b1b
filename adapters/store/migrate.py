"""Brings a database to the schema that this Baton knows, when it is opened."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store.engine import Database
from adapters.store.failures import NewerSchemaError, Place
from adapters.store.schema import HEAD, REVISIONS, VERSION_TABLE

SCRIPTS = Path(__file__).parent / "migrations"
_REVISION = sa.text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608  # our own constant
_MIGRATING = 0x6261746F6E  # "baton": the PostgreSQL advisory lock under which one process migrates


def ensure(database: Database) -> None:
    """Create or upgrade the tables where needed; many processes may do so at once. Raises NewerSchemaError."""
    with database.read() as connection:
        if _current(connection, database.place) == HEAD:
            return  # the usual case, without importing the migration tool (a quarter of a second)
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
        if _current(connection, database.place) != HEAD:  # somebody else may have been first
            _upgrade(connection)


def _current(connection: Connection, place: Place) -> str | None:
    """The database's revision, None where there is none yet."""
    if connection.dialect.name == "postgresql":
        table = f"SELECT to_regclass('{VERSION_TABLE}')"
    else:
        table = f"SELECT name FROM sqlite_master WHERE name = '{VERSION_TABLE}'"  # noqa: S608  # our own constant
    if connection.exec_driver_sql(table).scalar() is None:
        return None
    revision: str | None = connection.execute(_REVISION).scalar()
    if revision is not None and revision not in REVISIONS:
        raise NewerSchemaError(
            f"the store at {place.text} was written by a newer Baton: its schema is {revision}, this one knows {HEAD}",
            hint="upgrade Baton, or name another store",
            facts={"schema": revision, "known": HEAD},
        )
    return revision


def _upgrade(connection: Connection) -> None:
    from alembic import command  # slow to import, seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
