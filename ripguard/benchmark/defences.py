"""Defences against perturbations without clean images: each is a function on images or a training objective.

A defence counts only after its positive control, a known poison that it removes (``tests/benchmark/test_defences.py``
for images, ``experiments/`` for accuracies). Defences treat the training images, as in APBench. Those that treat each
image separately can also treat the test images, as Liu et al. 2023 suggest.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from ripguard.data.image_set import ImageSet
from ripguard.images.bands import enlarged, low_band, thumbnail
from ripguard.images.rounding import rounded

Prepare = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
FINE_TUNED, FROZEN = "fine-tuned", "frozen"  # what a victim does with a backbone that it starts from


@dataclass(frozen=True)
class Defence:
    """One defence.

    Attributes:
        source: publication, and differences to it.
        prepare: applied to all training images once: uint8 ``[n, height, width, 3]``, labels and a seed → uint8.
        objective: name in :data:`ripguard.train.objectives.OBJECTIVES`.
        each: whether ``prepare`` treats each image separately, without its label.
        shrinks: whether it makes images of another size. The model is then measured on treated test images only.
        start: "" (from scratch), FINE_TUNED or FROZEN: from a model of the same architecture that was trained on other
            data before, see :mod:`ripguard.benchmark.backbones`; frozen, its head alone is trained.
    """

    name: str
    source: str
    prepare: Prepare | None = None
    objective: str = "plain"
    each: bool = False
    start: str = ""
    shrinks: bool = False

    def prepared(self, images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
        """The training images after this defence: uint8, same shape; of half the side where it makes thumbnails."""
        return self.prepare(images, labels, seed) if self.prepare else images

    def treated(self, test: ImageSet, seed: int) -> ImageSet:
        """Test images after this defence. Valid only if ``each`` is set."""
        return dataclasses.replace(test, images=self.prepared(test.images, test.labels, seed))

    def fitting(self, test: ImageSet, seed: int) -> ImageSet:
        """Test images as they are, or treated where the model takes no other size."""
        return self.treated(test, seed) if self.shrinks else test


def jpeg(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """JPEG compression with quality 10."""
    return np.stack([_through(one, "JPEG", quality=10) for one in images])


def grayscale(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Luma (ITU-R 601) in all three channels."""
    gray = rounded(images @ np.array([0.299, 0.587, 0.114]))  # [n, height, width]
    return np.repeat(gray[..., None], 3, axis=3)


def posterise(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Keep the two high bits of each sample."""
    return images & 0xC0


def blur(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Gaussian blur, SD one pixel. (SD 0.1, as in APBench, is nearly the identity.)"""
    from scipy.ndimage import gaussian_filter

    soft = gaussian_filter(images.astype(np.float32), (0, 1, 1, 0), mode="reflect")
    return rounded(soft)


def resize(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Resize to half the side and back, bilinear with antialiasing."""
    height, width = images.shape[1:3]

    def there_and_back(one: np.ndarray) -> np.ndarray:
        image = Image.fromarray(one).resize((width // 2, height // 2), Image.Resampling.BILINEAR)
        return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))

    return np.stack([there_and_back(one) for one in images])


def median(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Median of 3×3 pixels in each channel."""
    from scipy.ndimage import median_filter

    return median_filter(images, (1, 3, 3, 1), mode="reflect")


def low_pass(images: np.ndarray, labels: np.ndarray, seed: int, share: float) -> np.ndarray:
    """Keep the lowest DCT coefficients of the whole image, ``share`` of the shorter side along each side."""
    kept = max(1, round(share * min(images.shape[1:3])))
    return rounded(low_band(images, kept))


def reduced(images: np.ndarray, labels: np.ndarray, seed: int, share: float) -> np.ndarray:
    """Images of half the side that show the lowest DCT coefficients alone, ``share`` of the shorter side each way.

    Against perturbations that lie in a low band: nothing of a higher one is left, and training costs a quarter.
    """
    height, width = images.shape[1:3]
    kept = max(1, round(share * min(height, width)))
    small = enlarged(thumbnail(images, kept), max(1, height // 2), max(1, width // 2))
    return rounded(small)


def wipe(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Replace the four low bits of each sample, which may carry a payload, with random bits."""
    noise = np.random.default_rng(seed).integers(0, 16, images.shape).astype(np.uint8)
    return images & 0xF0 | noise


def orthogonal(images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Orthogonal projection (Sandoval-Segura et al. 2023): remove the directions that a linear classifier uses.

    Logistic regression on pixels for 20 epochs; an orthonormal basis of its weights is projected out of each image.
    """
    import torch

    torch.manual_seed(seed)
    flat = torch.from_numpy(images.reshape(len(images), -1)).float() / 255  # [n, samples]
    mean = flat.mean(0)
    truth = torch.from_numpy(labels)
    model = torch.nn.Linear(flat.shape[1], int(labels.max()) + 1)
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(20):
        for rows in torch.randperm(len(flat), generator=draw).split(128):
            loss = torch.nn.functional.cross_entropy(model(flat[rows] - mean), truth[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    basis = torch.linalg.qr(model.weight.detach().T).Q  # [samples, classes]
    centred = flat - mean
    left = centred - (centred @ basis) @ basis.T + mean
    return (255 * left).round().clamp(0, 255).to(torch.uint8).numpy().reshape(images.shape)


def _through(image: np.ndarray, kind: str, **options: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return np.asarray(Image.open(buffer))


# coefficients kept along a side, as a share of it: 16, 12, 8, 6 and 4 of 32 pixels
LOW_PASS = {"1of2": 1 / 2, "3of8": 3 / 8, "1of4": 1 / 4, "3of16": 3 / 16, "1of8": 1 / 8}

DEFENCES: dict[str, Defence] = {
    defence.name: defence
    for defence in (
        Defence("none", "the protocol as it is"),
        Defence("jpeg-10", "Liu et al. 2023 (image shortcut squeezing)", jpeg, each=True),
        Defence("grayscale", "Liu et al. 2023", grayscale, each=True),
        Defence("posterise-2", "Qin et al. 2023 (APBench), bit depth reduction", posterise, each=True),
        Defence("blur", "APBench's Gaussian blur with an SD that blurs: one pixel", blur, each=True),
        Defence("resize", "half the side and back", resize, each=True),
        Defence("median", "3×3", median, each=True),
        *(
            Defence(
                f"low-pass-{name}",
                f"lowest DCT coefficients, {name.replace('of', ' of ')} along each side",
                partial(low_pass, share=share),
                each=True,
            )
            for name, share in LOW_PASS.items()
        ),
        *(
            Defence(
                f"thumbnail-{name}{suffix}",
                f"lowest DCT coefficients, {name.replace('of', ' of ')} along each side, at half the side{more}",
                partial(reduced, share=LOW_PASS[name]),
                objective,
                each=True,
                shrinks=True,
            )
            for name in ("1of4", "1of8")
            for suffix, objective, more in (
                ("", "plain", ""),
                ("-ueraser-max", "ueraser-max", ", then ueraser-max"),
                ("-adversarial", "adversarial", ", then adversarial training within 8/255"),
                ("-adversarial-16", "adversarial-16", ", then adversarial training within 16/255"),
            )
        ),
        Defence("low-bit-wipe", "four random low bits", wipe, each=True),
        Defence("orthogonal-projection", "Sandoval-Segura et al. 2023", orthogonal),
        Defence("cutout", "DeVries, Taylor 2017", objective="cutout"),
        Defence("mixup", "Zhang et al. 2018", objective="mixup"),
        Defence("cutmix", "Yun et al. 2019", objective="cutmix"),
        Defence("autoaugment", "Cubuk et al. 2019, policies found on CIFAR-10", objective="autoaugment"),
        Defence("ueraser-max", "Qin et al. 2023, their augmentations but for random JPEG", objective="ueraser-max"),
        Defence("adversarial-training", "Madry et al. 2018: PGD-10, 8/255", objective="adversarial"),
        Defence("adversarial-training-16", "the same within 16/255: marks may be larger", objective="adversarial-16"),
        Defence(
            "pretrained",
            "fine-tuned from a backbone trained on other classes, a tenth of the learning rate",
            start=FINE_TUNED,
        ),
        Defence("pretrained-frozen", "a new head on that backbone, whose weights are frozen", start=FROZEN),
    )
}
# in records, but not used any more: UEraser with smooth lighting, which recovered nothing from a known poison
WITHDRAWN = ("loss-maximising",)
