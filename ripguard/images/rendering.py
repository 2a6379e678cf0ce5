"""The 8-bit rendering of an image file: what is published and perturbed.

Samples of an 8-bit gray or RGB image are rendered as they are. Every other file has a rendering that looks right, and
is restored byte for byte, because its samples could not be restored from the rendering:

- upright by its EXIF orientation, the first frame, flattened on white, gray where the file is gray;
- sRGB: by its ICC profile, :mod:`ripguard.images.color`;
- wide samples: :mod:`ripguard.images.windowing`; several bands: the first as gray, or the first three as RGB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ripguard.errors import InputRefused
from ripguard.images import arrays, color, dicom, netpbm, raw_ends, tiff
from ripguard.images.formats import DecoderMissing, decoders, missing, recognized, signed_format
from ripguard.images.gate import counted, guarded, opened
from ripguard.images.kinds import (
    has_padding_alpha,
    is_transparent,
    kinds_of,
    ordered,
    orientation,
    pnm_kinds,
)
from ripguard.images.refusals import check_size, check_sound, check_structure
from ripguard.images.windowing import full_range, to_8_bits

__all__ = ["DecoderMissing", "Rendering", "as_pil", "render", "render_again"]

PLAIN = ("PNG", "JPEG", "WEBP")  # formats of which an exact rendering is what Pillow decodes
ROWS = 64  # that are flattened at once; bounds the memory
TURNS = {  # EXIF orientation → transposed, upside down, left to right
    2: (False, False, True), 3: (False, True, True), 4: (False, True, False), 5: (True, False, False),
    6: (True, False, True), 7: (True, True, True), 8: (True, True, False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rendering:
    """An image file as 8-bit gray or RGB.

    Attributes:
        image: uint8 ``[height, width, 1 or 3]``, upright, sRGB, flattened on white.
        differs: what the rendering does not show, of :data:`ripguard.images.kinds.KINDS`, in that order. Empty: the
            rendering has exactly the samples of the file.

            - ``"several frames"``: the first is rendered; also of images below a TIFF page or behind a PNM.
              ``"EXIF orientation"``: the rendering is upright.
            - ``"palette"``; ``"alpha"``, which a palette may have, too; ``"transparent color"``.
            - ``"1 bit"``, ``"2 bits"``, ``"4 bits"`` per sample; ``"16 bits"``: 9 to 16; ``"32 bits"``; ``"64 bits"``;
              ``"other maximum"``, of a PNM. ``"signed samples"``; ``"floating point"``.
            - ``"other bands"``: the first, or the first three are rendered.
            - ``"CMYK"``, ``"YCCK"``, ``"Lab"``, ``"YCbCr"``, ``"HSV"``; ``"ICC profile"``: one that is not sRGB.
            - ``"DICOM attributes"``: every DICOM file.
    """

    image: np.ndarray
    differs: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the samples of the file can be restored from the rendering."""
        return not self.differs


def render(
    data: bytes,
    name: str = "image",
    expected: tuple[int, ...] | None = None,
    look: Callable[[Image.Image], None] | None = None,
) -> Rendering:
    """Decode an image file of any kind to 8 bits.

    Args:
        data: bytes of the file.
        name: name for messages; its suffix helps to recognize formats without a signature (TGA).
        expected: required height and width of the rendering.
        look: called with the loaded image of Pillow, so that nobody opens the file again; only for files that Pillow
            opens and of which nothing else than an ICC profile is left out.

    Raises:
        InputRefused: unreadable, too large, or of a kind that cannot be rendered.
        DecoderMissing: a library is missing.
        StorageError: no memory.
    """
    kind = recognized(data, name)
    with guarded(name, kind):
        if kind == "NPY":
            image, found = arrays.render(data, name, expected)
            found += ["several frames"] if raw_ends.another(data, raw_ends.npy(data)) else []
        elif kind == "DICOM":
            image, found = dicom.render(data, name)
        elif data.startswith(netpbm.STARTS):
            image, found = _netpbm(data, name)
        elif kind == "TIFF":
            image, found = _tiff(data, name, expected)
        else:
            image, found = _pillow(data, name, kind, None, expected, look)
    check_size(image.shape[1], image.shape[0], name, expected)
    return Rendering(np.ascontiguousarray(image), ordered(found))


def render_again(data: bytes, name: str = "image") -> np.ndarray:
    """The image of a file whose rendering was exact: as :func:`render` of the same bytes gives it.

    The limits hold as for every file. What else a file may show is not looked for again.

    Returns:
        uint8 ``[height, width, 1 or 3]``.

    Raises:
        As :func:`render`.
    """
    kind = signed_format(data)
    if kind in PLAIN:
        with opened(data, name, decoders(kind, name)) as image:
            image.load()
            if image.mode in ("L", "RGB"):
                array = np.asarray(image)
                return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])
    return render(data, name).image


def as_pil(data: bytes, name: str = "image") -> Image.Image:
    """An image file as ``PIL.Image.open`` gives it, in its own mode, not turned, with its pixels loaded.

    What Pillow cannot open (arrays, DICOM, PAM, some TIFF files) is rendered. Raises as :func:`render`.
    """
    kind = recognized(data, name)
    if kind in ("NPY", "DICOM"):
        return _as_image(render(data, name).image)
    try:
        with opened(data, name, decoders(kind, name)) as image:
            check_sound(image, data, name)
            image.load()
            return image.copy()
    except InputRefused:
        if kind not in ("TIFF", "PNM"):
            raise
        return _as_image(render(data, name).image)


def _pillow(
    data: bytes,
    what: str,
    kind: str,
    page: tiff.Page | None,
    expected: tuple[int, ...] | None,
    look: Callable[[Image.Image], None] | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Rendering and kinds of a file that Pillow opens."""
    with opened(data, what, decoders(kind, what)) as image:
        check_sound(image, data, what)
        turn = orientation(image) if image.format != "PNG" else 1
        if expected and {image.width, image.height} != set(expected[:2]):
            check_size(image.width, image.height, what, expected)
        found = kinds_of(image, data, page)
        image.load()
        stated, turn = turn, orientation(image)  # that of a PNG may stand behind its pixels; Pillow turns a TIFF
        found += ["EXIF orientation"] if max(stated, turn) > 1 else []
        found += ["alpha"] if has_padding_alpha(image, data) else []
        if is_transparent(image):
            found.append("alpha" if image.mode == "P" else "transparent color")
        if look and not found:
            look(image)
        seen, alpha = _seen(image, data, page)
        return _finished(seen, alpha, image.info.get("icc_profile"), turn, found)


def _seen(image: Image.Image, data: bytes, page: tiff.Page | None) -> tuple[Image.Image, np.ndarray | None]:
    """A loaded image without alpha, of a mode that :mod:`color` converts, and its alpha, uint8 ``[height, width]``."""
    mode, key = image.mode, image.info.get("transparency")
    gray_png = image.format == "PNG" and data[25] == 4  # 16-bit gray with alpha, which Pillow opens as RGBA
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or (mode == "P" and is_transparent(image)):
        whole = image.convert("LA" if mode in ("LA", "La") else "RGBA")
        seen = whole.getchannel(0) if mode in ("LA", "La") or gray_png else whole.convert("RGB")
        return seen, np.asarray(whole.getchannel("A"))
    if mode == "F" or mode.startswith("I"):
        values = np.asarray(image)
        if page is not None and page.photometric == tiff.WHITE_IS_ZERO and mode.startswith("I;16"):
            values = 65535 - values
        if image.format == "PPM" and mode == "I":
            values = values.astype(np.uint16)  # Pillow scales them to 16 bits
        if page is not None and mode == "I" and page.sample_format == 1 and page.bits == 32:
            values = values.view(np.uint32)
        alpha = None if key is None else np.where(values == key, 0, 255).astype(np.uint8)
        return _as_image(to_8_bits(values[:, :, None])), alpha
    if key is not None and mode in ("1", "L", "RGB"):
        return image.convert("RGB" if mode == "RGB" else "L"), _keyed(image, data, key)
    if mode in ("1", "P", "RGBX"):
        image = image.convert("L" if mode == "1" else "RGB")
    return image, None


def _keyed(image: Image.Image, data: bytes, key: object) -> np.ndarray:
    """Alpha by a transparent color, uint8 ``[height, width]``."""
    samples = np.asarray(image.convert("L") if image.mode == "1" else image)
    if isinstance(key, bytes):
        return np.full(samples.shape[:2], 255, np.uint8)
    wanted = np.atleast_1d(np.asarray(key))
    if image.format == "PNG" and data[24] == 16:  # Pillow keeps the high bytes of samples
        wanted = wanted >> 8
    elif image.format == "PNG" and data[24] < 8:  # Pillow scales the samples, not the color
        wanted = wanted * (255 // (2 ** data[24] - 1))
    same = samples == (wanted if samples.ndim == 3 else wanted[0])
    return np.where(same.all(2) if samples.ndim == 3 else same, 0, 255).astype(np.uint8)


def _tiff(data: bytes, what: str, expected: tuple[int, ...] | None) -> tuple[np.ndarray, list[str]]:
    """Rendering and kinds of a TIFF file: by Pillow, unless it does not give the samples as they are."""
    check_structure(data, what, None)
    page = tiff.page(counted(data))
    if not page.odd or page.photometric in (tiff.PALETTE, tiff.SEPARATED, tiff.YCBCR, tiff.LAB):
        return _pillow(data, what, "TIFF", page, expected)
    check_size(page.width, page.height, what, None)
    if not page.plain:  # tifffile needs another library for it
        if page.usual:
            return _pillow(data, what, "TIFF", page, expected)
        raise missing(what, "TIFF (compressed, of many bands or bits)", "save a copy without compression")
    values, turn, profile = tiff.read(data, what)
    found = page.kinds() + (["EXIF orientation"] if 1 < turn < 9 else [])
    count = 3 if page.photometric == tiff.RGB else 1
    if count == 1 and page.others and not page.alpha:
        shown, other = arrays.bands(values)
    else:
        shown, other = values[:, :, :count], False
    if shown.shape[2] not in (1, 3):
        raise ValueError("samples")
    alpha = full_range(values[:, :, count : count + 1])[:, :, 0] if page.alpha else None
    image = to_8_bits(shown, other)
    if alpha is not None and page.extra[0] == tiff.ASSOCIATED:  # color was multiplied by it
        image = np.minimum(image * (255.0 / np.maximum(alpha, 1)[:, :, None]), 255).round().astype(np.uint8)
    if page.photometric == tiff.WHITE_IS_ZERO:
        image = 255 - image
    return _finished(_as_image(image), alpha, profile, turn, found)


def _netpbm(data: bytes, what: str) -> tuple[np.ndarray, list[str]]:
    values, has_alpha, maximum = netpbm.read(data, what, None)
    found = pnm_kinds(maximum) if maximum else ["floating point"]
    if maximum and maximum not in (255, 65535):
        values = np.round(values * (255 / maximum)).astype(np.uint8)
    shown, alpha = (values[:, :, :-1], values[:, :, -1:]) if has_alpha else (values, None)
    shown, other = arrays.bands(shown)
    found += (["alpha"] if has_alpha else []) + (["other bands"] if other else [])
    found += ["several frames"] if raw_ends.another(data, raw_ends.pam(data)[1]) else []
    image = _as_image(to_8_bits(shown, other))
    return _finished(image, None if alpha is None else full_range(alpha)[:, :, 0], None, 1, found)


def _finished(
    seen: Image.Image, alpha: np.ndarray | None, profile: bytes | None, turn: int, found: list[str]
) -> tuple[np.ndarray, list[str]]:
    """sRGB, on white, upright."""
    image, moved = color.to_srgb(seen, profile)
    if alpha is not None:
        image = _on_white(image, alpha)
    if turn in TURNS:
        transposed, upside_down, left_to_right = TURNS[turn]
        image = image.swapaxes(0, 1) if transposed else image
        image = image[:: -1 if upside_down else 1, :: -1 if left_to_right else 1]
    return image, found + (["ICC profile"] if moved else [])


def _on_white(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """uint8 image and alpha → uint8, rounded."""
    result = np.empty_like(image)
    for row in range(0, len(image), ROWS):
        part = alpha[row : row + ROWS, :, None].astype(np.uint16)
        result[row : row + ROWS] = (image[row : row + ROWS] * part + 255 * (255 - part) + 127) // 255  # below 65,536
    return result


def _as_image(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image))
