"""Bundles that were published, and where a revision's blueprint came from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "baton_bundles",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("published_at", TIME, nullable=False),
        sa.Column("published_by", sa.Text, nullable=False),
        sa.Column("blueprint", sa.Text, nullable=False),
    )
    op.create_index("ux_baton_bundles_version", "baton_bundles", ["name", "version"], unique=True)
    op.create_table(
        "baton_bundle_files",
        sa.Column("bundle", sa.Text, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("executable", sa.Boolean, nullable=False),
    )
    op.create_index("ix_baton_bundle_files_digest", "baton_bundle_files", ["digest"])
    op.add_column("baton_revisions", sa.Column("source", sa.Text, nullable=False, server_default=""))
