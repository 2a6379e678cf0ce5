"""Surrogate files, which are untrusted input, and surrogates as arrays of a fitted perturbation."""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ripguard.errors import InputRefused, RipguardError
from ripguard.files import open_regular
from ripguard.images.decoding import cannot_read
from ripguard.methods.fitted import Fitted
from ripguard.perturb.surrogate.model import Ensemble, Settings, Surrogate, freeze
from ripguard.weights import save_whole

# limits for surrogate files; usual ones have a few megabytes
LARGEST = 1 << 30  # bytes
PLAIN = 1 << 24  # bytes of the pickled values, and of the zip directory
MOST_NAMES, LONGEST_NAME = 1 << 16, 1000  # classes, and characters of a class name
WIDEST = 4096  # channels of a layer, and pixels of the side


def save(model: Surrogate, names: list[str], settings: Settings, path: Path) -> None:
    """Write model, class names and settings atomically, with mode 0600: the model knows the clean images."""
    stored = {"state": model.state_dict(), "names": names, "settings": dataclasses.asdict(settings)}
    save_whole(stored, path, private=True)


def load(path: str | Path, device: str = "cpu") -> tuple[Surrogate, list[str], Settings]:
    """Read a surrogate file. Only tensors and plain values are unpickled, within the limits above.

    Raises:
        InputRefused: missing, not a regular file, larger than :data:`LARGEST`, or not a surrogate.
        StorageError: reading failed.
    """
    try:
        with open(open_regular(path, at_most=LARGEST, follow=True), "rb") as file:
            _check_records(file)
            stored = torch.load(file, map_location="cpu", weights_only=True)
        names, settings, state = _checked(stored)
        with torch.device("meta"):  # shapes only, no memory
            model = Surrogate(len(names), settings)
        _check_state(state, model)
        model.load_state_dict(state, assign=True)
    except RipguardError:
        raise
    except FileNotFoundError:
        raise InputRefused(f"there is no surrogate file {path}", "check the path") from None
    except Exception as error:  # torch.load raises errors of many types on invalid files
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
            raise cannot_read(error, str(path)) from None
        why = str(error) if isinstance(error, _NoSurrogate) else type(error).__name__
        raise InputRefused(f"{path} is not a surrogate file: {why}", "name a file that ripguard wrote") from None
    model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return freeze(model), names, settings


class _NoSurrogate(Exception):
    """Reason why a file is not a surrogate."""


class _InPieces(io.BufferedReader):
    """Limits the size of a single read, and so the memory for the zip directory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > PLAIN:
            raise _NoSurrogate("too many records")
        return super().read(PLAIN if size is None or size < 0 else size)


def _check_records(file: BinaryIO) -> None:
    """Refuse a zip file that is compressed, has overlapping records, or too many pickled values."""
    with zipfile.ZipFile(_InPieces(io.FileIO(file.fileno(), closefd=False))) as records:  # type: ignore[arg-type]
        inside = records.infolist()
    if any(one.compress_type != zipfile.ZIP_STORED for one in inside):
        raise _NoSurrogate("its records are compressed")
    if sum(one.file_size for one in inside) > os.fstat(file.fileno()).st_size:
        raise _NoSurrogate("its records overlap")
    if any(one.file_size > PLAIN for one in inside if one.filename.endswith(".pkl")):
        raise _NoSurrogate("too many plain values")
    file.seek(0)


def _checked(stored: Any) -> tuple[list[str], Settings, dict[str, Tensor]]:
    """Class names, settings and weights, checked for type and size."""
    names, values, state = stored["names"], stored["settings"], stored["state"]
    if not isinstance(names, list) or not 1 <= len(names) <= MOST_NAMES:
        raise _NoSurrogate(f"expected 1 to {MOST_NAMES:,} class names")
    if any(not isinstance(name, str) or len(name) > LONGEST_NAME for name in names):
        raise _NoSurrogate(f"expected class names of at most {LONGEST_NAME:,} characters")
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
    values = {name: tuple(value) if kinds[name] is tuple else value for name, value in values.items()}
    settings = Settings(**values)
    for name, kind in kinds.items():
        value = getattr(settings, name)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise _NoSurrogate(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    for widths in (settings.widths, settings.coarse or settings.widths):
        if len(widths) != 4 or any(type(width) is not int or not 1 <= width <= WIDEST for width in widths):
            raise _NoSurrogate(f"expected four widths of 1..{WIDEST:,}")
    if not 1 <= settings.side <= WIDEST:
        raise _NoSurrogate(f"side: expected 1..{WIDEST:,}, got {settings.side}")
    return names, settings, state


def _check_state(state: Any, model: Surrogate) -> None:
    """Refuse weights of another architecture, and non-finite ones."""
    wanted = model.state_dict()
    if not isinstance(state, dict) or set(state) != set(wanted):
        raise _NoSurrogate("its weights belong to another model")
    for name, own in wanted.items():
        value = state[name]
        stored = isinstance(value, Tensor) and value.layout == torch.strided
        if not stored or (value.dtype, value.shape) != (own.dtype, own.shape):
            raise _NoSurrogate(f"{name}: expected {own.dtype} {list(own.shape)}")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise _NoSurrogate(f"{name}: repeated values instead of stored ones")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise _NoSurrogate(f"{name}: not finite numbers")


def to_fitted(paths: Sequence[str]) -> Fitted:
    """Fitted state from one or several surrogate files. Raises :class:`InputRefused`."""
    arrays, settings, first = dict[str, np.ndarray](), [], None
    for number, path in enumerate(paths):
        model, names, own = load(path)
        first = first or (names, own.side)
        if (names, own.side) != first:
            raise InputRefused(
                f"{path} and {paths[0]} differ in classes or image size",
                "use surrogates with the same classes and size in an ensemble",
            )
        settings.append({k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(own).items()})
        arrays |= {f"{number} {name}": value.numpy() for name, value in model.state_dict().items()}
    return Fitted(arrays, {"names": first[0] if first else [], "settings": settings}, tuple(paths))


def from_fitted(fitted: Fitted, device: str = "cpu") -> Surrogate:
    """Inverse of :func:`to_fitted`: the surrogate, or the ensemble."""
    models = []
    for number, own in enumerate(fitted.about["settings"]):
        values: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}
        with torch.device("meta"):  # shapes only, no memory
            model = Surrogate(len(fitted.about["names"]), Settings(**values))
        begin = f"{number} "
        state = {k.removeprefix(begin): torch.tensor(v) for k, v in fitted.arrays.items() if k.startswith(begin)}
        model.load_state_dict(state, assign=True)
        models.append(freeze(model.to(device).to(memory_format=torch.channels_last)))  # type: ignore[call-overload]
    return models[0] if len(models) == 1 else freeze(Ensemble(models))
