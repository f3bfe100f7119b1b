"""The tables, and which revisions of them this Baton knows. The migrations beside this file create them."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every revision of the schema, oldest first. Kept here so that opening an up-to-date store needs no migration tool."""
HEAD = REVISIONS[-1]
VERSION_TABLE = "baton_version"
"""Where the migration tool keeps the revision. A name of our own: a database may be shared with others who use it too."""


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime: `timestamptz` where there is one, else ISO 8601 text that sorts as the times do."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.isoformat(timespec="microseconds")

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


metadata = sa.MetaData()

environments = sa.Table(
    "baton_environments",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),  # <blueprint>/<name>
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("blueprint_path", sa.Text, nullable=False),
    sa.Column("cloud", sa.Text, nullable=False),
    sa.Column("run", sa.BigInteger, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),  # JSON
)

locks = sa.Table(
    "baton_locks",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False),  # only ever grows; the row is never deleted
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("owner_user", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("boot_id", sa.Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("flow_run", sa.Text, nullable=False),
    sa.Column("acquired_at", UtcTime),  # both by the database's clock
    sa.Column("expires_at", UtcTime),
)

journal = sa.Table(
    "baton_journal",
    metadata,
    # 64 bits where it matters; SQLite counts by itself only in a column declared INTEGER (its rowid, 64 bits too).
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("input_digest", sa.Text, nullable=False),
    sa.Column("run", sa.BigInteger, nullable=False),
    sa.Column("intended_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Column("status", sa.Text),  # null: the outcome is not known
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON, masked
    sa.Index("ix_baton_journal_latest", "environment", "kind", "subject", "id"),
    sa.Index("ix_baton_journal_run", "environment", "run"),
    sqlite_autoincrement=True,  # an id is never used twice, so "newest" keeps its meaning after a deletion
)

hosts = sa.Table(
    "baton_hosts",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Text, nullable=False),  # JSON of the Host; a key is a reference, never the key
)

ledger = sa.Table(
    "baton_ledger",
    metadata,
    sa.Column("chain", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event", sa.Text, nullable=False),  # canonical JSON as text: a JSON type would re-order the keys
    sa.Column("prev", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

revisions = sa.Table(
    "baton_revisions",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("accepted_at", UtcTime, nullable=False),
    sa.Column("accepted_by", sa.Text, nullable=False),
    sa.Column("blueprint", sa.Text, nullable=False),  # path of its file among the revision's files
    sa.Column("inputs", sa.Text, nullable=False),  # JSON, as they were given; never a secret
    sa.Column("parts", sa.Text, nullable=False),  # JSON: name of a part → digest
    sa.Column("source", sa.Text, nullable=False, server_default=""),  # the reference that names this very blueprint
)

revision_files = sa.Table(
    "baton_revision_files",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("executable", sa.Boolean, nullable=False),
    sa.Index("ix_baton_revision_files_digest", "digest"),
)

contents = sa.Table(
    "baton_contents",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),  # SHA-256 of the content
    sa.Column("content", sa.LargeBinary, nullable=False),
)

kept = sa.Table(
    "baton_kept",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),  # encrypted with a key that is derived from the store's
)

store_key = sa.Table(
    "baton_key",
    metadata,
    sa.Column("fingerprint", sa.Text, primary_key=True),  # of the store's key, which is not in the database
    sa.Column("one", sa.Boolean, nullable=False, unique=True),  # always true: there is one key
)

certificates = sa.Table(
    "baton_certificates",
    metadata,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("run", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("text", sa.Text, nullable=False),
)

bundles = sa.Table(
    "baton_bundles",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),  # in the order of publishing, from 1
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("published_at", UtcTime, nullable=False),
    sa.Column("published_by", sa.Text, nullable=False),
    sa.Column("blueprint", sa.Text, nullable=False),  # path of its file among the bundle's files
    sa.Index("ux_baton_bundles_version", "name", "version", unique=True),
)

bundle_files = sa.Table(
    "baton_bundle_files",
    metadata,
    sa.Column("bundle", sa.Text, primary_key=True),  # the bundle's digest: two names of one content share its files
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("executable", sa.Boolean, nullable=False),
    sa.Index("ix_baton_bundle_files_digest", "digest"),
)
