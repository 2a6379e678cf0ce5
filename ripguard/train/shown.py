"""A restored image as loaders of files show it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ripguard.errors import InputRefused, MissingExtra
from ripguard.images.decoding import opened
from ripguard.images.refusals import check_header
from ripguard.images.rendering import DecoderMissing, as_pil, render
from ripguard.release.restorer import RestoredImage

PNG, JPEG = b"\x89PNG", b"\xff\xd8"
MORE = (b"tRNS", b"iCCP", b"eXIf", b"acTL", b"Raw profile")  # parts of a PNG by which it may open as another image


def as_loaded(one: RestoredImage) -> Image.Image:
    """The image as ``PIL.Image.open`` gives it for the restored file: in its own mode, not turned.

    A file whose samples are all in ``clean`` is not decoded again.

    Raises:
        MissingExtra: a decoder is not installed.
    """
    if one.file is not None and _holds_more(one, one.file[1]):
        try:
            return as_pil(one.file[1], one.what)
        except DecoderMissing as error:
            raise MissingExtra(error.message, error.hint) from None
    clean = samples(one)
    return Image.fromarray(clean[:, :, 0] if clean.shape[2] == 1 else clean)


def samples(one: RestoredImage) -> np.ndarray:
    """The clean image, or the rendering of its file: uint8 ``[height, width, 1 or 3]``.

    Raises:
        MissingExtra: a decoder is not installed.
    """
    if one.clean is not None:
        return one.clean
    try:
        return render(one.file[1] if one.file else b"", one.what).image
    except DecoderMissing as error:
        raise MissingExtra(error.message, error.hint) from None


def _holds_more(one: RestoredImage, file: bytes) -> bool:
    """Whether the file may open as another image than ``clean``. Its header decides, if it was not decoded."""
    if one.rendered is not None or one.clean is None:
        return one.rendered is not False
    if file.startswith(PNG):  # 8 bits, gray or RGB
        return file[24] != 8 or file[25] not in (0, 2) or any(part in file for part in MORE)
    if not file.startswith(JPEG):
        return True
    try:
        with opened(file, one.what, ("JPEG", "MPO")) as image:
            check_header(image, file, one.what)
            return "icc_profile" in image.info
    except InputRefused:
        return True
