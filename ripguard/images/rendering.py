"""The 8-bit rendering of an image file: what is published and perturbed.

Samples of an 8-bit gray or RGB image are rendered as they are. Every other file has a rendering that looks right, and is
restored byte for byte, because its samples could not be restored from the rendering.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from ripguard.errors import InputRefused
from ripguard.images.decoding import opened, read_image


@dataclass(frozen=True, slots=True)
class Rendering:
    """An image file as 8-bit gray or RGB.

    Attributes:
        image: uint8 ``[height, width, 1 or 3]``, upright, sRGB, flattened on white.
        differs: what the rendering does not show: ``"alpha"``, ``"16 bits"``, ``"EXIF orientation"`` … Empty: the
            rendering has exactly the samples of the file.
    """

    image: np.ndarray
    differs: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the samples of the file can be restored from the rendering."""
        return not self.differs


class DecoderMissing(InputRefused):
    """The library that decodes this format is not installed; the hint names the extra."""


def render(data: bytes, name: str = "image", expected: tuple[int, ...] | None = None) -> Rendering:
    """Decode an image file of any kind to 8 bits.

    Args:
        data: bytes of the file.
        name: name for messages; its suffix helps to recognize formats without a signature (TGA).
        expected: required height and width of the rendering.

    Raises:
        InputRefused: unreadable, too large, or of a kind that cannot be rendered.
        DecoderMissing: a library is missing.
        StorageError: no memory.
    """
    try:
        return Rendering(read_image(data, name, expected))
    except InputRefused as refusal:
        try:
            with opened(data, name) as image:
                image.load()
                upright = ImageOps.exif_transpose(image)
                return Rendering(np.asarray(upright.convert("RGB")), (image.mode,))
        except InputRefused:
            raise refusal from None


def as_pil(data: bytes, name: str = "image") -> Image.Image:  # stand-in until the branch `images` is merged
    with opened(data, name) as image:
        image.load()
        return image.copy()
