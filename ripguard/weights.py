"""Files of weights and checkpoints: complete or not at all."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ripguard.errors import StorageError
from ripguard.files import partial_name, sync_folder


def save_whole(state: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values; a reader sees the old file, or the new one. Raises :class:`StorageError`."""
    buffer = io.BytesIO()  # on a full disk torch's own writer says nothing of the disk
    torch.save(state, buffer)
    write_whole(path, lambda partial: partial.write_bytes(buffer.getbuffer()))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file under another name in the same folder, which then takes the name ``path``.

    It is on the disk before it has the name: a power cut leaves the old file or the new one, too.

    Raises :class:`StorageError`, and leaves nothing.
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
        raise StorageError(f"cannot write {path}: {error.strerror}", "free space, permissions?") from None
    except BaseException:
        _remove(partial)
        raise
    with contextlib.suppress(OSError):  # some network file systems have no such thing, and the file is there
        sync_folder(path.parent)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
