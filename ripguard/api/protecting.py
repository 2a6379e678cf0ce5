"""Protect a dataset."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripguard import libraries
from ripguard.api.arguments import (
    AnyPath,
    Callback,
    check_image_format,
    opened,
    pixels_allowed,
    refuse_empty,
    signing_key_of,
    whole,
    with_home,
    worker_count,
)
from ripguard.api.checking import read_source
from ripguard.api.methods import choose_scheme
from ripguard.crypto.keys import Key
from ripguard.crypto.passphrase import passphrase_file
from ripguard.crypto.signing import SigningKey
from ripguard.errors import KeyFileError, UsageError, refusing
from ripguard.executor import Executor, Local
from ripguard.progress import reported_to

if TYPE_CHECKING:
    from ripguard.data.source import Source
    from ripguard.release.protect import Protected


@refusing()
@with_home
def protect(
    source: AnyPath | Source,
    out: AnyPath,
    key: Key | AnyPath,
    *,
    scheme: str = "mrit",
    sign_key: SigningKey | AnyPath | None = None,
    labels: AnyPath | None = None,
    layout: str = "auto",
    classes_at: int | str | None = None,
    follow_links: bool = False,
    limit: int | None = None,
    seed: int = 0,
    lossy: bool = False,
    byte_exact: bool = False,
    restart: bool = False,
    device: str = "cpu",
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Callback | None = None,
    contact: str = "",
    on_error: str = "refuse",
    max_pixels: int | None = None,
    image_format: str = "png",
    **options: Any,
) -> Protected:
    """Make a protected release of a dataset.

    The release appears at ``out`` after every image in it was restored from disk and compared with its source. The
    same call continues a run that was killed.

    Args:
        source: a dataset by name (``photos``, ``cifar10``, ``tinyimagenet:second``), a folder (also ``folder:PATH``),
            or a :class:`ripguard.data.source.Source`.
        sign_key: signs the release; None: the file ``<key file>.sign``, where it exists.
        out: path of the release.
        key: the owner's key, or the path of its file.
        labels: CSV file with the columns ``path,label`` and optionally ``split``, instead of class folders.
        layout: how the folders are read: ``auto``, ``splits`` (the first level are splits), ``classes`` (there are no
            splits), ``flat`` (there are no classes).
        classes_at: level of the class folders, 1 for those in the root of the source; ``"1-2"`` joins two levels;
            ``"last"``: the folder of each image.
        follow_links: also follow links that lead out of the folder.
        limit: number of images, taken evenly from all classes; None: all.
        seed: seed of all random choices.
        lossy: keep no residue; the recovery of the paper, which is not exact.
        byte_exact: preserve the original files, byte for byte.
        restart: discard an unfinished run.
        device: device for the perturbation, ``cpu`` or ``cuda``.
        workers: number of processes; None: one for each core.
        executor: protects the images, instead of these processes.
        contact: whom to ask for access, one line; it is published in the README of the release.
        on_error: ``"refuse"``: an image that cannot be read is an error, and all of them are in its message;
            ``"skip"``: such images are left out, and listed in ``skipped``. Refused nevertheless: a class or split that
            would lose all its images, texts that hold a key or an image, names that cannot be published.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.
        image_format: of the published images: ``"png"``, or ``"webp"``, lossless too, and smaller.
        options: options of the scheme, its perturbation and its hiding method: ``perturb="tap", eps=0.05``.

    Raises:
        UsageError: an option does not exist, or would have no effect.
        AmbiguousLayout: the folders have several readings, see :func:`ripguard.api.read_source`.
        MissingExtra: a library is not installed.
        InputRefused, OutputRefused, KeyFileError, StorageError: nothing was published.
    """
    from ripguard.data.compile_cache import name_compile_cache

    name_compile_cache()  # before torch is imported
    from ripguard.release.capacity import check_capacity
    from ripguard.release.card import check_contact
    from ripguard.release.plan import make_plan
    from ripguard.release.prepare import prepare
    from ripguard.release.protect import precheck, refuse_secrets
    from ripguard.release.protect import protect as run
    from ripguard.release.refusing import check_on_error
    from ripguard.schemes.base import Run
    from ripguard.store.atomic import drop_empty

    refuse_empty(source=source, out=out, key=key, sign_key=sign_key, labels=labels)
    check_contact(contact)
    check_on_error(on_error)
    check_image_format(image_format)
    limit, seed = whole("limit", limit, 1), whole("seed", seed, 0) or 0
    chosen = choose_scheme(scheme, lossy=lossy, byte_exact=byte_exact, device=device, **options)
    libraries.require(*sorted(chosen.libraries))  # some are imported only when all images have been read
    workers = worker_count(workers)
    executor = executor or Local(workers)
    if isinstance(key, str) and key == sign_key == "-":
        raise UsageError("standard input holds one key, not two", "name a file for one of --key-file and --sign-key")
    owner, key_file = opened(key)
    if not isinstance(owner, Key):
        raise KeyFileError("protecting needs the owner's whole key")
    signing, sign_file = signing_key_of(sign_key, key_file)
    found, place = read_source(source, labels, layout, classes_at, follow_links), Path(os.path.abspath(out))
    secret = [file for file in (key_file, sign_file, passphrase_file()) if file]
    with pixels_allowed(max_pixels), reported_to(progress):
        refuse_secrets(found, secret)
        made = precheck(found.roots, place, secret)
        try:
            plan = make_plan(found, chosen, seed, lossy, byte_exact, limit, workers, on_error, image_format)
            model = plan.scheme.model([image for image in plan.training if not image.whole], seed)
            check_capacity(plan, Run(device, lossy, model))
            ready = prepare(plan, device, workers, model)
            plan = plan.aimed(ready.digest)
            result = run(plan, ready, owner, place, signing, executor, restart, found.roots, model, contact)
        except BaseException:
            drop_empty(made)
            raise
    return dataclasses.replace(
        result, surrogate=next(iter(ready.fitted.files), ""), ignored=found.ignored, metadata=plan.metadata,
        whole=plan.differs, skipped=plan.skipped, unchanged=plan.unchanged, tinted=plan.tinted, image_format=plan.codec,
        source_bytes=sum(image.size for image in plan.images),
        gray=sum(image.shape[2] == 1 for image in plan.images) if plan.tinted else 0,
    )  # fmt: skip
