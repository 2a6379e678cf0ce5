"""What the experiments share: their arguments, the run that a command adds to, and the folder of records."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

from ripguard.benchmark.run import Run
from ripguard.crypto.keys import Key
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source
from ripguard.release.inspect import described
from ripguard.release.manifest import Release

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
AGAIN = 75  # exit code where time was up: EX_TEMPFAIL


def parser(doc: str, source: bool = True, record: bool = True) -> argparse.ArgumentParser:
    """Arguments of an experiment, described by its docstring.

    Args:
        source: whether it takes a dataset; record: whether ``--record`` is an option.
    """
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: a table, a record."
    )
    if source:
        made.add_argument("source", help="photos, cifar10, tinyimagenet[:second], or a folder")
    if record:
        made.add_argument(
            "--record", metavar="NAME", help="add each row to the record NAME in results/, and skip what is there"
        )
    made.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="folder of records (default: results/)"
    )
    return made


def add_pretrain_on(parser: argparse.ArgumentParser) -> None:
    """``--pretrain-on``, for victims under the defences that start from a backbone."""
    parser.add_argument(
        "--pretrain-on", default="", metavar="SOURCE",
        help="other images, for the backbone of defence `pretrained` (default: those known for the dataset)",
    )  # fmt: skip


def command() -> str:
    """The command as a user types it; without the folder of records."""
    words, own = sys.argv[1:], []
    while words:
        word = words.pop(0)
        if word == "--results" and words:
            words.pop(0)
        elif word and not word.startswith("--results="):
            own.append(word)
    return shlex.join(["python", f"experiments/{Path(sys.argv[0]).name}", *own])


def begin(options: argparse.Namespace, kind: str, **about: Any) -> Run:
    """The run of a command: without ``--record`` nothing is written."""
    name, results = (options.record, options.results) if options.record else (kind, None)
    return Run(kind, name, results, command(), **about)


def clean_images(name: str, images: int) -> tuple[ImageSet, ImageSet]:
    """Clean training images of a dataset, those that `grid.py` protects of so many, and all its test images."""
    source = open_source(name)
    own = dataclasses.replace(source, items=[item for item in source.items if item.split == "train"])
    test = [item for item in source.items if item.split == "test"]
    return load(own.limited(images).items, note="clean train"), load(test, note="clean test")


def scheme_named(name: str) -> dict[str, Any]:
    """A scheme of which nothing but the name matters."""
    return {"name": name}


def release_facts(work: Path) -> dict[str, Any]:
    """Facts about the release ``protected`` in a working folder; its recipe only if ``owner.key`` is beside it."""
    key = work / "owner.key"
    return described(Release.open(work / "protected"), Key.read(key) if key.exists() else None)
