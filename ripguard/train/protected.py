"""A PyTorch dataset over a release: images are restored batch by batch, in memory only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset

import ripguard._torchvision  # noqa: F401 - so that a spawned worker has it before it unpickles a transform
from ripguard.crypto.keys import KeyRing
from ripguard.errors import Damaged, InputRefused, UsageError, WrongKey
from ripguard.paths import expanded
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.find import read_key
from ripguard.release.manifest import Release
from ripguard.release.record import MANIFEST, suffix_of
from ripguard.release.restorer import RestoredImage, Restorer
from ripguard.release.signers import vouched
from ripguard.release.spelling import found_at
from ripguard.release.wrapper import unwrapped
from ripguard.train.served import ImageServer, server_of
from ripguard.train.shown import as_loaded, samples

UNLABELLED = -1  # class number of an image without a label


def _tensor(image: np.ndarray) -> torch.Tensor:
    """uint8 ``[height, width, channels]`` → uint8 ``[channels, height, width]``."""
    return torch.from_numpy(image).permute(2, 0, 1)


def absolute(path: str | Path) -> Path:
    """The path from the root of the file system, with ``~`` replaced."""
    return Path(os.path.abspath(expanded(path, "path")))


class ProtectedDataset(Dataset):
    """One split of a release, restored on the fly; the counterpart of torchvision's ``ImageFolder``.

    A ``DataLoader`` requests whole batches (``__getitems__``), which are restored together. Workers, samplers,
    ``Subset`` and pickling work as with any dataset. No clean pixel is written to disk. Without the key, the folder can
    be read as a plain ``ImageFolder`` of protected images.

    Args:
        root: the release.
        key: path of the restore key, or of unit keys; pickles contain only the path. Or a
            :class:`ripguard.crypto.keys.KeyRing` (the owner's key, or that of one release or unit); pickles then
            contain the secret, so do not write them to disk. None with a server.
            For a key file whose mode cannot be changed, such as a mounted secret, give ``Key.from_text(text)``.
            With the key of a unit, the dataset has only that unit's images, and, but for a file of
            unit keys, ``signer`` is required. Spawned workers
            read the key file again and cannot prompt for a passphrase: set ``RIPGUARD_PASSPHRASE_FILE``.
        split: ``"train"``, ``"test"`` …
        transform, target_transform: as in torchvision: called with an image and with a class number.
        signer: fingerprint of the required signer, or ``"any"``; None: a known signer of this key's releases.
        form: type of the images: ``"pil"``, or ``"tensor"`` (uint8 ``[channels, height, width]``, for transforms v2).
        mode: ``"RGB"``: what ``ImageFolder`` loads from the restored files, ``Image.open(file).convert("RGB")``; gray
            images get three equal channels, so that batches stack. None: images as their files open, also with alpha
            or 16 bits; tensors then are 8-bit renderings.
        server: instead of a key: a profile of a platform (:class:`ripguard.platform.profiles.Profile`), or the path of
            its file. Published images are sent there, and come back clean (:class:`ripguard.platform.served.Served`).
            The dataset has the images that the grant opens. Each counts whenever it is fetched, in each worker.
        cache: bytes of restored files that each process keeps of a server.

    Attributes:
        classes: all class names of the release, sorted; ``class_to_idx``: their numbers.
        labelled: whether the split has labels. Images without a label are left out of a split that has labels; in a
            split without any, such as the test images of a competition, their class number is :data:`UNLABELLED`.
        splits: all splits of the release.
        samples: (absolute path, class number) of every image, in the order of ``ImageFolder``; ``imgs``: the same;
            ``targets``: the class numbers.
        loader: returns the clean image at a path of ``samples``, as ``transform`` gets it.
        units: ``split/label`` of the units that the key opens, sorted; None for the whole release.

    Raises:
        WrongKey, NotProtected, Damaged: on construction for the release, on access for an image.
        SignatureInvalid: the release is not signed by the required signer.
        KeyFileError: the key file is missing or invalid, or lies inside a release.
    """

    def __init__(
        self,
        root: str | Path,
        key: KeyRing | str | Path | None = None,
        split: str = "train",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        form: str = "pil",
        signer: str | None = None,
        mode: str | None = "RGB",
        server: Any = None,
        cache: int = 1 << 30,
    ) -> None:
        if (key is None) == (server is None):
            raise UsageError("expected a key, or a server: one of them")
        if form not in ("pil", "tensor"):
            raise ValueError(f"form: expected 'pil' or 'tensor', got {form!r}")
        if mode not in ("RGB", None):
            raise ValueError(f"mode: expected 'RGB' or None, got {mode!r}")
        # absolute: a worker may start in another folder
        self.root, self.key, self.split, self.form, self.mode = unwrapped(absolute(root)), key, split, form, mode
        if isinstance(key, str | Path):  # standard input can be read once only, and not by workers
            self.key = read_key(key) if str(key) == "-" else absolute(key)
        self.transform, self.target_transform = transform, target_transform
        self._server = None if server is None else server_of(server, cache)
        self._opened: tuple[Release, Restorer | ImageServer] | None = None
        self._by_path: dict[str, int] | None = None
        self._manifest = ""
        release, restorer = self._open()  # a wrong key is detected here, not in a worker
        self.extensions = (suffix_of(release.info),)  # of published images
        vouched(release, signer, restorer.ring if isinstance(restorer, Restorer) else None)
        self._manifest, units = release.rows.digest, release.info["units"]
        server = None if isinstance(restorer, Restorer) else restorer
        opens = release.units_of(restorer.ring) if isinstance(restorer, Restorer) else restorer.units(release)
        self.units = None if opens is None else sorted(f"{units[i]['split']}/{units[i]['label']}" for i in opens)
        self.classes: list[str] = sorted({unit["label"] for unit in units} - {""})
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.splits = sorted({unit["split"] for unit in units})
        self.labelled = any(unit["label"] for unit in units if unit["split"] == split)
        wanted = set(self.classes) if self.labelled else {""}
        found = list[tuple[int, str]]()
        for row in release.rows:  # parsed one at a time to save memory
            unit = units[row["unit"]]
            if unit["split"] == split and (opens is None or row["unit"] in opens) and unit["label"] in wanted:
                found.append((self.class_to_idx.get(unit["label"], UNLABELLED), row["path"]))
        found.sort(key=lambda one: (one[0], one[1].rpartition("/")[::2]))  # as ImageFolder
        self.names, self.targets = [name for _, name in found], [target for target, _ in found]
        if not self.names and opens is not None and split in self.splits:
            opened = f"{', '.join(self.units or ('nothing',))} of {root}, and no image of split {split!r}"
            if server is not None:
                raise UsageError(f"the grant opens {opened}", "ask the owner, or name another split")
            raise WrongKey(f"wrong key: it opens {opened}", "use the owner's key, or name another split")
        if not self.names:
            raise InputRefused(f"{root} has no split {split!r}", f"it has {', '.join(self.splits)}")
        self.samples = [(str(self.root / name), target) for name, target in zip(self.names, self.targets)]

    @property
    def imgs(self) -> list[tuple[str, int]]:
        """``samples``, under its other name in ``ImageFolder``."""
        return self.samples

    @property
    def transforms(self) -> Any:
        """``transform`` and ``target_transform`` as torchvision's ``StandardTransform``; None without either."""
        if self.transform is None and self.target_transform is None:
            return None
        from torchvision.datasets.vision import StandardTransform

        return StandardTransform(self.transform, self.target_transform)

    def find_classes(self, directory: str | Path = "") -> tuple[list[str], dict[str, int]]:
        """``classes`` and ``class_to_idx``, as ``ImageFolder`` finds them."""
        return self.classes, self.class_to_idx

    def loader(self, path: str | Path) -> Any:
        """The clean image at a path of ``samples``. Raises :class:`InputRefused` for another path."""
        number = self._numbers().get(str(path))
        if number is None:
            raise InputRefused(f"{path} is no image of the split {self.split!r}", "take a path from samples")
        return self._shown(self._restored([number])[0])

    def _numbers(self) -> dict[str, int]:
        if self._by_path is None:
            self._by_path = {place: number for number, (place, _) in enumerate(self.samples)}
        return self._by_path

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        """Restore a batch; raises the error of the first image that cannot be restored."""
        targets = [self.targets[i] for i in indices]
        found = []
        for image, target in zip(self._restored(indices), targets):
            shown = self._shown(image)
            found.append(
                (
                    self.transform(shown) if self.transform else shown,
                    self.target_transform(target) if self.target_transform else target,
                )
            )
        return found

    def images(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Clean images, uint8 ``[height, width, 1 or 3]`` each; for files of other modes, their 8-bit renderings."""
        return [samples(one) for one in self._restored(indices)]

    def _restored(self, indices: Sequence[int]) -> list[RestoredImage]:
        """Restore images; raises the error of the first that cannot be restored."""
        release, restorer = self._open()
        names = [self.names[i] for i in indices]
        if not isinstance(restorer, Restorer):
            start = indices[-1] % len(self.names) if len(indices) else 0
            return restorer.restored(release, names, chain(islice(self.names, start, None), self.names))
        paths, found = [found_at(release, name) for name in names], list[RestoredImage]()
        lengths = in_batches(paths, names, release)
        for some, own in zip(split(paths, lengths), split(names, lengths)):
            for one in restore_files(restorer, some, own):
                if one.error:
                    raise one.error
                if one.rendered is None and release.info["exact"] != "bytes":
                    one.rendered = True  # only such files are kept then
                found.append(one)
        return found

    def _shown(self, one: RestoredImage) -> Any:
        if self.mode is None:
            return _tensor(samples(one)) if self.form == "tensor" else as_loaded(one)
        image = as_loaded(one)
        image = image if image.mode == self.mode else image.convert(self.mode)
        return _tensor(np.array(image)) if self.form == "tensor" else image

    def _open(self) -> tuple[Release, Restorer | ImageServer]:
        """The release and what restores it, created once per process."""
        if self._opened is None:
            release = Release.open(self.root)
            if self._manifest not in ("", release.rows.digest):
                raise Damaged(
                    f"{release.where(MANIFEST)} changed after this dataset was made", "create the dataset again"
                )
            ring = read_key(self.key) if isinstance(self.key, str | Path) else self.key
            self._opened = release, self._server or Restorer(cast(KeyRing, ring), release)
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None, "_by_path": None}

    def __repr__(self) -> str:
        return f"ProtectedDataset({str(self.root)!r}, split={self.split!r}, {len(self)} images, key hidden)"
