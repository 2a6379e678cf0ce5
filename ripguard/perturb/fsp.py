"""Feature-space perturbation: move an image's activation towards that of an image of another class.

Source: Inkawhich, Wen, Li, Chen, "Feature Space Perturbations Yield More Transferable Adversarial Examples", CVPR 2019
(Activation Attack): loss ‖f_L(x) − f_L(x_t)‖₂, momentum 1 with the gradient divided by its own L1 norm, sign steps of
ε/K. Here the L1 norm is that of each image instead of the batch, so a carrier does not depend on other images.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.errors import InputRefused
from ripguard.methods.fitted import FitContext, Fitted
from ripguard.methods.params import option, word
from ripguard.perturb.base import needed
from ripguard.perturb.scaled import BoundedParams, Scaled, accumulate, fit_surrogates
from ripguard.perturb.targets import RULES

if TYPE_CHECKING:
    from torch import Tensor

    from ripguard.perturb.surrogate import Surrogate

LAYERS = ("stage1", "stage2", "stage3", "features")
LIBRARY = 100  # target images per class, as in published implementations


def _known(layer: str) -> bool:
    return set(layer.split("+")) <= set(LAYERS)


@dataclass(frozen=True, kw_only=True)
class FSPParams(BoundedParams):
    method: ClassVar[str] = "fsp"

    target: str = option("cyclic", "rule that selects the target image", choices=tuple(RULES), word=word("target {}"))
    layer: str = option(
        "features", "layer whose activations are attacked; join several by +",
        check=_known, wanted=f"one of {', '.join(LAYERS)}, or several joined by +",
    )  # fmt: skip


class FSP(Scaled[FSPParams]):
    """Feature-space perturbation.

    Args:
        fitted: a surrogate; arrays ``library 0``, ``library 1``, …: the target images of each class, uint8
            ``[m, side, side, 3]``, see :func:`library`; the owner's ``seed``, for the rule ``permutation``.
    """

    kind = FSPParams

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        from ripguard.perturb import surrogate

        training = needed(training)
        found = fit_surrogates(self.params, training, context)
        model = surrogate.from_fitted(found, context.device)
        members = library(model, training.images, training.labels, context.device)
        return self.known(found, members, context.seed)

    @staticmethod
    def known(found: Fitted, members: list[np.ndarray], seed: int = 0) -> Fitted:
        """Fitted state from a surrogate and its target images."""
        arrays = {f"library {number}": images for number, images in enumerate(members)}
        return Fitted(found.arrays | arrays, found.about | {"seed": seed}, found.files)

    @property
    def eps(self) -> float:
        return self.params.eps or 0.0

    @cached_property
    def members(self) -> list[np.ndarray]:
        count = sum(name.startswith("library ") for name in self.fitted.arrays)
        return [self.fitted[f"library {number}"] for number in range(count)]

    @cached_property
    def _libraries(self) -> dict[tuple[int, int], np.ndarray]:
        return {}

    def attack(self, source: Tensor, labels: np.ndarray, seeds: np.ndarray, clean: np.ndarray | None) -> Tensor:
        import torch

        from ripguard.precision import fast_math

        steps = self.params.steps
        goal = self._goals(source, labels, seeds)  # [batch, values]
        x, momentum = source.detach().clone(), torch.zeros_like(source)
        for _ in range(steps):
            x.requires_grad_(True)
            with fast_math(self.device):
                reached = self.seen(x)
            loss = (reached - goal).norm(dim=1).sum()
            (gradient,) = torch.autograd.grad(loss, x)
            momentum = accumulate(momentum, gradient)
            x = (x.detach() - self.eps / steps * momentum.sign()).clamp(0, 1)
        return x - source

    def seen(self, x: Tensor) -> Tensor:
        """Activations of the chosen layers, ``[batch, values]``; several layers are each scaled to unit norm."""
        import torch

        found = [self.surrogate.activation(x, layer) for layer in self.params.layer.split("+")]
        if len(found) == 1:
            return found[0]
        return torch.cat([one / one.detach().norm(dim=1, keepdim=True).clamp_min(1e-6) for one in found], 1)

    def _goals(self, source: Tensor, labels: np.ndarray, seeds: np.ndarray) -> Tensor:
        import torch

        from ripguard.precision import fast_math

        size = (source.shape[2], source.shape[3])
        if size not in self._libraries:
            self._libraries[size] = self._activations(size)
        library = self._libraries[size]  # [classes, members, values]
        with torch.no_grad(), fast_math(self.device):
            own = self.seen(source).cpu().numpy()  # [batch, values]
        classes, members = RULES[self.params.target](own, labels, library, seeds, self.fitted.about.get("seed", 0))
        return torch.from_numpy(library[classes, members]).to(self.device)

    def _activations(self, size: tuple[int, int]) -> np.ndarray:
        """Library activations at an image size, float32 ``[classes, members, values]``, NaN where missing."""
        import torch

        from ripguard.perturb.surrogate import resize, to_tensor
        from ripguard.precision import fast_math

        rows = []
        with torch.no_grad(), fast_math(self.device):
            for images in self.members:
                x = resize(to_tensor(images, self.device), size)
                parts = [self.seen(part).cpu().numpy() for part in x.split(50)]
                rows.append(np.concatenate(parts))
        result = np.full((len(rows), max(map(len, rows)), rows[0].shape[1]), np.nan, np.float32)
        for row, values in zip(result, rows):
            row[: len(values)] = values
        return result


def library(surrogate: Surrogate, images: np.ndarray, labels: np.ndarray, device: str = "cpu") -> list[np.ndarray]:
    """For each class, up to :data:`LIBRARY` training images that the surrogate classifies with confidence.

    Args:
        images: uint8 ``[n, side, side, 3]``, training images only.
        labels: int64 ``[n]``.

    Raises:
        InputRefused: a class has no training image.
    """
    from ripguard.perturb.surrogate import predict

    result = []
    for label in range(surrogate.classes):
        own = images[labels == label]
        if not len(own):
            raise InputRefused(
                "a class has no training image", "add training images: FSP needs target images of every class"
            )
        own = own[:: max(1, len(own) // (4 * LIBRARY))]
        sure = predict(surrogate, own, device)
        right = (sure.argmax(1) == label) & (sure[:, label] > 0.5)
        result.append(own[right][:LIBRARY] if right.any() else own[[int(sure[:, label].argmax())]])
    return result
