"""Does it weaken marks if their cells pass into each other on large images?

    python experiments/blending.py tinyimagenet --record blending-tinyimagenet
    python experiments/blending.py photos --figure docs/explanation/large-images.png    # only draw a photograph

Training images are enlarged to photograph size (bicubic), marked there with sharp and with blended cells, hidden by
mRIT with 8×8 blocks or not at all, and reduced again as models read them. Models of protocol `small` are trained on the
result and measured on clean held-out training images. No test image is read. Enlarged images are smoother than
photographs; the marks are the same. Expected was no difference beyond that of seeds; blended cells protect less.

Hardware: one CPU core, half an hour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage.data
from _run import begin, parser
from PIL import Image

from ripguard.benchmark.attacks.limited_clean_data import reached
from ripguard.benchmark.true_size import draw
from ripguard.benchmark.victims import check, seeds_of
from ripguard.crypto.keys import Key
from ripguard.data.image_set import held_out, load, square
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.hide.base import Identity
from ripguard.hide.mrit.method import MRIT, MRITParams
from ripguard.images.encoding import png_bytes
from ripguard.images.quality import likeness
from ripguard.methods.fitted import Fitted
from ripguard.methods.registries import HIDINGS
from ripguard.numbers import positive
from ripguard.perturb.marks import GRID, Marks, MarksParams, search
from ripguard.schemes.presets import SCHEMES
from ripguard.train.loop import fit
from ripguard.train.protocols import PROTOCOLS

CELLS = {"sharp": 0.0, "blended": 0.5}  # width of the ramp between two cells, as a share of a cell's side
VARIANTS = ("clean", *(f"{cells}, {hiding}" for hiding in ("mrit", "not hidden") for cells in CELLS))
FEW = 500  # clean images that the linear head is fitted on
SHOWN = 40  # images whose PSNR and SSIM are measured at full size


class Blended(Marks):
    """Marks whose cells pass into each other, in ramps of half a cosine."""

    ramp = 0.0

    def spread(self, patches: np.ndarray, height: int, width: int) -> np.ndarray:
        if not self.ramp:
            return super().spread(patches, height, width)
        along = np.einsum("bijc,xj->bixc", patches, weights(width, self.ramp))  # [batch, 4, width, channels]
        rows = weights(height, self.ramp) @ along.reshape(len(patches), GRID, -1)
        return rows.reshape(len(patches), height, width, -1)


def weights(side: int, ramp: float) -> np.ndarray:
    """Share of every cell at every pixel along one side, float64 ``[side, 4]``; each row sums to 1."""
    place = (np.arange(side) + 0.5) * GRID / side  # in cells, at the center of the pixel
    passed = np.clip((place[:, None] - np.arange(1, GRID)) / ramp + 0.5, 0, 1)  # of each border's ramp, 0..1
    risen, one = (1 - np.cos(np.pi * passed)) / 2, np.ones((side, 1))
    return np.hstack([one, risen]) - np.hstack([risen, 0 * one])


def enlarged(image: np.ndarray, side: int) -> np.ndarray:
    """uint8 ``[side, side, 3]``, bicubic."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def shown_by(variant: str, patches: np.ndarray, side: int) -> Callable[[np.ndarray, int, int], np.ndarray]:
    """What a variant publishes of one large image, given its label and its seed."""
    cells, _, hiding = variant.partition(", ")
    if cells == "clean":
        return lambda image, label, seed: image
    marks = Blended(MarksParams(), Fitted({"patches": patches}))
    marks.ramp = CELLS[cells]
    hider = MRIT(MRITParams().for_shape((side, side)))

    def publish(image: np.ndarray, label: int, seed: int) -> np.ndarray:
        carrier = marks(image[None], np.array([label]), np.array([seed], np.uint64))
        return (hider.simulate(image[None], carrier) if hiding == "mrit" else carrier)[0]

    return publish


def figure(patches: np.ndarray) -> bytes:
    """A PNG of a photograph with marks of class 0, part of it at true size: clean, and hidden, with payload."""
    image = skimage.data.astronaut()
    key, columns = Key(bytes(32)), {"clean": image}  # nothing is published
    who, keys = [Identity(key.id, bytes(8), 0, 0)], [key.dataset(bytes(8)).unit(0).image(0)]
    for name in ("mrit", "seal", "discreet"):
        scheme = SCHEMES[name]
        marks, hiding = Marks(scheme.perturb, Fitted({"patches": patches})), scheme.hide  # type: ignore[arg-type]
        carrier = marks(image[None], np.array([0]), np.array([7], np.uint64))
        hider = HIDINGS[hiding.method].hiding(hiding, image.shape)
        (hidden,) = hider.hide(image[None], carrier, who, keys, [png_bytes(image)])
        columns[name] = hidden.image
    return draw([("astronaut", [one[30:206, 220:396] for one in columns.values()])], list(columns))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=positive, default=2_500, help="training images (default 2,500)")
    arguments.add_argument("--side", type=positive, default=448, help="of the enlarged images, in pixels (default 448)")
    arguments.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    arguments.add_argument("--protocol", default="small")
    arguments.add_argument("--seeds", default="0,1,2", help="of victims, by commas (default: 0,1,2)")
    arguments.add_argument("--figure", type=Path, metavar="PNG", help="draw a part of a photograph, and stop")
    options = arguments.parse_args()
    check((), options.protocol, None)
    seeds = seeds_of(options.seeds)

    # 1. images for the victims, a few for the attacker, held-out ones to measure on
    data = load([item for item in open_source(options.source).items if item.split == "train"], note="clean train")
    held = held_out(len(data.labels))
    rest, held_images = data.part(~held), data.part(held)
    order = np.random.default_rng(1).permutation(len(rest.labels))
    clean, few = rest.part(order[: options.count]), rest.part(order[-FEW:])
    classes, own, protocol = len(data.names), clean.images.shape[1], PROTOCOLS[options.protocol]
    patches = search(clean.images, clean.labels, classes)
    if options.figure:
        options.figure.write_bytes(figure(patches))
        return
    draws = np.random.default_rng(2).integers(0, 2**63, len(clean.labels))
    run = begin(
        options, "blending", dataset=options.source, protocol=options.protocol, images=len(clean.labels),
        recipe=dataclasses.asdict(protocol), setting={"side": options.side},
    )  # fmt: skip

    # 2. publish large images, reduce them, train
    for variant in options.only:
        left = [seed for seed in seeds if not run.has(variant=variant, seed=seed)]
        if not left:
            continue
        publish, reduced, quality = shown_by(variant, patches, options.side), [], []
        for number, (image, label, seed) in enumerate(zip(clean.images, clean.labels, draws)):
            large = enlarged(image, options.side)
            shown = publish(large, int(label), int(seed))
            reduced.append(square(shown, own))
            if number < SHOWN and variant != "clean":
                quality.append(likeness(shown, large))
        looks = {
            f"{name}_to_clean": round(float(np.median([one[name] for one in quality])), 4) if quality else None
            for name in ("psnr", "ssim")
        }
        for seed in left:
            victim = fit(np.stack(reduced), clean.labels, classes, protocol, seed, note=f"{variant}, seed {seed}")
            got = reached(victim, few, held_images, (FEW,))
            row = {"variant": variant, "seed": seed, "held_out": len(held_images.labels)} | looks
            row |= {"test_acc": got.plain, "standardized_acc": got.standardised, "head_acc": got.heads[FEW]}
            row = {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
            print(row, flush=True)
            run.add(row)


if __name__ == "__main__":
    with refusals_printed():
        main()
