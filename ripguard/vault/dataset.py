"""A PyTorch dataset over a vault: images are decrypted one by one, in memory only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from multiprocessing import context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

import ripguard._torchvision  # noqa: F401 - so that a spawned worker has it before it unpickles a transform
from ripguard.errors import Damaged, MissingExtra, UsageError
from ripguard.images.rendering import DecoderMissing, as_pil, render
from ripguard.paths import expanded
from ripguard.vault.opening import Opener, as_opener
from ripguard.vault.reading import Vault
from ripguard.vault.samples import TARGETS, Reader, Sample


class VaultDataset(Dataset):
    """One split of a vault, like torchvision's ``ImageFolder`` on the files that went into it.

    Workers, samplers and ``Subset`` of a ``DataLoader`` work as with any dataset. No plaintext is written to disk.

    A pickle never holds a key by accident. With the path of a key file, pickles contain that path. With a key object,
    the dataset can be sent to the workers of a ``DataLoader``, and ``pickle.dump`` or ``torch.save`` raise
    :class:`TypeError`.

    Args:
        vault: the folder.
        key: path of a key file, or a key; see :class:`ripguard.vault.Vault`. Spawned workers read a key file again and
            cannot prompt for a passphrase: set ``RIPGUARD_PASSPHRASE_FILE``, or give the key itself.
        split: ``"train"``, ``"test"`` …
        transform, target_transform: as in torchvision: called with an image and with a target.
        form: type of the images: ``"pil"``, or ``"tensor"`` (uint8 ``[channels, height, width]``).
        mode: ``"RGB"``: what ``ImageFolder`` loads, ``Image.open(file).convert("RGB")``. None: images as their files
            open; tensors then are 8-bit renderings.
        target: ``"label"``: numbers of class folders; or a function of a :class:`ripguard.vault.Vault` and a split that
            returns :class:`ripguard.vault.samples.Samples`.
        expect: ``DIGEST`` or ``DIGEST@EPOCH`` that the vault must have.

    Attributes:
        samples: file and target of each image, a :class:`ripguard.vault.samples.Sample`.
        classes: names of the classes; ``class_to_idx``: their numbers; ``targets``: the target of each image.
        splits: all splits of the vault; labelled: whether this one has labels.

    Raises:
        NotProtected, WrongKey, KeyFileError, VerifyFailed: on construction.
        InputRefused: there is no such split.
        Damaged: on construction or on access.
    """

    def __init__(
        self,
        vault: str | Path,
        key: Opener | str | Path,
        split: str = "train",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        form: str = "pil",
        mode: str | None = "RGB",
        target: str | Reader = "label",
        expect: str | None = None,
    ) -> None:
        if form not in ("pil", "tensor"):
            raise ValueError(f"form: expected 'pil' or 'tensor', got {form!r}")
        if mode not in ("RGB", None):
            raise ValueError(f"mode: expected 'RGB' or None, got {mode!r}")
        if isinstance(target, str) and target not in TARGETS:
            raise UsageError(f"target: expected one of {', '.join(TARGETS)} or a function, got {target!r}")
        # absolute: a worker may start in another folder
        self.root, self.split = Path(os.path.abspath(expanded(vault, "vault"))), split
        self.transform, self.target_transform, self.form, self.mode = transform, target_transform, form, mode
        self.key: Opener | str | Path = key
        if isinstance(key, str | Path):  # standard input can be read once only, and not by workers
            self.key = as_opener(key) if str(key) == "-" else os.path.abspath(expanded(key, "key"))
        opened = Vault(self.root, self.key, expect)
        self._opened: Vault | None = opened
        self._digest = opened.header.sums
        if not isinstance(self.key, str | Path):
            self.key = opened.access  # a passphrase is asked for once
        read = TARGETS[target] if isinstance(target, str) else target
        found = read(opened, split)
        self.samples: Sequence[Sample] = found.samples
        self.classes, self.splits, self.labelled = found.classes, found.splits, found.labelled
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}

    @property
    def targets(self) -> list[Any]:
        """The target of each image, before ``target_transform``."""
        return [sample.target for sample in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        sample = self.samples[index]
        image = self._shown(sample, self.file(index))
        target = sample.target
        return (
            self.transform(image) if self.transform else image,
            self.target_transform(target) if self.target_transform else target,
        )

    def file(self, index: int) -> bytes:
        """The bytes of an image file. Raises :class:`Damaged`."""
        return self._vault().read(self.samples[index].file)

    def images(self, indices: Sequence[int]) -> list[np.ndarray]:
        """8-bit renderings of images, uint8 ``[height, width, 1 or 3]`` each."""
        with _decoding():
            return [render(self.file(i), self.samples[i].file.path).image for i in indices]

    def _shown(self, sample: Sample, data: bytes) -> Any:
        with _decoding():
            if self.mode is None and self.form == "tensor":
                return _tensor(render(data, sample.file.path).image)
            image = as_pil(data, sample.file.path)
        if self.mode is not None and image.mode != self.mode:
            image = image.convert(self.mode)
        return _tensor(np.array(image)) if self.form == "tensor" else image

    def _vault(self) -> Vault:
        """The vault, opened once per process; a fork inherits it."""
        if self._opened is None:
            found = Vault(self.root, self.key)
            if found.header.sums != self._digest:
                raise Damaged(f"{self.root} is another vault than when this dataset was made", "make it again")
            self._opened = found
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        if not isinstance(self.key, str) and context.get_spawning_popen() is None:
            raise TypeError(
                "this dataset holds a key, which a pickle would write to disk: make it with the path of a key file"
            )
        return self.__dict__ | {"_opened": None}

    def __repr__(self) -> str:
        return f"VaultDataset({str(self.root)!r}, split={self.split!r}, {len(self)} images, key hidden)"


def _tensor(image: np.ndarray) -> torch.Tensor:
    """uint8 ``[height, width, channels]`` → uint8 ``[channels, height, width]``."""
    return torch.from_numpy(image).permute(2, 0, 1)


class _decoding:
    """Context manager: an image whose decoder is not installed names what to install."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, DecoderMissing):
            raise MissingExtra(error.message, error.hint) from None
