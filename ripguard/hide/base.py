"""The interface of hiding methods. A subclass implements two methods; the base class checks inputs and errors."""

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
    """Public identity of an image: the inputs of its key derivation.

    Attributes:
        key_id, dataset_id: 8 bytes each, identifiers of the owner's key and of the release.
        unit: number of the split and class; index: number of the image in the release.
    """

    key_id: bytes
    dataset_id: bytes
    unit: int
    index: int


@dataclass(frozen=True)
class Hidden:
    """One protected image.

    Attributes:
        image: uint8 ``[height, width, channels]``, the published image.
        residue: encrypted bytes that the release must keep, empty if the image needs none.
        header: the public header (also embedded in the image, unless ``header.planes`` is 0).
        overwritten: bytes of the residue that replaced low bits, or the rest of the record, take.
        overflow: bytes that the record of clipped gray levels takes.
    """

    image: np.ndarray
    residue: bytes
    header: Header
    overwritten: int
    overflow: int


@dataclass(frozen=True)
class Original:
    """A clean image restored as its source file.

    Attributes:
        image: its rendering, uint8 ``[height, width, channels]``; None if its decoder is not installed, or is
            another version that gives another image.
        file: bytes of the source file.
        exact: whether ``image`` has exactly the samples of the file.
    """

    image: np.ndarray | None
    file: bytes
    exact: bool = True


Clean = np.ndarray | Original | RipguardError  # the result of restoring one image


class DoesNotFit(InputRefused):
    """The record of an image exceeds the capacity of its carrier.

    Attributes:
        number: position of the image in the batch.
    """

    def __init__(self, message: str, hint: str = "", number: int = 0) -> None:
        super().__init__(message, hint)
        self.number = number


class ImageInfo(Protocol):
    """Properties of a source image that are known without decoding it.

    Attributes:
        name: for messages; shape: height, width and channels; size: bytes of the file.
    """

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def size(self) -> int: ...
    def read(self) -> bytes:
        """Bytes of the file."""
        ...


class Revealing(ABC):
    """Restores clean images from published ones. One-step schemes implement only this class.

    Attributes:
        tail: class of the method's part of the header.
    """

    tail: ClassVar[type[Tail]]

    @classmethod
    def revealing(cls, model: bytes = b"") -> Self:
        """An instance for restoring. Parameters come from the headers. ``model``: codec model of the release."""
        return cls()

    @abstractmethod
    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        """Restore a batch: for each image, the clean image or the error.

        May raise any exception for a record that is authentic but was not written by this method; see :meth:`reveal`.
        """

    def _each(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        """Restore the batch; if that fails, bisect it down to the images that fail."""
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
        """Restore clean images exactly; for each image, the result or the error. Shapes as in :meth:`Hiding.hide`.

        A gray image that was published in color is restored with one channel. A key holder can encrypt any bytes, so
        an error in one image's record affects only that image.

        Raises:
            ValueError: an array has the wrong type or shape, or the lists differ in length.
        """
        check_images("images", images)
        if not len(images) == len(headers) == len(residues) == len(keys):
            raise ValueError(expected("headers, residues, keys", len(images), (len(headers), len(residues), len(keys))))
        found = self._each(images, headers, residues, keys) if len(images) else []
        if images.shape[3] == 3:
            return found
        # format version 1; later ones have this flag in the record
        return [Damaged("its header belongs to an image in color") if h.gray else f for h, f in zip(headers, found)]


class Hiding(Revealing):
    """A reversible transformation of a clean image into one that approximates a carrier.

    Attributes:
        kind: class of the parameters.
        simulates: whether :meth:`simulate` changes carriers enough that gradients should be taken at its result.
        reuses: whether published images are made of pieces of the clean ones. A carrier that lacks their content
            cannot be used then. True unless a method says otherwise.
        libraries: modules that protecting imports besides those for restoring and torch; looked for before any work.
        always_fits: whether every image fits, so that :meth:`check_capacity` is not needed.
    """

    kind: ClassVar[type[Params]]
    simulates: ClassVar[bool] = False
    reuses: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ()
    always_fits: bool = True

    @classmethod
    def hiding(cls, params: Any, shape: tuple[int, ...], lossy: bool = False, model: bytes = b"") -> Self:
        """An instance for images of ``(height, width, channels)``.

        Args:
            lossy: drop the data that only exact restoration needs; see :meth:`promised`.
            model: see :meth:`model_of`.
        """
        return cls()

    @classmethod
    def promised(cls, params: Any, lossy: bool, byte_exact: bool) -> Any:
        """Parameters adjusted to ``--lossy`` and ``--preserve-files``. Raises :class:`UsageError` if they cannot be."""
        if lossy:
            raise UsageError(f"--lossy is mRIT's: {cls.kind.method} is always exact", "leave it out")
        return params

    @classmethod
    def keeps(cls, params: Any) -> bytes | None:
        """First bytes of the source files that are restored byte for byte, metadata included; None: no files are."""
        return None

    @classmethod
    def model_of(cls, params: Any, images: list[ImageInfo], seed: int) -> bytes:
        """Codec model fitted to the training images, which the release stores, encrypted; empty for none."""
        return b""

    def keeping_files(self) -> Self:
        """The method for images that are restored as files, because their samples are not those of the file.

        The release keeps these files beside what the method hides. A method whose images restore without their release
        overrides this, so that they do not: alone, they would restore to their rendering, and not to the file.
        """
        return self

    def simulate(self, clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
        """The published images without payload bits: uint8 ``[batch, height, width, channels]``."""
        return carrier

    def fits(self, image: ImageInfo, shape: tuple[int, ...]) -> bool:
        """Whether an image is known to fit into a carrier of this shape, without decoding it."""
        return True

    def check_capacity(self, clean: np.ndarray, shape: tuple[int, ...], files: list[bytes]) -> None:
        """Raise :class:`DoesNotFit` for the first image that does not fit into a carrier of this shape."""

    @abstractmethod
    def run_hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes],
    ) -> list[Hidden]:
        """The method itself. :meth:`hide` has checked the inputs; gray images may have carriers in color."""

    @final
    def hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes] | None = None,
    ) -> list[Hidden]:
        """Transform ``clean`` into images that approximate ``carrier``.

        Args:
            clean, carrier: uint8 ``[batch, height, width, channels]``, 1 or 3 channels. ``clean`` may have 1 channel
                and ``carrier`` 3.
            who, keys: one per image.
            files: the source files of ``clean``, for methods that can restore them.

        Raises:
            ValueError: an array has the wrong type or shape.
            DoesNotFit: the record of an image exceeds the capacity of its carrier.
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
    """Raise :class:`UsageError` if another installed method has the same number in headers."""
    other = revealing_class(method.tail.number)
    if other is not None and other is not method:
        raise UsageError(
            f"{name} and {other.__module__}.{other.__qualname__} have one number in headers, {method.tail.number}",
            "remove one of these packages: images of one could be read as the other's",
        )


def _failed(error: BaseException) -> RipguardError:
    """Convert an error from decoding one image to its result. Others, such as KeyboardInterrupt, are raised."""
    if isinstance(error, RipguardError):
        return error.with_traceback(None)  # the frames would keep the image in memory
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
