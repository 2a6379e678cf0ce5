"""Runs of accuracy rows: the record that a victim's row belongs into, image quality and figures beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ripguard.benchmark import figures, records
from ripguard.benchmark.grid import samples
from ripguard.benchmark.other_images import seen_before
from ripguard.benchmark.overview import overview
from ripguard.benchmark.records import Measurement
from ripguard.benchmark.report import report
from ripguard.benchmark.run import Run, same_recipe
from ripguard.benchmark.table import markdown
from ripguard.benchmark.training_logs import add_files, read_logs
from ripguard.benchmark.victims import digest_of
from ripguard.data.source import Source
from ripguard.train.protocols import PROTOCOLS

QUALITY = ("pictures", "restored_equal", "psnr_to_clean", "ssim_to_clean")
SHOWN = 5  # classes in the overview


def recipe(protocol: str, model: str | None = None, epochs: int | None = None) -> dict[str, Any]:
    """The protocol in full, as records keep it; ``model`` and ``epochs`` replace its own where given."""
    found = dataclasses.asdict(PROTOCOLS[protocol])
    found |= {"model": model or found["model"], "epochs": epochs or found["epochs"]}
    return json.loads(json.dumps(found))


def scheme_of(release: dict[str, Any]) -> dict[str, Any]:
    """The scheme of a release as records keep it; a lossy one is marked, one without its key is ``sealed``.

    Args:
        release: as :func:`ripguard.release.inspect.described` gives it.
    """
    return release["scheme"] | ({"lossy": True} if release["exact"] == "no (lossy)" else {})


def release_of(release: dict[str, Any]) -> dict[str, Any]:
    """What a run keeps of ``release.json``."""
    return {"dataset_id": release["dataset_id"], "root": release["manifest"]}


def open_run(
    source: str,
    protocol: str,
    how: dict[str, Any],
    release: dict[str, Any],
    restored: Path,
    command: str,
    name: str,
    results: Sequence[Path],
    workers: int = 1,
    fresh: bool = False,
) -> Run:
    """The run to go on with: that of this name about the same release, else a new one.

    Rows of clean and restored images are taken over from a record of another release, of whatever scheme, where its
    images are the same.

    Args:
        source: name of the dataset.
        protocol: as records call it, see :func:`ripguard.train.protocols.called`; ``how``: its :func:`recipe`.
        release: as :func:`ripguard.release.inspect.described` gives it.
        restored: folder of the restored images.
        name: of the record, in the first of ``results``; rows are taken over from all of them.
        workers: processes that read the restored images.
        fresh: take no row over.
    """
    own = Run("victim", name, results[0], command, release=release_of(release), recipe=how, dataset=source,
              protocol=protocol, scheme=json.loads(json.dumps(scheme_of(release))))  # fmt: skip
    if own.rows or fresh:
        return own
    others = [row for place in results for row in records.read(place)]
    alike = [row for row in others if row.about(kind="victim", dataset=source, protocol=protocol)]
    alike = [row for row in alike if row.training_set != "protected" and same_recipe(row.provenance.get("recipe"), how)]
    if alike:
        digest = digest_of("restored", source, restored, workers)
        found = {key(row): row for row in alike if row.digests.get("train") == digest}  # the last is the newest
        own.take(found.values())
    return own


def key(row: Measurement) -> tuple[object, ...]:
    """(training set, model, seed, digest of the training images, defence, what its backbone has seen)."""
    return row.training_set, row.model, row.seed, row.digests.get("train"), row.defence, seen_before(row)


def done(run: Run) -> set[tuple[object, ...]]:
    """The :func:`key` of every recorded victim."""
    return {key(row) for row in run.rows if row.kind == "victim"}


def illustrate(
    run: Run, out: Path, logs: Sequence[Path], protected: Path, source: Source, restored: Path, workers: int = 1
) -> list[tuple[str, Path]]:
    """Image quality of the release into the record, if it has none, training logs, and figures.

    Args:
        out: folder of the figures; logs: of victims, as they were trained.

    Returns:
        (title, PNG file) of each figure.
    """
    results = run.results or out
    if not any(row.kind == "image-quality" for row in run.rows):
        found = report(protected, source, restored, workers=workers)
        count = max(row.n_train or 0 for row in run.rows)
        run.add({"n_train": count} | {name: found[name] for name in QUALITY}, "image-quality")
    add_files(results, run.name, run.origin or "", [path for path in logs if path.exists()])
    out.mkdir(parents=True, exist_ok=True)
    images = samples(protected, source, restored, SHOWN)
    drawn = [
        ("Images, and what models learn from them", overview(run.rows, images, out / "overview.png")),
        ("Accuracy", figures.bars(run.rows, out / "accuracy.png")),
        ("Training", figures.curves(run.rows, read_logs(results, run.name), out / "curves.png")),
        ("Predictions", figures.confusion(run.rows, out / "confusion.png")),
    ]
    return [(title, path) for title, path in drawn if path]


def references(run: Run, results: Path) -> list[str]:
    """Tables of what is recorded elsewhere about the same dataset, protocol and scheme: Markdown, labelled as such."""
    first = run.rows[0]
    about = {"dataset": first.dataset, "protocol": first.protocol, "scheme_name": first.scheme_name, "kind": "victim"}
    found = [row for row in records.read(results) if row.about(**about) and row.defence == "none"]
    lines = []
    for place in dict.fromkeys(row.place for row in found):
        own = [row for row in found if row.place == place]
        dates = sorted({row.provenance["date"] for row in own})
        when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        lines += ["", f"For comparison, recorded {when}, n = {len(own)}, record results/{place}:", "", *markdown(own)]
    return lines
