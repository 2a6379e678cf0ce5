"""The metadata of a release as one container: what an owner sends, whatever the version of the format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ripguard.release.parts import ContainerParts, parts_of
from ripguard.release.record import CONTAINER, MANIFEST, MODEL, RELEASE, RESIDUE
from ripguard.store.atomic import storage
from ripguard.store.container import Part, pieces
from ripguard.store.section import Section


def packed(root: Path) -> Iterator[bytes]:
    """The container of a release on disk, in pieces: ``release.ripguard``, or one made of the folder ``.ripguard``.

    Raises:
        NotProtected, Damaged: there is no release.
        StorageError: a file cannot be read, or changes meanwhile.
    """
    found = parts_of(root)
    with storage("cannot read"):
        if isinstance(found, ContainerParts):
            yield from Section(root / CONTAINER).pieces()
            return
        parts = []
        for name in found.names():
            if name in (RELEASE, MANIFEST, MODEL) or name.startswith(f"{RESIDUE}/"):
                section = found.section(name)
                parts.append(Part(name, os.path.getsize(section.path), section.sha256(), section.pieces()))
        yield from pieces(parts)
