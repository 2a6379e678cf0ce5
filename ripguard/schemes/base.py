"""What a scheme is: everything between clean images and protected ones, under one name.

A scheme is settled when the data are known (:meth:`Scheme.resolve`), finds what it needs in the training images once
(:meth:`Scheme.fit`), and then protects every batch by itself, in any process (:meth:`Scheme.protector`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ripguard.crypto.keys import ImageKeys
from ripguard.data.image_set import ImageSet
from ripguard.hide.base import Hidden, Hiding, Identity, ImageInfo
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import DataStats, Option


@dataclass(frozen=True)
class Batch:
    """Images of one shape that are protected together.

    Attributes:
        clean: uint8 ``[batch, height, width, 1 or 3]``.
        labels: int64 ``[batch]``, class numbers; seeds: uint64 ``[batch]``, one an image, of its own file alone.
        who, keys: one an image; files: the files that ``clean`` was read from.
    """

    clean: np.ndarray
    labels: np.ndarray
    seeds: np.ndarray
    who: list[Identity]
    keys: list[ImageKeys]
    files: list[bytes]


@dataclass(frozen=True)
class Run:
    """How a release is made. ``lossy``: keep nothing that only exact restoration needs; ``model``: of the release."""

    device: str = "cpu"
    lossy: bool = False
    model: bytes = b""


class Protector(Protocol):
    """Protects batches in one process."""

    def protect(self, batch: Batch) -> tuple[list[Hidden], np.ndarray | None]:
        """Protected images, and the carriers that they should look like: uint8, or None where there are none.

        Raises:
            DoesNotFit: an image that there is no room for.
        """
        ...


class Scheme(ABC):
    """One way to protect images.

    Attributes:
        name: as it is called by ``--scheme``.
        note: one line for ``--help``; it identifies nothing.
    """

    name: str
    note: str = ""

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset()

    @abstractmethod
    def options(self) -> dict[str, Option]:
        """What can be set, by name."""

    def given(self, name: str) -> Any:
        """The value of an option."""
        return getattr(self, name)

    @abstractmethod
    def with_options(self, options: dict[str, Any]) -> Scheme:
        """With other values. Raises :class:`UsageError` for names and values that will not do."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """As a release tells it: ``name``, and what a reader may want to know. Restoring reads nothing of it."""

    @abstractmethod
    def protector(self, fitted: Fitted, run: Run) -> Protector:
        """What a worker process protects batches with."""

    def promised(self, lossy: bool, byte_exact: bool) -> Scheme:
        """The scheme as it keeps what the owner promises. Raises :class:`UsageError` where it cannot."""
        return self

    def resolve(self, data: DataStats) -> Scheme:
        """With every value settled that hangs on the data: of images as they are, before any is published in color."""
        return self

    def published_channels(self, channels: int) -> int:
        """Channels that an image is published with, which has so many."""
        return channels

    def keeps(self) -> bytes | None:
        """How source files begin that come back byte for byte without ``--byte-exact``; None: none do."""
        return None

    def form(self) -> str:
        """Of what :meth:`fit` finds, and of who finds it: where it differs, what is in the cache is not used."""
        return ""

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        """Look for what is needed, once.

        Args:
            training: the training images; None unless :attr:`needs` has :attr:`Need.TRAINING_IMAGES`.
        """
        return Fitted()

    def model(self, images: list[ImageInfo], seed: int) -> bytes:
        """What the release carries, sealed, for all its images; ``images``: of the training split."""
        return b""

    def hider(self, shape: tuple[int, ...], run: Run) -> Hiding | None:
        """The hiding method for images of ``(height, width, channels)``; None for a scheme without one."""
        return None
