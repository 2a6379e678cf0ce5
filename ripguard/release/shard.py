"""Protect one shard: read clean files, write published images, and verify the bytes on disk.

The result depends only on plan, key and shard number: shards can run in any process, in any order, and again. The
commit file is written last, when everything it names is on disk; a shard without it counts as not done.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.crypto.aead import associated_data, image_digest, open_sealed, seal
from ripguard.crypto.backend import Forged
from ripguard.crypto.keys import DatasetKeys, ImageKeys
from ripguard.crypto.padding import BadPadding, pad, unpad
from ripguard.errors import InputRefused, StorageError
from ripguard.hide.base import DoesNotFit, Hidden, Identity, Original
from ripguard.hide.methods import reveal
from ripguard.images.decoding import read_file, read_image
from ripguard.images.encoding import ENCODERS
from ripguard.images.gate import held
from ripguard.images.reencoded import with_channels
from ripguard.images.rendering import render, render_again
from ripguard.images.summary import likenesses
from ripguard.release.commit import LIKENESS, Commit, with_ssim
from ripguard.release.plan import Plan, Planned
from ripguard.release.record import RESIDUE, VERSION, clean_proof
from ripguard.schemes.base import Batch, Protector
from ripguard.store.atomic import sha256_file, storage
from ripguard.store.together import together

OVERHEAD = 48  # bytes that residue may be larger than what it replaces: a tag, and what zlib adds


@dataclass(frozen=True)
class Job:
    """Everything that a shard depends on. ``tree`` becomes the release; ``work`` has commits and residue until then."""

    plan: Plan
    keys: DatasetKeys
    protector: Protector
    tree: Path
    work: Path
    model: bytes = b""  # codec model for small images

    def commit_path(self, number: int) -> Path:
        return self.work / "commits" / f"{number:06d}.json"

    def residue_path(self, name: str) -> Path:
        """A residue file, until it becomes a part of ``release.ripguard``."""
        return self.work / RESIDUE / name


def run_shard(job: Job, number: int) -> None:
    """Protect one shard and commit it. Raises a :class:`RipguardError` if that fails; nothing is committed then."""
    images = job.plan.shards[number]
    sources = [image.read() for image in images]
    with held():
        clean = np.stack([_decoded(job.plan, p, data) for p, data in zip(images, sources)])
    labels = np.array([p.label for p in images], np.int64)
    seeds = np.array([p.seed(job.plan.seed) for p in images], np.uint64)
    ids = [Identity(job.keys.key_id, job.keys.dataset_id, p.unit, p.index) for p in images]
    units = {unit: job.keys.unit(unit) for unit in {p.unit for p in images}}
    keys = [units[p.unit].image(p.index) for p in images]
    batch = Batch(clean, labels, seeds, ids, keys, sources, [p.whole for p in images], job.keys)
    try:
        hidden, carriers = job.protector.protect(batch)
    except DoesNotFit as error:
        raise InputRefused(f"{images[error.number].name}: {error.message}", error.hint) from None

    # 1. write, read back, restore and compare with the source
    places = [job.tree / p.out for p in images]
    blob, rows = _rows(job, images, sources, clean, hidden, keys, number)
    residue_path = job.residue_path(f"{number:06d}.bin")
    with together(job.work, len(images)) as files:
        encode = ENCODERS[job.plan.codec]
        for place, one in zip(places, hidden):
            files.write(place, encode(one.image))
        if blob:
            files.write(residue_path, blob)
        with storage("cannot read back"):
            stored = residue_path.read_bytes() if blob else b""
        with held():
            written = np.stack([_read_back(place, row) for place, row in zip(places, rows)])
        residues = [stored[r["residue"][1] : sum(r["residue"][1:])] if r["residue"] else b"" for r in rows]
        restored = reveal(written, [one.header for one in hidden], residues, keys, job.model)
        for image, data, before, after, row, one, key in zip(images, sources, clean, restored, rows, hidden, keys):
            kept = _kept(row, one, key, stored) if "bytes" in row else data
            if isinstance(after, Exception) or not (job.plan.lossy or _equal(after, kept, before, data)):
                raise StorageError(
                    f"{image.name}: the written image does not restore to its source; nothing is published"
                )
        # 2. make it durable, then commit
        files.sync()
    residue = [residue_path.name, hashlib.sha256(stored).hexdigest(), len(stored)] if blob else None
    unknown: dict[str, float | None] = dict.fromkeys(LIKENESS)
    ssim = [with_ssim(image.index, len(job.plan.images)) for image in images]
    to_clean = likenesses(written, clean, ssim)
    to_carrier = [unknown] * len(written) if carriers is None else likenesses(written, carriers, ssim)
    over = sum(one.header.planes > 0 and len(one.residue) > one.overwritten + one.overflow + OVERHEAD for one in hidden)
    Commit(rows, residue, to_carrier, to_clean, over).write(job.commit_path(number))


def _decoded(plan: Plan, image: Planned, data: bytes) -> np.ndarray:
    """The clean image. Its bytes are those of the plan, which found what the file shows."""
    if image.whole or plan.lossy:  # the rendering may not be exact
        return render(data, image.name).image
    return render_again(data, image.name)


def _read_back(place: Path, row: dict[str, Any]) -> np.ndarray:
    """Decode a published image from its file; adds the digest of the file to its row."""
    data = read_file(place, follow=False)
    row["file"] = hashlib.sha256(data).hexdigest()
    return with_channels(read_image(data, str(place)), row["shape"][2])  # WebP has no gray


def _equal(after: np.ndarray | Original, kept: bytes, before: np.ndarray, data: bytes) -> bool:
    """Whether a restored image, and its file if that is kept, equal the source."""
    image, file = (after.image, after.file) if isinstance(after, Original) else (after, kept)
    return image is not None and np.array_equal(before, image) and file == data


def _kept(row: dict[str, Any], one: Hidden, key: ImageKeys, stored: bytes) -> bytes:
    """The source file in the written residue; empty if it is damaged."""
    _, start, length = row["bytes"]
    bound = associated_data(b"file", one.header.pack(), bytes.fromhex(row["pixels"]))
    try:
        return unpad(open_sealed(key.residue, bound, stored[start : start + length]))
    except (Forged, BadPadding):
        return b""


def committed(job: Job, number: int) -> bool:
    """Whether a shard is done: all files in its commit exist with their digests."""
    path = job.commit_path(number)
    if not path.exists():
        return False
    try:
        commit = Commit.parse(path.read_bytes(), job.plan, number)
        good = all(sha256_file(job.tree / row["path"]) == row["file"] for row in commit.rows)
        if commit.residue:
            name, digest, _ = commit.residue
            good = good and sha256_file(job.residue_path(name)) == digest
    except (OSError, ValueError, RecursionError, StorageError):
        good = False
    return good


def _rows(
    job: Job,
    images: list[Planned],
    sources: list[bytes],
    clean: np.ndarray,
    hidden: list[Hidden],
    keys: list,
    number: int,
) -> tuple[bytes, list[dict[str, Any]]]:
    """Residue bytes of the shard, and a manifest row for each image."""
    blob, rows = bytearray(), []
    file = f"{number:06d}.bin"
    for image, data, original, one, key in zip(images, sources, clean, hidden, keys):
        digest = image_digest(one.image)
        row: dict[str, Any] = {
            "path": image.out,
            "unit": image.unit,
            "index": image.index,
            "shape": list(one.image.shape),
            "pixels": digest.hex(),
            "clean": clean_proof(job.keys, VERSION, image.unit, image.index, image_digest(original)),
            "planes": one.header.planes,
            "residue": [file, len(blob), len(one.residue)] if one.residue else None,
        }
        if one.header.planes == 0:
            row["header"] = one.header.pack().hex()
        blob += one.residue
        if (job.plan.byte_exact or image.whole) and not one.header.gives_file:
            bound = associated_data(b"file", one.header.pack(), digest)
            sealed = seal(key.residue, bound, pad(data))
            row["bytes"] = [file, len(blob), len(sealed)]
            blob += sealed
        rows.append(row)
    return bytes(blob), rows
