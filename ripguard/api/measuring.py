"""Measure a release, attack it, and train models on protected and on clean images."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripguard.api.arguments import (
    AnyPath,
    Callback,
    opened,
    pixels_allowed,
    refuse_empty,
    whole,
    with_home,
    worker_count,
)
from ripguard.crypto.keys import Key, KeyRing
from ripguard.errors import OutputRefused, UsageError, refusing
from ripguard.progress import reported_to

if TYPE_CHECKING:
    from ripguard.benchmark.audit.result import Audit
    from ripguard.benchmark.own import Evaluation
    from ripguard.data.source import Source


@refusing()
@with_home
def report(
    release: AnyPath,
    against: AnyPath | Source,
    *,
    labels: AnyPath | None = None,
    restored: AnyPath | None = None,
    surrogate: AnyPath | None = None,
    grid: AnyPath | None = None,
    signer: str | None = None,
    workers: int | None = None,
    progress: Callback | None = None,
    key: KeyRing | AnyPath | None = None,
    max_pixels: int | None = None,
) -> dict[str, Any]:
    """Measure a release; see :func:`ripguard.benchmark.report.report`.

    Args:
        against: the source of the release.
        labels: the labels file that :func:`ripguard.protect` used.
        restored: output folder of :func:`ripguard.restore`.
        grid: path of a PNG file, to draw clean, protected and restored images into.
        key: opens the recipe, for the result; nothing else here needs it.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.
    """
    from ripguard.benchmark.grid import check_grid
    from ripguard.benchmark.grid import grid as draw
    from ripguard.benchmark.report import report as run
    from ripguard.data.registry import as_source

    refuse_empty(release=release, against=against, labels=labels, restored=restored, surrogate=surrogate, grid=grid)
    refuse_empty(signer=signer, key=key)
    ring = None if key is None else opened(key)[0]
    place, back = Path(release), Path(restored) if restored else None
    if grid:
        check_grid(os.fspath(grid))
    source = as_source(against, labels, strict=False, names_only=True)
    for folder in (*source.roots, place, *([back] if back else [])):
        if grid and folder.resolve() in Path(grid).resolve().parents:
            raise OutputRefused(f"{grid} lies inside {folder}", "choose a path outside of it")
    with pixels_allowed(max_pixels), reported_to(progress):
        judge = os.fspath(surrogate) if surrogate else None
        data = run(place, source, back, judge, worker_count(workers), signer, ring)
        if grid:
            draw(place, source, back, Path(grid))
    return data


@refusing()
@with_home
def evaluate(
    release: AnyPath,
    source: AnyPath | Source,
    *,
    labels: AnyPath | None = None,
    protocol: str = "smoke",
    model: str | None = None,
    epochs: int | None = None,
    seeds: str | Sequence[int] = (0,),
    device: str = "cpu",
    signer: str | None = None,
    workers: int | None = None,
    progress: Callback | None = None,
    key: KeyRing | AnyPath | None = None,
    max_pixels: int | None = None,
) -> Evaluation:
    """Train models on a release without its key and on the clean images; see :mod:`ripguard.benchmark.own`.

    Args:
        source: the source of the release.
        labels: the labels file that :func:`ripguard.protect` used.
        seeds: integers, or a string of them joined by commas; one model of each kind per seed.
        key: opens the recipe, for the result; the models are trained without it.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.
    """
    from ripguard.data.compile_cache import name_compile_cache

    name_compile_cache()  # before torch is imported
    from ripguard.benchmark.own import evaluate as run
    from ripguard.benchmark.victims import seeds_of
    from ripguard.data.registry import as_source

    refuse_empty(release=release, source=source, labels=labels, signer=signer, key=key)
    ring = None if key is None else opened(key)[0]
    several = seeds_of(seeds) if isinstance(seeds, str) else list(seeds)
    found = as_source(source, labels, strict=False, names_only=True)
    with pixels_allowed(max_pixels), reported_to(progress):
        return run(Path(release), found, protocol, model, epochs, several, device, signer, worker_count(workers), ring)


@refusing()
@with_home
def audit(
    release: AnyPath,
    key: KeyRing | AnyPath,
    *,
    budget: float = 10.0,
    out: AnyPath | None = None,
    source: AnyPath | Source | None = None,
    protocol: str = "small",
    images: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    signer: str | None = None,
    dry_run: bool = False,
    progress: Callback | None = None,
    max_pixels: int | None = None,
) -> Audit:
    """Attack a release of one's own; see :func:`ripguard.benchmark.audit.run.audit`.

    Args:
        key: of the owner or of the whole release.
        budget: minutes, more than 0. The same call goes on with what was not tried.
        out: folder for rows and page; None: ``<release>-audit`` beside the release.
        source: clean images are read from it; None: they are restored in memory.
        images: training images of each model; None: chosen by budget and speed.
        dry_run: only plan; ``not_tried`` of the result is the plan, and nothing is written.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.
    """
    began = time.monotonic()  # imports take seconds of the budget
    refuse_empty(release=release, key=key, out=out, source=source, signer=signer)
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 < budget < float("inf"):
        raise UsageError(f"budget: expected minutes, a number above 0, got {budget!r}")
    count, start = whole("images", images, 1), whole("seed", seed, 0)
    ring = opened(key)[0]
    from ripguard.data.compile_cache import name_compile_cache

    name_compile_cache()  # before torch is imported
    from ripguard.benchmark.audit.run import audit as run
    from ripguard.data.registry import as_source

    with pixels_allowed(max_pixels), reported_to(progress):
        found = None if source is None else as_source(source, None, strict=False, names_only=True)
        return run(
            Path(release), ring, Path(out) if out else None, float(budget), found, protocol, count, start or 0, device,
            signer, dry_run, began=began,
        )  # fmt: skip


@refusing()
@with_home
def train(
    release: AnyPath,
    key: Key | AnyPath,
    out: AnyPath = "model.pt",
    *,
    protocol: str = "fast",
    model: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    signer: str | None = None,
    progress: Callback | None = None,
    max_pixels: int | None = None,
) -> dict[str, Any]:
    """Train a model on the restored images of a release, or on the images of a vault; see
    :func:`ripguard.train.on_release.train_on_release`."""
    refuse_empty(release=release, key=key, out=out, signer=signer)
    ring = _opener(release, key)
    from ripguard.data.compile_cache import name_compile_cache

    name_compile_cache()  # before torch is imported
    from ripguard.train.on_release import train_on_release

    with pixels_allowed(max_pixels), reported_to(progress):
        return train_on_release(Path(release), ring, Path(out), protocol, model, epochs, seed, device, signer)


def _opener(path: AnyPath, key: Any) -> Any:
    """The key of a release, or what opens a vault: an age identity, too."""
    from ripguard.vault.header import is_vault

    if not is_vault(Path(path)):
        return opened(key)[0]
    from ripguard.vault.opening import as_opener

    return as_opener(key)
