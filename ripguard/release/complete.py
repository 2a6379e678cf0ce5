"""Complete the tree of a release: annotations, card and ``release.ripguard``, after a last check."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ripguard.bar import Bar
from ripguard.crypto.aead import seal
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.errors import InputRefused, StorageError
from ripguard.files import walk
from ripguard.release import sealed
from ripguard.release.card import card, card_name, class_folder
from ripguard.release.commit import Commits
from ripguard.release.plan import read_unchanged
from ripguard.release.published_texts import PublishedTexts
from ripguard.release.record import (
    ATTRIBUTES,
    CONTAINER,
    FORMAT,
    MANIFEST,
    MODEL,
    NAMES,
    ORIGINALS,
    PRIVATE,
    RELEASE,
    RESIDUE,
    VERSION,
    part_bound,
    signed_part,
)
from ripguard.release.shard import Job
from ripguard.store.atomic import sha256_file, storage, sync_folder, write_file
from ripguard.store.container import Part, pieces
from ripguard.store.schema import MOST_INFO, check_info, parsed
from ripguard.store.section import Section


def complete(base: Job, commits: Commits, signing_key: SigningKey | None, contact: str = "") -> dict[str, Any]:
    """Write annotations, card and ``release.ripguard`` into the tree; returns the content of ``release.json``.

    Args:
        contact: whom to ask for access, for the card.

    Raises:
        InputRefused: an annotation file changed since it was planned.
        StorageError: a published file changed since it was checked, or writing failed.
    """
    plan, tree, keys = base.plan, base.tree, base.keys
    manifest = _measured(MANIFEST, commits)
    _refuse_changed(base, commits)
    texts = _publish_texts(base)
    residue = commits.residue_files()
    own = [*_names(base), _private(base), *texts.originals]
    model = _model(base)
    info: dict[str, Any] = {
        "format": FORMAT,
        "codec": plan.codec,
        "dataset_id": keys.dataset_id.hex(),
        "key_id": keys.key_id.hex(),
        "exact": "no (lossy)" if plan.lossy else "bytes" if plan.byte_exact else "pixels",
        "pictures": commits.images,
        "limited": plan.limited,
        "labels": plan.labels,
        "units": [{"split": split, "label": label} for split, label in plan.units],
        "manifest": manifest.sha256,
        "residue": residue,
        "annotations": texts.listed,
        "parts": [{"name": part.name, "sha256": part.sha256, "bytes": part.length} for part in own],
    }
    if model:
        info["model"] = {"sha256": model[0].sha256, "bytes": model[0].length}
    public = signing_key.public if signing_key else b""
    folder = class_folder(image.out for image in plan.training)
    signer = fingerprint(public) if public else None
    written = card(info, folder, signer, plan.scheme.appearance, contact)
    text = written.encode(errors="surrogateescape")  # names of folders may be no text
    name = card_name([image.out for image in plan.images] + [name for name, *_ in plan.annotations])
    write_file(tree / name, text)
    info["card"] = {"path": name, "sha256": hashlib.sha256(text).hexdigest()}
    signed = signed_part(info)
    info["proof"] = keys.proof(b"release", signed).hex()
    if signing_key:
        value = signing_key.sign(signed).hex()
        info["signature"] = {"public": public.hex(), "value": value, "signer": fingerprint(public)}
    check_info(info, VERSION)  # a release that fails this check could not be opened
    shards = [Part(f"{RESIDUE}/{one['file']}", one["bytes"], one["sha256"], _stored(base, one)) for one in residue]
    raw = json.dumps(info, indent=1, sort_keys=True).encode() + b"\n"
    _refuse_unreadable(raw)
    about = Part.of(RELEASE, raw)
    write_file(tree / ATTRIBUTES, b"# protected dataset: git must not change a byte\n* -text\n")
    write_file(tree / CONTAINER, pieces([about, manifest, *shards, *model, *own]))
    _sync(tree)
    return info


def _refuse_unreadable(info: bytes) -> None:
    """Raise :class:`InputRefused` for a ``release.json`` that every reader would refuse for its size."""
    try:
        parsed(info)
        readable = len(info) <= MOST_INFO
    except ValueError:
        readable = False
    if not readable:
        raise InputRefused("the texts are more than one release can list", "make several releases, or join the texts")


def _measured(name: str, commits: Commits) -> Part:
    """The manifest as a part. Its lines are read twice, which costs less memory than to keep them."""
    found, length = hashlib.sha256(), 0
    for piece in commits.lines():
        found.update(piece)
        length += len(piece)
    return Part(name, length, found.hexdigest(), commits.lines())


def _stored(base: Job, shard: dict[str, Any]) -> Iterator[bytes]:
    """A residue file, in pieces."""
    with storage("cannot read"):
        yield from Section(base.residue_path(shard["file"])).pieces(shard["bytes"])


@dataclass
class _Texts:
    """Published annotation files: their rows in ``release.json``, and the sealed source of those that were changed."""

    listed: list[dict[str, str]]
    originals: list[Part]


def _publish_texts(base: Job) -> _Texts:
    """Write the annotation files into the tree. Raises :class:`InputRefused` if one changed."""
    plan, keys, result = base.plan, base.keys, _Texts([], [])
    texts = PublishedTexts({image.name: image.out for image in plan.images} if plan.annotations else {})
    for number, (name, path, digest) in enumerate(plan.annotations):
        data = read_unchanged(path, name, digest)
        published = texts.of(data, name)
        write_file(base.tree / name, published)
        result.listed.append({"path": name, "sha256": hashlib.sha256(published).hexdigest()})
        if published != data:
            if len(data) > sealed.MOST_ORIGINAL:
                raise InputRefused(
                    f"{name}: larger than {sealed.MOST_ORIGINAL:,} bytes, and it names images", "divide it"
                )
            bound, key = sealed.original_bound(keys.dataset_id, number), keys.part(ORIGINALS.encode())
            result.originals.append(Part.of(f"{ORIGINALS}/{number}", sealed.seal_part(key, bound, data)))
    return result


def _names(base: Job) -> Iterator[Part]:
    """For each unit, the source paths of the images that are published under other paths."""
    plan, keys = base.plan, base.keys
    moved: list[dict[str, str]] = [{} for _ in plan.units]
    for image in plan.images:
        if image.name != image.out:
            moved[image.unit][str(image.index)] = image.name
    for unit, names in enumerate(moved):
        bound, key = sealed.names_bound(keys.dataset_id, unit), keys.names_key(keys.dataset_id, unit)
        yield Part.of(f"{NAMES}/{unit}", sealed.seal_json(key, bound, names))


def _model(base: Job) -> list[Part]:
    """The sealed codec model, if there is one."""
    if not base.model:
        return []
    bound = part_bound(VERSION, base.keys.dataset_id, b"model")
    return [Part.of(MODEL, seal(base.keys.model, bound, base.model))]


def _private(base: Job) -> Part:
    """What only the owner needs to know of the plan."""
    keys, facts = base.keys, {"source": base.plan.source, "scheme": base.plan.scheme.to_json()}
    bound = sealed.private_bound(keys.dataset_id)
    return Part.of(PRIVATE, sealed.seal_json(keys.part(PRIVATE.encode()), bound, facts))


def _sync(tree: Path) -> None:
    """Make the names in all folders of the tree durable."""
    folders = {""}
    for name, _ in walk(tree):
        above = name
        while (above := above.rpartition("/")[0]) not in folders:
            folders.add(above)
    for inside in folders:
        sync_folder(tree / inside)


def _refuse_changed(base: Job, commits: Commits) -> None:
    """Hash every file again: shards may have been checked hours ago."""
    for row in Bar(commits.rows(), total=commits.images, stage="checking", unit="image"):
        _refuse_other_digest(base.tree / row["path"], row["file"])
    for shard in commits.residue_files():
        _refuse_other_digest(base.residue_path(shard["file"]), shard["sha256"])


def _refuse_other_digest(path: Path, digest: str) -> None:
    if not os.path.lexists(path) or sha256_file(path) != digest:
        raise StorageError(
            f"{path} changed after it was checked; nothing is published",
            "repeat the command: it makes the changed files again",
        )
