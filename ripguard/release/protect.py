"""Protect a source: plan, work through the shards on all cores, then publish the whole release with one rename.

The release is built in ``.<name>.ripguard-partial`` beside the output. A run that was killed is continued by the same
command; finished shards are hashed again, not trusted. The output folder appears only when everything in it was
restored once from disk and compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.crypto.aead import FORMAT, seal
from ripguard.crypto.keyfile import holds_key
from ripguard.crypto.keys import DatasetKeys, Key
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.data.source import Source
from ripguard.errors import KeyFileError, OutputRefused, StorageError
from ripguard.executor import Executor, Local
from ripguard.files import walk
from ripguard.hide.base import Hidden
from ripguard.progress import Bar
from ripguard.release.commit import Commits
from ripguard.release.manifest import MANIFEST, META, MODEL, RELEASE, RESIDUE, model_bound, signed_part
from ripguard.release.plan import Plan, read_unchanged
from ripguard.release.shard import Job, committed, run_shard
from ripguard.release.signers import remember
from ripguard.schemes.base import Batch, Protector
from ripguard.store.atomic import (
    LOCK,
    TEMPORARY,
    drop_empty_work,
    lock,
    make_working_folder,
    publish,
    refuse_existing,
    refuse_overlap,
    refuse_unwritable,
    sha256_file,
    storage,
    sync_folder,
    write_file,
    write_temporary,
)  # fmt: skip
from ripguard.store.schema import check_info

ProtectorFactory = Callable[[], Protector]


@dataclass(frozen=True)
class Protected:
    """What a protection did. Bytes are totals over the release.

    Attributes:
        surrogate: path of the surrogate that was trained or given, "" for none.
        ignored: files of the source that were left out.
        metadata: how many source files carry which kind that does not come back.
        tinted: whether gray images are published in color; gray: how many of them.
    """

    out: str
    dataset_id: str
    key_id: str
    plan: str
    signer: str | None
    images: int
    resumed: int
    exact: bool
    in_residue_only: int
    without_residue: int
    residue_bytes: int
    residue_per_image: float
    planes: dict[str, int]
    psnr_to_carrier: float | None
    ssim_to_carrier: float | None
    surrogate: str = ""
    ignored: list[str] = field(default_factory=list)
    metadata: dict[str, int] = field(default_factory=dict)
    tinted: bool = False
    gray: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``; three keys keep the names that programs read."""
        names = {"images": "pictures", "residue_per_image": "residue_per_picture", "gray": "grey"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


def precheck(roots: list[Path], out: Path, key_files: Sequence[str | Path]) -> list[Path]:
    """Refuse, before any work, an output that exists or overlaps a source, and keys inside source or output.

    Returns what it made, see :func:`ripguard.store.atomic.refuse_unwritable`.
    """
    refuse_overlap(roots, out)
    refuse_existing(out)
    for file in map(Path, key_files):
        if any(folder.resolve() in file.resolve().parents for folder in [out, *roots]):
            raise KeyFileError(f"{file} lies inside source or output", "keep keys outside what you publish")
    return refuse_unwritable(Path(os.path.abspath(out)))


def refuse_secrets(source: Source, key_files: Sequence[str | Path]) -> None:
    """Raise :class:`KeyFileError` where a text or a name that would be published holds a key, or is one of
    ``key_files``.

    Images are not searched: of their files nothing but the samples is published, or the whole file, but sealed.
    """
    for name, path in source.annotations:
        with storage("cannot read"):
            data = path.read_bytes()
        if holds_key(data) or any(os.path.samefile(path, file) for file in key_files if os.path.exists(file)):
            raise KeyFileError(f"{name} holds a key, and would be published", "move it out of the folder")
    names = [name for name, _ in source.annotations] + [item.name for item in source.items] + source.labels
    if holds_key("\n".join(names).encode(errors="surrogateescape")):
        raise KeyFileError("the name of a file or class holds a key, and would be published", "rename it")


def protect(
    plan: Plan,
    make_protector: ProtectorFactory,
    key: Key,
    out: Path,
    signing_key: SigningKey | None = None,
    executor: Executor | None = None,
    restart: bool = False,
    roots: list[Path] | None = None,
    model: bytes = b"",
) -> Protected:
    """Make the release of a plan at ``out``.

    Args:
        make_protector: called once in each worker process; must be picklable.
        executor: where the shards are worked on; None: in this process.
        restart: throw an unfinished run away instead of continuing it.
        roots: source folders, which the output must not touch.
        model: of the small-image coder, empty for none; the plan's digest must cover it.

    Raises:
        OutputRefused, InputRefused, StorageError, KeyFileError: nothing was published.
    """
    out = Path(os.path.abspath(out))
    precheck(roots or [], out, [])
    partial = make_working_folder(out)
    with lock(partial / LOCK):
        _start(partial, plan, key, restart)
        dataset_id = key.dataset_id(bytes.fromhex(plan.digest))
        keys = key.dataset(dataset_id)
        base = Job(plan, keys, _Nothing(), partial / "release", partial, model)
        commits, resumed = _run(base, make_protector, executor or Local())
        info = _finish(base, commits, signing_key)
        refuse_existing(out)
        with storage("cannot publish"):
            if out.exists():
                out.rmdir()
            os.rename(partial / "release", out)
        sync_folder(out.parent)
        for name in ("commits", "plan.json"):  # the lock last: until then nobody else begins here
            _drop(partial / name)
        drop_empty_work(partial)
        if signing_key:
            remember(key, fingerprint(signing_key.public))
    return _summary(out, plan, info, commits, resumed)


class _Nothing:
    """Stands in the main process, which protects nothing itself."""

    def protect(self, batch: Batch) -> tuple[list[Hidden], np.ndarray | None]:
        raise RuntimeError("the main process does not protect")


def _start(partial: Path, plan: Plan, key: Key, restart: bool) -> None:
    """Continue the run in ``partial`` if it has this plan and key, or start one."""
    token = json.dumps({"plan": plan.digest, "key_id": key.id.hex()}).encode()
    state = partial / "plan.json"
    if restart:
        for name in ("release", "commits", "plan.json"):
            _drop(partial / name)
    if state.exists() and state.read_bytes() != token:
        raise OutputRefused(
            f"{partial} holds an unfinished run with another source, key or settings",
            "repeat that command, or add --restart to throw its work away",
        )
    for folder in (partial / "release" / META, partial / "commits"):
        with storage("cannot create"):
            folder.mkdir(parents=True, exist_ok=True)
    with storage("cannot remove"):
        for place, entry in walk(partial / "release"):  # of a killed run
            if TEMPORARY.fullmatch(place.rpartition("/")[2]):
                os.unlink(entry.path)
    write_file(state, token)


def _drop(path: Path) -> None:
    """Remove a file or a folder of the working folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _run(base: Job, make: ProtectorFactory, executor: Executor) -> tuple[Commits, int]:
    """Commits of all shards, and how many images were already done."""
    shards, commits = range(len(base.plan.shards)), Commits(base.plan, base.commit_path)
    done = {number for number in shards if committed(base, number)}
    resumed = sum(map(commits.add, done))
    left = [number for number in shards if number not in done]
    with Bar(total=len(base.plan.images), initial=resumed, stage="protecting", unit="image") as bar:
        for number in _each(base, make, executor, left):
            bar.update(commits.add(number))
    return commits, resumed


def _each(base: Job, make: ProtectorFactory, executor: Executor, left: list[int]) -> Iterator[int]:
    if not left:
        return
    given = (base.plan, base.keys, make, base.tree, base.work, base.model)
    yield from executor.map(_work, left, partial(_job, *given))


def _job(plan: Plan, keys: DatasetKeys, make: ProtectorFactory, tree: Path, work: Path, model: bytes) -> Job:
    return Job(plan, keys, make(), tree, work, model)


def _work(job: Job, number: int) -> int:
    run_shard(job, number)
    return number


def _finish(base: Job, commits: Commits, signing_key: SigningKey | None) -> dict[str, Any]:
    """Copy annotations, write manifest and release.json into the tree; returns the content of the latter."""
    plan, tree = base.plan, base.tree
    annotations, manifest = [], tree / META / MANIFEST
    write_file(manifest, commits.lines())
    _refuse_exchanged(tree, commits)
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
    check_info(info)  # nothing is published that cannot be opened again
    place = tree / META / RELEASE
    publish(write_temporary(place, json.dumps(info, indent=1, sort_keys=True).encode() + b"\n"), place)
    folders = {""}
    for name, _ in walk(tree):
        above = name
        while (above := above.rpartition("/")[0]) not in folders:
            folders.add(above)
    for inside in folders:
        sync_folder(tree / inside)
    return info


def _refuse_exchanged(tree: Path, commits: Commits) -> None:
    """Hash everything once more: what was checked hours ago is published only if it is still the same."""
    for row in Bar(commits.rows(), total=commits.images, stage="checking", unit="image"):
        _refuse_other(tree / row["path"], row["file"])
    for shard in commits.residue_files():
        _refuse_other(tree / META / RESIDUE / shard["file"], shard["sha256"])


def _refuse_other(path: Path, digest: str) -> None:
    if not os.path.lexists(path) or sha256_file(path) != digest:
        raise StorageError(
            f"{path} was changed after it had been checked; nothing is published",
            "repeat the command: it makes what is not right anew",
        )


def _summary(out: Path, plan: Plan, info: dict[str, Any], commits: Commits, resumed: int) -> Protected:
    return Protected(
        out=str(out),
        dataset_id=info["dataset_id"],
        key_id=info["key_id"],
        plan=plan.digest,
        signer=info.get("signature", {}).get("signer"),
        images=commits.images,
        resumed=resumed,
        exact=not plan.lossy,
        in_residue_only=commits.planes[0],
        without_residue=commits.without_residue,
        residue_bytes=commits.residue_bytes,
        residue_per_image=round(commits.residue_bytes / commits.images, 1),
        planes={str(planes): count for planes, count in sorted(commits.planes.items())},
        psnr_to_carrier=commits.median("psnr"),
        ssim_to_carrier=commits.median("ssim"),
    )
