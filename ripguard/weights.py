"""Write files of weights and checkpoints atomically."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ripguard.errors import StorageError
from ripguard.files import partial_name
from ripguard.systems import opened_private, sync_folder


def save_whole(state: dict[str, Any], path: Path, private: bool = False) -> None:
    """Save tensors and plain values; readers see the old or the new file. Raises :class:`StorageError`.

    Args:
        private: no other user can read it (mode 0600).
    """
    buffer = io.BytesIO()  # torch's own writer hides the errno of a full disk
    torch.save(state, buffer)
    save_bytes(buffer.getbuffer(), path, private)


def save_bytes(data: bytes | memoryview, path: Path, private: bool = False) -> None:
    """Save bytes; readers see the old or the new file. Raises :class:`StorageError`. ``private``: mode 0600."""

    def write(partial: Path) -> None:
        with open(partial, "wb", opener=opened_private if private else None) as file:
            file.write(data)

    write_whole(path, write)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write`` with a temporary path in the same folder, then rename that file to ``path``.

    The file is synced before it is renamed, so a power cut leaves the old or the new file.

    Raises:
        StorageError: writing failed; no temporary file is left.
    """
    partial = partial_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        _remove(partial)
        raise StorageError(f"cannot write {path}: {error.strerror}", "check free space and permissions") from None
    except BaseException:
        _remove(partial)
        raise
    with contextlib.suppress(OSError):  # some network file systems cannot sync folders
        sync_folder(path.parent)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
