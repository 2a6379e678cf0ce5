"""Measure a release: likeness to the clean pictures, what the surrogate says, equality of the restored pictures.

Everything is read back from the 8-bit files on disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from ripguard.data.source import Source
from ripguard.errors import VerifyFailed
from ripguard.images import read_picture
from ripguard.looks import likeness
from ripguard.pool import spread
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
) -> dict[str, Any]:
    """Measure a release.

    Args:
        source: the clean pictures it was made from.
        restored: folder that ``ripguard restore`` wrote; its pictures are compared with the clean ones.
        surrogate: file of a surrogate; what it says of each protected picture is counted.
        signer: fingerprint that must have signed the release.

    Returns:
        Counts, also of restored files with the bytes of the source's; medians and 5th/95th percentiles of PSNR (dB) and
        SSIM of protected to clean; residue bytes; shares (0..1) of pictures on which the surrogate keeps the true
        label, or says the label after it (cyclic target).
    """
    release = Release.open(root)
    vouched(release, signer)
    wanted = sources_by_place(release, source)
    rows = [{key: row[key] for key in NEEDED if key in row} for row in release.rows if row["path"] in wanted]
    if not rows:
        raise VerifyFailed(f"{root} was not made from {source.name}: no picture stands at a known place")
    jobs = [
        (
            str(root / row["path"]),
            str(wanted[row["path"]]),
            str(restored_file(restored, row)) if restored else "",
        )
        for row in rows
    ]
    found = spread(_measure, *zip(*jobs), workers=workers if len(jobs) > FEW else 1, chunk=64)
    measured = list(tqdm(found, total=len(jobs), desc="measuring", unit="picture", disable=None))
    residue = [row["residue"][2] if row["residue"] else 0 for row in rows]
    result: dict[str, Any] = {
        "pictures": len(rows),
        "scheme": release.info["scheme"]["name"],
        "exact": release.info["exact"],
        "psnr_to_clean": _spread([m["psnr"] for m, *_ in measured]),
        "ssim_to_clean": _spread([m["ssim"] for m, *_ in measured]),
        "residue_bytes_per_picture": _spread(residue),
        "residue_bytes": sum(residue),
        "overwritten_bytes": sum(row["overwritten"] for row in rows),
        "residue_over_bound": sum(
            r > row["overwritten"] + row["overflow"] + 48 for r, row in zip(residue, rows) if row["planes"]
        ),
        "in_residue_only": sum(row["planes"] == 0 for row in rows),
    }
    if restored:
        result["restored_equal"] = sum(equal for _, equal, _ in measured)
        result["files_equal"] = sum(same for *_, same in measured)
    if surrogate:
        result |= _opinions(release, rows, surrogate)
    return result


def restored_file(restored: Path, row: dict[str, Any]) -> Path:
    """Where ``ripguard restore`` put a picture: at its place in the release, under its first name if byte-exact."""
    place = restored / row["path"]
    return place.with_name(row["name"]) if "name" in row else place


def _measure(protected: str, clean: str, restored: str) -> tuple[dict[str, float | None], bool, bool]:
    """Likeness to the clean picture; whether the restored one equals it in its samples, and its file in its bytes."""
    picture, original = read_picture(protected), read_picture(clean)
    there = bool(restored) and Path(restored).is_file()
    equal = there and np.array_equal(read_picture(restored), original)
    return likeness(picture, original), equal, there and Path(restored).read_bytes() == Path(clean).read_bytes()


def _spread(values: list[Any]) -> dict[str, float] | None:
    known = [v for v in values if v is not None]
    if not known:
        return None
    low, median, high = np.percentile(known, [5, 50, 95])
    return {"median": round(float(median), 4), "p5": round(float(low), 4), "p95": round(float(high), 4)}


def _opinions(release: Release, rows: list[dict[str, Any]], path: str) -> dict[str, Any]:
    """Shares of protected pictures, overall and by split, that the surrogate gives the true or the next label."""
    from ripguard.perturb.surrogate import load, predict

    model, names, _ = load(path)
    units = release.info["units"]
    by_shape: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    for row in rows:
        by_shape.setdefault(tuple(row["shape"]), []).append(row)
    kept: dict[str, list[bool]] = {}
    hit: dict[str, list[bool]] = {}
    for group in by_shape.values():
        batch = max(1, min(512, (1 << 24) // int(np.prod(group[0]["shape"]))))  # bounded memory for large pictures
        for start in tqdm(range(0, len(group), batch), desc="surrogate", unit="batch", disable=None):
            part = group[start : start + batch]
            pictures = np.stack([read_picture(release.root / row["path"]) for row in part])
            says = predict(model, pictures).argmax(1)
            for row, label in zip(part, says):
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


def grid(root: Path, source: Source, restored: Path | None, target: Path, rows: int = 8) -> None:
    """Write a picture of clean | protected | restored | 4× difference for one picture of each of ``rows`` classes."""
    import io

    from matplotlib.figure import Figure
    from PIL import Image

    release = Release.open(root)
    wanted = sources_by_place(release, source)
    chosen: dict[str, dict[str, Any]] = {}
    for row in release.rows:
        label = release.info["units"][row["unit"]]["label"]
        if row["path"] in wanted:
            chosen.setdefault(label, row)
    picks = list(chosen.items())[:rows]  # the first picture of each class: not chosen for its looks
    columns = (
        ["clean", "protected", "restored", "|protected − clean| ×4"]
        if restored
        else ["clean", "protected", "difference ×4"]
    )
    figure = Figure((1.5 * len(columns), 1.5 * len(picks) + 0.3))
    axes = figure.subplots(len(picks), len(columns), squeeze=False)
    for number, (line, (label, row)) in enumerate(zip(axes, picks)):
        clean, protected = read_picture(wanted[row["path"]]), read_picture(root / row["path"])
        shown = [clean, protected]
        if restored:
            shown.append(read_picture(restored_file(restored, row)))
        shown.append(np.clip(np.abs(protected.astype(int) - clean) * 4, 0, 255).astype(np.uint8))
        for axis, picture, title in zip(line, shown, columns):
            axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axis.set_xticks([]), axis.set_yticks([])
            if number == 0:
                axis.set_title(title, fontsize=8)
        line[0].set_ylabel(label[:14], fontsize=8)
    figure.tight_layout(pad=0.4)
    target.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=90)
    Image.open(buffer).convert("RGB").save(target, optimize=True)
