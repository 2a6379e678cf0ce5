"""Find images inside texts: they would be published in clear, beside their own protected copies."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path

from ripguard.errors import InputRefused
from ripguard.images.formats import signed_format
from ripguard.store.atomic import storage

# base64 of the first bytes of JPEG, PNG, WebP, GIF, BMP, TIFF, JPEG 2000, JPEG XL, AVIF and HEIC files, and at least 96
# more characters
ENCODED = re.compile(
    rb"(?:data:image/[\w.+-]+;base64,|\\?/9j\\?/|iVBORw0KGgo|UklGR|R0lGOD|Qk[0-3]|SUkqA|TU0AK"
    rb"|AAAADGpQICAN|AAAADEpYTCAN|\\?/0\\?/\\?/UQ|AAAA[A-Za-z0-9+/]{2}Z0eXB[hot])[A-Za-z0-9+/\\\r\n]{96}"
)
STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
BOXED = ("JPEG 2000", "JPEG XL", "AVIF", "HEIC")


def holds_image(data: bytes) -> bool:
    """Whether a text holds an image in base64, as LabelMe's ``imageData``, notebooks and HTML pages do."""
    return any(_decodes(found[0]) for found in ENCODED.finditer(data))


def refused_texts(texts: Sequence[tuple[str, Path]]) -> list[InputRefused]:
    """One refusal for each text that holds an image. ``texts``: (name, path). Raises :class:`StorageError`."""
    refused = []
    for name, path in texts:
        with storage("cannot read"):
            found = holds_image(path.read_bytes())
        if found:
            hint = "take the image out of a copy (LabelMe: imageData), or move the file out of the folder"
            refused.append(InputRefused(f"{name}: it holds an image, which would be published as it is", hint))
    return refused


def _decodes(text: bytes) -> bool:
    if text.startswith(b"data:"):
        return True
    plain = text.replace(b"\\/", b"/").replace(b"\\n", b"").translate(None, b"\\\r\n")
    try:
        start = base64.b64decode(plain[: len(plain) // 4 * 4])
    except binascii.Error:
        return False
    if start.startswith(b"BM"):  # two letters are no proof: the reserved bytes and the place of the pixels must fit
        return start[6:10] == bytes(4) and start[14:18] in (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0", b"\x0c\0\0\0")
    return start.startswith(STARTS) or signed_format(start) in BOXED
