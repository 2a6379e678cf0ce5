"""Work with releases: restore, verify, inspect, clean up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ripguard.api.arguments import AnyPath, Callback, opened, pixels_allowed, refuse_empty, with_home, worker_count
from ripguard.crypto.keys import Key, KeyRing
from ripguard.errors import UsageError, refusing
from ripguard.executor import Executor, Local
from ripguard.progress import reported_to

if TYPE_CHECKING:
    from ripguard.data.source import Source
    from ripguard.release.gc import Litter
    from ripguard.release.inspect import Facts
    from ripguard.release.restored import Restored
    from ripguard.release.verify import Report


@refusing()
@with_home
def restore(
    paths: AnyPath | Sequence[AnyPath],
    out: AnyPath,
    key: KeyRing | AnyPath,
    release: AnyPath | None = None,
    only: str | None = None,
    workers: int | None = None,
    signer: str | None = None,
    loose: bool = False,
    require_release: bool = False,
    executor: Executor | None = None,
    progress: Callback | None = None,
    max_pixels: int | None = None,
) -> Restored:
    """Restore clean images exactly; see :func:`ripguard.release.restore.restore`.

    Args:
        paths: a release, parts of one, or loose protected images; one path or several.
        out: path of the output folder.
        key: the key of the owner, of a release or of one unit; the last restores only its unit.
        release, only, signer, loose, require_release: see :func:`ripguard.release.restore.restore`.
        workers: number of processes; None: one for each core.
        executor: restores the images, instead of these processes.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.

    Returns:
        The result. Images that could not be restored are listed in ``refused``; they raise no error.

    Raises:
        RipguardError: no image was restored.
    """
    from ripguard.release.restore import restore as run

    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    refuse_empty(out=out, key=key, release=release, only=only, signer=signer)
    for path in several:
        refuse_empty(paths=path)
    if not several:
        raise UsageError("there is nothing to restore: no path was given")
    with pixels_allowed(max_pixels), reported_to(progress):
        return run(
            [Path(path) for path in several], Path(out), opened(key)[0], Path(release) if release else None, only,
            executor or Local(worker_count(workers)), signer, loose, require_release,
        )  # fmt: skip


@refusing()
@with_home
def verify(
    release: AnyPath,
    key: KeyRing | AnyPath | None = None,
    *,
    against: AnyPath | Source | None = None,
    labels: AnyPath | None = None,
    signer: str | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Callback | None = None,
    max_pixels: int | None = None,
) -> Report:
    """Check a release against its manifest; with a key, also restore every image in memory and verify it.

    Args:
        against: the source; restored images are compared with it, kept files byte by byte, others sample by sample.
            Needs a key.
        labels: the labels file that :func:`ripguard.protect` used.
        signer: fingerprint that must have signed the release.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.

    Returns:
        The findings; ``report.ok`` is True if there is no problem.
    """
    from ripguard.data.registry import as_source
    from ripguard.release.verify import verify as run

    refuse_empty(release=release, key=key, against=against, labels=labels, signer=signer)
    if against is not None and key is None:
        raise UsageError("comparing with the source needs a key", "add --key-file K")
    if labels and against is None:
        raise UsageError("--labels describes the source, but no source is given", "add --source SRC")
    source = None if against is None else as_source(against, labels, strict=False, names_only=True)
    with pixels_allowed(max_pixels), reported_to(progress):
        ring = None if key is None else opened(key)[0]
        return run(Path(release), ring, source, signer, executor or Local(worker_count(workers)))


@refusing()
@with_home
def inspect(path: AnyPath, key: KeyRing | AnyPath | None = None, max_pixels: int | None = None) -> Facts:
    """Public facts about a release or a protected image; needs no key.

    Args:
        key: with the key of the whole release, the facts contain the name of its source and how it was made.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.

    Raises:
        NotProtected: the path is neither.
        WrongKey, Damaged: the key does not open the release, or the release is not what its owner published.
    """
    from ripguard.release.inspect import inspect as run

    refuse_empty(key=key)
    with pixels_allowed(max_pixels):
        return run(Path(path), None if key is None else opened(key)[0])


@refusing()
@with_home
def collect_garbage(
    release: AnyPath,
    key: Key | AnyPath | None = None,
    *,
    unfinished: bool = False,
    dry_run: bool = False,
    signer: str | None = None,
) -> list[Litter]:
    """Move aside files that killed runs left in and beside a release; see :func:`ripguard.release.gc.collect`."""
    from ripguard.release.gc import collect

    refuse_empty(release=release, key=key, signer=signer)
    return collect(Path(release), unfinished, dry_run, None if key is None else opened(key)[0], signer)
