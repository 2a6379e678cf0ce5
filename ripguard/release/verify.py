"""Verify a release against its manifest, its key and its source."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.bar import Bar
from ripguard.crypto.aead import image_digest
from ripguard.crypto.keys import KeyRing
from ripguard.data.source import Item, Source
from ripguard.errors import Damaged, RipguardError, StorageError, WrongKey
from ripguard.executor import Executor, Local
from ripguard.files import walk
from ripguard.images.decoding import read_image
from ripguard.images.limits import MAX_BYTES, SUFFIXES
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.manifest import Release
from ripguard.release.names import published_names
from ripguard.release.record import MANIFEST, META, MODEL, RELEASE, RESIDUE
from ripguard.release.signers import vouched
from ripguard.release.worker import Opened, Opening
from ripguard.store.atomic import sha256_file


@dataclass
class Report:
    """Findings of a verification; ``ok`` if there is no problem. Lists contain paths in the release.

    Attributes:
        images: number of images that were checked.
        signer: fingerprint of the signer, None if unsigned.
        missing: files of the manifest that do not exist.
        extra: files that the manifest does not list.
        changed: images with other samples than published.
        renamed: ``"old name → new name"`` of images with names that the manifest does not list. Neither name is in
            ``missing`` or ``extra``.
        swapped: images with the name of another image of the release.
        reencoded: images with other file bytes but the same samples. They restore, so this is no problem.
        residue: residue files, or the model, that are missing or changed.
        annotations: annotation files that are missing or changed.
        unreadable: folders that cannot be listed, files that cannot be read, and links.
        unlisted: files in ``.ripguard`` that the release does not list.
        restored: number of images that the key restores, None without a key.
        equal_to_source: number of restored images that equal the source, None without a source.
        differs: images that do not restore to the source, or that source or release lacks.
    """

    images: int = 0
    signer: str | None = None
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    swapped: list[str] = field(default_factory=list)
    reencoded: list[str] = field(default_factory=list)
    residue: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    restored: int | None = None
    equal_to_source: int | None = None
    differs: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        lists = (self.missing, self.extra, self.renamed, self.changed, self.swapped, self.residue, self.annotations)
        return not any((*lists, self.differs, self.unreadable, self.unlisted))

    def as_dict(self) -> dict[str, Any]:
        """Content of ``--json``. The key ``pictures`` is kept for programs that read it."""
        return {"ok": self.ok} | {
            "pictures" if name == "images" else name: value for name, value in asdict(self).items()
        }


def verify(
    root: Path,
    key: KeyRing | None = None,
    source: Source | None = None,
    signer: str | None = None,
    executor: Executor | None = None,
) -> Report:
    """Verify a release.

    Args:
        root: path of the release.
        key: the key of the owner or of the whole release. With it, every image is also restored in memory and compared
            with the keyed digest of the clean image.
        source: also compare the restored images with this source; needs ``key``.
        signer: fingerprint that must have signed the release.
        executor: checks the images; None: this process.

    Raises:
        WrongKey, SignatureInvalid, Damaged, NotProtected: before any image is checked.
    """
    release = Release.open(root)
    if key is not None and release.opened_by(key) is None:
        raise WrongKey(
            f"wrong key: it opens single units of {root} and cannot prove the release",
            "use the key of the owner or of the whole release, or verify without a key",
        )
    report = Report(signer=vouched(release, signer, key))
    if key is not None:
        report.restored = 0
    known = {row["path"] for row in release.rows}
    notes = {note["path"]: note["sha256"] for note in release.info["annotations"]}
    present = _present(root, report)
    report.missing = sorted(known - present - set(report.unreadable))
    report.extra = sorted(present - known - set(notes))
    _find_renamed(release, report)
    report.annotations += [name for name, digest in notes.items() if not _is(root / name, digest, name, report)]
    _check_meta(release, report)
    paths = sorted(known & present)
    wanted = sources_by_place(release, source)
    if source:
        report.equal_to_source = 0
        report.differs += sorted(set(wanted) - known) + sorted(known - set(wanted))
    batches = split(paths, in_batches([root / p for p in paths], paths, release))
    expected = [[wanted.get(p) for p in batch] for batch in batches]
    executor = executor or Local()
    with Bar(total=len(paths), stage="verifying", unit="image") as bar:
        for outcomes in executor.map(_work, list(zip(batches, expected)), Opening(key, release)):
            for name, verdict, restored, equal in outcomes:
                report.images += 1
                bar.update()
                if verdict:
                    getattr(report, verdict).append(name)
                if report.restored is not None:
                    report.restored += restored
                if report.equal_to_source is not None and name in wanted:
                    report.equal_to_source += equal
                    if not equal:
                        report.differs.append(name)
    return report


def _present(root: Path, report: Report) -> set[str]:
    """Paths of all regular files outside ``.ripguard``; adds links and unlistable folders to the report."""
    unlistable, found = list[OSError](), set()
    for place, entry in walk(root, unlistable):
        if entry.is_symlink():
            report.unreadable.append(place)
        elif META not in place.split("/"):
            found.add(place)
    report.unreadable += [os.path.relpath(error.filename, root) + "/" for error in unlistable]
    report.unreadable.sort()
    return found


def _is(path: Path, digest: str, name: str, report: Report, size: int | None = None) -> bool:
    """Whether a file has this digest, and this size if given; adds unreadable files to the report."""
    try:
        if size is not None and os.lstat(path).st_size > size:  # do not read it
            return False
        return sha256_file(path, size) == digest
    except (FileNotFoundError, Damaged):
        return False
    except StorageError:
        if not os.path.lexists(path):
            return False
        if name not in report.unreadable:
            report.unreadable.append(name)
        return True  # reported as unreadable instead


def _check_meta(release: Release, report: Report) -> None:
    """Check residue and model, and list other files in ``.ripguard``."""
    info, meta = release.info, release.root / META
    for shard in info["residue"]:
        inside = f"{RESIDUE}/{shard['file']}"
        if not _is(meta / inside, shard["sha256"], f"{META}/{inside}", report, shard["bytes"]):
            report.residue.append(shard["file"])
    model = info.get("model")
    if model and not _is(meta / MODEL, model["sha256"], f"{META}/{MODEL}", report, model["bytes"]):
        report.residue.append(MODEL)
    named = {
        RELEASE,
        MANIFEST,
        *(f"{RESIDUE}/{name}" for name in release.shards),
        *([MODEL] if info.get("model") else []),
    }
    report.unlisted = sorted(f"{META}/{place}" for place, _ in walk(meta, []) if place not in named)


def _find_renamed(release: Release, report: Report) -> None:
    """Move files with new names from ``missing`` and ``extra`` to ``renamed``."""
    missing = set(report.missing)
    wanted = {row["file"]: row["path"] for row in release.rows if row["path"] in missing} if missing else {}
    gone: set[str] = set()
    for name in report.extra if wanted else ():
        if (release.root / name).suffix.lower() not in SUFFIXES:
            continue
        with contextlib.suppress(StorageError, Damaged):  # an unreadable file stays in ``extra``
            if was := wanted.pop(sha256_file(release.root / name, MAX_BYTES), ""):
                report.renamed.append(f"{was} → {name}")
                gone |= {was, name}
    report.missing = [name for name in report.missing if name not in gone]
    report.extra = [name for name in report.extra if name not in gone]


def sources_by_place(release: Release, source: Source | None) -> dict[str, Item]:
    """Published path → source image; of a limited release, only its images."""
    if source is None:
        return {}
    names = [item.name for item in source.items]
    # a release of class folders has them below ``train/``
    both = [published_names([start + name for name in names]) for start in ("", "train/")]
    places = max(both, key=lambda places: sum(release.rows.number(place) is not None for place in places))
    wanted = dict(zip(places, source.items))
    if release.info["limited"]:
        return {place: path for place, path in wanted.items() if release.rows.samples(place) is not None}
    return wanted


def _work(opened: Opened, job: tuple[list[str], list[Item | None]]) -> list[tuple[str, str, bool, bool]]:
    """(name, list of the report or "", restored, equal to source) of each image."""
    (names, expected), restorer, release = job, opened.restorer, opened.known
    verdicts = []
    for name in names:
        try:
            verdicts.append(_verdict(release, name))
        except (OSError, StorageError):
            verdicts.append("unreadable")
    if restorer is None:
        return [(name, verdict, False, False) for name, verdict in zip(names, verdicts)]
    outcomes = []
    restored = restore_files(restorer, [release.root / name for name in names], names)
    for name, verdict, one, item in zip(names, verdicts, restored, expected):
        right = one.clean is not None and one.row is not None and one.row["path"] == name
        if not right and verdict in ("", "reencoded"):  # samples as published that do not restore
            verdict = "unreadable" if isinstance(one.error, StorageError) else "changed"
        equal = right and item is not None and np.array_equal(one.clean, read_image(item.read(), item.name))  # type: ignore[arg-type]
        outcomes.append((name, verdict, right, bool(equal)))
    return outcomes


def _verdict(release: Release, name: str) -> str:
    row, path = release.by_path(name), release.root / name
    if row is None:  # cannot happen: names come from the manifest
        return "changed"
    if path.lstat().st_size <= MAX_BYTES and sha256_file(path, MAX_BYTES) == row["file"]:
        return ""
    try:
        digest = image_digest(read_image(path, follow=False)).hex()
    except RipguardError:
        return "changed"
    if digest == row["pixels"]:
        return "reencoded"
    return "swapped" if release.by_digest(digest) else "changed"
