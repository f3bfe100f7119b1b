"""Published bundles. Their files' contents are those that revisions have too, each kept once."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store import revisions, rows
from adapters.store.schema import bundle_files, bundles
from lifecycle.bundle import Bundle, published
from lifecycle.revision import KeptFile


def publish(connection: Connection, new: Bundle, files: Mapping[str, bytes]) -> Bundle:
    """Keep a bundle under its version, or find it kept. Raises BundleExists."""
    revisions.alone(connection)
    known = of_name(connection, new.name)
    one = published(known, new)
    if one in known:
        return one
    revisions.add_contents(connection, files)
    connection.execute(
        bundles.insert(),
        {
            "name": one.name,
            "number": len(known) + 1,
            "version": one.version,
            "digest": one.digest,
            "published_at": one.at,
            "published_by": rows.to_text(one.by),
            "blueprint": rows.to_text(one.blueprint),
        },
    )
    there = connection.scalar(sa.select(bundle_files.c.path).where(bundle_files.c.bundle == one.digest).limit(1))
    if there is None:
        connection.execute(
            bundle_files.insert(),
            [
                {"bundle": one.digest, "path": path, "digest": file.digest, "executable": file.executable}
                for path, file in one.files.items()
            ],
        )
    return one


def of_name(connection: Connection, name: str = "") -> Sequence[Bundle]:
    """Every version of a bundle, or of all: by name, the oldest first."""
    wanted = sa.select(bundles).order_by(bundles.c.name, bundles.c.number)
    found = connection.execute(wanted.where(bundles.c.name == name) if name else wanted).all()
    files = _files(connection, {row.digest for row in found})
    return [
        Bundle(row.name, row.version, row.digest, row.published_at, row.published_by, row.blueprint, files[row.digest])
        for row in found
    ]


def _files(connection: Connection, digests: set[str]) -> Mapping[str, dict[str, KeptFile]]:
    files: dict[str, dict[str, KeptFile]] = {digest: {} for digest in digests}
    for part in revisions.some(digests):
        for row in connection.execute(sa.select(bundle_files).where(bundle_files.c.bundle.in_(part))):
            files[row.bundle][row.path] = KeptFile(row.digest, row.executable)
    return files
