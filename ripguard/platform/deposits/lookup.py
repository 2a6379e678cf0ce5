"""Find images of a dataset by the digests of files or samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from ripguard.platform.database.tables import images, versions


@dataclass(frozen=True)
class Found:
    """Images of a version that have the same samples: one, unless the release has equal images.

    Attributes:
        version: of the dataset.
        samples: SHA-256 of the samples, 32 bytes.
        units: numbers of their units.
        rows: their lines of ``manifest.jsonl``.
    """

    version: int
    samples: bytes
    units: frozenset[int]
    rows: tuple[str, ...]


def find(
    connection: Connection, dataset: str, files: Sequence[bytes] = (), samples: Sequence[bytes] = ()
) -> dict[bytes, Found]:
    """Images by digest, in the newest version that has them.

    Args:
        files: SHA-256 of files as they were published.
        samples: :func:`ripguard.crypto.aead.image_digest` of decoded images, for files that were written again.

    Returns:
        What was found, by the digest that was given.
    """
    keys = dict(
        connection.execute(select(versions.c.key, versions.c.version).where(versions.c.dataset == dataset))
        .tuples()
        .all()
    )
    known = images.c.version.in_(list(keys))
    by_file = images.c.file.in_(list(files))
    hits = connection.execute(
        select(images.c.version, images.c.samples, images.c.file).where(
            known, or_(by_file, images.c.samples.in_(list(samples)))
        )
    ).all()
    wanted, newest = {*files, *samples}, dict[bytes, tuple[int, bytes]]()
    for hit in hits:
        for digest in {hit.file, hit.samples} & wanted:
            if digest not in newest or keys[hit.version] > keys[newest[digest][0]]:
                newest[digest] = (hit.version, hit.samples)
    shown = {one for _, one in newest.values()}
    groups = dict[tuple[int, bytes], list]()  # all images that look the same, under any name
    query = select(images).where(known, images.c.samples.in_(list(shown))).order_by(images.c.number)
    for row in connection.execute(query):
        groups.setdefault((row.version, row.samples), []).append(row)
    return {
        digest: Found(
            keys[place[0]],
            place[1],
            frozenset(row.unit for row in groups[place]),
            tuple(row.row for row in groups[place]),
        )
        for digest, place in newest.items()
    }
