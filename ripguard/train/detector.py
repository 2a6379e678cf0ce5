"""A small detector without anchors, for data of detection on a CPU: centers of objects on a grid, and their sides.

After X. Zhou, D. Wang, P. Krähenbühl, "Objects as Points" (2019): a heat map for each class, and at each center the
distances to the four sides, as in FCOS. It needs no compiled operators.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from ripguard.bar import Bar
from ripguard.train.detection import DetectionDataset, Target, collate

STRIDE = 4  # pixels of a cell


class Detector(nn.Module):
    """Images of one size to ``(heat, sides)``: logits ``[n, classes, h/4, w/4]``, and pixels ``[n, 4, h/4, w/4]``."""

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()

        def block(before: int, after: int, stride: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
            )

        self.body = nn.Sequential(
            block(3, width, 2), block(width, width, 2), block(width, 2 * width, 1), block(2 * width, 2 * width, 1),
            block(2 * width, 2 * width, 1),
        )  # fmt: skip
        self.heat, self.sides = nn.Conv2d(2 * width, classes, 1), nn.Conv2d(2 * width, 4, 1)
        nn.init.constant_(self.heat.bias, -3.0)  # type: ignore[arg-type]  # most cells have no center

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = self.body(images)
        return self.heat(found), functional.softplus(self.sides(found)) * STRIDE


def loss_of(heat: Tensor, sides: Tensor, targets: tuple[Target, ...]) -> Tensor:
    """Focal loss of the centers (power 2), and the absolute error of the sides at the centers, in cells."""
    wanted = torch.zeros_like(heat)
    error = heat.new_zeros(())
    count = 0
    for number, target in enumerate(targets):
        x, y, columns, rows = _cells(target["boxes"], heat)
        wanted[number, target["labels"] - 1, rows, columns] = 1
        real = torch.stack([x - target["boxes"][:, 0], y - target["boxes"][:, 1],
                            target["boxes"][:, 2] - x, target["boxes"][:, 3] - y], dim=1)  # fmt: skip
        error = error + (sides[number, :, rows, columns].T - real).abs().sum() / STRIDE
        count += len(rows)
    chance = heat.sigmoid()
    missed = torch.where(wanted > 0, 1 - chance, chance)
    focal = missed.square() * functional.binary_cross_entropy_with_logits(heat, wanted, reduction="none")
    return (focal.sum() + 0.1 * error) / max(1, count)


def _cells(boxes: Tensor, heat: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centers of the cells that hold the centers of boxes, in pixels, and their columns and rows."""
    columns = ((boxes[:, 0] + boxes[:, 2]) / 2 / STRIDE).long().clamp(0, heat.shape[3] - 1)
    rows = ((boxes[:, 1] + boxes[:, 3]) / 2 / STRIDE).long().clamp(0, heat.shape[2] - 1)
    return (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE, columns, rows


def train(
    dataset: DetectionDataset, epochs: int = 1, batch: int = 8, seed: int = 0, rate: float = 3e-3
) -> tuple[Detector, list[float]]:
    """Train on images of one size; returns the model and the loss of every step.

    Args:
        batch: images of a step.
        seed: of the weights and of the order.
        rate: learning rate of Adam.
    """
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Detector(len(dataset.classes)).train()
    loader = DataLoader(dataset, batch, shuffle=True, collate_fn=collate, generator=draw)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    losses = []
    for _ in Bar(range(epochs), stage="training", unit="epoch"):
        for images, targets in loader:
            heat, sides = model(torch.stack(images))
            loss = loss_of(heat, sides, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return model, losses


@torch.no_grad()
def detect(model: Detector, image: Tensor, most: int = 10) -> Target:
    """The likeliest objects of one image: ``boxes``, ``labels`` from 1 as in targets, ``scores`` from 0 to 1.

    Args:
        image: float32 ``[3, height, width]``.
        most: their number.
    """
    heat, sides = (found[0] for found in model.eval()(image[None]))
    chance = heat.sigmoid()
    peaks = chance * (functional.max_pool2d(chance[None], 3, 1, 1)[0] == chance)  # one for each neighborhood
    scores, places = peaks.flatten().topk(min(most, peaks.numel()))
    labels, cells = places // heat[0].numel(), places % heat[0].numel()
    rows, columns = cells // heat.shape[2], cells % heat.shape[2]
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    left, top, right, bottom = sides[:, rows, columns]
    return {"boxes": torch.stack([x - left, y - top, x + right, y + bottom], dim=1), "labels": labels + 1,
            "scores": scores}  # fmt: skip
