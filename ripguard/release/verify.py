"""Compare a release with its manifest, with the key that opens it, and with the source it was made from."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.crypto.aead import image_digest
from ripguard.crypto.keys import KeyRing
from ripguard.data.source import Item, Source
from ripguard.errors import Damaged, RipguardError, StorageError, WrongKey
from ripguard.executor import Executor, Local
from ripguard.files import walk
from ripguard.images.decoding import read_image
from ripguard.images.limits import MAX_BYTES, SUFFIXES
from ripguard.progress import Bar
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.manifest import Release
from ripguard.release.names import published_places
from ripguard.release.record import MANIFEST, META, MODEL, RELEASE, RESIDUE
from ripguard.release.signers import vouched
from ripguard.release.worker import Opened, Opening
from ripguard.store.atomic import sha256_file


@dataclass
class Report:
    """What a verification found; ``ok`` if there is nothing to complain about.

    Attributes:
        renamed: ``"name → where it stands now"``, of images that are there under a name that the release does not
            have; both names are in ``missing`` and ``extra`` no more.
        swapped: images of the release that stand under another image's name.
        reencoded: other file bytes, same samples: still restorable, so no complaint.
        differs: images that do not restore to the source named by ``--against``.
        unreadable: folders that cannot be listed and files that cannot be read now, links among them.
        unlisted: files in ``.ripguard`` that the release does not name.
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
        """For ``--json``; ``pictures`` is the name that programs read."""
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
    """Check a release.

    Args:
        key: the owner's, or that of the whole release: also restore every image in memory and check it against the
            keyed digests of the clean ones.
        source: also compare the restored images with these (needs ``key``).
        signer: fingerprint that must have signed.
        executor: where images are looked at; None: in this process.

    Raises:
        WrongKey, SignatureInvalid, Damaged, NotProtected: before any image is looked at.
    """
    release = Release.open(root)
    if key is not None and release.opened_by(key) is None:
        raise WrongKey(
            f"wrong key: it opens single units of {root}, and cannot prove the release",
            "use the owner's key, or that of the whole release; without a key, files are compared with the manifest",
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
    """Paths of all regular files beside ``.ripguard``; links and folders that cannot be listed go into the report."""
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
    """Whether a file has this digest, and this size if that is known; one that cannot be read goes into the report."""
    try:
        if size is not None and os.lstat(path).st_size > size:  # not read, however long it is
            return False
        return sha256_file(path, size) == digest
    except (FileNotFoundError, Damaged):
        return False
    except StorageError:
        if not os.path.lexists(path):
            return False
        if name not in report.unreadable:
            report.unreadable.append(name)
        return True  # not known to be wrong


def _check_meta(release: Release, report: Report) -> None:
    """Residue and model, and that nothing else lies in ``.ripguard``."""
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
    """Take files that only changed their names off the lists of missing and extra ones."""
    missing = set(report.missing)
    wanted = {row["file"]: row["path"] for row in release.rows if row["path"] in missing} if missing else {}
    gone: set[str] = set()
    for name in report.extra if wanted else ():
        if (release.root / name).suffix.lower() not in SUFFIXES:
            continue
        with contextlib.suppress(StorageError, Damaged):  # what cannot be read is extra
            if was := wanted.pop(sha256_file(release.root / name, MAX_BYTES), ""):
                report.renamed.append(f"{was} → {name}")
                gone |= {was, name}
    report.missing = [name for name in report.missing if name not in gone]
    report.extra = [name for name in report.extra if name not in gone]


def sources_by_place(release: Release, source: Source | None) -> dict[str, Item]:
    """Published path → source image, by the naming rule of the plan; only what was asked for if that was a part."""
    if source is None:
        return {}
    places = published_places(source.items)
    wanted = dict(zip(places, source.items))
    if release.info["limited"]:
        return {place: path for place, path in wanted.items() if release.rows.samples(place) is not None}
    return wanted


def _work(world: Opened, job: tuple[list[str], list[Item | None]]) -> list[tuple[str, str, bool, bool]]:
    """(name, list to put it on or "", restored, equal to source) for each image."""
    (names, expected), restorer, release = job, world.restorer, world.known
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
        if not right and verdict in ("", "reencoded"):  # the same samples, and yet they do not restore
            verdict = "unreadable" if isinstance(one.error, StorageError) else "changed"
        equal = right and item is not None and np.array_equal(one.clean, read_image(item.read(), item.name))  # type: ignore[arg-type]
        outcomes.append((name, verdict, right, bool(equal)))
    return outcomes


def _verdict(release: Release, name: str) -> str:
    row, path = release.by_path(name), release.root / name
    if row is None:  # the name comes from the manifest
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
