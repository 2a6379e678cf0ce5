"""DICOM files, with pydicom: the first frame, as its window shows it.

Decoding is limited as for other formats: the size in the tags is checked, and that of a compressed frame as well. A
deflated file (1.2.840.10008.1.2.1.99) is refused, because pydicom decompresses it without a limit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ripguard import libraries
from ripguard.errors import InputRefused
from ripguard.images import jpeg_2000
from ripguard.images.arrays import BYTES
from ripguard.images.formats import PLUGINS, decoders, missing
from ripguard.images.gate import counted, quiet
from ripguard.images.refusals import check_size
from ripguard.images.windowing import scaled, to_8_bits

DEFLATED = b"1.2.840.10008.1.2.1.99"
MAX_FRAMES = 1_000_000


def size(data: bytes) -> tuple[int, int, int]:
    """(width, height, channels) from the tags. Raises errors of many types on damaged files."""
    decoders("DICOM", "image")
    with quiet("pydicom"):
        tags = _tags(data, "image", stop_before_pixels=True)
    return int(tags.Columns), int(tags.Rows), 1 if tags.SamplesPerPixel == 1 and not _has_palette(tags) else 3


def render(data: bytes, what: str) -> tuple[np.ndarray, list[str]]:
    """8-bit rendering ``[height, width, 1 or 3]`` of the first frame, and what it does not show.

    Raises:
        InputRefused: too large, deflated, without pixels.
        DecoderMissing: pydicom or the decoder of its compression is not installed.
    """
    decoders("DICOM", what)
    with quiet("pydicom"):
        return _render(data, what)


def _render(data: bytes, what: str) -> tuple[np.ndarray, list[str]]:
    tags = _tags(data, what)
    if "PixelData" not in tags:
        raise InputRefused(f"{what}: a DICOM file without integer pixels", "move it out of the folder")
    rows, columns, frames = int(tags.Rows), int(tags.Columns), int(tags.get("NumberOfFrames") or 1)
    if min(rows, columns) < 1 or not 1 <= frames <= MAX_FRAMES or int(tags.SamplesPerPixel) not in (1, 3):
        raise ValueError("sizes")
    check_size(columns, rows, what, None)
    kind = str(tags.PhotometricInterpretation)
    found = ["DICOM attributes"] + (["several frames"] if frames > 1 else [])
    found += [BYTES[int(tags.BitsAllocated) // 8]] if int(tags.BitsAllocated) > 8 else []
    found += ["signed samples"] if tags.PixelRepresentation else []
    found += ["palette"] if _has_palette(tags) else ["YCbCr"] if kind == "YBR_FULL" else []
    values = _pixels(tags, what, frames)
    if int(tags.SamplesPerPixel) == 1 and not _has_palette(tags):
        return _gray(values.reshape(rows, columns), tags, kind == "MONOCHROME1"), found
    if _has_palette(tags):
        from pydicom.pixels import apply_color_lut

        values = apply_color_lut(values, tags)[:, :, :3]
        return to_8_bits(values.reshape(rows, columns, 3)), found
    values = values.reshape(rows, columns, 3)
    return values if values.dtype == np.uint8 else scaled(values, 0, 2 ** int(tags.BitsStored) - 1), found


def _tags(data: bytes, what: str, stop_before_pixels: bool = False) -> Any:
    import pydicom

    if DEFLATED in data:
        raise InputRefused(f"{what}: a deflated DICOM file", "save it in another transfer syntax")

    return pydicom.dcmread(counted(data), stop_before_pixels=stop_before_pixels)


def _has_palette(tags: Any) -> bool:
    return str(tags.PhotometricInterpretation) == "PALETTE COLOR"


def _pixels(tags: Any, what: str, frames: int) -> np.ndarray:
    """Stored values of the first frame; color as RGB."""
    from pydicom.pixels import pixel_array

    syntax = tags.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        from pydicom.encaps import get_frame

        _check_frame(get_frame(tags.PixelData, 0, number_of_frames=frames), what)
        if not _decodable(syntax):
            raise missing(what, f"DICOM ({syntax.name})", libraries.of_extra(PLUGINS["DICOM"][1]))
    return pixel_array(tags, index=0)


def _decodable(syntax: Any) -> bool:
    from pydicom.pixels import get_decoder

    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _check_frame(frame: bytes, what: str) -> None:
    """Refuse a compressed frame whose own header states too many pixels."""
    heads = jpeg_2000.heads(frame)
    for head in heads:
        check_size(head.width, head.height, what, None)
    if heads:
        jpeg_2000.check(frame, what)
    at = 2
    while frame.startswith(b"\xff\xd8") and at + 9 <= len(frame) and frame[at] == 0xFF:
        kind, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if kind == 0xDA:
            break
        if (0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC)) or kind == 0xF7:  # start of frame, JPEG-LS too
            height, width = (int.from_bytes(frame[at + place : at + place + 2], "big") for place in (5, 7))
            check_size(width, height, what, None)
        at += 2 + max(length, 2)


def _gray(values: np.ndarray, tags: Any, inverted: bool) -> np.ndarray:
    """Gray levels by the file's rescaling and window (PS3.3, C.11), or by :mod:`ripguard.images.windowing`."""
    from pydicom.pixels import apply_modality_lut, apply_voi

    stored, values = values, apply_modality_lut(values, tags)
    window = _window(tags)
    if tags.get("VOILUTSequence"):
        bits = int(tags.VOILUTSequence[0].LUTDescriptor[2])
        shown = scaled(apply_voi(values, tags, 0)[:, :, None], 0, 2 ** min(max(bits, 1), 16) - 1)
    elif window:
        center, width, function = window
        if function == "SIGMOID":
            with np.errstate(over="ignore"):
                values = 1 / (1 + np.exp(-4 * (values.astype(np.float64) - center) / width))
            shown = scaled(values[:, :, None], 0, 1)
        else:
            exact = function == "LINEAR_EXACT"
            middle, half = (center, width / 2) if exact else (center - 0.5, max(width - 1, 1e-6) / 2)
            shown = scaled(values[:, :, None], middle - half, middle + half)
    else:
        shown = to_8_bits((stored if np.array_equal(stored, values) else values)[:, :, None])
    return 255 - shown if inverted else shown


def _window(tags: Any) -> tuple[float, float, str] | None:
    """Center, width and function of the first window that the file states."""

    def first(name: str) -> float:
        value = tags.get(name)
        if value is None or isinstance(value, str):
            return float(value) if value else math.nan
        return float(value[0]) if hasattr(value, "__len__") and len(value) else float(value)

    center, width = first("WindowCenter"), first("WindowWidth")
    if not (math.isfinite(center) and math.isfinite(width) and width > 0):
        return None
    return center, width, str(tags.get("VOILUTFunction") or "LINEAR").upper()
