"""`ripguard evaluate`: train models on a release without its key, and on the clean images."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_max_pixels, add_signer, add_source, add_workers, key_of
from ripguard.cli.output import show
from ripguard.errors import UsageError
from ripguard.numbers import positive
from ripguard.train.protocols import PROTOCOLS

DESCRIPTION = (
    "Trains a model on the clean images and one on the published ones, and tests both on clean images. Without "
    "a test split, a fifth of each class is held out. This attacker uses no defence; for stronger attackers see "
    "docs/explanation/limits.md."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE")
    add_source(parser, "the source of the release")
    add_key(parser, required=False)
    parser.add_argument("--labels", metavar="CSV", help="the labels file that protect used")
    parser.add_argument("--protocol", default="smoke", help=f"{', '.join(PROTOCOLS)} (default smoke)")
    parser.add_argument("--model", help="instead of the protocol's model: resnet18, vgg16-bn, densenet121 …")
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of the protocol's number")
    parser.add_argument("--seeds", default="0", metavar="S,…", help="one model of each kind per seed (default 0)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    add_max_pixels(parser)
    add_signer(parser)
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    if options.against is None:
        raise UsageError("evaluation needs the clean images", "add --source SRC")
    found = api.evaluate(
        options.release, options.against, labels=options.labels, protocol=options.protocol, model=options.model,
        epochs=options.epochs, seeds=options.seeds, device=options.device, signer=options.signer,
        workers=options.workers, key=key_of(options), max_pixels=options.max_pixels,
    )  # fmt: skip
    lines = [f"{'trained on':12} {'seed':>4} {'images':>8} {'own images':>11} {'clean test images':>18}"]
    for row in found.rows:
        accuracies = f"{row.train_accuracy:>9.2f} % {row.test_accuracy:>16.2f} %"
        lines.append(f"{row.training_set:12} {row.seed:>4} {row.images:>8,} {accuracies}")
    lines.append(
        f"{found.model}, {found.epochs} epochs ({found.protocol}), {found.test_images:,} test images of "
        f"{found.classes} classes{', held out' if found.held_out else ''}; "
        f"the most frequent class alone: {found.chance} %"
    )
    show(options, found.as_dict(), lines)
    return 0
