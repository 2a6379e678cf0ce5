"""Measure a release: likeness to the clean images, predictions of the surrogate, equality of the restored images.

Everything is read back from the 8-bit files on disk.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.bar import Bar
from ripguard.crypto.keys import KeyRing
from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused, VerifyFailed, some
from ripguard.executor import Local
from ripguard.images.decoding import read_image
from ripguard.images.quality import likeness
from ripguard.images.rendering import Rendering, render
from ripguard.release.inspect import scheme_name
from ripguard.release.manifest import Release
from ripguard.release.plan import FEW
from ripguard.release.signers import vouched
from ripguard.release.verify import sources_by_place

# of a manifest row
NEEDED = ("path", "name", "shape", "unit", "residue", "overwritten", "overflow", "planes")


def report(
    root: Path,
    source: Source,
    restored: Path | None = None,
    surrogate: str | None = None,
    workers: int = 1,
    signer: str | None = None,
    key: KeyRing | None = None,
) -> dict[str, Any]:
    """Measure a release.

    Args:
        source: the clean images it was made from.
        restored: folder that ``ripguard restore`` wrote; its images are compared with the clean ones.
        surrogate: file of a surrogate; its predictions for the protected images are counted.
        signer: fingerprint that must have signed the release.
        key: opens the recipe, for the result; nothing else here needs it.

    Returns:
        Counts, also of restored files with the bytes of the source's; medians and 5th/95th percentiles of PSNR (dB) and
        SSIM of protected to clean; residue bytes; shares (0..1) of images on which the surrogate keeps the true
        label, or predicts the label after it (cyclic target); bytes of the source's and of the published files.
        ``damaged``: places of published images that cannot be
        read, or have another size than the clean one; they are left out of everything else. ``scheme`` is "sealed"
        without a key that opens it. ``overwritten_bytes`` and ``residue_over_bound`` only of releases before format v2.

    Raises:
        WrongKey: the key does not open the release.
        InputRefused: a surrogate of other classes, before any work.
        VerifyFailed: no image can be measured.
    """
    release = Release.open(root)
    scheme = scheme_name(release, key)
    vouched(release, signer, key)
    wanted = sources_by_place(release, source)
    rows = [{key: row[key] for key in NEEDED if key in row} for row in release.rows if row["path"] in wanted]
    if not rows:
        raise VerifyFailed(f"{root} was not made from {source.name}: no image stands at a known place")
    judge = _surrogate_of(release, surrogate) if surrogate else None  # a surrogate that does not fit is refused first
    jobs = [
        (str(root / row["path"]), wanted[row["path"]], _restored(release, row, wanted[row["path"]], restored))
        for row in rows
    ]
    found = Local(workers if len(jobs) > FEW else 1).map(_measure, jobs, chunk=64)
    looked = list(Bar(found, total=len(jobs), stage="measuring", unit="image"))
    damaged = [row["path"] for row, one in zip(rows, looked) if one is None]
    rows = [row for row, one in zip(rows, looked) if one is not None]
    measured = [one for one in looked if one is not None]
    if not rows:
        raise VerifyFailed(
            f"{root}: no published image can be compared with its source, as {damaged[0]}",
            "run ripguard verify: it lists each damaged image",
        )
    residue = [row["residue"][2] if row["residue"] else 0 for row in rows]
    result: dict[str, Any] = {
        "pictures": len(rows),
        "damaged": damaged,
        "scheme": scheme,
        "exact": release.info["exact"],
        "psnr_to_clean": _spread([m["psnr"] for m, *_ in measured]),
        "ssim_to_clean": _spread([m["ssim"] for m, *_ in measured]),
        "residue_bytes_per_picture": _spread(residue),
        "residue_bytes": sum(residue),
        "in_residue_only": sum(row["planes"] == 0 for row in rows),
        "source_bytes": sum(own for *_, (own, _) in measured),
        "published_bytes": sum(size for *_, (_, size) in measured),
    }
    if release.version < 2:
        over = (r > row["overwritten"] + row["overflow"] + 48 for r, row in zip(residue, rows) if row["planes"])
        result |= {"overwritten_bytes": sum(row["overwritten"] for row in rows), "residue_over_bound": sum(over)}
    if restored:
        result["restored_equal"] = sum(equal for _, equal, *_ in measured)
        result["files_equal"] = sum(same for _, _, same, *_ in measured)
    if judge:
        result |= _shares(release, rows, [shape for *_, shape, _ in measured], *judge)
    return result


def restored_file(release: Release, row: dict[str, Any], item: Item, restored: Path) -> Path:
    """Where ``ripguard restore`` put an image: at the place of its source file.

    From releases before format v2: at its place in the release, under its first name if byte-exact.
    """
    if release.version >= 2:
        return restored / item.name
    place = restored / row["path"]
    return place.with_name(row["name"]) if "name" in row else place


def _restored(release: Release, row: dict[str, Any], item: Item, restored: Path | None) -> str:
    return str(restored_file(release, row, item, restored)) if restored else ""


# likeness; whether samples and bytes are restored; published shape; bytes of the source's and of the published file
Measured = tuple[dict[str, float | None], bool, bool, tuple[int, ...], tuple[int, int]]


def _measure(_: None, job: tuple[str, Item, str]) -> Measured | None:
    """Likeness to the clean image; whether the restored one equals it in its samples, and its file in its bytes; the
    published shape; bytes of both files. None: the published image is damaged.
    """
    protected, item, restored = job
    data = item.read()
    original = render(data, item.name)
    image = published(protected, original.image)
    if image is None:
        return None
    there = bool(restored) and Path(restored).is_file()
    same = there and Path(restored).read_bytes() == data
    return (
        likeness(image, original.image), there and (same or _equal(restored, original)), same, image.shape,
        (len(data), os.path.getsize(protected)),
    )  # fmt: skip


def published(path: str | Path, original: np.ndarray) -> np.ndarray | None:
    """A published image, uint8 ``[height, width, channels]``; None if it cannot be read, or has another size."""
    try:
        image = read_image(path)
    except (InputRefused, FileNotFoundError):
        return None
    return image if image.shape[:2] == original.shape[:2] else None


def _equal(restored: str, original: Rendering) -> bool:
    """Whether a restored image has the samples of the source. A source that is restored as a file has no equal ones."""
    try:
        return original.exact and np.array_equal(read_image(restored), original.image)
    except InputRefused:
        return False


def _spread(values: list[Any]) -> dict[str, float] | None:
    known = [v for v in values if v is not None]
    if not known:
        return None
    low, median, high = np.percentile(known, [5, 50, 95])
    return {"median": round(float(median), 4), "p5": round(float(low), 4), "p95": round(float(high), 4)}


def _surrogate_of(release: Release, path: str) -> tuple[Any, list[str]]:
    """A surrogate and its classes; raises :class:`InputRefused` if they are not the release's."""
    from ripguard.perturb.surrogate import load

    model, names, _ = load(path)
    labels = sorted({unit["label"] for unit in release.info["units"]} - {""})
    if not set(labels) <= set(names):
        raise InputRefused(
            f"{path} has the classes {some(names, most=5)}; {release.root} has {some(labels, most=5)}",
            "name a surrogate of this dataset",
        )
    return model, names


def _shares(
    release: Release, rows: list[dict[str, Any]], shapes: list[tuple[int, ...]], model: Any, names: list[str]
) -> dict[str, Any]:
    """Shares of protected images, overall and by split, that the surrogate gives the true or the next label."""
    from ripguard.perturb.surrogate import predict

    units = release.info["units"]
    by_shape: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    for row, shape in zip(rows, shapes):
        by_shape.setdefault(shape, []).append(row)
    kept: dict[str, list[bool]] = {}
    hit: dict[str, list[bool]] = {}
    for shape, group in by_shape.items():
        batch = max(1, min(512, (1 << 24) // int(np.prod(shape))))  # bounded memory for large images
        for start in Bar(range(0, len(group), batch), stage="surrogate", unit="batch"):
            part = group[start : start + batch]
            images = np.stack([read_image(release.root / row["path"]) for row in part])
            predicted = predict(model, images).argmax(1)
            for row, label in zip(part, predicted):
                unit = units[row["unit"]]
                true = names.index(unit["label"])
                kept.setdefault(unit["split"], []).append(bool(label == true))
                hit.setdefault(unit["split"], []).append(bool(label == (true + 1) % len(names)))
    share = {split: round(float(np.mean(v)), 4) for split, v in kept.items()}
    return {
        "surrogate_keeps_label": round(float(np.mean(np.concatenate(list(kept.values())))), 4),
        "surrogate_says_next_label": round(float(np.mean(np.concatenate(list(hit.values())))), 4),
        "surrogate_keeps_label_by_split": share,
    }
