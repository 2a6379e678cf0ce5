"""Records of accuracy rows: which one a victim's row belongs into, and the looks and figures that stand beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ripguard.benchmark import figures, old_records
from ripguard.benchmark.record import environment, new_folder, read_records, write_record
from ripguard.benchmark.records import Measurement, resolved
from ripguard.benchmark.report import grid, report
from ripguard.benchmark.training_logs import columns, read_log
from ripguard.benchmark.victims import digest_of
from ripguard.data.source import Source
from ripguard.schemes import label
from ripguard.train.protocols import PROTOCOLS, Protocol

LOOKS = ("pictures", "restored_equal", "psnr_to_clean", "ssim_to_clean")


def recipe(protocol: str, model: str | None = None, epochs: int | None = None) -> dict[str, Any]:
    """The protocol in full, as records keep it; ``model`` and ``epochs`` replace its own where given."""
    found = dataclasses.asdict(PROTOCOLS[protocol])
    found |= {"model": model or found["model"], "epochs": epochs or found["epochs"]}
    return json.loads(json.dumps(found))


def same_recipe(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two recipes say the same, whatever their wording and whichever newer settings an older one lacks."""
    return Protocol(**(one | {"source": ""})) == Protocol(**(other | {"source": ""}))


def scheme_label(release: dict[str, Any]) -> str:
    """What records call the scheme of a release, from its ``release.json``; no lossy one passes for an exact one."""
    return label(release["scheme"]) + (", lossy" if release["exact"] == "no (lossy)" else "")


def open_record(
    source: str,
    protocol: str,
    how: dict[str, Any],
    release: dict[str, Any],
    restored: Path,
    command: str,
    own: Path,
    name: str | None = None,
    results: Sequence[Path] = (),
    workers: int = 1,
) -> tuple[Path, dict[str, Any]]:
    """Folder and record to go on with: the newest of this name about the same release, else a new one.

    Rows of clean and restored images are taken over from a record of another release, of whatever scheme, where its
    images are the same.

    Args:
        source: name of the dataset.
        protocol: what records call it, see :func:`ripguard.train.protocols.called`; ``how``: its :func:`recipe`.
        release: content of ``release.json``.
        restored: folder of the restored images.
        command: that makes the record.
        own: folder of the record where it has no ``name``; others are then not looked at.
        name: of the record, in the first of ``results``.
        results: folders of records; rows are taken over from all of them.
        workers: processes that read the restored images.

    Raises:
        UsageError: no name is left for today.
    """
    scheme = scheme_label(release)
    title = f"table1 {source} {protocol} {scheme}"
    about = {"dataset": source, "protocol": protocol, "scheme": scheme}
    fresh: dict[str, Any] = {"name": title, "command": command} | environment() | about
    made = {"dataset_id": release["dataset_id"], "scheme": release["scheme"], "root": release["manifest"]}
    fresh |= {"release": made, "recipe": how, "rows": []}
    known = sorted(results[0].glob(f"*_{name}/record.json")) if name else [own / "record.json"]
    for path in reversed(known):
        old = json.loads(path.read_text()) if path.exists() else {}
        if old.get("name") == title and same_recipe(old["recipe"], how) and old["release"] == made:
            return path.parent, old
    if not name:
        return own, fresh
    folder = new_folder(results[0], fresh["date"], name)
    others = [record for place in results for _, record in read_records(place)]
    alike = [r for r in others if r["name"].startswith(f"table1 {source} {protocol} ")]
    if alike := [r for r in alike if same_recipe(r["recipe"], how)]:
        digest = digest_of("restored", source, restored, workers)
        for old in alike:  # the newest record that has such rows
            rows = [row for row in old["rows"] if row["split"] != "protected" and row["digest"] == digest]
            fresh["rows"] = rows or fresh["rows"]
    return folder, fresh


def done_rows(record: dict[str, Any]) -> set[tuple[object, ...]]:
    """What is recorded: (split, model, seed, digest of the training images, defence) of every row."""
    return {(row["split"], row["model"], row["seed"], row["digest"], row["defence"]) for row in record["rows"]}


def measurements(folder: Path, record: dict[str, Any]) -> list[Measurement]:
    """The rows of a run's ``record.json`` as ``results/`` holds them, see ``tools/migrate_records.py --add``."""
    runs, rows = old_records.measurements(folder.name, record)
    return [dataclasses.replace(row, provenance=resolved(runs, row.run), place=folder.name) for row in rows]


def illustrate(
    folder: Path, record: dict[str, Any], protected: Path, source: Source, restored: Path, workers: int = 1
) -> list[tuple[str, Path]]:
    """Looks of the release into the record, if it has none, and figures beside it; returns (title, image) of each."""
    if "looks" not in record:
        found = report(protected, source, restored, workers=workers)
        record["looks"] = {name: found[name] for name in LOOKS}
        write_record(folder, record)
    grid(protected, source, restored, folder / "samples.png")
    rows = measurements(folder, record)
    logs = {path.stem: columns(read_log(path)) for path in sorted((folder / "logs").glob("*.jsonl"))}
    images = [
        ("Accuracy", figures.bars(rows, folder / "accuracy.png")),
        ("While training", figures.curves(rows, logs, folder / "curves.png")),
        ("Answers", figures.confusion(rows, folder / "confusion.png")),
        ("Clean, protected, restored, difference", folder / "samples.png"),
    ]
    return [(title, path) for title, path in images if path]
