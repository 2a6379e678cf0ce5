"""The interface of a scheme: a complete, named way to turn clean images into protected ones.

:meth:`Scheme.resolve` fills in the parameters that depend on the dataset. :meth:`Scheme.fit` runs once on the training
images. :meth:`Scheme.protector` then protects each batch independently, in any process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from ripguard.crypto.keys import ImageKeys, ReleaseProver
from ripguard.data.image_set import ImageSet
from ripguard.hide.base import Hidden, Hiding, Identity, ImageInfo
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import DataStats, Option


@dataclass(frozen=True)
class Batch:
    """Images of one shape, protected together.

    Attributes:
        clean: uint8 ``[batch, height, width, 1 or 3]``.
        labels: int64 ``[batch]``, class numbers; seeds: uint64 ``[batch]``, one per image, derived from
            its own file only.
        who, keys: one per image; files: the source files of ``clean``.
        whole: for each image, whether its file is restored byte for byte, because ``clean`` does not show all of it.
            Empty: none is. A method may ignore this: the release then keeps the file itself.
        release: keys of the whole release, for a scheme whose images share one; None: there is no release.
    """

    clean: np.ndarray
    labels: np.ndarray
    seeds: np.ndarray
    who: list[Identity]
    keys: list[ImageKeys]
    files: list[bytes]
    whole: list[bool] = field(default_factory=list)
    release: ReleaseProver | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Run:
    """How a release is made.

    Attributes:
        device: ``cpu`` or ``cuda``.
        lossy: drop the data that only exact restoration needs.
        model: the release's model for the small-image codec, empty for none.
    """

    device: str = "cpu"
    lossy: bool = False
    model: bytes = b""


class Protector(Protocol):
    """Protects batches within one process."""

    def protect(self, batch: Batch) -> tuple[list[Hidden], np.ndarray | None]:
        """Protected images, and the carriers they approximate (uint8; None for a scheme without carriers).

        Raises:
            DoesNotFit: the record of an image exceeds the capacity of its carrier.
        """
        ...


class Scheme(ABC):
    """One way to protect images.

    Attributes:
        name: the name for ``--scheme``.
        note: one line for ``ripguard methods`` and ``--help``; not part of the scheme's identity.
        near_clean: whether published images are the clean ones with changes, so that files of photographs grow as
            :data:`ripguard.release.sizes.GROWN` says. For others :meth:`sized_as` may tell.
        leaves_one_color: whether images of one color are published unchanged.
        appearance: what the README of a release says of its published images, to whoever finds them.
    """

    name: str
    note: str = ""
    near_clean: ClassVar[bool] = False
    leaves_one_color: ClassVar[bool] = False
    appearance: ClassVar[str] = (
        "They look like the originals, but their samples are changed, usually so that a model trained on them learns "
        "very little that holds for other images."
    )

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset()

    @property
    def libraries(self) -> frozenset[str]:
        """Modules that protecting imports besides those for restoring and torch; looked for before any work."""
        return frozenset()

    @property
    def without_label(self) -> str:
        """What a scheme by class gives images without a label, in words; "": nothing is known of that."""
        return ""

    @abstractmethod
    def options(self) -> dict[str, Option]:
        """All options, by stored name."""

    def given(self, name: str) -> Any:
        """Current value of an option."""
        return getattr(self, name)

    @abstractmethod
    def with_options(self, options: dict[str, Any]) -> Scheme:
        """The scheme with other values. Raises :class:`UsageError` for unknown names and invalid values."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The entry ``scheme`` of ``release.json``: ``name`` and the parameters. Restoring does not read it."""

    @abstractmethod
    def protector(self, fitted: Fitted, run: Run) -> Protector:
        """The object with which a worker process protects batches."""

    def promised(self, lossy: bool, byte_exact: bool) -> Scheme:
        """The scheme adjusted to ``--lossy`` and ``--preserve-files``. Raises :class:`UsageError` if it cannot be."""
        return self

    def resolve(self, data: DataStats) -> Scheme:
        """The scheme with every data-dependent value filled in. ``data``: of the images before gray ones get color."""
        return self

    def published_channels(self, channels: int) -> int:
        """Channels of the published image, given those of the source."""
        return channels

    def sized_as(self, clean: np.ndarray, side: int) -> np.ndarray | None:
        """An image that compresses as the published one, for estimates before the work; None: not known.

        Args:
            clean: uint8 ``[height, width, 1 or 3]``.
            side: most pixels of a side of the result.
        """
        return None

    def keeps(self) -> bytes | None:
        """First bytes of the source files that are always restored byte for byte; None: no files are."""
        return None

    def form(self) -> str:
        """Version of the result of :meth:`fit`. A cached result with another version is not used."""
        return ""

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        """Compute, once, what protecting needs from the training images.

        Args:
            training: the training images; None unless :attr:`needs` has :attr:`Need.TRAINING_IMAGES`.
        """
        return Fitted()

    def model(self, images: list[ImageInfo], seed: int) -> bytes:
        """Codec model that the release stores, encrypted; empty for none. ``images``: those of the training split."""
        return b""

    def hider(self, shape: tuple[int, ...], run: Run) -> Hiding | None:
        """The hiding method for images of ``(height, width, channels)``; None for a scheme without one."""
        return None
