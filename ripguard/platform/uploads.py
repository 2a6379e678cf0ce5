"""Pack files into a tar archive, in pieces, to send it."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator


def tar_of(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A tar archive of files, name and content each, in pieces."""
    for name, data in files:
        head = tarfile.TarInfo(name)
        head.size = len(data)
        yield head.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + data + bytes(-len(data) % 512)
    yield bytes(2 * tarfile.BLOCKSIZE)
