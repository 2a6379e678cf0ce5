"""`ripguard train`: train a model on the restored images of a release, or on the images of a vault."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_max_pixels, add_signer, key_of
from ripguard.cli.output import show
from ripguard.numbers import not_negative, positive
from ripguard.train.protocols import PROTOCOLS

DESCRIPTION = (
    "Needs the key. Writes no clean image to disk. For protocols and models see docs/explanation/reproduction.md."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE", help="a release, or a vault")
    add_key(parser)
    parser.add_argument("--out", default="model.pt", metavar="PT", help="file to write (default: model.pt)")
    parser.add_argument("--protocol", default="fast", help=f"one of {', '.join(PROTOCOLS)} (default: fast)")
    parser.add_argument("--model", help="instead of the protocol's model: resnet18, vgg16-bn, densenet121 …")
    parser.add_argument("--epochs", type=positive, help="instead of the protocol's number")
    parser.add_argument(
        "--seed", type=not_negative, default=0, metavar="S", help="seed of weights, order and augmentation (default 0)"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    add_max_pixels(parser)
    add_signer(parser)


def run(options: argparse.Namespace) -> int:
    done = api.train(
        options.release, key_of(options), options.out, protocol=options.protocol, model=options.model,
        epochs=options.epochs, seed=options.seed, device=options.device, signer=options.signer,
        max_pixels=options.max_pixels,
    )  # fmt: skip
    tested = "" if done["test_accuracy"] is None else f", test {done['test_accuracy']:.2f} %"
    lines = [f"{done['out']}: {done['model']}, train accuracy {done['train_accuracy']:.2f} %{tested}"]
    show(options, done, lines)
    return 0
