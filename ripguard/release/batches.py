"""Divide protected files into batches, and pass the files of a batch to a restorer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ripguard.errors import InputRefused, StorageError
from ripguard.images.decoding import samples_claimed
from ripguard.images.reencoded import file_bytes
from ripguard.release.manifest import Index
from ripguard.release.restorer import RestoredImage, Restorer

BATCH_FILES, BATCH_SAMPLES = 256, 1 << 20  # largest batch; bounds the memory of a worker


def in_batches(files: Iterable[Path | str | bytes], names: Iterable[str], index: Index | None) -> list[int]:
    """Lengths of consecutive batches of files, bounded in number of files and of decoded samples.

    Args:
        files: paths, or the bytes of files.
        names: path of each file in the release, "" for a loose file.
        index: the release, which contains the sizes of its images, or None.
    """
    lengths, size = [0], 0
    for file, name in zip(files, names):
        known = index.rows.samples(name) if index is not None and name else None
        samples = samples_claimed(file) if known is None else known
        if lengths[-1] and (lengths[-1] == BATCH_FILES or size + samples > BATCH_SAMPLES):
            lengths.append(0)
            size = 0
        lengths[-1] += 1
        size += samples
    return lengths


def split(items: list[Any], lengths: list[int]) -> list[list[Any]]:
    """Split a list into consecutive parts of the given lengths."""
    left = iter(items)
    return [list(itertools.islice(left, length)) for length in lengths]


def restore_files(restorer: Restorer, paths: Sequence[Path | str], names: list[str]) -> list[RestoredImage]:
    """Restore a batch of files in memory; messages contain their paths.

    Args:
        paths: protected image files; a link is refused.
        names: path of each file in the release of ``restorer``, "" for a loose file.

    Raises:
        Damaged, StorageError: the release itself cannot be used.
    """
    return restorer.restore_each(names, map(_bytes_of, paths), list(map(str, paths)))


def _bytes_of(path: Path | str) -> bytes | InputRefused | StorageError:
    try:
        return file_bytes(path)
    except (InputRefused, StorageError) as error:
        return error
