"""Read published images from files that other programs wrote again without losing a sample.

Optimizers and converters change more than the compression: they add opaque alpha, use a palette, write gray as
three equal channels or three equal channels as gray, use 1, 2, 4 or 16 bits. The samples are still those that were
published. :func:`ripguard.images.decoding.read_image` refuses such files, because it reads sources.

What is read here is compared with the manifest or authenticated by its payload afterwards. A file that was changed in
another way is therefore refused later; only transparency and an EXIF orientation are refused here: each has a sentence
of its own, and the samples alone do not show an orientation.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from ripguard.damage import SNIFFED, Altered, explained, first_bytes
from ripguard.errors import InputRefused
from ripguard.images.decoding import opened, read_file, read_image
from ripguard.images.kinds import orientation
from ripguard.images.limits import MAX_RUN_LENGTH, PNG_END, RUN_LENGTH
from ripguard.images.refusals import check_beginning

DEEP = 257  # an 8-bit sample v is 257·v with 16 bits
WITH_ALPHA = ("RGBA", "LA", "PA")
SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def read_published(data: bytes, name: str = "image", shape: tuple[int, ...] | list[int] | None = None) -> np.ndarray:
    """Decode a published image, also from a file that was written again without loss.

    Args:
        data: bytes of the file.
        name: name for messages.
        shape: ``[height, width, channels]`` as published; another height or width is refused before pixels are decoded.
            None: unknown; then a palette and opaque alpha are read as RGB, see :func:`variants`.

    Returns:
        uint8 ``[height, width, 1 or 3]``, with the channels of ``shape`` where its samples allow it.

    Raises:
        InputRefused: unreadable, or of a kind that holds no 8-bit gray or RGB samples.
            :class:`ripguard.damage.Altered` where the cause is known, for instance transparency.
        StorageError: no memory.
    """
    expected = tuple(shape[:2]) if shape else None
    try:
        image = read_image(data, name, expected)
    except InputRefused as refusal:
        try:
            check_beginning(data[:16], len(data), name)
        except InputRefused as early:
            raise explained(early, name, data[:SNIFFED]) from None
        try:
            image = _converted(data, name, expected)
        except Altered:
            raise
        except InputRefused:
            raise refusal from None
    return with_channels(image, shape[2]) if shape else image


def file_bytes(path: Path | str, follow: bool = False) -> bytes:
    """Read a published image file.

    Raises:
        InputRefused: as :func:`ripguard.images.decoding.read_file`; :class:`ripguard.damage.Altered` where the file is
            missing, or its first bytes show what happened to it.
        StorageError: reading failed.
    """
    try:
        return read_file(path, follow=follow)
    except InputRefused as refusal:
        if not os.path.lexists(path):
            raise Altered(f"{path}: cannot be read: the file is missing", "get a fresh copy of it") from None
        raise explained(refusal, str(path), first_bytes(Path(path))) from None


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """The same image with 1 or 3 channels; unchanged where it has them, or where its channels differ."""
    if channels == 3 and image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    if channels == 1 and image.shape[2] == 3 and (image == image[:, :, :1]).all():
        return np.ascontiguousarray(image[:, :, :1])
    return image


def variants(image: np.ndarray) -> list[np.ndarray]:
    """The image, and the same image with the other number of channels if it is gray: what may have been published."""
    other = with_channels(image, 4 - image.shape[2])
    return [image] if other is image else [image, other]


def _converted(data: bytes, what: str, expected: tuple[int, ...] | None) -> np.ndarray:
    with opened(data, what, expected=expected) as image:
        whole = image.format != "PNG" or (PNG_END in data and data.count(b"\0\0\0\rIHDR") == 1)
        run_length = image.info.get("compression") in RUN_LENGTH and image.width * image.height > MAX_RUN_LENGTH
        if not whole or run_length or image.format == "JPEG" or getattr(image, "is_animated", False):
            raise InputRefused(f"{what}: not a published image")
        stated = orientation(image)  # Pillow turns a TIFF when it loads it; that of a PNG may stand behind its pixels
        image.load()
        if max(stated, orientation(image)) > 1:  # viewers and some loaders would turn the image
            raise Altered(
                f"{what}: it states an orientation that was not there when published", "get a fresh copy of it"
            )
        return _samples(image, what)


def _samples(image: Image.Image, what: str) -> np.ndarray:
    """uint8 ``[height, width, 1 or 3]`` of a loaded image. Raises :class:`InputRefused`, errors of the decoder."""
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        array = np.asarray(image.convert("RGBA"))
        if (array[:, :, 3] != 255).any():
            raise Altered(
                f"{what}: parts of it are transparent, which it was not when published", "get a fresh copy of it"
            )
        return np.ascontiguousarray(array[:, :, :3])
    if image.mode in SIXTEEN:
        deep = np.asarray(image)
        if (deep % DEEP).any() or deep.min() < 0 or deep.max() > 255 * DEEP:
            raise InputRefused(f"{what}: its 16-bit samples are none of 8 bits")
        return np.ascontiguousarray((deep // DEEP).astype(np.uint8)[:, :, None])
    target = {"P": "RGB", "1": "L", "L": "L", "RGB": "RGB", "RGBX": "RGB"}.get(image.mode)
    if target is None:
        raise InputRefused(f"{what}: mode {image.mode} holds no samples of a published image")
    array = np.asarray(image if image.mode == target else image.convert(target))
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])
