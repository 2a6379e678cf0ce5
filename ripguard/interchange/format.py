"""What a format is: it is detected in a folder, read, and written, after a dataset was fitted to what it can hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ripguard.interchange.checks import tidy
from ripguard.interchange.listing import Listing, list_folder
from ripguard.interchange.losses import Loss, losses
from ripguard.interchange.model import Annotated
from ripguard.interchange.output import Output, written
from ripguard.interchange.rejections import Rejection


@dataclass(frozen=True)
class Kind:
    """The name under which a package registers a format."""

    method: str


@dataclass(frozen=True)
class Confidence:
    """How much a folder looks like a format.

    Attributes:
        score: 0 (it is another format) to 1 (it has the files that only this format has).
        reason: what was found, or what is missing.
    """

    score: float
    reason: str


@dataclass(frozen=True)
class Reading:
    """What was read: the dataset of all entries that are sound, and the others with their reasons."""

    dataset: Annotated
    rejections: tuple[Rejection, ...] = ()


class Format(ABC):
    """One format. ``fit`` changes a dataset to what the format holds; reading what was written gives exactly that.

    Attributes:
        kind: its name.
        note: one line about it.
        extra: modules that reading or writing needs, from the extra ``formats``.
    """

    kind: ClassVar[Kind]
    note: ClassVar[str]
    extra: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        return self.kind.method

    def detect(self, root: Path) -> Confidence:
        """How much a folder looks like this format. Raises as :func:`ripguard.interchange.listing.list_folder`."""
        return self.recognize(list_folder(root))

    def read(self, root: Path) -> Reading:
        """Read a folder, with all rejections. Raises as :func:`ripguard.interchange.listing.list_folder`."""
        listing = list_folder(root)
        dataset = tidy(self.parse(listing))
        return Reading(dataset, tuple(dict.fromkeys(listing.findings.found)))

    def losses(self, dataset: Annotated) -> list[Loss]:
        """What the format does not hold of a dataset; nothing is written."""
        before = tidy(dataset)
        return losses(before, self.fit(before), self.name)

    def write(self, dataset: Annotated, out: Path, link: bool = False) -> list[Loss]:
        """Write what the format holds of a dataset; returns what it does not hold.

        Args:
            out: the folder, which does not exist or is empty. It appears when it is complete.
            link: images are hard links to those of the source.

        Raises:
            OutputRefused, StorageError: see :func:`ripguard.interchange.output.written`.
        """
        before = tidy(dataset)
        fitted = self.fit(before)

        def produce(output: Output) -> None:
            self.save(fitted, output)
            output.others(dict(fitted.files))

        written(out, len(fitted.samples) + len(fitted.files), link, produce)
        return losses(before, fitted, self.name)

    @abstractmethod
    def recognize(self, listing: Listing) -> Confidence: ...

    @abstractmethod
    def parse(self, listing: Listing) -> Annotated: ...

    @abstractmethod
    def fit(self, dataset: Annotated) -> Annotated: ...

    @abstractmethod
    def save(self, dataset: Annotated, output: Output) -> None:
        """Write a fitted dataset, without its further files."""
