"""Inputs of methods (contexts), and the state that fitting returns."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.errors import tell
from ripguard.files import open_regular
from ripguard.systems import make_private, open_to_others

LARGEST = 1 << 31  # bytes of a file; an ensemble of models takes tens of millions
Simulation = Callable[[np.ndarray, np.ndarray], np.ndarray]  # clean, carrier → published, uint8 batches


class Need(enum.Enum):
    """A requirement of a method on the owner's data."""

    CLASSES = "at least two classes"
    TRAINING_IMAGES = "the training images"


@dataclass(frozen=True)
class FitContext:
    """Inputs of a fit besides the training images.

    Attributes:
        classes: class names, in the order of the labels.
        seed: the owner's seed (``--seed``).
        device: ``cpu`` or ``cuda``.
    """

    classes: tuple[str, ...]
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class RunContext:
    """Inputs of a run besides the fitted state.

    Attributes:
        device: ``cpu`` or ``cuda``.
        simulate: the published image for a carrier, without the payload bits; None if hiding changes carriers little.
    """

    device: str = "cpu"
    simulate: Simulation | None = None


@dataclass(frozen=True)
class Fitted:
    """State that a fit returns: arrays and plain values. It is private, and never part of a release.

    Attributes:
        arrays: by name.
        about: values that JSON can represent.
        files: paths of the surrogates used, on this machine; not part of the digest.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(array.dtype.hasobject for array in self.arrays.values()):
            raise ValueError("arrays: expected numbers, got objects")
        object.__setattr__(self, "about", json.loads(json.dumps(self.about)))  # as it is read back from a file

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of arrays and values; "" if both are empty."""
        if not self.arrays and not self.about:
            return ""
        found = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode())
        for name, array in sorted(self.arrays.items()):
            found.update(f"{name} {array.dtype.str} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()

    def write(self, path: Path) -> None:
        """Write one ``.npz`` file atomically, with mode 0600: it may hold what an attacker must not know."""
        from ripguard.store.atomic import write_file

        buffer, about = io.BytesIO(), {"about": self.about, "files": self.files, "digest": self.digest}
        own = np.frombuffer(json.dumps(about).encode(), np.uint8)
        np.savez(buffer, **{f"array {name}": array for name, array in self.arrays.items()}, about=own)  # type: ignore[arg-type]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, buffer.getvalue(), private=True)

    @classmethod
    def read(cls, path: Path) -> Fitted | None:
        """What :meth:`write` wrote; None where the file is absent, or else unusable, which is reported.

        One that an earlier version wrote for all users to read becomes private.
        """
        try:
            handle = open_regular(path, at_most=LARGEST)
            with open(handle, "rb") as file, zipfile.ZipFile(file) as records:
                if open_to_others(os.fstat(handle)):
                    with contextlib.suppress(OSError):  # it belongs to another user
                        make_private(handle)
                if sum(one.file_size for one in records.infolist()) > LARGEST:
                    raise ValueError("too large")
                file.seek(0)
                with np.load(file, allow_pickle=False) as stored:
                    about = json.loads(stored["about"].tobytes())
                    arrays = {name[6:]: stored[name] for name in stored.files if name.startswith("array ")}
            found = cls(arrays, about["about"], tuple(about["files"]))
            if found.digest != about["digest"]:
                raise ValueError("its content changed")
        except FileNotFoundError:
            return None
        except PermissionError:
            tell(f"ripguard: note: this user cannot read {path}; its content is computed again")
            return None
        except Exception:  # NumPy and zipfile have no common base for what a damaged file can raise
            tell(f"ripguard: note: {path} is damaged and will be computed again")
            return None
        return found
