"""Revisions and their files. A content is kept once, however many revisions name it, and goes with the last of them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store import rows
from adapters.store.schema import bundle_files, contents, revision_files, revisions
from lifecycle.environment import EnvironmentRef
from lifecycle.revision import KeptFile, Revision

AT_ONCE = 500
"""Digests in one question: databases have a limit."""
_CONTENTS = 0x636F6E74656E74  # "content": the PostgreSQL advisory lock under which contents come and go


def keep(connection: Connection, ref: EnvironmentRef, revision: Revision, files: Mapping[str, bytes]) -> None:
    """Write a revision with the contents of its files."""
    alone(connection)
    add_contents(connection, files)
    connection.execute(
        revisions.insert(),
        {
            "environment": str(ref),
            "number": revision.number,
            "digest": revision.digest,
            "accepted_at": revision.at,
            "accepted_by": rows.to_text(revision.by),
            "blueprint": revision.blueprint,
            "inputs": rows.to_json(revision.inputs),
            "parts": rows.to_json(revision.parts),
            "source": rows.to_text(revision.source),
        },
    )
    if revision.files:
        named = {"environment": str(ref), "number": revision.number}
        connection.execute(
            revision_files.insert(),
            [
                named | {"path": path, "digest": file.digest, "executable": file.executable}
                for path, file in revision.files.items()
            ],
        )


def drop_files(connection: Connection, ref: EnvironmentRef, numbers: Sequence[int] | None = None) -> None:
    """Let go of the files of some revisions, or of all, and of contents that nobody names then."""
    alone(connection)
    mine = revision_files.c.environment == str(ref)
    connection.execute(
        revision_files.delete().where(mine if numbers is None else sa.and_(mine, revision_files.c.number.in_(numbers)))
    )
    named = sa.union(sa.select(revision_files.c.digest), sa.select(bundle_files.c.digest))
    connection.execute(contents.delete().where(contents.c.digest.not_in(named)))


def add_contents(connection: Connection, files: Mapping[str, bytes]) -> None:
    """Write contents by their digests, those that are not there yet."""
    there = set(_known(connection, files))
    if new := [{"digest": d, "content": content} for d, content in files.items() if d not in there]:
        connection.execute(contents.insert(), new)


def alone(connection: Connection) -> None:
    """Environments share contents, and each has a lock of its own: what one lets go of, another may be about to name."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CONTENTS})")


def of_environment(connection: Connection, ref: EnvironmentRef) -> Sequence[Revision]:
    """Every revision of an environment, the oldest first."""
    files: dict[int, dict[str, KeptFile]] = {}
    for row in connection.execute(sa.select(revision_files).where(revision_files.c.environment == str(ref))):
        files.setdefault(row.number, {})[row.path] = KeptFile(row.digest, row.executable)
    found = connection.execute(
        sa.select(revisions).where(revisions.c.environment == str(ref)).order_by(revisions.c.number)
    )
    return [
        Revision(
            number=row.number,
            digest=row.digest,
            at=row.accepted_at,
            by=row.accepted_by,
            blueprint=row.blueprint,
            inputs=json.loads(row.inputs),
            parts=json.loads(row.parts),
            files=files.get(row.number, {}),
            source=row.source,
        )
        for row in found
    ]


def read_contents(connection: Connection, digests: Iterable[str]) -> Mapping[str, bytes]:
    """Contents by their digests; those that are not there are absent."""
    found: dict[str, bytes] = {}
    for part in some(digests):
        rows_ = connection.execute(sa.select(contents).where(contents.c.digest.in_(part)))
        found |= {row.digest: row.content for row in rows_}
    return found


def _known(connection: Connection, digests: Iterable[str]) -> Iterator[str]:
    for part in some(digests):
        yield from connection.scalars(sa.select(contents.c.digest).where(contents.c.digest.in_(part)))


def some(digests: Iterable[str]) -> Iterator[list[str]]:
    """Digests in portions that fit into one question."""
    rest = iter(set(digests))
    while part := list(islice(rest, AT_ONCE)):
        yield part
