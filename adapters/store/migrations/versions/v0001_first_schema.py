"""The first schema: environments, locks, journal, hosts, and a ledger that can only grow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

SQLITE_APPEND_ONLY = [
    f"CREATE TRIGGER baton_ledger_no_{verb.lower()} BEFORE {verb} ON baton_ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("UPDATE", "DELETE")
] + [
    # INSERT OR REPLACE deletes without firing the trigger above.
    "CREATE TRIGGER baton_ledger_no_replace BEFORE INSERT ON baton_ledger "
    "WHEN EXISTS (SELECT 1 FROM baton_ledger WHERE chain = NEW.chain AND seq = NEW.seq) "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
]

POSTGRESQL_APPEND_ONLY = [
    "CREATE FUNCTION baton_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "CREATE TRIGGER baton_ledger_rows BEFORE UPDATE OR DELETE ON baton_ledger "
    "FOR EACH ROW EXECUTE FUNCTION baton_ledger_append_only()",
    "CREATE TRIGGER baton_ledger_truncate BEFORE TRUNCATE ON baton_ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION baton_ledger_append_only()",
]


def upgrade() -> None:
    _environments_and_locks()
    _journal_and_hosts()
    _ledger()


def _environments_and_locks() -> None:
    op.create_table(
        "baton_environments",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("blueprint_path", sa.Text, nullable=False),
        sa.Column("cloud", sa.Text, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_table(
        "baton_locks",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("owner_user", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("flow_run", sa.Text, nullable=False),
        sa.Column("acquired_at", TIME),
        sa.Column("expires_at", TIME),
    )


def _journal_and_hosts() -> None:
    op.create_table(
        "baton_journal",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("input_digest", sa.Text, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("intended_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("status", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_baton_journal_latest", "baton_journal", ["environment", "kind", "subject", "id"])
    op.create_index("ix_baton_journal_run", "baton_journal", ["environment", "run"])
    op.create_table(
        "baton_hosts",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text, nullable=False),
    )


def _ledger() -> None:
    op.create_table(
        "baton_ledger",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("prev", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_APPEND_ONLY if sqlite else POSTGRESQL_APPEND_ONLY:
        op.execute(statement)
