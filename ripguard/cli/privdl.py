"""`ripguard privdl`: train, test and use networks on releases of scheme `privdl`."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_common, add_key, add_max_pixels, add_signer, key_of
from ripguard.cli.output import show
from ripguard.numbers import not_negative, positive
from ripguard.train.protocols import PROTOCOLS

DESCRIPTION = "Networks for scrambled images. With the key, a network that was trained on clean images reads them."


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        ("train", run_train, "train a network: with the key on the clean images, without it on the scrambled ones"),
        ("test", run_test, "accuracy on the scrambled images: converted with the key, or as it is without it"),
        ("infer", run_infer, "the class of each scrambled image, one line each: path, class, share"),
    ):
        action = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_common(action)
        action.set_defaults(run=run)
        action.add_argument("release", metavar="RELEASE")
        if name == "train":
            _training(action)
        else:
            action.add_argument("model", metavar="PT", help="file that training wrote")
            usual = "the test split" if name == "test" else "all"
            action.add_argument("--split", metavar="NAME", help=f"images of this split (default: {usual})")
        add_key(action, required=False)
        action.add_argument("--no-key", action="store_true", help="no key, whatever the environment names")
        action.add_argument("--device", default="cpu", help="cpu (default) or cuda")
        add_max_pixels(action)
        add_signer(action)


def _training(action: argparse.ArgumentParser) -> None:
    action.add_argument("--out", default="model.pt", metavar="PT", help="file to write (default: model.pt)")
    action.add_argument("--protocol", default="standard", help=f"one of {', '.join(PROTOCOLS)} (default: standard)")
    action.add_argument("--model", help="instead of the protocol's model: vgg16-bn, resnet18, preresnet110 …")
    action.add_argument("--epochs", type=positive, metavar="N", help="instead of the protocol's number")
    action.add_argument(
        "--seed", type=not_negative, default=0, metavar="S", help="seed of weights, order and augmentation (default 0)"
    )


def _key(options: argparse.Namespace) -> str | None:
    return None if options.no_key else key_of(options)


def run_train(options: argparse.Namespace) -> int:
    done = api.privdl_train(
        options.release, options.out, _key(options), protocol=options.protocol, model=options.model,
        epochs=options.epochs, seed=options.seed, device=options.device, signer=options.signer,
        max_pixels=options.max_pixels,
    )  # fmt: skip
    tested = "" if done["test_accuracy"] is None else f", test {done['test_accuracy']:.2f} %"
    line = (
        f"{done['out']}: {done['model']} on {done['trained_on']} images, train {done['train_accuracy']:.2f} %{tested}"
    )
    show(options, done, [line])
    return 0


def run_test(options: argparse.Namespace) -> int:
    found = api.privdl_test(
        options.release, options.model, _key(options), split=options.split, device=options.device,
        signer=options.signer, max_pixels=options.max_pixels,
    )  # fmt: skip
    how = "with the key" if found["with_key"] else "without a key"
    show(
        options, found, [f"{found['accuracy']:.2f} % of {found['images']:,} scrambled images ({found['split']}), {how}"]
    )
    return 0


def run_infer(options: argparse.Namespace) -> int:
    rows = api.privdl_infer(
        options.release, options.model, _key(options), split=options.split, device=options.device,
        signer=options.signer, max_pixels=options.max_pixels,
    )  # fmt: skip
    show(options, {"images": rows}, [f"{row['path']}  {row['class']}  {row['share']:.4f}" for row in rows])
    return 0
