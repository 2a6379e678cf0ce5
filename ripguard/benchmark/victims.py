"""Train one victim and measure its accuracy: one row of the accuracy table. Reads everything from files."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.other_images import mark_of
from ripguard.benchmark.record import environment
from ripguard.data.folder import folder
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source
from ripguard.data.source import Item
from ripguard.errors import InputRefused, UsageError
from ripguard.release.find import metadata_of
from ripguard.release.manifest import Release
from ripguard.release.names import published_places

SPLITS = ("clean", "protected", "restored")
WATCHED = 1000  # maximal number of clean training images for the training curve
OWN_SEEDS = (
    1000  # added to the seed for restored images: they equal the clean ones, but the training shall be independent
)


@dataclass(frozen=True)
class Job:
    """One victim to train; picklable.

    Attributes:
        split: training images: ``clean``, ``protected`` or ``restored``.
        source: name of the dataset, or folder of clean images; also provides the test images.
        place: folder of the release or of the restored images; unused for ``clean``.
        protocol: name in PROTOCOLS; ``model`` and ``epochs`` replace those of the protocol.
        work: folder for checkpoints; ``logs``: folder for the JSON-lines log.
        deadline: time (``time.time()``) to stop at, with a checkpoint.
        threads: CPU threads, 0: default of torch.
        defence: name in :data:`ripguard.benchmark.defences.DEFENCES`.
        most: maximal number of training images, of which every n-th is used; None: all.
        save_every: seconds between checkpoints within an epoch; None: default of the training loop.
        pretrain_on: source of the images of a defence's backbone; "": those known for ``source``.
    """

    split: str
    source: str
    place: str
    protocol: str
    model: str
    seed: int
    work: str
    logs: str
    epochs: int | None = None
    device: str = "cpu"
    deadline: float | None = None
    threads: int = 0
    compile: bool = False
    defence: str = "none"
    most: int | None = None
    save_every: float | None = None
    pretrain_on: str = ""

    @property
    def own_seed(self) -> int:
        return own_seed(self.split, self.seed)

    @property
    def title(self) -> str:
        return f"{self.split} {self.model} seed {self.own_seed}{self.suffix.replace('-', ', ', 1)}"

    @property
    def stem(self) -> str:
        """Stem of its file names."""
        return f"{self.split}-{self.model}-{self.own_seed}{self.suffix}"

    @property
    def log(self) -> Path:
        return Path(self.logs) / f"{self.stem}.jsonl"

    @property
    def suffix(self) -> str:
        """Suffix of file names and titles; "" without a defence."""
        return "" if self.defence == "none" else f"-{self.defence}{mark_of(self.defence, self.pretrain_on)}"


def own_seed(split: str, seed: int) -> int:
    """Training seed of a victim of ``split``: ``seed``, plus an offset for restored images."""
    return seed + (OWN_SEEDS if split == "restored" else 0)


def seeds_of(words: str) -> list[int]:
    """Parse seeds joined by commas, without duplicates. Raises :class:`UsageError`."""
    try:
        seeds = [int(word) for word in words.split(",")]
    except ValueError:
        seeds = [-1]
    if not all(0 <= seed < OWN_SEEDS for seed in seeds):  # OWN_SEEDS is the offset for restored images
        raise UsageError(f"--seeds: expected whole numbers from 0 to {OWN_SEEDS - 1} joined by commas, got {words}")
    return list(dict.fromkeys(seeds))


def items_of(split: str, source: str, root: Path) -> list[Item]:
    """All images of the source, of a release, or of a restored folder."""
    if split in ("clean", "restored"):  # with their published names, so that all splits have the same order
        items = open_source(source).items if split == "clean" else folder(root).items
        return [dataclasses.replace(item, name=place) for item, place in zip(items, published_places(items))]
    release = Release.open(root)
    units = release.info["units"]
    return [
        Item(row["path"], root / row["path"], units[row["unit"]]["split"], units[row["unit"]]["label"])
        for row in release.rows
    ]


def read(split: str, source: str, place: Path, part: str, workers: int = 1, most: int | None = None) -> ImageSet:
    """Read the ``train`` or ``test`` images of one of SPLITS; at most about ``most``, evenly spaced."""
    items = [item for item in items_of(split, source, place) if item.split == part and item.label]
    if not items:
        raise InputRefused(f"{split} images of {source}: there is no split {part!r}", "use folders train/ and test/")
    if most:
        items = sorted(items, key=lambda item: (item.label, item.name))[:: -(-len(items) // most)]
    return load(items, workers=workers, note=f"{split} {part}")


def check(
    names: tuple[str, ...],
    protocol: str,
    model: str | None,
    defences: tuple[str, ...] = (),
    source: str | None = None,
    pretrain_on: str = "",
) -> None:
    """Check names and libraries before any work.

    Args:
        source: name of the dataset, or folder of clean images, that the defences are for; None: any.
        pretrain_on: source of the images of a defence's backbone; "": those known for ``source``.

    Raises:
        UsageError: a name does not exist, or a defence starts from a backbone that there are no images for.
        MissingExtra: a defence needs a library that is not installed.
    """
    from ripguard.benchmark.defended import check_defence
    from ripguard.train.models import MODELS
    from ripguard.train.protocols import PROTOCOLS

    for option, values, known in (
        ("--splits", names, SPLITS),
        ("--protocol", (protocol,), tuple(PROTOCOLS)),
        ("--model", (model,) if model else (), tuple(MODELS)),
        ("--defences", defences, tuple(DEFENCES)),
    ):
        wrong = [value for value in values if value not in known]
        if wrong:
            raise UsageError(f"{option}: expected one of {', '.join(known)}, got {wrong[0]!r}")
    for name in defences:
        check_defence(DEFENCES[name], source, pretrain_on)


def digest_of(split: str, source: str, place: Path, workers: int = 1, most: int | None = None) -> str:
    """Digest of the training images. Victims with a record for the same digest are not trained again."""
    return read(split, source, place, "train", workers, most).digest


def train_row(job: Job) -> dict[str, Any]:
    """Train and measure a victim; returns a row of the record.

    Raises:
        Unfinished: the deadline passed.
    """
    import torch

    from ripguard.benchmark.defended import fit_defended
    from ripguard.train.loop import SAVE_EVERY, accuracy
    from ripguard.train.protocols import PROTOCOLS

    if job.threads:
        torch.set_num_threads(job.threads)
    protocol = dataclasses.replace(PROTOCOLS[job.protocol], model=job.model)
    if job.epochs:
        protocol = dataclasses.replace(protocol, epochs=job.epochs)
    place = Path(job.place)
    training = read(job.split, job.source, place, "train", most=job.most)
    test = read("clean", job.source, place, "test")
    if training.names != test.names or training.images.shape[1:] != test.images.shape[1:]:
        raise InputRefused(f"{job.split} training images and clean test images differ in classes or size")
    defence = DEFENCES[job.defence]
    left = None if job.deadline is None else job.deadline - time.time()
    checkpoint, log = Path(job.work) / f"{job.protocol}-{job.stem}.pt", job.log
    clean = read("clean", job.source, place, "train", most=WATCHED)  # for the training curve: no test images
    clean = defence.fitting(clean, job.own_seed + 1)
    trained = fit_defended(
        defence, training.images, training.labels, len(training.names), protocol, job.source, job.own_seed, job.device,
        pretrain_on=job.pretrain_on, seconds=left, checkpoint=checkpoint, log=log, compile=job.compile,
        watch=(clean.images, clean.labels), note=job.title, save_every=job.save_every or SAVE_EVERY,
    )  # fmt: skip
    victim = trained.victim
    shown = defence.fitting(test, job.own_seed + 1)
    predicted, truth = victim.logits(shown.images).argmax(1), test.labels
    treated = {}
    if defence.each and not defence.shrinks:
        after = defence.treated(test, job.own_seed + 1)
        treated["treated_accuracy"] = round(accuracy(victim, after.images, truth), 4)
    confusion = np.zeros((len(test.names),) * 2, int)
    np.add.at(confusion, (truth, predicted), 1)
    fitted = victim.logits(trained.seen).argmax(1) == training.labels
    where = environment()
    seconds = sum(_seconds(log))
    return {
        "split": job.split,
        "defence": job.defence,
        "model": job.model,
        "seed": job.own_seed,
        "train_accuracy": round(100 * float(fitted.mean()), 4),
        "test_accuracy": round(100 * float((predicted == truth).mean()), 4),
        **treated,
        **trained.about,
        "images": len(training.labels),
        "digest": training.digest,
        "test_images": len(truth),
        "test_digest": test.digest,
        "epochs": protocol.epochs,
        "seconds": round(seconds, 1),
        "device": where["hardware"]["gpu"]
        if job.device != "cpu"
        else f"{torch.get_num_threads()} thread(s) of the CPU",
        "threads": torch.get_num_threads(),
        "commit": where["commit"],
        "date": where["date"],
        "classes": test.names,
        "confusion": confusion.tolist(),
    }


def is_release(place: Path) -> bool:
    """Whether ``place`` is a finished release."""
    return metadata_of(place) is not None


def _seconds(log: Path) -> list[float]:
    with contextlib.suppress(OSError):
        return [json.loads(line)["seconds"] for line in log.read_text("utf-8").splitlines()]
    return []
