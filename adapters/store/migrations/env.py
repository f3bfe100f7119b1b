"""Runs the migrations on the connection that adapters.store.migrate hands in, inside its transaction."""

from alembic import context

from adapters.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
