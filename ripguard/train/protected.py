"""Train on a release as if it were clean: pictures are restored on the way into the batch, and only in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

import ripguard._torchvision  # noqa: F401 - so that a spawned worker has it before it unpickles a transform
from ripguard.errors import InputRefused
from ripguard.keys import Key
from ripguard.release.asked import in_batches, split
from ripguard.release.manifest import Release, read_key
from ripguard.release.reveal import reveal_files
from ripguard.release.signers import vouched


class ProtectedDataset(Dataset):
    """One split of a release, restored on the fly; what torchvision's ``ImageFolder`` is for the clean pictures.

    A ``DataLoader`` asks for whole batches (``__getitems__``), which are restored together. Workers, samplers,
    ``Subset`` and pickling work as with any data set. No clean pixel is written to disk. Without the key the same
    folder is a plain ``ImageFolder`` of protected pictures.

    Args:
        root: the release.
        key: file of the restore key, which is all that is pickled of it; or a :class:`Key`, which then travels in
            the pickle: keep that off the disk. Workers that are spawned open the file again and cannot ask for a
            passphrase: name a file that holds it by ``RIPGUARD_PASSPHRASE_FILE``.
        split: ``"train"``, ``"test"`` …
        transform, target_transform: as in torchvision; they get a picture and a class number.
        signer: fingerprint that must have signed the release, or ``"any"``; None: one that signed this key's releases.
        form: what a picture is: ``"pil"``, or ``"tensor"``: uint8 ``[channels, height, width]``, for transforms v2.

    Attributes:
        classes: class names, sorted; ``class_to_idx``: their numbers.
        splits: all splits of the release.
        samples: (path, class number) of every picture; ``targets``: the numbers alone.

    Raises:
        WrongKey, NotProtected, Damaged: at once for the release, at its turn for a picture.
        SignatureInvalid: the release is not signed as it should be.
        KeyFileError: no key, or one that lies inside a release.
    """

    def __init__(
        self,
        root: str | Path,
        key: Key | str | Path,
        split: str = "train",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        form: str = "pil",
        signer: str | None = None,
    ) -> None:
        if form not in ("pil", "tensor"):
            raise ValueError(f"form: expected 'pil' or 'tensor', got {form!r}")
        self.root, self.key, self.split, self.form = Path(root), key, split, form
        self.transform, self.target_transform = transform, target_transform
        self._opened: tuple[Release, Key] | None = None
        release, opened = self._open()
        release.keys(opened)  # a wrong key ends here, not in a worker
        vouched(release, signer, opened)
        units = release.info["units"]
        self.classes: list[str] = sorted({unit["label"] for unit in units})
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.splits = sorted({unit["split"] for unit in units})
        self.names, self.targets = list[str](), list[int]()
        for row in release.rows:  # all of them parsed at once would take much memory
            unit = units[row["unit"]]
            if unit["split"] == split:
                self.names.append(row["path"])
                self.targets.append(self.class_to_idx[unit["label"]])
        if not self.names:
            raise InputRefused(f"{root} has no split {split!r}", f"it has {', '.join(self.splits)}")
        self.samples = [(str(self.root / name), target) for name, target in zip(self.names, self.targets)]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        """Restore a batch together; raises the error of the first picture that is refused."""
        targets = [self.targets[i] for i in indices]
        found = []
        for picture, target in zip(self.pictures(indices), targets):
            shown = self._shown(picture)
            found.append(
                (
                    self.transform(shown) if self.transform else shown,
                    self.target_transform(target) if self.target_transform else target,
                )
            )
        return found

    def pictures(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Clean pictures, uint8 ``[height, width, 1 or 3]`` each."""
        release, key = self._open()
        names = [self.names[i] for i in indices]
        paths, found = [self.root / name for name in names], list[np.ndarray]()
        lengths = in_batches(paths, names, release)
        for some, own in zip(split(paths, lengths), split(names, lengths)):
            for one in reveal_files(some, own, key, release):
                if one.error:
                    raise one.error
                if one.clean is not None:
                    found.append(one.clean)
        return found

    def _shown(self, picture: np.ndarray) -> Any:
        if self.form == "tensor":
            return torch.from_numpy(picture).permute(2, 0, 1)  # [channels, height, width]
        return Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)

    def _open(self) -> tuple[Release, Key]:
        """Release and key, read once in each process."""
        if self._opened is None:
            self._opened = Release.open(self.root), self.key if isinstance(self.key, Key) else read_key(self.key)
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def __repr__(self) -> str:
        return f"ProtectedDataset({str(self.root)!r}, split={self.split!r}, {len(self)} pictures, key hidden)"
