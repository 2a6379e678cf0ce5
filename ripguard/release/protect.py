"""Make a release: protect all shards on all cores, then publish the whole release with one rename.

The release is built in ``.<name>.ripguard-partial`` beside the output. The same command continues a run that was
killed; finished shards are hashed again. The output folder appears only after every image in it was restored from disk
and compared with its source.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.bar import Bar
from ripguard.crypto.keyfile import holds_key
from ripguard.crypto.keys import DatasetKeys, Key
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.data.folder import refuse_key_in
from ripguard.data.source import Source
from ripguard.errors import KeyFileError, OutputRefused
from ripguard.executor import Executor, Local
from ripguard.files import walk
from ripguard.hide.base import Hidden
from ripguard.release.card import check_contact
from ripguard.release.commit import Commits
from ripguard.release.complete import complete
from ripguard.release.plan import Plan
from ripguard.release.record import CODEC, FORMAT, RESIDUE
from ripguard.release.sealed import refuse_long_names
from ripguard.release.shard import Job, committed, run_shard
from ripguard.release.signers import remember
from ripguard.schemes.base import Batch, Protector
from ripguard.store.atomic import (
    LOCK,
    TEMPORARY,
    drop_empty_work,
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    refuse_overlap,
    refuse_unwritable,
    storage,
    write_file,
)  # fmt: skip

STATE = ("commits", RESIDUE, "plan.json")  # of an unfinished run, beside the tree

ProtectorFactory = Callable[[], Protector]


@dataclass(frozen=True)
class Protected:
    """Result of a protection.

    Attributes:
        out: path of the release.
        dataset_id, key_id, plan: hex identifiers of release and key, and hex digest of the plan.
        signer: fingerprint of the signing key, None for an unsigned release.
        images: number of images; resumed: those that an earlier run had finished.
        exact: False for a lossy release.
        in_residue_only: images that carry no record: too small ones, and all of a scheme that hides nothing in them.
        without_residue: images that need no residue.
        residue_bytes: total; residue_per_image: mean, in bytes.
        residue_over_bound: images with payload whose residue is larger than what it replaces, and 48 bytes.
        planes: number of images by number of bit-planes used.
        psnr_to_clean, ssim_to_clean: medians of the published images beside the clean ones, PSNR in dB.
        psnr_to_carrier, ssim_to_carrier: the same beside the carriers. Every SSIM is of every second image, in large
            releases of about 2,000, and of images of more than about 130,000 pixels of parts: of windows in equal bands
            from top to bottom. None if not measured.
        surrogate: path of the surrogate that was trained or given, "" for none.
        ignored: files of the source that were left out.
        metadata: number of source files by kind of metadata that restoring does not return.
        whole: number of source files by kind of what their published 8-bit renderings do not show; these files are
            restored byte for byte.
        unchanged: number of images of one color, where the scheme publishes those as they are.
        skipped: name → reason of source images that were refused and left out.
        tinted: whether gray images are published in color; gray: their number.
        image_format: of the published images; published_bytes: of their files; source_bytes: of the source's images.
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
    psnr_to_clean: float | None
    ssim_to_clean: float | None
    psnr_to_carrier: float | None
    ssim_to_carrier: float | None
    residue_over_bound: int = 0
    surrogate: str = ""
    ignored: list[str] = field(default_factory=list)
    metadata: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    tinted: bool = False
    gray: int = 0
    image_format: str = CODEC
    published_bytes: int = 0
    source_bytes: int = 0
    unchanged: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Content of ``--json``. Three keys keep their original names, for programs that read them."""
        names = {"images": "pictures", "residue_per_image": "residue_per_picture", "gray": "grey"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


def precheck(roots: list[Path], out: Path, key_files: Sequence[str | Path]) -> list[Path]:
    """Check the output and the key files before any work.

    Returns:
        Folders that were created, see :func:`ripguard.store.atomic.refuse_unwritable`.

    Raises:
        OutputRefused: the output exists, overlaps a source, or cannot be written.
        KeyFileError: a key lies inside source or output.
    """
    refuse_overlap(roots, out)
    refuse_existing(out)
    for file in map(Path, key_files):
        if any(folder.resolve() in file.resolve().parents for folder in [out, *roots]):
            raise KeyFileError(f"{file} lies inside source or output", "keep keys outside what you publish")
    return refuse_unwritable(Path(os.path.abspath(out)))


def refuse_secrets(source: Source, key_files: Sequence[str | Path]) -> None:
    """Raise :class:`KeyFileError` if an annotation file or a name contains a key, or is one of ``key_files``.

    Images are not searched: only their samples are published, or the whole file, encrypted.
    """
    for name, path in source.annotations:
        with storage("cannot read"):
            data = path.read_bytes()
        if holds_key(data) or any(os.path.samefile(path, file) for file in key_files if os.path.exists(file)):
            raise KeyFileError(f"{name} holds a key and would be published", "move it out of the folder")
    refuse_key_in([name for name, _ in source.annotations] + [item.name for item in source.items] + source.labels)


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
    contact: str = "",
) -> Protected:
    """Make the release of a plan at ``out``.

    Args:
        make_protector: called once in each worker process; must be picklable.
        executor: protects the shards; None: this process.
        restart: discard an unfinished run instead of continuing it.
        roots: source folders; the output must not overlap them.
        model: bytes of the codec model for small images, empty for none; the digest of the plan must cover it.
        contact: whom to ask for access, one line; it is published.

    Raises:
        OutputRefused, InputRefused, StorageError, KeyFileError: nothing was published.
    """
    out = Path(os.path.abspath(out))
    precheck(roots or [], out, [])
    check_contact(contact)
    refuse_long_names(plan)
    partial = make_working_folder(out)
    with lock(partial / LOCK):
        _start(partial, plan, key, restart)
        dataset_id = key.dataset_id(bytes.fromhex(plan.digest))
        keys = key.dataset(dataset_id)
        base = Job(plan, keys, _NoProtector(), partial / "release", partial, model)
        commits, resumed = _run(base, make_protector, executor or Local())
        info = complete(base, commits, signing_key, contact)
        with storage("cannot look at"):
            size = sum(os.path.getsize(f"{base.tree}/{image.out}") for image in plan.images)
        publish_folder(partial / "release", out)
        for name in STATE:  # the lock last: it keeps other runs out until then
            _drop(partial / name)
        drop_empty_work(partial)
        if signing_key:
            remember(key, fingerprint(signing_key.public))
    return _summary(out, plan, info, commits, resumed, size)


class _NoProtector:
    """Placeholder in the main process, which protects no images."""

    def protect(self, batch: Batch) -> tuple[list[Hidden], np.ndarray | None]:
        raise RuntimeError("the main process does not protect")


def _start(partial: Path, plan: Plan, key: Key, restart: bool) -> None:
    """Continue the run in ``partial`` if it has this plan and key, or start one."""
    token = json.dumps({"plan": plan.digest, "key_id": key.id.hex(), "format": FORMAT}).encode()
    state = partial / "plan.json"
    if restart:
        for name in ("release", *STATE):
            _drop(partial / name)
    if state.exists() and state.read_bytes() != token:
        raise OutputRefused(
            f"{partial} holds an unfinished run with another source, key or settings",
            "repeat that command, or add --restart to discard its work",
        )
    for name in ("release", RESIDUE, "commits"):
        with storage("cannot create"):
            (partial / name).mkdir(parents=True, exist_ok=True)
    with storage("cannot remove"):
        for name, entry in walk(partial):  # temporary files of a killed run, that of plan.json too
            if TEMPORARY.fullmatch(name.rpartition("/")[2]):
                os.unlink(entry.path)
    write_file(state, token)


def _drop(path: Path) -> None:
    """Remove a file or folder of the working folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _run(base: Job, make: ProtectorFactory, executor: Executor) -> tuple[Commits, int]:
    """Protect all shards: their commits, and the number of images that were already done."""
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
    arguments = (base.plan, base.keys, make, base.tree, base.work, base.model)
    yield from executor.map(_work, left, partial(_job, *arguments))


def _job(plan: Plan, keys: DatasetKeys, make: ProtectorFactory, tree: Path, work: Path, model: bytes) -> Job:
    return Job(plan, keys, make(), tree, work, model)


def _work(job: Job, number: int) -> int:
    run_shard(job, number)
    return number


def _summary(out: Path, plan: Plan, info: dict[str, Any], commits: Commits, resumed: int, size: int) -> Protected:
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
        psnr_to_clean=commits.median("psnr", "to_clean"),
        ssim_to_clean=commits.median("ssim", "to_clean"),
        psnr_to_carrier=commits.median("psnr", "to_carrier"),
        ssim_to_carrier=commits.median("ssim", "to_carrier"),
        residue_over_bound=commits.over_bound,
        published_bytes=size,
    )
