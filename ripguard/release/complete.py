"""Complete the tree of a release: annotations, manifest, codec model and ``release.json``, after a last check."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ripguard.bar import Bar
from ripguard.crypto.aead import FORMAT, seal
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.errors import StorageError
from ripguard.files import walk
from ripguard.release.commit import Commits
from ripguard.release.plan import read_unchanged
from ripguard.release.record import MANIFEST, META, MODEL, RELEASE, RESIDUE, model_bound, signed_part
from ripguard.release.shard import Job
from ripguard.store.atomic import publish, sha256_file, sync_folder, write_file, write_temporary
from ripguard.store.schema import check_info


def complete(base: Job, commits: Commits, signing_key: SigningKey | None) -> dict[str, Any]:
    """Write annotations, manifest, model and ``release.json`` into the tree; returns the content of the last.

    Raises:
        InputRefused: an annotation file changed since it was planned.
        StorageError: a published file changed since it was checked, or writing failed.
    """
    plan, tree = base.plan, base.tree
    annotations, manifest = [], tree / META / MANIFEST
    write_file(manifest, commits.lines())
    _refuse_changed(tree, commits)
    for name, path, digest in plan.annotations:
        write_file(tree / name, read_unchanged(path, name, digest))
        annotations.append({"path": name, "sha256": digest})
    info: dict[str, Any] = {
        "format": FORMAT.decode(),
        "dataset_id": base.keys.dataset_id.hex(),
        "key_id": base.keys.key_id.hex(),
        "source": plan.source,
        "scheme": plan.scheme.to_json(),
        "exact": "no (lossy)" if plan.lossy else "bytes" if plan.byte_exact else "pixels",
        "pictures": commits.images,
        "limited": plan.limited,
        "labels": plan.labels,
        "units": [{"split": split, "label": label} for split, label in plan.units],
        "manifest": sha256_file(manifest),
        "residue": commits.residue_files(),
        "annotations": annotations,
    }
    if base.model:
        sealed = seal(base.keys.model, model_bound(base.keys.dataset_id), base.model)
        write_file(tree / META / MODEL, sealed)
        info["model"] = {"sha256": hashlib.sha256(sealed).hexdigest(), "bytes": len(sealed)}
    signed = signed_part(info)
    info["proof"] = base.keys.proof(b"release", signed).hex()
    if signing_key:
        public = signing_key.public
        info["signature"] = {
            "public": public.hex(),
            "value": signing_key.sign(signed).hex(),
            "signer": fingerprint(public),
        }
    check_info(info)  # a release that fails this check could not be opened
    target = tree / META / RELEASE
    publish(write_temporary(target, json.dumps(info, indent=1, sort_keys=True).encode() + b"\n"), target)
    folders = {""}
    for name, _ in walk(tree):
        above = name
        while (above := above.rpartition("/")[0]) not in folders:
            folders.add(above)
    for inside in folders:
        sync_folder(tree / inside)
    return info


def _refuse_changed(tree: Path, commits: Commits) -> None:
    """Hash every file again: shards may have been checked hours ago."""
    for row in Bar(commits.rows(), total=commits.images, stage="checking", unit="image"):
        _refuse_other_digest(tree / row["path"], row["file"])
    for shard in commits.residue_files():
        _refuse_other_digest(tree / META / RESIDUE / shard["file"], shard["sha256"])


def _refuse_other_digest(path: Path, digest: str) -> None:
    if not os.path.lexists(path) or sha256_file(path) != digest:
        raise StorageError(
            f"{path} changed after it was checked; nothing is published",
            "repeat the command: it makes the changed files again",
        )
