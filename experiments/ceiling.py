"""Measure what thumbnails alone teach: the ceiling of an attacker on `carve`, which publishes no more than a thumbnail.

    python experiments/ceiling.py cifar10 --record ceiling-cifar10                          # 20,000 images, `small`
    python experiments/ceiling.py cifar10 --keep 8 --gray --record ceiling-cifar10
    python experiments/ceiling.py cifar10 --keep 8 --models fastnet vit-small --record ceiling-cifar10
    python experiments/ceiling.py tinyimagenet --keep 2 4 8 16 32 --record ceiling-tinyimagenet

Models are trained on clean images that keep their k×k lowest DCT coefficients alone, under their true labels, and are
tested on test images reduced in the same way. That is what an attacker could reach at most who sees the kept band
undisturbed; an attacker without the key sees it perturbed. The figure is an estimate for the models that were tried,
not a proof: take the highest of several. Images are reduced to half their side where that loses nothing of the band.

Beside it: SSIM and PSNR of the reduced images, which say how they look. Recorded rows are skipped.

Hardware: two CPU cores; a minute to five for each model of 20,000 images.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from _run import begin, clean_images, parser

from ripguard.benchmark.defences import grayscale
from ripguard.benchmark.victims import check
from ripguard.data.image_set import ImageSet
from ripguard.errors import refusals_printed
from ripguard.images.bands import enlarged, low_band, thumbnail
from ripguard.images.quality import median_looks
from ripguard.images.rounding import rounded
from ripguard.numbers import not_negative, positive
from ripguard.train.loop import accuracy, fit
from ripguard.train.models import MODELS
from ripguard.train.protocols import PROTOCOLS

LOOKED_AT = 300  # images for PSNR and SSIM


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--keep", type=positive, nargs="*", default=[2, 4, 8, 16], metavar="K")
    arguments.add_argument("--models", nargs="*", choices=MODELS, help="(default: the protocol's own)")
    arguments.add_argument("--seeds", type=not_negative, nargs="*", default=[0])
    arguments.add_argument("--gray", action="store_true", help="of gray images")
    arguments.add_argument("--images", type=positive, default=20_000, help="training images (default 20,000)")
    arguments.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()
    check((), options.protocol, None)
    if options.device == "cpu":
        torch.set_num_threads(1)  # as the victims of the leaderboard

    # 1. clean images, and the record so far
    clean, test = clean_images(options.source, options.images)
    protocol = PROTOCOLS[options.protocol]
    run = begin(
        options, "ceiling", dataset=options.source, protocol=options.protocol, images=len(clean.labels),
        recipe=dataclasses.asdict(protocol),
    )  # fmt: skip

    # 2. a model for each band
    for kept in options.keep:
        some = clean.images[:: max(1, len(clean.labels) // LOOKED_AT)]
        looks = {} if options.gray else median_looks(rounded(low_band(some, kept)), some, len(some))
        for model in options.models or [protocol.model]:
            for seed in options.seeds:
                about: dict[str, Any] = {"kept": kept, "model": model, "seed": seed}
                about |= {"gray": True} if options.gray else {}
                if run.has(**about | {"gray": options.gray or None}):  # a row in color has no such setting
                    continue
                shown, judged = (_reduced(one, kept, options.gray) for one in (clean, test))
                victim = fit(
                    shown.images, shown.labels, len(clean.names), dataclasses.replace(protocol, model=model), seed,
                    options.device, note=f"k = {kept}, {model}, seed {seed}",
                )  # fmt: skip
                row = about | {"n_train": len(shown.labels), "side": shown.images.shape[1]} | looks
                row |= {"test_acc": round(accuracy(victim, judged.images, judged.labels), 3)}
                row |= {"test_images": len(judged.labels)}
                print(row, flush=True)
                run.add(row)


def _reduced(data: ImageSet, kept: int, gray: bool) -> ImageSet:
    """The kept band alone, at half the side where that is no less than twice the band."""
    height, width = data.images.shape[1:3]
    images = grayscale(data.images, data.labels, 0) if gray else data.images
    half = height // 2, width // 2
    smaller = min(half) >= 2 * kept
    low = enlarged(thumbnail(images, kept), *half) if smaller else low_band(images, kept)
    return dataclasses.replace(data, images=rounded(low))


if __name__ == "__main__":
    with refusals_printed():
        main()
