"""What several machines need of an environment: what was made for it (sealed), its certificates, and whose key the store has."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "baton_kept",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "baton_key",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("one", sa.Boolean, nullable=False, unique=True),
    )
    op.create_table(
        "baton_certificates",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("run", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
    )
