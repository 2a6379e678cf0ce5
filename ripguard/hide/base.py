"""What every hiding method is: one class with two methods to write, and checks that nobody can forget."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, final

import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.crypto.keys import ImageKeys
from ripguard.errors import Damaged, InputRefused, RipguardError, StorageError, UsageError, expected
from ripguard.hide.header import Header, Tail
from ripguard.methods.params import Params
from ripguard.methods.registries import revealing_class
from ripguard.panics import is_panic


@dataclass(frozen=True)
class Identity:
    """Who an image is inside its release: public, and the path to its keys."""

    key_id: bytes
    dataset_id: bytes
    unit: int
    index: int


@dataclass(frozen=True)
class Hidden:
    """One protected image.

    Attributes:
        image: uint8 ``[height, width, channels]``, what is published.
        residue: sealed bytes that the release must keep, empty if the image needs none.
        header: its public header (also inside the image, unless ``header.planes`` is 0).
        overwritten: bytes that the residue has to keep: of samples' low bits that the payload replaced, or of a record
            that found no room.
        overflow: bytes of the record of cut-off gray levels.
    """

    image: np.ndarray
    residue: bytes
    header: Header
    overwritten: int
    overflow: int


@dataclass(frozen=True)
class Original:
    """A clean image that came back as its file: samples, uint8 ``[height, width, channels]``, and bytes."""

    image: np.ndarray
    file: bytes


Clean = np.ndarray | Original | RipguardError  # what revealing one image ends in


class DoesNotFit(InputRefused):
    """An image whose record finds no room. ``number`` says which of the batch."""

    def __init__(self, message: str, hint: str = "", number: int = 0) -> None:
        super().__init__(message, hint)
        self.number = number


class ImageInfo(Protocol):
    """What is known of a source image before it is decoded.

    Attributes:
        name: how to call it; shape: height, width and channels; size: bytes of its file.
    """

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def size(self) -> int: ...
    def read(self) -> bytes:
        """The file."""
        ...


class Revealing(ABC):
    """The way back: from published images to clean ones. A scheme of one step needs no more than this.

    Attributes:
        tail: what it adds to the header.
    """

    tail: ClassVar[type[Tail]]

    @classmethod
    def revealing(cls, model: bytes = b"") -> Self:
        """For published images, of whatever parameters: their headers tell them."""
        return cls()

    @abstractmethod
    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        """The way back, one result per image: the clean image or the reason why not.

        May raise what it likes where a record is authentic, but not of this method's making: see :meth:`reveal`.
        """

    def _each(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        """All at once; where that fails, one half and then the other, down to the images that it fails at."""
        try:
            return self.run_reveal(images, headers, residues, keys)
        except BaseException as error:
            failure = _failed(error)
        if len(images) == 1:
            return [failure]
        middle = len(images) // 2
        halves = (slice(None, middle), slice(middle, None))
        return [one for h in halves for one in self._each(images[h], headers[h], residues[h], keys[h])]

    @final
    def reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        """Bring clean images back, exactly, or say for each why not. Shapes as in :meth:`Hiding.hide`.

        A gray image that was published in color comes back with its one channel. Who holds the key can seal any
        bytes: whatever goes wrong with those of one image is the result of that image alone.
        """
        check_images("pictures", images)
        if not len(images) == len(headers) == len(residues) == len(keys):
            raise ValueError(expected("headers, residues, keys", len(images), (len(headers), len(residues), len(keys))))
        found = self._each(images, headers, residues, keys) if len(images) else []
        if images.shape[3] == 3:
            return found
        return [Damaged("its header belongs to an image in color") if h.gray else f for h, f in zip(headers, found)]


class Hiding(Revealing):
    """A reversible way to make a clean image look like a carrier.

    Attributes:
        kind: the class of its parameters.
        simulates: whether :meth:`simulate` changes carriers so much that a perturbation should aim through it.
        always_fits: whether there is room for every image, so that nothing need be checked.
    """

    kind: ClassVar[type[Params]]
    simulates: ClassVar[bool] = False
    always_fits: bool = True

    @classmethod
    def hiding(cls, params: Any, shape: tuple[int, ...], lossy: bool = False, model: bytes = b"") -> Self:
        """For images of ``(height, width, channels)``.

        Args:
            lossy: keep nothing that only exact restoration needs; see :meth:`promised`.
            model: see :meth:`model_of`.
        """
        return cls()

    @classmethod
    def promised(cls, params: Any, lossy: bool, byte_exact: bool) -> Any:
        """Parameters that keep what the owner wants to promise. Raises :class:`UsageError` where none can."""
        if lossy:
            raise UsageError(
                f"--lossy is mRIT's: {cls.kind.method} overwrites nothing that it would have to keep", "leave it out"
            )
        return params

    @classmethod
    def keeps(cls, params: Any) -> bytes | None:
        """How source files begin that come back byte for byte, with all their metadata; None: none do."""
        return None

    @classmethod
    def model_of(cls, params: Any, images: list[ImageInfo], seed: int) -> bytes:
        """A model fitted to the owner's training images, which the release carries, sealed; empty for none."""
        return b""

    def simulate(self, clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
        """What hiding makes of carriers, but for the payload's few low bits: uint8 ``[batch, height, width, …]``."""
        return carrier

    def fits(self, image: ImageInfo, shape: tuple[int, ...]) -> bool:
        """Whether an image is known to find room in a carrier of this shape, without decoding it."""
        return True

    def check_capacity(self, clean: np.ndarray, shape: tuple[int, ...], files: list[bytes]) -> None:
        """Raise :class:`DoesNotFit` for the first of these images that finds no room in a carrier of this shape."""

    @abstractmethod
    def run_hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes],
    ) -> list[Hidden]:
        """The method itself; inputs are checked. Images of one channel may have carriers of three."""

    @final
    def hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes] | None = None,
    ) -> list[Hidden]:
        """Make ``clean`` look like ``carrier``.

        Args:
            clean, carrier: uint8 ``[batch, height, width, channels]``, 1 or 3 channels. Carriers of gray images may
                have color: 1 channel of ``clean`` with 3 of ``carrier``.
            who, keys: one per image.
            files: the files that ``clean`` was read from, for methods that can give them back.

        Raises:
            ValueError: an array has the wrong type or shape.
            DoesNotFit: an image that this method has no room for.
        """
        check_images("clean", clean)
        check_images("carrier", carrier)
        if carrier.shape[:3] != clean.shape[:3] or carrier.shape[3] < clean.shape[3]:
            raise ValueError(expected("carrier shape", clean.shape, carrier.shape))
        if not len(clean) == len(who) == len(keys):
            raise ValueError(expected("identities and keys", len(clean), (len(who), len(keys))))
        if files and len(files) != len(clean):
            raise ValueError(expected("files", len(clean), len(files)))
        return self.run_hide(clean, carrier, who, keys, files or []) if len(clean) else []


def refuse_taken_number(method: type[Revealing], name: str) -> None:
    """Raise :class:`UsageError` where images of a method would be revealed by another one of the same number."""
    other = revealing_class(method.tail.number)
    if other is not None and other is not method:
        raise UsageError(
            f"{name} and {other.__module__}.{other.__qualname__} have one number in headers, {method.tail.number}",
            "remove one of these packages: images of either could be taken for the other's",
        )


def _failed(error: BaseException) -> RipguardError:
    """What an error says of the one image that it comes from; anything but an error of decoding is raised again."""
    if isinstance(error, RipguardError):
        return error.with_traceback(None)  # whose frames hold the image
    if isinstance(error, MemoryError):
        return StorageError("out of memory while restoring it", "try again with fewer --workers")
    if isinstance(error, BadStream):
        return Damaged(f"its record cannot be read: {error}")
    if isinstance(error, Exception) or is_panic(error):
        return Damaged("its record is sealed with this key, and nothing that can be read")
    raise error


def check_images(what: str, images: np.ndarray) -> None:
    """Raise :class:`ValueError` unless uint8 ``[batch, height, width, 1 or 3]``."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise ValueError(expected(what, "a uint8 array", getattr(images, "dtype", type(images).__name__)))
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape[1:]:
        raise ValueError(expected(f"{what} shape", "[batch, height, width, 1 or 3]", images.shape))
