"""Images of a release beside their source: which are shown, and the grid of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ripguard.benchmark.report import published, restored_file
from ripguard.data.source import Item, Source
from ripguard.errors import UsageError, VerifyFailed
from ripguard.files import refuse_unwritable
from ripguard.images.rendering import render
from ripguard.release.manifest import Release
from ripguard.release.verify import sources_by_place
from ripguard.store.atomic import write_file

TIMES = 4  # the difference is drawn so many times as large


def check_grid(target: str) -> None:
    """Raise :class:`UsageError` or :class:`StorageError`, before any work, where :func:`grid` could not write."""
    path = Path(target)
    if path.suffix.lower() != ".png" or path.is_dir():
        raise UsageError(f"--grid: expected the name of a PNG file, got {target!r}", "such as grid.png")
    refuse_unwritable(path)


def grid(root: Path, source: Source, restored: Path | None, target: Path, rows: int = 8) -> None:
    """Write an image of clean | protected | restored | 4× difference for one image of each of ``rows`` classes.

    They are drawn at true size, see :mod:`ripguard.benchmark.true_size`.

    Raises :class:`VerifyFailed` where no image of the release can be shown.
    """
    from ripguard.benchmark.true_size import draw  # imported here: a report without a grid needs no Matplotlib

    shown = samples(root, source, restored, rows)
    columns = ["clean", "protected", *(["restored"] if restored else []), f"difference ×{TIMES}"]
    write_file(target, draw(list(shown.items()), columns))


def samples(root: Path, source: Source, restored: Path | None, classes: int) -> dict[str, list[np.ndarray]]:
    """One image of each of the first ``classes`` classes: clean, protected, restored, difference.

    It is the first image that can be shown, of the training images where the class has any: not chosen for its looks.

    Returns:
        uint8 ``[height, width, channels]`` by class, three or, with ``restored``, four. The difference between
        protected and clean is absolute and :data:`TIMES` as large, clipped.

    Raises:
        VerifyFailed: no image of the release can be shown.
    """
    release = Release.open(root)
    wanted = sources_by_place(release, source)
    units = [release.info["units"][row["unit"]] for row in release.rows]
    order = sorted(range(len(units)), key=lambda index: units[index]["split"] != "train")  # stable
    picks: dict[str, list[np.ndarray]] = {}
    for row, label in ((release.rows[index], units[index]["label"]) for index in order):
        if len(picks) < classes and label not in picks and row["path"] in wanted:
            item = wanted[row["path"]]
            back = restored_file(release, row, item, restored) if restored else None
            if line := _line(root / row["path"], item, back):
                picks[label] = line
    if not picks:
        raise VerifyFailed(
            f"{root}: no image of it can be shown beside its source", "run ripguard verify: it lists each damaged image"
        )
    return picks


def _line(protected: Path, clean: Item, restored: Path | None) -> list[np.ndarray] | None:
    """Images of one class, None if one of them is damaged or missing."""
    data = clean.read()
    original = render(data, clean.name).image
    found = [original, published(protected, original)]
    if restored:
        same = restored.is_file() and restored.read_bytes() == data  # a file of any kind, shown as the source is
        found.append(original if same else published(restored, original))
    known = [image for image in found if image is not None]
    if len(known) < len(found):
        return None
    return [*known, np.clip(np.abs(known[1].astype(int) - original) * TIMES, 0, 255).astype(np.uint8)]
