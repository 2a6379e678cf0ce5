"""Verify a release against its manifest, its key and its source."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.bar import Bar
from ripguard.crypto.aead import image_digest
from ripguard.crypto.keys import KeyRing
from ripguard.data.source import Item, Source
from ripguard.errors import Damaged, InputRefused, MissingExtra, RipguardError, StorageError, WrongKey
from ripguard.executor import Executor, Local
from ripguard.files import walk
from ripguard.images.decoding import read_image
from ripguard.images.formats import UPGRADE, built_in
from ripguard.images.limits import max_bytes
from ripguard.images.reencoded import file_bytes, read_published, variants, with_channels
from ripguard.images.rendering import render
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.causes import cause_of
from ripguard.release.manifest import Release
from ripguard.release.names import published_names
from ripguard.release.record import MANIFEST, MODEL, RELEASE, RESIDUE, suffix_of
from ripguard.release.renamed_texts import renamed_texts
from ripguard.release.restorer import RestoredImage
from ripguard.release.signers import vouched
from ripguard.release.spelling import found_at, in_other_folders, listed_names
from ripguard.release.stray_folders import stray_folders
from ripguard.release.strays import sorted_out
from ripguard.release.worker import Opened, Opening
from ripguard.release.wrapper import unwrapped
from ripguard.store.atomic import sha256_file, storage
from ripguard.store.section import Section


@dataclass
class Report:
    """Findings of a verification; ``ok`` if there is no problem. Lists contain paths in the release.

    Attributes:
        images: number of images that were checked.
        signer: fingerprint of the signer, None if unsigned.
        missing: files of the manifest that do not exist.
        extra: files that the manifest does not list, and folders beside those of the release without any file of it,
            with a slash at the end.
        changed: images with other samples than published.
        renamed: ``"old name → new name"`` of images and texts with names that the manifest does not list. Neither name
            is in ``missing``, ``annotations`` or ``extra``. Where one folder of the release is several on disk, whose
            names differ in their Unicode form, files in the wrong one are renamed too: loaders see several classes.
        duplicates: files that the manifest does not list, with the samples of an image of the same folder that it lists
            and that is there. They are no problem, and not in ``extra``. Copies in other folders are in ``extra``.
        litter: hidden and temporary files. They are no problem, and not in ``extra``; those that a loader or a program
            may read are in it: see :func:`ripguard.release.loadable.may_be_loaded`.
        swapped: images with the name of another image of the release.
        reencoded: images with other file bytes but the same samples, also with opaque alpha, as a palette, or gray as
            RGB. They restore, so this is no problem.
        residue: residue files, the model, or other sealed parts that are missing or changed.
        annotations: annotation files, or the README card, that are missing or changed.
        unreadable: folders that cannot be listed, files that cannot be read, and links.
        unlisted: parts of ``release.ripguard``, or files in ``.ripguard``, that the release does not list.
        restored: number of images that the key restores, None without a key.
        equal_to_source: number of restored images that equal the source, None without a source. Files that the release
            keeps are compared byte by byte, other images sample by sample.
        differs: images that do not restore to the source, or that source or release lacks.
        causes: path → what happened to an image or a text of the lists above, where its bytes show it.
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
    duplicates: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    causes: dict[str, str] = field(default_factory=dict)

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
        MissingExtra: the same; this Pillow cannot read the images, which restoring needs.
    """
    root = unwrapped(root)
    release = Release.open(root)
    prover = None if key is None else release.opened_by(key)
    if key is not None and prover is None:
        raise WrongKey(
            f"wrong key: it opens single units of {root} and cannot prove the release",
            "use the key of the owner or of the whole release, or verify without a key",
        )
    if key is not None and not built_in(suffix_of(release.info)[1:].upper()):
        raise MissingExtra(
            f"{root} holds images of a format that the installed Pillow cannot read: {suffix_of(release.info)[1:]}",
            f"{UPGRADE}; or verify without a key, which compares the files only",
        )
    report = Report(signer=vouched(release, signer, key))
    if key is not None:
        report.restored = 0
    known = {row["path"] for row in release.rows}
    folders = list[str]()
    places = listed_names(release, _present(release, report, folders))
    present = places.keys()
    report.missing = sorted(known - present - set(report.unreadable))
    _sort_strays(release, sorted(present - known - set(release.texts)), report, places)
    told = (known - present) | (set(places.values()) - set(report.litter)) | set(report.unreadable)
    report.extra += stray_folders(folders, told)
    listed = {name: place for name, place in places.items() if release.lists(name)}
    report.renamed += [f"{was} → {name}" for was, name in sorted(in_other_folders(listed).items())]
    _check_texts(release, report)
    _check_parts(release, report)
    if prover is not None and release.version >= 2:
        report.residue += [name for name in release.damaged_parts(release.rows, prover) if name not in report.residue]
    paths = sorted(known & present)
    wanted = sources_by_place(release, source)
    if source:
        report.equal_to_source = 0
        report.differs += sorted(set(wanted) - known) + sorted(known - set(wanted))
    batches = split(paths, in_batches([found_at(release, p) for p in paths], paths, release))
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
    for name in (*report.changed, *report.annotations):
        if cause := cause_of(release, name):
            report.causes[name] = cause
    return report


def _present(release: Release, report: Report, folders: list[str]) -> set[str]:
    """Paths of all regular files but the metadata; adds links and unlistable folders to the report.

    Args:
        folders: receives the paths of all folders.
    """
    unlistable, found = list[OSError](), set()
    for place, entry in walk(release.root, unlistable, folders):
        if entry.is_symlink():
            report.unreadable.append(place)
        elif not release.holds_metadata(place):
            found.add(place)
    report.unreadable += [os.path.relpath(error.filename, release.root) + "/" for error in unlistable]
    report.unreadable.sort()
    return found


def _is(section: Section, digest: str, name: str, report: Report, size: int | None = None) -> bool:
    """Whether a file or part has this digest, and this size if given; adds unreadable files to the report."""
    try:
        with storage("cannot read"):
            return section.sha256(size) == digest
    except Damaged:
        return False
    except StorageError:
        if not os.path.lexists(section.path):
            return False
        if name not in report.unreadable:
            report.unreadable.append(name)
        return True  # reported as unreadable instead


def _check_parts(release: Release, report: Report) -> None:
    """Check residue, model and other sealed parts, and list parts that the release does not list."""
    info, files = release.info, release.files
    listed = [(f"{RESIDUE}/{shard['file']}", shard["file"], shard) for shard in info["residue"]]
    listed += [(MODEL, MODEL, info["model"])] if info.get("model") else []
    listed += [(part["name"], part["name"], part) for part in info.get("parts", ())]
    for name, short, about in listed:
        try:
            section = files.section(name)
        except FileNotFoundError:
            report.residue.append(short)
            continue
        if not _is(section, about["sha256"], files.short(name), report, about["bytes"]):
            report.residue.append(short)
    named = {RELEASE, MANIFEST, *(name for name, *_ in listed)}
    report.unlisted = sorted(files.short(name) for name in files.names() if name not in named)


def _sort_strays(release: Release, names: list[str], report: Report, present: Mapping[str, str]) -> None:
    """Add the files that the manifest does not list to the report; renamed images leave ``missing``."""
    strays = sorted_out(release, names, report.missing, present)
    report.extra, report.duplicates, report.litter = strays.others, strays.duplicates, strays.litter
    report.renamed = [f"{was} → {name}" for was, name in strays.renamed.items()]
    report.missing = [name for name in report.missing if name not in strays.renamed]


def _check_texts(release: Release, report: Report) -> None:
    """Check the texts; those under other names move from ``extra`` to ``renamed``."""
    texts = {name: found_at(release, name) for name in release.texts}
    listed = Counter(text["path"] for text in release.info["annotations"])
    report.annotations += [name for name, count in listed.items() if count > 1]  # by a holder of the key
    wrong = [name for name, path in texts.items() if not _is(Section(path), release.texts[name], name, report)]
    missing = [name for name in wrong if not os.path.lexists(texts[name])]
    found = renamed_texts(release, missing, [release.root / name for name in report.extra])
    renamed = {was: file.relative_to(release.root).as_posix() for was, file in found.items()}
    report.renamed += [f"{was} → {name}" for was, name in renamed.items()]
    report.extra = sorted(set(report.extra) - set(renamed.values()))
    report.annotations += [name for name in wrong if name not in renamed]


def sources_by_place(release: Release, source: Source | None) -> dict[str, Item]:
    """Published path → source image; of a limited release, only its images."""
    if source is None:
        return {}
    names = [item.name for item in source.items]
    places = published_names(names, suffix=suffix_of(release.info))
    if release.version < 2:  # class folders at the first level were moved below ``train/``
        moved = published_names([f"train/{name}" for name in names])
        places = max(places, moved, key=lambda all_: sum(release.rows.number(place) is not None for place in all_))
    wanted = dict(zip(places, source.items))
    if release.info["limited"]:  # names are those of the whole source
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
    restored = restore_files(restorer, [found_at(release, name) for name in names], names)
    for name, verdict, one, item in zip(names, verdicts, restored, expected):
        right = one.error is None and one.row is not None and one.row["path"] == name
        if not right and verdict in ("", "reencoded"):  # samples as published that do not restore
            verdict = "unreadable" if isinstance(one.error, StorageError) else "changed"
        outcomes.append((name, verdict, right, right and item is not None and _equals(one, item)))
    return outcomes


def _equals(one: RestoredImage, item: Item) -> bool:
    """Whether an image restores to its source: to its bytes if the release keeps the file, otherwise to its samples."""
    data = item.read()
    if one.file is not None:
        return one.file[1] == data
    if one.clean is None:
        return False
    source = render(data, item.name)
    if not source.exact:  # older versions protected the samples of some such files
        with contextlib.suppress(InputRefused):
            return np.array_equal(one.clean, read_image(data, item.name))
    return source.exact and np.array_equal(one.clean, source.image)


def _verdict(release: Release, name: str) -> str:
    row, path = release.by_path(name), found_at(release, name)
    if row is None:  # cannot happen: names come from the manifest
        return "changed"
    if path.lstat().st_size <= max_bytes() and sha256_file(path, max_bytes()) == row["file"]:
        return ""
    try:
        image = read_published(file_bytes(path), name)
    except RipguardError:
        return "changed"
    if image_digest(with_channels(image, row["shape"][2])).hex() == row["pixels"]:
        return "reencoded"
    swapped = any(release.by_digest(image_digest(one).hex()) for one in variants(image))
    return "swapped" if swapped else "changed"
