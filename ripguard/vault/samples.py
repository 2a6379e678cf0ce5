"""Samples of a vault for training: which file is which image, and its target.

A reader of annotations of another kind is one function of this form, given as ``target`` to
:class:`ripguard.vault.VaultDataset`: it reads what it needs from the vault, and returns one :class:`Sample` an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ripguard.data.scan import looks_like_image
from ripguard.errors import InputRefused, WrongKey, shown
from ripguard.vault.index import Entry
from ripguard.vault.reading import Vault

UNLABELLED = -1  # class number of an image without a label, as in ripguard.train.protected


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and its target.

    Attributes:
        file: where the image stands in the vault.
        target: a class number, or what another reader of annotations gives, such as boxes.
    """

    file: Entry
    target: Any


@dataclass(frozen=True)
class Samples:
    """The samples of one split.

    Attributes:
        samples: in the order of ``ImageFolder``: by class, then by path.
        classes: names of the classes, by number.
        splits: all splits of the vault that the key opens.
        labelled: whether targets are class numbers of 0 or more.
    """

    samples: Sequence[Sample]
    classes: list[str]
    splits: list[str]
    labelled: bool


Reader = Callable[[Vault, str], Samples]


def labels(vault: Vault, split: str) -> Samples:
    """Images with the numbers of their classes, which are class folders.

    Images without a label are left out of a split that has labels; in a split without any, such as the test images of a
    competition, their number is :data:`UNLABELLED`. With the key of one unit, there is one class.

    Raises:
        WrongKey: the key opens no image of this split.
        InputRefused: there is no such split.
    """
    classes = sorted({label for _, label in vault.units.values()} - {""})
    own = {number: label for number, (name, label) in vault.units.items() if name == split}
    labelled = any(own.values())
    found = list[Sample]()
    for number, label in own.items():
        if label or not labelled:
            target = classes.index(label) if label else UNLABELLED
            found += [Sample(one, target) for one in vault.entries(number) if looks_like_image(one.path)]
    found.sort(key=lambda one: (one.target, one.file.path.rpartition("/")[::2]))
    splits = sorted({name for name, _ in vault.units.values()} - {""})
    if not found:
        known = f"it has {', '.join(map(shown, splits)) or 'no splits'}"
        if vault.table is None:
            raise WrongKey(f"wrong key: it opens no image of split {shown(split)}", known)
        raise InputRefused(f"{vault.root} has no images in a split {shown(split)}", known)
    return Samples(found, classes, splits, labelled)


TARGETS: dict[str, Reader] = {"label": labels}  # by the ``target`` of a VaultDataset
