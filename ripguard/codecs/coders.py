"""Lossless image codecs, and the selection of the smallest result. To add a codec, add a class and a line in CODERS.

Decoding gives the same image on every machine. ``file`` keeps the source file, so a JPEG is restored byte for byte. A
codec declines images that it cannot represent.
"""

from __future__ import annotations

import importlib
import io
import lzma
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from ripguard import libraries
from ripguard.codecs import jxl
from ripguard.codecs.bounded import BadStream, unxz
from ripguard.codecs.interlaced import codec, networks
from ripguard.errors import InputRefused, MissingExtra
from ripguard.images.decoding import opened
from ripguard.images.formats import BY_LIBRARY, format_of
from ripguard.images.rendering import DecoderMissing, Rendering, render

__all__ = ["BY_NUMBER", "CODERS", "SMALL", "USUAL", "WHOLE", "BadStream", "Coder", "File", "cheapest", "known_model"]

JPEG = b"\xff\xd8\xff"
DENSE = (JPEG, b"RIFF")  # first bytes of formats that xz cannot compress: JPEG, WebP
# limit for the bytes of a source file: per pixel (decimal numbers), constant, and per byte of its xz stream. Only
# hostile files compress further
PIXEL, BESIDE, SHRUNK = 12, 1 << 20, 64
SMALL = 1 << 16  # pixels; for larger images the small-image codec is slow, and the others are good


class Coder(ABC):
    """A lossless codec.

    Attributes:
        number: in the public header of the image that carries the bytes.
        gives_file: whether decoding restores the source file, not only the samples.
        needs_model: whether decoding needs the release's model.
    """

    number: int
    name: str
    gives_file = False
    needs_model = False

    @abstractmethod
    def encode(self, images: np.ndarray, files: list[bytes], model: bytes) -> Sequence[bytes | None]:
        """Encode uint8 ``[batch, height, width, channels]`` images; None for images that the codec declines."""

    @abstractmethod
    def decode(self, data: list[bytes], shape: tuple[int, ...], model: bytes) -> np.ndarray:
        """Decoded images, uint8 ``[batch, *shape]``. Raises :class:`BadStream`."""


class Raw(Coder):
    """The uncompressed samples: always possible."""

    number, name = 0, "raw"

    def encode(self, images: np.ndarray, files: list[bytes], model: bytes) -> list[bytes]:
        return [one.tobytes() for one in images]

    def decode(self, data: list[bytes], shape: tuple[int, ...], model: bytes) -> np.ndarray:
        return np.stack([_shaped(np.frombuffer(one, np.uint8), shape) for one in data])


class File(Coder):
    """The source file, byte for byte."""

    number, name, gives_file = 1, "file", True

    def encode(self, images: np.ndarray, files: list[bytes], model: bytes) -> Sequence[bytes | None]:
        return files or [None] * len(images)

    def decode(self, data: list[bytes], shape: tuple[int, ...], model: bytes) -> np.ndarray:
        return np.stack([self._rendering(self.source(one, shape), shape).image for one in data])

    def original(self, data: bytes, shape: tuple[int, ...]) -> tuple[np.ndarray | None, bytes, bool]:
        """Rendering, uint8 ``shape``, source file, and whether the rendering has exactly the samples of the file.

        The file needs no decoder to be restored. The rendering is None if its decoder is missing, or is another version
        that does not give the same image.

        Raises:
            BadStream: not an image of this shape.
        """
        file = self.source(data, shape)
        try:
            rendering = self._rendering(file, shape)
        except DecoderMissing:
            return None, file, False
        except BadStream:
            if format_of(file) in BY_LIBRARY:
                return None, file, False
            raise
        return rendering.image, file, rendering.exact

    @staticmethod
    def _rendering(file: bytes, shape: tuple[int, ...]) -> Rendering:
        try:
            found = render(file, expected=shape)
        except DecoderMissing:
            raise
        except InputRefused as error:
            raise BadStream(error.message) from None
        return Rendering(_shaped(found.image, shape), found.differs)

    def source(self, data: bytes, shape: tuple[int, ...]) -> bytes:
        """The source file of an image of this shape. Raises :class:`BadStream`."""
        return data


class Packed(File):
    """The source file, byte for byte, in an xz stream: for formats with little or no compression."""

    number, name = 5, "xz"

    def encode(self, images: np.ndarray, files: list[bytes], model: bytes) -> Sequence[bytes | None]:
        return [self._one(one, images.shape[1:]) for one in files] or [None] * len(images)

    def _one(self, file: bytes, shape: tuple[int, ...]) -> bytes | None:
        if file.startswith(DENSE):
            return None
        made = _xz(file)
        return made if len(file) <= self._longest(made, shape) else None

    def source(self, data: bytes, shape: tuple[int, ...]) -> bytes:
        return unxz(data, self._longest(data, shape))

    @staticmethod
    def _longest(data: bytes, shape: tuple[int, ...]) -> int:
        """Most bytes of the source file of an image of this shape and stream."""
        return PIXEL * shape[0] * shape[1] + BESIDE + SHRUNK * len(data)


class Pillow(Coder):
    """A lossless format of Pillow."""

    def __init__(self, number: int, name: str, extra: str = "", gray: str = "L", **options: object) -> None:
        self.number, self.name, self.extra, self.gray, self.options = number, name, extra, gray, options

    def ready(self) -> bool:
        """Whether the library is installed."""
        try:
            importlib.import_module(self.extra or "PIL")
        except ImportError:
            return False
        return True

    def encode(self, images: np.ndarray, files: list[bytes], model: bytes) -> Sequence[bytes | None]:
        if not self.ready():
            return [None] * len(images)
        return [self._one(image) for image in images]

    def _one(self, image: np.ndarray) -> bytes | None:
        pil = Image.fromarray(image[:, :, 0]).convert(self.gray) if image.shape[2] == 1 else Image.fromarray(image)
        buffer = io.BytesIO()
        try:
            pil.save(buffer, self.name.upper(), lossless=True, **self.options)
        except (OSError, ValueError):  # a side longer than the format allows
            return None
        return buffer.getvalue()

    def decode(self, data: list[bytes], shape: tuple[int, ...], model: bytes) -> np.ndarray:
        if not self.ready():
            raise MissingExtra(
                f"this image is encoded as {self.name}, and its decoder is not installed",
                libraries.of_extra(self.name),
            )
        return np.stack([_shaped(self._read(one, shape), shape) for one in data])

    def _read(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        if self.name == "jxl" and jxl.size(data) != tuple(shape[:2]):  # checked first: its decoder allocates all pixels
            raise BadStream(f"expected an image of {shape[1]}×{shape[0]}, got another")
        try:
            with opened(data, f"a {self.name} stream", (self.name.upper(),), shape) as image:
                array = np.asarray(image)
        except InputRefused as error:
            raise BadStream(error.message) from None
        return array if array.ndim == 3 else array[:, :, None]


class Interlaced(Coder):
    """The small-image codec with the release's model, :mod:`ripguard.codecs.interlaced`."""

    number, name, needs_model = 4, "interlaced", True

    def encode(self, images: np.ndarray, files: list[bytes], model: bytes) -> Sequence[bytes | None]:
        predictors = _model(model) if model else None
        if not predictors or predictors.channels != images.shape[3] or images[0, :, :, 0].size > SMALL:
            return [None] * len(images)
        return codec.encode(images, predictors)

    def decode(self, data: list[bytes], shape: tuple[int, ...], model: bytes) -> np.ndarray:
        if shape[0] * shape[1] > SMALL:  # never written; decoding would take gigabytes
            raise BadStream(f"an image of {shape[1]}×{shape[0]} is too large for its codec")
        try:
            predictors = _model(model)
        except networks.BadModel as error:
            raise BadStream(str(error)) from None
        if predictors.channels != shape[2]:
            raise BadStream("the model is for images with other channels")
        return codec.decode(data, (shape[0], shape[1], shape[2]), predictors)


CODERS: dict[str, Coder] = {
    coder.name: coder
    for coder in (
        Raw(),
        File(),
        Pillow(2, "webp", gray="RGB", method=4, exact=True),
        Pillow(3, "jxl", extra="pillow_jxl", effort=7),
        Interlaced(),
        Packed(),
    )
}
BY_NUMBER = {coder.number: coder for coder in CODERS.values()}
USUAL = ("file", "xz", "webp", "interlaced")
WHOLE = ("file", "xz")  # restore the source file


def cheapest(
    images: np.ndarray, files: list[bytes], allowed: tuple[str, ...], model: bytes = b""
) -> list[tuple[int, bytes]]:
    """(codec number, bytes) of each image: the shortest result of the allowed codecs.

    Args:
        images: uint8 ``[batch, height, width, channels]``.
        files: their source files, or an empty list.
        allowed: names in :data:`CODERS`; ``raw`` is added unless all of them restore the source file.
        model: of the small-image codec, empty for none.

    Raises:
        InputRefused: all allowed codecs restore the source file, and there is none.
    """
    streams: list[list[tuple[int, int, bytes]]] = [[] for _ in images]
    left = list(range(len(images)))
    for name in sorted(allowed, key=list(CODERS).index):
        coder = CODERS[name]
        made = coder.encode(images[left], [files[i] for i in left] if files else [], model) if left else []
        for i, data in zip(left, made):
            if data is not None:
                streams[i].append((len(data), coder.number, data))
        if name == "file":  # a JPEG is larger in every other codec
            left = [i for i in left if not (files and files[i].startswith(JPEG))]
    if not all(CODERS[name].gives_file for name in allowed):
        for i in left:
            streams[i].append((images[i].size, Raw.number, images[i].tobytes()))
    if not all(streams):
        raise InputRefused("there is no source file to keep", "leave out --preserve-files, or allow other --codecs")
    return [min(found)[1:] for found in streams]


def _xz(data: bytes) -> bytes:
    size = min(max(len(data), 4096), 8 << 20)  # a larger dictionary only costs memory
    return lzma.compress(
        data, check=lzma.CHECK_NONE, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size}]
    )


def known_model(data: bytes) -> bool:
    """Whether the bytes are a model of the small-image codec."""
    try:
        _model(data)
    except networks.BadModel:
        return False
    return True


@lru_cache(maxsize=4)
def _model(data: bytes) -> networks.Model:
    return networks.unpack(data)


def _shaped(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array in its shape. A gray image that was decoded to three channels becomes one channel again."""
    if shape[2] == 1 and array.ndim == 3 and array.shape[2] == 3:
        array = array[:, :, :1]
    if array.size != np.prod(shape) or (array.ndim == 3 and array.shape != tuple(shape)):
        raise BadStream(f"expected an image of {shape[1]}×{shape[0]}×{shape[2]}, got another")
    return array.reshape(shape)
