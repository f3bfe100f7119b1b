"""Revisions: what an environment was asked to be, with the files that it was made of, each content once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "baton_revisions",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.Column("accepted_by", sa.Text, nullable=False),
        sa.Column("blueprint", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
    )
    op.create_table(
        "baton_revision_files",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("executable", sa.Boolean, nullable=False),
    )
    op.create_index("ix_baton_revision_files_digest", "baton_revision_files", ["digest"])
    op.create_table(
        "baton_contents",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
