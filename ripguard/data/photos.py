"""``photos``: ten classes of 32×32 crops of ten photographs in scikit-image; needs no download.

Each photograph is divided into 64×64 tiles. Every fifth tile is used for test crops, the others for training crops, so
that the splits come from disjoint regions. Flat crops (SD below 4 gray levels) are omitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ripguard.data.folder import folder
from ripguard.data.source import Source, cache_root, made_once
from ripguard.images.encoding import png_bytes

SIDE, TILE, TRAIN, TEST = 32, 64, 500, 100
END = b"IEND\xaeB`\x82"  # last bytes of every PNG file
# class → (name in skimage.data, reduction factor: 2 where crops of the original show no structure)
PHOTOGRAPHS = {
    "astronaut": ("astronaut", 1),
    "brick": ("brick", 1),
    "camera": ("camera", 1),
    "cat": ("chelsea", 1),
    "coffee": ("coffee", 1),
    "galaxies": ("hubble_deep_field", 1),
    "motorcycle": ("stereo_motorcycle", 1),
    "retina": ("retina", 2),
    "rocket": ("rocket", 1),
    "tissue": ("immunohistochemistry", 1),
}


def photos() -> Source:
    """5,000 training and 1,000 test images, written once as PNG into the cache."""
    found = folder(made_once(cache_root() / "photos-2", _write, _whole))
    found.name = "photos"
    return found


def _whole(root: Path) -> bool:
    return complete(root, PHOTOGRAPHS, {"train": TRAIN, "test": TEST})


def complete(root: Path, labels: Iterable[str], counts: dict[str, int]) -> bool:
    """Whether every image exists completely: a power cut or a full disk may have truncated one.

    Args:
        counts: images of each class, by split.
    """
    for label in labels:
        for split, count in counts.items():
            for index in range(count):
                try:
                    with open(root / split / label / f"{index:04d}.png", "rb") as file:
                        if not file.read().endswith(END):
                            return False
                except OSError:
                    return False
    return True


def _write(root: Path) -> None:
    for number, (label, (name, halve)) in enumerate(PHOTOGRAPHS.items()):
        for split, count in (("train", TRAIN), ("test", TEST)):
            place = root / split / label
            place.mkdir(parents=True)
            for index, crop in enumerate(_crops(photograph(name, halve), split, count, number)):
                (place / f"{index:04d}.png").write_bytes(png_bytes(crop))


def photograph(name: str, halve: int = 1) -> np.ndarray:
    """A photograph of ``skimage.data``: uint8 ``[height, width, 3]``, a gray one with three equal channels."""
    import skimage.data

    loaded = getattr(skimage.data, name)()
    image = Image.fromarray(loaded[0] if isinstance(loaded, tuple) else loaded).convert("RGB")
    return np.asarray(image.reduce(halve) if halve > 1 else image)


def _crops(photograph: np.ndarray, split: str, count: int, number: int) -> Iterator[np.ndarray]:
    """``count`` different crops of one split, uint8 ``[32, 32, 3]``."""
    rows, cols = photograph.shape[0] // TILE, photograph.shape[1] // TILE
    tiles = [(r, c) for r in range(rows) for c in range(cols) if ((r + 2 * c) % 5 == 0) == (split == "test")]
    draw = np.random.default_rng([2026, number, split == "test"])
    seen: set[tuple[int, int]] = set()
    while len(seen) < count:
        tile = tiles[draw.integers(len(tiles))]
        y, x = (TILE * t + int(draw.integers(TILE - SIDE + 1)) for t in tile)
        crop = photograph[y : y + SIDE, x : x + SIDE]
        if (y, x) not in seen and crop.std() >= 4:
            seen.add((y, x))
            yield crop


def photograph_files(target: Path) -> list[Path]:
    """Write the ten whole photographs as PNG below ``target`` (for tests on larger images)."""
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for label, (name, _) in PHOTOGRAPHS.items():
        paths.append(target / f"{label}.png")
        paths[-1].write_bytes(png_bytes(photograph(name, 1)))
    return paths
